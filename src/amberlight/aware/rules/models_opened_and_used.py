"""Models opened and invoked at once.

A principal opens a foundation model for use and invokes one within the hour, with an access key and not in the console.
"""

from __future__ import annotations

from datetime import timedelta

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Opening and invoking are the two different acts."""
    if found.console:
        return None
    act = "invoked" if found.name.startswith(("Invoke", "Converse")) else "opened"
    return Match(reason="a foundation model was opened for use and invoked at once", items=(act,))


RULE = Rule(
    id="models_opened_and_used",
    title="Models opened and invoked at once",
    tactic="impact",
    techniques=("T1496",),
    points=75,
    severity="high",
    at_least=2,
    denied=True,
    within=timedelta(hours=1),
    false_triggers="a developer who starts with models from the command line",
    references=("https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html",),
    events=(
        "bedrock:PutUseCaseForModelAccess",
        "bedrock:CreateFoundationModelAgreement",
        "bedrock:PutFoundationModelEntitlement",
        "bedrock:InvokeModel",
        "bedrock:InvokeModelWithResponseStream",
        "bedrock:Converse",
        "bedrock:ConverseStream",
    ),
    on_event=match,
    examples=(
        events(event("bedrock:PutFoundationModelEntitlement", {}), event("bedrock:InvokeModel", {"modelId": "m"})),
    ),
    near_misses=(event("bedrock:InvokeModel", {"modelId": "m"}),),
)
