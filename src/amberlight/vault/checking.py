"""Checks a case where it lies: the ledger's chain, its signed heads, and every object's bytes, version and lock.

Every object is read by the version that was written first, whatever was laid over it since. Rules of form are those of the
verifier that goes into packages. Nothing stops at the first problem: all of them are named.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from amberlight._aws import Door
from amberlight.model.case_check import CaseCheck, ObjectState
from amberlight.model.custody import Checkpoint
from amberlight.model.delivery import Problem
from amberlight.model.errors import IntegrityError, NotPossible
from amberlight.vault.ledger import decoded
from amberlight.vault.store import Hashes, Listed
from amberlight.vault.tree import Tree
from amberlight.vault.verify import Bad, Verifier, key_point, parse
from amberlight.vault.witness import is_signed

SCHEMA = "amberlight.case-check/1"
WORKERS = 8


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An object that was read: hashes of its bytes, what S3 says of its lock, and the bytes where they are few."""

    hashes: Hashes
    head: dict[str, Any]


@dataclass
class CaseChecker:
    """One check of one case.

    Attributes:
        examiner: Door of the role that reads.
        bucket: The vault's.
        case_id: The case.
        public_pem: The key whose signatures count.
    """

    examiner: Door
    bucket: str
    case_id: str
    public_pem: bytes
    problems: list[Problem] = field(default_factory=list)
    first: dict[str, Listed] = field(default_factory=dict)
    expected: dict[str, dict[str, Any]] = field(default_factory=dict)
    roots: dict[int, tuple[str, str]] = field(default_factory=dict)

    def run(self) -> CaseCheck:
        """Check everything.

        Raises:
            NotPossible: nothing of the case is in the vault.
            Denied, Unreachable: the vault does not let itself be read.
        """
        self.find()
        if not self.first:
            raise NotPossible(f"The vault has nothing of the case {self.case_id}.", "Look at the name of the case.")
        reader = Verifier(self.case_id)
        sizes = {_number(key) for key in self.below("checkpoints")}
        self.read_ledger(reader, sizes)
        heads = self.read_heads(reader)
        objects = self.read_objects()
        for key in sorted(set(self.expected) - set(self.first)):
            self.say(key, "is missing, though the ledger names it")
        return CaseCheck(
            schema=SCHEMA,
            ok=not self.problems,
            case=self.case_id,
            kind=reader.told[1] or "unknown",
            key=key_point(self.public_pem)[1],
            entries=reader.entries,
            unsigned=reader.entries - max((size for size in heads if size <= reader.entries), default=0),
            heads=len(heads),
            objects=tuple(objects),
            problems=tuple(self.problems),
        )

    def say(self, key: str, problem: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(path=key, problem=problem))

    def find(self) -> None:
        """Find every object's first version; a delete marker or a second version is an alarm."""
        versions: dict[str, list[Listed]] = {}
        hidden: set[str] = set()
        prefix = f"cases/{self.case_id}/"
        for page in self.examiner.pages("s3.ListObjectVersions", Bucket=self.bucket, Prefix=prefix):
            hidden |= {marker["Key"] for marker in page.get("DeleteMarkers", ())}
            for each in page.get("Versions", ()):
                listed = Listed(each["Key"], each["VersionId"], each["Size"])
                versions.setdefault(listed.key, []).append(listed)
        for key in sorted(hidden):
            self.say(key, "is hidden by a delete marker: look who could delete there")
        for key, all_of_it in sorted(versions.items()):
            # S3 lists the newest version first.
            self.first[key] = all_of_it[-1]
            if len(all_of_it) > 1:
                self.say(key, f"was written over: it has {len(all_of_it)} versions, of which the first counts")

    def below(self, part: str) -> Iterable[str]:
        """The keys of a part of the case, in order."""
        prefix = f"cases/{self.case_id}/{part}/"
        return [key for key in self.first if key.startswith(prefix)]

    def bytes_of(self, key: str) -> bytes:
        """A small object's bytes."""
        found = self.first[key]
        return b"".join(self.examiner.stream("s3.GetObject", Bucket=self.bucket, Key=key, VersionId=found.version))

    def read_ledger(self, reader: Verifier, sizes: set[int]) -> None:
        """The chain of entries; remembers which objects they name, and the root at each size that has a head."""
        tree, previous = Tree(), "0" * 64
        keys = list(self.below("ledger"))
        with ThreadPoolExecutor(WORKERS) as pool:
            for key, data in zip(keys, pool.map(self.bytes_of, keys), strict=True):
                if key != f"cases/{self.case_id}/ledger/{reader.entries:08d}.json":
                    self.say(key, f"stands where entry {reader.entries} was expected")
                self.read_entry(reader, key, data, previous)
                reader.entries, previous = reader.entries + 1, hashlib.sha256(data).hexdigest()
                tree.add(data)
                if reader.entries in sizes:
                    self.roots[reader.entries] = (tree.root().hex(), previous)
        if not keys:
            self.say(f"cases/{self.case_id}/ledger", "is missing")

    def read_entry(self, reader: Verifier, key: str, data: bytes, previous: str) -> None:
        """One entry: form and place as in a package, this case's, and what it says of an object."""
        try:
            entry = parse(data)
            reader.check_entry(entry, previous)
            if entry["case"] != self.case_id:
                raise Bad("is of another case")  # noqa: TRY301 - said where all of an entry is said
        except Bad as problem:
            self.say(key, str(problem))
            return
        what = entry["what"]
        if all(isinstance(what.get(name), str) for name in ("key", "version", "sha256")):
            self.expected[what["key"]] = what

    def read_heads(self, reader: Verifier) -> set[int]:
        """Every signed head against the ledger as it was then; the sizes."""
        point, fingerprint = key_point(self.public_pem)
        sizes = set()
        for key in self.below("checkpoints"):
            try:
                head = decoded(self.bytes_of(key), Checkpoint, key)
            except IntegrityError as problem:
                self.say(key, problem.cause)
                continue
            sizes.add(head.size)
            if head.key != fingerprint or not is_signed(head, point):
                self.say(key, "is not signed by the key of the response plan")
            if (head.case, head.kind) != (self.case_id, reader.told[1]):
                self.say(key, "is of another case or kind")
            if head.size > reader.entries:
                self.say(key, f"is over {head.size} entries, and {reader.entries} are there: the end was cut off")
            elif self.roots.get(head.size) != (head.root, head.last):
                self.say(key, "was signed over another ledger")
        return sizes

    def read_objects(self) -> list[ObjectState]:
        """Every object read again, in order of keys."""
        with ThreadPoolExecutor(WORKERS) as pool:
            seen = pool.map(self.see, self.first.values())
            return [self.state_of(found, one) for found, one in zip(self.first.values(), seen, strict=True)]

    def see(self, found: Listed) -> Seen:
        """Read one object's bytes and its lock."""
        where = {"Bucket": self.bucket, "Key": found.key, "VersionId": found.version}
        hashes = Hashes().drain(self.examiner.stream("s3.GetObject", **where))
        return Seen(hashes=hashes, head=self.examiner.call("s3.HeadObject", **where))

    def state_of(self, found: Listed, seen: Seen) -> ObjectState:
        """What is to be said of one object."""
        before = len(self.problems)
        entered = self.expected.get(found.key)
        if entered is not None:
            self.compare(found, seen, entered)
        if not seen.head.get("ObjectLockRetainUntilDate"):
            self.say(found.key, "is not locked")
        ours = entered is not None or found.key.split("/")[2] in ("ledger", "checkpoints", "canary")
        named = len(self.problems) > before or any(each.path == found.key for each in self.problems)
        return ObjectState(
            key=found.key,
            version=found.version,
            size_bytes=seen.hashes.size_bytes,
            sha256=seen.hashes.sha256,
            state="bad" if named else "ok" if ours else "not-entered",
            lock=seen.head.get("ObjectLockMode", ""),
            retain_until=seen.head.get("ObjectLockRetainUntilDate"),
            held=seen.head.get("ObjectLockLegalHoldStatus") == "ON",
        )

    def compare(self, found: Listed, seen: Seen, entered: dict[str, Any]) -> None:
        """Hold an object against its entry."""
        pairs = (
            ("version", entered["version"], found.version),
            ("SHA-256", entered["sha256"], seen.hashes.sha256),
            ("size", entered.get("size_bytes", seen.hashes.size_bytes), seen.hashes.size_bytes),
        )
        for what, was, now in pairs:
            if was != now:
                self.say(found.key, f"is not what was entered: its {what} was {json.dumps(was)} and is {now}")


def _number(key: str) -> int:
    """The number that a key ends with; -1 where it ends with none."""
    digits = key.rpartition("/")[2].removesuffix(".json")
    return int(digits) if digits.isdecimal() else -1
