"""What was on the instance's disks, at one and the same instant?

All EBS volumes of the instance are frozen by one CreateSnapshots call (crash-consistent across volumes). When the
snapshots are complete, each is shared with the vault account, copied there under the vault's own key, and the copy is
locked while it is still pending, so that nobody can delete it; then the share is taken back. What is sealed is the
description of each copy with its lineage: volume, device, first snapshot, copy, lock.

The first mutating call comes after at most one read, and nothing can veto it: no agent on the host, no instance
profile and no tag is asked for. Descriptions carry an opaque token and nothing that says what this is about. EC2 has no
idempotency token for these calls, so a second attempt first looks for snapshots that carry the token and goes on there.

A volume that is encrypted with the account's default key (`aws/ebs`) cannot be shared: its snapshot stays in the
account, and the gap says so and how to go on. Instance-store disks are not EBS and are not in it.

The first snapshots stay in the account (they cost USD 0.05 per GiB-month and can be listed) until a person removes them:
this source deletes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from amberlight.capture.answers import PROBLEMS, missing, partition, wait_until
from amberlight.model.errors import AmberlightError, NotPossible, Unreachable
from amberlight.model.evidence import Artifact, Call, Context, Cost, Held, Missing, Need, Source

PATIENCE_S = 4 * 3600.0
LOCKS: dict[str, dict[str, Any]] = {  # as the vault's bucket: drills may be taken back by those who may bypass
    "drill": {"LockMode": "governance", "LockDuration": 1},
    "incident": {"LockMode": "compliance", "LockDuration": 30},
}
DEFAULT_KEY = (
    "{problem} A snapshot under the account's default EBS key cannot be shared. {snapshot} stays in the subject account: "
    "copy it there with CopySnapshot and KmsKeyId set to a key of the vault account, then share that copy."
)


def capture(context: Context) -> Iterator[Artifact]:
    """Freeze all volumes, then bring each snapshot into the vault account as soon as it is complete."""
    pending = {one["SnapshotId"]: one for one in _frozen(context)}
    copying: dict[str, dict[str, Any]] = {}
    if not pending:
        yield Missing(what="EBS volumes", state="empty", reason="The instance has no EBS volume.")
        return
    problem: AmberlightError
    try:
        yield from _bring(context, pending, copying)
        problem = Unreachable(f"It was not complete within {PATIENCE_S:.0f} seconds.", "Look at it later, or resume.")
    except PROBLEMS as met:
        problem = met
    for name in sorted(pending):
        yield missing(f"{name}, which stays in the subject account", problem)
    for name in sorted(copying):
        yield missing(f"{name}, a locked copy in the vault account", problem)


def _bring(
    context: Context, pending: dict[str, dict[str, Any]], copying: dict[str, dict[str, Any]]
) -> Iterator[Artifact]:
    """Copy what is complete, hold what is copied, until nothing is left or the patience ends."""
    for _ in wait_until(context, PATIENCE_S, 0.5):
        for one in _ended(context, sorted(pending)):
            yield from _start_copy(context, {**pending.pop(one["SnapshotId"]), **one}, copying)
        for copy in _ended(context, sorted(copying), vault=True):
            yield from _finish(context, copying.pop(copy["SnapshotId"]), copy)
        if not pending and not copying:
            return


def _frozen(context: Context) -> list[dict[str, Any]]:
    """The snapshots of all volumes at one instant: those of an earlier attempt, or new ones."""
    token, region = context.token(), context.target.region
    found = _with_description(context, token)
    if found:
        return found
    answer = context.aws.call(
        "ec2.CreateSnapshots",
        region=region,
        Description=token,
        InstanceSpecification={"InstanceId": context.target.name, "ExcludeBootVolume": False},
    )
    return sorted(answer["Snapshots"], key=lambda one: str(one["VolumeId"]))


def _with_description(context: Context, text: str, *, vault: bool = False) -> list[dict[str, Any]]:
    """The account's own snapshots that carry exactly this description."""
    aws = context.vault_aws if vault else context.aws
    answers = aws.pages(
        "ec2.DescribeSnapshots",
        region=context.target.region,
        OwnerIds=["self"],
        Filters=[{"Name": "description", "Values": [text]}],
    )
    found = [one for page in answers for one in page["Snapshots"] if one.get("Description") == text]
    return sorted(found, key=lambda one: (str(one.get("VolumeId")), str(one["SnapshotId"])))


def _ended(context: Context, names: list[str], *, vault: bool = False) -> list[dict[str, Any]]:
    """Those of the snapshots that are no longer pending; one that EC2 does not know yet counts as pending."""
    if not names:
        return []
    aws = context.vault_aws if vault else context.aws
    try:
        pages = list(aws.pages("ec2.DescribeSnapshots", region=context.target.region, SnapshotIds=names))
    except NotPossible as problem:
        if problem.aws_code == "InvalidSnapshot.NotFound":  # a new snapshot may be invisible for some seconds
            return []
        raise
    return [one for page in pages for one in page["Snapshots"] if one["State"] in {"completed", "error"}]


def _start_copy(context: Context, first: dict[str, Any], copying: dict[str, dict[str, Any]]) -> Iterator[Missing]:
    """Share a complete snapshot, have it copied in the vault account and lock the copy at once."""
    name = first["SnapshotId"]
    if first["State"] == "error":
        yield Missing(what=name, state="failed", reason=f"EC2: {first.get('StateMessage', 'the snapshot failed')}.")
        return
    try:
        _share(context, name, "add")
        copy = _copy(context, first)
    except PROBLEMS as problem:
        yield from _stays(context, first, problem)
        return
    copying[copy] = first
    try:
        first["Lock"] = context.vault_aws.call(
            "ec2.LockSnapshot", region=context.target.region, SnapshotId=copy, **LOCKS[context.kind]
        )
    except PROBLEMS as problem:
        yield missing(f"lock of {copy}", problem)


def _share(context: Context, name: str, how: str) -> None:
    """Let the vault account use a snapshot of the subject account, or no longer."""
    context.aws.call(
        "ec2.ModifySnapshotAttribute",
        region=context.target.region,
        SnapshotId=name,
        Attribute="createVolumePermission",
        OperationType=how,
        UserIds=[context.vault_account],
    )


def _copy(context: Context, first: dict[str, Any]) -> str:
    """The id of the vault account's copy: that of an earlier attempt, or a new one."""
    text, region = f"{context.token()}-{first['VolumeId']}", context.target.region
    found = _with_description(context, text, vault=True)
    if found:
        return str(found[0]["SnapshotId"])
    answer = context.vault_aws.call(
        "ec2.CopySnapshot",
        region=region,
        SourceRegion=region,
        SourceSnapshotId=first["SnapshotId"],
        Description=text,
        Encrypted=True,
    )
    return str(answer["SnapshotId"])


def _stays(context: Context, first: dict[str, Any], problem: AmberlightError) -> Iterator[Missing]:
    """A snapshot that could not be brought over: no share is left behind, and the reason says how to go on."""
    name = first["SnapshotId"]
    if isinstance(problem, NotPossible) and first.get("Encrypted") and "ModifySnapshotAttribute" in problem.cause:
        reason = DEFAULT_KEY.format(problem=problem.cause, snapshot=name)
        yield Missing(what=name, state="not-possible", reason=reason)
        return
    yield missing(f"{name}, which stays in the subject account", problem)
    if "ModifySnapshotAttribute" not in problem.cause:
        yield from _take_back(context, name)


def _take_back(context: Context, name: str) -> Iterator[Missing]:
    try:
        _share(context, name, "remove")
    except PROBLEMS as problem:
        yield missing(f"end of the share of {name} with the vault account", problem)


def _finish(context: Context, first: dict[str, Any], copy: dict[str, Any]) -> Iterator[Artifact]:
    """The copy has ended: take the share back, and hold what came of it."""
    yield from _take_back(context, first["SnapshotId"])
    if copy["State"] == "error":
        reason = f"EC2: {copy.get('StateMessage', 'the copy failed')}. The first snapshot stays in the subject account."
        yield Missing(what=copy["SnapshotId"], state="failed", reason=reason)
        return
    region, lock = context.target.region, first.pop("Lock", {})
    names = {"volume": first["VolumeId"], "first": first["SnapshotId"], "copy": copy["SnapshotId"]}
    lineage = {"instance": context.target.name, **names}
    yield Held(
        path=f"{first['VolumeId']}.snapshot.json",
        arn=f"arn:{partition(region)}:ec2:{region}::snapshot/{copy['SnapshotId']}",
        description={"lineage": lineage, "first": first, "copy": copy, "lock": lock},
        facts={**lineage, "size_gib": first.get("VolumeSize"), "lock": lock.get("LockState", "none")},
    )


SOURCE = Source(
    id="disk.ebs_snapshot",
    title="All EBS volumes of an instance at one instant",
    takes=("instance",),
    capture=capture,
    calls=(
        Call(operation="ec2.DescribeSnapshots", actions=("ec2:DescribeSnapshots",)),
        Call(operation="ec2.CreateSnapshots", actions=("ec2:CreateSnapshots",), mutates=True),
        Call(operation="ec2.ModifySnapshotAttribute", actions=("ec2:ModifySnapshotAttribute",), mutates=True),
        Call(operation="ec2.DescribeSnapshots", actions=("ec2:DescribeSnapshots",), account="vault"),
        Call(
            operation="ec2.CopySnapshot",
            actions=(
                "ec2:CopySnapshot",
                "kms:CreateGrant",
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ),
            mutates=True,
            account="vault",
        ),
        Call(operation="ec2.LockSnapshot", actions=("ec2:LockSnapshot",), mutates=True, account="vault"),
    ),
    seen=2,
    seen_text="new snapshots can be listed in the account; CreateSnapshots and the sharing are in its trail",
    gone_after=timedelta(hours=1),
    reaches_back=timedelta(0),
    cost=Cost(usd=0.05 * 8 * 2, basis="8 GiB twice at USD 0.05 per GiB-month of snapshot data (us-east-1, 2026-11)"),
    needs=(
        Need(
            text="No volume is encrypted with the account's default EBS key.",
            fix="Encrypt volumes with a key of your own whose policy lets the vault account use it.",
        ),
    ),
    yields=("application/json",),
    leaves=("one snapshot per volume in the subject account, with an opaque description",),
    references=(
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSnapshots.html",
        "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html",
        "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-snapshot-lock.html",
        "https://aws.amazon.com/ebs/pricing/",
    ),
    lasts=timedelta(minutes=10),
)
