"""Many secrets read at once.

One principal reads many different secrets in a few minutes. An application reads its own few; operators that sync secrets
read many, every day.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events, text, workload
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Each different secret counts once; refused reads of named secrets count, too."""
    name = text(found.request.get("secretId"))
    return (
        Match(reason="many secrets were read", items=(name,), points=45 if workload(found) else None) if name else None
    )


RULE = Rule(
    id="secrets_in_bulk",
    title="Many secrets read at once",
    tactic="credential-access",
    techniques=("T1555.006",),
    points=75,
    severity="high",
    at_least=10,
    denied=True,
    false_triggers="operators that copy secrets into clusters; migrations",
    references=("https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html",),
    events=("secretsmanager:GetSecretValue",),
    on_event=match,
    examples=(events(*(event("secretsmanager:GetSecretValue", {"secretId": f"s{n}"}) for n in range(12))),),
    near_misses=(events(*(event("secretsmanager:GetSecretValue", {"secretId": "s"}) for n in range(40))),),
)
