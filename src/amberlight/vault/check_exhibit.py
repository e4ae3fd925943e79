"""Check an Amberlight exhibit: one item of a case, given away with the proof that its custody ledger holds it.

Run `python3 -I -S check_exhibit.py [FOLDER] [--key FINGERPRINT] [--json]`; FOLDER is the one that this file lies in if none
is named. Nothing but Python's standard library is used, nothing is written, nothing outside FOLDER is opened.
Exit status: 0 all is well, 4 something is wrong, 2 the command was wrong.

What is trusted: nothing that the folder says. The order of proof: the signature (ECDSA P-256) is over the checkpoint, which
holds the RFC 6962 root over all entries of the ledger; the hashes in `proof.json` lead from `entry.json` to that root; the entry
holds the SHA-256 of the file. SHA256SUMS is signed by nobody: it shows damage, not intent. Whose key it is, only `--key`
can settle. References: RFC 6962 section 2.1.1, RFC 9162 section 2.1.3.2, RFC 8785, FIPS 186-5 and SP 800-186 (P-256).
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
from typing import Any, BinaryIO

SCHEMA = "amberlight.exhibit-report/1"
PROOF_SCHEMA = "amberlight.exhibit/1"
ENTRY, PROOF, HEAD, SIGNATURE, KEY = "entry.json", "proof.json", "checkpoint.json", "checkpoint.sig", "signing-key.pem"
SUMS, README, CHECK, FOLDER = "SHA256SUMS", "README.txt", "check_exhibit.py", "exhibit"
STAMP = "checkpoint.tsr"
WANTED = {ENTRY, PROOF, HEAD, SIGNATURE, KEY, SUMS, README, CHECK}
ENTRY_FIELDS = {
    "schema": str, "case": str, "kind": str, "seq": int, "previous": str, "act": str, "when": str, "actor": str,
    "authority": str, "tool": str, "what": dict,
}  # fmt: skip
HEAD_FIELDS = {
    "schema": str, "case": str, "kind": str, "size": int, "root": str, "last": str, "when": str, "key": str,
}  # fmt: skip
PROOF_FIELDS = {"schema": str, "index": int, "size": int, "hashes": list}
KINDS = ("drill", "incident")
ENTRY_MAX, SMALL_MAX, CHUNK, NAMES_MAX = 32 << 20, 1 << 16, 1 << 18, 100

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
    """Something in the folder is not what it has to be; the text says what."""


# ---- the same code as in verify.py (a test compares them): canonical JSON, keys, signatures ----


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


def fingerprint_of(text: str) -> str:
    """A fingerprint as people write it, in plain lower-case hex.

    Raises:
        Bad: it is none.
    """
    plain = re.sub(r"[\s:]", "", text).lower().removeprefix("sha256")
    if not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise Bad("The fingerprint has to be a SHA-256 in hex: 64 digits.")
    return plain


def shown(text: str) -> str:
    """Text from the package as it is safe to print: no control characters, no change of direction."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


# ---- the exhibit ----


def includes(leaf: bytes, index: int, size: int, hashes: list[bytes], root: bytes) -> bool:
    """Whether the leaf stands at that index of the tree with that many leaves and that root (RFC 9162 section 2.1.3.2)."""
    place, last, top = index, size - 1, leaf
    for sibling in hashes:
        if last == 0:
            return False
        if place % 2 or place == last:
            top = hashlib.sha256(b"\1" + sibling + top).digest()
            while place and not place % 2:
                place, last = place // 2, last // 2
        else:
            top = hashlib.sha256(b"\1" + top + sibling).digest()
        place, last = place // 2, last // 2
    return 0 <= index < size and last == 0 and top == root


class Exhibit:
    """One check of one folder; `report` is its outcome."""

    def __init__(self, root: str, key: str | None = None) -> None:
        self.root, self.wanted = root, fingerprint_of(key) if key is not None else None
        self.fingerprint, self.kind, self.case, self.name, self.bytes = "", "unknown", "", "", 0
        self.digests: dict[str, str] = {}
        self.entry: dict[str, Any] = {}
        self.head: dict[str, Any] = {}
        self.problems: list[dict[str, str]] = []

    def run(self) -> dict[str, Any]:
        """Check everything; the report."""
        self.walk()
        steps = (
            (SUMS, self.check_sums), (KEY, self.check_key), (HEAD, self.check_head), (ENTRY, self.check_entry),
            (PROOF, self.check_proof), (FOLDER, self.check_file),
        )  # fmt: skip
        for path, step in steps:
            try:
                step()
            except (Bad, OSError) as problem:
                self.say(path, str(problem))
        return self.report()

    def say(self, path: str, problem: str) -> None:
        """Note a problem."""
        self.problems.append({"path": path, "problem": problem})

    def walk(self) -> None:
        """Find and hash the files; there must be exactly those that an exhibit has, and no link among them."""
        found = self.listed("") - {FOLDER}
        inside = {f"{FOLDER}/{name}" for name in self.listed(FOLDER)}
        for path in sorted(WANTED - found):
            self.say(path, "is missing")
        for path in sorted(found - WANTED - {STAMP}):
            self.say(path, "was added: no exhibit has it")
        if len(inside) != 1:
            self.say(FOLDER, f"has to hold exactly one file, and holds {len(inside)}")
        for path in sorted(found & (WANTED | {STAMP})) + sorted(inside)[:1]:
            try:
                self.digests[path] = self.hash(path)
                self.name = path if path in inside else self.name
            except OSError as problem:
                self.say(path, f"cannot be read: {problem.strerror}")
            except Bad as problem:
                self.say(path, str(problem))

    def listed(self, folder: str) -> set[str]:
        """The names in a folder that is no link; of very many only some, which are too many already."""
        place = os.path.join(self.root, folder)
        names: set[str] = set()
        try:
            if folder and not stat.S_ISDIR(os.lstat(place).st_mode):
                raise Bad("is no folder")
            with os.scandir(place) as found:
                for each in found:
                    names.add(each.name)
                    if len(names) > NAMES_MAX:
                        break
        except (OSError, Bad) as problem:
            self.say(folder or ".", f"cannot be listed: {getattr(problem, 'strerror', None) or problem}")
        return names

    def open(self, path: str) -> BinaryIO:
        """A file, opened without following a link or waiting for a pipe."""
        flags = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
        file = os.fdopen(os.open(os.path.join(self.root, path), os.O_RDONLY | flags), "rb")
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise Bad("is no file")
        return file

    def hash(self, path: str) -> str:
        """SHA-256 of a file in hex; of the exhibit also its size."""
        made, size = hashlib.sha256(), 0
        with self.open(path) as file:
            while chunk := file.read(CHUNK):
                made.update(chunk)
                size += len(chunk)
        self.bytes = size if path.startswith(f"{FOLDER}/") else self.bytes
        return made.hexdigest()

    def read(self, path: str, limit: int = SMALL_MAX) -> bytes:
        """The bytes that were hashed before."""
        if path not in self.digests:
            raise Bad("is missing")
        with self.open(path) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise Bad("is too large for what it has to hold")
        if hashlib.sha256(data).hexdigest() != self.digests[path]:
            raise Bad("changed while it was read")
        return data

    def check_sums(self) -> None:
        """The list for `sha256sum -c`: every other file, in order, in one form."""
        rows = [f"{self.digests[path]}  {path}\n" for path in sorted(self.digests) if path != SUMS]
        if self.read(SUMS) != "".join(rows).encode(errors="surrogateescape"):
            raise Bad("is not the list of the files as they are: one of them, or it, was changed")

    def check_key(self) -> None:
        """The public key, and whether it is the one that was asked for."""
        self.fingerprint = key_point(self.read(KEY))[1]
        if self.wanted not in (None, self.fingerprint):
            raise Bad(f"is not the key that you named: its fingerprint is {self.fingerprint}")

    def check_head(self) -> None:
        """The checkpoint: form and signature."""
        data = self.read(HEAD)
        head = parse(data)
        take(head, HEAD_FIELDS, "amberlight.checkpoint/1")
        point, fingerprint = key_point(self.read(KEY))
        if head["key"] != fingerprint or not signed(point, data, self.read(SIGNATURE)):
            raise Bad("is not signed by the exhibit's key")
        self.head = head

    def check_entry(self) -> None:
        """The entry: form, and of the same case and kind as what was signed."""
        entry = parse(self.read(ENTRY, ENTRY_MAX))
        take(entry, ENTRY_FIELDS, "amberlight.ledger-entry/1")
        if entry["act"] != "acquired":
            raise Bad("is not about the acquisition of an item")
        if entry["kind"] not in KINDS or (entry["case"], entry["kind"]) != (
            self.head.get("case"), self.head.get("kind"),
        ):  # fmt: skip
            raise Bad("is of another case or kind than the checkpoint")
        self.entry = entry

    def check_proof(self) -> None:
        """That this entry is in the ledger that was signed, in its own place."""
        proof = parse(self.read(PROOF))
        take(proof, PROOF_FIELDS, PROOF_SCHEMA)
        if not self.head or not self.entry:
            raise Bad("has nothing that it could connect")
        if (proof["index"], proof["size"]) != (self.entry["seq"], self.head["size"]):
            raise Bad("is for another entry or another checkpoint")
        hexes = proof["hashes"]
        if not all(isinstance(each, str) and re.fullmatch(r"[0-9a-f]{64}", each) for each in hexes):
            raise Bad("holds what is no SHA-256")
        leaf = hashlib.sha256(b"\0" + self.read(ENTRY, ENTRY_MAX)).digest()
        root = bytes.fromhex(self.head["root"]) if re.fullmatch(r"[0-9a-f]{64}", self.head["root"]) else b""
        if not includes(leaf, proof["index"], proof["size"], [bytes.fromhex(each) for each in hexes], root):
            raise Bad("does not lead from the entry to the root that was signed")
        self.case, self.kind = self.entry["case"], self.entry["kind"]

    def check_file(self) -> None:
        """That the file is the one whose hash stands in the entry."""
        what = self.entry.get("what", {})
        if not self.name or what.get("sha256") != self.digests[self.name]:
            raise Bad("does not hold the file whose hash stands in the entry")
        if what.get("size_bytes", self.bytes) != self.bytes:
            raise Bad("does not hold as many bytes as the entry says")

    def report(self) -> dict[str, Any]:
        """The outcome, in the form of `--json`."""
        key = "unconfirmed" if self.wanted is None else "confirmed" if self.wanted == self.fingerprint else "wrong"
        return {
            "schema": SCHEMA, "ok": not self.problems and key != "wrong", "key": key, "kind": self.kind,
            "case": self.case, "entry": self.entry.get("seq", -1), "path": self.name, "bytes": self.bytes,
            "sha256": self.digests.get(self.name, ""), "problems": self.problems,
        }  # fmt: skip


def words(exhibit: Exhibit, report: dict[str, Any]) -> str:
    """The report for people, at 80 columns."""
    marked = f"{exhibit.kind.upper()}" + (" - an exercise, no real case" if exhibit.kind == "drill" else "")
    told = {
        "confirmed": "confirmed: it is the one that you named",
        "wrong": "WRONG: it is not the one that you named",
        "unconfirmed": "unconfirmed: whoever re-signs everything has a key, too. Ask the\n"
        "         sender for its fingerprint by another way, and give it with --key",
    }[str(report["key"])]
    taken = exhibit.entry.get("what", {}).get("path", "")
    rows = [
        f"Exhibit  {shown(exhibit.name)}, {exhibit.bytes} bytes", f"Taken as {shown(str(taken))}",
        f"Marked   {marked}", f"SHA-256  {report['sha256']}",
        f"Ledger   entry {report['entry']} of {exhibit.head.get('size', '?')}, case {shown(exhibit.case)}",
        f"Key      {told}", f"         {exhibit.fingerprint or 'unreadable'}",
    ]  # fmt: skip
    rows += [f"PROBLEM  {shown(each['path'])}\n         {shown(each['problem'])}" for each in report["problems"]]
    rows.append("OK: as it was acquired." if report["ok"] else f"NOT OK: {len(report['problems'])} problems.")
    return "\n".join(rows)


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description="Check an Amberlight exhibit.", allow_abbrev=False)
    here = os.path.dirname(os.path.abspath(__file__))
    options.add_argument("folder", nargs="?", default=here, help="the exhibit's folder")
    options.add_argument("--key", metavar="FINGERPRINT", help="the key's SHA-256, told by another way than the exhibit")
    options.add_argument("--json", action="store_true", help="print the report as JSON")
    given = options.parse_args()
    if not os.path.isdir(given.folder):
        options.error(f"{shown(given.folder)} is no folder")
    try:
        exhibit = Exhibit(given.folder, given.key)
    except Bad as problem:
        options.error(str(problem))
    report = exhibit.run()
    text = json.dumps(report, indent=2) if given.json else words(exhibit, report)
    sys.stdout.buffer.write(text.encode(errors="backslashreplace") + b"\n")
    return 0 if report["ok"] else 4


if __name__ == "__main__":
    sys.exit(main())
