"""Automation: runbooks that run commands, call AWS and sleep, step by step, with a role's rights or the caller's.

References:
    StartAutomationExecution, GetAutomationExecution, StopAutomationExecution, DescribeAutomationExecutions, AWS Systems Manager API
    Reference; "Run an automated operation", User Guide, 2026-11: without an assume role it runs as the caller.
"""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.credentials import Credentials
from botocore.exceptions import DataNotFoundError

from amberlight.lab import clock, hooks
from amberlight.lab.own import Operation, Refused, paged
from amberlight.lab.recorder import identity
from amberlight.lab.ssm import calls, parameters, runbook, targets
from amberlight.lab.ssm.commands import Commands
from amberlight.lab.ssm.documents import Documents
from amberlight.lab.world import World

_MOST = 50
_ABSENT = ("Targets", "TargetMaps", "TargetLocations", "TargetLocationsURL", "AlarmConfiguration", "ClientToken",
           "TargetParameterName", "MaxConcurrency", "MaxErrors")  # fmt: skip
_ENDED = ("Success", "Failed", "Cancelled", "TimedOut")


@dataclasses.dataclass
class Progress:
    """How one step stands."""

    step: runbook.RunbookStep
    number: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "Pending"
    started: float | None = None
    ended: float | None = None
    inputs: dict[str, Any] = dataclasses.field(default_factory=dict)
    outputs: dict[str, Any] = dataclasses.field(default_factory=dict)
    failure: str = ""

    def shown(self) -> dict[str, Any]:
        """`StepExecution` of the API."""
        step = self.step
        return {
            "StepName": step.name, "Action": step.action, "StepExecutionId": self.number, "StepStatus": self.status,
            "ExecutionStartTime": self.started, "ExecutionEndTime": self.ended, "TimeoutSeconds": int(step.seconds),
            "OnFailure": step.on_failure, "IsEnd": step.end, "IsCritical": step.critical,
            "Inputs": {name: runbook.text(value) for name, value in self.inputs.items()},
            "Outputs": {name: _texts(value) for name, value in self.outputs.items()},
            "FailureMessage": self.failure or None,
        }  # fmt: skip


def _texts(value: Any) -> list[str]:
    return [runbook.text(each) for each in value] if isinstance(value, list) else [runbook.text(value)]


@dataclasses.dataclass(kw_only=True)
class Execution:
    """One run of a runbook."""

    number: str
    document: str
    version: str
    steps: list[Progress]
    values: Mapping[str, Any]
    given: Mapping[str, list[str]]
    by: str
    credentials: Credentials
    region: str
    started: float
    ended: float | None = None
    status: str = "InProgress"
    failure: str = ""
    task: asyncio.Task[None] | None = None
    outputs: tuple[str, ...] = ()

    def known(self) -> dict[str, Any]:
        """What a step's inputs may name."""
        found = {**self.values, "automation:EXECUTION_ID": self.number, "global:REGION": self.region,
                 "global:ACCOUNT_ID": hooks.current_account()}  # fmt: skip
        for each in self.steps:
            found.update({f"{each.step.name}.{name}": value for name, value in each.outputs.items()})
        return found

    def shown(self, *, steps: bool) -> dict[str, Any]:
        """`AutomationExecution` of the API, or its metadata."""
        now = next((each.step for each in self.steps if each.status == "InProgress"), None)
        known = self.known()
        found = {
            "AutomationExecutionId": self.number, "DocumentName": self.document, "DocumentVersion": self.version,
            "ExecutionStartTime": self.started, "ExecutionEndTime": self.ended, "Mode": "Auto",
            "AutomationExecutionStatus": self.status, "ExecutedBy": self.by, "FailureMessage": self.failure or None,
            "CurrentStepName": now.name if now else None, "CurrentAction": now.action if now else None,
            "Outputs": {name: _texts(known[name]) for name in self.outputs if name in known},
        }  # fmt: skip
        if steps:
            found.update(StepExecutions=[each.shown() for each in self.steps], Parameters=self.given)
        return found


class Automation:
    """All runs, by account and Region."""

    def __init__(self, world: World, documents: Documents, commands: Commands) -> None:
        self._world = world
        self._documents = documents
        self._commands = commands
        self._all: dict[tuple[str, str], dict[str, Execution]] = {}

    def operations(self) -> dict[str, Operation]:
        """The API."""
        return {
            "StartAutomationExecution": self._start, "StopAutomationExecution": self._stop,
            "GetAutomationExecution": lambda asked: {"AutomationExecution": self._known(asked).shown(steps=True)},
            "DescribeAutomationExecutions": self._list,
        }  # fmt: skip

    def _mine(self) -> dict[str, Execution]:
        return self._all.setdefault((hooks.current_account(), hooks.current_region()), {})

    def _known(self, asked: Mapping[str, Any]) -> Execution:
        found = self._mine().get(asked["AutomationExecutionId"])
        if found is None:
            raise Refused("AutomationExecutionNotFoundException", "There is no automation execution with that ID.")
        return found

    def _start(self, asked: dict[str, Any]) -> dict[str, Any]:
        if absent := [name for name in _ABSENT if asked.get(name)]:
            raise Refused("ValidationException", f"The lab has no {', '.join(absent)} of automations.")
        if asked.get("Mode", "Auto") != "Auto":
            raise Refused("ValidationException", "The lab runs automations in mode Auto.")
        document, version = self._document(asked)
        given = asked.get("Parameters") or {}
        try:
            values = parameters.check(version.content, given)
        except Refused as refused:
            raise Refused("InvalidAutomationExecutionParametersException", refused.message) from refused
        raw, number = version.content.raw, str(uuid.uuid4())
        execution = Execution(
            number=number, document=document, version=str(version.number), values=values, given=given,
            steps=[Progress(step) for step in runbook.read(raw)], by=_caller(), started=clock.now(),
            credentials=self._credentials(raw, values, number), region=hooks.current_region(),
            outputs=tuple(str(each) for each in raw.get("outputs") or ()),
        )  # fmt: skip
        self._mine()[number] = execution
        execution.task = asyncio.get_running_loop().create_task(self._run(execution))
        return {"AutomationExecutionId": number}

    def _document(self, asked: Mapping[str, Any]) -> tuple[str, Any]:
        try:
            document, version = self._documents.find(asked["DocumentName"], asked.get("DocumentVersion"))
        except Refused as refused:
            kind = "Version" if refused.code == "InvalidDocumentVersion" else ""
            raise Refused(f"AutomationDefinition{kind}NotFoundException", refused.message) from refused
        if document.kind != "Automation":
            raise Refused("AutomationDefinitionNotFoundException", f"{document.name} is no Automation document.")
        return document.name, version

    def _credentials(self, raw: Mapping[str, Any], values: Mapping[str, Any], number: str) -> Credentials:
        role = str(runbook.fill(raw.get("assumeRole") or "", values))
        if not role:
            return calls.own(targets.current_key())
        if reason := targets.refusal("iam:PassRole", "iam", role):
            raise Refused("AccessDeniedException", reason)
        return calls.assumed(self._world.recorder, role, f"Automation-{number}")

    # --- running -----------------------------------------------------------------------------------------------------

    async def _run(self, execution: Execution) -> None:
        names = [each.step.name for each in execution.steps]
        place: int | None = 0
        try:
            while place is not None and place < len(execution.steps):
                progress = execution.steps[place]
                await self._step(execution, progress)
                place = _following(execution, progress, place, names)
            if execution.status == "InProgress":
                execution.status = "Success"
        except asyncio.CancelledError:
            execution.status = "Cancelled"
        execution.ended = clock.now()

    async def _step(self, execution: Execution, progress: Progress) -> None:
        progress.status, progress.started = "InProgress", clock.now()
        work = {"aws:sleep": self._sleep, "aws:runCommand": self._command, "aws:executeAwsApi": self._call}
        try:
            progress.inputs = dict(runbook.fill(progress.step.inputs, execution.known()))
            await asyncio.wait_for(work[progress.step.action](execution, progress), progress.step.seconds)
            progress.status = "Success"
        except TimeoutError:
            progress.status, progress.failure = "TimedOut", "The step did not end in time."
        except (calls.CallError, Refused) as error:
            progress.status, progress.failure = "Failed", str(error)
        except asyncio.CancelledError:
            progress.status = "Cancelled"
            raise
        finally:
            progress.ended = clock.now()

    async def _sleep(self, _: Execution, progress: Progress) -> None:
        duration = runbook.seconds_of(str(progress.inputs.get("Duration", "")))
        await asyncio.sleep(duration * self._world.options.ssm_time_scale)

    async def _call(self, execution: Execution, progress: Progress) -> None:
        asked = dict(progress.inputs)
        service, api = str(asked.pop("Service", "")), str(asked.pop("Api", ""))
        try:
            names = hooks.model(service).operation_names
        except DataNotFoundError as error:
            raise calls.CallError(f"There is no service {service}.") from error
        operation = next((name for name in names if name.lower() == api.replace("_", "").lower()), "")
        if not operation:
            raise calls.CallError(f"{service} has no operation {api}.")
        answer = await calls.call(
            self._world.recorder, execution.credentials, f"{service}.{operation}", asked, execution.region
        )
        progress.outputs = {each.name: runbook.select(answer, each.selector) for each in progress.step.outputs}

    async def _command(self, execution: Execution, progress: Progress) -> None:
        sent = await calls.call(
            self._world.recorder, execution.credentials, "ssm.SendCommand", progress.inputs, execution.region
        )
        command = self._commands.mine()[sent["Command"]["CommandId"]]
        try:
            await self._commands.ended(command)
        except asyncio.CancelledError:
            for each in command.invocations.values():
                each.stop.set()
            raise
        status, details = command.status()
        done = [result for each in command.invocations.values() for result in each.results]
        progress.outputs = {
            "CommandId": command.id, "Status": status, "ResponseCode": str(max((each.code for each in done), default=-1)),
            "Output": "\n".join(each.stdout for each in done),
        }  # fmt: skip
        if status != "Success":
            raise calls.CallError(f"The command {command.id} ended as {details}.")

    # --- asking ------------------------------------------------------------------------------------------------------

    def _stop(self, asked: dict[str, Any]) -> None:
        execution = self._known(asked)
        if asked.get("Type", "Cancel") != "Cancel":
            raise Refused("ValidationException", "The lab stops automations by cancelling them.")
        if execution.status in _ENDED or execution.task is None:
            raise Refused("InvalidAutomationStatusUpdateException", f"The automation has ended: {execution.status}.")
        execution.task.cancel()

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = sorted(self._mine().values(), key=lambda each: -each.started)
        for wanted in asked.get("Filters") or []:
            if wanted["Key"] not in ("ExecutionStatus", "DocumentNamePrefix", "ExecutionId"):
                raise Refused("InvalidFilterKey", f"The lab does not filter automations by {wanted['Key']}.")
            found = [each for each in found if _matches(each, wanted["Key"], wanted["Values"])]
        rows = [each.shown(steps=False) for each in found]
        page, following = paged(
            rows, asked.get("NextToken"), asked.get("MaxResults"), most=_MOST, code="InvalidNextToken"
        )
        return {"AutomationExecutionMetadataList": page, "NextToken": following}


def _matches(execution: Execution, key: str, values: list[str]) -> bool:
    if key == "DocumentNamePrefix":
        return execution.document.startswith(tuple(values))
    return (execution.status if key == "ExecutionStatus" else execution.number) in values


def _following(execution: Execution, progress: Progress, place: int, names: list[str]) -> int | None:
    """The place of the step that comes next; None at the end."""
    step, failed = progress.step, progress.status != "Success"
    if failed and (step.critical or step.on_failure == "Abort"):
        execution.status = "TimedOut" if progress.status == "TimedOut" else "Failed"
        execution.failure = f"Step fails when it is {step.action}: {step.name}. {progress.failure}"
    if failed and step.on_failure == "Abort":
        return None
    if failed and step.on_failure in names:
        return names.index(step.on_failure)
    if step.end:
        return None
    return names.index(step.next) if step.next else place + 1


def _caller() -> str:
    found = identity.resolve(targets.current_key())
    return found.arn if found else ""


def resource(operation: str, asked: Mapping[str, Any]) -> str:
    """The ARN that a policy is asked about for an operation on automations."""
    base = f"arn:aws:ssm:{hooks.current_region()}:{hooks.current_account()}:automation-"
    if operation == "StartAutomationExecution":
        name = str(asked.get("DocumentName", "")).rsplit("/", 1)[-1]
        return f"{base}definition/{name}:{asked.get('DocumentVersion') or '$DEFAULT'}"
    return f"{base}execution/{asked['AutomationExecutionId']}" if "AutomationExecutionId" in asked else "*"
