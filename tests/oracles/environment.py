"""Environments of their own for programs that our answers are compared with; made once, below `.venv`."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".venv/oracles"


def python_of(name):
    """The Python of the environment with `requirements/oracles/<name>.txt` in it, made where it is not there.

    Raises:
        OSError: it cannot be made, such as without a package index; the text says why.
    """
    HOME.mkdir(parents=True, exist_ok=True)
    # Tests run side by side, and two of them may want the same environment.
    with (HOME / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return made(name)


def made(name):
    """The same, for one process at a time."""
    wanted = ROOT / f"requirements/oracles/{name}.txt"
    home, python = HOME / name, HOME / name / "bin/python"
    mark = home / "installed.txt"
    if mark.is_file() and mark.read_bytes() == wanted.read_bytes():
        return python
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(home)],
        [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--retries", "1", "-r", str(wanted)],
    ):
        environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
        if done.returncode:
            raise OSError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    mark.write_bytes(wanted.read_bytes())
    return python


if __name__ == "__main__":
    for each in sorted((ROOT / "requirements/oracles").glob("*.txt")):
        print(python_of(each.stem))
