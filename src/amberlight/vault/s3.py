"""The vault in S3: created by the writer, read by the examiner, locked by the bucket.

References:
    "Conditional writes" (412 PreconditionFailed, 409 ConditionalRequestConflict), "Checking object integrity",
    "Object Lock considerations" (checksum needed with Object Lock; delete markers are not locked), S3 User Guide, 2026-11.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from amberlight._aws import Answer, Clock, Door
from amberlight.model.custody import Stored
from amberlight.model.errors import DeliveryError, IntegrityError, NotPossible, Unreachable
from amberlight.vault.multipart import NO_UPLOAD, PART_BYTES, Upload, b64_sha256, parts_of
from amberlight.vault.notes import note_of
from amberlight.vault.store import Found, Hashes, Listed, check_key, compare, refuse_empty, refuse_existing

ONE_REQUEST_BYTES = PART_BYTES
"""Below this an object goes in one request."""
TAKEN = "PreconditionFailed"
RACED = "ConditionalRequestConflict"
RACES_MAX = 8
RACE_WAIT_S = 0.05


class Written(NamedTuple):
    """The version that a write made, and AWS's id of that request; no id where the answer was lost."""

    version: str
    request_id: str = ""


class S3Store:
    """Objects in one bucket with versioning and Object Lock.

    Args:
        writer: Door of the role that may create and nothing else.
        examiner: Door of the role that may read and nothing else.
        bucket: The bucket.
        clock: For the waits between races.
        must_lock: Refuse to call an object stored that the bucket did not lock.
        notes: A folder that outlives this process, for unfinished uploads; without it they begin anew.
    """

    def __init__(
        self,
        writer: Door,
        examiner: Door,
        bucket: str,
        clock: Clock,
        *,
        must_lock: bool = True,
        notes: Path | None = None,
    ) -> None:
        self.bucket = bucket
        self._writer = writer
        self._examiner = examiner
        self._clock = clock
        self._must_lock = must_lock
        self._notes = notes

    def put(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        media_type: str = "application/octet-stream",
        may_be_empty: bool = False,
    ) -> Stored:
        """Create an object from chunks of any size, in constant memory; its checksum and lock are read back.

        Raises:
            DeliveryError: the key is taken, the content is empty, the bucket does not lock.
            IntegrityError: the store's own checksum is not ours.
        """
        check_key(key)
        seen = Hashes()
        passing = seen.over(chunks)
        first = bytearray()
        for chunk in passing:
            first += chunk
            if len(first) >= ONE_REQUEST_BYTES:
                break
        if not first and not may_be_empty:
            raise refuse_empty(key)
        if len(first) < ONE_REQUEST_BYTES:
            checksum = b64_sha256(bytes(first))
            written = self._put_once(key, bytes(first), media_type, checksum)
            return self._read_back(key, written, checksum, seen)
        with note_of(self._notes, self.bucket, key) as note:
            upload = Upload(self._writer, self.bucket, key, media_type, note)
            written = self._put_parts(upload, parts_of(first, passing), seen)
            stored = self._read_back(key, written, upload.composite, seen)
            note.drop()
            return stored

    def create(self, key: str, data: bytes, *, media_type: str = "application/json") -> Stored:
        """Create a small object in one request; what AWS checks is the SHA-256 sent with it."""
        check_key(key)
        seen = Hashes().drain([data])
        written = self._put_once(key, data, media_type, b64_sha256(data))
        return Stored(
            key=key,
            version=written.version,
            size_bytes=len(data),
            sha256=seen.sha256,
            sha512=seen.sha512,
            request_id=written.request_id,
        )

    def read(self, stored: Found) -> Iterator[bytes]:
        """The bytes of that version, in pieces of a mebibyte."""
        return self._examiner.stream("s3.GetObject", Bucket=self.bucket, Key=stored.key, VersionId=stored.version)

    def find(self, key: str) -> Stored | None:
        """The object of that key, read again and hashed, or None.

        Raises:
            IntegrityError: it was written over, or is hidden by a delete marker.
        """
        listed = self.look(key)
        if listed is None:
            return None
        seen, head = Hashes().drain(self.read(listed)), self._head(key, listed.version)
        ours = base64.b64encode(bytes.fromhex(seen.sha256)).decode()
        said = head.get("ChecksumSHA256", ours)
        # That of an object in parts is over its parts' hashes, and other writers may cut otherwise than we do.
        if head["ContentLength"] != seen.size_bytes or ("-" not in said and said != ours):
            raise misread(key)
        return self._stored(key, Written(listed.version), seen, head)

    def look(self, key: str) -> Listed | None:
        """Whether there is an object of that key; raises as `find` does."""
        # The key itself sorts before every other key that begins with it, so the first page is enough.
        page = self._examiner.call("s3.ListObjectVersions", Bucket=self.bucket, Prefix=key, MaxKeys=10)
        if any(marker["Key"] == key for marker in page.get("DeleteMarkers", ())):
            raise hidden(key)
        versions = [each for each in page.get("Versions", ()) if each["Key"] == key]
        if len(versions) > 1:
            raise written_over(key)
        return Listed(key, versions[0]["VersionId"], versions[0]["Size"]) if versions else None

    def listing(self, prefix: str) -> Iterator[Listed]:
        """Every object below a prefix with its version, in order of keys.

        Raises:
            IntegrityError: one of them was written over, or is hidden by a delete marker.
        """
        before = ""
        for page in self._examiner.pages("s3.ListObjectVersions", Bucket=self.bucket, Prefix=prefix):
            for marker in page.get("DeleteMarkers", ()):
                raise hidden(marker["Key"])
            for each in page.get("Versions", ()):
                if each["Key"] == before:
                    raise written_over(before)
                before = each["Key"]
                yield Listed(before, each["VersionId"], each["Size"])

    def check(self, stored: Stored) -> None:
        """Read that version again and compare."""
        compare(stored, Hashes().drain(self.read(stored)))

    def adopt(self, key: str, sha256: str, size_bytes: int) -> Stored:
        """Take over what a host delivered: read by version on our side, hashed, compared with what the host said.

        Raises:
            NotPossible: nothing was delivered.
            IntegrityError: the vault holds other bytes than the host says that it sent.
        """
        found = self.find(key)
        if found is None:
            raise NotPossible(f"Nothing was delivered to {key}.", "Look at the host's report, and run the step again.")
        said = Stored(key=key, version=found.version, size_bytes=size_bytes, sha256=sha256.lower(), sha512="")
        seen = Stored(key=key, version=found.version, size_bytes=found.size_bytes, sha256=found.sha256, sha512="")
        if said != seen:
            raise IntegrityError(
                f"{key} holds {seen.size_bytes} bytes with SHA-256 {seen.sha256}; the host says that it sent "
                f"{said.size_bytes} bytes with {said.sha256}.",
                "Keep both figures, and distrust the host.",
            )
        return found

    def _put_once(self, key: str, data: bytes, media_type: str, checksum: str) -> Written:
        for race in itertools.count(1):
            try:
                answer = self._writer.call(
                    "s3.PutObject",
                    Bucket=self.bucket,
                    Key=key,
                    Body=data,
                    ContentType=media_type,
                    ChecksumSHA256=checksum,
                    IfNoneMatch="*",
                )
            except NotPossible as problem:
                if problem.aws_code == RACED and race < RACES_MAX:
                    self._clock.sleep(RACE_WAIT_S)
                    continue
                return self._settle(key, problem, Hashes().drain([data]))
            except Unreachable as problem:
                return self._settle(key, problem, Hashes().drain([data]))
            return self._version_of(key, answer)
        raise AssertionError  # the loop above has no other end

    def _put_parts(self, upload: Upload, parts: Iterator[bytes], seen: Hashes) -> Written:
        if upload.note.upload_id and self.look(upload.key) is not None:
            return self._put_before(upload, parts, seen)
        try:
            answer = upload.send(parts)
        except (NotPossible, Unreachable) as problem:
            if not upload.hashes:  # a part or the source failed: nothing can have come of it
                raise
            return self._settle(upload.key, problem, seen)
        if answer.get("ChecksumSHA256", upload.composite) != upload.composite:
            raise differs(upload.key, upload.composite, answer["ChecksumSHA256"])
        return self._version_of(upload.key, answer)

    def _put_before(self, upload: Upload, parts: Iterator[bytes], seen: Hashes) -> Written:
        """The try that was cut off had come to its end, only nobody heard the answer; or another was faster."""
        upload.hash_only(parts)
        found = self.find(upload.key)
        if found is None or found.sha256 != seen.sha256:
            upload.note.drop()
            raise refuse_existing(upload.key)
        return Written(found.version)

    def _settle(self, key: str, problem: NotPossible | Unreachable, ours: Hashes) -> Written:
        """After an answer that may hide our own success (a lost answer, then "exists"): look who wrote the object."""
        taken = problem.aws_code == TAKEN
        # A second try of the client finds the upload gone if the first had completed it.
        gone = problem.aws_code == NO_UPLOAD
        if isinstance(problem, NotPossible) and not (taken or gone):
            raise problem
        if isinstance(problem, Unreachable) or gone or problem.retries:
            found = self.find(key)
            if found is not None and found.sha256 == ours.sha256:
                return Written(found.version)
        if taken:
            raise refuse_existing(key) from problem
        raise problem

    def _version_of(self, key: str, answer: Answer) -> Written:
        version = answer.get("VersionId")
        if not version or version == "null":
            raise DeliveryError(
                f"The bucket {self.bucket} keeps no versions; {key} could be replaced unseen.",
                "Use a bucket with versioning and Object Lock.",
            )
        return Written(str(version), answer.request_id)

    def _read_back(self, key: str, written: Written, checksum: str, seen: Hashes) -> Stored:
        head = self._head(key, written.version)
        if head.get("ChecksumSHA256", checksum) != checksum:
            raise differs(key, checksum, head["ChecksumSHA256"])
        if head["ContentLength"] != seen.size_bytes:
            raise differs(key, f"{seen.size_bytes} bytes", f"{head['ContentLength']} bytes")
        return self._stored(key, written, seen, head)

    def _stored(self, key: str, written: Written, seen: Hashes, head: dict[str, Any]) -> Stored:
        until: datetime | None = head.get("ObjectLockRetainUntilDate")
        if until is None and self._must_lock:
            raise DeliveryError(
                f"{key} was stored but is not locked.", f"Set a default retention on the bucket {self.bucket}."
            )
        return Stored(
            key=key,
            version=written.version,
            size_bytes=seen.size_bytes,
            sha256=seen.sha256,
            sha512=seen.sha512,
            retain_until=until and until.astimezone(UTC),
            request_id=written.request_id,
        )

    def _head(self, key: str, version: str) -> dict[str, Any]:
        return self._examiner.call(
            "s3.HeadObject", Bucket=self.bucket, Key=key, VersionId=version, ChecksumMode="ENABLED"
        )


def hidden(key: str) -> IntegrityError:
    """The alarm for a delete marker: somebody got past the policy, the version below is still there."""
    return IntegrityError(
        f"{key} is hidden by a delete marker.", "List the versions, read the first, and look who could delete there."
    )


def written_over(key: str) -> IntegrityError:
    """The alarm for a second version: somebody got past the create-only rule."""
    return IntegrityError(
        f"{key} has more than one version.", "Read the first, and look who could write without a condition."
    )


def misread(key: str) -> IntegrityError:
    """The error for a store that gives other bytes than it says it has."""
    return IntegrityError(
        f"The vault gives other bytes of {key} than its own checksum and size say.",
        "Read it again later; if it stays so, it was damaged there.",
    )


def differs(key: str, ours: str, theirs: str) -> IntegrityError:
    """The error for a store that holds something else than was sent."""
    return IntegrityError(
        f"The vault holds {key} with {theirs}; {ours} was sent.",
        "Do not use it; take the item again under another key.",
    )
