"""A command and its invocations, with the states that AWS gives them.

References:
    "Understanding command statuses", AWS Systems Manager User Guide; Command and CommandInvocation, API Reference, 2026-11.
    A delivery that timed out does not count against MaxErrors; what MaxErrors keeps from running is `Terminated`.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from typing import Any

from amberlight.lab import clock
from amberlight.lab.ssm import upload
from amberlight.lab.ssm.content import Content
from amberlight.lab.ssm.steps import Done

STDOUT, STDERR, DETAIL = 24_000, 8_000, 2_500
"""How many characters the API gives of output: from GetCommandInvocation and ListCommandInvocations."""
ENDED = ("Success", "Failed", "TimedOut", "Cancelled")

_LOGS = {"CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": False}
_TOLD = {"NotificationArn": "", "NotificationEvents": [], "NotificationType": ""}
"""What AWS answers where neither was asked for."""

_TRUNCATED = "\n--output truncated--"


def cut(text: str, limit: int) -> str:
    """Text within a limit, and a word that it was cut."""
    return text if len(text) <= limit else text[: limit - len(_TRUNCATED)] + _TRUNCATED


@dataclasses.dataclass
class Invocation:
    """A command on one host."""

    instance: str
    results: list[Done]
    status: str = "Pending"
    details: str = "Pending"
    asked: float = 0.0
    stop: threading.Event = dataclasses.field(default_factory=threading.Event)

    @property
    def ended(self) -> bool:
        """Whether nothing changes any more."""
        return self.status in ENDED

    @property
    def counts_as_error(self) -> bool:
        """Whether it counts against MaxErrors."""
        return self.details in ("Failed", "ExecutionTimedOut")

    def end(self, status: str, details: str) -> None:
        """End it without, or in spite of, its steps."""
        self.details = details
        self.status = status

    def conclude(self) -> None:
        """End it as its steps ended."""
        for status in ("Cancelled", "TimedOut", "Failed"):
            found = next((done for done in self.results if done.status == status), None)
            if found is not None:
                self.end(status, found.details)
                return
        self.end("Success", "Success")


@dataclasses.dataclass(kw_only=True)
class Command:
    """A command that was sent."""

    id: str
    asked: Mapping[str, Any]
    """SendCommand's parameters."""
    document: str
    version: str
    content: Content
    values: Mapping[str, Any]
    invocations: dict[str, Invocation]
    region: str
    created: float
    cancelling: bool = False

    def _share(self, name: str, default: str) -> int:
        """`MaxConcurrency` or `MaxErrors` as a number of hosts."""
        text = str(self.asked.get(name) or default)
        if text.endswith("%"):
            return len(self.invocations) * int(text[:-1]) // 100
        return int(text)

    @property
    def at_once(self) -> int:
        """On how many hosts it may run at the same time; at least one."""
        return max(self._share("MaxConcurrency", "50"), 1)

    @property
    def failing(self) -> bool:
        """Whether more invocations failed than MaxErrors allows."""
        return self.errors > self._share("MaxErrors", "0")

    @property
    def errors(self) -> int:
        """How many invocations count as errors."""
        return sum(each.counts_as_error for each in self.invocations.values())

    @property
    def timeout(self) -> int:
        """Seconds until a command is no longer delivered."""
        return int(self.asked.get("TimeoutSeconds") or 3600)

    def status(self) -> tuple[str, str]:
        """`Status` and `StatusDetails` over all invocations."""
        found = list(self.invocations.values())
        if not found:
            return "Success", "NoInstancesInTag"
        if not all(each.ended for each in found):
            waiting = all(each.status == "Pending" for each in found)
            now = "Cancelling" if self.cancelling else "Pending" if waiting else "InProgress"
            return now, now
        if self.cancelling and any(each.details == "Cancelled" for each in found):
            return "Cancelled", "Cancelled"
        return self._end(found)

    def _end(self, found: list[Invocation]) -> tuple[str, str]:
        details = {each.details for each in found}
        if details == {"DeliveryTimedOut"}:
            return "TimedOut", "DeliveryTimedOut"
        if details == {"Success"}:
            return "Success", "Success"
        if self.failing:
            return ("TimedOut", "ExecutionTimedOut") if "ExecutionTimedOut" in details else ("Failed", "Failed")
        return "Failed", "Incomplete"

    def shown(self) -> dict[str, Any]:
        """`Command` of the API."""
        status, details = self.status()
        found = self.invocations.values()
        return {
            "CommandId": self.id, "DocumentName": self.document, "DocumentVersion": self.version,
            "Comment": self.asked.get("Comment", ""), "ExpiresAfter": self.created + self.timeout,
            "Parameters": self.asked.get("Parameters") or {}, "InstanceIds": self.asked.get("InstanceIds") or [],
            "Targets": self.asked.get("Targets") or [], "RequestedDateTime": self.created, "Status": status,
            "StatusDetails": details, "OutputS3Region": self.asked.get("OutputS3Region") or self.region,
            "OutputS3BucketName": self.asked.get("OutputS3BucketName", ""),
            "OutputS3KeyPrefix": self.asked.get("OutputS3KeyPrefix", ""),
            "MaxConcurrency": self.asked.get("MaxConcurrency") or "50", "MaxErrors": self.asked.get("MaxErrors") or "0",
            "TargetCount": len(self.invocations), "CompletedCount": sum(each.ended for each in found),
            "ErrorCount": self.errors, "TimeoutSeconds": self.timeout, "ServiceRole": "",
            "DeliveryTimedOutCount": sum(each.details == "DeliveryTimedOut" for each in found),
            "NotificationConfig": _TOLD, "CloudWatchOutputConfig": _LOGS,
        }  # fmt: skip

    def url(self, invocation: Invocation, done: Done, stream: str) -> str:
        """Where an output is in S3, or nothing."""
        bucket = self.asked.get("OutputS3BucketName")
        region = self.asked.get("OutputS3Region") or self.region
        return f"https://s3.{region}.amazonaws.com/{bucket}/{self.key(invocation, done, stream)}" if bucket else ""

    def key(self, invocation: Invocation, done: Done, stream: str) -> str:
        """The key of an output in S3."""
        return upload.key(self.asked.get("OutputS3KeyPrefix") or "", self.id, invocation.instance, done.step, stream)

    def _common(self, invocation: Invocation) -> dict[str, Any]:
        return {
            "CommandId": self.id, "InstanceId": invocation.instance, "Comment": self.asked.get("Comment", ""),
            "DocumentName": self.document, "DocumentVersion": self.version, "CloudWatchOutputConfig": _LOGS,
        }  # fmt: skip

    def detail(self, invocation: Invocation, done: Done) -> dict[str, Any]:
        """The answer of GetCommandInvocation for one step."""
        elapsed = (done.ended or clock.now()) - done.started if done.started else 0.0
        return {
            **self._common(invocation), "PluginName": done.step.name, "ResponseCode": done.code,
            "ExecutionStartDateTime": clock.iso(done.started) if done.started else "",
            "ExecutionElapsedTime": f"PT{elapsed:.3f}S" if done.started else "",
            "ExecutionEndDateTime": clock.iso(done.ended) if done.ended and done.started else "",
            "Status": invocation.status if len(invocation.results) == 1 else done.status,
            "StatusDetails": invocation.details if len(invocation.results) == 1 else done.details,
            "StandardOutputContent": cut(done.stdout, STDOUT), "StandardErrorContent": cut(done.stderr, STDERR),
            "StandardOutputUrl": self.url(invocation, done, "stdout"),
            "StandardErrorUrl": self.url(invocation, done, "stderr"),
        }  # fmt: skip

    def listed(self, invocation: Invocation, *, details: bool) -> dict[str, Any]:
        """`CommandInvocation` of the API."""
        first = invocation.results[0]
        return {
            **self._common(invocation), "InstanceName": "", "RequestedDateTime": self.created,
            "Status": invocation.status, "StatusDetails": invocation.details, "ServiceRole": "",
            "StandardOutputUrl": self.url(invocation, first, "stdout"),
            "StandardErrorUrl": self.url(invocation, first, "stderr"), "NotificationConfig": _TOLD,
            "CommandPlugins": [self._plugin(invocation, done) for done in invocation.results] if details else [],
        }  # fmt: skip

    def _plugin(self, invocation: Invocation, done: Done) -> dict[str, Any]:
        output = done.stdout + (f"\n----------ERROR-------\n{done.stderr}" if done.stderr else "")
        return {
            "Name": done.step.name, "Status": done.status, "StatusDetails": done.details, "ResponseCode": done.code,
            "ResponseStartDateTime": done.started, "ResponseFinishDateTime": done.ended,
            "Output": cut(output, DETAIL), "StandardOutputUrl": self.url(invocation, done, "stdout"),
            "StandardErrorUrl": self.url(invocation, done, "stderr"),
            "OutputS3Region": self.asked.get("OutputS3Region") or self.region,
            "OutputS3BucketName": self.asked.get("OutputS3BucketName", ""),
            "OutputS3KeyPrefix": self.asked.get("OutputS3KeyPrefix", ""),
        }  # fmt: skip
