"""An S3 in memory behind doors, that can refuse, lose, repeat and lie."""

import base64
import hashlib
import threading
from datetime import UTC, datetime, timedelta

from amberlight._aws import Answer
from amberlight.model.errors import Denied, NotPossible, Unreachable

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ETAG = '"etag"'
PARAMETERS = {
    "Bucket", "Key", "Body", "ContentType", "ChecksumSHA256", "ChecksumAlgorithm", "ChecksumMode", "IfNoneMatch",
    "UploadId", "PartNumber", "MultipartUpload", "VersionId", "Prefix", "MaxKeys",
}  # fmt: skip


class StillClock:
    """Every look at it is a millisecond later; waiting is noted."""

    def __init__(self):
        self.ticks = 0
        self.slept = []

    def now(self):
        self.ticks += 1
        return NOW + timedelta(milliseconds=self.ticks)

    def monotonic(self):
        return self.ticks / 1000

    def sleep(self, seconds):
        self.slept.append(seconds)


class FakeS3:
    """One bucket. `faults` are taken in order: each is asked with (operation, parameters) before a call.

    A fault may raise, or return None (nothing), or one of these:
    lose      the call takes effect, the answer does not arrive: as good as a 500 after having stored
    repeat    the call takes effect and is sent a second time by the client; the second answer is heard
    forget    the answer is that of success, and nothing is kept; of a listing, nothing is told
    truncate  what was stored, or is read, ends too early
    reorder   what was stored, or is read, has its halves exchanged
    """

    def __init__(self):
        self.lock = threading.RLock()
        self.versions = {}
        self.markers = []
        self.uploads = {}
        self.upload_keys = {}
        self.bucket = ""
        self.parts_seen = []
        self.count = 0
        self.faults = []
        self.calls = []
        self.locks = True
        self.keeps_versions = True
        self.lies = {}
        self.request_id = ""

    def door(self, role, *allowed):
        return FakeDoor(self, role, frozenset(allowed))

    def writer(self):
        return self.door("writer", "PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload",
                         "AbortMultipartUpload")  # fmt: skip

    def examiner(self):
        return self.door("examiner", "GetObject", "HeadObject", "ListObjectVersions")

    def perform(self, role, name, p):
        with self.lock:
            return self.perform_alone(role, name, p)

    def perform_alone(self, role, name, p):
        self.bucket = self.bucket or p["Bucket"]
        assert p["Bucket"] == self.bucket
        assert set(p) <= PARAMETERS
        self.calls.append((role, name, p))
        fate = self.faults.pop(0)(name, p) if self.faults else None
        kept = {key: list(rows) for key, rows in self.versions.items()} if fate == "forget" else {}
        answer = getattr(self, name)(p)
        if fate == "lose":
            raise Unreachable(f"s3.{name}: 500: We lost it", "Resume later.")
        if fate == "repeat":
            return self.again(name, p)
        if fate in ("forget", "truncate", "reorder"):
            return self.damage(fate, name, p, answer, kept)
        return answer

    def again(self, name, p):
        try:
            return getattr(self, name)(p)
        except NotPossible as problem:
            raise NotPossible(problem.cause, aws_code=problem.aws_code, request_id="r", retries=1) from problem

    def damage(self, fate, name, p, answer, kept):
        if name == "ListObjectVersions":
            return {} if fate == "forget" else answer
        if name == "GetObject":
            return answer | {"Body": bent(fate, answer["Body"])}
        if name in ("PutObject", "CompleteMultipartUpload"):
            if fate == "forget":
                self.versions = kept
            else:
                version, body, checksum = self.versions[p["Key"]].pop()
                self.versions[p["Key"]].append((version, bent(fate, body), checksum))
        return answer

    def store(self, key, body, checksum, condition):
        if condition == "*" and key in self.versions:
            raise NotPossible(f"s3.PutObject: PreconditionFailed: {key}", aws_code="PreconditionFailed", request_id="r")
        self.count += 1
        version = f"v{self.count}" if self.keeps_versions else "null"
        self.versions.setdefault(key, []).append((version, body, checksum))
        return version

    def PutObject(self, p):  # noqa: N802 - AWS writes it so
        checksum = base64.b64encode(hashlib.sha256(p["Body"]).digest()).decode()
        if p.get("ChecksumSHA256") != checksum:
            raise NotPossible("s3.PutObject: BadDigest", aws_code="BadDigest")
        return {"VersionId": self.store(p["Key"], p["Body"], checksum, p.get("IfNoneMatch"))}

    def CreateMultipartUpload(self, p):  # noqa: N802
        assert p["ChecksumAlgorithm"] == "SHA256"
        self.count += 1
        self.uploads[f"u{self.count}"] = {}
        self.upload_keys[f"u{self.count}"] = p["Key"]
        return {"UploadId": f"u{self.count}"}

    def UploadPart(self, p):  # noqa: N802
        assert p["Key"] == self.upload_keys[p["UploadId"]]
        checksum = base64.b64encode(hashlib.sha256(p["Body"]).digest()).decode()
        assert p["ChecksumSHA256"] == checksum
        if p["UploadId"] not in self.uploads:
            raise NotPossible("s3.UploadPart: NoSuchUpload", aws_code="NoSuchUpload")
        self.parts_seen.append(len(p["Body"]))
        self.uploads[p["UploadId"]][p["PartNumber"]] = (p["Body"], checksum)
        return {"ETag": ETAG}

    def CompleteMultipartUpload(self, p):  # noqa: N802
        if p["UploadId"] not in self.uploads:
            raise NotPossible("s3.CompleteMultipartUpload: NoSuchUpload", aws_code="NoSuchUpload")
        parts = self.uploads[p["UploadId"]]
        wanted = [(each["PartNumber"], each["ChecksumSHA256"]) for each in p["MultipartUpload"]["Parts"]]
        assert wanted == [(number, parts[number][1]) for number in sorted(parts)]
        digests = b"".join(base64.b64decode(parts[number][1]) for number in sorted(parts))
        checksum = f"{base64.b64encode(hashlib.sha256(digests).digest()).decode()}-{len(parts)}"
        body = b"".join(parts[number][0] for number in sorted(parts))
        version = self.store(p["Key"], body, checksum, p.get("IfNoneMatch"))
        del self.uploads[p["UploadId"]]
        return {"VersionId": version, "ChecksumSHA256": self.lies.get("checksum", checksum)}

    def AbortMultipartUpload(self, p):  # noqa: N802
        if self.uploads.pop(p["UploadId"], None) is None:
            raise NotPossible("s3.AbortMultipartUpload: NoSuchUpload", aws_code="NoSuchUpload")
        return {}

    def one(self, p):
        for version, body, checksum in self.versions.get(p["Key"], ()):
            if version == p["VersionId"]:
                return self.lies.get("body", body), checksum
        raise NotPossible("s3.GetObject: NoSuchVersion", aws_code="NoSuchVersion")

    def GetObject(self, p):  # noqa: N802
        return {"Body": self.one(p)[0]}

    def HeadObject(self, p):  # noqa: N802
        body, checksum = self.one(p)
        until = {"ObjectLockRetainUntilDate": NOW + timedelta(days=1)} if self.locks else {}
        size = self.lies.get("size", len(body))
        return {"ContentLength": size, "ChecksumSHA256": self.lies.get("checksum", checksum), **until}

    def ListObjectVersions(self, p):  # noqa: N802
        keys = sorted(key for key in self.versions if key.startswith(p["Prefix"]))
        rows = [{"Key": key, "VersionId": version, "Size": len(body)} for key in keys
                for version, body, _ in reversed(self.versions[key])]  # fmt: skip
        markers = [{"Key": key, "VersionId": "m"} for key in self.markers if key.startswith(p["Prefix"])]
        return {"Versions": rows[: p.get("MaxKeys", 1000)], "DeleteMarkers": markers}


class FakeDoor:
    """A role's door to the fake: denied what the role may not do, as the store would."""

    account, region = "111122223333", "eu-central-1"

    def __init__(self, s3, role, allowed):
        self.s3, self.role, self.allowed = s3, role, allowed

    def call(self, operation, *, region=None, **parameters):
        name = operation.removeprefix("s3.")
        if name not in self.allowed:
            raise Denied(f"{operation} was denied", aws_code="AccessDenied", request_id="r-denied")
        answer = Answer(self.s3.perform(self.role, name, parameters))
        answer.request_id = self.s3.request_id
        return answer

    def pages(self, operation, *, region=None, **parameters):
        yield self.call(operation, **parameters)

    def stream(self, operation, *, region=None, **parameters):
        body = self.call(operation, **parameters)["Body"]
        yield from (body[at : at + 1024] for at in range(0, len(body), 1024))


def bent(fate, body):
    """Bytes as a bad store gives them."""
    half = len(body) // 2
    return {"truncate": body[:half], "reorder": body[half:] + body[:half], "forget": b""}[fate]


def taken_after_retry(name, parameters):
    """A 412 that the client got at its second try: the first one may have been stored."""
    raise NotPossible("s3.PutObject: PreconditionFailed", aws_code="PreconditionFailed", request_id="r", retries=1)


def raced(name, parameters):
    """The answer to two conditional writes at the same moment."""
    raise NotPossible("s3.PutObject: ConditionalRequestConflict", aws_code="ConditionalRequestConflict")


def lose(name, parameters):
    """Takes effect; the answer is lost."""
    return "lose"


def refuse(name, parameters):
    """The store says no."""
    raise Denied(f"s3.{name} was denied", aws_code="AccessDenied", request_id="r")


def nothing(name, parameters):
    """No fault at this call."""
