"""The score of a rehearsal: computed from ground truth and from what was captured, nothing else.

It fails closed: an expectation without bytes that fulfil it is missing, whatever a record says, and so is an item whose
bytes are not those that were sealed.

References:
    NIST SP 800-84 (tests, training and exercises): evaluators are kept apart from players.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from amberlight.model.evidence import Evidence, Gap
from amberlight.model.rehearsal import (
    EvidenceScore,
    Expectation,
    MissingEvidence,
    Quietness,
    TriageScore,
    Truth,
)
from amberlight.model.signals import Suspicion
from amberlight.practice.searching import search

TELLTALE = ("amberlight", "forensic", "incident", "evidence", "drill", "capture", "respon", "investigat", "breach")
"""Words which tell an intruder who reads names in a trail that somebody is after them."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One expectation and what became of it: the path that fulfils it, or the reason why none does."""

    expectation: Expectation
    path: str = ""
    reason: str = ""


def triage(truth: Truth, signals: int, suspicions: Sequence[Suspicion]) -> TriageScore:
    """How many proposals were right. Right means: names most of the true principals and none of the harmless ones."""
    proposed = [suspicion for suspicion in suspicions if suspicion.page]
    right = [suspicion for suspicion in proposed if names_the_attack(suspicion, truth)]
    return TriageScore(
        signals=signals,
        suspicions=len(suspicions),
        proposed=len(proposed),
        true=len(right),
        false=len(proposed) - len(right),
    )


def names_the_attack(suspicion: Suspicion, truth: Truth) -> bool:
    """Whether more than half of the true principals are named and no harmless one is."""
    named = set(suspicion.principals)
    return 2 * len(named & set(truth.principals)) > len(truth.principals) and not named & set(truth.benign_principals)


def checks(truth: Truth, evidence: Sequence[Evidence], gaps: Sequence[Gap], data: Path) -> tuple[Check, ...]:
    """Every expectation, held against the bytes below *data* (the package's payload)."""
    fulfilled: dict[str, str] = {}
    spoilt: dict[str, str] = {}
    for item in evidence:
        wanted = [one for one in truth.expected if one.source == item.source and one.id not in fulfilled]
        if not wanted:
            continue
        texts, problem = held(item, [one.contains for one in wanted], data)
        if problem:
            spoilt[item.source] = problem
        fulfilled |= {one.id: item.path for one in wanted if one.contains in texts}
    return tuple(
        Check(expectation=one, path=fulfilled[one.id])
        if one.id in fulfilled
        else Check(expectation=one, reason=reason(one, evidence, gaps, spoilt))
        for one in truth.expected
    )


def held(item: Evidence, texts: list[str], data: Path) -> tuple[frozenset[str], str]:
    """Which of the texts the item's bytes hold, and what is wrong with them."""
    try:
        found = search(data / item.path, texts)
    except OSError as problem:
        return frozenset(), f"{item.path} cannot be read: {problem.strerror}"
    if found.sha256 != item.sha256:
        return frozenset(), f"{item.path} is not what was sealed"
    return found.texts, ""


def reason(wanted: Expectation, evidence: Sequence[Evidence], gaps: Sequence[Gap], spoilt: Mapping[str, str]) -> str:
    """Why an expectation is not fulfilled: bad bytes, a known gap, or evidence that does not hold it."""
    if wanted.source in spoilt:
        return spoilt[wanted.source]
    known = sorted((gap for gap in gaps if gap.source == wanted.source), key=lambda gap: gap.state == "empty")
    if known and known[0].state != "empty":
        return known[0].reason
    if any(item.source == wanted.source for item in evidence):
        return f"what was taken does not hold it ({wanted.why})"
    return f"nothing was taken by {wanted.source}"


def completeness(found: Sequence[Check]) -> EvidenceScore:
    """Items expected and present."""
    missing = [check for check in found if check.reason]
    return EvidenceScore(
        expected=len(found),
        present=len(found) - len(missing),
        gaps=tuple(
            MissingEvidence(source=check.expectation.source, target=check.expectation.id, reason=check.reason)
            for check in missing
        ),
    )


def quietness(events: Iterable[Mapping[str, Any]], highest_seen: int) -> Quietness:
    """What an intruder could read of us: CloudTrail records of our calls, from the subject account's own history."""
    ours = list(events)
    texts = {text for event in ours for text in readable(event)}
    return Quietness(
        calls_in_subject_trail=len(ours),
        mutating_calls=tuple(sorted({str(e.get("eventName")) for e in ours if e.get("readOnly") in (False, "false")})),
        telltale_names=tuple(sorted(text for text in texts if any(word in text.lower() for word in TELLTALE))),
        highest_seen=highest_seen,
    )


def readable(event: Mapping[str, Any]) -> Iterable[str]:
    """Names in a record that a responder chose: role and session, user agent, tags and descriptions."""
    arn = str(event.get("userIdentity", {}).get("arn", ""))
    yield from arn.rpartition(":")[2].split("/")[1:]
    yield str(event.get("userAgent", ""))
    yield from leaves(event.get("requestParameters"))


def leaves(value: Any) -> Iterable[str]:
    """The texts in a nested value that are short enough to be names."""
    if isinstance(value, str):
        yield value[:120]
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner)
