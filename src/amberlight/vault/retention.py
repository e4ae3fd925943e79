"""How long the vault keeps: the bucket's default at once, hold and longer lock when a case is declared, only ever up.

A drill's evidence is locked for a day by its own bucket and never held. What is placed here covers what a case has at that
moment; call it again at the end of each phase, since what is held already costs nothing more. To lift a hold takes two
people's signatures over one statement, and two roles: the deployer takes the bucket's wall away for the moment, the custodian lifts.

References:
    "Using S3 Object Lock" (a lock in compliance mode is extended, never shortened; holds have no end), S3 User Guide, 2026-11.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from amberlight._aws import Clock, Door
from amberlight.model.codec import canonical, digest
from amberlight.model.errors import ApprovalMissing, ConfigError, NotPossible
from amberlight.model.signals import Kind
from amberlight.vault.ledger import Ledger
from amberlight.vault.people import Signature, agreed
from amberlight.vault.policies import DRILL_RETENTION, REAL_RETENTION
from amberlight.vault.store import Listed, Store

CAP_DAYS = 3650
"""No lock reaches further: the bucket's policy refuses it, too (`VaultNames.max_days`)."""
STATEMENT_DAYS = 7
"""How long two people's word may wait to be used."""
SLACK = timedelta(days=1)
"""A lock that ends so little before the horizon is long enough: asked twice within a day, nothing is to be done again."""
WALL = "HoldsAreNotLifted"
RELEASE_SCHEMA = "amberlight.hold-release/1"
NOTHING_SET = frozenset({"NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"})


@dataclass(frozen=True, kw_only=True)
class Keeper:
    """Who holds, where. `kind` is the case's: a drill's evidence is not held."""

    custodian: Door
    store: Store
    ledger: Ledger
    bucket: str
    kind: Kind
    clock: Clock


def default_lock(kind: Kind) -> dict[str, Any]:
    """The bucket's default: what every object gets at once, without anybody's doing."""
    retention = DRILL_RETENTION if kind == "drill" else REAL_RETENTION
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}


def declare(keeper: Keeper, days: int) -> int:
    """Hold and extend everything that the case has; how many objects changed. A drill changes none, and so does asking again.

    Args:
        keeper: Who, where.
        days: The plan's horizon, from now.

    Raises:
        ConfigError: the horizon is not between a day and the cap.
        Denied, NotPossible, Unreachable: an object could not be held; what was done until then is entered.
    """
    until = horizon(keeper.clock, days)
    if keeper.kind == "drill":
        return 0
    things = list(_due(keeper))
    held = _each(keeper, things, "hold-placed", lambda thing: _hold(keeper, thing), {})
    longer = _each(
        keeper, things, "extended", lambda thing: _extend(keeper, thing, until), {"until": until.isoformat()}
    )
    return len({*held, *longer})


def _due(keeper: Keeper) -> Iterator[Listed]:
    """Everything of the case but what the last hold itself entered, and the heads over that: else each would call for the next."""
    acts = [each.act for each in keeper.ledger.entries()]
    settled = len(acts)
    while settled and acts[settled - 1] in ("hold-placed", "extended"):
        settled -= 1
    case = f"cases/{keeper.ledger.case_id}"
    own = {f"{case}/ledger/{number:08d}.json" for number in range(settled, len(acts))}
    own |= {f"{case}/checkpoints/{size:08d}.json" for size in range(settled + 1, len(acts) + 1)}
    return (each for each in keeper.store.listing(f"{case}/") if each.key not in own)


def horizon(clock: Clock, days: int) -> datetime:
    """The day until which is kept.

    Raises:
        ConfigError: it is not between a day and the cap.
    """
    if not 1 <= days <= CAP_DAYS:
        raise ConfigError(
            f"Evidence cannot be kept for {days} days; 1 to {CAP_DAYS} are possible.", "Set vault.retention_days."
        )
    return (clock.now() + timedelta(days=days)).replace(microsecond=0)


def _each(
    keeper: Keeper, things: Sequence[Listed], act: Any, change: Callable[[Listed], bool], facts: dict[str, Any]
) -> list[str]:
    """Change each object that needs it; the act names those, also when it breaks off halfway."""
    done: list[Listed] = []
    try:
        done.extend(thing for thing in things if change(thing))
    finally:
        if done:
            rows = [{"key": each.key, "version": each.version} for each in done]
            keeper.ledger.append(act, {**facts, "objects": rows})
    return [each.key for each in done]


def _where(keeper: Keeper, thing: Listed) -> dict[str, str]:
    return {"Bucket": keeper.bucket, "Key": thing.key, "VersionId": thing.version}


def _hold(keeper: Keeper, thing: Listed) -> bool:
    if held(keeper, thing):
        return False
    keeper.custodian.call("s3.PutObjectLegalHold", **_where(keeper, thing), LegalHold={"Status": "ON"})
    return True


def held(keeper: Keeper, thing: Listed) -> bool:
    """Whether an object is held."""
    answer = _or_nothing(keeper.custodian, "s3.GetObjectLegalHold", _where(keeper, thing))
    return bool(answer.get("LegalHold", {}).get("Status") == "ON")


def _extend(keeper: Keeper, thing: Listed, until: datetime) -> bool:
    now = _or_nothing(keeper.custodian, "s3.GetObjectRetention", _where(keeper, thing)).get("Retention", {})
    if now and now["RetainUntilDate"] >= until - SLACK:
        return False  # only ever up
    # The mode that is there stays: compliance cannot become governance, and governance is not hardened by the way.
    retention = {"Mode": now.get("Mode", REAL_RETENTION["Mode"]), "RetainUntilDate": until}
    keeper.custodian.call("s3.PutObjectRetention", **_where(keeper, thing), Retention=retention)
    return True


def _or_nothing(door: Door, operation: str, where: dict[str, str]) -> dict[str, Any]:
    try:
        return door.call(operation, **where)
    except NotPossible as problem:
        if problem.aws_code not in NOTHING_SET:
            raise
        return {}


def release_statement(keeper: Keeper, reason: str) -> bytes:
    """What two people sign: which case, everything that it holds now, why, and until when their word counts.

    `after` is the hash of the ledger's last entry, so that a statement cannot be used for what is placed later.

    Raises:
        NotPossible: the case has no ledger.
    """
    entries = keeper.ledger.entries()
    if not entries:
        raise NotPossible(f"The case {keeper.ledger.case_id} has no ledger.", "Look at the name of the case.")
    things = [f"{each.key}\t{each.version}" for each in keeper.store.listing(_evidence_of(keeper))]
    return canonical(
        {
            "schema": RELEASE_SCHEMA,
            "case": keeper.ledger.case_id,
            "bucket": keeper.bucket,
            "objects": digest(things),
            "count": len(things),
            "reason": reason,
            "after": digest(entries[-1]),
            "expires": (keeper.clock.now() + timedelta(days=STATEMENT_DAYS)).isoformat(),
        }
    )


def _evidence_of(keeper: Keeper) -> str:
    return f"cases/{keeper.ledger.case_id}/evidence/"


def release(keeper: Keeper, deployer: Door, statement: bytes, signatures: Sequence[Signature], allowed: bytes) -> int:
    """Lift the hold of a case's evidence, by two people's word; how many objects were let go. The locks stay as they are.

    Args:
        keeper: Who, where.
        deployer: Door of who may take the bucket's wall away.
        statement: The bytes that `release_statement` gave.
        signatures: Two people's, over these bytes.
        allowed: Who may sign, in the form of `ssh-keygen`.

    Raises:
        ApprovalMissing: fewer than two different people signed, or the statement is not about this case as it stands.
        Denied, NotPossible, Unreachable: the store refused; what was lifted until then is entered.
    """
    said = _about_this(keeper, statement)
    people = agreed(statement, signatures, allowed)
    things = list(keeper.store.listing(_evidence_of(keeper)))
    facts = {
        "statement": json.loads(statement),
        "statement_sha256": said,
        "people": [{"name": each.name, "key": each.key} for each in people],
        "signatures": [each.armored.decode(errors="replace") for each in signatures],
    }
    with wall_down(deployer, keeper.bucket):
        return len(_each(keeper, things, "hold-released", lambda thing: _lift(keeper, thing), facts))


def _lift(keeper: Keeper, thing: Listed) -> bool:
    if not held(keeper, thing):
        return False
    keeper.custodian.call("s3.PutObjectLegalHold", **_where(keeper, thing), LegalHold={"Status": "OFF"})
    return True


def _about_this(keeper: Keeper, statement: bytes) -> str:
    """Compare the statement with what it would be now; its hash."""
    try:
        said = json.loads(statement)
        now = json.loads(release_statement(keeper, said["reason"]))
        expires = datetime.fromisoformat(said["expires"])
        late = expires < keeper.clock.now()
    except (KeyError, TypeError, ValueError) as problem:
        raise ApprovalMissing("This is no statement about a hold.", "Make one with release_statement.") from problem
    if late or {**said, "expires": ""} != {**now, "expires": ""}:
        raise ApprovalMissing(
            "The statement is not about the case as it stands, or its time is over.",
            "Make a new one, and let both people sign it.",
        )
    return digest(said)


@contextlib.contextmanager
def wall_down(deployer: Door, bucket: str) -> Iterator[None]:
    """Take the wall against lifting holds away, and put the policy back as it was, whatever happens meanwhile."""
    standing = deployer.call("s3.GetBucketPolicy", Bucket=bucket)["Policy"]
    policy = json.loads(standing)
    policy["Statement"] = [each for each in policy["Statement"] if each.get("Sid") != WALL]
    deployer.call("s3.PutBucketPolicy", Bucket=bucket, Policy=json.dumps(policy))
    try:
        yield
    finally:
        deployer.call("s3.PutBucketPolicy", Bucket=bucket, Policy=standing)
