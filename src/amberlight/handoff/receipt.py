"""The receiver's word: the package arrived, and this is what a check of it said."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec

from amberlight._aws import Clock
from amberlight.model.codec import canonical, to_builtins
from amberlight.model.delivery import Receipt
from amberlight.model.errors import ConfigError
from amberlight.vault.store import Signer
from amberlight.vault.verify import Bad, Verifier


def acknowledge(
    package_path: Path, receiver: str, signer: Signer | None, clock: Clock, *, key: str | None = None
) -> Receipt:
    """Verify the package as it arrived, and say so; signed if the receiver has a key.

    Args:
        package_path: The package's folder.
        receiver: Who says so.
        signer: The receiver's key, or None.
        clock: For the time of it.
        key: The fingerprint that the sender named by another way.

    Raises:
        ConfigError: there is no folder, or the fingerprint is none.
    """
    if not package_path.is_dir():
        raise ConfigError(f"There is no package at {package_path}.", "Name the package's folder.")
    try:
        package = Verifier(str(package_path), key)
    except Bad as problem:
        raise ConfigError(str(problem), "Take it from the sender's page, all 64 digits.") from problem
    report = package.run()
    receipt = Receipt(
        case=package.case or "unknown",
        kind="drill" if package.kind == "drill" else "incident",
        receiver=receiver,
        when=clock.now(),
        verified=bool(report["ok"]),
        key_fingerprint=package.fingerprint,
    )
    if signer is None:
        return receipt
    return msgspec.structs.replace(receipt, signature=base64.b64encode(signer.sign(signed_part(receipt))).decode())


def signed_part(receipt: Receipt) -> bytes:
    """What a receipt's signature is over: its canonical form without the field `signature`."""
    fields = to_builtins(receipt)
    del fields["signature"]
    return canonical(fields)
