"""A copy sorted: digests, log files, sidecars and keys; names that digests give only select among what was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from amberlight.model.trail_proof import Stopped
from amberlight.trail.opening import Limits
from amberlight.trail.prove import layout
from amberlight.trail.prove.ahead import ahead
from amberlight.trail.prove.content import Damaged, Unavailable, at_most, content, strict_json
from amberlight.trail.prove.keys import FILE_BYTES, KeyRing
from amberlight.trail.prove.layout import ENDING, SIDECAR, Place
from amberlight.trail.prove.listings import Listings
from amberlight.trail.prove.places import Source

SIDECAR_BYTES = 1 << 20
LISTING_BYTES = 16 << 20
SNIFF = 2048
DIGEST_MARK = b'"digestS3Object"'


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """What is known of an object besides its bytes; empty texts where nothing is."""

    signature: str = ""
    backfill: str = ""
    bucket: str = ""
    key: str = ""
    problem: str = ""


@dataclass
class Copy:
    """All files of a copy by what they are; paths are below the copy's root.

    `strays` are digests outside the layout of a trail's bucket.
    """

    source: Source
    limits: Limits
    digests: dict[str, Place | None] = field(default_factory=dict)
    logs: dict[str, Place] = field(default_factory=dict)
    sidecars: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _strays: list[str] = field(default_factory=list)
    _names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def full(self, path: str) -> str:
        """A path with what stands before the root, to compare with keys."""
        return f"{self.source.base}/{path}".lstrip("/")

    def walk(self) -> Copy:
        """Find and sort every file."""
        for path in self.source.paths():
            self._sort(path)
        for path, digest in ahead(lambda path: (path, self.is_digest(path)), self._strays, self.source.workers):
            if digest:
                self.digests[path] = None
        return self

    def _sort(self, path: str) -> None:
        name = path.rpartition("/")[2]
        if name.endswith(SIDECAR):
            self.sidecars.add(path)
            return
        if self._beside(path):
            return
        where = layout.place(self.full(path))
        if where and where.digest:
            self.digests[path] = where
        elif where:
            self.logs[path] = where
        elif name.endswith(ENDING):
            self._strays.append(path)
        else:
            return
        self._names[name].append(path)

    def _beside(self, path: str) -> bool:
        """Sort what a capture says beside the trail's own files; whether it is such."""
        region = layout.key_region(path)
        if region:
            self.keys[path] = region
        elif "/cloudtrail-keys/" in f"/{path}":
            self.refused.append(path)
        elif layout.is_status(path):
            self.states.append(path)
        elif layout.is_listing(path):
            self.listed.append(path)
        else:
            return False
        return True

    def is_digest(self, path: str) -> bool:
        """Whether a file begins as a digest does: one that was moved to where digests do not lie."""
        head = b""
        try:
            for piece in content(self.source.open(path), self.limits):
                head += piece[:SNIFF]
                if len(head) >= SNIFF:
                    break
        except (Damaged, Unavailable):
            pass
        return DIGEST_MARK in head[:SNIFF]

    def select(self, bucket: str, key: str) -> list[str]:
        """The found files that can be this object: their paths end with the key, and no sidecar names another bucket."""
        found = [path for path in self._names.get(key.rpartition("/")[2], ()) if self.at(path, key)]
        if len(found) > 1:
            fitting = [path for path in found if self.sidecar(path).bucket in ("", bucket)]
            found = fitting or found
        return found

    def at(self, path: str, key: str) -> bool:
        """Whether a file lies where an object of this key was."""
        return layout.ends_with(self.full(path), key)

    def sidecar(self, path: str) -> Sidecar:
        """What lies beside a file, or what the store keeps of it."""
        kept = self.source.metadata(path) if path in self.digests else {}
        if kept.get("signature"):
            return _sidecar({"Metadata": kept})
        if path + SIDECAR not in self.sidecars:
            return Sidecar()
        try:
            found = strict_json(at_most(self.source.open(path + SIDECAR), SIDECAR_BYTES))
        except (Damaged, Unavailable) as problem:
            return Sidecar(problem=f"its sidecar {problem}")
        return _sidecar(found) if isinstance(found, Mapping) else Sidecar(problem="its sidecar is no object")

    def key_ring(self) -> KeyRing:
        """All keys that lie in the copy."""
        ring = KeyRing()
        for path in self.refused:
            ring.problems.append(
                (path, "is not taken for AWS's keys: whoever writes to the bucket may have put it there")
            )
        for path, region in sorted(self.keys.items()):
            try:
                found = strict_json(at_most(self.source.open(path), FILE_BYTES))
            except (Damaged, Unavailable) as problem:
                ring.problems.append((path, str(problem)))
                continue
            ring.add(region, found.get("PublicKeyList") if isinstance(found, Mapping) else None, path)
        return ring

    def listings(self) -> Listings:
        """When a capture listed the folders; what cannot be read says nothing, and less is excused."""
        made = Listings()
        for path in sorted(self.listed):
            with suppress(Damaged, Unavailable):
                made.add(strict_json(at_most(self.source.open(path), LISTING_BYTES)))
        return made

    def stopped(self) -> list[tuple[str, Stopped]]:
        """Trails whose captured status says that they do not log, with the account of each."""
        made = []
        for path in self.states:
            try:
                found = strict_json(at_most(self.source.open(path), SIDECAR_BYTES))
            except (Damaged, Unavailable):
                continue
            one = _stopped(found)
            if one:
                made.append(one)
        return made


def _sidecar(found: Mapping[str, Any]) -> Sidecar:
    metadata = found.get("Metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    texts = {str(name).lower(): value for name, value in metadata.items() if isinstance(value, str)}
    bucket, key = found.get("Bucket"), found.get("Key")
    return Sidecar(
        signature=texts.get("signature", ""),
        backfill=texts.get("backfill-generation-timestamp", ""),
        bucket=bucket if isinstance(bucket, str) else "",
        key=key if isinstance(key, str) else "",
    )


def _stopped(found: object) -> tuple[str, Stopped] | None:
    trail = found.get("trail") if isinstance(found, Mapping) else None
    status = found.get("status") if isinstance(found, Mapping) else None
    if not isinstance(trail, Mapping) or not isinstance(status, Mapping) or status.get("IsLogging") is not False:
        return None
    arn = str(trail.get("TrailARN", "")).split(":")
    account = arn[4] if len(arn) > 4 else ""  # noqa: PLR2004 - arn:partition:service:Region:account:...
    since = layout.instant(status.get("StopLoggingTime"))
    return account, Stopped(trail=str(trail.get("Name", "")), region=str(trail.get("HomeRegion", "")), since=since)
