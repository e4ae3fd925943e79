"""The Regions' public keys: as ListPublicKeys gave them, selected by Region, fingerprint and moment.

References:
    ListPublicKeys, CloudTrail API Reference, 2026-11: DER in base64. The values are PKCS #1; the documentation's sample
    also shows a SubjectPublicKeyInfo, so both are taken. Signatures are RSASSA-PKCS1-v1_5 with SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from amberlight.trail.prove.layout import instant

FILE_BYTES = 4 << 20
KEYS_MOST = 10_000
BITS = range(1024, 8193)
HEX = re.compile(r"(?:[0-9a-f]{2}){64,1024}")
"""A signature as CloudTrail writes it: lower-case hexadecimal of 512 to 8,192 bits."""


@dataclass(frozen=True)
class Key:
    """One public key and when it may have signed."""

    region: str
    fingerprint: str
    sha256: str
    source: str
    since: datetime
    until: datetime
    public: rsa.RSAPublicKey = field(compare=False)

    def verify(self, signature: str, text: bytes) -> bool:
        """Whether the hexadecimal signature is this key's over the text."""
        if not HEX.fullmatch(signature):
            return False
        try:
            self.public.verify(bytes.fromhex(signature), text, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


class KeyRing:
    """Public keys of all Regions, and what was wrong with those that were offered.

    Attributes:
        problems: (source, problem) of keys that cannot be used.
    """

    def __init__(self) -> None:
        self.problems: list[tuple[str, str]] = []
        self._keys: dict[tuple[str, str], list[Key]] = {}

    def add(self, region: str, listed: object, source: str) -> None:
        """Take the members of a `PublicKeyList`.

        Args:
            region: Whose keys they are.
            listed: The list as decoded.
            source: Where it came from, for the report.
        """
        if not isinstance(listed, list) or len(listed) > KEYS_MOST:
            self.problems.append((source, "holds no PublicKeyList"))
            return
        for number, item in enumerate(listed, 1):
            made = _key(region, item, source)
            if isinstance(made, str):
                self.problems.append((source, f"key {number}: {made}"))
            else:
                self._keys.setdefault((region, made.fingerprint), []).append(made)

    def replace(self, region: str, listed: object, source: str) -> None:
        """Take these instead of all that are there of the Region: AWS itself was asked."""
        for place in [place for place in self._keys if place[0] == region]:
            del self._keys[place]
        self.add(region, listed, source)

    def find(self, region: str, fingerprint: str, when: datetime) -> Key | str:
        """The Region's key of that fingerprint that was valid then, or why there is none to use."""
        found = self._keys.get((region, fingerprint.lower()), [])
        if not found:
            return f"there is no public key of {region} with the fingerprint {fingerprint[:64]}"
        if len({key.sha256 for key in found}) > 1:
            # Whoever adds a key under a known fingerprint must gain nothing by it.
            return f"two different public keys of {region} claim the fingerprint {fingerprint[:64]}"
        valid = [key for key in found if key.since <= when <= key.until]
        return valid[0] if valid else f"the public key of {region} was not valid at {when:%Y-%m-%d %H:%M:%S}"


def _key(region: str, item: object, source: str) -> Key | str:
    """A key, or what is wrong with it."""
    if not isinstance(item, Mapping):
        return "is no object"
    since, until = (_moment(item.get(name)) for name in ("ValidityStartTime", "ValidityEndTime"))
    fingerprint, value = item.get("Fingerprint"), item.get("Value")
    if not isinstance(fingerprint, str) or not isinstance(value, (str, bytes)) or since is None or until is None:
        return "lacks Fingerprint, Value, ValidityStartTime or ValidityEndTime"
    try:
        der = value if isinstance(value, bytes) else base64.b64decode(value, validate=True)
        public = serialization.load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        return "is no public key in DER"
    if not isinstance(public, rsa.RSAPublicKey) or public.key_size not in BITS:
        return "is no RSA key of 1,024 to 8,192 bits"
    sha256 = hashlib.sha256(der).hexdigest()
    return Key(region, fingerprint.lower(), sha256, source, since, until, public)


def _moment(value: Any) -> datetime | None:
    return instant(value.isoformat() if isinstance(value, datetime) else value)
