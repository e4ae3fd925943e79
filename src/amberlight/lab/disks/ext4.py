"""An ext4 file system inside an image file, changed without a mount: no privilege, no loop device.

What is deleted here first only loses its name (`bury`); its blocks are given back later (`free`), so that nothing that is
written meanwhile lands on them. `free` leaves the inode's extents and the data where they are, which a running kernel would
partly clear: a deleted file of the lab is easier to recover than one of a real host.
"""

from __future__ import annotations

import os
import stat
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ctypes import byref, c_uint, c_uint32, c_uint64, c_void_p, create_string_buffer
from pathlib import Path

from amberlight.lab import clock, netns
from amberlight.lab.disks import libext2
from amberlight.lab.disks.libext2 import EACH_BLOCK, Ext2Error, Inode, call, silent

__all__ = ["BLOCK", "ROOT", "Ext2Error", "FileSystem", "OpenFile", "is_full", "make", "opened", "why_not"]

ROOT = 2
BLOCK = 4096
_FEATURES = (
    "none,ext_attr,filetype,extent,flex_bg,64bit,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum"
)
_EXTENTS = 0x80000
_NO_EXTENTS = struct.pack("<HHHHI", 0xF30A, 0, 4, 0, 0)
_KINDS = {stat.S_IFREG: 1, stat.S_IFDIR: 2, stat.S_IFCHR: 3, stat.S_IFBLK: 4, stat.S_IFIFO: 5, stat.S_IFSOCK: 6,
          stat.S_IFLNK: 7}  # fmt: skip
_FULL = (libext2.NO_BLOCK, libext2.NO_INODE, libext2.NO_ROOM_IN_EXTENTS)
_MOST_LINKS = 65000


def why_not() -> str | None:
    """Why this machine cannot make ext4 images, or None when it can."""
    if libext2.library() is None:
        return "libext2fs is not installed"
    done = subprocess.run(["mke2fs", "-V"], capture_output=True, check=False, env=_env()) if _has_mke2fs() else None
    return None if done is not None and done.returncode == 0 else "mke2fs is not installed"


def _has_mke2fs() -> bool:
    return any((Path(part) / "mke2fs").exists() for part in netns.with_sbin().split(":"))


def _env() -> dict[str, str]:
    return {"PATH": netns.with_sbin(), "LANG": "C.UTF-8", "MKE2FS_CONFIG": os.devnull}


def make(image: Path) -> None:
    """Put an empty file system into an image file of its final size.

    Raises:
        OSError: mke2fs refused.
    """
    done = subprocess.run(
        ["mke2fs", "-q", "-F", "-t", "ext4", "-O", _FEATURES, "-b", str(BLOCK), "-I", "256", "-m", "0", "-L", "root",
         "-E", "root_owner=0:0,lazy_itable_init=1,nodiscard", str(image)],
        capture_output=True, text=True, check=False, env=_env(),
    )  # fmt: skip
    if done.returncode:
        raise OSError(f"mke2fs: {done.stderr.strip()}")


@contextmanager
def opened(image: Path) -> Iterator[FileSystem]:
    """The file system of an image; what was done to it is on the disk afterwards."""
    handle = libext2.opened(os.fsencode(image))
    try:
        yield FileSystem(handle)
    finally:
        call("ext2fs_close_free", byref(handle))


def is_full(error: OSError) -> bool:
    """Whether a call failed for want of room."""
    return isinstance(error, Ext2Error) and error.code in _FULL


class FileSystem:
    """An open file system. Inodes are numbers; names are bytes without slash."""

    def __init__(self, handle: c_void_p) -> None:
        self._fs = handle

    def inode(self, number: int) -> Inode:
        """An inode as it is now."""
        found = Inode()
        call("ext2fs_read_inode_full", self._fs, number, byref(found), 160)
        return found

    def put(self, number: int, inode: Inode) -> None:
        """Write an inode."""
        call("ext2fs_write_inode_full", self._fs, number, byref(inode), 160)

    def describe(self, number: int, found: os.stat_result) -> None:
        """Give an inode the owner, mode and times of a file."""
        inode = self.inode(number)
        _describe(inode, found)
        self.put(number, inode)

    def create(self, parent: int, name: bytes, found: os.stat_result) -> int:
        """Make an empty file, or a device, pipe or socket; gives its inode."""
        number = c_uint32()
        call("ext2fs_new_inode", self._fs, parent, found.st_mode, None, byref(number))
        inode = Inode(links=1, extra_isize=32)
        _describe(inode, found)
        inode.stamp("crtime", int(clock.now() * 1e9))
        if stat.S_ISREG(found.st_mode):
            inode.flags = _EXTENTS
            inode.block[:12] = _NO_EXTENTS
        elif stat.S_ISBLK(found.st_mode) or stat.S_ISCHR(found.st_mode):
            major, minor = os.major(found.st_rdev), os.minor(found.st_rdev)
            inode.block[4:8] = struct.pack("<I", (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12))
        silent("ext2fs_inode_alloc_stats2", self._fs, number, 1, 0)
        self.put(number.value, inode)
        try:
            self._link(parent, name, number.value, stat.S_IFMT(found.st_mode))
        except OSError:
            self.free(number.value, 0)
            raise
        return number.value

    def link(self, parent: int, name: bytes, number: int) -> None:
        """Give an inode one more name."""
        inode = self.inode(number)
        if inode.links >= _MOST_LINKS:
            raise Ext2Error("link", libext2.NO_ROOM_IN_DIRECTORY)
        self._link(parent, name, number, stat.S_IFMT(inode.mode))
        if not stat.S_ISDIR(inode.mode):
            inode.links += 1
            self.put(number, inode)

    def _link(self, parent: int, name: bytes, number: int, kind: int) -> None:
        self._growing(parent, lambda: call("ext2fs_link", self._fs, parent, name, number, _KINDS[kind]))

    def _growing(self, directory: int, act: Callable[[], None]) -> None:
        try:
            act()
        except Ext2Error as error:
            if error.code != libext2.NO_ROOM_IN_DIRECTORY:
                raise
            call("ext2fs_expand_dir", self._fs, directory)
            act()

    def mkdir(self, parent: int, name: bytes) -> int:
        """Make a directory; gives its inode."""
        self._growing(parent, lambda: call("ext2fs_mkdir", self._fs, parent, 0, name))
        return self.lookup(parent, name)

    def symlink(self, parent: int, name: bytes, target: bytes) -> int:
        """Make a symbolic link; gives its inode."""
        self._growing(parent, lambda: call("ext2fs_symlink", self._fs, parent, 0, name, target))
        return self.lookup(parent, name)

    def lookup(self, parent: int, name: bytes) -> int:
        """The inode behind a name."""
        number = c_uint32()
        call("ext2fs_lookup", self._fs, parent, name, len(name), None, byref(number))
        return number.value

    @contextmanager
    def file(self, number: int) -> Iterator[OpenFile]:
        """An open file."""
        handle = c_void_p()
        call("ext2fs_file_open", self._fs, number, libext2.FILE_WRITE, byref(handle))
        try:
            yield OpenFile(handle)
        finally:
            call("ext2fs_file_close", handle)

    def detach(self, number: int) -> list[int]:
        """Empty a file and leave its blocks in use; gives them. For what was written anew from its beginning."""
        blocks, inode = self._blocks(number), self.inode(number)
        inode.size = inode.size_high = inode.blocks = inode.blocks_high = 0
        inode.block[:] = _NO_EXTENTS + bytes(48)
        self.put(number, inode)
        return blocks

    def unlink(self, parent: int, name: bytes, number: int) -> int:
        """Take a name away; gives how many names are left. The inode and its blocks stay in use."""
        call("ext2fs_unlink", self._fs, parent, name, number, 0)
        inode = self.inode(number)
        if stat.S_ISDIR(inode.mode):
            above = self.inode(parent)
            above.links -= 1
            self.put(parent, above)
            return 0
        inode.links -= 1
        self.put(number, inode)
        return int(inode.links)

    def free(self, number: int, moment: int) -> None:
        """Give the inode and its blocks back; its extents and the data stay as they are."""
        inode = self.inode(number)
        self.give_back(self._blocks(number))
        inode.links, inode.dtime = 0, moment
        self.put(number, inode)
        silent("ext2fs_inode_alloc_stats2", self._fs, number, -1, int(stat.S_ISDIR(inode.mode)))

    def give_back(self, blocks: list[int]) -> None:
        """Mark blocks as free."""
        for block in blocks:
            silent("ext2fs_block_alloc_stats2", self._fs, block, -1)

    def _blocks(self, number: int) -> list[int]:
        inode = self.inode(number)
        if not (stat.S_ISREG(inode.mode) or stat.S_ISDIR(inode.mode) or (stat.S_ISLNK(inode.mode) and inode.blocks)):
            return []
        found: list[int] = []

        def each(_: object, block: object, *__: object) -> int:
            found.append(int(block[0]))  # type: ignore[index]
            return 0

        with suppress(ValueError):
            call("ext2fs_block_iterate3", self._fs, number, libext2.READ_ONLY, None, EACH_BLOCK(each), None)
        return found


def _describe(inode: Inode, found: os.stat_result) -> None:
    # A lab that is no root plays root on its hosts: its own files are theirs.
    uid, gid = (
        (0 if found.st_uid == os.geteuid() else found.st_uid),
        (0 if found.st_gid == os.getegid() else found.st_gid),
    )
    inode.mode = found.st_mode & 0xFFFF
    inode.uid, inode.uid_high, inode.gid, inode.gid_high = uid & 0xFFFF, uid >> 16, gid & 0xFFFF, gid >> 16
    for field, moment in (("atime", found.st_atime_ns), ("mtime", found.st_mtime_ns), ("ctime", found.st_ctime_ns)):
        inode.stamp(field, moment)


class OpenFile:
    """An open file of the image."""

    def __init__(self, handle: c_void_p) -> None:
        self._handle = handle

    def read(self, offset: int, size: int) -> bytes:
        """Up to *size* bytes."""
        buffer, got = create_string_buffer(size), c_uint()
        self._seek(offset)
        call("ext2fs_file_read", self._handle, buffer, size, byref(got))
        return buffer.raw[: got.value]

    def write(self, offset: int, data: bytes) -> None:
        """Write all of *data*."""
        done, wrote = 0, c_uint()
        self._seek(offset)
        while done < len(data):
            part = data[done : done + 1024 * 1024]
            call("ext2fs_file_write", self._handle, part, len(part), byref(wrote))
            done += wrote.value

    def resize(self, size: int) -> None:
        """Cut or extend to *size* bytes."""
        call("ext2fs_file_set_size2", self._handle, size)

    def _seek(self, offset: int) -> None:
        at = c_uint64()
        call("ext2fs_file_llseek", self._handle, offset, 0, byref(at))
