"""What must hold for any bytes, for hypothesis and atheris alike. Standard library alone is imported.

Each target takes bytes that somebody hostile chose. It may do nothing, or raise `Wrong`: then the verifier crashed, took
for good what is not, or grew beyond its bounds.
"""

import json
import tempfile
from pathlib import Path

LEDGER, KEY = "custody/ledger.jsonl", "custody/signing-key.pem"
MANIFESTS = ("manifest-sha256.txt", "manifest-sha512.txt", "tagmanifest-sha256.txt")
PROBLEM_CHARACTERS = 1 << 20
OPERATIONS = ("replace", "cut", "flip", "insert", "double", "join")


class Wrong(AssertionError):
    """The verifier did what it must never do."""


class Targets:
    """The readers of one verifier; `package` is a folder with a good package, which is put right after each change."""

    def __init__(self, verifier, package):
        self.verifier, self.root = verifier, Path(package)
        self.good = {each.relative_to(package).as_posix(): each.read_bytes()
                     for each in sorted(self.root.rglob("*")) if each.is_file()}  # fmt: skip
        self.names = sorted(self.good)
        self.judge("unchanged", changed=False)

    def json(self, data):
        """Canonical JSON, or refused."""
        try:
            value = self.verifier.parse(data)
        except self.verifier.Bad:
            return
        if json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode() != data:
            raise Wrong("took JSON that is not canonical")

    def key(self, data):
        """The one form of a key that is on the curve, or refused."""
        try:
            self.verifier.key_point(data)
        except self.verifier.Bad:
            return
        if data != self.good[KEY] and data.count(b"\n") != 4:
            raise Wrong("took another form of a key")

    def signature(self, data):
        """Never good over what was not signed, nor in another form."""
        (head,) = [name for name in self.names if name.endswith(".sig")][-1:]
        point, _ = self.verifier.key_point(self.good[KEY])
        try:
            good = self.verifier.signed(point, self.good[head[:-3] + "json"], data)
        except self.verifier.Bad:
            return
        if good and data != self.good[head]:
            raise Wrong("took another signature")

    def ledger(self, data):
        """No other ledger than the one that was signed is in order."""
        self.change(LEDGER, data)

    def manifest(self, data):
        """No other manifest is in order; the first byte chooses which."""
        if data:
            self.change(MANIFESTS[data[0] % len(MANIFESTS)], data[1:])

    def package(self, data):
        """Any change of any file: its first bytes choose file, way and place."""
        if len(data) < 4:
            return
        name = self.names[data[0] % len(self.names)]
        old, rest = self.good[name], data[4:]
        at = int.from_bytes(data[2:4], "big") % (len(old) + 1)
        other = self.good[self.names[(data[0] + len(rest)) % len(self.names)]]
        new = {
            "replace": rest,
            "cut": old[:at],
            "flip": old[:at] + bytes(each ^ 1 << data[1] % 8 for each in old[at : at + 1]) + old[at + 1 :],
            "insert": old[:at] + rest + old[at:],
            "double": old + old[at:],
            "join": old[:at] + other,
        }[OPERATIONS[data[1] % len(OPERATIONS)]]
        self.change(name, new)

    def change(self, name, new):
        """Verify with one file changed."""
        place = self.root / name
        place.write_bytes(new)
        try:
            self.judge(name, changed=new != self.good[name])
        finally:
            place.write_bytes(self.good[name])

    def judge(self, what, *, changed):
        """The report has to be right, and no longer than its bounds."""
        report = self.verifier.verify(str(self.root))
        if report["ok"] is changed:
            raise Wrong(f"{what}: ok is {report['ok']}")
        if (
            len(report["problems"]) > self.verifier.PROBLEMS_MAX + 1
            or len(str(report["problems"])) > PROBLEM_CHARACTERS
        ):
            raise Wrong(f"{what}: the report has no bound")


NAMES = ("json", "key", "signature", "ledger", "manifest", "package")


def copied(package, where=None):
    """A copy of a package; on a disk that is memory, where there is one and no other place is named."""
    shm = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="amberlight-fuzz-", dir=where or (shm if shm.is_dir() else None)))
    for each in Path(package).rglob("*"):
        if each.is_file():
            place = folder / each.relative_to(package)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(each.read_bytes())
    return folder
