"""A witness: a second place that keeps what the vault signed, so that a cut tail or a second history shows.

Whoever holds the vault and its key can write another ledger that is whole in itself. A head that lay elsewhere meanwhile
does not fit into it. Any `Store` will do: a bucket of another organisation, a folder on a disk in a drawer. Copies keep
their keys; what is there stays, and what differs from it is an alarm, never an overwrite.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amberlight.model.custody import Checkpoint
from amberlight.model.errors import IntegrityError
from amberlight.vault.ledger import decoded, signed_bytes
from amberlight.vault.store import Exists, Listed, Store
from amberlight.vault.tree import Tree
from amberlight.vault.verify import LEDGER, Bad, Verifier, parse, signed

SMALL_BYTES = 1 << 20
"""Evidence up to this size is copied, too, where that is asked for."""


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What the witness has got: how many objects are new, and how many it had."""

    new: int
    known: int


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How a package stands to the witness's heads of its case: how many there are, and what does not fit."""

    heads: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the witness knows the case, and everything fits."""
        return self.heads > 0 and not self.problems


def copy(case_id: str, vault: Store, witness: Store, *, evidence_up_to: int = 0) -> Copied:
    """Bring the heads of a case to the witness, and evidence up to a size if asked.

    Args:
        case_id: The case.
        vault: Where it is; must be able to read.
        witness: Where it goes; must be able to read, to compare.
        evidence_up_to: Bytes; 0 copies no evidence.

    Raises:
        IntegrityError: the witness has another object of that key: a fork, or somebody altered one of the two.
        Denied, Unreachable, DeliveryError: see the stores.
    """
    new = known = 0
    for thing in _wanted(case_id, vault, evidence_up_to):
        # Never more than a small object, so that it may be held in memory.
        data = b"".join(vault.read(thing))
        try:
            witness.create(thing.key, data)
            new += 1
        except Exists:
            _same(witness, thing, data)
            known += 1
    return Copied(new=new, known=known)


def _wanted(case_id: str, vault: Store, evidence_up_to: int) -> Iterator[Listed]:
    yield from vault.listing(f"cases/{case_id}/checkpoints/")
    if evidence_up_to:
        for thing in vault.listing(f"cases/{case_id}/evidence/"):
            if thing.size_bytes <= min(evidence_up_to, SMALL_BYTES):
                yield thing


def _same(witness: Store, thing: Listed, data: bytes) -> None:
    there = witness.look(thing.key)
    kept = b"" if there is None else b"".join(witness.read(there))
    if there is None or hashlib.sha256(kept).digest() != hashlib.sha256(data).digest():
        raise IntegrityError(
            f"The witness has another {thing.key} than the vault.",
            "Keep both; compare their signatures, and look who could write to either.",
        )


def compare(package: Path, witness: Store) -> Agreement:
    """Hold a package against the heads that the witness has of its case.

    This asks only whether the package's ledger continues what was signed before; whether the package is whole in itself,
    `verify` says.

    Args:
        package: The folder of the package, which may say anything.
        witness: The second place.
    """
    reader = Verifier(str(package))
    reader.walk()
    point = reader.read_key()
    heads, problems = _heads_of(case_of(reader), witness)
    roots, size, sealed = _roots(reader, set(heads))
    # A ledger goes on after its package was sealed; that this seal was its end once, the witness's head over it says.
    whole = sealed and size in heads and roots[size] == (heads[size].root, heads[size].last)
    if reader.problems:
        problems += [f"{each['path']} {each['problem']}" for each in reader.problems]
    for number, head in sorted(heads.items()):
        if number > size and not whole:
            problems.append(
                f"The end was cut off: the witness has a head over {number} entries, the package has {size}."
            )
        elif number <= size and roots[number] != (head.root, head.last):
            problems.append(
                f"Another history: the first {number} entries are not those that the witness's head is over."
            )
        if head.key != reader.fingerprint:
            problems.append(f"Another key: the witness's head over {number} entries was signed with {head.key}.")
        elif not is_signed(head, point):
            problems.append(f"The witness's head over {number} entries is not signed by its key.")
    if not heads:
        problems.append("The witness has no head of this case.")
    return Agreement(heads=len(heads), problems=tuple(problems))


def case_of(reader: Verifier) -> str:
    """The case that the package's first entry names; empty where there is none."""
    try:
        first = next(reader.lines(LEDGER), b"")
        case = parse(first).get("case", "")
    except (OSError, Bad):
        return ""
    return case if isinstance(case, str) else ""


def _heads_of(case_id: str, witness: Store) -> tuple[dict[int, Checkpoint], list[str]]:
    heads: dict[int, Checkpoint] = {}
    problems: list[str] = []
    if not case_id:
        return heads, ["The package's ledger names no case."]
    for thing in witness.listing(f"cases/{case_id}/checkpoints/"):
        try:
            head = decoded(b"".join(witness.read(thing)), Checkpoint, thing.key)
        except IntegrityError as problem:
            problems.append(problem.cause)
            continue
        heads[head.size] = head
    return heads, problems


def _roots(reader: Verifier, sizes: set[int]) -> tuple[dict[int, tuple[str, str]], int, bool]:
    """Root and hash of the last entry at each size that is asked for, how many entries there are, and if the last seals."""
    tree, last = Tree(), b""
    found: dict[int, tuple[str, str]] = {}
    try:
        for line in reader.lines(LEDGER):
            tree.add(line)
            last = line
            if tree.size in sizes:
                found[tree.size] = (tree.root().hex(), hashlib.sha256(line).hexdigest())
    except (OSError, Bad) as problem:
        reader.say(LEDGER, str(problem))
    return found, tree.size, _seals(last)


def _seals(line: bytes) -> bool:
    try:
        return bool(parse(line).get("act") == "sealed")
    except Bad:
        return False


def is_signed(head: Checkpoint, point: tuple[int, int] | None) -> bool:
    """Whether a head is signed by that key."""
    try:
        signature = base64.b64decode(head.signature, validate=True)
        return point is not None and signed(point, signed_bytes(head), signature)
    except ValueError:  # no base64, or no signature in DER
        return False
