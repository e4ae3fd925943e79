"""How fast a long history is judged: a seeded corpus in AWS's layout, drawn from the real records in ../shared/data.

Run: python bench/scan.py [--events 1000000] [--per-file 1000] [--long] [--out bench/out/scan.json]. Writes:

    events, wall_s (read, rules, state, triage), events_per_s, peak_mb (all processes together), cpu_s (all processes)
    read_only_s, one_process_s: reading, and reading with rules, state and triage; CPU seconds in one process each
    judging_to_reading: what rules, state and triage cost, reading being 1; CPU seconds, so that other work disturbs it less
    tiny_files_ratio: time per event of 10,000 files of 20 events, the large files' being 1; CPU seconds as well
    ten_million (with --long): wall_s and peak_mb of ten times the events, ten months instead of one
    load: the machine's load averages at the end; wall times mean little where it is above the number of cores

Principals and addresses repeat as in the sources, so this measures speed and memory, never the judgement. Zircolite is not
shipped, and nothing here compares with it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from isal import igzip

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data"
SOURCES = (
    ("cloudtrail-stratus-detonations/neutral/*.gz", 0.5),
    ("cloudtrail-opensearch-benign/*.jsonl.gz", 0.35),
    ("traildiscover/log-examples.jsonl.gz", 0.1),
    ("cloudtrail-otrf-ec2-proxy/*.jsonl.gz", 0.05),
)
REGIONS = (("us-east-1", 6), ("us-west-2", 2), ("eu-west-1", 1), ("ap-northeast-1", 1))
TINY = 20
ACCOUNTS = ("111122223333", "444455556666")


def main() -> None:
    """Make the corpora, measure in processes of their own, write the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--per-file", type=int, default=1000)
    options.add_argument("--long", action="store_true", help="measure ten times the events as well (3 GB on disk)")
    options.add_argument("--out", type=Path, default=HERE / "out" / "scan.json")
    options.add_argument("--measure", choices=("read", "judge"))
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--corpus", type=Path)
    chosen = options.parse_args()
    if chosen.measure:
        print(json.dumps(measure(chosen.measure, chosen.corpus, chosen.workers)))
        return
    figures = {"schema": "amberlight.bench-scan/1", **whole(chosen.events, chosen.per_file, longer=chosen.long)}
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


def whole(events: int, per_file: int, *, longer: bool) -> dict[str, Any]:
    """All figures."""
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="amberlight-bench-") as name:
        folder, tiny = Path(name) / "large", Path(name) / "tiny"
        make(folder, events, per_file)
        make(tiny, events // 5, TINY)
        judged, read, alone, small = (
            apart("judge", folder, cores),
            apart("read", folder, 1),
            apart("judge", folder, 1),
            apart("judge", tiny, 1),
        )
        ten = None
        if longer:
            lengthen(folder)
            ten = apart("judge", folder, cores)
    return {
        "events": judged["events"],
        "wall_s": judged["wall_s"],
        "events_per_s": round(judged["events"] / judged["wall_s"]),
        "peak_mb": judged["peak_mb"],
        "cpu_s": judged["cpu_s"],
        "read_only_s": read["cpu_s"],
        "one_process_s": alone["cpu_s"],
        "judging_to_reading": round(alone["cpu_s"] / read["cpu_s"] - 1, 2),
        "tiny_files_ratio": round(small["cpu_s"] / small["events"] / (alone["cpu_s"] / alone["events"]), 2),
        "ten_million": {key: ten[key] for key in ("events", "wall_s", "cpu_s", "peak_mb")} if ten else None,
        "suspicions": judged["suspicions"],
        "cores": cores,
        "load": [round(one, 1) for one in os.getloadavg()],
    }


def make(folder: Path, count: int, per_file: int) -> None:
    """Write the corpus: the same for the same numbers."""
    chance = random.Random(7)
    pools = [list(records(pattern)) for pattern, _ in SOURCES]
    weights = [weight for _, weight in SOURCES]
    start = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    for number in range(0, count, per_file):
        moment = start + dt.timedelta(seconds=number * 30 * 86400 / count)
        account = chance.choice(ACCOUNTS)
        region = chance.choices([name for name, _ in REGIONS], [weight for _, weight in REGIONS])[0]
        rows = [
            {
                **chance.choice(chance.choices(pools, weights)[0]),
                "eventID": str(uuid.UUID(int=chance.getrandbits(128))),
                "eventTime": f"{moment + dt.timedelta(seconds=chance.random() * 300):%Y-%m-%dT%H:%M:%SZ}",
                "awsRegion": region,
                "recipientAccountId": account,
            }
            for _ in range(min(per_file, count - number))
        ]
        place = folder / f"AWSLogs/{account}/CloudTrail/{region}/{moment:%Y/%m/%d}"
        place.mkdir(parents=True, exist_ok=True)
        name = f"{account}_CloudTrail_{region}_{moment:%Y%m%dT%H%MZ}_{chance.getrandbits(64):016x}.json.gz"
        (place / name).write_bytes(gzip.compress(json.dumps({"Records": rows}).encode(), 6))


def lengthen(folder: Path) -> None:
    """Nine more months after the first: the same calls with times and ids of their own."""
    for path in sorted(folder.rglob("*.gz")):
        data = gzip.decompress(path.read_bytes())
        for month in range(4, 13):
            moved = data.replace(b'"eventTime": "2026-03-', b'"eventTime": "2026-%02d-' % month)
            place = Path(str(path).replace("/2026/03/", f"/2026/{month:02d}/").replace("_202603", f"_2026{month:02d}"))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(igzip.compress(moved.replace(b'"eventID": "', b'"eventID": "%x' % month), 2))


def records(pattern: str) -> Iterator[dict[str, Any]]:
    """Real records of one source."""
    for path in sorted(DATA.glob(pattern)):
        text = gzip.decompress(path.read_bytes())
        rows = json.loads(text)["Records"] if "stratus" in pattern else [json.loads(line) for line in text.splitlines()]
        yield from (row for row in rows if "eventName" in row)


def apart(what: str, folder: Path, workers: int) -> dict[str, Any]:
    """Measure in a fresh process, so that one's memory is not the other's."""
    command = [sys.executable, __file__, "--measure", what, "--corpus", str(folder), "--workers", str(workers)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def measure(what: str, corpus: Path, workers: int) -> dict[str, Any]:
    """Read, or read and judge; times without the start of Python."""
    import time

    from amberlight.aware.scanning import scan
    from amberlight.model.response_plan import AwarePlan
    from amberlight.trail import read

    start, before = time.perf_counter(), time.process_time()
    suspicions = 0
    if what == "judge":
        judge, reading = scan([corpus], AwarePlan(), workers=workers)
        suspicions = len(judge.suspicions())
    else:
        reading = read([corpus])
        for _ in reading.batches():
            pass
    wall, cpu = time.perf_counter() - start, time.process_time() - before
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "events": reading.count,
        "wall_s": round(wall, 2),
        "cpu_s": round(cpu + children.ru_utime + children.ru_stime, 2),
        # The largest child's peak for each of them: at least what all used together.
        "peak_mb": round((peak + children.ru_maxrss * (workers if children.ru_maxrss else 0)) / 1024, 1),
        "suspicions": suspicions,
    }


if __name__ == "__main__":
    main()
