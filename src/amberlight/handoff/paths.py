"""Names of files in a package: an intruder chose some of them, and they must mean the same on every machine.

References:
    "Naming Files, Paths, and Namespaces", Microsoft Learn, 2026-11 (characters that Windows reserves).
    RFC 8493 section 2.1.3: CR, LF and % need an encoding in manifests that few tools read; so they do not occur.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container

UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f<>:"|?*\\%\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\U0010ffff]|\.$|^\.+| $|^ '
)
NAME_BYTES_MAX = 200
"""Leaves room below the 255 bytes of common file systems for what tools append."""


def safe_path(path: str, taken: Container[str] = ()) -> str:
    """The path with every unsafe character written as `=` and two hex digits; unlike all that are taken.

    Characters beyond U+D7FF are written so, too: they sort differently in UTF-8 and in UTF-16, and the seal sorts.
    No part is empty or begins or ends with a dot or blank, so none leads out of the folder or is hidden.
    """
    parts = [safe_name(part) for part in path.split("/")]
    made = "/".join(parts)
    count = 1
    while made in taken:
        count += 1
        made = "/".join([*parts[:-1], f"{count}={parts[-1]}"])
    return made


def safe_name(name: str) -> str:
    """One part of a path."""
    made = UNSAFE.sub(lambda found: "".join(f"={ord(each):02X}" for each in found[0]), name) or "="
    encoded = made.encode()
    if len(encoded) <= NAME_BYTES_MAX:
        return made
    short = encoded[:NAME_BYTES_MAX].decode("utf-8", "ignore")
    return f"{short}={hashlib.sha256(encoded).hexdigest()[:16]}"
