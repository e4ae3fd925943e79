"""How fast the vault seals, checks and enters: each figure beside a plain tool's, in the same run on the same data.

Run: python bench/vault.py [--gib 4] [--entries 100000]. Writes bench/out/vault.json:

    seal_ratio (S3Store.put to the lab : boto3's upload_fileobj, bytes a second), seal_extra_mb (peak above idle),
    verify_ratio (verify.py : sha256sum, bytes a second and core), verify_cores (processor time : wall time),
    ledger_entries, ledger_verify_s and ledger_verify_mb (one core, whole process), append_per_s (entries to the lab)

Every measured thing runs in a process of its own, so that one's memory is not the other's.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
VERIFY = HERE.parent / "src" / "amberlight" / "vault" / "verify.py"
MIB, GIB = 1 << 20, 1 << 30
FILES = 8
APPENDS = 1500
ROUNDS = 3
STREAMS = 2


def main() -> None:
    """Measure one thing in a child, or all of them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--gib", type=float, default=4.0, help="size of the stream and of the package")
    options.add_argument("--entries", type=int, default=100_000, help="entries of the ledger")
    options.add_argument("--out", type=Path, default=HERE / "out" / "vault.json")
    options.add_argument("--measure", choices=sorted(CHILDREN), help=argparse.SUPPRESS)
    options.add_argument("--of", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.measure:
        print(json.dumps(CHILDREN[chosen.measure](json.loads(chosen.of))))
        return
    size = int(chosen.gib * GIB) // (FILES * MIB) * FILES * MIB
    with tempfile.TemporaryDirectory(prefix="amberlight-bench-") as folder:
        ledger = measure_ledger(Path(folder), chosen.entries)
        verified = measure_verify(Path(folder), size)
    figures = {
        "schema": "amberlight.bench-vault/1",
        "gib": round(size / GIB, 3),
        **measure_store(size),
        **verified,
        **ledger,
    }
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


def apart(what: str, of: dict[str, Any], *prefix: str) -> dict[str, Any]:
    """Measure in a fresh process."""
    argv = [*prefix, sys.executable, __file__, "--measure", what, "--of", json.dumps(of)]
    answer = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


# ---- memory of this process ----


def memory_mb(field: str) -> float:
    """A line of /proc/self/status in MB: VmRSS now, VmHWM its peak."""
    line = next(each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith(field))
    return int(line.split()[1]) * 1024 / 1e6


def forget_peak() -> None:
    """Begin the peak anew; a process inherits that of the one that started it."""
    Path("/proc/self/clear_refs").write_text("5")


# ---- sealing, and entering acts, against the lab ----


class Source:
    """A stream of noise of some size that costs next to nothing to read, for both uploaders alike."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.block = os.urandom(16 * MIB + 4096)

    def read(self, count: int = -1) -> bytes:
        """The next bytes, from another place of the block each time."""
        count = min(self.left, count if count >= 0 else self.left, 16 * MIB)
        at = self.left // MIB % 4096
        self.left -= count
        return self.block[at : at + count]

    def chunks(self) -> Iterator[bytes]:
        """All of it in mebibytes."""
        while chunk := self.read(MIB):
            yield chunk


def measure_store(size: int) -> dict[str, Any]:
    """Both uploaders in turn against one lab, the best of some rounds each; then appends."""
    with tempfile.TemporaryDirectory(prefix="amberlight-bench-") as folder:
        runs: dict[str, list[dict[str, Any]]] = {"seal": [], "plain": []}
        for number in range(STREAMS):
            for what, found in runs.items():
                with lab(Path(folder) / f"{what}-{number}") as place:
                    found.append(apart(what, {**place, "size": size}))
        with lab(Path(folder) / "append") as place:
            appended = apart("append", place)
    fastest = {what: min(each["wall_s"] for each in found) for what, found in runs.items()}
    return {
        "seal_ratio": round(fastest["plain"] / fastest["seal"], 3),
        "seal_mb_per_s": round(size / fastest["seal"] / 1e6, 1),
        "plain_mb_per_s": round(size / fastest["plain"] / 1e6, 1),
        "seal_extra_mb": max(each["extra_mb"] for each in runs["seal"]),
        **appended,
    }


@contextmanager
def lab(folder: Path) -> Iterator[dict[str, Any]]:
    """A lab with a versioned bucket; the store lies in its memory, so each run gets one of its own."""
    from amberlight.lab import LabOptions, start

    with start(LabOptions(workdir=folder, seed=7, hosts="processes")) as running:
        keys = running.accounts["vault"].admin
        place = {"endpoint": running.endpoint, "region": running.region, "id": keys.access_key_id,
                 "secret": keys.secret_access_key}  # fmt: skip
        client = sessions(place).client("s3", running.region, None)
        client.create_bucket(Bucket="bench", ObjectLockEnabledForBucket=True)
        yield place


def sessions(place: dict[str, Any]) -> Any:
    """Our sessions at the lab; both uploaders get their clients from here."""
    from amberlight._aws import Credentials, Sessions

    keys = Credentials(access_key_id=place["id"], secret_access_key=place["secret"])
    return Sessions(region=place["region"], endpoint=place["endpoint"], credentials=keys)


def vault_store(place: dict[str, Any]) -> Any:
    """Our store; without retention, which costs the client nothing."""
    from amberlight.vault import S3Store

    made = sessions(place)
    return S3Store(made.door("1"), made.door("1"), "bench", made.clock, must_lock=False)


def seal(of: dict[str, Any]) -> dict[str, Any]:
    """Our store, from a warm client on."""
    store = vault_store(of)
    store.put("warm", [b"x" * MIB])
    source = Source(of["size"])
    return timed(lambda: store.put("stream", source.chunks()))


def plain(of: dict[str, Any]) -> dict[str, Any]:
    """boto3's own way with its defaults: ten threads, parts of 8 MiB, checksums CRC."""
    client = sessions(of).client("s3", of["region"], None)
    client.put_object(Bucket="bench", Key="warm", Body=b"x" * MIB)
    source = Source(of["size"])
    return timed(lambda: client.upload_fileobj(source, "bench", "stream"))


def timed(act: Any) -> dict[str, Any]:
    """Wall time and the peak of memory above what there was before."""
    forget_peak()
    idle, start = memory_mb("VmRSS"), time.perf_counter()
    act()
    return {"wall_s": time.perf_counter() - start, "extra_mb": round(memory_mb("VmHWM") - idle, 1)}


def append(of: dict[str, Any]) -> dict[str, Any]:
    """Entries one after the other by one writer, each in the store before the next begins."""
    from amberlight.vault import Ledger, LocalSigner

    with tempfile.TemporaryDirectory() as folder:
        book = Ledger(vault_store(of), LocalSigner.create(Path(folder) / "k"), **words(sessions(of).clock))
        book.append("opened", {})
        start = time.perf_counter()
        for number in range(APPENDS):
            book.append("acquired", item(number))
    return {"append_per_s": round(APPENDS / (time.perf_counter() - start))}


def words(clock: Any) -> dict[str, Any]:
    """What a ledger is told."""
    return {"case_id": "c", "kind": "drill", "clock": clock, "actor": "arn:aws:iam::111122223333:user/ada",
            "authority": "plan 0123456789abcdef", "tool": "amberlight"}  # fmt: skip


def item(number: int) -> dict[str, Any]:
    """An act of the usual size."""
    return {"item": f"E{number}", "path": f"native/111122223333/trail/{number:08d}.json.gz", "size_bytes": number,
            "sha256": f"{number:064x}", "sha512": f"{number:0128x}", "request_ids": [f"{number:016X}"]}  # fmt: skip


# ---- checking ----


class Memory:
    """Just enough of a store to fill a ledger fast."""

    def listing(self, prefix: str) -> Iterator[Any]:
        """Nothing is there before."""
        del prefix
        yield from ()

    def create(self, key: str, data: bytes) -> None:
        """Kept by the ledger itself."""


def package(folder: Path, entries: int, size: int) -> tuple[Path, str]:
    """A sealed package with so many entries and bytes of payload; the key's fingerprint."""
    from amberlight._aws import SystemClock
    from amberlight.handoff import custody
    from amberlight.handoff.bag import Bag
    from amberlight.vault import Ledger, LocalSigner

    made = folder / f"package-{entries}"
    signer = LocalSigner.create(folder / f"key-{entries}.pem")
    book = Ledger(Memory(), signer, **words(SystemClock()))  # type: ignore[arg-type]
    for number in range(entries - 1):
        book.append("acquired", item(number))
    bag = Bag(made)
    for number in range(FILES if size else 1):
        bag.add(f"data/disk-{number}.raw", Source(size // FILES or 1).chunks())
    bag.add(custody.KEY, [signer.public_pem])
    bag.add_manifests()
    _, head = book.seal({"files": {path: each.sha256 for path, each in sorted(bag.files.items())}, "checkpoints": {}})
    bag.add(custody.LEDGER, custody.ledger_lines(book.entries()))
    for path, data in custody.checkpoint_files(head):
        bag.add(path, [data])
    bag.add_tag_manifest()
    return made, signer.fingerprint


def make(of: dict[str, Any]) -> dict[str, Any]:
    """The package, in a process that ends with it."""
    made, key = package(Path(of["folder"]), of["entries"], of["size"])
    return {"package": str(made), "key": key}


def check(of: dict[str, Any]) -> dict[str, Any]:
    """The verifier as a stranger runs it: this process does nothing else."""
    import runpy

    forget_peak()
    module = runpy.run_path(str(VERIFY))
    report = module["verify"](of["package"], of["key"])
    if not report["ok"]:
        raise SystemExit(f"the package of the bench is not in order: {report['problems'][:3]}")
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"peak_mb": round(memory_mb("VmHWM"), 1), "cpu_s": used.ru_utime + used.ru_stime}


def measure_ledger(folder: Path, entries: int) -> dict[str, Any]:
    """A long ledger on one core, the start of Python included."""
    made = apart("make", {"folder": str(folder), "entries": entries, "size": 0})
    walls, peaks = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        peaks.append(apart("check", made, "taskset", "-c", str(min(os.sched_getaffinity(0))))["peak_mb"])
        walls.append(time.perf_counter() - start)
    return {"ledger_entries": entries, "ledger_verify_s": round(min(walls), 2), "ledger_verify_mb": max(peaks)}


def measure_verify(folder: Path, size: int) -> dict[str, Any]:
    """A large package, beside sha256sum over its payload on one core; in turn, the best of each."""
    made = apart("make", {"folder": str(folder), "entries": 3, "size": size})
    files = sorted(str(each) for each in (Path(made["package"]) / "data").iterdir())
    plain_s, ours = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(["sha256sum", *files], check=True, stdout=subprocess.DEVNULL)
        plain_s.append(time.perf_counter() - start)
        start = time.perf_counter()
        cpu_s = apart("check", made)["cpu_s"]
        ours.append((time.perf_counter() - start, cpu_s))
    wall_s, cpu_s = min(ours)
    cores = cpu_s / wall_s
    return {
        "verify_ratio": round(min(plain_s) / wall_s / max(cores, 1.0), 3),
        "verify_cores": round(cores, 2),
        "verify_mb_per_s": round(size / wall_s / 1e6, 1),
        "sha256sum_mb_per_s": round(size / min(plain_s) / 1e6, 1),
    }


CHILDREN = {"seal": seal, "plain": plain, "append": append, "make": make, "check": check}

if __name__ == "__main__":
    main()
