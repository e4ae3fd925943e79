"""Names of files in a package: an intruder chose some of them, and they must mean the same on every machine.

References:
    "Naming Files, Paths, and Namespaces", Microsoft Learn, 2026-11 (characters that Windows reserves).
    RFC 8493 section 2.1.3: CR, LF and % need an encoding in manifests that few tools read; so they do not occur.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f<>:"|?*\\%\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\U0010ffff]|\.$|^\.+| $|^ '
)
NAME_BYTES_MAX = 200
"""Leaves room below the 255 bytes of common file systems for what tools append."""


def safe_path(path: str, files: Collection[str] = (), folders: Collection[str] = ()) -> str:
    """The path with every unsafe character written as `=` and hex digits, unlike every file and folder there is.

    Characters beyond U+D7FF are written so, too: they sort differently in UTF-8 and in UTF-16, and the seal sorts.
    No part is empty or begins or ends with a dot or blank, so none leads out of the folder or is hidden.

    Args:
        path: As it was captured.
        files: Paths that are taken: this one must be none of them, nor lie below one.
        folders: Folders that there are: this one must be none of them.
    """
    made = ""
    *parents, last = (safe_name(part) for part in path.split("/"))
    for parent in parents:
        made = _free(made, parent, files, ()) + "/"
    return _free(made, last, files, folders)


def _free(folder: str, name: str, files: Collection[str], folders: Collection[str]) -> str:
    made, count = folder + name, 1
    while made in files or made in folders:
        count += 1
        made = f"{folder}{count}={name}"
    return made


def safe_name(name: str) -> str:
    """One part of a path."""
    made = UNSAFE.sub(lambda found: "".join(f"={ord(each):02X}" for each in found[0]), name) or "="
    encoded = made.encode()
    if len(encoded) <= NAME_BYTES_MAX:
        return made
    short = encoded[:NAME_BYTES_MAX].decode("utf-8", "ignore")
    return f"{short}={hashlib.sha256(encoded).hexdigest()[:16]}"
