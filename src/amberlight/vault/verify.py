"""Check an Amberlight evidence package: that it is whole, unchanged, and what its custody ledger was signed over.

Run `python3 -I -S verify.py [PACKAGE] [--key FINGERPRINT] [--json]`; PACKAGE is the folder that this file lies in if none
is named. Nothing but Python's standard library is used, nothing is written, nothing outside PACKAGE is opened.
Exit status: 0 all is well, 4 something is wrong, 2 the command was wrong.

What is trusted: nothing that the package says. The folder is walked first; paths in manifests only ever select among the
files that were found so. The order of proof: the checkpoint's signature (ECDSA P-256) is over the RFC 6962 root of the
ledger, the ledger's last entry (`sealed`) holds the SHA-256 of every file. So manifests may be recomputed, but not this
without the key. Whose key it is, only `--key` can settle: ask the sender for the fingerprint by another way than
the package came. References: RFC 8493 (BagIt), RFC 8785 (canonical JSON), RFC 6962, FIPS 186-5 and SP 800-186 (P-256).
"""

from __future__ import annotations

# Numbers of DER and of the curve are what they are; paths are hostile text and stay text; `Bad` is caught where it is named.
# ruff: noqa: PLR2004, PTH100, PTH112, PTH118, PTH120, TRY301
import argparse
import base64
import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

SCHEMA = "amberlight.verify-report/1"
LEDGER, KEY, TAGS = "custody/ledger.jsonl", "custody/signing-key.pem", "tagmanifest-sha256.txt"
ALGORITHMS = ("sha256", "sha512")
MANIFESTS = {"manifest-sha256.txt": "sha256", "manifest-sha512.txt": "sha512", TAGS: "sha256"}
CHECKPOINT = re.compile(r"custody/checkpoints/([0-9]{8})\.(json|sig)")
ENTRY_FIELDS = {
    "schema": str, "case": str, "kind": str, "seq": int, "previous": str, "act": str, "when": str, "actor": str,
    "authority": str, "tool": str, "what": dict,
}  # fmt: skip
HEAD_FIELDS = {
    "schema": str, "case": str, "kind": str, "size": int, "root": str, "last": str, "when": str, "key": str,
}  # fmt: skip
SCHEMAS = {"entry": "amberlight.ledger-entry/1", "checkpoint": "amberlight.checkpoint/1"}
KINDS = ("drill", "incident")
LINE_MAX, SMALL_MAX, PROBLEMS_MAX, CHUNK, BATCH, SHOWN_MAX = 32 << 20, 1 << 16, 10_000, 1 << 18, 1000, 40

# The curve P-256, from: NIST SP 800-186 section 3.2.1.3.
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


class Bad(ValueError):
    """Something in the package is not what it has to be; the text says what."""


# ---- canonical JSON (RFC 8785; without fractions, and with names that sort alike in every Unicode form) ----


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of which no field is named twice."""
    if len(dict(pairs)) != len(pairs):
        raise Bad("has a key twice in one object")
    return dict(pairs)


def integer(text: str) -> int:
    """A whole number that every reader of JSON can hold."""
    if len(text) > 17 or abs(int(text)) > 2**53 - 1:
        raise Bad("holds a number that is too large")
    return int(text)


def no_fraction(text: str) -> float:
    """Refuse: nothing that is signed here holds a fraction."""
    raise Bad(f"holds the number {text[:40]}, which is no whole one")


READ = json.JSONDecoder(object_pairs_hook=once, parse_float=no_fraction, parse_int=integer, parse_constant=no_fraction)
WRITE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def parse(data: bytes) -> dict[str, Any]:
    """A JSON object that stands in its canonical form.

    Raises:
        Bad: it does not, or is no JSON object at all.
    """
    try:
        value = READ.decode(data.decode())
        same = WRITE.encode(value).encode() == data
    except Bad:
        raise
    except (RecursionError, ValueError) as problem:
        raise Bad("is nested too deeply" if isinstance(problem, RecursionError) else "is no JSON") from None
    if not isinstance(value, dict):
        raise Bad("is no JSON object")
    if not same:
        raise Bad("is not in canonical form")
    return value


def take(value: dict[str, Any], fields: dict[str, type], schema: str) -> None:
    """Refuse an object whose fields are not exactly those, each of its type."""
    if set(value) != set(fields):
        raise Bad(f"has not the fields of {schema}")
    wrong = [name for name, kind in fields.items() if type(value[name]) is not kind]
    if wrong:
        raise Bad(f"has a wrong type in its field {wrong[0]}")
    if value["schema"] != schema:
        raise Bad(f"is not of the schema {schema}")


# ---- signatures: ECDSA on P-256 (FIPS 186-5 section 6.4.2), on public data only, so that time may vary ----


def double(point: tuple[int, int, int]) -> tuple[int, int, int]:
    """2P in Jacobian coordinates; z = 0 is infinity."""
    x, y, z = point
    square = y * y % P
    s, m = 4 * x * square % P, 3 * (x - z * z) * (x + z * z) % P
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * square * square) % P, 2 * y * z % P


def add(one: tuple[int, int, int], two: tuple[int, int, int]) -> tuple[int, int, int]:
    """P + Q in Jacobian coordinates."""
    if not one[2] or not two[2]:
        return two if not one[2] else one
    z1, z2 = one[2] * one[2] % P, two[2] * two[2] % P
    u1, u2 = one[0] * z2 % P, two[0] * z1 % P
    s1, s2 = one[1] * z2 * two[2] % P, two[1] * z1 * one[2] % P
    h, r = (u2 - u1) % P, (s2 - s1) % P
    if not h:
        return (0, 1, 0) if r else double(one)
    cube, v = h * h * h % P, u1 * h * h % P
    x = (r * r - cube - 2 * v) % P
    return x, (r * (v - x) - s1 * cube) % P, h * one[2] * two[2] % P


def key_point(pem: bytes) -> tuple[tuple[int, int], str]:
    """The public key's point and fingerprint. Exactly one form of PEM is taken, so that no bit of it is free."""
    lines = pem.split(b"\n")
    body = b"".join(lines[1:-2])
    try:
        der = base64.b64decode(body)
    except ValueError:
        der = b""
    text = base64.b64encode(der)
    rows = b"\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    whole = b"-----BEGIN PUBLIC KEY-----\n" + rows + b"\n-----END PUBLIC KEY-----\n"
    if pem != whole or len(der) != 91 or not der.startswith(SPKI):
        raise Bad("is no P-256 public key in PEM")
    x, y = int.from_bytes(der[27:59], "big"), int.from_bytes(der[59:], "big")
    if x >= P or y >= P or (y * y - x * x * x + 3 * x - B) % P:
        raise Bad("is no point of the curve P-256")
    return (x, y), hashlib.sha256(der).hexdigest()


def signature_numbers(der: bytes) -> tuple[int, int]:
    """The two numbers of a signature in DER, where only the shortest form counts."""
    if not 8 <= len(der) <= 72:
        raise Bad("is no signature in DER")
    end = 4 + der[3]
    r, s = int.from_bytes(der[4:end], "big"), int.from_bytes(der[end + 2 :], "big")
    parts = [each.to_bytes(each.bit_length() // 8 + 1, "big") for each in (r, s)]
    whole = b"".join(bytes((2, len(each))) + each for each in parts)
    if not (0 < r < N and 0 < s < N and der == bytes((0x30, len(whole))) + whole):
        raise Bad("is no signature in DER")
    return r, s


def signed(point: tuple[int, int], data: bytes, signature: bytes) -> bool:
    """Whether the signature is that key's over these bytes."""
    r, s = signature_numbers(signature)
    inverse = pow(s, -1, N)
    one = int.from_bytes(hashlib.sha256(data).digest(), "big") * inverse % N
    two = r * inverse % N
    base, other = (*G, 1), (*point, 1)
    both, at = add(base, other), (0, 1, 0)
    for bit in range(255, -1, -1):
        at = double(at)
        which = (one >> bit & 1, two >> bit & 1)
        if which != (0, 0):
            at = add(at, {(1, 0): base, (0, 1): other, (1, 1): both}[which])
    return bool(at[2]) and at[0] * pow(at[2] * at[2], -1, P) % P % N == r


# ---- the package ----


class Tree:
    """The root of an RFC 6962 tree that grows by leaves."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[bytes] = []

    def add(self, entry: bytes) -> None:
        """Append a leaf."""
        top, full = hashlib.sha256(b"\0" + entry).digest(), self.size
        while full % 2:  # each one at the end of the size's binary form is a subtree that this leaf fills up
            top, full = hashlib.sha256(b"\1" + self.peaks.pop() + top).digest(), full // 2
        self.peaks.append(top)
        self.size += 1

    def root(self) -> str:
        """The root in hex."""
        top = self.peaks[-1]
        for left in self.peaks[-2::-1]:
            top = hashlib.sha256(b"\1" + left + top).digest()
        return top.hex()


class Verifier:
    """One check of one package; `report` is its outcome."""

    def __init__(self, root: str, key: str | None = None) -> None:
        self.root, self.wanted = root, fingerprint_of(key) if key is not None else None
        self.fingerprint, self.case, self.kind, self.entries, self.state = "", "", "", 0, "missing"
        self.told, self.acts, self.events = ("", ""), set[tuple[int, str]](), dict[str, str]()
        self.sizes: dict[str, int] = {}
        self.hashes: dict[str, dict[str, str]] = {}
        self.heads: dict[int, tuple[str, str]] = {}
        self.seal: dict[str, Any] = {}
        self.problems: list[dict[str, str]] = []
        self.listed: dict[tuple[str, str], list[str]] = {}

    def run(self) -> dict[str, Any]:
        """Check everything; the report."""
        self.walk()
        self.hash_all()
        for manifest, algorithm in MANIFESTS.items():
            self.check_manifest(manifest, algorithm)
        point = self.read_key()
        self.read_ledger()
        self.check_seal()
        self.check_checkpoints(point)
        for (path, what), where in self.listed.items():
            # What the seal agrees with is as it was: then the list is wrong that nothing seals.
            right = where == [TAGS] and path in self.seal.get("files", ())
            self.say(TAGS if right else path, f"is wrong about {path}" if right else f"{what} {', '.join(where)}")
        return self.report()

    def say(self, path: str, problem: str) -> None:
        """Note a problem; beyond a limit only that there are more."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append({"path": path, "problem": problem})
        elif len(self.problems) == PROBLEMS_MAX:
            self.problems.append({"path": ".", "problem": "has more problems than are listed"})

    def walk(self) -> None:
        """Find every file, following no link."""
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(os.path.join(self.root, folder)) as found:
                    inside = sorted(found, key=lambda each: each.name)
                folders += [path for each in inside if (path := self.meet(each, folder))]
            except OSError as problem:
                self.say(folder or ".", f"cannot be listed: {problem.strerror}")
                continue
            if not inside:
                self.say(folder or ".", "is an empty folder, which no package holds")

    def meet(self, found: os.DirEntry[str], folder: str) -> str:
        """Note what was found; a folder's path, to go on with."""
        path = f"{folder}/{found.name}" if folder else found.name
        if found.is_dir(follow_symlinks=False):
            return path
        if found.is_file(follow_symlinks=False):
            self.sizes[path] = 0
        else:
            self.say(path, "is a link or a device: neither a file nor a folder")
        return ""

    def open(self, path: str) -> BinaryIO:
        """A file that was found, opened without following a link or waiting for a pipe."""
        flags = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
        return os.fdopen(os.open(os.path.join(self.root, path), os.O_RDONLY | flags), "rb")

    def hash_all(self) -> None:
        """Hash every file; of the payload SHA-256 and SHA-512 apart, so that one large file takes two cores as well."""
        work = [(path, name) for path in self.sizes for name in ALGORITHMS[: 1 + path.startswith("data/")]]
        # hashlib lets go of the interpreter while it works, so threads are enough.
        with ThreadPoolExecutor(cores()) as pool:
            for at in range(0, len(work), BATCH):
                for path, name, size, digest, problem in pool.map(self.hash, work[at : at + BATCH]):
                    self.sizes[path] = max(size, self.sizes[path])
                    self.hashes.setdefault(path, {})[name] = digest
                    if problem and name == ALGORITHMS[0]:
                        self.say(path, f"cannot be read: {problem}")

    def hash(self, what: tuple[str, str]) -> tuple[str, str, int, str, str]:
        """One file by one algorithm: both again, its size, its digest in hex, and what went wrong."""
        (path, name), size = what, 0
        made = hashlib.new(name)
        try:
            with self.open(path) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Bad("is no longer a file")
                while chunk := file.read(CHUNK):
                    size += len(chunk)
                    made.update(chunk)
        except (OSError, Bad) as problem:
            return path, name, size, "", str(problem)
        return path, name, size, made.hexdigest(), ""

    def small(self, path: str) -> bytes:
        """The content of a small file that has to be there."""
        if path not in self.sizes:
            raise Bad("is missing")
        if self.sizes[path] > SMALL_MAX:
            raise Bad("is too large for what it has to hold")
        with self.open(path) as file:
            return bytes(file.read(SMALL_MAX))

    def lines(self, path: str) -> Iterator[bytes]:
        """The lines of a file without their ends; a line too long, or without its end, is the last that is given."""
        with self.open(path) as file:
            while line := file.readline(LINE_MAX + 1):
                if not line.endswith(b"\n"):
                    self.say(path, "ends within a line" if len(line) <= LINE_MAX else "has a line that is too long")
                    return
                yield line[:-1]

    def compare(self, listed: dict[str, Any], where: str, algorithm: str, covered: set[str]) -> None:
        """Hold a list of hashes against the files that it has to cover."""
        for path, digest in listed.items():
            if path not in self.hashes:
                self.listed.setdefault((path, "is missing, though listed in"), []).append(where)
            elif path not in covered:
                self.listed.setdefault((path, "has no place in"), []).append(where)
            elif self.hashes[path].get(algorithm) != digest:
                self.listed.setdefault((path, "is not the file whose hash stands in"), []).append(where)
        for path in covered - set(listed):
            self.listed.setdefault((path, "was added: it is not listed in"), []).append(where)

    def check_manifest(self, name: str, algorithm: str) -> None:
        """One manifest of the bag: strict in form, and about exactly the files that it has to cover."""
        if name not in self.sizes:
            self.say(name, "is missing")
            return
        # RFC 8493 writes CR, LF and % in another way; packages have no such names, so that `sha256sum -c` reads them all.
        form = re.compile(rf"([0-9a-f]{{{hashlib.new(algorithm).digest_size * 2}}})  ([^\r\n%]+)")
        listed: dict[str, Any] = {}
        last = ""
        try:
            for count, line in enumerate(self.lines(name), 1):
                match = form.fullmatch(line.decode(errors="surrogateescape"))
                if not match or match[2] <= last:
                    raise Bad(f"has a line {count} of another form, or out of order")
                last = match[2]
                listed[last] = match[1]
        except (OSError, Bad) as problem:
            self.say(name, str(problem))
            return
        tags = {path for path in self.sizes if not path.startswith("data/") and path != TAGS}
        self.compare(listed, name, algorithm, tags if name == TAGS else set(self.sizes) - tags - {TAGS})

    def read_key(self) -> tuple[int, int] | None:
        """The public key of the package, and whether it is the one that was asked for."""
        try:
            point, self.fingerprint = key_point(self.small(KEY))
        except (OSError, Bad) as problem:
            self.say(KEY, str(problem))
            return None
        if self.wanted not in (None, self.fingerprint):
            self.say(KEY, f"is not the key that you named: its fingerprint is {self.fingerprint}")
        return point

    def read_ledger(self) -> None:
        """The chain of entries; remembers the root wherever a checkpoint may stand."""
        sizes = {int(match[1]) for path in self.sizes if (match := CHECKPOINT.fullmatch(path))}
        tree, previous = Tree(), "0" * 64
        try:
            for line in self.lines(LEDGER):
                try:
                    self.seal = {}
                    self.check_entry(parse(line), previous)
                except Bad as problem:
                    self.say(LEDGER, f"entry {self.entries} {problem}")
                self.entries, previous = self.entries + 1, hashlib.sha256(line).hexdigest()
                tree.add(line)
                if self.entries in sizes:
                    self.heads[self.entries] = (tree.root(), previous)
        except OSError:
            self.say(LEDGER, "is missing or cannot be read")
        if self.entries:
            self.heads[self.entries] = (tree.root(), previous)

    def check_entry(self, entry: dict[str, Any], previous: str) -> None:
        """One entry: form, place, chain, one case and one kind throughout. The last, if it is the seal, is kept."""
        take(entry, ENTRY_FIELDS, SCHEMAS["entry"])
        self.told = self.told if self.entries else (entry["case"], entry["kind"])
        if entry["act"] == "sealed":
            self.seal, self.case, self.kind = entry["what"], entry["case"], entry["kind"]
        if entry["seq"] != self.entries:
            raise Bad(f"is numbered {entry['seq']}")
        if entry["previous"] != previous:
            raise Bad("does not follow from the entry before it")
        if (entry["case"], entry["kind"]) != self.told or entry["kind"] not in KINDS:
            raise Bad("is of another case or kind")
        self.check_acts(entry["what"], entry["act"])

    def check_acts(self, what: dict[str, Any], act: str) -> None:
        """Note what AWS was asked by its request ids; its events count where each is of a request noted before."""
        rows, calls = what.get("rows", {}) if act == "corroborated" else [], what.get("calls")
        for row in rows if isinstance(rows, list) else [rows]:
            good = isinstance(row, list) and [type(each) for each in row] == [int, str, str]
            known = good and (row[0], row[1]) in self.acts and re.fullmatch("[0-9a-f-]{36}", row[2])
            if not known or self.events.setdefault(row[2], row[1]) != row[1]:
                raise Bad("names an event of AWS for what no earlier entry asked, or one event for two requests")
        made = [each.get("request_id") for each in calls if isinstance(each, dict)] if isinstance(calls, list) else []
        self.acts |= {(self.entries, each) for each in made if isinstance(each, str) and 0 < len(each) <= 128}

    def check_seal(self) -> None:
        """The last entry must hold the hash of every file but the ledger itself, its heads and the tag manifest."""
        files = self.seal.get("files")
        if not isinstance(files, dict):
            self.kind, self.seal = "unknown", {}
            self.say(LEDGER, "does not end with the seal: its end was cut off, or the package was never closed")
            return
        free = {path for path in self.sizes if path in (LEDGER, TAGS) or CHECKPOINT.fullmatch(path)}
        self.compare(files, "the seal", "sha256", set(self.sizes) - free)

    def check_checkpoints(self, point: tuple[int, int] | None) -> None:
        """Every signed head, the earlier ones too; the last must cover the last entry."""
        found = {int(match[1]) for path in self.sizes if (match := CHECKPOINT.fullmatch(path))}
        sealed = self.seal.get("checkpoints")
        sealed = sealed if isinstance(sealed, dict) else {}
        names = {f"{size:08d}" for size in found if size != self.entries}
        for name in sorted(names ^ set(sealed)):
            what = "is missing, though the seal lists it" if name in sealed else "was added: the seal does not list it"
            self.say(f"custody/checkpoints/{name}.json", what)
        bad = names != set(sealed)
        for size in sorted(found):
            path = f"custody/checkpoints/{size:08d}.json"
            try:
                self.check_checkpoint(size, point)
                if self.hashes[path]["sha256"] != sealed.get(f"{size:08d}", self.hashes[path]["sha256"]):
                    raise Bad("is not the one that the seal lists")
            except (OSError, Bad) as problem:
                self.say(path, str(problem))
                bad = True
        if self.entries not in found:
            self.say(LEDGER, f"has no checkpoint over its last entry ({self.entries} entries)")
        self.state = "bad" if bad else "ok" if self.entries in found else "missing"

    def check_checkpoint(self, size: int, point: tuple[int, int] | None) -> None:
        """One signed head: form, signature, and the ledger as it was then."""
        path = f"custody/checkpoints/{size:08d}"
        data, signature = self.small(f"{path}.json"), self.small(f"{path}.sig")
        head = parse(data)
        take(head, HEAD_FIELDS, SCHEMAS["checkpoint"])
        if head["key"] != self.fingerprint or point is None or not signed(point, data, signature):
            raise Bad("is not signed by the package's key")
        if (head["case"], head["kind"]) != self.told or head["size"] != size:
            raise Bad("is of another case, kind or size")
        if (head["root"], head["last"]) != self.heads.get(size):
            self.say(LEDGER, f"is not the ledger that was signed: its first {size} entries were changed")
            raise Bad("was signed over another ledger")

    def report(self) -> dict[str, Any]:
        """The outcome, in the form of `amberlight verify --json`."""
        key = "unconfirmed" if self.wanted is None else "confirmed" if self.wanted == self.fingerprint else "wrong"
        return {
            "schema": SCHEMA, "ok": not self.problems and self.state == "ok" and key != "wrong", "key": key,
            "kind": self.kind, "files": len(self.sizes), "bytes": sum(self.sizes.values()),
            "ledger": {"entries": self.entries, "checkpoint": self.state}, "problems": self.problems,
            "corroborated": {"acts": len({each for _, each in self.acts}), "by_cloudtrail": len({*self.events.values()})},
        }  # fmt: skip


def fingerprint_of(text: str) -> str:
    """A fingerprint as people write it, in plain lower-case hex; `Bad` where it is none."""
    plain = re.sub(r"[\s:]", "", text).lower().removeprefix("sha256")
    if not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise Bad("The fingerprint has to be a SHA-256 in hex: 64 digits.")
    return plain


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shown(text: str) -> str:
    """Text from the package as it is safe to print: no control characters, no change of direction."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def verify(path: str, key: str | None = None) -> dict[str, Any]:
    """Check the package in a folder; `key` is the fingerprint that its sender named. The report as plain data."""
    return Verifier(str(path), key).run()


def words(package: Verifier, report: dict[str, Any]) -> str:
    """The report for people, at 80 columns; of many problems the first, since who sees hundreds reads none."""
    marked = f"{package.kind.upper()}" + (" - an exercise, no real case" if package.kind == "drill" else "")
    told = {
        "confirmed": "confirmed: it is the one that you named",
        "wrong": "WRONG: it is not the one that you named",
        "unconfirmed": "unconfirmed: whoever re-signs everything has a key, too. Ask the\n"
        "         sender for its fingerprint by another way, and give it with --key",
    }[str(report["key"])]
    rows = [
        f"Package  {shown(package.root)}", f"Marked   {marked}", f"Files    {report['files']}, {report['bytes']} bytes",
        f"Ledger   {package.entries} entries, checkpoint {package.state}", f"Key      {told}",
        f"         {package.fingerprint or 'unreadable'}",
        "Corroborated by AWS: {by_cloudtrail} of {acts} acts".format(**report["corroborated"]),
    ]  # fmt: skip
    first, more = package.problems[:SHOWN_MAX], len(package.problems) - SHOWN_MAX
    rows += [f"PROBLEM  {shown(each['path'])}\n         {shown(each['problem'])}" for each in first]
    rows += [f"MORE     {more} more problems; --json lists them all"] if more > 0 else []
    rows.append("OK: whole and unchanged." if report["ok"] else f"NOT OK: {len(package.problems)} problems.")
    return "\n".join(rows)


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description="Check an Amberlight evidence package.", allow_abbrev=False)
    here = os.path.dirname(os.path.abspath(__file__))
    options.add_argument("package", nargs="?", default=here, help="the package's folder")
    options.add_argument("--key", metavar="FINGERPRINT", help="the key's SHA-256, told by another way than the package")
    options.add_argument("--json", action="store_true", help="print the report as JSON")
    given = options.parse_args()
    if not os.path.isdir(given.package):
        options.error(f"{shown(given.package)} is no folder")
    try:
        package = Verifier(given.package, given.key)
    except Bad as problem:
        options.error(str(problem))
    report = package.run()
    text = json.dumps(report, indent=2) if given.json else words(package, report)
    sys.stdout.buffer.write(text.encode(errors="backslashreplace") + b"\n")
    return 0 if report["ok"] else 4


if __name__ == "__main__":
    sys.exit(main())
