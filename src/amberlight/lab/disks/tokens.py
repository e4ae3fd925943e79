"""Tokens of the EBS direct APIs: for one block or one page, for a while, and nobody else can make them.

References:
    "Concepts for EBS direct APIs" (block tokens are temporary), EBS User Guide, 2026-11: ExpiryTime is seven days later; a
    page token lives for 60 minutes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct

from amberlight.lab import clock

BLOCK_S, PAGE_S = 7 * 86400.0, 3600.0
_HEAD = struct.Struct(">dQ")
_MAC = 24


class Tokens:
    """Makes tokens and knows them again."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def expire_all(self) -> None:
        """End every token that was given out, as their time would."""
        self._secret = secrets.token_bytes(32)

    def make(self, about: str, number: int, lifetime: float) -> str:
        """A token for a number (of a block, or where a page begins) of what *about* names."""
        head = _HEAD.pack(clock.now() + lifetime, number)
        return base64.b64encode(head + self._mac(about, head)).decode()

    def read(self, about: str, token: str) -> int | None:
        """The number, or None when the token is not of this, or not any more."""
        try:
            raw = base64.b64decode(token, validate=True)
            expires, number = _HEAD.unpack(raw[: _HEAD.size])
        except (ValueError, struct.error):
            return None
        genuine = hmac.compare_digest(raw[_HEAD.size :], self._mac(about, raw[: _HEAD.size]))
        return int(number) if genuine and expires > clock.now() else None

    def _mac(self, about: str, head: bytes) -> bytes:
        return hmac.new(self._secret, about.encode() + b"\0" + head, hashlib.sha256).digest()[:_MAC]
