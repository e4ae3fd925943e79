"""Signatures made with minisign, checked against lines of the same list as those of `ssh-keygen -Y`.

A person's line is `name [namespaces="…"] minisign RWQ…`, the last word being the second line of their `minisign.pub`.
minisign knows no purposes, so the purpose has to be the first word of the trusted comment, which is signed too:
`minisign -S -t amberlight-hold-release -m FILE`.

References:
    jedisct1.github.io/minisign, "Signature format" and "Public key format", 2026-11. RFC 8032 (Ed25519), RFC 7693 (BLAKE2b).
    RFC 8709 section 4 (the form of an Ed25519 key whose hash is ssh-keygen's fingerprint).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from amberlight.model.errors import ConfigError

START = b"untrusted comment: "
TRUSTED = b"trusted comment: "
HASHED, LEGACY = b"ED", b"Ed"
LINE = re.compile(rb"(?P<name>[^\s#]\S*)[ \t]+(?:(?P<options>\S+)[ \t]+)?minisign[ \t]+(?P<key>\S+)(?:[ \t].*)?")
NAMESPACES = re.compile(rb'namespaces="(?P<names>[\w.@,-]+)"')
SIGNATURE_MAX = 8192
KEY_BYTES, SIGNATURE_BYTES, GLOBAL_BYTES = 42, 74, 64


class NotGood(ValueError):
    """The signature is none, or is not of anybody who may sign."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key of the list: whose it is, minisign's own id of it, and the 32 bytes of the Ed25519 key."""

    name: str
    id: bytes
    public: bytes

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen writes that of the same key, so that one key in both forms is one key."""
        parts = (b"ssh-ed25519", self.public)
        blob = b"".join(len(each).to_bytes(4, "big") + each for each in parts)
        return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def split(allowed: bytes, namespace: str) -> tuple[bytes, tuple[Key, ...]]:
    """The list without minisign's lines, for ssh-keygen; and the keys that minisign's lines allow for a namespace.

    Raises:
        ConfigError: a line of minisign's has an option that is not known here, or no key.
    """
    others: list[bytes] = []
    keys: list[Key] = []
    for line in allowed.splitlines(keepends=True):
        match = LINE.fullmatch(line.strip())
        if match is None:
            others.append(line)
        else:
            keys += _keys(match, namespace)
    return b"".join(others), tuple(keys)


def _keys(match: re.Match[bytes], namespace: str) -> Iterator[Key]:
    options = NAMESPACES.fullmatch(match["options"]) if match["options"] else None
    raw = _decoded(match["key"], KEY_BYTES)
    if raw is None or raw[:2] != LEGACY or (match["options"] and options is None):
        # An option that is not understood may be a limit, and a limit must not be lost.
        raise ConfigError(
            "A line of the allowed signers names minisign and cannot be read.",
            'Write it as: name namespaces="…" minisign RWQ…, with the second line of minisign.pub.',
        )
    if options is None or namespace.encode() in options["names"].split(b","):
        yield Key(name=match["name"].decode(errors="backslashreplace"), id=raw[2:10], public=raw[10:])


def signer(statement: bytes, signature: bytes, name: str, keys: tuple[Key, ...], namespace: str) -> Key:
    """The key of that person which made this signature over exactly this statement, for this purpose.

    Raises:
        NotGood: there is none.
    """
    algorithm, key_id, made, comment, whole = _read(signature)
    if comment.split(b" ")[0] != namespace.encode():
        raise NotGood(f"its trusted comment does not begin with {namespace}")
    signed = hashlib.blake2b(statement).digest() if algorithm == HASHED else statement
    for key in keys:
        if (key.name, key.id) == (name, key_id) and _fits(key, made, signed) and _fits(key, whole, made + comment):
            return key
    raise NotGood("no key that the list has for this name made it")


def _read(signature: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Algorithm, key id, signature, trusted comment and global signature."""
    lines = signature.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    if len(signature) > SIGNATURE_MAX or len(lines) != 4:  # noqa: PLR2004 - the lines of a signature
        raise NotGood("it has not the four lines of a minisign signature")
    made, whole = _decoded(lines[1], SIGNATURE_BYTES), _decoded(lines[3], GLOBAL_BYTES)
    named = lines[0].startswith(START) and lines[2].startswith(TRUSTED)
    if made is None or whole is None or not named or made[:2] not in (HASHED, LEGACY):
        raise NotGood("it has not the form of a minisign signature")
    return made[:2], made[2:10], made[10:], lines[2].removeprefix(TRUSTED), whole


def _decoded(text: bytes, length: int) -> bytes | None:
    """So many bytes in base64, of which no bit is free; else None."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if len(data) == length and base64.b64encode(data) == text else None


def _fits(key: Key, signature: bytes, data: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, data)
    except InvalidSignature:
        return False
    return True
