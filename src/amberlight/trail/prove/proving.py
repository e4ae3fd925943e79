"""The way from a copy to its proof: digests, signatures, links, holes, log files, ends."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from amberlight.model.trail_proof import FileCounts, ProofFinding, ProvedKey, Stopped, TrailProof
from amberlight.trail.opening import Limits
from amberlight.trail.prove import chain as chains
from amberlight.trail.prove import digests as reading
from amberlight.trail.prove.ahead import ahead
from amberlight.trail.prove.chain import Hole, Links
from amberlight.trail.prove.copy import Copy
from amberlight.trail.prove.digests import Digest
from amberlight.trail.prove.hours import Hours, safe
from amberlight.trail.prove.keys import Key, KeyRing
from amberlight.trail.prove.layout import HOUR, Chain, instant
from amberlight.trail.prove.logs import Logs
from amberlight.trail.prove.places import Source

LIVE = "ListPublicKeys"


def prove(
    source: Source, *, since: datetime | None = None, until: datetime | None = None, limits: Limits | None = None
) -> TrailProof:
    """What CloudTrail's own signatures say of a copy of its files.

    Args:
        source: The copy: `Folder` or `Bucket`.
        since: Only digests that end after it; digests are expected from it on.
        until: Only digests that start before it; digests are expected up to it.
        limits: How far a single file may unpack.
    """
    copy = Copy(source, limits or Limits()).walk()
    proof = _Proof(copy, Hours(since, until))
    proof.run()
    return proof.report()


@dataclass
class _Proof:
    copy: Copy
    hours: Hours
    digests: list[Digest] = field(default_factory=list)
    lost: int = 0

    def run(self) -> None:
        found = sorted(self.copy.digests.items())
        self.digests = list(ahead(lambda one: reading.load(self.copy, *one), found, self.copy.source.workers))
        self.listings = self.copy.listings()
        self.ring = self._keys()
        self.links = self._links()
        self._times()
        self._holes()
        self.stopped = self._stops()
        self.logs = Logs(self.copy, self.hours, listings=self.listings)
        self._judge()
        self.logs.unlisted(self.digests)
        self._tails()

    def _keys(self) -> KeyRing:
        """The copy's keys; where AWS itself can be asked, its answer counts and nothing else."""
        ring = self.copy.key_ring()
        spans: dict[str, list[Digest]] = defaultdict(list)
        for digest in self.digests:
            spans[digest.chain.region].append(digest)
        for region, mine in spans.items():
            signed = [instant(one.sidecar.backfill) or one.end for one in mine]
            since, until = min(one.start for one in mine) - HOUR, max(signed) + 2 * HOUR
            live = self.copy.source.public_keys(region, since, until) if region else None
            if live is not None:
                ring.replace(region, live, LIVE)
        for place, problem in ring.problems:
            self.hours.general("unsigned", place, f"public keys: {problem}")
        return ring

    def _links(self) -> Links:
        """Who is whose predecessor; every digest is put against its signature and its successors."""
        found: list[tuple[Digest, Digest]] = []
        claimed: dict[str, list[str]] = defaultdict(list)
        by_path = {digest.path: digest for digest in self.digests}
        links = Links({}, set(), by_path)
        for digest in self.digests:
            for path in self.copy.select(*digest.previous) if digest.previous else ():
                before = by_path.get(path)
                if before is None or before is digest:
                    continue
                found.append((before, digest))
                links.before.setdefault(digest.path, before)
                links.named.add(path)
                if digest.body and digest.body.previous_digest_signature:
                    claimed[path].append(digest.body.previous_digest_signature)
        for digest in self.digests:
            reading.check(digest, self.ring, claimed[digest.path])
        for before, digest in found:
            reading.judge_link(before, digest)
        return links

    def _times(self) -> None:
        """Times of the digests that nobody signed."""
        last = chains.ends(digest for digest in self.digests if digest.body)
        after = {before.path: self.links.by_path[path].start for path, before in self.links.before.items()}
        for digest in self.digests:
            where = self.copy.digests[digest.path]
            reading.settle_times(digest, where, after.get(digest.path), last.get(digest.chain))

    def _by_chain(self) -> dict[Chain, list[Digest]]:
        made: dict[Chain, list[Digest]] = defaultdict(list)
        for digest in self.digests:
            made[digest.chain].append(digest)
        return made

    def _holes(self) -> None:
        for chain, mine in sorted(self._by_chain().items()):
            for hole in chains.holes(chain, mine, self.links, self.hours.since):
                self._hole(hole)

    def _hole(self, hole: Hole) -> None:
        reason = f"digest: {hole.reason}"
        due = [start for start in hole.starts() if self.hours.due(hole.chain, start, hole.state, hole.what, reason)]
        self.lost += len(due) if hole.state == "missing" else 0
        if due:
            self.hours.finding(hole.chain, due[0], hole.state, hole.what, f"{reason}{_times(len(due))}")

    def _judge(self) -> None:
        for digest in self.logs.compare((one, self.hours.asked(one.start, one.end)) for one in self.digests):
            if self.hours.asked(digest.start, digest.end):
                self.hours.digest(digest.chain, digest.start, digest.state, digest.path, digest.reason)

    def _tails(self) -> None:
        last = chains.ends(self.digests)
        proved = chains.ends(digest for digest in self.digests if digest.signed)
        for hole in chains.tails(last, proved, (self.hours.since, self.hours.until), self.listings.due):
            stop = self._stop_of(hole.chain)
            if stop is not None and stop < hole.until:
                off = max(hole.since, stop)
                self._hole(replace(hole, state="gap", since=off, reason="logging was stopped"))
                hole = replace(hole, until=off)  # noqa: PLW2901 - what is left of it
            self._hole(hole)

    def _stops(self) -> list[tuple[str, Stopped]]:
        """Trails that do not log, as captured; the hour of the stop is marked in each of their chains."""
        until = self.hours.until
        found = [
            (account, one)
            for account, one in self.copy.stopped()
            if until is None or one.since is None or one.since < until
        ]
        for account, one in found:
            self.hours.general(
                "gap", one.trail, f"logging was stopped{f' at {one.since:%F %T} UTC' if one.since else ''}"
            )
            for chain in sorted(self._by_chain()) if one.since else ():
                if one.since and _is_of(chain, account, one) and self.hours.asked(one.since, one.since):
                    self.hours.due(chain, one.since, "gap", one.trail, "logging was stopped")
        return found

    def _stop_of(self, chain: Chain) -> datetime | None:
        return next((one.since for account, one in self.stopped if _is_of(chain, account, one)), None)

    def report(self) -> TrailProof:
        """Everything as one record."""
        logs, digests = self.logs.counts(), self._counts()
        files = FileCounts(
            **{name: getattr(logs, name) + getattr(digests, name) for name in FileCounts.__struct_fields__}
        )
        rows = self.hours.rows()
        whole = not (files.altered or files.missing or files.unsigned) and all(row.state == "valid" for row in rows)
        return TrailProof(
            schema="amberlight.trail-proof/1",
            ok=whole and digests.valid > 0 and not self.stopped and not self.hours.overflow,
            hours=rows,
            files=files,
            logs=logs,
            digests=digests,
            pending=len(self.logs.pending),
            recovered=sum(one.recovered for one in self._asked()),
            keys=self._used(),
            stopped=tuple(
                Stopped(trail=safe(one.trail), region=safe(one.region), since=one.since) for _, one in self.stopped
            ),
            findings=tuple(sorted(self.hours.findings, key=_by_time)),
            unlisted=self.hours.unlisted,
            notes=tuple(self._notes(digests)),
            since=self.hours.since,
            until=self.hours.until,
        )

    def _asked(self) -> list[Digest]:
        return [one for one in self.digests if self.hours.asked(one.start, one.end)]

    def _counts(self) -> FileCounts:
        states = Counter(one.state for one in self._asked())
        return FileCounts(
            valid=states["valid"] + states["gap"],
            altered=states["altered"],
            missing=states["missing"] + self.lost,
            unsigned=states["unsigned"],
        )

    def _used(self) -> tuple[ProvedKey, ...]:
        used: Counter[Key] = Counter(one.key for one in self._asked() if one.key)
        return tuple(
            ProvedKey(
                region=key.region, fingerprint=safe(key.fingerprint), sha256=key.sha256, source=safe(key.source),
                digests=count,
            )
            for key, count in sorted(used.items(), key=lambda item: (item[0].region, item[0].fingerprint))
        )  # fmt: skip

    def _notes(self, digests: FileCounts) -> Iterable[str]:
        if not self.digests:
            yield "There is no digest file here, so nothing can be proved."
        elif not digests.valid:
            yield "No digest of the asked time is proved."
        if any(one.key and one.key.source != LIVE for one in self.digests):
            yield (
                "The public keys are those that lie with the copy: compare their SHA-256 with what ListPublicKeys says."
            )
        if self.logs.pending:
            yield (
                f"{len(self.logs.pending)} log files are so new that their digest was not due yet when the folders were "
                "listed: nothing proves them."
            )
        if self.logs.earlier:
            yield f"{self.logs.earlier} log files that digests list lie before the days that were captured."
        if self.hours.overflow:
            yield "There were more hours than are listed."


def _by_time(finding: ProofFinding) -> tuple[str, str, str, str]:
    return finding.account, finding.region, str(finding.hour or ""), finding.what


def _times(count: int) -> str:
    return f" ({count} hours)" if count > 1 else ""


def _is_of(chain: Chain, account: str, stopped: Stopped) -> bool:
    same = (chain.trail, chain.home) == (stopped.trail, stopped.region)
    return same and (chain.account == account or bool(chain.organisation))
