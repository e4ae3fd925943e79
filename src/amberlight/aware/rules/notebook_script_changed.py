"""Start script of a notebook changed.

The start script of a notebook instance is changed: at its next start it runs with the notebook's role.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """A changed script, or another script put on an existing notebook."""
    asked = found.request
    if found.name == "UpdateNotebookInstance" and not asked.get("lifecycleConfigName"):
        return None
    return Match(reason=f"a notebook start script was changed: {shown(asked.get('notebookInstanceName') or '')}")


RULE = Rule(
    id="notebook_script_changed",
    title="Start script of a notebook changed",
    tactic="execution",
    techniques=("T1059", "T1651"),
    points=45,
    severity="medium",
    false_triggers="data scientists who set up their notebooks",
    references=(
        "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateNotebookInstanceLifecycleConfig.html",
    ),
    events=(
        "sagemaker:UpdateNotebookInstanceLifecycleConfig",
        "sagemaker:UpdateNotebookInstance",
    ),
    on_event=match,
    examples=(event("sagemaker:UpdateNotebookInstance", {"notebookInstanceName": "n", "lifecycleConfigName": "c"}),),
    near_misses=(
        event("sagemaker:UpdateNotebookInstance", {"notebookInstanceName": "n", "instanceType": "ml.t3.medium"}),
    ),
)
