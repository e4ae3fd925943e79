"""Lambda code or layers replaced.

A function's code or layers are replaced outside a stack: what runs with the function's role is somebody's choice now.
Deployments do that all day, so it supports other reasons.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import account_in, event, members, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Code; or layers, which count more where they come from another account."""
    asked = found.request
    name = shown(text(asked.get("functionName")).rpartition(":")[2])
    if found.action == "UpdateFunctionCode":
        return Match(reason=f"code of the function {name} was replaced", points=20)
    layers = [text(one.get("arn")) if isinstance(one, dict) else text(one) for one in members(asked, "layers")]
    if not any(layers):
        return None
    foreign = sorted({account_in(one) for one in layers} - {found.account, ""})
    where = f" from the account {', '.join(foreign)}" if foreign else ""
    return Match(reason=f"a layer{where} was put into the function {name}", points=45 if foreign else 35)


RULE = Rule(
    id="function_changed",
    title="Lambda code or layers replaced",
    tactic="persistence",
    techniques=("T1525", "T1648", "T1546"),
    points=25,
    severity="medium",
    false_triggers="every deployment",
    references=(
        "https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html",
        "https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html",
    ),
    events=(
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
    ),
    on_event=match,
    examples=(
        event(
            "lambda:UpdateFunctionConfiguration20150331v2",
            {"functionName": "f", "layers": ["arn:aws:lambda:us-east-1:999988887777:layer:x:1"]},
        ),
        event("lambda:UpdateFunctionCode20150331v2", {"functionName": "f"}),
    ),
    near_misses=(event("lambda:UpdateFunctionConfiguration20150331v2", {"functionName": "f", "timeout": 30}),),
)
