"""Builds a package: evidence out of the vault, derived forms, reports, custody, and the seal over all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from amberlight._aws import Clock
from amberlight.handoff import assemble_disk, brief, custody
from amberlight.handoff.bag import Bag, new_folder
from amberlight.handoff.derive import Derived, derive
from amberlight.handoff.format import load
from amberlight.handoff.paths import safe_path
from amberlight.handoff.trail_proof import PATH as TRAIL_PROOF
from amberlight.handoff.trail_proof import trail_proof
from amberlight.model.codec import canonical, dumps
from amberlight.model.corroboration import calls_of
from amberlight.model.custody import Attempt, Entry, Stored
from amberlight.model.delivery import Package
from amberlight.model.errors import DeliveryError, IntegrityError
from amberlight.model.evidence import CapturePlan, Evidence, Gap
from amberlight.model.signals import Case
from amberlight.model.trail_proof import TrailProof
from amberlight.trail.prove.words import sentence
from amberlight.vault import verify
from amberlight.vault.ledger import Ledger
from amberlight.vault.store import Signer, Store, compare

CALLS = "report/our-calls.jsonl"
DISK_MAP = "blocks.json"
"""Beside the segments of a disk image; `assemble_disk` reads it."""
SEAL_BYTES_MAX = verify.LINE_MAX - (1 << 16)
MARKINGS = {
    "drill": "This is an exercise. The attack was planted; no real intruder, no real customer data.",
    "incident": "This is a real case. Everything here may become evidence in proceedings; handle it so.",
}


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What goes into a package.

    `extras` are further files by their paths.
    """

    case: Case
    plan: CapturePlan
    evidence: Sequence[Evidence]
    gaps: Sequence[Gap]
    attempts: Sequence[Attempt]
    extras: Mapping[str, bytes]
    fingerprint: str
    now: datetime


def build(  # noqa: PLR0913 - everything that a package is made of, each by its name
    out: Path,
    *,
    case: Case,
    plan: CapturePlan,
    evidence: Sequence[Evidence],
    gaps: Sequence[Gap],
    attempts: Sequence[Attempt],
    store: Store,
    ledger: Ledger,
    signer: Signer,
    clock: Clock,
    extras: Mapping[str, bytes],
) -> Package:
    """Write the package to `out`, which appears only when it is whole; the ledger gets `verified` and `sealed`.

    Args:
        out: A folder that does not exist yet, or is empty.
        case: The case.
        plan: The capture plan that was carried out.
        evidence: The items, read out of the store again and compared.
        gaps: What was not taken.
        attempts: Attempts to alter the vault, and its answers.
        store: The vault.
        ledger: The case's ledger; it signs with `signer`.
        signer: Whose public key goes into the package.
        clock: For the times in it.
        extras: Further files: path in the package to content, such as `report/our-calls.jsonl`.

    Raises:
        ConfigError: `out` is there already.
        IntegrityError: an item is not what was sealed.
        DeliveryError: the disk is full, or two files would have one path.
    """
    contents = Contents(
        case=case,
        plan=plan,
        evidence=evidence,
        gaps=gaps,
        attempts=attempts,
        extras=extras,
        fingerprint=signer.fingerprint,
        now=clock.now(),
    )
    with new_folder(out) as draft:
        bag = Bag(draft)
        sealed = _fill(bag, contents, store, ledger, signer)
        files, size_bytes = len(bag.files), bag.size_bytes
    return Package(
        case=case.id,
        kind=case.kind,
        path=str(out),
        files=files,
        size_bytes=size_bytes,
        sealed=sealed,
        key_fingerprint=signer.fingerprint,
    )


def _fill(bag: Bag, contents: Contents, store: Store, ledger: Ledger, signer: Signer) -> datetime:
    """Everything into the bag, what is sealed before what seals it; the time of the seal."""
    places = _add_evidence(bag, contents, store)
    ledger.append("verified", {"items": len(places), "size_bytes": bag.size_bytes, "by": "read again and compared"})
    derived = _add_derived(bag, contents, places)
    proof = trail_proof(bag.folder, contents.evidence, places)
    _add_reports(bag, contents, places, derived, proof)
    if CALLS not in contents.extras:
        bag.add(CALLS, _calls(ledger.entries()))
    ledger.checkpoint()
    _add_custody(bag, ledger, signer)
    disks = _add_disks(bag, places)
    _add_brief(bag, contents, derived, proof, disks)
    bag.add_manifests()
    sealed = _seal(bag, ledger)
    bag.add_tag_manifest()
    return sealed


def _add_evidence(bag: Bag, contents: Contents, store: Store) -> dict[str, str]:
    """Every item's bytes; evidence id to path in the package."""
    places = {}
    for item in contents.evidence:
        if (item.case, item.kind) != (contents.case.id, contents.case.kind):
            raise IntegrityError(f"{item.id} belongs to {item.kind} {item.case}, not to this case.", "Leave it out.")
        stored = Stored(
            key=item.key,
            version=item.version,
            size_bytes=item.size_bytes,
            sha256=item.sha256,
            sha512=item.sha512,
            retain_until=item.retain_until,
        )
        path = safe_path(f"data/{item.path}", bag.files, bag.folders)
        compare(stored, bag.add(path, store.read(stored)))
        places[item.id] = path
    return places


def _add_derived(bag: Bag, contents: Contents, places: Mapping[str, str]) -> tuple[Derived, ...]:
    native: dict[str, list[str]] = {}
    for item in contents.evidence:
        native.setdefault(item.source, []).append(places[item.id])
    return derive(bag, native, load())


def _add_reports(
    bag: Bag, contents: Contents, places: Mapping[str, str], derived: tuple[Derived, ...], proof: TrailProof | None
) -> None:
    listed = [{"package_path": places[item.id], **msgspec.to_builtins(item)} for item in contents.evidence]
    made = {
        "report/evidence.json": dumps(listed),
        "report/gaps.json": dumps(contents.gaps),
        "report/capture-plan.json": dumps(contents.plan),
        "report/vault-attempts.json": dumps(contents.attempts),
        "report/derived.json": dumps(derived),
        **({TRAIL_PROOF: dumps(proof)} if proof else {}),
    }
    for path, data in (*made.items(), *contents.extras.items()):
        bag.add(safe_path(path), [data])


def _calls(entries: Sequence[Entry]) -> Iterator[bytes]:
    """The calls that the ledger names, for whoever has not kept the whole journal; `evidence` is empty for gaps."""
    for entry in entries:
        for call in calls_of(entry):
            named = entry.what.get("id", "") if entry.act == "acquired" else ""
            yield msgspec.json.encode({"entry": entry.seq, "evidence": named, **call}) + b"\n"


def _add_custody(bag: Bag, ledger: Ledger, signer: Signer) -> None:
    bag.add(custody.KEY, [signer.public_pem])
    bag.add(custody.TABLE, custody.table(ledger.entries()))
    bag.add(custody.WITNESSED, custody.witnessed(ledger.entries()))
    bag.add("verify.py", [Path(verify.__file__).read_bytes()])


def _add_disks(bag: Bag, places: Mapping[str, str]) -> tuple[str, ...]:
    """The folders with disk images in blocks; where there are any, the program that makes raw files of them goes along."""
    disks = tuple(sorted(path.rpartition("/")[0] for path in places.values() if path.endswith(f"/{DISK_MAP}")))
    if disks:
        bag.add("assemble_disk.py", [Path(assemble_disk.__file__).read_bytes()])
    return disks


def _add_brief(
    bag: Bag, contents: Contents, derived: tuple[Derived, ...], proof: TrailProof | None, disks: tuple[str, ...]
) -> None:
    facts = {
        "marking": contents.case.kind.upper(),
        "marking_text": MARKINGS[contents.case.kind],
        "case": contents.case,
        "disks": disks,
        "packed": contents.now,
        "evidence": contents.evidence,
        "evidence_bytes": sum(item.size_bytes for item in contents.evidence),
        "sources": _by_source(contents.evidence),
        "gaps": contents.gaps,
        "derived": derived,
        "attempts": contents.attempts,
        "refused": sum(each.refused for each in contents.attempts),
        "fingerprint": contents.fingerprint,
        "trail_proof": sentence(proof) if proof else "",
    }
    for path, data in brief.pages(facts).items():
        bag.add(path, [data])
    bag.add("bag-info.txt", [_bag_info(bag, contents)])


def _by_source(evidence: Sequence[Evidence]) -> list[dict[str, Any]]:
    rows = []
    for source in sorted({item.source for item in evidence}):
        items = [item for item in evidence if item.source == source]
        ends = [item.retain_until for item in items if item.retain_until]
        rows.append(
            {
                "source": source,
                "count": len(items),
                "size_bytes": sum(item.size_bytes for item in items),
                "retain_until": min(ends, default=None),
            }
        )
    return rows


def _bag_info(bag: Bag, contents: Contents) -> bytes:
    payload = [bag.files[path] for path in bag.payload()]
    lines = (
        f"Bagging-Date: {contents.now:%Y-%m-%d}",
        f"External-Identifier: {brief.plain(contents.case.id)}",
        f"External-Description: {contents.case.kind.upper()}. {MARKINGS[contents.case.kind]}",
        f"Payload-Oxum: {sum(each.size_bytes for each in payload)}.{len(payload)}",
        "Bag-Software-Agent: amberlight",
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _seal(bag: Bag, ledger: Ledger) -> datetime:
    """Enter the hash of every file, sign the head over that entry, and add what is outside the seal: ledger and heads."""
    earlier = ledger.checkpoints()
    what = {
        "files": {path: bag.files[path].sha256 for path in sorted(bag.files)},
        "checkpoints": custody.checkpoint_digests(earlier),
        "size_bytes": bag.size_bytes,
    }
    if len(canonical(what)) > SEAL_BYTES_MAX:
        raise DeliveryError("The package has too many files for one seal.", "Divide the evidence between packages.")
    entry, head = ledger.seal(what)
    bag.add(custody.LEDGER, custody.ledger_lines(ledger.entries()[: entry.seq + 1]))
    for each in (*earlier, head):
        for path, data in custody.checkpoint_files(each):
            bag.add(path, [data])
    return entry.when
