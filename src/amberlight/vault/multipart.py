"""Large objects: parts of 8 MiB, each with its SHA-256, put together by a conditional request.

References:
    "Checking object integrity", Amazon S3 User Guide, 2026-11: the SHA-256 of a multipart object is composite, the hash over
    the parts' hashes with `-N` behind it. "Conditional writes": CompleteMultipartUpload takes If-None-Match.
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from amberlight._aws import Answer, Door
from amberlight.model.errors import AmberlightError, CredentialsError, DeliveryError, NotPossible, Unreachable
from amberlight.vault.notes import Note

PART_BYTES = 8 << 20
PARTS_MAX = 10_000
"""From: "Amazon S3 multipart upload limits", 2026-11; with parts of 8 MiB an object ends at 78 GiB."""
NO_UPLOAD = "NoSuchUpload"
IN_FLIGHT = 3
"""Parts under way at once: memory stays below (IN_FLIGHT + 2) parts."""


def b64_sha256(data: bytes | memoryview) -> str:
    """SHA-256 in base64, as S3 writes it."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def parts_of(buffer: bytearray, rest: Iterator[bytes]) -> Iterator[bytes]:
    """The stream, of which the buffer is the beginning, cut into parts of PART_BYTES; only the last is shorter."""
    while True:
        while len(buffer) >= PART_BYTES:
            yield bytes(memoryview(buffer)[:PART_BYTES])
            del buffer[:PART_BYTES]
        chunk = next(rest, None)
        if chunk is None:
            break
        buffer += chunk
    if buffer:
        yield bytes(buffer)


@dataclass
class Upload:
    """One multipart upload; `send` gives S3's answer to its completion.

    `note` is what an earlier try left behind; where it is kept, a try that breaks off leaves its parts for the next.
    """

    door: Door
    bucket: str
    key: str
    media_type: str
    note: Note = field(default_factory=Note)
    hashes: list[str] = field(default_factory=list)

    @property
    def composite(self) -> str:
        """What S3 must answer as SHA-256 of the whole: hash over the parts' hashes, and their number."""
        joined = b"".join(base64.b64decode(each) for each in self.hashes)
        return f"{b64_sha256(joined)}-{len(self.hashes)}"

    def hash_only(self, parts: Iterator[bytes]) -> None:
        """Take note of the parts' hashes and send nothing: the object is there already."""
        self.hashes = [b64_sha256(part) for part in parts]

    def send(self, parts: Iterator[bytes]) -> Answer:
        """Upload all parts that S3 does not have yet, and complete the object.

        Raises:
            Unreachable: S3 does not answer; or it has forgotten the upload that was to be resumed.
        """
        resumed = bool(self.note.upload_id)
        try:
            if not resumed:
                self._begin()
            sent = self._send_parts(parts)
            return self.door.call(
                "s3.CompleteMultipartUpload", **self._where, MultipartUpload={"Parts": sent}, IfNoneMatch="*"
            )
        except BaseException as problem:
            if resumed and isinstance(problem, NotPossible) and problem.aws_code == NO_UPLOAD:
                self.note.drop()
                raise Unreachable(
                    f"The unfinished upload of {self.key} is no longer there.", "Run the step again: it begins anew."
                ) from problem
            if not (self.note.kept and interrupted(problem)):
                self._abort()
            raise

    @property
    def _where(self) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.key, "UploadId": self.note.upload_id}

    def _begin(self) -> None:
        started = self.door.call(
            "s3.CreateMultipartUpload",
            Bucket=self.bucket,
            Key=self.key,
            ChecksumAlgorithm="SHA256",
            ContentType=self.media_type,
        )
        self.note.begin(started["UploadId"])

    def _send_parts(self, parts: Iterator[bytes]) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        waiting: deque[Future[dict[str, Any]]] = deque()
        with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="part") as pool:
            for number, part in enumerate(parts, 1):
                if number > PARTS_MAX:
                    raise DeliveryError(
                        f"{self.key} is larger than {PARTS_MAX} parts of {PART_BYTES >> 20} MiB.",
                        "Split it before it is stored.",
                    )
                waiting.append(pool.submit(self._send_part, number, part))
                if len(waiting) >= IN_FLIGHT:
                    sent.append(waiting.popleft().result())
            sent.extend(each.result() for each in waiting)
        self.hashes = [each["ChecksumSHA256"] for each in sent]
        return sent

    def _send_part(self, number: int, part: bytes) -> dict[str, Any]:
        checksum = b64_sha256(part)
        before = self.note.parts.get(number)
        if before is not None and before["ChecksumSHA256"] == checksum:
            return before
        answer = self.door.call("s3.UploadPart", **self._where, PartNumber=number, Body=part, ChecksumSHA256=checksum)
        made = {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}
        self.note.add(made)
        return made

    def _abort(self) -> None:
        if not self.note.upload_id:
            return
        try:
            self.door.call("s3.AbortMultipartUpload", **self._where)
        except AmberlightError:
            # The first error is on its way up and says more; parts that stay are no object and expire by lifecycle.
            return
        finally:
            self.note.drop()


def interrupted(problem: BaseException) -> bool:
    """Whether a later try may go on: nobody answered, the keys ran out, or this process is being ended."""
    return isinstance(problem, Unreachable | CredentialsError) or not isinstance(problem, Exception)
