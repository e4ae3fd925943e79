"""Records the flights of the sources on the embedded lab: python tests/flights/record.py [source id ...]

Builds a small account with something for every source to find, runs each source through recording doors, and writes
`tests/flights/<source id>.jsonl`. Account ids of the lab are replaced by those that AWS uses in its documentation.
"""

import base64
import dataclasses
import hashlib
import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import boto3  # noqa: E402 - after the path
from player import SCRIPTS, VAULT  # noqa: E402
from recorder import Recording, RecordingDoor, RecordingSlot  # noqa: E402

from amberlight._aws import Credentials, Sessions, SystemClock  # noqa: E402
from amberlight.capture.catalogue import guest, load  # noqa: E402
from amberlight.capture.context import StepContext  # noqa: E402
from amberlight.capture.slots import HostSlot, Upload  # noqa: E402
from amberlight.lab import LabOptions, start  # noqa: E402
from amberlight.model.errors import AmberlightError  # noqa: E402
from amberlight.model.evidence import Stream  # noqa: E402
from amberlight.model.signals import Target  # noqa: E402

REGION, REGIONS = "us-east-1", ("us-east-1", "eu-west-1")
PROD, SECURITY = "111122223333", "777788889999"
BEACON = """#!/bin/sh
mkdir -p "$HOST_ROOT/var/tmp/.font-unix"
cd "$HOST_ROOT/var/tmp/.font-unix"
cat > fontsync <<'END'
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
line = socket.create_connection(listener.getsockname())
other, _ = listener.accept()
while True:
    line.sendall(b"SYNC ember-5eed\\n")
    other.recv(100)
    time.sleep(0.2)
END
setsid python3 "$HOST_ROOT/var/tmp/.font-unix/fontsync" </dev/null >/dev/null 2>&1 &
"""


def statement(*actions, **more):
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}]}
    )


def trust(**principal):
    document = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [document]})


WRITTEN = {  # what the lab cannot answer, written after the model of botocore
    "disk.ebs_snapshot": [
        {"scenario": "empty", "note": "written: an instance without EBS volumes", "kind": "drill", "regions": list(REGIONS),
         "since": {"$time": "2026-11-24T06:00:00+00:00"}, "until": {"$time": "2026-11-24T07:00:00+00:00"},
         "target": {"type": "instance", "account": PROD, "region": REGION, "name": "i-0123456789abcdef0"}},
        {"page": "ec2.DescribeSnapshots", "account": "subject", "region": REGION, "answer": {"Snapshots": []}, "parameters":
         {"OwnerIds": ["self"], "Filters": [{"Name": "description", "Values": ["t0ken5eed"]}]}},
        {"end": "ec2.DescribeSnapshots"},
        {"call": "ec2.CreateSnapshots", "account": "subject", "region": REGION, "answer": {"Snapshots": []}, "parameters":
         {"Description": "t0ken5eed", "InstanceSpecification": {"InstanceId": "i-0123456789abcdef0", "ExcludeBootVolume": False}}},
    ],
}  # fmt: skip


class Stage:
    """The lab with a small account in it."""

    def __init__(self, lab):
        self.lab, self.began = lab, SystemClock().now() - timedelta(minutes=1)
        self.prod, self.vault, self.security = (lab.accounts[name] for name in ("prod", "vault", "security"))
        self.names = {self.prod.id: PROD, self.vault.id: VAULT, self.security.id: SECURITY}

    def client(self, service, who, region=REGION):
        return boto3.client(
            service,
            endpoint_url=self.lab.endpoint,
            region_name=region,
            aws_access_key_id=who.access_key_id,
            aws_secret_access_key=who.secret_access_key,
        )

    def build(self):
        self._people()
        self._buckets()
        self._trails()
        self.idle, self.instance = self._host("#!/bin/sh\ntrue\n"), self._host(BEACON, profile="web")
        self._vault()
        for _ in range(60):  # more than one page of event history
            self.client("ec2", self.prod.admin).describe_instances()
        self.client("s3", self.key_of("build-agent")).list_buckets()
        time.sleep(4)  # noqa: TID251 - the lab delivers and digests by the clock
        self.client("cloudtrail", self.prod.admin).stop_logging(Name="quiet")
        time.sleep(2)  # noqa: TID251

    def key_of(self, user):
        made = self.client("iam", self.prod.admin).create_access_key(UserName=user)["AccessKey"]
        return Credentials(access_key_id=made["AccessKeyId"], secret_access_key=made["SecretAccessKey"])

    def _people(self):
        iam = self.client("iam", self.prod.admin)
        for name in ("build-agent", "nobody", "unused"):
            iam.create_user(UserName=name)
        iam.put_user_policy(UserName="build-agent", PolicyName="deploy", PolicyDocument=statement("s3:*"))
        policy = iam.create_policy(PolicyName="read", PolicyDocument=statement("s3:Get*", "ec2:Describe*"))["Policy"]
        iam.attach_user_policy(UserName="build-agent", PolicyArn=policy["Arn"])
        for role in ("web", "bare"):
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(Service="ec2.amazonaws.com"))
        iam.put_role_policy(RoleName="web", PolicyName="ship", PolicyDocument=statement("s3:PutObject"))
        iam.attach_role_policy(RoleName="web", PolicyArn=policy["Arn"])
        iam.create_instance_profile(InstanceProfileName="web")
        iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="web")
        self.nobody = self.key_of("nobody")

    def _buckets(self):
        s3 = self.client("s3", self.prod.admin)
        for name in ("customers", "trail-logs"):
            s3.create_bucket(Bucket=name)
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{self.prod.id}:root"},
                    "Action": "s3:GetObject",
                    "Resource": "arn:aws:s3:::customers/*",
                }
            ],
        }
        s3.put_bucket_policy(Bucket="customers", Policy=json.dumps(policy))
        s3.put_bucket_versioning(Bucket="customers", VersioningConfiguration={"Status": "Enabled"})
        policy["Statement"][0] |= {
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": ["s3:PutObject", "s3:GetBucketAcl"],
            "Resource": ["arn:aws:s3:::trail-logs", "arn:aws:s3:::trail-logs/*"],
        }
        s3.put_bucket_policy(Bucket="trail-logs", Policy=json.dumps(policy))
        s3.put_bucket_versioning(Bucket="trail-logs", VersioningConfiguration={"Status": "Enabled"})

    def _trails(self):
        trail = self.client("cloudtrail", self.prod.admin)
        for name, multi in (("main", True), ("quiet", False)):
            trail.create_trail(
                Name=name, S3BucketName="trail-logs", IsMultiRegionTrail=multi, EnableLogFileValidation=True
            )
            trail.start_logging(Name=name)

    def _host(self, script, profile=""):
        ec2, ssm = (self.client(name, self.prod.admin) for name in ("ec2", "ssm"))
        made = ec2.run_instances(
            ImageId="ami-00000001", MinCount=1, MaxCount=1, UserData=script,
            **({"IamInstanceProfile": {"Name": profile}} if profile else {}),
            BlockDeviceMappings=[
                {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}},
                {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 2}},
                {"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 1, "Encrypted": True}},
            ],
        )["Instances"][0]["InstanceId"]  # fmt: skip
        for _ in range(100):
            known = ssm.describe_instance_information()["InstanceInformationList"]
            if made in {one["InstanceId"] for one in known}:
                return made
            time.sleep(0.1)  # noqa: TID251
        raise SystemExit(f"{made} did not come up")

    def _vault(self):
        s3, iam = self.client("s3", self.vault.admin), self.client("iam", self.vault.admin)
        s3.create_bucket(Bucket="vault-flight", ObjectLockEnabledForBucket=True)
        iam.create_role(
            RoleName="writer", AssumeRolePolicyDocument=trust(AWS=f"arn:aws:iam::{self.vault.id}:user/admin")
        )
        iam.put_role_policy(RoleName="writer", PolicyName="put", PolicyDocument=statement("s3:PutObject"))
        iam.create_user(UserName="nobody")
        made = iam.create_access_key(UserName="nobody")["AccessKey"]
        self.vault_nobody = Credentials(access_key_id=made["AccessKeyId"], secret_access_key=made["SecretAccessKey"])
        ebs = self.client("ebs", self.vault.admin)
        self.copy = ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
        for index in (0, 1, 300):
            data = (f"block {index} of the disk\n".encode() * (1 << 15))[: 1 << 19]
            ebs.put_snapshot_block(
                SnapshotId=self.copy, BlockIndex=index, BlockData=data, DataLength=1 << 19, ChecksumAlgorithm="SHA256",
                Checksum=base64.b64encode(hashlib.sha256(data).digest()).decode(),
            )  # fmt: skip
        ebs.complete_snapshot(SnapshotId=self.copy, ChangedBlocksCount=3)

    def sessions(self, who):
        keys = Credentials(access_key_id=who.access_key_id, secret_access_key=who.secret_access_key)
        return Sessions(region=REGION, credentials=keys, endpoint=self.lab.endpoint)


class Absent:
    """A store that has nothing yet."""

    def find(self, key):
        return None


def context(stage, number, conversation, window, recording):
    """The context of one conversation, with everything recorded."""
    source, _, target, who, _ = conversation
    of_vault = who is stage.vault_nobody
    vault, clock = stage.sessions(who if of_vault else stage.vault.admin), SystemClock()
    door = stage.sessions(stage.prod.admin if of_vault else who).door(target.account)
    door.region = target.region

    def slot(key, inner):
        upload = Upload(
            bucket="vault-flight", region=REGION, endpoint=stage.lab.describe()["places"]["office"]["endpoint"]
        )
        real = HostSlot(
            key=f"{key}-{number}", context=dataclasses.replace(inner, aws=door), sessions=vault, store=Absent(), upload=upload,
            writer_role_arn=f"arn:aws:iam::{stage.vault.id}:role/writer",
        )  # fmt: skip
        name_of = lambda script: next(name for name in SCRIPTS if guest(name) == script)  # noqa: E731
        return RecordingSlot(real, key.rpartition("/")[2], name_of, recording)

    return StepContext(
        aws=RecordingDoor(door, "subject", recording),
        vault_aws=RecordingDoor(vault.door(stage.vault.id), "vault", recording),
        target=target, case_id="C-flight", kind="drill", step_id="step-1", source_id=source,
        since=window[0], until=window[1], regions=REGIONS, vault_account=stage.vault.id,
        idempotency_token="t0ken5eed", clock=clock, make_slot=slot,
        look=lambda name: (tuple(SimpleNamespace(facts=each) for each in earlier(stage, conversation).get(name, ())), True),
    )  # fmt: skip


def earlier(stage, conversation):
    """What another source sealed before: facts by its id."""
    if not conversation[0].endswith("ebs_image") or conversation[1] == "empty":
        return {}
    facts = {"volume": "vol-0123456789abcdef0", "first": "snap-0123456789abcdef0", "copy": stage.copy, "size_gib": 1}
    return {"disk.ebs_snapshot": [facts]}


def conversations(stage):
    """Source, scenario, target, whose credentials, and the window where it is not that of the stage."""

    def target(kind, name, account=stage.prod.id):
        return Target(type=kind, account=account, region=REGION, name=name)

    admin, nobody = stage.prod.admin, stage.nobody
    account, host = target("account", stage.prod.id), target("instance", stage.instance)
    old = (datetime(2001, 1, 1, tzinfo=UTC), datetime(2001, 1, 2, tzinfo=UTC))
    yield "api_calls.event_history", "full", account, admin, None
    yield "api_calls.event_history", "denied", account, nobody, None
    yield "api_calls.event_history", "empty", account, admin, old
    yield "api_calls.trail_files", "full", account, admin, None
    yield "api_calls.trail_files", "denied", account, nobody, None
    elsewhere = target("account", stage.security.id, stage.security.id)
    yield "api_calls.trail_files", "empty", elsewhere, stage.security.admin, None
    key = stage.key_of("build-agent").access_key_id
    for kind, name in (
        ("account", stage.prod.id),
        ("instance", stage.instance),
        ("bucket", "customers"),
        ("user", "build-agent"),
        ("role", "web"),
        ("key", key),
    ):
        yield "config.inventory", f"full: {kind}", target(kind, name), admin, None
    yield "config.inventory", "denied", target("bucket", "customers"), nobody, None
    yield "config.inventory", "empty", target("instance", "i-0123456789abcdef0"), admin, None
    for kind, name in (("account", stage.prod.id), ("user", "build-agent"), ("key", key)):
        yield "identity.authorization", f"full: {kind}", target(kind, name), admin, None
    yield "identity.authorization", "denied", account, nobody, None
    yield "identity.authorization", "empty", target("user", "unused"), admin, None
    for kind, name in (("user", "build-agent"), ("role", "web")):
        yield "identity.access_advisor", f"full: {kind}", target(kind, name), admin, None
    yield "identity.access_advisor", "denied", target("user", "build-agent"), nobody, None
    yield "identity.access_advisor", "empty", target("role", "bare"), admin, None
    yield "disk.ebs_snapshot", "full", host, admin, None
    yield "disk.ebs_snapshot", "denied", host, nobody, None
    yield "disk.ebs_image", "full", host, admin, None
    yield "disk.ebs_image", "denied", host, stage.vault_nobody, None
    yield "disk.ebs_image", "empty", host, admin, None
    for source in ("memory.linux_process", "packets.tcpdump", "host.linux_triage"):
        yield source, "full", host, admin, None
        yield source, "denied", host, nobody, None
        gone = target("instance", "i-0123456789abcdef0")
        yield source, "empty", target("instance", stage.idle) if source.startswith("memory") else gone, admin, None


def record(stage, only):
    catalogue, texts = load(), {}
    for number, conversation in enumerate(conversations(stage)):
        source, name, target, _, given_window = conversation
        if only and source not in only:
            continue
        window = given_window or (stage.began, SystemClock().now() + timedelta(seconds=1))
        recording = Recording(stage.names)
        given = context(stage, number, conversation, window, recording)
        seen, begin = [], time.monotonic()
        try:
            for artifact in catalogue[source].capture(given):
                size = (
                    sum(map(len, artifact.chunks))
                    if isinstance(artifact, Stream)
                    else len(getattr(artifact, "data", b""))
                )
                seen.append(
                    f"{type(artifact).__name__}:{getattr(artifact, 'path', '') or (artifact.what, artifact.state)}:{size}"
                )
        except AmberlightError as problem:
            seen.append(f"raised {type(problem).__name__}: {problem}")
        print(f"== {source} {name} {time.monotonic() - begin:.2f} s, {len(recording.lines)} steps")
        print("   " + "\n   ".join(seen[:60]))
        header = {
            "scenario": name,
            "target": {"type": target.type, "account": target.account, "region": REGION, "name": target.name},
            "kind": "drill",
            "regions": list(REGIONS),
            **({"earlier": found} if (found := earlier(stage, conversation)) else {}),
            "since": window[0],
            "until": window[1],
        }
        texts.setdefault(source, []).append(recording.text(header))
    for source, parts in texts.items():
        first = {"flight": source, "from": "the embedded lab's own answers, recorded by tests/flights/record.py"}
        written = "".join(json.dumps(line, sort_keys=True) + "\n" for line in WRITTEN.get(source, []))
        (HERE / f"{source}.jsonl").write_text(json.dumps(first) + "\n" + "".join(parts) + written, encoding="utf-8")


def main():
    with tempfile.TemporaryDirectory(prefix="flights-") as folder:
        options = LabOptions(
            workdir=Path(folder) / "lab",
            lookup_delay_s=0.1,
            delivery_interval_s=1.0,
            digest_interval_s=2.0,
            snapshot_pending_s=1.5,
        )
        with start(options) as lab:
            print(f"lab: {lab.isolation}")
            stage = Stage(lab)
            stage.build()
            record(stage, sys.argv[1:])


if __name__ == "__main__":
    main()
