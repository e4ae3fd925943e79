"""What intakes share: typed parts of a message, times, names of resources and principals, ids of signals."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from amberlight.aware.envelope import FIX, Message
from amberlight.model.errors import ConfigError
from amberlight.model.signals import Signal

T = TypeVar("T")
MOST_TITLE = 120
MOST_REASON = 500
ARN_PARTS = 6
KINDS = {
    ("ec2", "instance"): "instance",
    ("iam", "user"): "user",
    ("iam", "role"): "role",
}


def taken(value: Any, kind: type[T], what: str) -> T:
    """The fields that an intake needs, of the right types; what else there is does not matter.

    Raises:
        ConfigError: a field is missing or of a wrong type; the message names it.
    """
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as problem:
        raise ConfigError(f"This {what} cannot be read: {problem}", FIX) from problem


def moment(text: str, what: str) -> datetime:
    """A time as AWS writes it: ISO 8601, with `Z`, `+00:00`, `+0000` or no zone (then UTC), or a day alone.

    Raises:
        ConfigError: it is none.
    """
    try:
        when = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text.strip()))
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        raise ConfigError(f"The time {text[:40]!r} of this {what} cannot be read.", FIX) from problem


def made(
    message: Message,
    intake: str,
    key: Iterable[str],
    *,
    title: str,
    when: datetime,
    points: float,
    reason: str,
    **more: Any,
) -> Signal:
    """A signal; *key* is what makes it the same observation when it is delivered again, in whichever envelope."""
    text = "\n".join([intake, *key])
    return Signal(
        id=f"sig-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}",
        source=f"intake.{intake}",
        title=title[:MOST_TITLE],
        when=when,
        points=max(0.0, min(100.0, points)),
        reason=reason[:MOST_REASON],
        raw=message.raw,
        **more,
    )


def resource(arn: str, region: str = "") -> str:
    """An ARN as `type/name@region`; what has no ARN's form stays as it is.

    S3's buckets have no Region in their ARN and IAM is everywhere: the message's Region, or us-east-1, stands for it.
    """
    pieces = arn.split(":", ARN_PARTS - 1)
    if len(pieces) < ARN_PARTS or pieces[0] != "arn":
        return f"other/{arn}@{region}"
    service, place, rest = pieces[2], pieces[3], pieces[5]
    if service == "s3":
        return f"bucket/{rest.partition('/')[0]}@{region}"
    kind, _, name = rest.replace(":", "/", 1).partition("/")
    where = "us-east-1" if service == "iam" else place or region
    return f"{KINDS.get((service, kind), f'{service}-{kind}')}/{name.rpartition('/')[2] or kind}@{where}"


def principal(kind: str, name: str, account: str) -> str:
    """A principal's ARN out of its kind and name as findings give them; empty where there is none.

    The path of a user or role is not in a finding: one with a path is then not matched with its API calls.
    """
    if kind == "Root":
        return f"arn:aws:iam::{account}:root"
    word = {"IAMUser": "user", "AssumedRole": "role", "Role": "role"}.get(kind, "")
    return f"arn:aws:iam::{account}:{word}/{name}" if word and name else ""


def principal_arn(arn: str) -> str:
    """The user or role that an ARN stands for; a session's role; empty where it is of something else."""
    if ":assumed-role/" in arn:
        pieces = arn.split(":")
        return f"arn:{pieces[1]}:iam::{pieces[4]}:role/{pieces[-1].split('/')[1]}" if len(pieces) == ARN_PARTS else ""
    found = arn.startswith("arn:") and ":iam:" in arn
    return arn if found and (":user/" in arn or ":role/" in arn or arn.endswith(":root")) else ""


def filled(texts: Iterable[str]) -> tuple[str, ...]:
    """Texts that say something, each once, in order."""
    return tuple(dict.fromkeys(text for text in texts if text))
