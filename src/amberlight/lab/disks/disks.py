"""All disks of a lab: a volume's image, the mirror of a host's root volume, the bytes of each snapshot."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

from amberlight.lab import clock
from amberlight.lab.disks import ext4
from amberlight.lab.disks.draft import Draft
from amberlight.lab.disks.images import Frozen, Images
from amberlight.lab.disks.mirror import Mirror
from amberlight.lab.disks.watch import Seen, Watch, Watched

_EVERY_S = 1.0
"""How often at most the image of a busy host is brought up to date."""
_BOOT_S = 20.0
_INEXACT = (
    "disk images of hosts have no journal, extended attributes, partition table or /usr, and a deleted file is easier to recover "
    "from them than from a disk that a kernel wrote; one that lived for milliseconds can be missing"
)


@dataclasses.dataclass
class _Body:
    """A host behind a root volume."""

    volume: dict[str, Any]
    built: threading.Event = dataclasses.field(default_factory=threading.Event)
    mirror: Mirror | None = None
    watched: Watched | None = None
    round: Future[None] | None = None
    begun: float = 0.0


class Disks:
    """See the module. What takes time is called from threads; the emulator's records are only read here."""

    def __init__(self, workdir: Path, on_limit: Callable[[str], None]) -> None:
        self.images = Images(workdir / "disks")
        self.snapshots: dict[str, Frozen] = {}
        """By snapshot id; one that is missing has no bytes, and a limit says why."""
        self.drafts: dict[str, Draft] = {}
        """Snapshots that are being written, by id."""
        self.encrypted: set[tuple[str, str]] = set()
        """Accounts and Regions in which new volumes and snapshots are encrypted unasked."""
        self.public: dict[tuple[str, str], str] = {}
        """What they say of snapshots for everybody."""
        self._on_limit = on_limit
        self._unsaid: deque[str] = deque()
        self._bodies: dict[str, _Body] = {}
        self._rounds = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lab-disks")

    def image(self, volume: dict[str, Any]) -> Path:
        """The image of a volume, made when there is none yet."""
        source = self.snapshots.get(volume.get("SnapshotId") or "")
        return self.images.provide(volume["VolumeId"], volume["Size"], source)

    def has_image(self, volume: dict[str, Any]) -> bool:
        """Whether nothing is left to do for a volume; a host makes the image of its root volume itself."""
        if any(body.volume is volume for body in self._bodies.values()):
            return True
        path = self.images.of_volume(volume["VolumeId"])
        return path.exists() and path.stat().st_size >= volume["Size"] << 30

    def embody(self, instance_id: str, volume: dict[str, Any]) -> None:
        """Say which volume is the root of an instance that becomes a host."""
        self._bodies[instance_id] = _Body(volume)

    def disembody(self, instance_id: str) -> None:
        """The host of an instance is no more; its volume keeps what it has."""
        body = self._bodies.pop(instance_id, None)
        if body is not None and body.watched is not None:
            _watch().end(body.watched)

    def built(self, instance_id: str, root: Path) -> None:
        """The files of a host are there, and nothing runs on it yet: begin its image."""
        body = self._bodies.get(instance_id)
        if body is None or body.built.is_set():
            return
        try:
            self._begin(body, root)
        except OSError as error:
            self._unsaid.append(f"the root volume of an instance has no disk image: {error}")
        finally:
            body.built.set()

    def _begin(self, body: _Body, root: Path) -> None:
        reason = why_no_ext4()
        if reason is not None:
            self._unsaid.append(f"root volumes and their snapshots have no bytes behind them: {reason}")
            return
        volume = body.volume
        image = self.images.provide(volume["VolumeId"], volume["Size"], fill=ext4.make)
        try:
            body.watched = _watch().begin(root)
        except OSError as error:
            self._unsaid.append(f"files that live for less than {_EVERY_S:g} s can be missing in disk images: {error}")
        body.mirror = Mirror(root, image, self._unsaid.append, body.watched.take if body.watched else Seen)
        body.mirror.update()
        self._unsaid.append(_INEXACT)

    def tick(self) -> None:
        """Bring the images of hosts on which something happened up to date, in the background; say what threads noted."""
        while self._unsaid:
            self._on_limit(self._unsaid.popleft())
        for body in list(self._bodies.values()):
            idle = body.round is None or body.round.done()
            due = body.begun + _EVERY_S < clock.now() and (body.watched is None or body.watched.dirty)
            if body.mirror is not None and idle and due:
                body.begun = clock.now()
                body.round = self._rounds.submit(self._update, body.mirror)

    def _update(self, mirror: Mirror) -> None:
        if all(body.mirror is not mirror for body in list(self._bodies.values())):
            return  # its host was terminated while this waited
        try:
            mirror.update()
        except OSError as error:
            self._unsaid.append(f"the disk image of a host is behind its files: {error}")

    def freeze(self, volume: dict[str, Any]) -> Frozen | None:
        """A volume's bytes of this moment; None where it has none (a limit says why)."""
        body = next((each for each in list(self._bodies.values()) if each.volume is volume), None)
        if body is None:
            return self.images.freeze(self.image(volume))
        body.built.wait(_BOOT_S)
        return body.mirror.freeze(self.images) if body.mirror is not None else None

    def settle(self, instance_id: str) -> None:
        """Bring the image of a host's root volume up to date, before it is cut off from the host."""
        body = self._bodies.get(instance_id)
        if body is not None and body.built.wait(_BOOT_S) and body.mirror is not None:
            body.mirror.update()

    def keep(self, snapshot_id: str, frozen: Frozen | None) -> None:
        """Remember the bytes of a snapshot."""
        if frozen is not None:
            self.snapshots[snapshot_id] = frozen

    def forget(self, snapshot_id: str) -> None:
        """A snapshot is deleted: its bytes go, unless a copy shares them."""
        frozen = self.snapshots.pop(snapshot_id, None)
        if frozen is not None:
            frozen.release()
        draft = self.drafts.pop(snapshot_id, None)
        if draft is not None:
            draft.discard()

    def encrypts(self, account: str, region: str) -> bool:
        """Whether what is new there is encrypted unasked."""
        return (account, region) in self.encrypted

    def public_state(self, account: str, region: str) -> str:
        """`unblocked`, `block-new-sharing` or `block-all-sharing`."""
        return self.public.get((account, region), "unblocked")

    def sweep(self, volume_ids: set[str]) -> None:
        """Remove the images of volumes that are not among these."""
        for path in self.images.volumes():
            if path.stem not in volume_ids:
                path.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def why_no_ext4() -> str | None:
    """Why root volumes have no bytes behind them on this machine, or None where they have."""
    return ext4.why_not()


@lru_cache(maxsize=1)
def _watch() -> Watch:
    return Watch()
