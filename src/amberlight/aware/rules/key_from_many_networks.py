"""One access key is used from several networks.

A long-lived key is used from unlike networks within an hour, without a private address among them. Phones and laptops move,
and build systems have many addresses; so it supports other reasons.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from amberlight.aware.memory import Activity, Memory, Use, network
from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events

WITHIN = timedelta(hours=1)
MANY = 8


def find(activity: Activity, memory: Memory) -> Iterator[Match]:  # noqa: ARG001 - a rule's signature
    """Each long-lived key by itself; a key that is seen in very many networks roams, and says nothing."""
    keys: dict[str, list[tuple[str, str, Use]]] = {}
    for (key, address, _), use in activity.uses.items():
        if key.startswith("AKIA") and network(address):
            keys.setdefault(key, []).append((network(address), address, use))
    for key, uses in sorted(keys.items()):
        if not 1 < len({net for net, _, _ in uses}) < MANY:
            continue
        uses.sort(key=lambda one: (one[2].span.first, one[1]))
        for earlier, later in pairwise(uses):
            if earlier[0] != later[0] and later[2].span.first - earlier[2].span.last <= WITHIN:
                yield Match(
                    reason=f"the key {key} is used from {earlier[1]} and from {later[1]} within an hour",
                    event_ids=(earlier[2].span.id, later[2].span.id),
                )
                break


RULE = Rule(
    id="key_from_many_networks",
    title="One key used from several networks",
    tactic="initial-access",
    techniques=("T1078.004",),
    points=25,
    severity="medium",
    false_triggers="people who travel; build systems with many addresses",
    references=("https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html",),
    on_activity=find,
    examples=(
        events(
            event("sts:GetCallerIdentity", None, sourceIPAddress="192.0.2.9"),
            event("sts:GetCallerIdentity", None, sourceIPAddress="198.51.100.7"),
        ),
    ),
    near_misses=(
        events(
            event("sts:GetCallerIdentity", None, sourceIPAddress="192.0.2.9"),
            event("sts:GetCallerIdentity", None, sourceIPAddress="192.0.77.1"),
        ),
        events(
            event("sts:GetCallerIdentity", None, sourceIPAddress="10.0.0.1"),
            event("sts:GetCallerIdentity", None, sourceIPAddress="198.51.100.7"),
        ),
    ),
)
