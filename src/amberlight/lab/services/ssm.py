"""Systems Manager: documents, agents and commands that really run on the hosts; see `amberlight.lab.ssm`."""

from __future__ import annotations

from amberlight.lab import hooks
from amberlight.lab.own import extend
from amberlight.lab.ssm import automation, documents, inventory, targets
from amberlight.lab.ssm.agents import Agents
from amberlight.lab.ssm.commands import Commands
from amberlight.lab.world import World

REAL = {
    "ssm.CancelCommand": "the processes end",
    "ssm.CreateDocument": "commands run it",
    "ssm.DescribeInstanceInformation": "hosts that answer, and those that were stopped",
    "ssm.GetCommandInvocation": "output and exit code of the command",
    "ssm.StartAutomationExecution": "commands that run and calls that are made, with the rights of the role or the caller",
    "ssm.SendCommand": "runs on the hosts; output in S3 is written with the host's own rights",
}


def install(world: World) -> None:
    """Serve the API in place of the emulator's, which keeps Parameter Store and settings."""
    made, agents = documents.Documents(), Agents(world.hosts)
    commands = Commands(world, made, agents)
    world.recorder.begins.append(targets.begin_request)
    world.jobs.append(agents.listen)
    hooks.replace("services.ec2", "instance_is_managed", agents.online)
    extend("ssm", {**documents.operations(made), **commands.operations()}, resource=documents.resource)
    runs = automation.Automation(world, made, commands)
    extend("ssm", runs.operations(), resource=automation.resource)
    known = inventory.Inventory(agents)
    extend("ssm", {**agents.operations(), **known.operations()}, resource=lambda *_: "*")
