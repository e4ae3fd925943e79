"""Parameters of JSON and query services in CloudTrail's spelling.

Most services write their own Java names: with a small first letter. Those behind an API Gateway, and a few others, write what was
on the wire. What the model calls sensitive is left out or replaced by a marker; keys of a map are the caller's own.

References:
    Real records; "CloudTrail record contents" (`requestParameters`, `responseElements`), CloudTrail User Guide, 2026-11.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from amberlight.lab.recorder.names import FRONTED

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
_HIDDEN_TOKEN = "Value hidden due to security reasons."
_WIRE_NAMES = FRONTED | {"ce"}
_ABSENT_WHERE_SENSITIVE = frozenset(
    {"iam", "sts", "secretsmanager", "kms", "lambda", "guardduty", "ebs", "logs", "sns"}
)
"""Services that leave sensitive members out; the others say that they hide them."""

_SHOWN = {
    ("ebs", "kmsKeyArn"),
    ("ssm", "iPAddress"),
    ("ssm", "description"),
    ("ssm", "ownerInformation"),
    ("ssm", "sessionToken"),
}
_ABSENT = re.compile(
    "^(secretAccessKey|password|newPassword|oldPassword|secretString|secretBinary|plaintext|privateKey|"
    "serialNumberSecret|zipFile|message|plaintextKey)$"
)
_MARKED = {("ssm", "parameters"): HIDDEN, ("ssm", "value"): HIDDEN, ("ssm", "tokenValue"): _HIDDEN_TOKEN}


def spell(value: Any, shape: Any, service: str) -> Any:
    """A parsed value of *shape* as a record of *service* has it."""
    if isinstance(value, Mapping):
        if shape is not None and shape.type_name == "map":
            return {str(name): spell(inner, shape.value, service) for name, inner in value.items()}
        return _members(value, shape, service)
    if isinstance(value, list):
        return [spell(item, getattr(shape, "member", None), service) for item in value]
    if isinstance(value, dt.datetime):
        return iso_time(value) if service in FRONTED else java_time(value, comma=service != "iam")
    return value


def _members(value: Mapping[str, Any], shape: Any, service: str) -> dict[str, Any]:
    found = {}
    for name, inner in value.items():
        member = getattr(shape, "members", {}).get(name)
        wire = _name(name, member, service)
        if inner is None or _ABSENT.match(wire) or isinstance(inner, (bytes, bytearray)):
            continue
        marker = _MARKED.get((service, wire)) or _marker(member, wire, service)
        if marker:
            found[wire] = marker
        elif marker is None:
            found[wire] = spell(inner, member, service)
    return found


def _name(name: str, member: Any, service: str) -> str:
    if service in _WIRE_NAMES and member is not None and member.serialization.get("location") != "uri":
        return str(member.serialization.get("name", name))
    if service in _WIRE_NAMES and member is not None:
        name = str(member.serialization["name"])
    return name[:1].lower() + name[1:]


def _marker(member: Any, wire: str, service: str) -> str | None:
    """What stands for a sensitive member: nothing at all (the empty string), or that it is hidden; None where it is shown."""
    sensitive = member is not None and member.metadata.get("sensitive")
    if not sensitive or (service, wire) in _SHOWN:
        return None
    return "" if service in _ABSENT_WHERE_SENSITIVE else HIDDEN


def java_time(moment: dt.datetime, *, comma: bool = True) -> str:
    """A time as the services' Java code prints it: `Jul 31, 2024, 8:07:33 PM`; IAM has an older Java."""
    return moment.astimezone(dt.UTC).strftime(f"%b %-d, %Y{',' if comma else ''} %-I:%M:%S %p")


def java_time_of(moment: float) -> str:
    """Seconds since the epoch in the same form."""
    return java_time(dt.datetime.fromtimestamp(moment, dt.UTC))


def iso_time(moment: dt.datetime) -> str:
    """A time as it was on the wire of a service that writes ISO 8601."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
