"""Many parameters decrypted at once.

One principal has many different parameters decrypted in a few minutes.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, members, text, workload
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Each different name (or path and page) that is asked for in clear text counts once."""
    asked = found.request
    if asked.get("withDecryption") is not True:
        return None
    names = [text(one) for one in members(asked, "names")] or [text(asked.get("name")) or text(asked.get("path"))]
    page = text(asked.get("nextToken"))[:40]
    kept = tuple(f"{one} {page}".strip() for one in names if one)
    return (
        Match(reason="many parameters were decrypted", items=kept, points=45 if workload(found) else None)
        if kept
        else None
    )


RULE = Rule(
    id="parameters_in_bulk",
    title="Many parameters decrypted at once",
    tactic="credential-access",
    techniques=("T1552",),
    points=75,
    severity="high",
    at_least=20,
    false_triggers="configuration syncs; deployments of many services at once",
    references=("https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html",),
    events=(
        "ssm:GetParameters",
        "ssm:GetParameter",
        "ssm:GetParametersByPath",
    ),
    on_event=match,
    examples=(event("ssm:GetParameters", {"names": [f"/app/{n}" for n in range(25)], "withDecryption": True}),),
    near_misses=(
        event("ssm:GetParameters", {"names": [f"/app/{n}" for n in range(25)]}),
        event("ssm:GetParameters", {"names": ["/app/a"], "withDecryption": True}),
    ),
)
