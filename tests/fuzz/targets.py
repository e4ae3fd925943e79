"""What must hold for any bytes, for hypothesis and atheris alike. Standard library alone is imported.

Each target takes bytes that somebody hostile chose. It may do nothing, or raise `Wrong`: then the verifier crashed, took
for good what is not, or grew beyond its bounds.
"""

import gzip
import json
import tempfile
import zlib
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


class Files:
    """A copy in memory, for `amberlight.trail.prove`: see its `Source`."""

    base, workers = "", 1

    def __init__(self, files):
        self.files = files

    def paths(self):
        """All of them."""
        return iter(sorted(self.files))

    def open(self, path):
        """In pieces that end at awkward places."""
        data = self.files[path]
        yield from (data[at : at + 997] for at in range(0, len(data), 997))

    def metadata(self, path):
        """As a folder: none."""
        return {}

    def public_keys(self, region, since, until):
        """Nobody is asked."""


class TrailTargets:
    """The readers of a copied trail; `copy` is a folder with a good one, `tools` our functions.

    Args:
        tools: `prove` and `words` of `amberlight.trail.prove`, `read` (a log file's bytes to its events and what was
            unreadable) of `amberlight.trail`.
        copy: The folder.
    """

    def __init__(self, tools, copy):
        self.tools = tools
        self.good = {each.relative_to(copy).as_posix(): each.read_bytes()
                     for each in sorted(Path(copy).rglob("*")) if each.is_file()}  # fmt: skip
        names = [name for name in self.good if name.endswith(".json.gz")]
        self.digests = [name for name in names if "-Digest/" in name]
        self.logs = [name for name in names if "-Digest/" not in name]
        self.beside = [name for name in self.good if not name.endswith(".json.gz")]
        self.judge("unchanged", self.good, good=True)

    def digest(self, data):
        """Other bytes for a digest: the first chooses which, the second whether they are packed."""
        self.replace(self.digests, data)

    def log(self, data):
        """Other bytes for a log file, put against its digest, and read as events."""
        self.replace(self.logs, data)
        self.tools.read(data[2:])
        self.tools.read(gzip.compress(data[2:], 1))

    def beside_files(self, data):
        """Other sidecars, keys and listings; they may be lost, and prove no other file."""
        if len(data) < 2:
            return
        name = self.beside[data[0] % len(self.beside)]
        self.judge(name, {**self.good, name: data[2:]}, good=None)
        other = {**self.good, name: data[2:], self.logs[0]: gzip.compress(b'{"Records":[]}', 1)}
        self.judge(f"{name} and a log file", other, good=False)

    def replace(self, names, data):
        """Prove with one file replaced."""
        if len(data) < 2:
            return
        name, new = names[data[0] % len(names)], data[2:]
        same = new == gzip.decompress(self.good[name]) or unpacked(new) == gzip.decompress(self.good[name])
        if data[1] % 2:
            new, same = gzip.compress(new, 1), new == gzip.decompress(self.good[name])
        self.judge(name, {**self.good, name: new}, good=same)

    def judge(self, what, files, *, good):
        """The proof has to be right, and can be shown; None where it may be either."""
        proof = self.tools.prove(Files(files))
        shown = self.tools.words(proof)
        if not shown.replace("\n", "").isprintable() or len(shown) > PROBLEM_CHARACTERS:
            raise Wrong(f"{what}: the report cannot be shown")
        if good is not None and proof.ok is not good:
            raise Wrong(f"{what}: ok is {proof.ok}")


def unpacked(data):
    """What one whole gzip member holds; None where it is none, or anything follows."""
    reader = zlib.decompressobj(31)
    try:
        plain = reader.decompress(data, 1 << 20)
    except zlib.error:
        return None
    return plain if reader.eof and not reader.unused_data else None


TRAIL_NAMES = ("digest", "log", "beside_files")
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
