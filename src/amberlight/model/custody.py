"""The custody ledger's records: one entry per act, and signed heads of the tree over them.

References:
    RFC 8785 (canonical JSON), RFC 6962 section 2.1 (tree), FIPS 186-5 (ECDSA P-256).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from amberlight.model.signals import Kind

Act = Literal[
    "opened",  # a case was opened: the decision and its authority
    "planned",  # a capture plan was made, or approved
    "intended",  # a step is about to run
    "acquired",  # an item was taken and stored
    "missed",  # an item could not be taken: a Gap
    "called",  # what a step asked of AWS after its last item or gap, such as its cleaning up
    "attempted",  # somebody tried to alter the vault; the answer of the store
    "hold-placed",  # a legal hold on everything of the case
    "extended",  # the lock of everything of the case lasts longer
    "hold-released",  # the hold was lifted, by two people's word
    "corroborated",  # AWS's own event ids of requests that earlier entries name
    "timestamped",  # an authority's token over a checkpoint arrived, and how long after it
    "timestamp-missed",  # an authority was asked and gave no token that is good
    "verified",  # stored items were read again and compared
    "sealed",  # a package was closed: hashes of every file of it
    "transferred",  # a package was handed out
    "received",  # the receiver's word
    "closed",
]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One act.

    `seq` counts from 0; `previous` is the SHA-256 (hex) of the canonical form of the entry before, 64 zeros
    at the start. `what` is what the act was about; its form depends on `act`.
    """

    schema: str
    case: str
    kind: Kind
    seq: int
    previous: str
    act: Act
    when: datetime
    actor: str
    authority: str
    tool: str
    what: dict[str, Any]


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A signed head: size of the ledger, RFC 6962 root (hex) over its canonical entries, and hash of the last entry.

    `signature` is ECDSA P-256 over the SHA-256 of the canonical form without the field `signature`, DER, base64.
    `key` is the SHA-256 (hex) of the public key's SubjectPublicKeyInfo in DER.
    """

    schema: str
    case: str
    kind: Kind
    size: int
    root: str
    last: str
    when: datetime
    key: str
    signature: str = ""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An object in the vault as it was written: never changed, never deleted.

    `request_id` is AWS's id of the request that wrote it: empty where another process wrote it, or no AWS did.
    """

    key: str
    version: str
    size_bytes: int
    sha256: str
    sha512: str
    retain_until: datetime | None = None
    request_id: str = ""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try to alter the vault, and the store's own answer. `role` says whose credentials were used."""

    role: str
    action: str
    refused: bool
    answer: str
    request_id: str = ""
