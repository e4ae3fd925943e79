"""The whole demo: wall time, and the peak of the resident memory of its process tree, sampled ten times a second.

Proportional set size (PSS) counts a page that several processes share once; where the kernel does not tell it, the
resident set is summed, which counts shared pages too often.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

INTERVAL_S = 0.1


def tree(root: int) -> list[int]:
    """The process and all below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += parents.get(pid, [])
    return found


def memory_kb(pid: int) -> int:
    """Proportional set size of a process in KiB; 0 when it has just ended."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        return 0
    return 0


def main() -> None:
    """Run the demo once and watch it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench/out/demo.json"))
    out: Path = parser.parse_args().out
    amberlight = str(Path(sys.executable).with_name("amberlight"))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        argv = [amberlight, "demo", "--out", f"{folder}/demo", "--seed", "7", "--no-open", "--json"]
        # Into a file: a pipe that nobody reads meanwhile would stop the demo when it is full.
        told = Path(folder, "scorecard.json")
        with told.open("wb") as out_file, subprocess.Popen(argv, stdout=out_file, stderr=subprocess.DEVNULL) as demo:
            peak = 0
            while demo.poll() is None:
                peak = max(peak, sum(memory_kb(pid) for pid in tree(demo.pid)))
                time.sleep(INTERVAL_S)
            wall = time.perf_counter() - start
        card = json.loads(told.read_bytes())
    figures = {
        "wall_s": round(wall, 1),
        "peak_mb": round(peak / 1024, 1),
        "exit": demo.returncode,
        "cores": os.cpu_count(),
        "clocks": card["clocks"],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
