"""Digest files: which log files a trail delivered in an interval, chained and signed.

References:
    "CloudTrail digest file structure" and "Custom implementations of CloudTrail log file integrity validation",
    CloudTrail User Guide, 2026-11.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from amberlight.lab import clock

ALGORITHM = "SHA256withRSA"


class Signer:
    """One Region's key pair."""

    def __init__(self, since: float) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.since = since
        self.public_der = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.PKCS1
        )
        self.fingerprint = hashlib.md5(self.public_der, usedforsecurity=False).hexdigest()

    def sign(self, text: str) -> str:
        """Hexadecimal signature, RSASSA-PKCS1-v1_5 with SHA-256."""
        return self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()


@dataclasses.dataclass(frozen=True)
class LogFile:
    """A delivered log file, as a digest lists it."""

    bucket: str
    key: str
    sha256: str
    oldest: str
    newest: str

    def entry(self) -> dict[str, str]:
        """The entry of `logFiles`."""
        return {
            "s3Bucket": self.bucket, "s3Object": self.key, "hashValue": self.sha256, "hashAlgorithm": "SHA-256",
            "newestEventTime": self.newest, "oldestEventTime": self.oldest,
        }  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Digest:
    """A digest file ready to be stored; the signature goes into the object's metadata."""

    bucket: str
    key: str
    body: bytes
    sha256: str
    signature: str

    @property
    def metadata(self) -> dict[str, str]:
        """The user metadata that carries the signature."""
        return {"signature": self.signature, "signature-algorithm": ALGORITHM}


def make(
    place: tuple[str, str, str], span: tuple[float, float], files: Sequence[LogFile], previous: Digest | None,
    signer: Signer,
) -> Digest:  # fmt: skip
    """The digest of one trail and Region for one interval; *place* is account, bucket, key."""
    account, bucket, key = place
    end = clock.iso(span[1])
    content = {
        "awsAccountId": account, "digestStartTime": clock.iso(span[0]), "digestEndTime": end,
        "digestS3Bucket": bucket, "digestS3Object": key, "digestPublicKeyFingerprint": signer.fingerprint,
        "digestSignatureAlgorithm": ALGORITHM,
        "newestEventTime": max((file.newest for file in files), default=None),
        "oldestEventTime": min((file.oldest for file in files), default=None),
        **_before(previous), "logFiles": [file.entry() for file in files],
    }  # fmt: skip
    plain = json.dumps(content, separators=(",", ":")).encode()
    sha256 = hashlib.sha256(plain).hexdigest()
    text = "\n".join([end, f"{bucket}/{key}", sha256, previous.signature if previous else "null"])
    return Digest(bucket, key, gzip.compress(plain), sha256, signer.sign(text))


def _before(previous: Digest | None) -> Mapping[str, Any]:
    return {
        "previousDigestS3Bucket": previous.bucket if previous else None,
        "previousDigestS3Object": previous.key if previous else None,
        "previousDigestHashValue": previous.sha256 if previous else None,
        "previousDigestHashAlgorithm": "SHA-256" if previous else None,
        "previousDigestSignature": previous.signature if previous else None,
    }
