"""SSM Run Command on real hosts: timeouts, cancelling, listing; the emulator keeps the records.

References:
    SendCommand, GetCommandInvocation (24,000 and 8,000 characters), ListCommandInvocations (2,500 characters),
    CancelCommand, AWS Systems Manager API Reference, 2026-11.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.hosts import Finished, Hosts
from amberlight.lab.world import World

_STDOUT, _STDERR, _DETAIL = 24_000, 8_000, 2_500
_TRUNCATED = "\n--output truncated--"
_SHELL = "AWS-RunShellScript"
_DOCUMENTS = frozenset({_SHELL})


def install(world: World) -> None:
    """Run commands on hosts."""
    hosts = world.hosts
    ec2, ssm = hooks.service("ec2"), hooks.service("ssm")

    def managed(instance_id: str) -> bool:
        instance = ec2._instances.get(instance_id)
        return bool(instance and instance["State"]["Name"] == "running" and hosts.managed(instance_id))

    hooks.replace("services.ec2", "instance_is_managed", managed)
    hooks.replace("services.ssm", "_finish_invocation", _finisher(hosts))
    hooks.replace("services.ssm", "_shell_argv", lambda data: data)
    old = ssm._send_command

    def send(data: dict[str, Any]) -> Any:
        if data.get("DocumentName") not in _DOCUMENTS:
            name = data.get("DocumentName")
            return _refuse("InvalidDocument", f"Document with name {name} does not exist.")
        commands = (data.get("Parameters") or {}).get("commands")
        if not commands:
            return _refuse("InvalidParameters", "Parameter commands is required.")
        if not 30 <= int(data.get("TimeoutSeconds") or 3600) <= 2_592_000:  # noqa: PLR2004 (from: SendCommand)
            return _refuse("ValidationException", "TimeoutSeconds must be between 30 and 2592000.")
        return old(data)

    hooks.replace("services.ssm", "_send_command", send)
    _add_actions()


def _refuse(code: str, message: str) -> Any:
    return hooks.emulator("core.responses").error_response_json(code, message, 400)


def _finisher(hosts: Hosts) -> Any:
    ssm = hooks.service("ssm")

    def finish(command_id: str, instance_id: str, data: dict[str, Any]) -> None:
        record = ssm._commands.get(command_id)
        invocation = record["Invocations"][instance_id]
        invocation["_cancel"] = threading.Event()
        if record["Status"] in ("Cancelled", "Cancelling"):
            _close(record, invocation, Finished(-1, "", "", cancelled=True))
            return
        invocation.update(Status="InProgress", StatusDetails="InProgress", ExecutionStartDateTime=_stamp())
        started = clock.now()
        parameters = data.get("Parameters") or {}
        script = "\n".join(parameters.get("commands") or [])
        done = hosts.run(
            instance_id, ["/bin/sh", "-c", script], _seconds(parameters), _directory(parameters),
            invocation["_cancel"].is_set,
        )  # fmt: skip
        invocation["ExecutionElapsedTime"] = f"PT{clock.now() - started:.3f}S"
        _close(record, invocation, done)

    return finish


def _seconds(parameters: dict[str, Any]) -> float:
    given = parameters.get("executionTimeout") or ["3600"]
    return float(given[0])


def _directory(parameters: dict[str, Any]) -> str | None:
    given = parameters.get("workingDirectory") or [""]
    return given[0] or None


def _stamp() -> str:
    return clock.iso(clock.now())


def _close(record: dict[str, Any], invocation: dict[str, Any], done: Finished) -> None:
    invocation["ResponseCode"] = done.code
    invocation["StandardOutputContent"] = _cut(done.stdout, _STDOUT)
    invocation["StandardErrorContent"] = _cut(done.stderr, _STDERR)
    invocation["_stdout"] = done.stdout
    invocation["ExecutionEndDateTime"] = _stamp()
    status = "Success" if done.code == 0 else "Failed"
    if done.timed_out:
        status = "TimedOut"
    if done.cancelled:
        status = "Cancelled"
    # Status flips last: whoever sees the end must also see the output.
    invocation["StatusDetails"] = "ExecutionTimedOut" if done.timed_out else status
    invocation["Status"] = status
    _roll_up(record)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - len(_TRUNCATED)] + _TRUNCATED


def _roll_up(record: dict[str, Any]) -> None:
    states = [each["Status"] for each in record["Invocations"].values()]
    ended = [state for state in states if state not in ("Pending", "InProgress")]
    record["CompletedCount"] = len(ended)
    record["ErrorCount"] = sum(state in ("Failed", "TimedOut") for state in ended)
    if len(ended) < len(states):
        record["Status"] = record["StatusDetails"] = "InProgress"
        return
    worst = next((s for s in ("TimedOut", "Failed", "Cancelled") if s in states), "Success")
    record["Status"] = worst
    record["StatusDetails"] = "ExecutionTimedOut" if worst == "TimedOut" else worst


def _add_actions() -> None:
    """The emulator has no table of actions: wrap its entry point."""
    ssm = hooks.service("ssm")
    actions = {"ListCommandInvocations": _list_invocations, "CancelCommand": _cancel,
               "GetCommandInvocation": _get_invocation}  # fmt: skip
    old = ssm.handle_request

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
        action = actions.get(headers.get("x-amz-target", "").rsplit(".", 1)[-1])
        if action is None:
            return await old(method, path, headers, body, query)
        return action(json.loads(body or b"{}"))

    ssm.handle_request = handle


def _get_invocation(data: dict[str, Any]) -> Any:
    command_id, instance_id = data.get("CommandId", ""), data.get("InstanceId", "")
    record = hooks.service("ssm")._commands.get(command_id) or {}
    invocation = record.get("Invocations", {}).get(instance_id)
    if invocation is None:
        return _refuse("InvocationDoesNotExist", f"Invocation not found for {command_id}, {instance_id}")
    visible = {name: value for name, value in invocation.items() if not name.startswith("_")}
    return hooks.emulator("core.responses").json_response(visible)


def _list_invocations(data: dict[str, Any]) -> Any:
    found = []
    for record in hooks.service("ssm")._commands.values():
        if data.get("CommandId") not in (None, record["CommandId"]):
            continue
        found += [
            _listed(record, invocation, details=bool(data.get("Details")))
            for invocation in record["Invocations"].values()
            if data.get("InstanceId") in (None, invocation["InstanceId"])
        ]
    found.sort(key=lambda each: -float(each["RequestedDateTime"]))
    start, size = int(data.get("NextToken") or 0), int(data.get("MaxResults") or 50)
    out: dict[str, Any] = {"CommandInvocations": found[start : start + size]}
    if start + size < len(found):
        out["NextToken"] = str(start + size)
    return hooks.emulator("core.responses").json_response(out)


def _listed(record: dict[str, Any], invocation: dict[str, Any], *, details: bool) -> dict[str, Any]:
    found = {
        "CommandId": record["CommandId"], "InstanceId": invocation["InstanceId"], "InstanceName": "",
        "Comment": record["Comment"], "DocumentName": record["DocumentName"],
        "DocumentVersion": record["DocumentVersion"], "RequestedDateTime": record["RequestedDateTime"],
        "Status": invocation["Status"], "StatusDetails": invocation["StatusDetails"], "StandardOutputUrl": "",
        "StandardErrorUrl": "", "CommandPlugins": [], "ServiceRole": record["ServiceRole"],
    }  # fmt: skip
    if details:
        found["CommandPlugins"] = [{
            "Name": "aws:runShellScript", "Status": invocation["Status"],
            "StatusDetails": invocation["StatusDetails"], "ResponseCode": invocation["ResponseCode"],
            "Output": _cut(invocation.get("_stdout", ""), _DETAIL), "StandardOutputUrl": "", "StandardErrorUrl": "",
        }]  # fmt: skip
    return found


def _cancel(data: dict[str, Any]) -> Any:
    record = hooks.service("ssm")._commands.get(data.get("CommandId", ""))
    if record is None:
        return _refuse("InvalidCommandId", "The command does not exist.")
    wanted = data.get("InstanceIds") or list(record["Invocations"])
    for instance_id in wanted:
        invocation = record["Invocations"].get(instance_id, {})
        if "_cancel" in invocation:
            invocation["_cancel"].set()
    return hooks.emulator("core.responses").json_response({})
