"""Secrets read in batches.

Secrets are taken by the page: BatchGetSecretValue, up to twenty at a call, filtered broadly or not at all.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events, workload
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Each call that goes on to another page or filter counts as one."""
    return Match(reason="secrets were read by the page", points=40 if workload(found) else None)


RULE = Rule(
    id="secrets_batch",
    title="Secrets read in batches",
    tactic="credential-access",
    techniques=("T1555.006",),
    points=75,
    severity="high",
    at_least=3,
    below=15.0,
    denied=True,
    false_triggers="applications that fetch all of their secrets by tag at start: one call, not a series",
    references=("https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html",),
    events=("secretsmanager:BatchGetSecretValue",),
    on_event=match,
    examples=(
        events(*(event("secretsmanager:BatchGetSecretValue", {"filters": [], "nextToken": str(n)}) for n in range(4))),
    ),
    near_misses=(event("secretsmanager:BatchGetSecretValue", {"secretIdList": ["a", "b"]}),),
)
