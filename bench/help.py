"""How long `amberlight --help` takes as a whole process, beside a bare interpreter, in one run.

Writes the median of each in milliseconds and their ratio: the ratio is what carries over to another machine.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 10


def once(argv: list[str]) -> float:
    """Milliseconds of one process."""
    start = time.perf_counter()
    subprocess.run(argv, check=True, capture_output=True)
    return (time.perf_counter() - start) * 1000


def main() -> None:
    """Measure the two in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench/out/help.json"))
    out: Path = parser.parse_args().out
    amberlight = [str(Path(sys.executable).with_name("amberlight")), "--help"]
    bare = [sys.executable, "-c", "pass"]
    once(amberlight)
    pairs = [(once(amberlight), once(bare)) for _ in range(RUNS)]
    figures = {
        "runs": RUNS,
        "help_ms": round(statistics.median(a for a, _ in pairs), 1),
        "python_ms": round(statistics.median(b for _, b in pairs), 1),
        "ratio": round(statistics.median(a / b for a, b in pairs), 2),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
