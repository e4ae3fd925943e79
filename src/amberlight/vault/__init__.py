"""The vault: a write-once store, a custody ledger over it, and a verifier that a stranger can run.

Takes bytes and acts, gives `Stored`, `Entry` and `Checkpoint`. Rules: objects are created and never replaced; what is read
is read by version; who writes cannot read; every byte is hashed on the way in; the ledger's order is decided by the store's
conditional write alone, so that no lock service and no clock has to be trusted.

| module | holds |
|---|---|
| `store`, `s3`, `multipart`, `folder` | the two stores behind one interface |
| `ledger`, `tree`, `signing` | entries, RFC 6962 root, signed checkpoints |
| `policies`, `walls`, `keys`, `guardrails`, `statements` | who may do what, each statement with its reason |
| `needed` | what gets through without a statement |
| `prove`, `attack*`, `proof` | attacks on the vault, the store's answers, and the signed report of them |
| `retention`, `people`, `minisign` | how long is kept, and who lifts a hold |
| `timestamps` | an authority's word when a head existed |
| `witness`, `proofs` | heads in a second place; proofs for one entry and for a history |
| `exhibit`, `check_exhibit` | one item given away alone, and its check; the check is standard library only |
| `checking` | checks a case where it lies |
| `verify` | checks a package; standard library only, copied into every package |
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amberlight.vault.folder import FolderStore
    from amberlight.vault.ledger import Ledger
    from amberlight.vault.s3 import S3Store
    from amberlight.vault.signing import KmsSigner, LocalSigner
    from amberlight.vault.store import Signer, Store

__all__ = ["FolderStore", "KmsSigner", "Ledger", "LocalSigner", "S3Store", "Signer", "Store"]

_HOMES = {
    "FolderStore": "folder",
    "KmsSigner": "signing",
    "Ledger": "ledger",
    "LocalSigner": "signing",
    "S3Store": "s3",
    "Signer": "store",
    "Store": "store",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: whoever only verifies a package needs neither boto3 nor cryptography.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
