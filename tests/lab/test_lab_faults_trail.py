"""Faults of what a trail delivers: late, twice, out of order, missing; digests that do not hold."""

import gzip
import hashlib
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from fault_tools import delivery_policy_for, in_force, struck
from lab_tools import eventually, refused, unique

pytestmark = pytest.mark.lab


class Trail:
    """A trail of one Region with digests, and how to read what it delivers."""

    def __init__(self, aws, name):
        self.aws, self.name, self.s3 = aws, name, aws("s3")
        self.s3.create_bucket(Bucket=name)
        self.s3.put_bucket_policy(Bucket=name, Policy=delivery_policy_for(name))
        aws("cloudtrail").create_trail(Name=name, S3BucketName=name, EnableLogFileValidation=True)
        aws("cloudtrail").start_logging(Name=name)

    def call(self, count=1):
        """Calls that can be told from all others; gives their request ids, in order."""
        return [self.aws("ec2", user_agent_extra=self.name).describe_volumes()["ResponseMetadata"]["RequestId"]
                for _ in range(count)]  # fmt: skip

    def keys(self, part="CloudTrail"):
        found = self.s3.list_objects_v2(Bucket=self.name).get("Contents", [])
        return sorted(each["Key"] for each in found if f"/{part}/" in each["Key"])

    def read(self, key):
        return gzip.decompress(self.s3.get_object(Bucket=self.name, Key=key)["Body"].read())

    def files(self):
        """The request ids of our calls in each file that has any, by its key."""
        found = {key: [each["requestID"] for each in json.loads(self.read(key))["Records"]
                       if self.name in each["userAgent"]] for key in self.keys()}  # fmt: skip
        return {key: ids for key, ids in found.items() if ids}

    def digests(self):
        return {key: json.loads(self.read(key)) for key in self.keys("CloudTrail-Digest")}

    def listed(self):
        """The files that digests list, by key."""
        return {each["s3Object"]: each for digest in self.digests().values() for each in digest["logFiles"]}

    def holds(self, key):
        """The documented check of one digest's signature."""
        answer = self.s3.get_object(Bucket=self.name, Key=key)
        plain = gzip.decompress(answer["Body"].read())
        digest = json.loads(plain)
        keys = self.aws("cloudtrail").list_public_keys()["PublicKeyList"]
        value = next(each["Value"] for each in keys if each["Fingerprint"] == digest["digestPublicKeyFingerprint"])
        text = "\n".join([digest["digestEndTime"], f"{self.name}/{key}", hashlib.sha256(plain).hexdigest(),
                          digest["previousDigestSignature"] or "null"])  # fmt: skip
        try:
            serialization.load_der_public_key(value).verify(
                bytes.fromhex(answer["Metadata"]["signature"]), text.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return False
        return True


@pytest.fixture
def trail(aws):
    made = Trail(aws, unique("faulty"))
    yield made
    aws("cloudtrail").delete_trail(Name=made.name)


def test_files_come_late_and_whole(lab, trail):
    with in_force(lab, {"fault": "trail-late", "trail": trail.name, "seconds": 3600, "count": 1}):
        lost = trail.call(2)
        eventually(lambda: struck(lab, "trail-late"))
        seen = trail.call(2)
        found = eventually(lambda: {each for ids in trail.files().values() for each in ids})
        assert set(seen) & found
        assert not set(lost) & found
    with in_force(lab, {"fault": "trail-late", "trail": trail.name, "seconds": 0.1, "count": 1}):
        later = trail.call(2)
        found = eventually(lambda: [ids for ids in trail.files().values() if set(later) <= set(ids)])
        assert struck(lab, "trail-late") == 1


def test_a_file_is_delivered_twice_and_digests_list_both(lab, trail):
    with in_force(lab, {"fault": "trail-duplicate", "trail": trail.name}):
        (call,) = trail.call()
        keys = eventually(lambda: (
            found if len(found := [key for key, ids in trail.files().items() if call in ids]) == 2 else None
        ))  # fmt: skip
        assert struck(lab, "trail-duplicate")
    assert trail.read(keys[0]) == trail.read(keys[1])
    eventually(lambda: set(keys) <= set(trail.listed()))


def test_events_are_out_of_order_within_files_and_over_them(lab, trail):
    with in_force(lab, {"fault": "trail-disorder", "trail": trail.name}):
        calls = trail.call(8)
        eventually(lambda: {each for ids in trail.files().values() for each in ids} >= set(calls))
        assert struck(lab, "trail-disorder")
    files = list(trail.files().values())
    assert sorted(each for ids in files for each in ids) == sorted(calls)
    assert len(files) > 1
    assert any(ids != sorted(ids, key=calls.index) for ids in files)


def test_a_file_is_listed_and_not_there(lab, trail):
    before = set(trail.call())
    eventually(lambda: before <= {each for ids in trail.files().values() for each in ids})
    with in_force(lab, {"fault": "trail-missing", "trail": trail.name, "count": 1}):
        (missed,) = trail.call()
        eventually(lambda: struck(lab, "trail-missing"))
    trail.call()
    absent = eventually(lambda: set(trail.listed()) - set(trail.keys()))
    assert len(absent) == 1
    assert refused(trail.s3.head_object, Bucket=trail.name, Key=absent.pop()) == "404"
    assert missed not in {each for ids in trail.files().values() for each in ids}


@pytest.mark.parametrize("what", ["signature", "content"])
def test_one_digest_does_not_hold_and_the_next_one_does(lab, trail, what):
    trail.call()
    with in_force(lab, {"fault": "digest-broken", "trail": trail.name, "what": what, "count": 1}):
        eventually(lambda: struck(lab, "digest-broken"))
    keys = eventually(lambda: found if len(found := trail.keys("CloudTrail-Digest")) >= 3 else None)
    held = [trail.holds(key) for key in keys]
    assert held.count(False) == 1
    broken = held.index(False)
    after = trail.digests()[keys[broken + 1]]
    assert after["previousDigestS3Object"] == keys[broken]
    stored = hashlib.sha256(trail.read(keys[broken])).hexdigest()
    assert (after["previousDigestHashValue"] == stored) == (what == "signature")


def test_a_digest_is_missing_and_the_next_one_names_it(lab, trail):
    trail.call()
    eventually(lambda: trail.keys("CloudTrail-Digest"))
    with in_force(lab, {"fault": "digest-missing", "trail": trail.name, "count": 1}):
        eventually(lambda: struck(lab, "digest-missing"))
    digests = eventually(lambda: found if len(found := trail.digests()) >= 3 else None)
    named = {each["previousDigestS3Object"] for each in digests.values()} - {None}
    assert len(named - set(digests)) == 1
    assert all(trail.holds(key) for key in digests)
