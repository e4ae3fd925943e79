"""A vault on the lab as a careful organisation would have it, and everybody who has a key to anything.

The stage of a drill, and what surrounds it on AWS: a trail of the vault account's own, a key that disks are encrypted with,
and the organisation's service control policy over the account.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from amberlight import plan as plans
from amberlight._aws import Clock, Credentials, Door, Sessions
from amberlight.capture import catalogue
from amberlight.lab import RunningLab
from amberlight.model.response_plan import ResponsePlan
from amberlight.practice import stage
from amberlight.vault import KmsSigner, S3Store, proof
from amberlight.vault.attack import Target
from amberlight.vault.policies import (
    ROLES,
    Document,
    Role,
    VaultNames,
    service_control_policy,
    trust_policy,
)
from amberlight.vault.proof import Signed
from amberlight.vault.prove import plant, standing_of

SESSION = "vault-proof"
TRAIL = "vault-trail"
WORKING: tuple[Role, ...] = tuple(role for role in ROLES if role != "deployer")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stronghold:
    """The vault and its besiegers. `guardrail` is the id of the service control policy, `hub` the key of the hub."""

    ground: stage.Stage
    plan: ResponsePlan
    names: VaultNames
    doors: Mapping[str, Door]
    target: Target
    guardrail: str
    hub: Credentials


def build(lab: RunningLab, out: Path, clock: Clock, case_id: str) -> Stronghold:
    """Build the accounts, open every door, and let the organisation's policy fall shut last.

    Args:
        lab: A fresh lab.
        out: A folder for the plan.
        clock: Time.
        case_id: Of the case that the canary belongs to.
    """
    ground = stage.enter(lab, 7, out / "truth", clock)
    sources = catalogue.load()
    hub_arn, hub = stage.build_hub(ground)
    vault = stage.build_vault(ground, sources, hub_arn)
    stage.build_capture_role(ground, sources, hub_arn)
    plan = stage.write_plan(ground, vault, "", ())
    (out / "amberlight.yaml").write_text(plans.dump(plan), encoding="utf-8")
    names = VaultNames(
        bucket=vault.bucket, account=ground.vault.account, region=ground.region, hub=hub_arn, key_arn=vault.signing_key,
        tls=False,
    )  # fmt: skip
    data_key = ground.vault.call("kms.CreateKey", Description="disks")["KeyMetadata"]["Arn"]
    trail = build_trail(ground)
    doors = besiegers(ground, names, plan, hub)
    store = S3Store(doors["vault writer"], doors["vault examiner"], names.bucket, clock)
    target = Target(
        bucket=names.bucket,
        stored=plant(store, case_id),
        account=names.account,
        signing_key=vault.signing_key,
        data_key=data_key,
        trail=trail,
        roles=tuple(names.role_arn(role) for role in WORKING),
        deployer=names.role_arn("deployer"),
        expendable=True,
    )
    guardrail = guard(ground, service_control_policy(names))
    return Stronghold(ground=ground, plan=plan, names=names, doors=doors, target=target, guardrail=guardrail, hub=hub)


def besiegers(ground: stage.Stage, names: VaultNames, plan: ResponsePlan, hub: Credentials) -> dict[str, Door]:
    """A door for everybody: the subject account's powerful, the hub, each role of ours, the vault account's own."""

    def user(account: str, who: str) -> Door:
        return stage.door(ground.lab, account, who, ground.clock)

    sessions = Sessions(region=ground.region, credentials=hub, endpoint=ground.lab.endpoint, clock=ground.clock)

    def role(arn: str) -> Door:
        return sessions.role_door(arn, name=SESSION)

    receiver = f"arn:aws:iam::{names.account}:role/{plan.vault.receiver_role}"
    return {
        "prod admin": user("prod", "admin"),
        "prod root": user("prod", "root"),
        "capture": role(f"arn:aws:iam::{ground.prod.account}:role/{plan.capture.capture_role}"),
        "hub": sessions.door(ground.security.account, principal="hub"),
        **{f"vault {name}": role(names.role_arn(name)) for name in WORKING},
        "vault receiver": role(receiver),
        "vault deployer": deployer(ground, names),
        "vault admin": user("vault", "admin"),
        "vault root": user("vault", "root"),
    }


def deployer(ground: stage.Stage, names: VaultNames) -> Door:
    """What a person with a second factor would have: the lab has no such device, so the door stands open for one moment."""
    name = names.role_arn("deployer").rpartition("/")[2]
    shut = trust_policy("deployer", names)
    open_now = json.loads(json.dumps(shut))
    del open_now["Statement"][0]["Condition"]
    ground.vault.call("iam.UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=json.dumps(open_now))
    keys = stage.credentials(ground.lab.accounts["vault"].admin)
    sessions = Sessions(region=ground.region, credentials=keys, endpoint=ground.lab.endpoint, clock=ground.clock)
    door = sessions.role_door(names.role_arn("deployer"), name=SESSION)
    ground.vault.call("iam.UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=json.dumps(shut))
    return door


def build_trail(ground: stage.Stage) -> str:
    """The vault account's own trail, signed and running; its ARN."""
    bucket = f"trail-{ground.vault.account}"
    service = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
    ground.vault.call("s3.CreateBucket", Bucket=bucket)
    policy = stage.text(
        {**service, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}"},
        {**service, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"},
    )
    ground.vault.call("s3.PutBucketPolicy", Bucket=bucket, Policy=policy)
    made = ground.vault.call(
        "cloudtrail.CreateTrail", Name=TRAIL, S3BucketName=bucket, IsMultiRegionTrail=True, EnableLogFileValidation=True
    )
    ground.vault.call("cloudtrail.StartLogging", Name=made["TrailARN"])
    return str(made["TrailARN"])


def guard(ground: stage.Stage, policy: Document) -> str:
    """Attach a service control policy to the vault account; its id."""
    made = ground.security.call(
        "organizations.CreatePolicy",
        Name="vault",
        Description="What nobody does in the vault account",
        Type="SERVICE_CONTROL_POLICY",
        Content=json.dumps(policy),
    )["Policy"]["PolicySummary"]["Id"]
    ground.security.call("organizations.AttachPolicy", PolicyId=made, TargetId=ground.vault.account)
    return str(made)


def prove(lab: RunningLab, out: Path, clock: Clock) -> Signed:
    """Build the vault, attack it with everybody, and file the report in it."""
    case_id = proof.case_of(clock)
    hold = build(lab, out, clock, case_id)
    return attack(hold, clock, case_id)


def attack(hold: Stronghold, clock: Clock, case_id: str) -> Signed:
    """Attack a vault that stands with every door there is."""
    writer, examiner, signer = (hold.doors[f"vault {role}"] for role in ("writer", "examiner", "signer"))
    store = S3Store(writer, examiner, hold.names.bucket, clock)
    standing = standing_of(examiner, hold.names.bucket)
    made = proof.made(hold.doors, hold.target, standing, where="lab", clock=clock)
    key = KmsSigner(signer, hold.target.signing_key)
    return proof.filed(made, store, key, proof.book(store, key, clock, case_id))
