"""A small good package for the fuzzers: `python tests/fuzz/seed.py FOLDER`, in the environment of the project."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
    """Two items, five entries, two signed heads: everything that the verifier reads, and little of each."""
    signer, clock = LocalSigner.create(folder / "key.pem"), Ticking()
    book = Ledger(FolderStore(folder / "vault", clock), signer, case_id="c", kind="drill", clock=clock, actor="ada",
                  authority="plan", tool="amberlight")  # fmt: skip
    for number in range(3):
        book.append("acquired", {"item": f"E{number}", "sha256": f"{number:064x}"})
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


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    print(build(place)[0])
