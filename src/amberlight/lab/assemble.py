"""Puts the emulator, what the lab adds to it, the recorder and the hosts together into one ASGI application."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from amberlight.lab import clock, hooks, world
from amberlight.lab.accounts import LabAccount
from amberlight.lab.control import PREFIX, Control
from amberlight.lab.disks.disks import Disks
from amberlight.lab.faults.cutting import cuttable
from amberlight.lab.hosts import Host, Hosts
from amberlight.lab.metadata import Metadata
from amberlight.lab.network import METADATA, Network, Spawner
from amberlight.lab.options import LabOptions
from amberlight.lab.recorder import shape
from amberlight.lab.recorder.delivery import Delivery
from amberlight.lab.recorder.history import History
from amberlight.lab.recorder.middleware import Recorder, blank

_ADMIN = ("/_ministack", "/_localstack", "/health", "/_aws", "/_alb", "/latest", "/_")
"""Paths on which the emulator offers its operator things that AWS does not have, a reset of everything among them."""


@dataclasses.dataclass(frozen=True)
class Built:
    """A lab ready to serve."""

    app: Callable[..., Any]
    hosts: Hosts
    jobs: tuple[Callable[[], None], ...]
    control_token: str


def assemble(
    options: LabOptions,
    port: int,
    accounts: Mapping[str, LabAccount],
    *,
    network: Network,
    spawner: Spawner,
    on_limit: Callable[[str], None],
) -> Built:  # fmt: skip
    """Build the lab; the emulator is imported here, with its environment set."""
    for name in hooks.SERVICES:
        hooks.service(name)
    history, delivery = History(options.workdir / "history.jsonl", options.lookup_delay_s), Delivery(options)
    recorder = Recorder(hooks.emulator("app").app, history)
    recorder.befores.append(delivery.before)
    recorder.wants_data = delivery.wants_data
    history.subscribe(delivery.take)
    hosts = Hosts(network, spawner, options.workdir, port, options.max_hosts)
    metadata = Metadata(hosts, _assume_recorder(recorder))
    made = world.World(
        options=options, accounts=accounts, hosts=hosts, metadata=metadata, network=network, recorder=recorder,
        disks=Disks(options.workdir, on_limit), history=history, delivery=delivery, control=Control(),
        on_limit=on_limit, jobs=[delivery.tick],
    )  # fmt: skip
    world.install(made)
    app = _front(network, metadata, recorder, made.control)
    for front in made.fronts:
        app = front(app)
    return Built(cuttable(app), made.hosts, tuple(made.jobs), made.control.token)


def _front(network: Network, metadata: Metadata, recorder: Recorder, control: Control) -> Callable[..., Any]:
    async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await recorder.emulator(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        server, client = str(scope["server"][0]), str(scope["client"][0])
        address = network.caller(server, client)
        if server == METADATA or (address != client and scope["path"].startswith("/latest")):
            await metadata(scope, address, send)
        elif scope["path"].startswith(PREFIX):
            await control({**scope, "client": (address, scope["client"][1])}, receive, send)
        elif scope["path"].startswith(_ADMIN):
            await _not_found(send)
        else:
            await recorder({**scope, "client": (address, scope["client"][1])}, receive, send)

    return app


async def _not_found(send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def _assume_recorder(recorder: Recorder) -> Callable[[Host, dict[str, Any], dict[str, Any]], None]:
    """EC2 itself assumes an instance's role; the account's trail says so."""

    def record(host: Host, role: dict[str, Any], session: dict[str, Any]) -> None:
        moment = clock.now()
        made = blank(moment, host.region, host.account, "sts.amazonaws.com", "AssumeRole")
        arn = str(role["Arn"])
        made.update({
            "eventVersion": "1.08", "userIdentity": {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"},
            "sourceIPAddress": "ec2.amazonaws.com", "userAgent": "ec2.amazonaws.com", "readOnly": True,
            "requestParameters": {"roleArn": arn, "roleSessionName": host.instance_id},
            "responseElements": {"credentials": {
                "accessKeyId": session["key"], "sessionToken": session["token"][:100],
                "expiration": shape.java_time_of(session["expires"])}},
            "requestID": str(uuid.uuid4()), "sharedEventID": str(uuid.uuid4()),
            "resources": [{"accountId": host.account, "type": "AWS::IAM::Role", "ARN": arn}],
        })  # fmt: skip
        recorder.write(made, host.account, host.region, moment)

    return record
