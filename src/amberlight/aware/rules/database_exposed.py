"""A database exposed, taken over or destroyed.

A database is made public, its master password is set anew, or it is deleted without a last snapshot.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """What was asked for."""
    asked = found.request
    name = shown(asked.get("dBInstanceIdentifier") or asked.get("dBClusterIdentifier") or "")
    if asked.get("publiclyAccessible") is True:
        return Match(reason=f"the database {name} is reachable from the internet")
    if asked.get("skipFinalSnapshot") is True:
        return Match(reason=f"the database {name} was deleted without a last snapshot", points=35)
    if found.name.startswith("Modify") and asked.get("masterUserPassword"):
        return Match(reason=f"the master password of {name} was set anew")
    return None


RULE = Rule(
    id="database_exposed",
    title="A database exposed, taken over or destroyed",
    tactic="collection",
    techniques=("T1530", "T1485"),
    points=30,
    severity="medium",
    false_triggers="somebody in a hurry; laboratories; password rotation by hand",
    references=("https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html",),
    events=(
        "rds:ModifyDBInstance",
        "rds:ModifyDBCluster",
        "rds:CreateDBInstance",
        "rds:RestoreDBInstanceFromDBSnapshot",
        "rds:DeleteDBInstance",
        "rds:DeleteDBCluster",
    ),
    on_event=match,
    examples=(event("rds:ModifyDBInstance", {"dBInstanceIdentifier": "d", "publiclyAccessible": True}),),
    near_misses=(event("rds:ModifyDBInstance", {"dBInstanceIdentifier": "d", "allocatedStorage": 100}),),
)
