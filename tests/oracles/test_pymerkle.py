"""Our tree and proofs against pymerkle's, which runs in an environment of its own (its licence is GPLv3+)."""

import json
import subprocess

import pytest
from environment import python_of

from amberlight.vault.proofs import consistency, continues, includes, inclusion
from amberlight.vault.tree import Tree, leaf

SIZE = 1000
# pymerkle counts leaves from 1, and its path begins with the leaf itself; its consistency proofs are of another form,
# so of those only the verdict is compared.
ORACLE = """
import json, sys
from pymerkle import InmemoryTree, verify_consistency
size = int(sys.argv[1])
tree, roots, paths, agreed = InmemoryTree(algorithm="sha256"), [], [], []
for number in range(size):
    tree.append_entry(b"entry %d" % number)
    roots.append(tree.get_state().hex())
for number in range(size):
    paths.append(tree.prove_inclusion(number + 1, size).serialize()["path"][1:])
for first in range(1, size):
    verify_consistency(tree.get_state(first), tree.get_state(size), tree.prove_consistency(first, size))
    agreed.append(first)
print(json.dumps({"roots": roots, "paths": paths, "agreed": agreed}))
"""


@pytest.fixture(scope="module")
def theirs():
    try:
        python = python_of("pymerkle")
    except OSError as problem:
        pytest.skip(f"pymerkle cannot be installed: {problem}")
    done = subprocess.run([python, "-I", "-c", ORACLE, str(SIZE)], capture_output=True, check=True, text=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def leaves():
    return [leaf(b"entry %d" % number) for number in range(SIZE)]


def test_a_thousand_roots_are_theirs(theirs):
    tree, ours = Tree(), []
    for number in range(SIZE):
        tree.add(b"entry %d" % number)
        ours.append(tree.root().hex())
    assert ours == theirs["roots"]
    assert tree.size == SIZE


def test_every_inclusion_proof_is_theirs(theirs, leaves):
    root = bytes.fromhex(theirs["roots"][-1])
    for number, path in enumerate(theirs["paths"]):
        proof = [bytes.fromhex(each) for each in path]
        assert includes(leaves[number], number, SIZE, proof, root)
        if number % 10 == 0:
            assert inclusion(leaves, number) == proof


def test_trees_continue_each_other_where_they_say_so(theirs, leaves):
    assert theirs["agreed"] == list(range(1, SIZE))
    roots = [bytes.fromhex(each) for each in theirs["roots"]]
    for first in range(1, SIZE, 13):
        proof = consistency(leaves, first)
        assert continues((first, roots[first - 1]), (SIZE, roots[-1]), proof)
        assert not continues((first, roots[first - 2]), (SIZE, roots[-1]), proof)
