"""The lab's trails, as a bucket and as a captured copy, put against the lab's own signatures: nothing is shared but AWS's rules."""

import gzip
import json
import shutil
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from lab_tools import client, eventually, unique

from amberlight._aws import Credentials, Sessions, SystemClock
from amberlight.capture.sources.api_calls.trail_files import SOURCE
from amberlight.model.evidence import Bytes, Missing
from amberlight.trail.prove import Bucket, Folder, prove

pytestmark = pytest.mark.lab
CLOCK = SystemClock()


@pytest.fixture(scope="module")
def trail(aws):
    """A trail of two Regions with three digests or more, stopped again."""
    s3, trails, name = aws("s3"), aws("cloudtrail"), unique("proved")
    s3.create_bucket(Bucket=name)
    allowed = {
        "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": ["s3:PutObject", "s3:GetBucketAcl"],
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
    }  # fmt: skip
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    trails.create_trail(Name=name, S3BucketName=name, IsMultiRegionTrail=True, EnableLogFileValidation=True)
    trails.start_logging(Name=name)

    def digests():
        aws("ec2").describe_volumes()
        aws("ec2", region="eu-west-1").describe_volumes()
        found = [each["Key"] for each in s3.list_objects_v2(Bucket=name).get("Contents", [])]
        return sum("CloudTrail-Digest/us-east-1" in key for key in found) >= 3

    eventually(digests, timeout=20)
    trails.stop_logging(Name=name)

    quiet = {"keys": set(), "since": 0.0}

    def settled():
        """Every log file is listed, and nothing came for as long as log and digest together may take."""
        found = {each["Key"] for each in s3.list_objects_v2(Bucket=name)["Contents"]}
        if found != quiet["keys"]:
            quiet.update(keys=found, since=time.monotonic())
        logs = {key for key in found if "/CloudTrail/" in key}
        return time.monotonic() - quiet["since"] > 3 and logs <= set(listed(s3, name, found))

    eventually(settled, timeout=20)
    return name


def listed(s3, name, keys):
    for key in keys:
        if "/CloudTrail-Digest/" in key:
            body = json.loads(gzip.decompress(s3.get_object(Bucket=name, Key=key)["Body"].read()))
            yield from (each["s3Object"] for each in body["logFiles"])


@pytest.fixture(scope="module")
def door(lab, prod):
    keys = Credentials(access_key_id=prod.admin.access_key_id, secret_access_key=prod.admin.secret_access_key)
    return Sessions(region=lab.region, credentials=keys, endpoint=lab.endpoint).door(prod.id)


class Captured:
    """Where the source's artifacts go: a folder. The trails of other tests stay outside."""

    def __init__(self, door, account, name):
        self.aws, self.name = door, name
        self.regions = ("us-east-1", "eu-west-1")
        self.since, self.until = CLOCK.now() - timedelta(hours=1), CLOCK.now() + timedelta(seconds=1)
        self.target = type("Target", (), {"account": account})

    def now(self):
        return CLOCK.now()

    def write(self, root):
        for artifact in SOURCE.capture(self):
            foreign = artifact.__class__ is not Missing and artifact.facts.get("bucket", self.name) != self.name
            if artifact.__class__ is Missing or foreign:
                continue
            data = artifact.data if isinstance(artifact, Bytes) else b"".join(artifact.chunks)
            if artifact.path.endswith(".meta.json") and json.loads(data)["Bucket"] != self.name:
                continue
            place = root / artifact.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        for path in (root / "cloudtrail").rglob("*.json"):
            if path.stem != self.name:
                path.unlink()
        return root


@pytest.fixture(scope="module")
def copy(trail, door, prod, tmp_path_factory):
    """The copy that a capture makes."""
    return Captured(door, prod.id, trail).write(tmp_path_factory.mktemp("copy"))


@pytest.mark.proves("s3.ListObjectsV2")
def test_the_bucket_itself(trail, door):
    proof = prove(Bucket(door, trail))
    assert proof.ok, proof.findings
    assert proof.digests.valid >= 4
    assert {key.source for key in proof.keys} == {"ListPublicKeys"}


def test_a_captured_copy_is_proved_and_the_stop_is_told(copy, trail):
    proof = prove(Folder(copy))
    assert (proof.exit_code, [one.trail for one in proof.stopped]) == (3, [trail])
    assert (proof.files.altered, proof.files.missing, proof.files.unsigned) == (0, 0, 0)
    assert {row.region for row in proof.hours} == {"us-east-1", "eu-west-1"}
    assert {row.state for row in proof.hours} <= {"valid", "gap"}


def test_the_command_without_aws(copy, tmp_path):
    shutil.copytree(copy, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy/cloudtrail")
    argv = [sys.executable, "-m", "amberlight.cli", "trail", "prove", str(tmp_path / "copy"), "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True), done.stdout + done.stderr
    log = next(path for path in (tmp_path / "copy").rglob("*.json.gz") if "/CloudTrail/" in str(path))
    log.write_bytes(log.read_bytes() + b"x")
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["files"]["altered"]) == (4, 1)


def test_the_command_on_the_bucket(lab, prod, trail):
    keys = {
        "AWS_ACCESS_KEY_ID": prod.admin.access_key_id, "AWS_SECRET_ACCESS_KEY": prod.admin.secret_access_key,
        "AWS_ENDPOINT_URL": lab.endpoint, "PATH": "/usr/bin:/bin",
    }  # fmt: skip
    argv = [sys.executable, "-m", "amberlight.cli", "trail", "prove", f"s3://{trail}/AWSLogs", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=keys)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_intruder_in_the_bucket_is_found(lab, prod, trail, door, aws):
    s3, copy = aws("s3"), unique("intruded")
    s3.create_bucket(Bucket=copy)
    for each in s3.list_objects_v2(Bucket=trail)["Contents"]:
        s3.copy_object(Bucket=copy, Key=each["Key"], CopySource={"Bucket": trail, "Key": each["Key"]})
    whole = prove(Bucket(door, copy))
    assert whole.ok, whole.findings
    mine = client(lab, "s3", prod.admin)
    digests = sorted(
        each["Key"] for each in mine.list_objects_v2(Bucket=copy)["Contents"] if "-Digest/us" in each["Key"]
    )
    body = mine.get_object(Bucket=copy, Key=digests[1])["Body"].read()
    mine.put_object(Bucket=copy, Key=digests[1], Body=body)  # the same bytes, and the metadata gone
    proof = prove(Bucket(door, copy))
    assert (proof.ok, proof.recovered) == (True, 1)
    mine.delete_object(Bucket=copy, Key=digests[1])
    assert prove(Bucket(door, copy)).digests.missing >= 1
