"""The tree against another implementation, and against the definition."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from amberlight.vault.tree import Tree

ROOTS = 1000
ORACLE = """
import json, sys
from pymerkle import InmemoryTree
tree, roots = InmemoryTree(algorithm="sha256"), []
for number in range(int(sys.argv[1])):
    tree.append_entry(b"entry %d" % number)
    roots.append(tree.get_state().hex())
print(json.dumps(roots))
"""


def oracle():
    """A Python that has pymerkle, in an environment of its own since its licence is GPLv3+; or the reason why not."""
    kept = os.environ.get("AMBERLIGHT_PYMERKLE")
    place = Path(kept) if kept else Path(__file__).resolve().parents[3] / ".venv" / "oracles" / "pymerkle"
    python = place / "bin" / "python"
    if python.exists():
        return str(python), ""
    return "", f"pymerkle is not in {place}: make oracles"


def test_a_thousand_roots_are_those_of_pymerkle():
    python, why = oracle()
    if not python:
        pytest.skip(why)
    done = subprocess.run([python, "-I", "-c", ORACLE, str(ROOTS)], capture_output=True, check=True, text=True)
    tree, ours = Tree(), []
    for number in range(ROOTS):
        tree.add(b"entry %d" % number)
        ours.append(tree.root().hex())
    assert ours == json.loads(done.stdout)
    assert tree.size == ROOTS
