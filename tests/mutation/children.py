"""Work in forked children: with limits, without a terminal, each with a folder of its own that goes with it."""

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


def in_children(jobs, workers):
    """What comes of each job (name, function, limits in seconds: processor, real), as they end, so many at once.

    None stands for the answer of a child that came to no end in time, or to a bad one.
    """
    running, jobs = {}, iter(jobs)
    while True:
        while len(running) < workers and (job := next(jobs, None)):
            name, function, (cpu_s, real_s) = job
            folder = tempfile.mkdtemp(prefix="mutant-")
            running[fork(function, cpu_s, folder)] = (name, folder, time.monotonic() + real_s)
        if not running:
            return
        for child, (name, folder, until) in list(running.items()):
            if over(child, until):
                del running[child]
                yield name, answer_in(folder)
        time.sleep(0.004)  # noqa: TID251 - real processes


def fork(function, cpu_s, folder):
    """A child that calls it, and leaves the answer in the folder."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        # Processor time, so that a busy machine kills no mutant.
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s) + 1, int(cpu_s) + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nowhere, number)
        tempfile.tempdir = os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
        answer = pickle.dumps(function())
        Path(folder, "answer").write_bytes(answer)
    finally:
        os._exit(0)


def over(child, until):
    """Whether a child has ended, or has been ended now because its time is over; with whatever it started."""
    late = time.monotonic() > until
    if not late and not os.waitpid(child, os.WNOHANG)[0]:
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    if late:
        os.waitpid(child, 0)
    return True


def answer_in(folder):
    """What a child left; the folder goes."""
    file = Path(folder, "answer")
    answer = pickle.loads(file.read_bytes()) if file.exists() else None  # noqa: S301 - a child of ours wrote it
    shutil.rmtree(folder, ignore_errors=True)
    return answer
