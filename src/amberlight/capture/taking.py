"""One step of a plan: run its source, seal what it yields, and turn whatever goes wrong into a gap.

This file holds the only catch-all of the package: a source may fail in any way, and the rest of the capture goes on.
Three things pass: lost credentials, a broken seal, and being stopped. They end the run, and the step stays open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from amberlight.capture.answers import state_of
from amberlight.capture.called import Caller
from amberlight.capture.context import StepContext, Stopped
from amberlight.capture.naming import artifact as safe_path
from amberlight.capture.naming import evidence_key, folder, segment, short
from amberlight.model.codec import dumps
from amberlight.model.custody import Stored
from amberlight.model.errors import (
    AmberlightError,
    CredentialsError,
    Denied,
    IntegrityError,
    NotPossible,
    Unreachable,
)
from amberlight.model.evidence import (
    Artifact,
    Bytes,
    Called,
    Delivered,
    Evidence,
    Gap,
    GapState,
    Held,
    Missing,
    Source,
    Step,
    Stream,
)
from amberlight.vault.store import Exists, Store

T = TypeVar("T")
PASSING = (Stopped, CredentialsError, IntegrityError)
REASON = 1000


class Report(Protocol):
    """Where a step tells what came of it, as it comes; each call returns when it stands in the ledger."""

    def acquired(self, evidence: Evidence) -> None:
        """An item is sealed."""

    def missed(self, step: Step, gap: Gap, called: Called) -> None:
        """An item could not be had."""

    def called(self, step: Step, called: Called) -> None:
        """AWS was asked for something that no item and no gap names."""


@dataclass(kw_only=True)
class Taking:
    """Takes one step. `before` is what an attempt before this one has entered in the ledger already, by path."""

    step: Step
    source: Source
    context: StepContext
    store: Store
    report: Report
    caller: Caller
    before: dict[str, Evidence] = field(default_factory=dict)
    resumed: bool = False
    evidence: list[Evidence] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    _paths: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Take everything that the source yields.

        Raises:
            CredentialsError, IntegrityError, Stopped: the run must end; the step is not done.
        """
        try:
            self._take()
        except (CredentialsError, Stopped):
            # The next attempt begins anew and would not know what this one has asked of AWS.
            self._rest()
            raise
        self._rest()

    def _take(self) -> None:
        started = self.context.now()
        artifacts = self._guarded(lambda: iter(self.source.capture(self.context)))
        while isinstance(artifacts, Iterator):
            self.context.check()
            artifact = self._guarded(lambda: next(artifacts, None))
            if artifact is None:
                break
            if isinstance(artifact, Gap):
                self._miss(artifact)
                break
            self._one(artifact, started)
            started = self.context.now()
        if isinstance(artifacts, Gap):
            self._miss(artifacts)
        if self.resumed:
            self._left_behind(started)
        if not self.evidence and not self.gaps:
            self._miss(self._gap("empty", "The source found nothing to take."))

    def _rest(self) -> None:
        called = self.caller.since()
        if called.calls:
            self.report.called(self.step, called)

    def _guarded(self, function: Callable[[], T]) -> T | Gap:
        try:
            return function()
        except PASSING:
            raise
        except (Denied, Unreachable, NotPossible) as problem:
            return self._gap(state_of(problem), f"{problem.cause} {problem.fix}")
        except AmberlightError as problem:
            return self._gap("failed", f"{type(problem).__name__}: {problem.cause} {problem.fix}")
        except Exception as problem:  # noqa: BLE001 - a source may fail in any way, and must not spoil the others
            return self._gap("failed", f"{type(problem).__name__}: {problem}")

    def _one(self, artifact: Artifact, started: datetime) -> None:
        if isinstance(artifact, Missing):
            self._miss(self._gap(artifact.state, f"{artifact.what}: {artifact.reason}"))
            return
        sealed = self._guarded(lambda: self._seal(artifact, started))
        if isinstance(sealed, Gap):
            self._miss(sealed)
        else:
            self._keep(sealed)

    def _keep(self, evidence: Evidence) -> None:
        if evidence.path not in self.before:
            self.report.acquired(evidence)
        self.evidence.append(evidence)

    def _miss(self, gap: Gap) -> None:
        self.report.missed(self.step, gap, self.caller.since())
        self.gaps.append(gap)

    def _gap(self, state: GapState, reason: str) -> Gap:
        target = self.step.target
        return Gap(
            source=self.step.source,
            target=target.label,
            account=target.account,
            region=target.region,
            state=state,
            reason=reason.strip()[:REASON],
        )

    def _seal(self, artifact: Bytes | Stream | Delivered | Held, started: datetime) -> Evidence:
        path = self._path(artifact)
        if path in self.before:
            return self.before[path]
        key = evidence_key(self.context.case_id, path)
        stored, facts = self._received(artifact, key) if isinstance(artifact, Delivered) else self._put(artifact, key)
        held_arn = artifact.arn if isinstance(artifact, Held) else ""
        media = "application/json" if isinstance(artifact, Held) else artifact.media_type
        return self._evidence(path, stored, started, media_type=media, held_arn=held_arn, facts=artifact.facts | facts)

    def _evidence(self, path: str, stored: Stored, started: datetime, **more: Any) -> Evidence:
        called = self.caller.since()
        return Evidence(
            id=short("evidence", self.context.case_id, path, length=16),
            case=self.context.case_id,
            kind=self.context.kind,
            step=self.step.id,
            source=self.step.source,
            target=self.step.target,
            path=path,
            key=stored.key,
            version=stored.version,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            sha512=stored.sha512,
            started=started,
            sealed=self.context.now(),
            retain_until=stored.retain_until,
            calls=called.calls,
            calls_made=called.calls_made,
            write_request_id=stored.request_id,
            **more,
        )

    def _path(self, artifact: Bytes | Stream | Delivered | Held) -> str:
        """The artifact's path in the package: safe, and not given twice."""
        place = folder(self.step.source, self.step.target)
        if isinstance(artifact, Delivered):
            start = evidence_key(self.context.case_id, place) + "/"
            if not artifact.key.startswith(start):
                raise NotPossible(f"{artifact.key} is no slot of this step.", "Use the key of `context.slot`.")
            path = f"{place}/{artifact.key.removeprefix(start)}"
        else:
            path = f"{place}/{safe_path(artifact.path)}"
        number, unique = 1, path
        # Two names that only differ in case would be one file where the package is opened.
        while unique.casefold() in self._paths:
            number += 1
            unique = f"{path}~{number}"
        self._paths.add(unique.casefold())
        return unique

    def _put(self, artifact: Bytes | Stream | Held, key: str) -> tuple[Stored, dict[str, Any]]:
        """Store it; what an earlier attempt stored stays, and is read again."""
        there = self.store.find(key) if self.resumed else None
        if there is None:
            try:
                media = "application/json" if isinstance(artifact, Held) else artifact.media_type
                return self.store.put(key, chunks(artifact), media_type=media, may_be_empty=True), {}
            except Exists:
                there = self.store.find(key)
                if there is None:
                    raise
        return there, {"stored_by_earlier_attempt": True}

    def _received(self, artifact: Delivered, key: str) -> tuple[Stored, dict[str, Any]]:
        """What a host delivered. The vault's own reading counts; a host that says something else is put on record.

        A host can be the attacker's: its lie about its own object must not be able to end the capture.
        """
        try:
            return self.store.adopt(key, artifact.sha256, artifact.size_bytes), {"host_hash_agrees": True}
        except IntegrityError as problem:
            stored = self.store.find(key)
            if stored is None:
                raise
            said = (
                f"The host said {artifact.sha256}, {artifact.size_bytes} bytes; what arrived is sealed as it arrived."
            )
            self._miss(self._gap("failed", f"{artifact.path}: {problem.cause} {said}"))
            return stored, {"host_hash_agrees": False, "host_said_sha256": artifact.sha256}

    def _left_behind(self, started: datetime) -> None:
        """Enter what a broken attempt stored and this one did not yield again: nothing in the vault stays unlisted."""
        place = folder(self.step.source, self.step.target)
        listed = {evidence.key for evidence in self.evidence}
        for line in list(self.store.listing(evidence_key(self.context.case_id, place) + "/")):
            if line.key in listed:
                continue
            path = line.key.removeprefix(f"cases/{segment(self.context.case_id)}/evidence/")
            stored = None if path in self.before else self.store.find(line.key)
            facts = {"stored_by_earlier_attempt": True, "yielded_again": False}
            if stored is not None:
                media = "application/octet-stream"
                self._keep(self._evidence(path, stored, started, media_type=media, facts=facts))
            elif path in self.before:
                self._keep(self.before[path])


def chunks(artifact: Bytes | Stream | Held) -> Iterator[bytes]:
    """What is to be stored, in pieces."""
    if isinstance(artifact, Stream):
        yield from artifact.chunks
    elif isinstance(artifact, Bytes):
        yield artifact.data
    else:
        yield dumps({"arn": artifact.arn, "description": artifact.description, "facts": artifact.facts})
