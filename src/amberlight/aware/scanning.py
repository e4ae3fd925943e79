"""Long histories: a map over files and a merge of states, in this process or over several; the result is the same."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

from amberlight.aware.judge import Judge
from amberlight.aware.ruleset import RuleSet
from amberlight.model.response_plan import AwarePlan
from amberlight.trail import Reading, read

WORTH_BYTES = 24 << 20
"""Below so many bytes on disk, starting processes costs more than they save."""
PIECE_BYTES = 24 << 20
"""So many bytes on disk at most go to a process at a time: its memory depends on this, not on the history's length."""
PIECES_PER_WORKER = 4


def scan(
    paths: Sequence[Path],
    aware: AwarePlan,
    workers: int = 1,
    rules: RuleSet | None = None,
    today: date | None = None,
) -> tuple[Judge, Reading]:
    """Read and judge everything below the paths.

    Args:
        paths: Files and folders.
        aware: The plan's section.
        workers: Processes to use at most; small histories are read in this one.
        rules: What judges; our own rules where nothing is said.
        today: The day that the plan's suppressions are compared with.
    """
    whole = read(paths)
    files = list(whole.walk())
    total = sum(size(path) for path in files)
    if workers < 2 or len(files) < 2 or total < WORTH_BYTES:  # noqa: PLR2004 - several
        judge = Judge(aware, rules, today)
        part = one(judge, files)
        take_over(whole, part)
        return judge, whole
    judge = Judge(aware, rules, today)
    parts = pieces(files, max(workers * PIECES_PER_WORKER, -(-total // PIECE_BYTES)))
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for other, part in pool.map(apart, [aware] * len(parts), [rules] * len(parts), parts):
            judge.merge(other)
            take_over(whole, part)
    return judge, whole


def one(judge: Judge, files: list[Path]) -> Reading:
    """Judge some files here."""
    reading = read(files)
    for batch in reading.batches():
        judge.take_all(batch)
    return reading


def apart(aware: AwarePlan, rules: RuleSet | None, files: list[Path]) -> tuple[Judge, Reading]:
    """Judge some files in another process; gives the state and the counts."""
    judge = Judge(aware, rules)
    return judge, one(judge, files)


def take_over(whole: Reading, part: Reading) -> None:
    """Add a part's counts."""
    whole.files += part.files
    whole.count += part.count
    whole.other += part.other
    whole.skipped += part.skipped
    whole.unreadable += part.unreadable


def pieces(files: list[Path], number: int) -> list[list[Path]]:
    """The files in that many runs of about equal length, in order."""
    length = -(-len(files) // number)
    return [files[at : at + length] for at in range(0, len(files), length)]


def size(path: Path) -> int:
    """Bytes on disk; nothing for what is not there, which the reader will name."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
