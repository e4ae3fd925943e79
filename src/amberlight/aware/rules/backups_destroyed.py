"""Many backups deleted.

Many snapshots, images or recovery points are deleted by one principal within minutes. Retention is done by services.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events, text
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Each different backup counts once."""
    asked = found.request
    name = next((text(asked.get(key)) for key in NAMES if asked.get(key)), "")
    return Match(reason="backups were deleted", items=(name,) if name else ())


NAMES = ("snapshotId", "imageId", "dBSnapshotIdentifier", "dBClusterSnapshotIdentifier", "recoveryPointArn")


RULE = Rule(
    id="backups_destroyed",
    title="Many backups deleted",
    tactic="impact",
    techniques=("T1490", "T1485"),
    points=60,
    severity="critical",
    at_least=10,
    below=8.0,
    false_triggers="clearing up by hand or by script: on several days it counts as habit",
    references=("https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html",),
    events=(
        "ec2:DeleteSnapshot",
        "ec2:DeregisterImage",
        "rds:DeleteDBSnapshot",
        "rds:DeleteDBClusterSnapshot",
        "rds:DeleteDBInstanceAutomatedBackup",
        "backup:DeleteRecoveryPoint",
        "backup:DeleteBackupVault",
    ),
    on_event=match,
    examples=(events(*(event("ec2:DeleteSnapshot", {"snapshotId": f"snap-{n}"}) for n in range(12))),),
    near_misses=(event("ec2:DeleteSnapshot", {"snapshotId": "snap-1"}),),
)
