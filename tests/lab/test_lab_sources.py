"""Every source on the lab, as a role that may do exactly what the source declares: no more is needed, and no less works."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from datetime import timedelta

import pytest
from lab_tools import client, eventually, needs_namespaces, trust, unique

from amberlight._aws import Credentials, Sessions, SystemClock
from amberlight._aws.door import Journal
from amberlight.capture.catalogue import load
from amberlight.capture.context import StepContext
from amberlight.capture.policy import subject_policy, vault_policy
from amberlight.capture.slots import HostSlot, Upload
from amberlight.handoff.assemble_disk import assemble
from amberlight.lab.netns import with_sbin
from amberlight.model.evidence import Delivered, Held, Missing, Stream
from amberlight.model.signals import Target
from amberlight.vault import S3Store

pytestmark = pytest.mark.lab
SOURCES, CLOCK = load(), SystemClock()
DEBUGFS = shutil.which("debugfs", path=with_sbin())
BEACON = """
mkdir -p "$HOST_ROOT/var/tmp/.font-unix" && cd "$HOST_ROOT/var/tmp/.font-unix"
cat > fontsync <<'END'
import hashlib, socket, sys, time
address = "127.0.0.1" if len(sys.argv) < 3 else sys.argv[2]
key = "bk-" + hashlib.sha256(sys.argv[1].encode()).hexdigest()
listener = socket.create_server((address, 0))
line = socket.create_connection(listener.getsockname(), source_address=(address, 0))
other, _ = listener.accept()
while True:
    line.sendall(b"SYNC ember-5eed\\n")
    other.recv(100)
    time.sleep(0.1)
END
setsid python3 "$HOST_ROOT/var/tmp/.font-unix/fontsync" seed {address} </dev/null >/dev/null 2>&1 &
echo started
"""
SECRET = b"bk-" + hashlib.sha256(b"seed").hexdigest().encode()


@pytest.fixture(scope="session")
def bucket(lab, vault):
    """A locked bucket of the vault account, and a role that may create objects in it."""
    s3, iam = client(lab, "s3", vault.admin), client(lab, "iam", vault.admin)
    s3.create_bucket(Bucket="sources-vault", ObjectLockEnabledForBucket=True)
    days = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
    s3.put_object_lock_configuration(Bucket="sources-vault", ObjectLockConfiguration=days)
    allowed = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::sources-vault/*"}
    role(iam, "sources-writer", vault, {"Version": "2012-10-17", "Statement": [allowed]})
    return "sources-vault"


def role(iam, name, account, policy):
    """A role of the account that its administrator may assume, with one policy; its ARN."""
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{account.id}:user/admin"}))
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    return f"arn:aws:iam::{account.id}:role/{name}"


class Taker:
    """Runs one source as roles that have its generated policies, and nothing else."""

    def __init__(self, lab, prod, vault, bucket):
        self.lab, self.prod, self.vault, self.bucket = lab, prod, vault, bucket

    def sessions(self, account):
        keys = Credentials(access_key_id=account.admin.access_key_id, secret_access_key=account.admin.secret_access_key)
        return Sessions(region=self.lab.region, credentials=keys, endpoint=self.lab.endpoint)

    def door(self, account, policy, calls, journal):
        iam = client(self.lab, "iam", account.admin)
        if not policy["Statement"]:
            return self.sessions(account).door(account.id, allowed=frozenset())
        arn = role(iam, unique("source"), account, policy)
        return self.sessions(account).role_door(arn, name="examiner-1").narrowed(frozenset(calls), journal)

    def __call__(self, source_id, kind, name, earlier=()):
        source, journal = SOURCES[source_id], Journal()
        one = {source_id: source}
        sides = {
            side: [call.operation for call in source.calls if call.account == side] for side in ("subject", "vault")
        }
        step = StepContext(
            aws=self.door(self.prod, subject_policy(one, self.prod.id), sides["subject"], journal),
            vault_aws=self.door(self.vault, vault_policy(one, self.vault.id), sides["vault"], journal),
            target=Target(type=kind, account=self.prod.id, region=self.lab.region, name=name),
            case_id="C-1", kind="drill", step_id=unique("s"), source_id=source_id,
            since=CLOCK.now() - timedelta(hours=1), until=CLOCK.now() + timedelta(seconds=1),
            regions=("us-east-1", "eu-west-1"), vault_account=self.vault.id, idempotency_token=unique("t0ken"),
            clock=CLOCK, make_slot=self.slot, look=lambda _: (earlier, True),
        )  # fmt: skip
        taken, gaps = {}, []
        for artifact in source.capture(step):
            if isinstance(artifact, Missing):
                gaps.append(artifact)
            else:
                taken[artifact.path] = (artifact, self.bytes_of(artifact))
        return taken, gaps, journal.calls()

    def slot(self, key, step):
        upload = Upload(
            bucket=self.bucket, region=self.lab.region, endpoint=self.lab.describe()["places"]["office"]["endpoint"]
        )
        sessions = self.sessions(self.vault)
        return HostSlot(
            key=f"{key}-{step.step_id}", context=step, sessions=sessions, store=self.store(), upload=upload,
            writer_role_arn=f"arn:aws:iam::{self.vault.id}:role/sources-writer",
        )  # fmt: skip

    def store(self):
        door = self.sessions(self.vault).door(self.vault.id)
        return S3Store(door, door, self.bucket, CLOCK)

    def bytes_of(self, artifact):
        if isinstance(artifact, Stream):
            return b"".join(artifact.chunks)
        if isinstance(artifact, Delivered):
            stored = self.store().adopt(artifact.key, artifact.sha256, artifact.size_bytes)
            return b"".join(self.store().read(stored))
        return None if isinstance(artifact, Held) else artifact.data


@pytest.fixture(scope="session")
def take(lab, prod, vault, bucket):
    return Taker(lab, prod, vault, bucket)


@pytest.fixture(scope="session")
def beacon(run, host):
    done = run(BEACON.replace("{address}", host["PrivateIpAddress"]))
    assert done["StandardOutputContent"].strip() == "started"
    return host["InstanceId"]


@pytest.fixture(scope="session")
def trail(aws, prod):
    name = unique("sources-trail")
    aws("s3").create_bucket(Bucket=name)
    allowed = {
        "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": ["s3:PutObject", "s3:GetBucketAcl"],
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
    }  # fmt: skip
    aws("s3").put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    aws("cloudtrail").create_trail(Name=name, S3BucketName=name, EnableLogFileValidation=True)
    aws("cloudtrail").start_logging(Name=name)
    aws("ec2").describe_volumes()

    def delivered():
        keys = str(aws("s3").list_objects_v2(Bucket=name).get("Contents"))
        return "/CloudTrail/" in keys and "/CloudTrail-Digest/" in keys

    eventually(delivered)
    yield name
    aws("cloudtrail").stop_logging(Name=name)


def undenied(calls):
    assert [call for call in calls if call.status == 403] == []


@pytest.mark.proves("cloudtrail.DescribeTrails", "cloudtrail.GetEventSelectors")
def test_trail_files(take, trail, prod):
    taken, _, calls = take("api_calls.trail_files", "account", prod.id)
    undenied(calls)
    mine = [path for path, (artifact, _) in taken.items() if artifact.facts.get("bucket") == trail]
    assert any("/CloudTrail/" in path for path in mine)
    assert any("/CloudTrail-Digest/" in path for path in mine)


def test_event_history(take, aws, prod, lab):
    aws("ec2").describe_key_pairs(KeyNames=[])
    eventually(lambda: "DescribeKeyPairs" in str(aws("cloudtrail").lookup_events(MaxResults=50)["Events"]))
    taken, gaps, calls = take("api_calls.event_history", "account", prod.id)
    undenied(calls)
    data = taken["event-history/us-east-1.jsonl"][1]
    assert "DescribeKeyPairs" in {json.loads(line)["EventName"] for line in data.decode().splitlines()}
    assert gaps == []


@pytest.mark.parametrize("kind", ["account", "instance", "user", "role"])
def test_inventory(take, prod, host, kind):
    name = {"account": prod.id, "instance": host["InstanceId"], "user": "admin", "role": "web"}[kind]
    taken, gaps, calls = take("config.inventory", kind, name)
    undenied(calls)
    assert gaps == []
    assert len(taken) >= 3


@pytest.mark.proves(
    "s3.GetBucketAcl",
    "s3.GetBucketEncryption",
    "s3.GetBucketLocation",
    "s3.GetBucketLogging",
    "s3.GetBucketPolicy",
    "s3.GetBucketVersioning",
)
def test_inventory_of_a_bucket(take, trail):
    taken, gaps, calls = take("config.inventory", "bucket", trail)
    undenied(calls)
    assert gaps == []
    assert len(taken) == 10


@pytest.mark.parametrize("kind", ["account", "user"])
def test_authorization(take, prod, kind):
    taken, gaps, calls = take("identity.authorization", kind, prod.id if kind == "account" else "admin")
    undenied(calls)
    assert gaps == []
    assert prod.id.encode() in b"".join(data for _, data in taken.values()) or kind == "user"


@pytest.mark.proves("iam.GetUser")
def test_access_advisor(take):
    taken, gaps, calls = take("identity.access_advisor", "user", "admin")
    undenied(calls)
    assert gaps == []
    assert "ec2" in taken["service-last-accessed.json"][0].facts["used"]


def test_snapshots(take, host, lab, vault):
    taken, gaps, calls = take("disk.ebs_snapshot", "instance", host["InstanceId"])
    undenied(calls)
    held = [artifact for artifact, _ in taken.values()]
    assert len(held) == 2
    assert [gap.state for gap in gaps] == ["not-possible"]  # the third volume has the default key
    made = [call.operation for call in calls]
    assert made.index("ec2.CreateSnapshots") <= 3
    ec2 = client(lab, "ec2", vault.admin)
    locked = ec2.describe_locked_snapshots(SnapshotIds=[one.facts["copy"] for one in held])["Snapshots"]
    assert {one["LockState"] for one in locked} <= {"governance", "governance-cooloff"}
    assert len(locked) == 2


@pytest.mark.skipif(DEBUGFS is None, reason="debugfs (e2fsprogs) is not installed")
@pytest.mark.proves("ebs.ListSnapshotBlocks", "ebs.GetSnapshotBlock")
def test_a_hosts_disk_becomes_a_raw_image(take, host, run, tmp_path):
    """What was written on the host is in the image; the subject account is not asked for anything."""
    marker = unique("written on the host before the snapshot")
    assert run(f'echo "{marker}" > "$HOST_ROOT/root/marker"', "sync")["ResponseCode"] == 0
    snapshots, _, _ = take("disk.ebs_snapshot", "instance", host["InstanceId"])
    held = tuple(artifact for artifact, _ in snapshots.values())
    taken, gaps, calls = take("disk.ebs_image", "instance", host["InstanceId"], held)
    undenied(calls)
    for path, (_, data) in taken.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    (root,) = [
        path.parent for path in tmp_path.glob("*/blocks.json") if json.loads(path.read_bytes())["size_bytes"] == 9 << 30
    ]
    done = assemble(root, tmp_path / "disk.raw")
    assert done["size_bytes"] == 9 << 30
    assert done["missing"] == []
    found = subprocess.run(
        [DEBUGFS, "-R", "cat /root/marker", tmp_path / "disk.raw"], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == marker
    # The other volume was never written.
    assert [gap.state for gap in gaps] == ["empty"]
    assert {call.account for call in calls} == {take.vault.id}


def test_process_memory(take, beacon):
    taken, gaps, calls = take("memory.linux_process", "instance", beacon)
    undenied(calls)
    ((artifact, data),) = taken.values()
    assert gaps == []
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (row,) = [one for one in json.load(archive.extractfile("processes.json")) if "fontsync" in one["cmdline"]]
        core = archive.extractfile(f"{row['pid']}/core").read()
    assert SECRET in core
    assert row["unreadable_bytes"] == 0
    assert artifact.facts["stopped"] is False


@needs_namespaces
def test_packets(take, beacon):
    taken, _, calls = take("packets.tcpdump", "instance", beacon)
    undenied(calls)
    ((artifact, data),) = taken.values()
    assert data.count(b"SYNC ember-5eed") >= 20
    assert artifact.facts["kernel_dropped"] == 0


def test_triage(take, beacon):
    taken, gaps, calls = take("host.linux_triage", "instance", beacon)
    undenied(calls)
    ((artifact, data),) = taken.values()
    assert gaps == []
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        rows = [json.loads(line) for line in archive.extractfile("triage/processes.jsonl")]
        assert archive.extractfile("etc/passwd").read().startswith(b"root:")
        assert b"SYNC" in archive.extractfile("var/tmp/.font-unix/fontsync").read()
    assert any("fontsync" in " ".join(row["cmdline"]) for row in rows)
    assert abs(artifact.facts["clock_offset_s"]) < 5
