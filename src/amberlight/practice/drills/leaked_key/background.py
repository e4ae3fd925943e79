"""Harmless life of the account, before and during the attack: a pipeline that deploys, an administrator who browses.

The third, a service that ships its access log with the role of its instance, runs on the host itself (`host_web.py`).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from itertools import cycle

from amberlight.lab.places import Place
from amberlight.practice.actors import Actor
from amberlight.practice.drills.leaked_key.scene import WEB_PORT, Scene

Act = Callable[[], object]


def pipeline(actor: Actor, scene: Scene) -> Iterator[Act]:
    """A deployment, again and again: who am I, what runs, put the new build, look whether it is there."""
    for number in range(1, 10_000):
        key = f"builds/{number:05d}.tar"
        yield lambda: actor.call("sts.GetCallerIdentity")
        yield lambda: actor.call("ec2.DescribeInstances", InstanceIds=[scene.web_instance])
        yield lambda key=key: actor.call("s3.PutObject", Bucket=scene.artifact_bucket, Key=key, Body=b"build" * 200)  # type: ignore[misc]
        yield lambda key=key: actor.call("s3.HeadObject", Bucket=scene.artifact_bucket, Key=key)  # type: ignore[misc]
        yield lambda: actor.call("ssm.DescribeInstanceInformation")
        # It was never allowed to read alarms and has logged the refusal since the day it was set up.
        yield lambda: actor.call("cloudwatch.DescribeAlarms")


def administrator(actor: Actor, scene: Scene) -> Iterator[Act]:
    """Somebody who looks around on an ordinary morning, and tags a thing or two."""
    pages: tuple[Act, ...] = (
        lambda: actor.call("iam.ListUsers"),
        lambda: actor.call("ec2.DescribeSecurityGroups"),
        lambda: actor.call("ec2.DescribeInstances"),
        lambda: actor.call("s3.ListBuckets"),
        lambda: actor.call("iam.ListRoles"),
        lambda: actor.call("cloudtrail.DescribeTrails"),
        lambda: actor.call("ec2.DescribeVolumes"),
        lambda: actor.call(
            "ec2.CreateTags", Resources=[scene.web_instance], Tags=[{"Key": "reviewed", "Value": "this week"}]
        ),
        lambda: actor.call("cloudwatch.DescribeAlarms"),
    )
    return cycle(pages)


def visitor(place: Place, scene: Scene) -> Act:
    """Somebody who opens the shop's page."""

    def visit() -> None:
        try:
            with place.connect(scene.web_address, WEB_PORT, timeout=2.0) as line:
                line.sendall(f"GET / HTTP/1.0\r\nHost: {scene.web_address}\r\n\r\n".encode())
                while line.recv(4096):
                    pass
        except OSError:
            # The shop may be starting, or cut off by a responder: visitors come back.
            return

    return visit


def keep(acts: Iterator[Act], stop: threading.Event, chance: random.Random, pause_s: float) -> None:
    """Do one act after the other, at a human or a machine pace, until told to stop."""
    for act in acts:
        act()
        if stop.wait(pause_s * chance.uniform(0.6, 1.4)):
            return
