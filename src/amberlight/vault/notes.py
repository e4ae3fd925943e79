"""What is remembered of unfinished uploads, so that after a kill no part is sent again that S3 has confirmed.

The note lies on the disk of whoever uploads, not in the vault: so resuming needs no permission at all. The writer stays
blind (`s3:ListMultipartUploadParts` and `s3:ListBucketMultipartUploads` would let it look at what others are storing).
A note is never believed: a part is left out only if the stream, read again, has the noted SHA-256 there, and S3 compares
every part's hash once more when the object is put together.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO


@dataclass
class Note:
    """One unfinished upload: its id, empty before it was begun, and what S3 answered to each part, by number."""

    upload_id: str = ""
    parts: dict[int, dict[str, Any]] = field(default_factory=dict)
    _file: BinaryIO | None = None

    @property
    def kept(self) -> bool:
        """Whether it outlives this process."""
        return self._file is not None

    def begin(self, upload_id: str) -> None:
        """A new upload; what was noted of another is gone."""
        self.upload_id, self.parts = upload_id, {}
        if self._file is not None:
            self._file.truncate(0)
            self._write({"UploadId": upload_id})

    def add(self, part: dict[str, Any]) -> None:
        """S3 has this part. Called by several threads, each with another part; a line is one write."""
        self.parts[part["PartNumber"]] = part
        self._write(part)

    def drop(self) -> None:
        """The upload is over, one way or the other; `note_of` removes the file."""
        self.upload_id, self.parts = "", {}

    def _write(self, row: dict[str, Any]) -> None:
        if self._file is not None:
            # Not forced to the disk: a kill loses nothing of it, and what a power cut loses is sent again.
            self._file.write(json.dumps(row).encode() + b"\n")


@contextmanager
def note_of(folder: Path | None, bucket: str, key: str) -> Iterator[Note]:
    """The note of an object, held for this upload alone; without a folder, or while another holds it, a passing one."""
    if folder is None:
        yield Note()
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(f'{bucket}/{key}'.encode()).hexdigest()}.jsonl"
    with path.open("a+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield Note()
            return
        file.seek(0)
        note = read(file.readall())
        note._file = file  # noqa: SLF001 - ours, made one line above
        try:
            yield note
        finally:
            if not note.upload_id:
                path.unlink(missing_ok=True)


def read(data: bytes) -> Note:
    """A note as far as it is one: a line that a kill cut off, and all after it, were never there."""
    note = Note()
    for line in data.splitlines():
        try:
            row = json.loads(line)
            if not note.upload_id:
                note.upload_id = str(row["UploadId"])
                continue
            number, etag, checksum = int(row["PartNumber"]), str(row["ETag"]), str(row["ChecksumSHA256"])
            note.parts[number] = {"PartNumber": number, "ETag": etag, "ChecksumSHA256": checksum}
        except (ValueError, TypeError, KeyError):
            break
    return note
