"""A small good package and a small good trail for the fuzzers: `python tests/fuzz/seed.py FOLDER`, in the environment of the project."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit/trail_prove"))

from make_trail import ACCOUNT, HOUR, START, Trail, iso

from amberlight.handoff import custody
from amberlight.handoff.bag import Bag
from amberlight.vault import FolderStore, Ledger, LocalSigner

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


class Ticking:
    """Every look at it is a millisecond later."""

    ticks = 0

    def now(self):
        """A millisecond after the last look."""
        self.ticks += 1
        return NOW + timedelta(milliseconds=self.ticks)

    def monotonic(self):
        """Seconds."""
        return self.ticks / 1000

    def sleep(self, seconds):
        """Nobody waits."""


def build(folder):
    """Two items, six entries, two signed heads: everything that the verifier reads, and little of each."""
    signer, clock = LocalSigner.create(folder / "key.pem"), Ticking()
    book = Ledger(FolderStore(folder / "vault", clock), signer, case_id="c", kind="drill", clock=clock, actor="ada",
                  authority="plan", tool="amberlight")  # fmt: skip
    for number in range(3):
        what = {"item": f"E{number}", "sha256": f"{number:064x}", "calls": [{"request_id": f"r{number}"}]}
        book.append("acquired", what)
    book.append("corroborated", {"rows": [[0, "r0", "0" * 36]]})
    first = book.checkpoint()
    bag = Bag(folder / "package")
    bag.add("data/a/one.json", [b'{"a":1}'])
    bag.add("data/two.raw", [bytes(range(256))])
    bag.add(custody.KEY, [signer.public_pem])
    bag.add_manifests()
    what = {"files": {path: bag.files[path].sha256 for path in sorted(bag.files)},
            "checkpoints": custody.checkpoint_digests([first])}  # fmt: skip
    _, head = book.seal(what)
    bag.add(custody.LEDGER, custody.ledger_lines(book.entries()))
    for each in (first, head):
        for path, data in custody.checkpoint_files(each):
            bag.add(path, [data])
    bag.add_tag_manifest()
    return folder / "package", signer.fingerprint


def build_trail(folder):
    """Two digests with a log file each, as a capture leaves them."""
    trail = Trail()
    trail.chain(hours=2, logs=1)
    root = trail.write(folder / "trail")
    prefix = f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/{START:%Y/%m/%d}/"
    row = {"trail": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/main", "validated": True, "complete": True,
           "prefix": prefix, "when": iso(START + 2.5 * HOUR)}  # fmt: skip
    (root / "cloudtrail-listed.json").write_text(json.dumps({"Listed": [row]}))
    return root


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    print(build(place)[0], build_trail(place))
