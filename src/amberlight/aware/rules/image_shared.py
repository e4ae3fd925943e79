"""Machine image shared outside.

A machine image is shared with another account, or with everybody: the disk of a server leaves without a byte on the network.
"""

from __future__ import annotations

from typing import Any

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, members, others, shown
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Somebody was added who is not the account itself."""
    asked = found.request
    who = shared_with(asked)
    outside = others(who, found.account)
    if not outside:
        return None
    return Match(
        reason=f"the image {shown(asked.get('imageId', ''))} was shared with {', '.join(outside[:5])}",
        items=tuple(outside),
    )


def shared_with(asked: dict[str, Any]) -> list[Any]:
    """Account ids, groups, organisations that may launch it from now on."""
    added = members(asked, "launchPermission", "add")
    return [
        one.get("userId") or one.get("group") or one.get("organizationArn") for one in added if isinstance(one, dict)
    ]


RULE = Rule(
    id="image_shared",
    title="Machine image shared outside",
    tactic="exfiltration",
    techniques=("T1537",),
    points=75,
    severity="high",
    false_triggers="golden images for sister accounts: sharing on several days counts as habit",
    references=("https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html",),
    events=("ec2:ModifyImageAttribute",),
    on_event=match,
    examples=(
        event(
            "ec2:ModifyImageAttribute",
            {"imageId": "ami-1", "launchPermission": {"add": {"items": [{"userId": "999988887777"}]}}},
        ),
    ),
    near_misses=(
        event(
            "ec2:ModifyImageAttribute",
            {"imageId": "ami-1", "launchPermission": {"remove": {"items": [{"userId": "999988887777"}]}}},
        ),
        event(
            "ec2:ModifyImageAttribute",
            {"imageId": "ami-1", "launchPermission": {"add": {"items": [{"userId": "111122223333"}]}}},
        ),
    ),
)
