"""Builds the three accounts in the lab by API calls, as their administrators would, and writes the response plan.

`security` holds the hub principal and the alarm queue, `vault` the locked bucket, the signing key and its roles, `prod`
the capture role and an alarm; what else is in `prod` is the drill's (`Drill.dress`). Every role's policy is the one that
the product prints for a real account.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from amberlight import plan as plans
from amberlight._aws import Clock, Credentials, Door, Sessions
from amberlight.capture import policy as capture_policies
from amberlight.lab import LabCredentials, RunningLab
from amberlight.model.evidence import Source
from amberlight.model.response_plan import (
    Account,
    AwarePlan,
    CaptureLimits,
    Contact,
    HandoffPlan,
    PracticePlan,
    ResponsePlan,
    VaultPlan,
    WitnessPlan,
)
from amberlight.vault.policies import (
    DRILL_RETENTION,
    LIFECYCLE,
    ROLES,
    VaultNames,
    bucket_policy,
    key_policy,
    role_policy,
    trust_policy,
)

HUB = "response-hub"
WITNESS = "witness"
"""A folder beside the package stands for a second organisation."""
CAPTURE_ROLE = "org-inventory-reader"
"""A name that says nothing of an investigation to who reads the trail."""
TOPIC = "usage-alarms"
QUEUE = "usage-alarms"
ALARM = "unusual-describe-volumes"
WITNESS_S = 5.0
"""Longest wait for the lab's own events of our calls; they take half a second."""
BURST = 20
"""Calls of one operation within a minute that raise the alarm; the account's ordinary life makes a few."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The lab's accounts by their administrators' doors; implements `Grounds` for the drill."""

    lab: RunningLab
    seed: int
    prod: Door
    security: Door
    vault: Door
    truth: Path
    region: str
    other_region: str
    clock: Clock


@dataclass(frozen=True, kw_only=True)
class Built:
    """What the response is given: the path of its plan, and the hub's key."""

    plan_path: Path
    plan: ResponsePlan
    hub: Credentials


def enter(lab: RunningLab, seed: int, truth: Path, clock: Clock) -> Stage:
    """Doors of the three administrators."""
    doors = {name: door(lab, name, "admin", clock) for name in ("prod", "security", "vault")}
    truth.mkdir(parents=True, exist_ok=True)
    return Stage(lab=lab, seed=seed, truth=truth, region=lab.region, other_region="eu-west-1", clock=clock, **doors)


def door(lab: RunningLab, account: str, who: str, clock: Clock) -> Door:
    """A door of an account's administrator (`admin`) or root user (`root`)."""
    found = lab.accounts[account]
    sessions = Sessions(
        region=lab.region, credentials=credentials(getattr(found, who)), endpoint=lab.endpoint, clock=clock
    )
    return sessions.door(found.id, principal=f"{account} {who}")


def credentials(keys: LabCredentials) -> Credentials:
    """The lab's form of a key as ours."""
    return Credentials(
        access_key_id=keys.access_key_id,
        secret_access_key=keys.secret_access_key,
        session_token=keys.session_token,
    )


def build(stage: Stage, catalogue: Mapping[str, Source], crown_jewels: tuple[str, ...], out: Path) -> Built:
    """Build hub, queue, alarm, vault and capture role; write the plan to `out`/amberlight.yaml and load it from there."""
    hub_arn, hub = build_hub(stage)
    queue_url = build_alarm(stage)
    vault = build_vault(stage, catalogue, hub_arn)
    build_capture_role(stage, catalogue, hub_arn)
    witness = (out / WITNESS).resolve()
    witness.mkdir()
    vault = structs.replace(vault, witness=WitnessPlan(place=str(witness)))
    plan = write_plan(stage, vault, queue_url, crown_jewels)
    path = out / "amberlight.yaml"
    path.write_text(plans.dump(plan), encoding="utf-8")
    return Built(plan_path=path, plan=plans.load(path), hub=hub)


def build_hub(stage: Stage) -> tuple[str, Credentials]:
    """The principal that responds: it may take on roles and empty the alarm queue, nothing else."""
    security = stage.security
    security.call("iam.CreateUser", UserName=HUB)
    queue = f"arn:aws:sqs:{stage.region}:{security.account}:{QUEUE}"
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"},
        {"Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"], "Resource": queue},
    ]
    security.call("iam.PutUserPolicy", UserName=HUB, PolicyName="respond", PolicyDocument=text(*statements))
    key = security.call("iam.CreateAccessKey", UserName=HUB)["AccessKey"]
    return f"arn:aws:iam::{security.account}:user/{HUB}", Credentials(
        access_key_id=key["AccessKeyId"], secret_access_key=key["SecretAccessKey"]
    )


def build_alarm(stage: Stage) -> str:
    """An alarm on the count of calls in prod, through a topic into a queue that the intruder cannot reach; its URL."""
    topic = stage.prod.call("sns.CreateTopic", Name=TOPIC)["TopicArn"]
    arn = f"arn:aws:sqs:{stage.region}:{stage.security.account}:{QUEUE}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    answer = stage.security.call("sqs.CreateQueue", QueueName=QUEUE, Attributes={"Policy": text(statement)})
    stage.prod.call("sns.Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=arn)
    dimensions = {"Type": "API", "Resource": "DescribeVolumes", "Service": "EC2", "Class": "None"}
    stage.prod.call(
        "cloudwatch.PutMetricAlarm",
        AlarmName=ALARM,
        Namespace="AWS/Usage",
        MetricName="CallCount",
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=float(BURST),
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
    )
    return str(answer["QueueUrl"])


def build_vault(stage: Stage, catalogue: Mapping[str, Source], hub_arn: str) -> VaultPlan:
    """The write-once bucket, the signing key, and the roles; the bucket's policy last, since it shuts the builder out."""
    vault, bucket = stage.vault, f"evidence-{stage.vault.account}"
    names = VaultNames(bucket=bucket, account=vault.account, region=stage.region, hub=hub_arn, key_arn="", tls=False)
    key = vault.call(
        "kms.CreateKey", KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Policy=json.dumps(key_policy(names))
    )["KeyMetadata"]["Arn"]
    names = VaultNames(bucket=bucket, account=vault.account, region=stage.region, hub=hub_arn, key_arn=key, tls=False)
    vault.call("s3.CreateBucket", Bucket=bucket, ObjectLockEnabledForBucket=True)
    vault.call(
        "s3.PutObjectLockConfiguration",
        Bucket=bucket,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": DRILL_RETENTION}},
    )
    vault.call("s3.PutBucketLifecycleConfiguration", Bucket=bucket, LifecycleConfiguration=LIFECYCLE)
    for name in ROLES:
        arn = names.role_arn(name)
        make_role(vault, arn.rpartition("/")[2], trust_policy(name, names), role_policy(name, names))
    plan = VaultPlan(bucket=bucket, region=stage.region, signing_key=key)
    receives = capture_policies.vault_policy(catalogue, vault.account)
    make_role(vault, plan.receiver_role, trusting(hub_arn), receives)
    vault.call("s3.PutBucketPolicy", Bucket=bucket, Policy=json.dumps(bucket_policy(names)))
    return plan


def build_capture_role(stage: Stage, catalogue: Mapping[str, Source], hub_arn: str) -> None:
    """The role in prod, with exactly the permissions that the sources declare."""
    allowed = capture_policies.subject_policy(catalogue, stage.prod.account)
    make_role(stage.prod, CAPTURE_ROLE, trusting(hub_arn), allowed)


def make_role(door: Door, name: str, trust: Mapping[str, Any], allowed: Mapping[str, Any]) -> None:
    """A role with one inline policy."""
    door.call("iam.CreateRole", RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    door.call("iam.PutRolePolicy", RoleName=name, PolicyName="work", PolicyDocument=json.dumps(allowed))


def trusting(principal: str) -> dict[str, Any]:
    """A trust policy for one principal."""
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def text(*statements: Mapping[str, Any]) -> str:
    """A policy document as text."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def write_plan(stage: Stage, vault: VaultPlan, queue_url: str, crown_jewels: tuple[str, ...]) -> ResponsePlan:
    """The response plan of an invented organisation for these accounts."""
    reviewed = stage.clock.now().date().isoformat()
    people = (
        ("Noor Adeyemi", "incident lead", "+00 555 0101"),
        ("Tomas Brandt", "incident lead", "+00 555 0102"),
        ("Sam Fell", "forensics", "+00 555 0103"),
        ("Ida Okafor", "forensics", "+00 555 0104"),
        ("Priya Lund", "detection", "+00 555 0105"),
        ("Karl Meyer", "detection", "+00 555 0106"),
        ("Ada Voss", "custodian", "+00 555 0107"),
        ("Leo Quist", "custodian", "+00 555 0108"),
    )
    accounts = (("prod", "subject"), ("security", "security"), ("vault", "vault"))
    return ResponsePlan(
        schema="amberlight.response-plan/1",
        organisation="Lantern Works (invented)",
        incident_is="Somebody acts in an account who should not, or acts as somebody else.",
        severities={"critical": "now", "high": "within an hour", "medium": "today", "low": "this week"},
        contacts=tuple(Contact(name=name, role=role, reach=reach, reviewed=reviewed) for name, role, reach in people),
        accounts=tuple(Account(id=getattr(stage, name).account, name=name, use=use) for name, use in accounts),
        vault=vault,
        aware=AwarePlan(crown_jewels=crown_jewels, auto_promote=("drill",), alarm_queue=queue_url),
        capture=CaptureLimits(capture_role=CAPTURE_ROLE, regions=(stage.region, stage.other_region)),
        handoff=HandoffPlan(
            partner="Harbour Forensics (invented)", partner_contact="desk@harbour.example", corroborate_s=WITNESS_S
        ),
        practice=PracticePlan(drills=("leaked_key",)),
    )
