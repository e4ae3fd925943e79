"""The fault run: `python tests/faults/run.py [--seconds 600] [--seed N]`; `make faults`. CI runs it for 20 seconds.

In turn, with everything drawn from one seed that is printed:

    objects   a store that loses, repeats, reorders, truncates, answers 500 after having stored, or not at all
    kills     an upload killed again and again until it is done
    ledgers   one ledger, several writers at once, the same store
    writers   processes that enter acts into one ledger and are killed with SIGKILL at random moments

After each: what was acknowledged is there, once and in its place; damage is found; no alarm is false. The first thing that
is not so ends the run with exit status 1 and says which seed and round it was.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "unit" / "vault"))

from faulty import HARMFUL, HARMLESS, Killed, World, fault, in_threads, killed, small_parts  # noqa: E402

from amberlight._aws import SystemClock  # noqa: E402
from amberlight.vault import FolderStore, Ledger, LocalSigner  # noqa: E402

WRITERS = 6


def fates(chance, most):
    """Faults to come; half of the rounds know only those that do no harm."""
    kinds = HARMLESS + HARMFUL if chance.random() < 0.5 else HARMLESS
    return [chance.choice(kinds) for _ in range(chance.randint(0, most))]


def objects(chance, folder, signer):
    """Some objects of any size."""
    notes = folder / "notes" if chance.random() < 0.5 else None
    for number in range(5):
        world, data = World(fates(chance, 25), notes), chance.randbytes(chance.randint(0, 900))
        world.judge_object(f"k{number}", data, world.put(f"k{number}", data))


def kills(chance, folder, signer):
    """Each try gets some calls further, and what S3 confirmed is not sent again."""
    world, data, tries = World([], folder / "notes"), chance.randbytes(1280), 0
    while True:
        tries += 1
        # Completion is the last call: from some try on there are calls enough.
        world.s3.faults = [fault("none")] * chance.randint(1, 8) + [killed] * (99 if tries < 60 else 0)
        try:
            stored = world.store.put("k", [data[at : at + 90] for at in range(0, len(data), 90)])
        except Killed:
            continue
        break
    assert Counter(name for _, name, _ in world.s3.calls)["CreateMultipartUpload"] == 1, "an upload was begun twice"
    world.judge_object("k", data, stored)


def ledgers(chance, folder, signer):
    """Writers that meet at every number."""
    world, acked = World(fates(chance, 120)), []
    books = [world.book(signer, f"w{number}") for number in range(chance.randint(1, WRITERS))]
    in_threads([lambda n=n, book=book: world.enter(book, [f"{n}.{t}" for t in range(8)], acked)
                for n, book in enumerate(books)])  # fmt: skip
    world.judge_ledger(books, acked, signer)


def book_of(folder, actor):
    """A writer's ledger in a folder."""
    store = FolderStore(folder / "vault", SystemClock())
    return Ledger(store, LocalSigner(folder / "key"), case_id="c", kind="drill", clock=SystemClock(), actor=actor,
                  authority="p", tool="t")  # fmt: skip


def write_forever(folder, actor):
    """A writer's process: says each act before and after it is entered."""
    book, number = book_of(Path(folder), actor), 0
    while True:
        print(f"try {actor}.{number}", flush=True)
        entry = book.append("acquired", {"n": f"{actor}.{number}"})
        print(f"done {entry.seq} {actor}.{number}", flush=True)
        number += 1


def writers(chance, folder, signer):
    """Killed at any moment, and others go on."""
    LocalSigner.create(folder / "key")
    outs, running = [], []
    for generation in range(2):
        for number in range(WRITERS):
            outs.append((folder / f"out-{generation}-{number}").open("wb"))
            argv = [sys.executable, __file__, "--write", str(folder), f"{generation}.{number}"]
            running.append(subprocess.Popen(argv, stdout=outs[-1]))
        until = time.monotonic() + 30
        while time.monotonic() < until and not all(Path(out.name).stat().st_size for out in outs):
            time.sleep(0.05)  # noqa: TID251 (real processes)
        time.sleep(chance.uniform(0.1, 1.5))  # noqa: TID251
        ended = [process.returncode for process in running if process.poll() is not None]
        for process in running:
            process.send_signal(signal.SIGKILL)
            process.wait()
            time.sleep(chance.uniform(0, 0.05))  # noqa: TID251
        assert not ended, "a writer gave up: a false alarm, or worse; it has said which"
        running.clear()
    for out in outs:
        out.close()
    said = b"\n".join(Path(out.name).read_bytes() for out in outs).decode().splitlines()
    tried = {line.split()[1] for line in said if line.startswith("try ") and len(line.split()) == 2}
    done = {(int(line.split()[1]), line.split()[2]) for line in said if line.startswith("done ")}
    entries = book_of(folder, "reader").entries()
    told = [(entry.seq, entry.what["n"]) for entry in entries]
    assert [seq for seq, _ in told] == list(range(len(told))), "the sequence has a hole"
    assert len({act for _, act in told}) == len(told), "an act was doubled"
    assert done <= set(told), "an acknowledged act is lost"
    assert {act for _, act in told} <= tried, "an act came from nowhere"
    assert done, "no writer wrote"


def main():
    """Rounds until the time is over."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=600)
    options.add_argument("--seed", type=int, default=None)
    options.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.write:
        write_forever(*given.write)
    seed = given.seed if given.seed is not None else int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}", flush=True)
    until, rounds = time.monotonic() + given.seconds, Counter()
    with tempfile.TemporaryDirectory() as top, small_parts():
        signer = LocalSigner.create(Path(top) / "key")
        while time.monotonic() < until:
            number = rounds.total()
            # Processes take seconds, the others milliseconds.
            act = writers if number % 200 == 10 else (objects, kills, ledgers)[number % 3]
            chance = random.Random(f"{seed}.{number}")  # noqa: S311
            with tempfile.TemporaryDirectory(dir=top) as folder:
                try:
                    act(chance, Path(folder), signer)
                except AssertionError as problem:
                    print(f"FAILED in round {number} ({act.__name__}) of seed {seed}: {problem}")
                    raise SystemExit(1) from problem
            rounds[act.__name__] += 1
    print(f"nothing lost, nothing doubled, every damage found: {dict(rounds)}")


if __name__ == "__main__":
    main()
