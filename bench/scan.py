"""How fast a long history is judged: a seeded corpus in AWS's layout, drawn from the real records in ../shared/data.

Run: python bench/scan.py [--events 1000000] [--per-file 1000]. Writes bench/out/scan.json:

    events, wall_s (read, rules, state, triage), events_per_s, peak_mb (all processes together), read_only_s (one process)

Principals and addresses repeat as in the sources, so this measures speed and memory, never the judgement.
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

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data"
SOURCES = (
    ("cloudtrail-stratus-detonations/neutral/*.gz", 0.5),
    ("cloudtrail-opensearch-benign/*.jsonl.gz", 0.35),
    ("traildiscover/log-examples.jsonl.gz", 0.1),
    ("cloudtrail-otrf-ec2-proxy/*.jsonl.gz", 0.05),
)
REGIONS = (("us-east-1", 6), ("us-west-2", 2), ("eu-west-1", 1), ("ap-northeast-1", 1))
ACCOUNTS = ("111122223333", "444455556666")


def main() -> None:
    """Make the corpus, measure in processes of their own, write the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--per-file", type=int, default=1000)
    options.add_argument("--measure", choices=("read", "judge"))
    options.add_argument("--corpus", type=Path)
    chosen = options.parse_args()
    if chosen.measure:
        print(json.dumps(measure(chosen.measure, chosen.corpus)))
        return
    with tempfile.TemporaryDirectory(prefix="amberlight-bench-") as folder:
        make(Path(folder), chosen.events, chosen.per_file)
        read, judged = (apart(what, folder) for what in ("read", "judge"))
    figures = {
        "schema": "amberlight.bench-scan/1",
        "events": judged["events"],
        "wall_s": judged["wall_s"],
        "events_per_s": round(judged["events"] / judged["wall_s"]),
        "peak_mb": judged["peak_mb"],
        "read_only_s": read["wall_s"],
        "suspicions": judged["suspicions"],
        "cores": len(os.sched_getaffinity(0)),
    }
    out = HERE / "out"
    out.mkdir(exist_ok=True)
    (out / "scan.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


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


def records(pattern: str) -> Iterator[dict[str, Any]]:
    """Real records of one source."""
    for path in sorted(DATA.glob(pattern)):
        text = gzip.decompress(path.read_bytes())
        rows = json.loads(text)["Records"] if "stratus" in pattern else [json.loads(line) for line in text.splitlines()]
        yield from (row for row in rows if "eventName" in row)


def apart(what: str, folder: str) -> dict[str, Any]:
    """Measure in a fresh process, so that one's memory is not the other's."""
    command = [sys.executable, __file__, "--measure", what, "--corpus", folder]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def measure(what: str, corpus: Path) -> dict[str, Any]:
    """Read, or read and judge; wall time without the start of Python."""
    import time

    from amberlight.aware.scanning import scan
    from amberlight.model.response_plan import AwarePlan
    from amberlight.trail import read

    start = time.perf_counter()
    suspicions, children = 0, 0
    if what == "judge":
        judge, reading = scan([corpus], AwarePlan(), workers=len(os.sched_getaffinity(0)))
        suspicions = len(judge.suspicions())
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * len(os.sched_getaffinity(0))
    else:
        reading = read([corpus])
        for _ in reading.batches():
            pass
    return {
        "events": reading.count,
        "wall_s": round(time.perf_counter() - start, 2),
        "peak_mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + children) / 1024, 1),
        "suspicions": suspicions,
    }


if __name__ == "__main__":
    main()
