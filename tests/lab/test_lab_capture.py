"""A whole capture in the lab, by the generated policies alone: every source on one host, into a locked bucket."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from lab_tools import client, unique

from amberlight._aws import Credentials, Sessions, SystemClock
from amberlight._engine import Engine
from amberlight.capture import catalogue, planner, policy, runner
from amberlight.capture.slots import Upload
from amberlight.model.response_plan import CaptureLimits
from amberlight.model.signals import Case, Decision, Suspicion, Target
from amberlight.vault import Ledger, LocalSigner, S3Store
from amberlight.vault.policies import VaultNames, bucket_policy, role_policy, trust_policy

pytestmark = pytest.mark.lab
REGION = "us-east-1"


@dataclass
class Stage:
    """What the test set up."""

    plan: object
    station: runner.Station
    examiner: object


@pytest.fixture(scope="module")
def vault_names(lab, vault):
    hub = lab.accounts["security"]
    return VaultNames(
        bucket=unique("evidence"), account=vault.id, region=REGION, hub=f"arn:aws:iam::{hub.id}:user/admin",
        key_arn=f"arn:aws:kms:{REGION}:{vault.id}:key/none", tls=False,
        writer_role=unique("Writer"), examiner_role=unique("Examiner"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def built(lab, prod, vault, vault_names):
    """The bucket and the roles, as they are deployed."""
    s3, iam = client(lab, "s3", vault.admin), client(lab, "iam", vault.admin)
    s3.create_bucket(Bucket=vault_names.bucket, ObjectLockEnabledForBucket=True)
    s3.put_object_lock_configuration(
        Bucket=vault_names.bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
        },
    )
    for role in ("writer", "examiner"):
        name = getattr(vault_names, f"{role}_role")
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust_policy(role, vault_names)))
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(role_policy(role, vault_names)))
    s3.put_bucket_policy(Bucket=vault_names.bucket, Policy=json.dumps(bucket_policy(vault_names)))
    found = catalogue.load()
    names = {}
    for account, document in (
        (prod, policy.subject_policy(found, prod.id)),
        (vault, policy.vault_policy(found, vault.id)),
    ):
        names[account.id] = unique("Capture")
        mine = client(lab, "iam", account.admin)
        trust = {"Effect": "Allow", "Principal": {"AWS": vault_names.hub}, "Action": "sts:AssumeRole"}
        mine.create_role(
            RoleName=names[account.id],
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )
        mine.put_role_policy(RoleName=names[account.id], PolicyName="capture", PolicyDocument=json.dumps(document))
    return {account: f"arn:aws:iam::{account}:role/{name}" for account, name in names.items()}


def case_of(*targets):
    now = datetime(2026, 11, 24, tzinfo=UTC)
    suspicion = Suspicion(
        id="s", page=True, severity="high", score=90.0, principals=(), addresses=(), first=now, last=now,
        techniques=(), reasons=(), event_ids=(),
    )  # fmt: skip
    decision = Decision(suspicion="s", verdict="promoted", by="x", authority="plan", when=now, reason="y")
    return Case(
        id=unique("c"),
        kind="drill",
        severity="high",
        opened=now,
        suspicion=suspicion,
        decision=decision,
        targets=targets,
    )


@pytest.fixture
def stage(lab, prod, vault, host, built, vault_names, tmp_path):  # noqa: PLR0917 - fixtures, by name
    hub = lab.accounts["security"].admin
    clock = SystemClock()
    keys = Credentials(access_key_id=hub.access_key_id, secret_access_key=hub.secret_access_key)
    sessions = Sessions(region=REGION, credentials=keys, endpoint=lab.endpoint, clock=clock)
    writer, examiner = (sessions.role_door(vault_names.role_arn(role), name="test") for role in ("writer", "examiner"))
    store = S3Store(writer, examiner, vault_names.bucket, clock)
    targets = (
        Target(type="account", account=prod.id, region=REGION, name=prod.id),
        Target(type="instance", account=prod.id, region=REGION, name=host["InstanceId"]),
        Target(type="role", account=prod.id, region=REGION, name="web"),
    )
    case = case_of(*targets)
    plan = planner.plan(
        case, catalogue.load(), CaptureLimits(max_seen=3), regions=(REGION,),
        since=clock.now() - timedelta(hours=1), until=clock.now() + timedelta(seconds=1), now=clock.now(),
    )  # fmt: skip
    ledger = Ledger(
        store, LocalSigner.create(tmp_path / "key.pem"), case_id=case.id, kind="drill", clock=clock, actor="t",
        authority="t", tool="t",
    )  # fmt: skip
    station = runner.Station(
        sessions=sessions,
        subject_doors={prod.id: sessions.role_door(built[prod.id], name="test")},
        vault_door=sessions.role_door(built[vault.id], name="test"),
        store=store,
        ledger=ledger,
        clock=clock,
        engine=Engine(f"sqlite:///{tmp_path}/engine.sqlite"),
        writer_role_arn=vault_names.role_arn("writer"),
        upload=Upload(
            bucket=vault_names.bucket, region=REGION, endpoint=lab.describe()["places"]["office"]["endpoint"]
        ),
    )
    return Stage(plan, station, examiner)


def test_everything_is_captured_under_exactly_the_generated_policies(stage, run):
    connected = (
        'import socket,sys,time; s=socket.create_server(("127.0.0.1",0)); c=socket.create_connection(s.getsockname()); '
        'open(sys.argv[1],"w").write("\\n"); time.sleep(60)'
    )
    # The command ends only when the process is connected: a slow start would else look like a host without any.
    run(
        "ready=$(mktemp -u) && mkfifo $ready",
        f"setsid python3 -c '{connected}' $ready </dev/null >/dev/null 2>&1 &",
        "read -r word < $ready; rm $ready",
    )
    events = []

    outcome = runner.run(stage.plan, catalogue.load(), stage.station, on_event=lambda *event: events.append(event))

    # The host has a volume under the account's default key, which cannot be shared, and one that was never written; tcpdump
    # may drop packets.
    expected = {"disk.ebs_snapshot", "disk.ebs_image", "packets.tcpdump", "api_calls.trail_files"}
    assert not [(gap.source, gap.reason) for gap in outcome.gaps if gap.source not in expected]
    assert not [gap.reason for gap in outcome.gaps if gap.state in ("denied", "unreachable", "throttled")]
    taken = {evidence.source for evidence in outcome.evidence}
    assert {"api_calls.event_history", "config.inventory", "identity.authorization", "disk.ebs_snapshot"} <= taken
    assert {"host.linux_triage", "memory.linux_process"} <= taken
    for evidence in outcome.evidence:
        stage.station.store.check(stage.station.store.find(evidence.key))
    acquired = [entry.what["key"] for entry in stage.station.ledger.entries() if entry.act == "acquired"]
    assert sorted(acquired) == sorted(evidence.key for evidence in outcome.evidence)
    assert sorted(acquired) == sorted(
        line.key for line in stage.station.store.listing(f"cases/{stage.plan.case}/evidence/")
    )
    started = [step.order for name, step in events if name == "started"]
    assert started[0] in (1, 2, 3)
    delivered = [evidence for evidence in outcome.evidence if "host_hash_agrees" in evidence.facts]
    assert all(evidence.facts["host_hash_agrees"] for evidence in delivered)
    assert len(delivered) >= 2
