"""Slots: how a host puts one object into the vault without ever being told a credential that others could read.

Two commands a slot. The first makes a key pair on the host and prints the public half. The second brings the script
and, encrypted to that half, a grant: keys of the writer role that a session policy narrows to writing this one object,
for 15 minutes. So neither the command history of the account nor the process list of the host holds a usable key, and a
key taken out of the host's memory can write one object that exists already.

References:
    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html (statuses, lengths)
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import shlex
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from amberlight._aws import Credentials, Sessions
from amberlight.capture.catalogue import guest
from amberlight.capture.context import StepContext
from amberlight.capture.guest import common
from amberlight.capture.naming import printable, short
from amberlight.model.custody import Stored
from amberlight.model.errors import NotPossible, Unreachable
from amberlight.model.evidence import Call, Need

HOST_CALLS = (
    Call(operation="ssm.SendCommand", actions=("ssm:SendCommand",), mutates=True),
    Call(operation="ssm.GetCommandInvocation", actions=("ssm:GetCommandInvocation",)),
)
"""What a source that uses slots declares."""
MANAGED = Need(
    text="The instance is managed by Systems Manager.",
    fix="Start the SSM agent and give it an instance profile.",
)
HAS_PYTHON = Need(text="The host has Python 3.6 or newer.", fix="Install python3, or take the disk instead.")
HOST_LEAVES = ("the agent's record of two commands under /var/lib/amazon/ssm, with no usable credential in it",)
"""What two commands leave on a host."""

GRANT_MINUTES = 15
HANDOVER = timedelta(seconds=60)
DELIVERY_SECONDS = 60
STARTING_SECONDS = 10
PAUSE_FIRST, PAUSE_LONGEST = 0.2, 2.0
COMMAND_BYTES = 60_000  # From: quotas of SendCommand, 64 KB for all parameters
PYTHON = "python3 /usr/libexec/platform-python /usr/bin/python3.12 /usr/bin/python3.11 /usr/bin/python3.9"
RUNNING = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})
NOT_DELIVERED = frozenset({"Undeliverable", "DeliveryTimedOut", "Terminated", "Delivery Timed Out"})


class Finder(Protocol):
    """The part of a store that a slot needs."""

    def find(self, key: str) -> Stored | None:
        """The object under that key, if there is one."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """Where hosts deliver to.

    `endpoint` is the store's address as a host reaches it, None for AWS itself; `key_arn` names the KMS key where the
    bucket encrypts with one; `entropy` gives random bytes.
    """

    bucket: str
    region: str
    endpoint: str | None = None
    key_arn: str = ""
    entropy: Callable[[int], bytes] = secrets.token_bytes

    def url(self, key: str) -> str:
        """The address of an object: by host name at AWS, by path elsewhere and where the bucket's name has dots."""
        quoted = urllib.parse.quote(key, safe="/-_.~")
        suffix = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        if self.endpoint is None and "." not in self.bucket:
            return f"https://{self.bucket}.s3.{self.region}.{suffix}/{quoted}"
        return f"{(self.endpoint or f'https://s3.{self.region}.{suffix}').rstrip('/')}/{self.bucket}/{quoted}"


def one_key_policy(bucket: str, key: str, partition: str = "aws", key_arn: str = "") -> dict[str, Any]:
    """The session policy of a grant: write this one object; nothing is read, listed or removed."""
    statements = [
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:{partition}:s3:::{bucket}/{key}"},
        *(
            [{"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": key_arn}]
            if key_arn
            else []
        ),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def seal(grant: dict[str, Any], public: str, entropy: Callable[[int], bytes]) -> dict[str, str]:
    """The grant, readable only by who holds the private half of `public` (hex of the host's Diffie-Hellman number).

    Raises:
        NotPossible: the number that the host gave cannot be a public half.
    """
    theirs = int(public, 16) if re.fullmatch(r"[0-9a-f]{1,512}", public) else 0
    if not 1 < theirs < common.PRIME - 1:
        raise NotPossible("The host's public number is out of range.", "Look at what answers on the host.")
    private = int.from_bytes(entropy(64), "big")
    ours = pow(2, private, common.PRIME)
    salt = hashlib.sha256(theirs.to_bytes(common.SIZE, "big") + ours.to_bytes(common.SIZE, "big")).digest()
    encrypting, authenticating = common.stretch(pow(theirs, private, common.PRIME), salt)
    box = common.masked(encrypting, json.dumps(grant).encode())
    tag = hmac.new(authenticating, salt + box, hashlib.sha256).hexdigest()
    return {"public": f"{ours:x}", "box": base64.b64encode(box).decode(), "tag": tag}


def command(script: str, parameter: dict[str, Any], mark: str) -> str:
    """The shell text that runs a guest script: the host's own Python, isolated, the text on its standard input.

    Raises:
        NotPossible: the text is longer than a command may be.
    """
    argument = base64.b64encode(json.dumps(parameter).encode()).decode()
    missing = json.dumps({"ok": False, "error": "no python3 on this host"})
    text = (
        f'for p in {PYTHON}; do command -v "$p" >/dev/null 2>&1 && break; p=; done\n'
        f'[ -n "$p" ] || {{ echo {shlex.quote(missing)}; exit 0; }}\n'
        f"\"$p\" -I -S - {argument} <<'{mark}'\n{guest('common')}\n{script}\n{mark}\n"
    )
    if len(text.encode()) > COMMAND_BYTES:
        raise NotPossible("The script is longer than one command may be.", "Shorten the script or its arguments.")
    return text


@dataclass(kw_only=True)
class HostSlot:
    """Implements `amberlight.model.evidence.Slot` over SSM commands."""

    key: str
    context: StepContext
    sessions: Sessions
    writer_role_arn: str
    upload: Upload
    store: Finder

    def run(self, script: str, arguments: dict[str, Any], *, timeout: timedelta) -> dict[str, Any]:
        """Run a guest script on the host of the step; it delivers into this slot. Returns the script's report.

        An object that is there already (an attempt before this one was broken off after delivery) is not taken again:
        the report then holds what the store says of it, and the fact `delivered_before`.

        Raises:
            NotPossible: the host is not managed, lacks what the script needs, or the script reported a failure.
            Unreachable: the command was not delivered, or did not end in time.
        """
        there = self.store.find(self.key)
        if there is not None:
            return delivered_before(there)
        name = short(self.context.token(), self.key)
        offer = self._command(guest("handover"), {"arguments": {"name": name}}, HANDOVER)
        sealed = seal(self._grant(), str(offer.get("public", "")), self.upload.entropy)
        private = str(offer.get("private", ""))
        parameter = {"arguments": arguments, "private": private, "sealed": sealed}
        try:
            report = self._command(script, parameter, timeout)
        except NotPossible:
            there = self.store.find(self.key)
            if there is None:
                raise
            return delivered_before(there)
        report["facts"]["handover_in_memory"] = offer.get("in_memory") is True
        return report

    def _grant(self) -> dict[str, Any]:
        partition = self.writer_role_arn.split(":")[1]
        policy = one_key_policy(self.upload.bucket, self.key, partition, self.upload.key_arn)
        keys: Credentials = self.sessions.assume(
            self.writer_role_arn, name=short(self.context.token(), "writer"), policy=policy, minutes=GRANT_MINUTES
        )
        return {
            "url": self.upload.url(self.key),
            "region": self.upload.region,
            "access_key_id": keys.access_key_id,
            "secret_access_key": keys.secret_access_key,
            "session_token": keys.session_token or "",
            "now": self.context.now().timestamp(),
        }

    def _command(self, script: str, parameter: dict[str, Any], timeout: timedelta) -> dict[str, Any]:
        context, seconds = self.context, max(30, round(timeout.total_seconds()))
        mark = "E" + short(context.token(), self.key)
        sent = context.aws.call(
            "ssm.SendCommand",
            InstanceIds=[context.target.name],
            DocumentName="AWS-RunShellScript",
            Parameters={"commands": [command(script, parameter, mark)], "executionTimeout": [str(seconds)]},
            TimeoutSeconds=DELIVERY_SECONDS,
        )["Command"]["CommandId"]
        return read_report(self._wait(sent, seconds + DELIVERY_SECONDS))

    def _wait(self, command_id: str, seconds: float) -> dict[str, Any]:
        """The end of the command, in any state."""
        context = self.context
        start, pause, answer = context.clock.monotonic(), PAUSE_FIRST, {}
        while (spent := context.clock.monotonic() - start) <= seconds:
            context.sleep(pause)
            pause = min(pause * 1.3, PAUSE_LONGEST)
            try:
                answer = context.aws.call(
                    "ssm.GetCommandInvocation", CommandId=command_id, InstanceId=context.target.name
                )
            except NotPossible as problem:
                # An invocation can be asked for a moment before the service knows it.
                if problem.aws_code != "InvocationDoesNotExist" or spent > STARTING_SECONDS:
                    raise
            if answer.get("Status", "Pending") not in RUNNING:
                return answer
        raise Unreachable(
            f"The command on {context.target.name} did not end within {seconds:.0f} s.",
            "Look at the host's agent, then resume.",
        )


def delivered_before(stored: Stored) -> dict[str, Any]:
    """The report of an object that an earlier attempt delivered; what that attempt reported beside it is lost."""
    return {
        "ok": True,
        "sha256": stored.sha256,
        "size_bytes": stored.size_bytes,
        "facts": {"delivered_before": True},
        "changed": [],
        "error": "",
    }


def read_report(answer: dict[str, Any]) -> dict[str, Any]:
    """The report in the output of a command that ended. What a host prints is not trusted in form or length.

    Raises:
        NotPossible: the command failed, printed no report, or reports a failure.
        Unreachable: the command was not delivered, or was ended because it took too long.
    """
    status, detail = str(answer.get("Status")), str(answer.get("StatusDetails", ""))
    if detail in NOT_DELIVERED or status == "Cancelled":
        raise Unreachable(f"The command was not delivered: {detail or status}.", "Look at the host's agent.")
    if status == "TimedOut":
        raise Unreachable(f"The command was ended: {detail or status}.", "Allow more time, or take less.")
    report = last_report(str(answer.get("StandardOutputContent", "")))
    if report is None:
        said = printable(str(answer.get("StandardErrorContent", ""))[-300:].strip())
        raise NotPossible(
            f"The script ended without a report ({detail or status}): {said}", "Look at the host's output in SSM."
        )
    if report["ok"] is not True:
        raise NotPossible(f"The script on the host failed: {printable(str(report.get('error', '')))}", "")
    return report


def last_report(output: str) -> dict[str, Any] | None:
    """The last line that is a report with fields of the right types; None when there is none."""
    for line in reversed(output.splitlines()):
        try:
            report = json.loads(line)
        except ValueError:
            continue
        if isinstance(report, dict) and "ok" in report:
            return normal(report)
    return None


def normal(report: dict[str, Any]) -> dict[str, Any]:
    """The report with every field of the contract in its type."""
    sha256, size, changed = report.get("sha256"), report.get("size_bytes"), report.get("changed")
    good = isinstance(sha256, str) and re.fullmatch(r"[0-9a-f]{64}", sha256)
    return {
        **report,
        "ok": report["ok"] is True,
        "sha256": sha256 if good else "",
        "size_bytes": size if isinstance(size, int) and size >= 0 else 0,
        "facts": report["facts"] if isinstance(report.get("facts"), dict) else {},
        "changed": [str(item) for item in changed] if isinstance(changed, list) else [],
        "error": str(report.get("error", "")),
    }
