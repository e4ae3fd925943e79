"""The agents on the hosts, as Systems Manager knows them.

An instance is registered once its host has been up; a host that is stopped stays registered, with a lost connection, until its
instance is terminated.

References:
    DescribeInstanceInformation, AWS Systems Manager API Reference, 2026-11; SendCommand, InvalidInstanceId (valid states of an
    instance are running, pending, stopping and stopped).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import IO, Any

from amberlight.lab import clock, hooks
from amberlight.lab.hosts import Finished, Hosts
from amberlight.lab.own import Operation, Refused, paged
from amberlight.lab.recorded import host_of
from amberlight.lab.ssm.steps import Machine, Script

VERSION = "3.3.4121.0"
"""The agent's version that the lab tells."""

_MOST = 50
_KEEP = (
    'd="$HOST_ROOT/var/lib/amazon/ssm/$1"; (umask 077; mkdir -p "$d" && printf "%s\\n" "$2" > "$d/_script.sh") && '
    'chmod 700 "$d/_script.sh" || exit 1; exec /bin/sh -c \'"$0"\' "$d/_script.sh"'
)
"""Keeps a script on the host and runs it from there; the host's own processes write it, so that nothing of the host can lead
the lab to a file of this machine."""


class HostMachine:
    """A host of the lab; what is run there really runs, and the script stays in the agent's directory.

    References:
        "About Systems Manager agent logs and files", AWS Systems Manager User Guide; amazon-ssm-agent's orchestration directory,
        `/var/lib/amazon/ssm/<instance>/document/orchestration/<command>/<plugin>/<step>/_script.sh`, 2026-11.
    """

    platform = "Linux"
    name, release, computer = "Amazon Linux", "2023", ""

    def __init__(self, hosts: Hosts, instance: str) -> None:
        self._hosts = hosts
        self._instance = instance

    def run(self, script: Script, stop: Callable[[], bool], *, whole: bool) -> tuple[Finished, tuple[bytes, bytes]]:
        """Run a script in the shell that its plugin names."""
        argv = ["/bin/sh", "-c", script.text]
        if script.plugin == "aws:runPowerShellScript":
            argv = ["/usr/bin/env", "pwsh", "-NoLogo", "-NoProfile", "-NonInteractive", "-Command", script.text]
        elif script.place:
            place = f"{self._instance}/document/orchestration/{script.place}"
            argv = ["/bin/sh", "-c", _KEEP, "sh", place, script.text]
        kept = [b"", b""]

        def keep(out: IO[bytes], err: IO[bytes]) -> None:
            if whole:
                kept[:] = out.read(), err.read()

        try:
            done = self._hosts.run(
                self._instance, argv, script.seconds, script.directory, stop, keep=keep
            )  # fmt: skip
        except KeyError:
            # Terminated while the command was on its way.
            return Finished(-1, "", "", cancelled=True), (b"", b"")
        return done, (kept[0], kept[1])


class Agents:
    """All agents."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._heard: dict[str, float] = {}

    def listen(self) -> None:
        """Note who is there; runs ten times a second."""
        there = {host.instance_id for host in self._hosts.all()}
        self._heard = {instance: heard for instance, heard in self._heard.items() if instance in there}
        self._heard.update({instance: clock.now() for instance in there if self._hosts.managed(instance)})

    def online(self, instance: str) -> bool:
        """Whether the agent of an instance of the current account answers now."""
        found = hooks.service("ec2")._instances.get(instance)
        up = self._hosts.managed(instance) or host_of(found) is not None
        return bool(found and found["State"]["Name"] == "running" and up)

    def registered(self) -> list[str]:
        """The instances of the current account and Region that Systems Manager knows."""
        found = hooks.service("ec2")._instances.items()
        return [
            instance for instance, record in found
            if instance in self._heard or self.online(instance)
            or (host_of(record) is not None and record["State"]["Name"] == "stopped")
        ]  # fmt: skip

    def machine(self, instance: str) -> Machine:
        """An instance, to run commands on."""
        return host_of(hooks.service("ec2")._instances.get(instance)) or HostMachine(self._hosts, instance)

    def operations(self) -> dict[str, Operation]:
        """The API."""
        return {"DescribeInstanceInformation": self._describe}

    def _describe(self, asked: dict[str, Any]) -> dict[str, Any]:
        old = [
            {"Key": each["key"], "Values": each["valueSet"]}
            for each in asked.get("InstanceInformationFilterList") or []
        ]
        wanted = [*old, *(asked.get("Filters") or [])]
        rows = [row for row in self.rows() if all(_matches(row, each) for each in wanted)]
        page, following = paged(
            rows, asked.get("NextToken"), asked.get("MaxResults"), most=_MOST, code="InvalidNextToken"
        )
        return {"InstanceInformationList": page, "NextToken": following}

    def rows(self) -> list[dict[str, Any]]:
        """What is known of each agent of the current account and Region."""
        return [self._row(instance) for instance in sorted(self.registered())]

    def _row(self, instance: str) -> dict[str, Any]:
        found, machine = hooks.service("ec2")._instances[instance], self.machine(instance)
        return {
            "InstanceId": instance, "PingStatus": "Online" if self.online(instance) else "ConnectionLost",
            "LastPingDateTime": self._heard.get(instance, clock.now()), "AgentVersion": VERSION,
            "IsLatestVersion": True, "PlatformType": machine.platform, "PlatformName": machine.name,
            "PlatformVersion": machine.release, "ResourceType": "EC2Instance", "SourceId": instance,
            "SourceType": "AWS::EC2::Instance", "IPAddress": found.get("PrivateIpAddress") or None,
            "ComputerName": machine.computer or found.get("PrivateDnsName") or None,
        }  # fmt: skip


def _matches(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    fields = {"InstanceIds": "InstanceId", "PingStatus": "PingStatus", "PlatformTypes": "PlatformType",
              "AgentVersion": "AgentVersion", "ResourceType": "ResourceType"}  # fmt: skip
    field = fields.get(wanted["Key"])
    if field is None:
        raise Refused("InvalidFilterKey", f"The lab does not filter instances by {wanted['Key']}.")
    return row[field] in wanted["Values"]
