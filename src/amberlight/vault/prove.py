"""Attacks on the vault: every way to alter, delete, shorten or hide, with every credential, and the store's own answers.

A canary is attacked, made beforehand by the writer; no evidence is named in any request. Attempts on the bucket's settings
would touch everything if they were let through: give `standing`, and what was let through is put back at once by the same
credential. An answer counts as a refusal only if the store gave it; a connection that fails, or a door of ours that does
not open, proves nothing and is raised.

References:
    "Error responses", Amazon S3 API Reference, 2026-11: AccessDenied, PreconditionFailed, InvalidBucketState.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from amberlight._aws import Door
from amberlight.model.custody import Attempt, Stored
from amberlight.model.errors import AmberlightError, CredentialsError, Denied, NotPossible, Unreachable
from amberlight.model.proof import Lawful, Unsettled
from amberlight.vault.attack import EVERYBODY_INSIDE, Attack, Standing, Target, Undo
from amberlight.vault.attack_objects import on_objects
from amberlight.vault.attack_settings import on_account, on_keys, on_settings
from amberlight.vault.attack_undo import standing_of
from amberlight.vault.store import Exists, Store

__all__ = ["Outcome", "Standing", "Target", "assault", "attacks", "attempt", "plant", "standing_of"]
REFUSALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AccessControlListNotSupported",
        "BucketNotEmpty",
        "InvalidBucketState",
        "MethodNotAllowed",
        "ObjectLocked",
        "PreconditionFailed",
    }
)
"""Answers by which AWS refuses an attempt that it understood. `MalformedPolicy` is none: it is said to who may write one."""
CANARY_BYTES = b"Nothing of value. This object exists to be attacked.\n"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Everything that came of an assault."""

    attempts: tuple[Attempt, ...]
    lawful: tuple[Lawful, ...]
    unsettled: tuple[Unsettled, ...]


def plant(store: Store, case_id: str) -> Stored:
    """The canary of a case: made now, or the one that is there."""
    key = f"cases/{case_id}/canary/attempts.txt"
    try:
        return store.put(key, [CANARY_BYTES], media_type="text/plain")
    except Exists:
        found = store.find(key)
        if found is None:
            raise
        return found


def attacks(target: Target) -> Iterator[Attack]:
    """Every attack on the target, objects first."""
    yield from on_objects(target)
    yield from on_settings(target)
    yield from on_keys(target)
    yield from on_account(target)


def attempt(
    doors: Mapping[str, Door], bucket: str, stored: Stored, *, standing: Standing | None = None
) -> tuple[Attempt, ...]:
    """Try every attack on the bucket with every door, in order of the doors' names as given.

    Args:
        doors: Role name to a door with that role's credentials, allowed to make any call. A name whose last word is one of
            our five roles is that role: what is its work is not tried.
        bucket: The vault's bucket.
        stored: The canary.
        standing: Settings to put back when an attempt on them is let through.

    Raises:
        Unreachable, CredentialsError, Undeclared, NotPossible: the store gave no answer that settles an attempt.
    """
    target = Target(bucket=bucket, stored=stored)
    made: list[Attempt] = []
    for role, door in doors.items():
        for attack in attacks(target):
            if lawful(role, attack, inside=True):  # whose account it is, is not known here
                continue
            try:
                made.append(_answer(role, door, target, attack, standing))
            except NotPossible:
                # After something was let through the canary may be gone; that must be told, not hidden by a failure.
                if all(each.refused for each in made):
                    raise
    return tuple(made)


def assault(doors: Mapping[str, Door], target: Target, standing: Standing | None = None) -> Outcome:
    """Try everything with everybody; what cannot be settled is counted, not raised.

    Args:
        doors: As for `attempt`; the account of a door decides whether it is inside the vault's account.
        target: What is attacked.
        standing: Settings to put back.

    Raises:
        Undeclared: a door may not make the call.
    """
    made: list[Attempt] = []
    work: list[Lawful] = []
    open_ends: list[Unsettled] = []
    for role, door in doors.items():
        inside = door.account == target.account
        for attack in attacks(target):
            if attack.inside and not inside:
                continue
            if lawful(role, attack, inside=inside):
                work.append(Lawful(role=role, action=attack.action))
                continue
            try:
                made.append(_answer(role, door, target, attack, standing))
            except (CredentialsError, NotPossible, Unreachable) as problem:
                open_ends.append(Unsettled(role=role, action=attack.action, problem=problem.cause))
    return Outcome(attempts=tuple(made), lawful=tuple(work), unsettled=tuple(open_ends))


def lawful(role: str, attack: Attack, *, inside: bool) -> bool:
    """Whether the call is this role's own work."""
    return role.rsplit(maxsplit=1)[-1] in attack.lawful or (inside and EVERYBODY_INSIDE in attack.lawful)


def _answer(role: str, door: Door, target: Target, attack: Attack, standing: Standing | None) -> Attempt:
    try:
        answer = door.call(attack.operation, **attack.parameters)
    except (Denied, NotPossible) as problem:
        return _refused(role, attack, problem)
    refused = [each for each in answer.get("Errors", ()) if each.get("Code") in REFUSALS]
    if refused and not answer.get("Deleted"):
        words = f"{refused[0]['Code']}: {refused[0].get('Message', '')}"
        return Attempt(role=role, action=attack.action, refused=True, answer=words)
    words = "let through"
    if attack.undo and standing:
        words += _put_back(attack.undo, door, target, standing, answer)
    return Attempt(role=role, action=attack.action, refused=False, answer=words)


def _refused(role: str, attack: Attack, problem: Denied | NotPossible) -> Attempt:
    """The attempt as the store answered it; raises the problem where that is no answer to it."""
    let_in = problem.aws_code in attack.through
    if isinstance(problem, NotPossible) and not let_in and problem.aws_code not in REFUSALS:
        raise problem
    words = f"let through as far as {_words(problem)}" if let_in else _words(problem)
    return Attempt(role=role, action=attack.action, refused=not let_in, answer=words, request_id=problem.request_id)


def _put_back(undo: Undo, door: Door, target: Target, standing: Standing, answer: dict[str, Any]) -> str:
    try:
        undo(door, target, standing, answer)
    except (AmberlightError, KeyError) as problem:
        return f", and could not be put back: {problem}"
    return ", and put back"


def _words(problem: Denied | NotPossible) -> str:
    """The store's own words: its code and message."""
    response = getattr(problem.__cause__, "response", None) or {}
    message = response.get("Error", {}).get("Message", "") or problem.cause
    return f"{problem.aws_code}: {message}"
