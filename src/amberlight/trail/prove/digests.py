"""Digest files: read strictly, and put against their signatures and against what their successors say of them.

The text that is signed: the digest's end, its `bucket/key`, the SHA-256 of its uncompressed bytes and the signature of
the digest before (`null` for a starting digest), joined by line feeds.

References:
    "Custom implementations of CloudTrail log file integrity validation", CloudTrail User Guide, 2026-11.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from amberlight.model.trail_proof import State
from amberlight.trail.prove.content import Damaged, Unavailable, at_most, content, strict_json
from amberlight.trail.prove.copy import Copy, Sidecar
from amberlight.trail.prove.keys import Key, KeyRing
from amberlight.trail.prove.layout import HOUR, Chain, Place, instant, place

DIGEST_BYTES = 32 << 20
"""About 80,000 listed log files; an hour of an account's Region has some hundreds."""
PARSING = threading.Lock()
"""Values take several times their bytes: one digest at a time, however many are read. The interpreter does no more anyway."""
UNNAMED = Chain("", "", "", "", "", backfill=False)
WORSE = {"altered": 5, "missing": 4, "absent": 3, "unsigned": 2, "gap": 1, "valid": 0}
"""How bad a state is: what contradicts a signature before what is not there before what is not proved."""


class Listed(msgspec.Struct, frozen=True, rename="camel"):
    """A log file as a digest lists it."""

    s3_bucket: str
    s3_object: str
    hash_value: str
    hash_algorithm: str


class Body(msgspec.Struct, frozen=True, rename="camel"):
    """What stands in a digest file, as far as the proof needs it."""

    digest_start_time: str
    digest_end_time: str
    digest_s3_bucket: str
    digest_s3_object: str
    digest_public_key_fingerprint: str
    previous_digest_signature: str | None
    previous_digest_s3_bucket: str | None = None
    previous_digest_s3_object: str | None = None
    previous_digest_hash_value: str | None = None
    log_files: list[Listed] = []


@dataclass(kw_only=True)
class Digest:
    """One digest file and what is known of it so far.

    `signed` says that a key of AWS signed exactly this content; `state` is what the digest itself is worth, its log
    files apart. `body` holds no log files: they are read again when they are compared.
    """

    path: str
    chain: Chain
    start: datetime
    end: datetime
    sha256: str = ""
    body: Body | None = None
    sidecar: Sidecar = field(default_factory=Sidecar)
    signed: bool = False
    recovered: bool = False
    key: Key | None = None
    state: State = "unsigned"
    reason: str = ""

    def mark(self, state: State, reason: str) -> None:
        """Make the state worse, never better; the first reason of the worst state stays."""
        if WORSE[state] > WORSE[self.state] or not self.reason:
            self.state, self.reason = state, reason

    @property
    def previous(self) -> tuple[str, str] | None:
        """Bucket and key of the digest before; None for a starting digest and for one that cannot be read."""
        body = self.body
        if body is None or body.previous_digest_s3_bucket is None or body.previous_digest_s3_object is None:
            return None
        return body.previous_digest_s3_bucket, body.previous_digest_s3_object


def read(copy: Copy, path: str) -> tuple[Body, str]:
    """A digest's content and the SHA-256 of its uncompressed bytes.

    Raises:
        Damaged: it is no digest as AWS writes them.
        Unavailable: it cannot be read.
    """
    plain = at_most(content(copy.source.open(path), copy.limits), DIGEST_BYTES)
    try:
        with PARSING:
            body = msgspec.convert(strict_json(plain), Body)
    except msgspec.ValidationError as problem:
        raise Damaged(f"is no digest: {problem}") from problem
    return body, hashlib.sha256(plain).hexdigest()


def listed(copy: Copy, digest: Digest) -> Sequence[Listed]:
    """The log files of a digest, read again.

    Raises:
        Damaged: it changed in between.
        Unavailable: it cannot be read.
    """
    body, sha256 = read(copy, digest.path)
    if sha256 != digest.sha256:
        raise Damaged("changed while it was read")
    return body.log_files


def load(copy: Copy, path: str, where: Place | None) -> Digest:
    """A digest with its sidecar; one that cannot be read gets its times from its name."""
    try:
        body, sha256 = read(copy, path)
        start, end = interval(body)
    except Damaged as problem:
        return _broken(path, where, "altered", f"digest: {problem}")
    except Unavailable as problem:
        return _broken(path, where, "missing", f"digest: {problem}")
    stated = place(body.digest_s3_object) or where
    slim = msgspec.structs.replace(body, log_files=[])
    made = Digest(
        path=path, chain=stated.chain if stated else UNNAMED, start=start, end=end, sha256=sha256, body=slim,
        sidecar=copy.sidecar(path),
    )  # fmt: skip
    if not copy.at(path, body.digest_s3_object):
        made.chain = where.chain if where else made.chain
        made.mark("altered", f"digest: was moved; it was delivered as {body.digest_s3_object}")
    elif made.sidecar.key and not copy.at(path, made.sidecar.key):
        made.mark("altered", f"digest: was moved; its sidecar says that it lay at {made.sidecar.key}")
    return made


def interval(body: Body) -> tuple[datetime, datetime]:
    """From when to when a digest covers deliveries.

    Raises:
        Damaged: its times make no sense.
    """
    start, end = instant(body.digest_start_time), instant(body.digest_end_time)
    if start is None or end is None or start > end:
        raise Damaged("has no interval of time that makes sense")
    return start, end


def _broken(path: str, where: Place | None, state: State, reason: str) -> Digest:
    end = (where.stamp or where.day if where else None) or datetime.fromisoformat("2000-01-01T00:00:00+00:00")
    chain = where.chain if where else UNNAMED
    return Digest(path=path, chain=chain, start=end - HOUR, end=end, state=state, reason=reason)


def text_of(body: Body, sha256: str) -> bytes:
    """The text that is signed."""
    before = "null" if body.previous_digest_signature is None else body.previous_digest_signature
    where = f"{body.digest_s3_bucket}/{body.digest_s3_object}"
    return f"{body.digest_end_time}\n{where}\n{sha256}\n{before}".encode("utf-8", "surrogatepass")


def check(digest: Digest, ring: KeyRing, claimed: Iterable[str]) -> None:
    """Put a digest against its own signature, or against those that its successors recorded where its own is lost.

    Args:
        digest: Its state is set.
        ring: The public keys.
        claimed: Signatures that other digests give for this one.
    """
    body, own = digest.body, digest.sidecar.signature
    if body is None:
        return
    when = instant(digest.sidecar.backfill) if digest.chain.backfill else digest.end
    if when is None:
        digest.mark("unsigned", "digest: its backfill time is lost, and with it which key may have signed it")
        return
    key = ring.find(digest.chain.region, body.digest_public_key_fingerprint, when)
    if isinstance(key, str):
        digest.mark("unsigned", f"digest: {key}")
        return
    text = text_of(body, digest.sha256)
    fitting = [one for one in ([own] if own else list(claimed)[:8]) if key.verify(one, text)]
    if fitting:
        digest.signed, digest.recovered, digest.key = True, not own, key
        if digest.state == "unsigned":
            digest.state = "valid"
    elif own:
        digest.mark("altered", "digest: the signature does not fit")
    else:
        digest.mark("unsigned", f"digest: its signature is lost{_and(digest.sidecar.problem)}")


def _and(problem: str) -> str:
    return f", {problem}" if problem else ""


def judge_link(digest: Digest, successor: Digest) -> None:
    """Compare a digest with what its signed successor says of it: hash and signature both."""
    said = successor.body
    if said is None or digest.body is None or not successor.signed:
        return
    wrong = [
        what
        for what, stated, found in (
            ("content", said.previous_digest_hash_value, digest.sha256 or None),
            ("signature", said.previous_digest_signature, digest.sidecar.signature or said.previous_digest_signature),
        )
        if stated != found
    ]
    if not wrong:
        return
    if digest.signed:
        successor.mark("altered", f"digest: names another {' and '.join(wrong)} for the digest before it")
    else:
        digest.mark("altered", f"digest: is not the one that its successor names: another {' and '.join(wrong)}")


def settle_times(digest: Digest, where: Place | None, after: datetime | None, last: datetime | None) -> None:
    """Do not believe the times of a digest that nobody signed where its name or a neighbour says otherwise.

    Args:
        digest: Its times are set.
        where: What its path says.
        after: When the digest starts that names this one as the one before it.
        last: When the last readable digest of its chain ends.
    """
    if digest.signed or digest.chain.backfill:
        return
    stamp = where.stamp if where else None
    if stamp is not None:
        digest.end = stamp
        if not stamp - 2 * HOUR < digest.start <= stamp:
            digest.start = stamp - HOUR
    elif digest.body is None and (after or last):
        digest.start = after - HOUR if after else last or digest.start
        digest.end = digest.start + HOUR
