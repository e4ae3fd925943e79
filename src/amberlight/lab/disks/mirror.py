"""Keeps the root volume's image like the files of a host.

Each round compares the host's tree with what the image has and changes what differs: new inodes for new files, the same inode
for a file that changed, one more name for a rename. What is gone from the host loses its name in the image and is *buried*:
inode and blocks stay in use, so that nothing is written over them until the disk is full; a frozen copy gets them as free.

Not exact: a round takes the files one after another, so files that change meanwhile are of slightly different moments; extended
attributes and the journal that a kernel keeps are left out.
"""

from __future__ import annotations

import dataclasses
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from amberlight.lab import clock
from amberlight.lab.disks import ext4, images, tree
from amberlight.lab.disks.ext4 import FileSystem
from amberlight.lab.disks.watch import Held, Seen

_CHUNK = 1 << 20

T = TypeVar("T")


@dataclasses.dataclass
class _Node:
    """An inode of the image, and the file on the host that it stands for (0: a directory that was not looked at yet)."""

    number: int
    host: int
    kind: int
    state: tuple[int, ...]
    quick: bool = False
    """Whether it grew and only what was added was looked at."""

    def is_still(self, found: os.stat_result) -> bool:
        """Whether that is the same file: inode numbers of deleted files are used again at once."""
        return self.host in (0, found.st_ino) and self.kind == stat.S_IFMT(found.st_mode)


class Mirror:
    """The image of one host's root volume. Called from threads; one round at a time."""

    def __init__(self, root: Path, image: Path, on_limit: Callable[[str], None], seen: Callable[[], Seen]) -> None:
        self._root, self._image, self._on_limit, self._seen = root, image, on_limit, seen
        self._lock = threading.Lock()
        self._nodes: dict[bytes, _Node] = {b"": _Node(ext4.ROOT, 0, stat.S_IFDIR, ())}
        self._by_host: dict[int, _Node] = {}
        self._buried: list[tuple[int, int]] = []
        self._spare: list[int] = []
        self._there: set[bytes] = set()

    def update(self) -> None:
        """One round."""
        with self._lock:
            self._round()

    def freeze(self, into: images.Images) -> images.Frozen:
        """One round, and the bytes that it left."""
        with self._lock:
            self._round(whole=True)
            made = into.freeze(self._image)
            if self._buried or self._spare:
                with ext4.opened(made.path) as fs:
                    self._give_back(fs)
        return made

    def _give_back(self, fs: FileSystem) -> None:
        fs.give_back(self._spare)
        for number, moment in self._buried:
            fs.free(number, moment)

    def _round(self, *, whole: bool = False) -> None:
        seen = self._seen()
        try:
            with ext4.opened(self._image) as fs:
                self._there = {b""}
                for held in seen.held:
                    self._keep(fs, held)
                for path, directory, name, found in tree.walk(self._root, self._lack):
                    self._there.add(path)
                    if path.rpartition(b"/")[0] in self._nodes:
                        self._take(fs, path, (directory, name), found, again=path in seen.deleted, whole=whole)
                for held in seen.held:
                    self._keep(fs, held)
                for path in sorted(set(self._nodes) - self._there, key=len, reverse=True):
                    self._bury(fs, path)
        finally:
            seen.close()

    def _take(
        self, fs: FileSystem, path: bytes, where: tuple[int, bytes], found: os.stat_result, *, again: bool, whole: bool
    ) -> None:
        """Bring one entry of the host into the image.

        Args:
            fs: The image.
            path: Below the root.
            where: Open directory, and the name in it.
            found: What lstat says.
            again: Whether something of that name was deleted since the last round.
            whole: Whether to compare all of a file that grew.
        """
        known = self._nodes.get(path)
        state = _state(found)
        if known is not None and known.is_still(found) and known.state == state and not (known.quick and whole):
            return
        if known is not None and (not known.is_still(found) or (again and not stat.S_ISDIR(found.st_mode))):
            self._bury_all(fs, path)
            known = None
        try:
            if known is None:
                known = self._begin(fs, path, where, found)
            if stat.S_ISREG(found.st_mode) and (known.state[:2] != state[:2] or (known.quick and whole)):
                known.quick = self._read(fs, known.number, where, whole=whole)
            fs.describe(known.number, found)
        except OSError as error:
            self._excuse(error)
        else:
            known.state, known.host = state, found.st_ino

    def _read(self, fs: FileSystem, number: int, where: tuple[int, bytes], *, whole: bool) -> bool:
        fd = tree.open_file(*where)
        try:
            return self._fill(fs, number, fd, whole=whole)
        finally:
            os.close(fd)

    def _excuse(self, error: OSError) -> None:
        """Go on without one file, and say so; an intruder must not be able to end the image by what he makes."""
        if ext4.is_full(error):
            self._on_limit("a host's files do not fit on its root volume: its disk image lacks some of their content")
        elif isinstance(error, ext4.Ext2Error):
            raise error
        elif error.errno not in tree.VANISHED:
            self._lack("the lab may not read some files of a host: they are empty or absent in its disk image")

    def _lack(self, what: str) -> None:
        self._on_limit(what)

    def _begin(self, fs: FileSystem, path: bytes, where: tuple[int, bytes], found: os.stat_result) -> _Node:
        """A name in the image for a new path; gives its node, with nothing known of its content."""
        parent, _, name = path.rpartition(b"/")
        above, kind = self._nodes[parent].number, stat.S_IFMT(found.st_mode)
        other = self._by_host.get(found.st_ino)
        if (
            other is not None
            and kind != stat.S_IFDIR
            and other.is_still(found)
            and other.state[:2] == _state(found)[:2]
        ):
            self._roomy(fs, lambda: fs.link(above, name, other.number))
            self._nodes[path] = other
            return other
        if kind == stat.S_IFDIR:
            number = self._roomy(fs, lambda: fs.mkdir(above, name))
        elif kind == stat.S_IFLNK:
            target = os.readlink(where[1], dir_fd=where[0])
            number = self._roomy(fs, lambda: fs.symlink(above, name, target))
        else:
            number = self._roomy(fs, lambda: fs.create(above, name, found))
        node = self._nodes[path] = self._by_host[found.st_ino] = _Node(number, found.st_ino, kind, (-1, -1))
        return node

    def _fill(self, fs: FileSystem, number: int, fd: int, *, whole: bool = True) -> bool:
        """Make the content of an inode like that of an open file; gives whether only its end was looked at."""
        old, new = fs.inode(number), os.fstat(fd)
        old_size, size = old.size | old.size_high << 32, new.st_size
        with fs.file(number) as file:
            first = min(ext4.BLOCK, old_size, size)
            anew = old_size > 0 and size != old_size and file.read(0, first) != os.pread(fd, first, 0)
        # Its beginning and its size changed: it was cut and written again, which on a disk takes other blocks. One with
        # large holes is taken anew as well: nothing is to be compared byte by byte that may be terabytes.
        if old_size and (anew or not size or new.st_blocks * 512 < size - _CHUNK):
            self._spare += fs.detach(number)
            old_size = 0
        grown = not whole and _CHUNK < old_size < size
        self._roomy(fs, lambda: _write(fs, number, fd, old_size, old_size // ext4.BLOCK * ext4.BLOCK if grown else 0))
        return grown

    def _roomy(self, fs: FileSystem, act: Callable[[], T]) -> T:
        """Do it; when the disk is full, after what was deleted has given its room."""
        try:
            return act()
        except OSError as error:
            if not ext4.is_full(error) or not (self._buried or self._spare):
                raise
            self._give_back(fs)
            self._buried, self._spare = [], []
            return act()

    def _keep(self, fs: FileSystem, held: Held) -> None:
        """Bring a file into the image that was deleted before it could be found; the end of the round buries it."""
        found = os.fstat(held.fd)
        if found.st_nlink or held.path in self._there:
            return
        try:
            self._keep_deleted(fs, held, found)
        except OSError as error:
            self._excuse(error)

    def _keep_deleted(self, fs: FileSystem, held: Held, found: os.stat_result) -> None:
        known, other = self._nodes.get(held.path), self._by_host.get(found.st_ino)
        if known is None or not known.is_still(found):
            if other is not None and other.is_still(found) and other.state[:2] == _state(found)[:2]:
                return  # known by another name, and buried with that one
            if known is not None:
                self._bury_all(fs, held.path)
            parent, _, name = held.path.rpartition(b"/")
            above = self._directory(fs, parent)
            number = self._roomy(fs, lambda: fs.create(above, name, found))
            known = _Node(number, found.st_ino, stat.S_IFREG, (-1, -1))
            self._nodes[held.path] = self._by_host[found.st_ino] = known
        if known.state[:2] != _state(found)[:2]:
            self._fill(fs, known.number, held.fd)
            fs.describe(known.number, found)
            known.state = _state(found)

    def _directory(self, fs: FileSystem, path: bytes) -> int:
        """The inode of a directory that the host has or had."""
        known = self._nodes.get(path)
        if known is not None and known.kind == stat.S_IFDIR:
            return known.number
        if known is not None:
            self._bury_all(fs, path)
        parent, _, name = path.rpartition(b"/")
        above = self._directory(fs, parent)
        number = self._roomy(fs, lambda: fs.mkdir(above, name))
        self._nodes[path] = _Node(number, 0, stat.S_IFDIR, (-1, -1))
        return number

    def _bury_all(self, fs: FileSystem, path: bytes) -> None:
        below = path + b"/"
        gone = [each for each in self._nodes if each == path or each.startswith(below)]
        for each in sorted(gone, key=len, reverse=True):
            self._bury(fs, each)

    def _bury(self, fs: FileSystem, path: bytes) -> None:
        node = self._nodes.pop(path)
        parent, _, name = path.rpartition(b"/")
        if fs.unlink(self._nodes[parent].number, name, node.number) == 0:
            self._buried.append((node.number, int(clock.now())))
            if self._by_host.get(node.host) is node:
                del self._by_host[node.host]


def _state(found: os.stat_result) -> tuple[int, ...]:
    """What changes when a file does; the first two when its content does."""
    return found.st_mtime_ns, found.st_size, found.st_ctime_ns, found.st_mode, found.st_uid, found.st_gid


def _write(fs: FileSystem, number: int, fd: int, old_size: int, start_at: int) -> None:
    size = os.fstat(fd).st_size
    with fs.file(number) as file:
        for start, end in [(start_at, size)] if old_size else images.extents(fd):
            at = start
            while at < end:
                data = os.pread(fd, min(_CHUNK, end - at), at)
                if not data:
                    break
                _write_changed(file, at, data, file.read(at, len(data)) if at < old_size else b"")
                at += len(data)
        file.resize(size)


def _write_changed(file: ext4.OpenFile, at: int, data: bytes, old: bytes) -> None:
    """Write the blocks that differ."""
    for start in range(0, len(data), ext4.BLOCK) if old else ():
        part = data[start : start + ext4.BLOCK]
        if part != old[start : start + ext4.BLOCK]:
            file.write(at + start, part)
    if not old:
        file.write(at, data)
