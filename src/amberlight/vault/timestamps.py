"""RFC 3161 timestamps over checkpoints: an authority's word that a head of the ledger existed at a time.

Only a SHA-256 leaves, and only where the response plan says so. `openssl ts` makes the request and checks the answer before it
is kept: granted, this hash, this nonce, signed by a certificate for timestamping that lies in it. Whose certificate that is, the
reader settles: `openssl ts -verify -in N.tsr -data N.json -CAfile AUTHORITY.pem`.

What is owed is never written down: it is every checkpoint of the ledger without a `timestamped` act.

References:
    RFC 3161 sections 2.4 (request and response) and 3.4 (by HTTP). openssl-ts(1), OpenSSL 3.0.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from amberlight.model.custody import Checkpoint, Entry
from amberlight.model.errors import IntegrityError, NotPossible, Unreachable
from amberlight.vault.ledger import Ledger, signed_bytes
from amberlight.vault.store import Exists, Listed, Store

REPLY_MAX = 1 << 16
"""Bytes; a token with a chain of certificates has about 8,000."""
ANSWER_S, OPENSSL_S = 10, 20
FINE = 200
TIME = re.compile(r"^Time stamp: (?P<time>[\w :.]{1,40})$", re.MULTILINE)
MEDIA_TYPE = "application/timestamp-reply"
ACTS = ("timestamped", "timestamp-missed")


@dataclass(frozen=True, kw_only=True)
class Token:
    """An answer that is good: its bytes, and the time that the authority says, in openssl's words."""

    data: bytes
    said: str


def stamp(url: str, data: bytes, *, run: Callable[..., Any] = subprocess.run) -> Token:
    """Have the authority stamp the SHA-256 of the data.

    Raises:
        Unreachable: nobody answers there.
        NotPossible: the answer is not good, or there is no openssl.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "data").write_bytes(data)
        _openssl(
            run, place, "ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "query", what="no request is made"
        )
        (place / "reply").write_bytes(post(url, (place / "query").read_bytes()))
        return _checked(run, place, "-queryfile", "query")


def check(data: bytes, reply: bytes, *, run: Callable[..., Any] = subprocess.run) -> Token:
    """A token that was kept before, held against what it has to be over.

    Raises:
        NotPossible: it is not good, or there is no openssl.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "data").write_bytes(data)
        (place / "reply").write_bytes(reply)
        return _checked(run, place, "-data", "data")


def _checked(run: Callable[..., Any], place: Path, *over: str) -> Token:
    """The reply in this folder, if it is granted, and signed over what is named by a certificate that it brings."""
    _openssl(run, place, "ts", "-reply", "-in", "reply", "-token_out", "-out", "token", what="it grants no token")
    _openssl(run, place, "pkcs7", "-inform", "DER", "-in", "token", "-print_certs", "-out", "certs",
             what="it holds no certificate")  # fmt: skip
    _openssl(run, place, "ts", "-verify", *over, "-in", "reply", "-CAfile", "certs", "-partial_chain",
             what="it is not signed over this hash and this request")  # fmt: skip
    said = TIME.search(_openssl(run, place, "ts", "-reply", "-in", "reply", "-text", what="it cannot be read"))
    return Token(data=(place / "reply").read_bytes(), said=said["time"] if said else "")


def post(url: str, body: bytes) -> bytes:
    """The answer to a request, of at most `REPLY_MAX` bytes; no redirect is followed.

    Raises:
        Unreachable: nobody answers there.
        NotPossible: the answer is no success, or too large.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with closing(kind(parts.hostname or "", parts.port, timeout=ANSWER_S)) as line:
            line.request("POST", target, body, {"Content-Type": "application/timestamp-query"})
            answer = line.getresponse()
            data = answer.read(REPLY_MAX + 1)
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise Unreachable(
            "The timestamp authority does not answer.", "The checkpoint stays owed; look at vault.timestamps.url."
        ) from problem
    if answer.status != FINE:
        raise _bad(f"it answers with HTTP status {answer.status}")
    if len(data) > REPLY_MAX:
        raise _bad(f"it has more than {REPLY_MAX} bytes")
    return data


def _openssl(run: Callable[..., Any], place: Path, *argv: str, what: str) -> str:
    """What openssl prints; it says of hostile bytes nothing that is shown."""
    try:
        done = run(["openssl", *argv], cwd=place, capture_output=True, timeout=OPENSSL_S, check=False)
    except FileNotFoundError as problem:
        raise NotPossible("openssl does not run here.", "Install it; it makes and checks timestamps.") from problem
    except subprocess.TimeoutExpired as problem:
        raise _bad("openssl does not come to an end with it") from problem
    if done.returncode:
        raise _bad(what)
    return str(done.stdout.decode(errors="replace"))


def _bad(why: str) -> NotPossible:
    return NotPossible(
        f"The timestamp authority's answer is not good: {why}.", "It was not kept; the checkpoint stays owed."
    )


def owed(ledger: Ledger) -> tuple[Checkpoint, ...]:
    """Checkpoints without a token, oldest first; not those that were made only to cover what came of timestamps."""
    entries = ledger.entries()
    done = {entry.what.get("checkpoint") for entry in entries if entry.act == "timestamped"}
    return tuple(
        head for head in ledger.checkpoints() if head.size not in done and entries[head.size - 1].act not in ACTS
    )


def enter(ledger: Ledger, store: Store, head: Checkpoint, token: Token, *, url: str, arrived: datetime) -> Entry:
    """Keep a token in the vault, and enter it with its delay.

    A token that is there already, since a run was killed after it, is the one that is entered, if it is good.

    Raises:
        NotPossible: another object stands in its place.
        Denied, Unreachable, DeliveryError: the store does not take it.
    """
    key = f"cases/{ledger.case_id}/timestamps/{head.size:08d}.tsr"
    try:
        kept = store.create(key, token.data, media_type=MEDIA_TYPE)
    except Exists:
        found = store.find(key)
        if found is None or found.size_bytes > REPLY_MAX:
            raise
        token, kept = check(signed_bytes(head), b"".join(store.read(found))), found
    sealed = any(each.act == "sealed" and each.seq >= head.size - 1 for each in ledger.entries())
    return ledger.append(
        "timestamped",
        {
            "checkpoint": head.size,
            "root": head.root,
            "key": kept.key,
            "version": kept.version,
            "size_bytes": kept.size_bytes,
            "sha256": kept.sha256,
            "authority": url,
            "said": token.said,
            "delay_s": int((arrived - head.when).total_seconds()),
            "after_seal": sealed,
        },
    )


def miss(ledger: Ledger, heads: tuple[Checkpoint, ...], *, url: str, problem: str) -> Entry:
    """Enter that an authority was asked and why there is no token."""
    sizes = [head.size for head in heads]
    return ledger.append("timestamp-missed", {"checkpoints": sizes, "authority": url, "problem": problem})


def held(ledger: Ledger, store: Store) -> dict[str, bytes]:
    """Every token that was entered, by its path in a package: beside the checkpoint of the same number.

    Raises:
        IntegrityError: one is not what was entered.
    """
    made = {}
    for entry in ledger.entries():
        if entry.act == "timestamped":
            what = entry.what
            found = Listed(str(what["key"]), str(what["version"]), int(what["size_bytes"]))
            data = b"".join(store.read(found))
            if hashlib.sha256(data).hexdigest() != what["sha256"]:
                raise IntegrityError(f"{found.key} is not what was entered.", "Stop, and look who could write there.")
            made[f"custody/timestamps/{int(what['checkpoint']):08d}.tsr"] = data
    return made
