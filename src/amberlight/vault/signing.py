"""Who signs checkpoints: a key that stays in KMS, or a file where there is no KMS.

References:
    KMS API reference, Sign: MessageType DIGEST, ECDSA_SHA_256, signature in DER (ANSI X9.62), 2026-11. RFC 5480 (SPKI).
"""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from amberlight._aws import Door
from amberlight.model.errors import ConfigError


class _Public:
    """What both signers say about their public key."""

    _key: ec.EllipticCurvePublicKey

    @cached_property
    def public_pem(self) -> bytes:
        """The public key, PEM."""
        return self._key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the SubjectPublicKeyInfo in DER."""
        der = self._key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(der).hexdigest()


class KmsSigner(_Public):
    """Signs with a P-256 key that never leaves KMS.

    Args:
        door: Door of the signer role (`kms:Sign`, `kms:GetPublicKey`).
        key_id: Id or ARN of an ECC_NIST_P256 key for SIGN_VERIFY.
    """

    def __init__(self, door: Door, key_id: str) -> None:
        self._door = door
        self._key_id = key_id

    @cached_property
    def _key(self) -> ec.EllipticCurvePublicKey:  # type: ignore[override] # fetched on first use
        answer = self._door.call("kms.GetPublicKey", KeyId=self._key_id)
        return p256(serialization.load_der_public_key(answer["PublicKey"]), self._key_id)

    def sign(self, data: bytes) -> bytes:
        """ECDSA P-256 over the SHA-256 of the data, DER."""
        answer = self._door.call(
            "kms.Sign",
            KeyId=self._key_id,
            Message=hashlib.sha256(data).digest(),
            MessageType="DIGEST",
            SigningAlgorithm="ECDSA_SHA_256",
        )
        return bytes(answer["Signature"])


class LocalSigner(_Public):
    """Signs with a key in a file (PEM, PKCS 8): custody rests on that file, so KMS is better where there is one.

    Raises:
        ConfigError: there is no such file, or it holds no P-256 key.
    """

    def __init__(self, path: Path) -> None:
        try:
            private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except FileNotFoundError as problem:
            raise ConfigError(f"There is no signing key at {path}.", "Make one with LocalSigner.create.") from problem
        except (ValueError, TypeError) as problem:
            raise ConfigError(f"{path} holds no signing key in PEM.", "Name the private key's file.") from problem
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise ConfigError(f"{path} holds no elliptic-curve key.", "Make a P-256 key.")
        self._private = private
        self._key = p256(private.public_key(), str(path))

    @classmethod
    def create(cls, path: Path) -> LocalSigner:
        """Make a new key at a path where no file is; only its owner may read it."""
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
        return cls(path)

    def sign(self, data: bytes) -> bytes:
        """ECDSA P-256 over the SHA-256 of the data, DER."""
        return self._private.sign(data, ec.ECDSA(hashes.SHA256()))


def p256(key: object, name: str) -> ec.EllipticCurvePublicKey:
    """The key, if it is one that the verifier can check.

    Raises:
        ConfigError: it is of another kind or on another curve.
    """
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ConfigError(f"The signing key {name} is not on the curve P-256.", "Use an ECC_NIST_P256 key.")
