"""Notes what happens to the files of hosts between two rounds of a mirror, and keeps files open that may be deleted before the next.

References:
    inotify(7), Linux man-pages 6, 2026-11.
"""

from __future__ import annotations

import ctypes
import dataclasses
import os
import struct
import threading
from contextlib import suppress
from pathlib import Path

from amberlight.lab.disks import tree

_CREATE, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _DELETE, _ATTRIB = 0x100, 0x8, 0x40, 0x80, 0x200, 0x4
_ONLYDIR, _DONT_FOLLOW, _IGNORED, _ISDIR, _OVERFLOW = 0x1000000, 0x2000000, 0x8000, 0x40000000, 0x4000
_MASK = _CREATE | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _DELETE | _ATTRIB | _ONLYDIR | _DONT_FOLLOW
_EVENT = struct.Struct("iIII")
_MOST_HELD = 256
"""Open files per host."""

_libc = ctypes.CDLL(None, use_errno=True)


@dataclasses.dataclass(frozen=True)
class Held:
    """A file that was made or written, open."""

    path: bytes
    fd: int


@dataclasses.dataclass
class Seen:
    """What happened since the last round."""

    held: list[Held] = dataclasses.field(default_factory=list)
    deleted: set[bytes] = dataclasses.field(default_factory=set)

    def close(self) -> None:
        """Let the files go."""
        for each in self.held:
            os.close(each.fd)


class Watched:
    """One host's tree under watch."""

    def __init__(self, watch: Watch, root: Path) -> None:
        self.root = root
        self.dirty = True
        """Whether anything happened since the last round began."""
        self._watch = watch
        self._seen = Seen()
        self._lock = threading.Lock()

    def take(self) -> Seen:
        """What was noted; noting begins anew."""
        with self._lock:
            self.dirty, seen, self._seen = False, self._seen, Seen()
        return seen

    def note(self, path: bytes, directory: bytes, name: bytes, mask: int) -> None:
        """One event."""
        with self._lock:
            self.dirty = True
            if mask & (_DELETE | _MOVED_FROM):
                self._seen.deleted.add(path)
            elif mask & (_CREATE | _CLOSE_WRITE | _MOVED_TO) and not mask & _ISDIR:
                self._hold(path, directory, name)
        if mask & _ISDIR and mask & (_CREATE | _MOVED_TO):
            self._watch.add(self, path)

    def found(self, directory: bytes, name: bytes) -> None:
        """A file that was in a directory before the directory was under watch."""
        with self._lock:
            self.dirty = True
            self._hold(directory + b"/" + name if directory else name, directory, name)

    def _hold(self, path: bytes, directory: bytes, name: bytes) -> None:
        if len(self._seen.held) >= _MOST_HELD:
            return
        with suppress(OSError):
            parent = tree.open_directory(self.root, directory)
            try:
                fd = tree.open_file(parent, name)
            finally:
                os.close(parent)
            number = os.fstat(fd).st_ino
            if any(each.path == path and os.fstat(each.fd).st_ino == number for each in self._seen.held):
                os.close(fd)
            else:
                self._seen.held.append(Held(path, fd))


class Watch:
    """One inotify instance for all hosts of a lab.

    Raises:
        OSError: The kernel gives none.
    """

    def __init__(self) -> None:
        self._fd = _libc.inotify_init1(os.O_CLOEXEC)
        if self._fd < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self._directories: dict[int, tuple[Watched, bytes]] = {}
        threading.Thread(target=self._read, name="lab-disk-watch", daemon=True).start()

    def begin(self, root: Path) -> Watched:
        """Watch a host's tree.

        Raises:
            OSError: The kernel has no watches left.
        """
        made = Watched(self, root)
        self._add(made, b"")
        return made

    def end(self, watched: Watched) -> None:
        """Stop watching."""
        for number in [n for n, (who, _) in list(self._directories.items()) if who is watched]:
            _libc.inotify_rm_watch(self._fd, number)
            self._directories.pop(number, None)
        watched.take().close()

    def add(self, watched: Watched, path: bytes) -> None:
        """Watch one more directory and all below it; one that is gone already is not missed."""
        with suppress(FileNotFoundError, NotADirectoryError):
            self._add(watched, path, hold=True)

    def _add(self, watched: Watched, path: bytes, *, hold: bool = False) -> None:
        directory = tree.open_directory(watched.root, path)
        try:
            number = _libc.inotify_add_watch(self._fd, b"/proc/self/fd/%d/." % directory, _MASK)
            if number < 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))
            self._directories[number] = (watched, path)
            with os.scandir(directory) as entries:
                inside = [(os.fsencode(each.name), each.is_dir(follow_symlinks=False)) for each in entries]
        finally:
            os.close(directory)
        for name, is_directory in inside:
            if is_directory:
                self._add(watched, path + b"/" + name if path else name, hold=hold)
            elif hold:
                watched.found(path, name)

    def _read(self) -> None:
        while True:
            data, at = os.read(self._fd, 65536), 0
            while at < len(data):
                number, mask, _, length = _EVENT.unpack_from(data, at)
                name = data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
                at += _EVENT.size + length
                self._note(number, mask, name)

    def _note(self, number: int, mask: int, name: bytes) -> None:
        if mask & _OVERFLOW:
            for watched, _ in list(self._directories.values()):
                watched.dirty = True
        if mask & _IGNORED:
            self._directories.pop(number, None)
        known = self._directories.get(number)
        if known is None or not name:
            return
        watched, directory = known
        with suppress(OSError):
            watched.note(directory + b"/" + name if directory else name, directory, name, mask)
