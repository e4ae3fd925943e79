"""Ten demos killed with SIGKILL at random moments, then one that has to work: what is left behind by a crash.

After each kill no process that names the folder and no network interface may be left within five seconds; the demo that
follows in the same folder must end as if nothing had happened. Exit status 1 when something was left, or when of fifteen
demos fewer than ten could be killed before they ended.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KILLS = 10
MOST = 15
PATIENCE_S = 5.0


def naming(folder: str) -> list[int]:
    """Processes whose command line names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if folder.encode() in words:
                found.append(int(entry.name))
    return found


def interfaces() -> set[str]:
    """Network interfaces of this machine."""
    return {entry.name for entry in Path("/sys/class/net").iterdir()}


def whole(argv: list[str]) -> tuple[float, int]:
    """Seconds of an undisturbed demo, and its exit status."""
    start = time.monotonic()
    done = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.monotonic() - start, done.returncode


def kill_one(argv: list[str], after_s: float, folder: str, before: set[str]) -> dict[str, object]:
    """Start, kill, wait until nobody is left; how long that took, or who was left."""
    demo = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        demo.wait(after_s)
    except subprocess.TimeoutExpired:
        demo.send_signal(signal.SIGKILL)
    killed = demo.wait() == -signal.SIGKILL
    start = time.monotonic()
    while (naming(folder) or interfaces() != before) and time.monotonic() < start + PATIENCE_S:
        time.sleep(0.05)
    left = len(naming(folder)) + len(interfaces() - before)
    return {"after_s": round(after_s, 1), "killed": killed, "left": left, "gone_s": round(time.monotonic() - start, 2)}


def main() -> None:
    """Ten kills and one whole demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench/out/kill.json"))
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args()
    chance, before = random.Random(given.seed), interfaces()
    with tempfile.TemporaryDirectory() as folder:
        argv = [str(Path(sys.executable).with_name("amberlight")), "demo", "--out", f"{folder}/demo", "--no-open"]
        length, _ = whole(argv)
        # Within nine tenths of its length here and now. One that was faster and ended by itself was not killed: it is
        # listed, and another takes its place.
        kills: list[dict[str, object]] = []
        while sum(bool(kill["killed"]) for kill in kills) < KILLS and len(kills) < MOST:
            kills.append(kill_one(argv, chance.uniform(0.02, 0.9) * length, folder, before))
        _, code = whole(argv)
        verified = json.loads(Path(folder, "demo", "scorecard.json").read_text())["package"]["verified"]
    figures = {"kills": kills, "left": sum(int(str(kill["left"])) for kill in kills), "exit": code}
    figures |= {"verified": verified, "killed": sum(bool(kill["killed"]) for kill in kills)}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures))
    good = figures["left"] == 0 and figures["killed"] == KILLS and code in (0, 3) and verified
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
