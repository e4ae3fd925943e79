"""A disk read or exported as bytes.

Blocks of a snapshot are read through the EBS direct API, or an instance or image is exported: a disk leaves as bytes.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any of the calls; each snapshot or export counts once."""
    name = found.request.get("snapshotId") or found.request.get("instanceId") or found.request.get("imageId") or ""
    return Match(reason=f"{found.name}: the disk {shown(name)} was read or exported", items=(shown(name),))


RULE = Rule(
    id="disks_read_directly",
    title="A disk read or exported as bytes",
    tactic="exfiltration",
    techniques=("T1530", "T1537"),
    points=50,
    severity="high",
    false_triggers="backup products that use the EBS direct API, under roles of their own",
    references=("https://docs.aws.amazon.com/ebs/latest/APIReference/API_GetSnapshotBlock.html",),
    events=(
        "ebs:GetSnapshotBlock",
        "ebs:ListSnapshotBlocks",
        "ec2:CreateInstanceExportTask",
        "ec2:ExportImage",
        "ec2:CreateStoreImageTask",
    ),
    on_event=match,
    examples=(
        event("ebs:GetSnapshotBlock", {"snapshotId": "snap-1"}),
        event("ec2:CreateInstanceExportTask", {"instanceId": "i-1"}),
    ),
    near_misses=(event("ec2:CreateSnapshot", {"volumeId": "vol-1"}),),
)
