"""A vault in a store that misbehaves: work through its faults, then judge what is left. For the tests and the fault run."""

import hashlib
import threading
from contextlib import contextmanager

from fakes import FakeS3, StillClock, nothing, raced

from amberlight.model.errors import AmberlightError, IntegrityError, NotPossible, Unreachable
from amberlight.vault import Ledger, S3Store, multipart, s3
from amberlight.vault.store import Exists

PART = 64
TRIES = 12
HARMLESS = ("none", "lose", "repeat", "down", "raced")
HARMFUL = ("forget", "truncate", "reorder")


@contextmanager
def small_parts():
    """Parts of 64 bytes instead of 8 MiB: the same paths, and a thousand uploads a second."""
    before = multipart.PART_BYTES, s3.ONE_REQUEST_BYTES
    multipart.PART_BYTES, s3.ONE_REQUEST_BYTES = PART, 2 * PART
    try:
        yield
    finally:
        multipart.PART_BYTES, s3.ONE_REQUEST_BYTES = before


def down(name, p):
    """Nobody answers, and nothing takes effect."""
    raise Unreachable(f"s3.{name}: 503: SlowDown", "Resume later.")


def fault(fate):
    """A fault of the fake by its name."""
    named = {"none": nothing, "down": down, "raced": raced}
    return named.get(fate, lambda name, p: fate)


class Killed(BaseException):
    """What SIGKILL looks like from within: nothing is cleared away. Only BaseException goes through every handler."""


def killed(name, p):
    """The process ends here."""
    raise Killed


def until_done(act, taken):
    """Try as a caller does: again when nobody answered; what is there already may be our own."""
    for _ in range(TRIES):
        try:
            return act()
        except Unreachable:
            continue
        except Exists:
            return taken()
        except NotPossible as problem:
            if problem.aws_code != "ConditionalRequestConflict":
                raise
    return None


class World:
    """One fake store with faults to come, a store over it, and what the callers were told."""

    def __init__(self, fates, notes=None):
        self.s3 = FakeS3()
        self.s3.faults = [fault(each) for each in fates]
        self.store = S3Store(self.s3.writer(), self.s3.examiner(), "vault", StillClock(), notes=notes)
        self.harmed = any(each in HARMFUL for each in fates)
        self.alarms = []

    def book(self, signer, actor):
        """A writer of the one ledger."""
        return Ledger(self.store, signer, case_id="c", kind="drill", clock=StillClock(), actor=actor, authority="p",
                      tool="t")  # fmt: skip

    def put(self, key, data):
        """Store, trying again; None where an alarm was raised or patience ended."""
        chunks = [data[at : at + 50] for at in range(0, len(data), 50)]
        try:
            return until_done(lambda: self.store.put(key, chunks, may_be_empty=True), lambda: self.find(key, data))
        except AmberlightError as problem:
            self.alarms.append(problem)
            return None

    def find(self, key, data):
        """What is there already: ours from an earlier try, or an alarm."""
        found = until_done(lambda: self.store.find(key), lambda: None)
        if found is not None and found.sha256 != hashlib.sha256(data).hexdigest():
            raise IntegrityError(f"{key} is not what was sent")
        return found

    def judge_object(self, key, data, stored):
        """What was called stored is there once, as it was given; or a check says that it is not."""
        self.s3.faults = []
        rows = self.s3.versions.get(key, [])
        assert len(rows) <= 1, f"{key} was doubled"
        if stored is None:
            return
        assert (stored.sha256, stored.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
        whole = bool(rows) and rows[0][1] == data
        try:
            self.store.check(stored)
        except (IntegrityError, NotPossible):
            assert not whole, "a false alarm"
        else:
            assert whole, f"damage to {key} was not found"

    def enter(self, book, acts, acked):
        """Enter acts one after the other; what was acknowledged goes to `acked`."""
        for act in acts:
            try:
                entry = until_done(lambda act=act: book.append("acquired", {"n": act}), lambda: None)
            except AmberlightError as problem:
                self.alarms.append(problem)
                return
            if entry is not None:
                acked.append((entry.seq, act))

    def judge_ledger(self, books, acked, signer):
        """Every acknowledged act stands there once, in its place; or somebody raises an alarm."""
        self.s3.faults = []
        try:
            for book in books:
                if book.entries():
                    book.checkpoint()
            entries = self.book(signer, "reader").entries()
        except IntegrityError as problem:
            self.alarms.append(problem)
        if self.alarms:
            assert self.harmed, f"a false alarm: {self.alarms}"
            return
        assert [entry.seq for entry in entries] == list(range(len(entries)))
        told = [(entry.seq, entry.what["n"]) for entry in entries]
        assert len({act for _, act in told}) == len(told), "an act was doubled"
        assert set(acked) <= set(told), "an acknowledged act is lost"


def in_threads(acts):
    """Run them all at once."""
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
