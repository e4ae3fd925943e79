"""One item of a package, given away alone: its bytes, its own ledger entry, and the proof that the signed ledger holds it.

The `sealed` entry names every file of a package, so it is never given. The `acquired` entry names one item only: that
is the leaf that is proved. Of other entries there are hashes alone: the one before (in the entry itself) and those of the
proof. What was made of items (reports, derived forms) is named by the seal alone, and can't be given away so.

References:
    RFC 6962 section 2.1.1 (audit paths). The folder is checked by `check_exhibit`, which goes with it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from amberlight.model.codec import canonical
from amberlight.model.errors import ConfigError, DeliveryError, IntegrityError, NotPossible
from amberlight.vault import check_exhibit as form
from amberlight.vault.proofs import inclusion, root
from amberlight.vault.tree import leaf
from amberlight.vault.verify import CHECKPOINT, KEY, LEDGER, Bad, Verifier

INVENTORY = "report/evidence.json"
STAMPS = "custody/timestamps/{:08d}.tsr"


@dataclass(frozen=True, kw_only=True)
class Item:
    """What is given: path in the package, number of its ledger entry, and that entry's canonical bytes."""

    path: str
    seq: int
    entry: bytes


def export(package: Path, which: str, out: Path, key: str | None = None) -> dict[str, Any]:
    """Write the exhibit to `out`, which appears only when it is whole; the report of its check.

    Args:
        package: A package; it is verified first.
        which: A path in the package, or the number of the ledger entry ("no" in the chain of custody).
        out: A folder that does not exist yet.
        key: Fingerprint of the key that has to have signed.

    Raises:
        ConfigError: there is no such item, `out` is there already, or the fingerprint is none.
        NotPossible: the item has no entry of its own.
        IntegrityError: the package is not in order, or changes while it is read.
        DeliveryError: the disk is full, or the place cannot be written.
    """
    try:
        source = Verifier(str(package), key)
    except Bad as problem:
        raise ConfigError(str(problem), "Copy all 64 digits from the sender's page.") from problem
    if not source.run()["ok"]:
        raise IntegrityError(
            f"The package {package} is not in order.", "Run `amberlight verify` and look what it names."
        )
    hashes, item = _find(source, which)
    size = _head(source, item.seq)
    proof = inclusion(hashes[:size], item.seq)
    if root(hashes[:size]).hex() != source.heads[size][0]:
        raise _changed(LEDGER)
    with _folder(out) as draft:
        _write(source, draft, item, size, proof)
        made = form.Exhibit(str(draft), source.fingerprint).run()
        if not made["ok"]:
            raise _changed(item.path)
    return made


def _find(source: Verifier, which: str) -> tuple[list[bytes], Item]:
    """The leaf hashes of all entries, and the item that is meant."""
    known = _inventory(source)
    wanted = None if which.isdecimal() and which not in source.sizes else which
    if wanted is not None and wanted not in source.sizes:
        raise ConfigError(f"The package has no file {form.shown(wanted)}.", "Name a path as the manifest writes it.")
    if wanted is not None and wanted not in known:
        raise NotPossible(
            f"{form.shown(wanted)} has no ledger entry of its own: only the seal names it, and the seal names every file.",
            "Give the item that it was made of, or the whole package.",
        )
    hashes, found = [], None
    for seq, line in enumerate(source.lines(LEDGER)):
        hashes.append(leaf(line))
        if found is None and (wanted is not None or seq == int(which)):
            found = _item(seq, line, known, wanted)
    if found is None:
        raise ConfigError(
            f"No entry {form.shown(which)} of the ledger says that an item was acquired which is in the package.",
            'Take a number "no" of custody/chain-of-custody.csv whose act is `acquired`.',
        )
    return hashes, found


def _inventory(source: Verifier) -> dict[str, tuple[str, str]]:
    """By path in the package: the path and hash under which each item was acquired."""
    if INVENTORY not in source.sizes:
        return {}
    try:
        rows = json.loads(_read(source, INVENTORY))
        return {row["package_path"]: (row["path"], row["sha256"]) for row in rows}
    except (KeyError, TypeError, ValueError, RecursionError) as problem:
        # Whoever signs a package with a key of their own can put anything there.
        raise IntegrityError(
            f"{INVENTORY} is no list of the package's items.", "Ask the sender which program wrote the package."
        ) from problem


def _item(seq: int, line: bytes, known: dict[str, tuple[str, str]], wanted: str | None) -> Item | None:
    """The item that this entry is about, if it is one, in the package, and the wanted one."""
    entry = json.loads(line)
    if entry["act"] != "acquired":
        return None
    what = (entry["what"].get("path"), entry["what"].get("sha256"))
    paths = [path for path, told in known.items() if told == what and wanted in (None, path)]
    return Item(path=paths[0], seq=seq, entry=line) if paths else None


def _head(source: Verifier, seq: int) -> int:
    """The size of the checkpoint to give: the last that has a timestamp, else the last."""
    sizes = sorted(
        int(match[1]) for path in source.sizes if (match := CHECKPOINT.fullmatch(path)) and match[2] == "json"
    )
    over = [size for size in sizes if size > seq]
    return max([size for size in over if STAMPS.format(size) in source.sizes] or over)


def _write(source: Verifier, draft: Path, item: Item, size: int, proof: list[bytes]) -> None:
    """Every file of the exhibit, and last the list of their hashes."""
    head = f"custody/checkpoints/{size:08d}"
    told = {"schema": form.PROOF_SCHEMA, "index": item.seq, "size": size, "hashes": [each.hex() for each in proof]}
    name = f"{form.FOLDER}/{PurePosixPath(item.path).name}"
    files = {
        form.ENTRY: item.entry,
        form.PROOF: canonical(told),
        form.HEAD: _read(source, f"{head}.json"),
        form.SIGNATURE: _read(source, f"{head}.sig"),
        form.KEY: _read(source, KEY),
        form.CHECK: Path(form.__file__).read_bytes(),
        form.README: readme(item, size, proof).encode(errors="backslashreplace"),
    }
    if STAMPS.format(size) in source.sizes:
        files[form.STAMP] = _read(source, STAMPS.format(size))
    for path, data in files.items():
        (draft / path).write_bytes(data)
    (draft / form.FOLDER).mkdir()
    with source.open(item.path) as taken, (draft / name).open("xb") as given:
        shutil.copyfileobj(taken, given, form.CHUNK)
    sums = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    sums[name] = source.hashes[item.path]["sha256"]
    rows = "".join(f"{sums[path]}  {path}\n" for path in sorted(sums))
    (draft / form.SUMS).write_bytes(rows.encode(errors="surrogateescape"))


def _read(source: Verifier, path: str) -> bytes:
    """A file of the package as it was when it was verified."""
    with source.open(path) as file:
        data = bytes(file.read())
    if hashlib.sha256(data).hexdigest() != source.hashes[path]["sha256"]:
        raise _changed(path)
    return data


def steps(index: int, size: int, proof: list[bytes]) -> Iterator[tuple[bool, bytes]]:
    """The proof as a stranger reckons it: each hash from the leaf upwards, and whether it stands on the left."""
    place, last = index, size - 1
    for sibling in proof:
        left = bool(place % 2 or place == last)
        yield left, sibling
        if left:
            while place and not place % 2:
                place, last = place // 2, last // 2
        place, last = place // 2, last // 2


def readme(item: Item, size: int, proof: list[bytes]) -> str:
    """The page that goes with the exhibit, with the commands for exactly this proof."""
    entry = json.loads(item.entry)
    lines = [r"(printf '\000'; cat entry.json) | openssl dgst -sha256 -binary >$H"]
    for left, sibling in steps(item.seq, size, proof):
        other = f"echo {base64.b64encode(sibling).decode()} | openssl base64 -d"
        both = f"{other}; cat $H" if left else f"cat $H; {other}"
        lines.append(rf"(printf '\001'; {both}) | openssl dgst -sha256 -binary >$H.next; mv $H.next $H")
    return README.format(
        kind=entry["kind"].upper(),
        case=form.shown(entry["case"]),
        taken=form.shown(str(entry["what"].get("path", ""))),
        seq=item.seq,
        size=size,
        steps="\n".join(f"    {line}" for line in lines),
    )


@contextmanager
def _folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` that becomes `out` at the end; after an error neither is there."""
    if out.exists() or out.is_symlink():
        raise ConfigError(f"{out} is there already.", "Name a folder that does not exist yet.")
    draft = out.parent / f".{out.name}.partial"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # Left by a run that was killed; the package still has everything.
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        yield draft
        draft.rename(out)
    except OSError as problem:
        raise DeliveryError(
            f"The exhibit could not be written: {problem.strerror or problem}: {problem.filename or out}.",
            "Make room, or name another place.",
        ) from problem
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _changed(path: str) -> IntegrityError:
    return IntegrityError(f"{form.shown(path)} changed while it was read.", "Stop, and look who else writes there.")


README = """\
{kind}: one exhibit of case {case}

The file in `exhibit/` was acquired as `{taken}`. `entry.json` is what the custody ledger says of it: entry {seq}, as it
stands there, to the byte. `checkpoint.json` is the signed head of the ledger when it had {size} entries. `proof.json` leads from
the one to the other and holds hashes only, so that no other entry has to be shown.

Check it with Python 3.11 or newer and nothing else:

    python3 -I -S check_exhibit.py --key FINGERPRINT

Ask the sender for the key's fingerprint by another way than this folder came: by phone, from an earlier case. Without it
you know only that somebody's key signed. Whoever fears that the check itself was changed takes `check_exhibit.py`, or
`amberlight verify`, from a release of Amberlight. SHA256SUMS is signed by nobody: it shows damage, not intent.

With the usual tools alone, in a POSIX shell, in this folder:

1. Nothing was damaged on the way.

    sha256sum -c SHA256SUMS

2. The key has the fingerprint that the sender told you, and signed the checkpoint.

    openssl pkey -pubin -in signing-key.pem -outform DER | sha256sum
    openssl dgst -sha256 -verify signing-key.pem -signature checkpoint.sig checkpoint.json

3. The file is the one that the entry means: this is the entry's "sha256".

    sha256sum exhibit/*

4. The entry is in the ledger that was signed: the last line printed is the checkpoint's "root".

    H=$(mktemp)
{steps}
    od -An -v -tx1 $H | tr -d ' \\n'; echo; rm $H

Where there is a `checkpoint.tsr`, it is an RFC 3161 timestamp over `checkpoint.json`, from an authority whose certificate you
have to know:

    openssl ts -verify -in checkpoint.tsr -data checkpoint.json -CAfile AUTHORITY.pem

What this does not prove: that what was captured was true, and that there is nothing else. The entry may be older or
younger than others; nothing is said of them.
"""
