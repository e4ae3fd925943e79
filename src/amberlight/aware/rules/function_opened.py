"""A function may be called from outside.

A function may be called by another account or by anybody: a door that needs no credentials of the account.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, outsiders, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """A principal that is neither a service nor the own account; less for URLs and under conditions."""
    asked = found.request
    name = shown(text(asked.get("functionName")).rpartition(":")[2] or asked.get("layerName", ""))
    if found.action == "CreateFunctionUrlConfig":
        open_url = asked.get("authType") == "NONE"
        return Match(reason=f"the function {name} got a URL without authentication", points=30) if open_url else None
    outside = list(outsiders({"AWS": asked.get("principal")}, found.account))
    if not outside:
        return None
    narrowed = any(asked.get(key) for key in ("sourceArn", "sourceAccount", "principalOrgID", "organizationId"))
    url = asked.get("functionUrlAuthType") == "NONE" or "Layer" in found.action
    points = 20 if narrowed else 35 if url else None
    return Match(reason=f"{name} may be used by {outside[0]}", points=points)


RULE = Rule(
    id="function_opened",
    title="A function may be called from outside",
    tactic="persistence",
    techniques=("T1546", "T1098"),
    points=75,
    severity="high",
    false_triggers="partners that call a function; public function URLs are meant to be public",
    references=("https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html",),
    events=(
        "lambda:AddPermission",
        "lambda:AddLayerVersionPermission",
        "lambda:CreateFunctionUrlConfig",
    ),
    on_event=match,
    examples=(
        event(
            "lambda:AddPermission20150331v2", {"functionName": "f", "principal": "*", "action": "lambda:InvokeFunction"}
        ),
    ),
    near_misses=(
        event(
            "lambda:AddPermission20150331v2",
            {"functionName": "f", "principal": "s3.amazonaws.com", "sourceArn": "arn:aws:s3:::b"},
        ),
        event("lambda:AddPermission20150331v2", {"functionName": "f", "principal": "111122223333"}),
    ),
)
