"""The readers of trails, as the fuzzers call them; needs msgspec, isal and cryptography, and nothing else of the project."""

import tempfile
from pathlib import Path

from amberlight.trail import reading
from amberlight.trail.prove import prove as prove_source
from amberlight.trail.prove.words import words

__all__ = ["prove", "read", "words"]


def prove(source):
    """The proof of a copy."""
    return prove_source(source)


def read(data):
    """A log file's events; nothing of it may vanish without a word."""
    with tempfile.NamedTemporaryFile(suffix=".json.gz", dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
        file.write(data)
        file.flush()
        told = reading.read([file.name])
        found = sum(1 for _ in told)
    if found != told.count or not (found or told.unreadable or told.other or told.skipped):
        raise AssertionError("a file was read in silence")
