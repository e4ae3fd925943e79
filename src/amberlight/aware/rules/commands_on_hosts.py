"""Shell commands run on instances.

Shell commands are run on instances through Systems Manager. On a single host it supports other reasons; on several within
minutes, by a principal who never does it, it is an intruder who moves.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, members, text, workload
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Documents that run what the caller wrote; each different instance counts once."""
    asked = found.request
    document = text(asked.get("documentName"))
    if document.rpartition("/")[2] not in SHELLS:
        return None
    targets = [text(one) for one in members(asked, "instanceIds")]
    many = [str(one) for one in members(asked, "targets")]
    return Match(
        reason="shell commands were run on instances through Systems Manager",
        points=40 if workload(found) else None,
        items=tuple(filter(None, targets)) or tuple(many),
        resources=tuple(f"instance/{one}" for one in targets if one),
    )


SHELLS = frozenset({"AWS-RunShellScript", "AWS-RunPowerShellScript", "AWS-RunRemoteScript", "AWS-RunSaltState"})


RULE = Rule(
    id="commands_on_hosts",
    title="Shell commands run on instances",
    tactic="execution",
    techniques=("T1651",),
    points=70,
    severity="high",
    at_least=3,
    below=25.0,
    false_triggers="fleet automation: doing it on several days counts as habit",
    references=("https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html",),
    events=("ssm:SendCommand",),
    on_event=match,
    examples=(event("ssm:SendCommand", {"documentName": "AWS-RunShellScript", "instanceIds": ["i-1", "i-2", "i-3"]}),),
    near_misses=(
        event("ssm:SendCommand", {"documentName": "AWS-RunPatchBaseline", "instanceIds": ["i-1", "i-2", "i-3"]}),
    ),
)
