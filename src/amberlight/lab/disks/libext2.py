"""The calls of libext2fs that the lab makes, and the on-disk inode.

The library comes with e2fsprogs. It takes names as bytes, so that no name which a host's intruder chose is ever part of a
command, as it would be in a script of debugfs (where a line break in a name begins a new command).

References:
    "The EXT2FS Library" (e2fsprogs 1.47); "ext4 Data Structures and Algorithms", Linux kernel documentation, 2026-11.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_uint, c_uint16, c_uint32, c_uint64, c_void_p
from functools import lru_cache
from typing import Any, ClassVar

RW_64BIT = 0x1 | 0x20000
NO_ROOM_IN_DIRECTORY, NO_BLOCK, NO_INODE, NO_ROOM_IN_EXTENTS = 2133571366, 2133571400, 2133571401, 2133571450
"""From: ext2_err.et."""

EACH_BLOCK = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(c_uint64), ctypes.c_int64, c_uint64, c_int, c_void_p)
READ_ONLY = 8
FILE_WRITE = 1


class Inode(ctypes.Structure):
    """`struct ext2_inode_large`, 160 of the 256 bytes that an inode has."""

    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("mode", c_uint16), ("uid", c_uint16), ("size", c_uint32), ("atime", c_uint32), ("ctime", c_uint32),
        ("mtime", c_uint32), ("dtime", c_uint32), ("gid", c_uint16), ("links", c_uint16), ("blocks", c_uint32),
        ("flags", c_uint32), ("osd1", c_uint32), ("block", ctypes.c_uint8 * 60), ("generation", c_uint32),
        ("file_acl", c_uint32), ("size_high", c_uint32), ("faddr", c_uint32), ("blocks_high", c_uint16),
        ("file_acl_high", c_uint16), ("uid_high", c_uint16), ("gid_high", c_uint16), ("checksum", c_uint16),
        ("reserved", c_uint16), ("extra_isize", c_uint16), ("checksum_high", c_uint16), ("ctime_extra", c_uint32),
        ("mtime_extra", c_uint32), ("atime_extra", c_uint32), ("crtime", c_uint32), ("crtime_extra", c_uint32),
        ("version_high", c_uint32), ("projid", c_uint32),
    ]  # fmt: skip

    def stamp(self, field: str, moment_ns: int) -> None:
        """Set one of the four times, with its nanoseconds."""
        seconds, rest = divmod(moment_ns, 1_000_000_000)
        setattr(self, field, seconds & 0xFFFFFFFF)
        setattr(self, field + "_extra", ((seconds + 0x80000000) >> 32 & 3) | rest << 2)


_CALLS: dict[str, tuple[Any, ...]] = {
    "ext2fs_open": (c_char_p, c_int, c_int, c_uint, c_void_p, POINTER(c_void_p)),
    "ext2fs_read_bitmaps": (c_void_p,),
    "ext2fs_close_free": (POINTER(c_void_p),),
    "ext2fs_new_inode": (c_void_p, c_uint32, c_int, c_void_p, POINTER(c_uint32)),
    "ext2fs_link": (c_void_p, c_uint32, c_char_p, c_uint32, c_int),
    "ext2fs_unlink": (c_void_p, c_uint32, c_char_p, c_uint32, c_int),
    "ext2fs_expand_dir": (c_void_p, c_uint32),
    "ext2fs_mkdir": (c_void_p, c_uint32, c_uint32, c_char_p),
    "ext2fs_symlink": (c_void_p, c_uint32, c_uint32, c_char_p, c_char_p),
    "ext2fs_lookup": (c_void_p, c_uint32, c_char_p, c_int, c_void_p, POINTER(c_uint32)),
    "ext2fs_read_inode_full": (c_void_p, c_uint32, POINTER(Inode), c_int),
    "ext2fs_write_inode_full": (c_void_p, c_uint32, POINTER(Inode), c_int),
    "ext2fs_file_open": (c_void_p, c_uint32, c_int, POINTER(c_void_p)),
    "ext2fs_file_llseek": (c_void_p, c_uint64, c_int, POINTER(c_uint64)),
    "ext2fs_file_read": (c_void_p, c_void_p, c_uint, POINTER(c_uint)),
    "ext2fs_file_write": (c_void_p, c_char_p, c_uint, POINTER(c_uint)),
    "ext2fs_file_set_size2": (c_void_p, c_uint64),
    "ext2fs_file_close": (c_void_p,),
    "ext2fs_block_iterate3": (c_void_p, c_uint32, c_int, c_char_p, EACH_BLOCK, c_void_p),
}
_SILENT = {
    "ext2fs_inode_alloc_stats2": (c_void_p, c_uint32, c_int, c_int),
    "ext2fs_block_alloc_stats2": (c_void_p, c_uint64, c_int),
}


class Ext2Error(OSError):
    """A call of libext2fs failed; `code` is its own."""

    def __init__(self, name: str, code: int) -> None:
        super().__init__(f"{name}: error {code} of libext2fs")
        self.code = code


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """The library, or None on a machine without it."""
    try:
        found = ctypes.CDLL("libext2fs.so.2")
        for name, arguments in _CALLS.items():
            getattr(found, name).argtypes, getattr(found, name).restype = arguments, c_long
        for name, arguments in _SILENT.items():
            getattr(found, name).argtypes, getattr(found, name).restype = arguments, None
    except (OSError, AttributeError):
        return None
    return found


def call(name: str, *args: Any) -> None:
    """Make a call.

    Raises:
        Ext2Error: It failed.
    """
    code = int(getattr(library(), name)(*args))
    if code:
        raise Ext2Error(name, code)


def silent(name: str, *args: Any) -> None:
    """Make a call that cannot fail."""
    getattr(library(), name)(*args)


def opened(path: bytes) -> c_void_p:
    """A handle of the file system in an image, with its bitmaps read."""
    manager = c_void_p.in_dll(library(), "unix_io_manager")  # type: ignore[arg-type]
    handle = c_void_p()
    call("ext2fs_open", path, RW_64BIT, 0, 0, manager, byref(handle))
    call("ext2fs_read_bitmaps", handle)
    return handle
