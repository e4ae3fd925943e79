"""The custody part of a package: ledger, checkpoints, key, and the table that people read."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from amberlight.model.codec import canonical
from amberlight.model.corroboration import Standing, asked, events, standing
from amberlight.model.custody import Checkpoint, Entry
from amberlight.vault.ledger import signed_bytes

LEDGER = "custody/ledger.jsonl"
KEY = "custody/signing-key.pem"
TABLE = "custody/chain-of-custody.csv"
COLUMNS = (
    "no", "when (UTC)", "act", "what", "size in bytes", "sha256", "actor", "authority", "tool", "kind", "details",
)  # fmt: skip
WITNESSED = "custody/corroborated-by-aws.csv"
WITNESSED_COLUMNS = (
    "entry", "when (UTC)", "operation", "account", "Region", "AWS request id", "CloudTrail event id", "standing", "why",
)  # fmt: skip
WHY: dict[Standing, str] = {
    "corroborated": "CloudTrail's event history of the account holds it",
    "open": "asked for; no event of it had arrived when the package was made",
    "data-event": "a data event: only a trail that records data events can hold it",
    "not-asked": "the event history of its account was not asked",
}
WRITTEN = "a write into the vault, not counted: compare with the vault account's own records of data events"
FORMULA = re.compile(r"^[\s]*[=+\-@|%]|^[\t\r\n]")
"""From: OWASP, CSV Injection: what a spreadsheet would run."""
NAMES = ("path", "item", "evidence", "target", "source", "step", "id")


def ledger_lines(entries: Iterable[Entry]) -> Iterator[bytes]:
    """One canonical entry a line."""
    for entry in entries:
        yield canonical(entry) + b"\n"


def checkpoint_files(head: Checkpoint) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    """The bytes that were signed, and the signature as openssl reads it."""
    stem = f"custody/checkpoints/{head.size:08d}"
    return (f"{stem}.json", signed_bytes(head)), (f"{stem}.sig", base64.b64decode(head.signature))


def checkpoint_digests(heads: Iterable[Checkpoint]) -> dict[str, str]:
    """What the seal says of earlier heads: size to SHA-256 of the signed bytes."""
    return {f"{head.size:08d}": hashlib.sha256(signed_bytes(head)).hexdigest() for head in heads}


def table(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The ledger as a table, one row an act."""
    yield _row(COLUMNS)
    for entry in entries:
        what = entry.what
        named = next((what[name] for name in NAMES if isinstance(what.get(name), str)), "")
        yield _row(
            (
                entry.seq,
                f"{entry.when:%Y-%m-%d %H:%M:%S.%f}",
                entry.act,
                named,
                what.get("size_bytes", ""),
                what.get("sha256", ""),
                entry.actor,
                entry.authority,
                entry.tool,
                entry.kind,
                json.dumps(what, sort_keys=True),
            )
        )


def witnessed(entries: Sequence[Entry]) -> Iterator[bytes]:
    """Every request that the ledger names, with AWS's own event of it or the reason why there is none; vault writes last."""
    known = events(entries)
    heard = [entry.what for entry in entries if entry.act == "corroborated"]
    accounts = frozenset(str(what.get("account")) for what in heard if what.get("regions"))
    yield _row(WITNESSED_COLUMNS)
    for one in asked(entries):
        stands = standing(one, known, accounts)
        yield _row(
            (
                one.entry,
                one.when,
                one.operation,
                one.account,
                one.region,
                one.request_id,
                known.get(one.request_id, ""),
                stands,
                WHY[stands],
            )
        )
    for entry in entries:
        if entry.act == "acquired" and entry.what.get("write_request_id"):
            written = entry.what["write_request_id"]
            yield _row((entry.seq, entry.when.isoformat(), "s3 write", "", "", written, "", "vault write", WRITTEN))


def _row(cells: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow([cell(each) for each in cells])
    return text.getvalue().encode("utf-8", "backslashreplace")


def cell(value: Any) -> str:
    """A cell that no spreadsheet runs: text that would begin a formula gets an apostrophe before it."""
    text = "".join(each if each.isprintable() else " " for each in str(value))
    return f"'{text}" if FORMULA.match(str(value)) and not isinstance(value, int) else text
