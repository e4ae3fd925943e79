"""Names for evidence: paths that stay inside their folder and unique, and text that is safe to show.

Names of instances, buckets, users and objects are chosen by whoever controls the account. Here they can neither climb
out of a folder, nor hide characters, nor collide, nor grow beyond what stores and file systems take.

References:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html (keys: at most 1,024 bytes)
    RFC 8493 section 2.1.3 (paths in a bag), https://learn.microsoft.com/windows/win32/fileio/naming-a-file
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from amberlight.model.signals import Target

PLAIN = re.compile(r"[^A-Za-z0-9._=@+,%-]")
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")
SEGMENT = 200
"""A digest of a trail with a long name and its sidecar keep their names: what proves them is found by them."""
LONGEST = 600
MARK = 8


def short(*parts: str, length: int = 12) -> str:
    """An opaque, stable name for what the parts say: hex of a SHA-256, unambiguous about where a part ends."""
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()[:length]


def segment(name: str) -> str:
    """One part of a path: the name itself where it is harmless, else its harmless part and a mark of the whole name."""
    plain = PLAIN.sub("_", name)
    harmless = plain == name and 0 < len(name) <= SEGMENT and name[0] not in ".-" and name[-1] != "."
    if harmless and not RESERVED.match(name):
        return name
    return f"{plain.strip('.-')[: SEGMENT - MARK - 1]}~{short(name, length=MARK)}"


def artifact(path: str) -> str:
    """A source's own path, made safe part by part; parts that are empty or climb do not vanish without a mark."""
    parts = path.split("/")
    safe = "/".join(segment(part) for part in parts)
    if len(safe) <= LONGEST:
        return safe
    return f"{safe[: LONGEST // 2].rstrip('/.')}~{short(path, length=16)}/{segment(parts[-1])}"


def folder(source: str, target: Target) -> str:
    """Where the evidence of a source on a target lies: `<account>/<region>/<source>/<type>-<name>`."""
    region = segment(target.region) if target.region else "global"
    return f"{segment(target.account)}/{region}/{segment(source)}/{segment(f'{target.type}-{target.name}')}"


def evidence_key(case: str, path: str) -> str:
    """The key in the vault of an evidence path."""
    return f"cases/{segment(case)}/evidence/{path}"


def printable(text: str, length: int = 300) -> str:
    """The text with control, direction and other invisible characters written out, and bounded."""
    shown = "".join(
        f"\\u{ord(character):04x}"
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        else character
        for character in text[:length]
    )
    return shown if len(text) <= length else shown + "…"
