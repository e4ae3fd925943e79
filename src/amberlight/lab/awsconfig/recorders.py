"""Configuration recorders and delivery channels: one of each for an account and Region, and what a recorder records.

References:
    PutConfigurationRecorder, RecordingGroup, ConfigurationRecorderStatus, AWS Config API Reference, 2026-11. The role has to be
    named when the recorder is put; whether it is there and trusts config.amazonaws.com shows when the recorder works.
"""

from __future__ import annotations

import dataclasses
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.awsconfig.kind import Kind
from amberlight.lab.own import Refused

_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]+)")
_ALL, _ONLY, _BUT = "ALL_SUPPORTED_RESOURCE_TYPES", "INCLUSION_BY_RESOURCE_TYPES", "EXCLUSION_BY_RESOURCE_TYPES"


@dataclasses.dataclass
class Recorder:
    """A recorder, as it was put, and how it does."""

    name: str
    role: str
    group: dict[str, Any]
    recording: bool = False
    status: dict[str, Any] = dataclasses.field(default_factory=dict)
    ident: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex[:16])

    def records(self, kind: Kind) -> bool:
        """Whether its recording group has that type."""
        use = self.group["recordingStrategy"]["useOnly"]
        if use == _ONLY:
            return kind.name in self.group["resourceTypes"]
        if use == _BUT:
            return kind.name not in self.group["exclusionByResourceTypes"]["resourceTypes"]
        return not kind.worldwide or bool(self.group["includeGlobalResourceTypes"])

    def note(self, now: float, problem: str | None) -> None:
        """Note how recording went."""
        status = "SUCCESS" if problem is None else "FAILURE"
        if self.status.get("lastStatus") != status:
            self.status.update(lastStatus=status, lastStatusChangeTime=now)
        for name in ("lastErrorCode", "lastErrorMessage"):
            self.status.pop(name, None)
        if problem is not None:
            self.status.update(lastErrorCode="AccessDenied", lastErrorMessage=problem)


@dataclasses.dataclass
class Channel:
    """A delivery channel, as it was put, and what it delivered."""

    given: dict[str, Any]
    status: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    """By `configSnapshotDeliveryInfo`, `configHistoryDeliveryInfo`, `configStreamDeliveryInfo`."""

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.given["name"])


@dataclasses.dataclass
class Setting:
    """What an account has of AWS Config in a Region."""

    account: str
    region: str
    recorder: Recorder | None = None
    channel: Channel | None = None

    @property
    def running(self) -> bool:
        """Whether something is recorded."""
        return self.recorder is not None and self.recorder.recording


class Settings:
    """All of them."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], Setting] = {}

    def of(self, account: str, region: str) -> Setting:
        """That of an account and Region."""
        return self._all.setdefault((account, region), Setting(account, region))

    def every(self) -> Iterable[Setting]:
        """All that somebody asked for."""
        return list(self._all.values())

    def running(self, account: str) -> list[Setting]:
        """Those of an account that record."""
        return [each for each in self._all.values() if each.account == account and each.running]


def recording_group(asked: Mapping[str, Any] | None, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """A recording group with everything that AWS fills in.

    Raises:
        Refused: The parts contradict each other, or name what the lab does not record.
    """
    given = dict(asked or {"allSupported": True})
    types = list(given.get("resourceTypes") or [])
    excluded = list((given.get("exclusionByResourceTypes") or {}).get("resourceTypes") or [])
    use = (given.get("recordingStrategy") or {}).get("useOnly") or (_ALL if given.get("allSupported") else _ONLY)
    worldwide = bool(given.get("includeGlobalResourceTypes"))
    _check_group(use, types, excluded, everything=bool(given.get("allSupported")), worldwide=worldwide)
    if strange := sorted(set(types) - set(kinds)):
        raise Refused("InvalidRecordingGroupException", f"The lab does not record {', '.join(strange)}.")
    return {
        "allSupported": use == _ALL, "includeGlobalResourceTypes": worldwide, "resourceTypes": types,
        "exclusionByResourceTypes": {"resourceTypes": excluded}, "recordingStrategy": {"useOnly": use},
    }  # fmt: skip


def _check_group(use: str, types: list[str], excluded: list[str], *, everything: bool, worldwide: bool) -> None:
    wrong = (
        (everything and bool(types or excluded), "allSupported goes with no lists of resource types."),
        (everything and use != _ALL, f"allSupported goes with {_ALL}."),
        (worldwide and use != _ALL, "includeGlobalResourceTypes goes with allSupported."),
        (use == _ONLY and not types, "Name the resource types to record."),
        (use == _ONLY and bool(excluded), "Resource types cannot be included and excluded at once."),
        (use == _BUT and not excluded, "Name the resource types to leave out."),
        (use == _BUT and bool(types), "Resource types cannot be included and excluded at once."),
        (use not in (_ALL, _ONLY, _BUT), f"{use} is not a recording strategy."),
    )
    for is_wrong, message in wrong:
        if is_wrong:
            raise Refused("InvalidRecordingGroupException", f"The recording group provided is not valid. {message}")


def check_role(arn: Any) -> str:
    """The role's ARN.

    Raises:
        Refused: It is empty, or no ARN of a role.
    """
    if not isinstance(arn, str) or not _ROLE.fullmatch(arn):
        raise Refused("InvalidRoleException", "You have provided a null or empty or malformed role ARN.")
    return arn


def why_not(setting: Setting) -> str | None:
    """Why the role of a recorder cannot be assumed by AWS Config, or None."""
    recorder = setting.recorder
    match = _ROLE.fullmatch(recorder.role) if recorder else None
    if recorder is None or match is None or match[1] != setting.account:
        return "The role is not one of this account."
    role = hooks.service("iam")._roles.get_scoped(setting.account, None, match[2])
    if role is None:
        return f"The role {recorder.role} does not exist."
    return (
        None
        if _trusts(str(role["AssumeRolePolicyDocument"]))
        else f"The role {recorder.role} does not trust AWS Config."
    )


def _trusts(document: str) -> bool:
    statements = json.loads(document).get("Statement", [])
    allowed = False
    for each in statements if isinstance(statements, list) else [statements]:
        principal = each.get("Principal")
        services = (
            principal.get("Service", [])
            if isinstance(principal, dict)
            else ["config.amazonaws.com"] * (principal == "*")
        )
        if "config.amazonaws.com" in ([services] if isinstance(services, str) else services):
            if each.get("Effect") == "Deny":
                return False
            allowed = True
    return allowed
