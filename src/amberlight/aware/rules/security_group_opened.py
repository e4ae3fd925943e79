"""A security group opened to the internet.

A port for administration or of a database, or all ports, opened to the whole internet. People do that in a hurry, so it does
not page.
"""

from __future__ import annotations

from typing import Any

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, members, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Ingress from everywhere to a watched port; web ports are what the internet is for."""
    for one in members(found.request, "ipPermissions") or [found.request]:
        if not isinstance(one, dict) or not {"0.0.0.0/0", "::/0"} & set(sources(one)):
            continue
        first, last = one.get("fromPort", 0), one.get("toPort", 65535)
        everything = str(one.get("ipProtocol", "")) == "-1"
        if everything or any(int(first or 0) <= port <= int(last or 65535) for port in WATCHED):
            what = "all ports" if everything else f"ports {first}-{last}"
            return Match(reason=f"{shown(found.request.get('groupId', 'a group'))}: {what} open to the internet")
    return None


def sources(permission: dict[str, Any]) -> list[str]:
    """Address ranges that are let in."""
    ranges = members(permission, "ipRanges") + members(permission, "ipv6Ranges")
    found = [text(one.get("cidrIp") or one.get("cidrIpv6")) for one in ranges if isinstance(one, dict)]
    return [*found, text(permission.get("cidrIp")), text(permission.get("cidrIpv6"))]


WATCHED = (22, 3389, 5985, 1433, 3306, 5432, 6379, 27017, 9200, 2375, 10250)


RULE = Rule(
    id="security_group_opened",
    title="A security group opened to the internet",
    tactic="defense-evasion",
    techniques=("T1562.007",),
    points=40,
    severity="medium",
    false_triggers="somebody in a hurry; laboratories",
    references=("https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html",),
    events=(
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:ModifySecurityGroupRules",
    ),
    on_event=match,
    examples=(
        event(
            "ec2:AuthorizeSecurityGroupIngress",
            {
                "groupId": "sg-1",
                "ipPermissions": {
                    "items": [
                        {
                            "ipProtocol": "tcp",
                            "fromPort": 22,
                            "toPort": 22,
                            "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]},
                        }
                    ]
                },
            },
        ),
    ),
    near_misses=(
        event(
            "ec2:AuthorizeSecurityGroupIngress",
            {
                "groupId": "sg-1",
                "ipPermissions": {
                    "items": [
                        {
                            "ipProtocol": "tcp",
                            "fromPort": 443,
                            "toPort": 443,
                            "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]},
                        }
                    ]
                },
            },
        ),
        event(
            "ec2:AuthorizeSecurityGroupIngress",
            {
                "groupId": "sg-1",
                "ipPermissions": {
                    "items": [
                        {
                            "ipProtocol": "tcp",
                            "fromPort": 22,
                            "toPort": 22,
                            "ipRanges": {"items": [{"cidrIp": "10.0.0.0/8"}]},
                        }
                    ]
                },
            },
        ),
    ),
)
