"""Events that AWS's own services put on an account's default event bus, and the roles that they take in an account.

References:
    "Events from AWS services", EventBridge User Guide, 2026-11: `source` begins with `aws.`, which PutEvents refuses to callers.
    "Service-linked roles", IAM User Guide, 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from amberlight.lab import hooks


def tell(
    place: tuple[str, str], source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()
) -> None:
    """Put an event on the default bus of *place*, an account and a Region."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": list(resources)}
    with hooks.acting_for(*place):
        hooks.service("eventbridge")._put_events({"Entries": [entry]}, allow_aws_source=True)


def service_role(account: str, region: str, service: str, name: str) -> str:
    """The ARN of the role of *service* in an account, which is made when it is not there yet."""
    iam = hooks.service("iam")
    with hooks.acting_for(account, region):
        if name not in iam._roles:
            before = set(iam._roles)
            iam._create_service_linked_role({"AWSServiceName": [service]})
            (made,) = set(iam._roles) - before
            role = iam._roles.pop(made)
            arn = f"arn:aws:iam::{account}:role{role['Path']}{name}"
            iam._roles[name] = {**role, "RoleName": name, "Arn": arn}
        return str(iam._roles[name]["Arn"])


def publish(topic: str, message: str, subject: str) -> None:
    """Publish to a topic as an AWS service does; a topic that is gone gets nothing."""
    region, account = topic.split(":")[3:5]
    with hooks.acting_for(account, region):
        hooks.service("sns").publish_internal(topic, message, subject)
