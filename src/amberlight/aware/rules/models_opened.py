"""Foundation models opened for use.

Access to foundation models is opened (agreement, use case, entitlement), as thieves of model time do first; used at once, it
weighs more.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any of the calls."""
    return Match(reason=f"foundation models were opened for use: {found.name}")


RULE = Rule(
    id="models_opened",
    title="Foundation models opened for use",
    tactic="impact",
    techniques=("T1496",),
    points=45,
    severity="medium",
    denied=True,
    false_triggers="a developer who starts with models: in the console, as a rule",
    references=("https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html",),
    events=(
        "bedrock:PutUseCaseForModelAccess",
        "bedrock:CreateFoundationModelAgreement",
        "bedrock:PutFoundationModelEntitlement",
    ),
    on_event=match,
    examples=(event("bedrock:PutUseCaseForModelAccess", {}),),
    near_misses=(event("bedrock:ListFoundationModels", {}),),
)
