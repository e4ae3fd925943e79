"""Work in forked children: without a terminal, with limited memory, each with a folder of its own that goes with it."""

import contextlib
import os
import pickle
import resource
import shutil
import signal
import tempfile
import time
from pathlib import Path

MEMORY_BYTES = 6 << 30
STARTS_S = 300
"""Processor seconds for whatever comes before the first test, which sets its own limit."""


def in_children(jobs, workers):
    """What comes of each job (name, function), as they end, so many at once; None for the answer of one that ended badly."""
    running, jobs = {}, iter(jobs)
    while True:
        while len(running) < workers and (job := next(jobs, None)):
            folder = tempfile.mkdtemp(prefix="mutant-")
            running[fork(job[1], folder)] = (job[0], folder)
        if not running:
            return
        for child, (name, folder) in list(running.items()):
            if over(child):
                del running[child]
                yield name, answer_in(folder)
        time.sleep(0.004)  # noqa: TID251 - real processes


def fork(function, folder):
    """A child that calls it, and leaves the answer in the folder."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (STARTS_S, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nowhere, number)
        tempfile.tempdir = os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
        answer = pickle.dumps(function())
        Path(folder, "answer").write_bytes(answer)
    finally:
        os._exit(0)


def over(child):
    """Whether a child has ended; with it whatever it started."""
    if not os.waitpid(child, os.WNOHANG)[0]:
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    return True


def answer_in(folder):
    """What a child left; the folder goes."""
    file = Path(folder, "answer")
    answer = pickle.loads(file.read_bytes()) if file.exists() else None  # noqa: S301 - a child of ours wrote it
    shutil.rmtree(folder, ignore_errors=True)
    return answer
