"""Trails for the tests of the proof, and the way to prove them."""

import itertools

import pytest
from make_trail import Trail

from amberlight.trail.prove import Folder, prove


@pytest.fixture
def trail():
    """Six hours, two log files in each."""
    made = Trail()
    made.chain()
    return made


@pytest.fixture
def proved(tmp_path):
    """Write a trail to a folder of its own, with further files if any, and prove the copy."""
    numbers = itertools.count()

    def run(trail, *, keys=True, beside=(), **window):
        root = trail.write(tmp_path / f"copy-{next(numbers)}", keys=keys)
        for path, content in dict(beside).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)
        return prove(Folder(root), **window)

    return run
