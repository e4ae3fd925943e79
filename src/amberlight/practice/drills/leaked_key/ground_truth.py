"""Ground truth of one run: what happened, and what evidence of it a good capture holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from amberlight.model.rehearsal import Expectation, Truth
from amberlight.practice.actors import Deed
from amberlight.practice.drills.leaked_key.attack import Attack
from amberlight.practice.drills.leaked_key.scene import BEACON_PATH

HISTORY = "api_calls.event_history"
IN_HISTORY = (
    ("iam.CreateUser", True, "the denied attempt"),
    ("sts.AssumeRole", False, "the way around it"),
    ("iam.CreateUser", False, "the new administrator"),
    ("iam.AttachUserPolicy", False, "its rights"),
    ("iam.CreateAccessKey", False, "its key"),
    ("ssm.SendCommand", False, "how the beacon got there"),
    ("ec2.RunInstances", False, "the miners, in another Region"),
    ("cloudtrail.StopLogging", False, "the blinding of the trail"),
)
"""Management events that nobody can stop from being kept for 90 days: operation, whether refused, what it shows."""


def truth(attack: Attack, deeds: Sequence[Deed], started: datetime, drill: str) -> Truth:
    """What really happened."""
    scene, secrets = attack.scene, attack.secrets
    answered = [deed for deed in deeds if deed.request_id]
    user = f"arn:aws:iam::{scene.account}:user/"
    return Truth(
        drill=drill,
        seed=scene.seed,
        started=started,
        first_attack=deeds[0].when,
        last_attack=deeds[-1].when,
        principals=(scene.leaked_user, scene.automation_role, user + secrets.user),
        addresses=(attack.place.address,),
        attack_requests=tuple(deed.request_id for deed in answered),
        benign_principals=(
            user + "deploy-pipeline",
            user + "maria.keller",
            f"arn:aws:iam::{scene.account}:role/shop-web",
        ),
        expected=(*in_history(answered), *in_trail(answered), *on_host(attack), *around(attack)),
    )


def in_history(deeds: Sequence[Deed]) -> list[Expectation]:
    """One expectation per management event that matters."""
    found: list[Expectation] = []
    for operation, refused, why in IN_HISTORY:
        deed = next((d for d in deeds if d.operation == operation and bool(d.error) is refused), None)
        # An act that did not come off is still expected: the drill is then not what it says, and must not pass.
        text = deed.request_id if deed else f"{operation} was never answered"
        found.append(
            Expectation(id=f"history-{len(found) + 1}", source=HISTORY, contains=text, why=f"{operation}: {why}")
        )
    return found


def in_trail(deeds: Sequence[Deed]) -> list[Expectation]:
    """Before the trail was stopped it delivered: management events, and reads of single objects."""
    reads = [deed for deed in deeds if deed.operation == "s3.GetObject"]
    wanted = [
        (deeds[0], "the first call with the leaked key"),
        *((read, "a customer record is read") for read in reads[:1]),
    ]
    return [
        Expectation(
            id=f"trail-{number}",
            source="api_calls.trail_files",
            contains=deed.request_id,
            why=f"{deed.operation}: {why}",
        )
        for number, (deed, why) in enumerate(wanted, 1)
    ]


def on_host(attack: Attack) -> list[Expectation]:
    """What only the web server knew."""
    return [
        Expectation(
            id="memory-1",
            source="memory.linux_process",
            contains=attack.secrets.session_key,
            why="the beacon's session key, which exists in its memory alone",
        ),
        Expectation(
            id="packets-1", source="packets.tcpdump", contains=attack.secrets.payload, why="the beacon's own words"
        ),
        Expectation(id="host-1", source="host.linux_triage", contains=BEACON_PATH, why="the beacon's program"),
        Expectation(
            id="disk-1", source="disk.ebs_snapshot", contains=attack.scene.web_instance, why="the web server's volumes"
        ),
        *on_disk(attack),
    ]


def on_disk(attack: Attack) -> list[Expectation]:
    """What no file of the web server holds any more; nothing where the lab's disks hold no files at all."""
    if attack.scene.lab["disks"] == "none":
        return []
    why = "the beacon's loader, which was deleted when it had run"
    return [Expectation(id="disk-2", source="disk.ebs_image", contains=attack.secrets.loader, why=why)]


def around(attack: Attack) -> list[Expectation]:
    """Configuration and identity as they were left."""
    scene, user = attack.scene, attack.secrets.user
    return [
        Expectation(id="config-1", source="config.inventory", contains=scene.web_instance, why="the web server"),
        *(
            Expectation(id=f"config-{number}", source="config.inventory", contains=miner, why="a miner, other Region")
            for number, miner in enumerate(attack.miners, 2)
        ),
        Expectation(id="identity-1", source="identity.authorization", contains=user, why="the new administrator"),
        Expectation(id="identity-2", source="identity.access_advisor", contains=user, why="what it has used"),
    ]
