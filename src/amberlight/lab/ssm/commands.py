"""Run Command: commands are sent, delivered to each host for itself, run there, listed and cancelled.

References:
    SendCommand, ListCommands, ListCommandInvocations, GetCommandInvocation, CancelCommand, AWS Systems Manager API Reference;
    "Understanding command timeouts", User Guide, 2026-11.
"""

from __future__ import annotations

import asyncio
import shlex
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.own import Operation, Refused, paged
from amberlight.lab.recorded import RecordedHost
from amberlight.lab.ssm import parameters, steps, targets, upload
from amberlight.lab.ssm.agents import Agents
from amberlight.lab.ssm.command import Command, Invocation
from amberlight.lab.ssm.documents import Document, Documents, Version, arn_of
from amberlight.lab.world import World

_MOST = 50
_ABSENT = ("NotificationConfig", "CloudWatchOutputConfig", "AlarmConfiguration")
_ERROR_LOG = "/var/log/amazon/ssm/errors.log"


class Commands:
    """All commands, by account and Region."""

    def __init__(self, world: World, documents: Documents, agents: Agents) -> None:
        self._world = world
        self._documents = documents
        self._agents = agents
        self._sent: dict[tuple[str, str], dict[str, Command]] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    def operations(self) -> dict[str, Operation]:
        """The API."""
        return {
            "SendCommand": lambda asked: {"Command": self.send(asked).shown()}, "CancelCommand": self._cancel,
            "ListCommands": self._list, "ListCommandInvocations": self._list_invocations,
            "GetCommandInvocation": self._get,
        }  # fmt: skip

    def mine(self) -> dict[str, Command]:
        """The commands of the current account and Region."""
        return self._sent.setdefault((hooks.current_account(), hooks.current_region()), {})

    # --- sending -----------------------------------------------------------------------------------------------------

    def send(self, asked: Mapping[str, Any]) -> Command:
        """Send a command for the caller of the current request.

        Raises:
            Refused: As SendCommand says.
        """
        _check(asked)
        document, version = self._documents.find(asked["DocumentName"], asked.get("DocumentVersion"))
        _check_document(document, version, asked)
        values = parameters.check(version.content, asked.get("Parameters") or {})
        account = hooks.current_account()
        number = str(uuid.uuid4())
        command = Command(
            id=number, asked=asked, version=asked.get("DocumentVersion") or "$DEFAULT",
            document=document.name if document.owner in ("Amazon", account) else arn_of(document),
            content=version.content, values=values, invocations=self._invocations(asked, version, number),
            region=hooks.current_region(), created=clock.now(),
        )  # fmt: skip
        self.mine()[command.id] = command
        task = asyncio.get_running_loop().create_task(self._drive(command))
        self._running[command.id] = task
        task.add_done_callback(lambda _: self._running.pop(command.id, None))
        return command

    async def ended(self, command: Command) -> None:
        """Wait for the end of a command; who no longer waits does not end it."""
        task = self._running.get(command.id)
        if task is not None:
            await asyncio.shield(task)

    def _invocations(self, asked: Mapping[str, Any], version: Version, number: str) -> dict[str, Invocation]:
        known = self._agents.registered()
        wanted = targets.named(asked)
        if wanted is not None:
            self._check_instances(wanted, known, version)
        found = {}
        for instance in targets.tagged(asked, known) if wanted is None else wanted:
            if asked.get("OutputS3BucketName") and isinstance(self._agents.machine(instance), RecordedHost):
                raise Refused("ValidationException", "A host that is played back writes nothing to S3.")
            invocation = Invocation(instance, [steps.Done(step, number) for step in version.content.steps])
            if wanted is None and targets.denial(instance):
                invocation.end("Failed", "AccessDenied")
            found[instance] = invocation
        return found

    def _check_instances(self, wanted: list[str], known: list[str], version: Version) -> None:
        account = hooks.current_account()
        if strange := [each for each in wanted if each not in known]:
            raise Refused("InvalidInstanceId", f"Instances [[{', '.join(strange)}]] not in a valid state for account "
                          f"{account}")  # fmt: skip
        for instance in wanted:
            if reason := targets.denial(instance):
                raise Refused("AccessDeniedException", reason)
            if self._agents.machine(instance).platform not in version.content.platforms:
                raise Refused("UnsupportedPlatformType", "The document does not support the platform type of the "
                              f"instance {instance}.")  # fmt: skip

    # --- delivering and running --------------------------------------------------------------------------------------

    async def _drive(self, command: Command) -> None:
        gate = asyncio.Semaphore(command.at_once)
        waiting = [each for each in command.invocations.values() if not each.ended]
        await asyncio.gather(*(self._invoke(command, each, gate) for each in waiting))

    async def _invoke(self, command: Command, invocation: Invocation, gate: asyncio.Semaphore) -> None:
        async with gate:
            if command.failing:
                invocation.end("Cancelled", "Terminated")
            elif await self._deliver(command, invocation):
                invocation.status = invocation.details = "InProgress"
                await self._run(command, invocation)
                invocation.conclude()

    async def _deliver(self, command: Command, invocation: Invocation) -> bool:
        """Wait for the host's agent; True when it has the command."""
        patience = command.timeout * self._world.options.ssm_time_scale
        asked = (obstacle(invocation.instance, patience) for obstacle in self._world.obstacles)
        held_back = next((seconds for seconds in asked if seconds is not None), None)
        last = command.created + (patience if held_back is None else held_back)
        while not invocation.stop.is_set():
            if held_back is None and self._agents.online(invocation.instance):
                return True
            if clock.now() > last:
                invocation.end("TimedOut", "DeliveryTimedOut")
                return False
            await asyncio.sleep(0.05)
        invocation.end("Cancelled", "Cancelled")
        return False

    async def _run(self, command: Command, invocation: Invocation) -> None:
        machine = self._agents.machine(invocation.instance)
        whole = bool(command.asked.get("OutputS3BucketName"))
        await in_thread(lambda: steps.run(
            machine, command.values, invocation.results, invocation.stop.is_set, whole=whole,
        ))  # fmt: skip
        if whole:
            await self._upload(command, invocation)

    async def _upload(self, command: Command, invocation: Invocation) -> None:
        host = self._world.hosts.get(invocation.instance)
        if host is None:
            return
        for done in invocation.results:
            for stream, body in zip(("stdout", "stderr"), done.whole, strict=True):
                if not body:
                    continue
                place = f"{command.asked['OutputS3BucketName']}/{command.key(invocation, done, stream)}"
                keys = self._world.metadata.credentials(host)
                problem = await upload.put(self._world.recorder, host, keys, place, body)
                if problem:
                    await in_thread(lambda: self._complain(invocation.instance, place, problem))  # noqa: B023
            done.whole = b"", b""

    def _complain(self, instance: str, place: str, problem: str) -> None:
        line = (
            f"{clock.iso(clock.now())} ERROR [ssm-document-worker] Failed to upload the output to s3 {place}: {problem}"
        )
        folder, _, _ = _ERROR_LOG.rpartition("/")
        script = f'mkdir -p "$HOST_ROOT{folder}" && printf "%s\\n" {shlex.quote(line)} >> "$HOST_ROOT{_ERROR_LOG}"'
        self._agents.machine(instance).run(
            steps.Script("aws:runShellScript", script, 30, None), lambda: False, whole=False
        )  # fmt: skip

    # --- asking ------------------------------------------------------------------------------------------------------

    def _known(self, command_id: str) -> Command:
        found = self.mine().get(command_id)
        if found is None:
            raise Refused("InvalidCommandId", "The specified command ID isn't valid.")
        return found

    def _cancel(self, asked: dict[str, Any]) -> None:
        command = self._known(asked["CommandId"])
        for instance in asked.get("InstanceIds") or list(command.invocations):
            if instance not in command.invocations:
                raise Refused("InvalidInstanceId", f"The command was not sent to {instance}.")
            command.invocations[instance].stop.set()
        command.cancelling = True

    def _get(self, asked: dict[str, Any]) -> dict[str, Any]:
        command = self.mine().get(asked["CommandId"])
        invocation = command.invocations.get(asked["InstanceId"]) if command else None
        if command is None or invocation is None:
            raise Refused("InvocationDoesNotExist", f"Invocation not found for {asked['CommandId']}, "
                          f"{asked['InstanceId']}")  # fmt: skip
        wanted = asked.get("PluginName")
        found = [done for done in invocation.results if wanted in (None, done.step.name)]
        if not found or (wanted is None and len(found) > 1):
            raise Refused("InvalidPluginName", "The plugin name isn't valid: name one of the document's steps.")
        return command.detail(invocation, found[0])

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = [
            command.shown() for command in self._asked_for(asked)
            if asked.get("InstanceId") is None or asked["InstanceId"] in command.invocations
        ]  # fmt: skip
        rows = [row for row in found if all(_matches(row, each) for each in asked.get("Filters") or [])]
        page, following = _page(rows, asked)
        return {"Commands": page, "NextToken": following}

    def _list_invocations(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = [
            command.listed(invocation, details=bool(asked.get("Details")))
            for command in self._asked_for(asked)
            for invocation in command.invocations.values()
            if asked.get("InstanceId") in (None, invocation.instance)
        ]
        rows = [row for row in found if all(_matches(row, each) for each in asked.get("Filters") or [])]
        page, following = _page(rows, asked)
        return {"CommandInvocations": page, "NextToken": following}

    def _asked_for(self, asked: Mapping[str, Any]) -> list[Command]:
        found = [each for each in self.mine().values() if asked.get("CommandId") in (None, each.id)]
        return sorted(found, key=lambda each: -each.created)


def _page(rows: list[dict[str, Any]], asked: Mapping[str, Any]) -> Any:
    return paged(rows, asked.get("NextToken"), asked.get("MaxResults"), most=_MOST, code="InvalidNextToken")


def _matches(row: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    key, value = wanted["key"], wanted["value"]
    if key in ("InvokedAfter", "InvokedBefore"):
        later = clock.iso(row["RequestedDateTime"]) >= value
        return later == (key == "InvokedAfter")
    if key not in ("Status", "DocumentName"):
        raise Refused("InvalidFilterKey", f"The lab does not filter commands by {key}.")
    return bool(row[key] == value)


def _check(asked: Mapping[str, Any]) -> None:
    if absent := [name for name in _ABSENT if asked.get(name)]:
        raise Refused("ValidationException", f"The lab has no {', '.join(absent)} of commands.")
    if not 30 <= int(asked.get("TimeoutSeconds") or 3600) <= 2_592_000:  # noqa: PLR2004 (from: SendCommand)
        raise Refused("ValidationException", "TimeoutSeconds must be between 30 and 2592000.")


def _check_document(document: Document, version: Version, asked: Mapping[str, Any]) -> None:
    if document.kind != "Command":
        raise Refused("InvalidDocument", f"Document {document.name} is not a Command document.")
    if asked.get("DocumentHash") not in (None, version.hash):
        raise Refused("InvalidDocument", "The hash of the document is another one.")


async def in_thread(work: Callable[[], None]) -> None:
    """Run what blocks in a thread of its own: commands may last for hours, and no pool may be full of them."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def end(error: Exception | None) -> None:
        if not ended.done():
            ended.set_exception(error) if error else ended.set_result(None)

    def run() -> None:
        problem = None
        try:
            work()
        except Exception as error:  # noqa: BLE001 (raised again where it is awaited)
            problem = error
        loop.call_soon_threadsafe(end, problem)

    threading.Thread(target=run, name="ssm-command", daemon=True).start()
    await ended
