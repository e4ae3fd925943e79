"""Proofs over the tree: RFC 6962's own, those that we make, and none that was tampered with."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amberlight.vault import check_exhibit
from amberlight.vault.proofs import consistency, continues, includes, inclusion, root
from amberlight.vault.tree import Tree, leaf, node

# From: RFC 6962's reference implementation (certificate-transparency, merkle_tree_test): eight leaves and their roots.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
HASHES = [leaf(each) for each in LEAVES]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_known_roots(size):
    assert root(HASHES[:size]).hex() == ROOTS[size - 1]
    tree = Tree()
    for each in LEAVES[:size]:
        tree.add(each)
    assert tree.root() == root(HASHES[:size])


def test_known_proofs():
    assert [each.hex() for each in inclusion(HASHES[:8], 5)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [each.hex() for each in consistency(HASHES[:8], 6)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_every_leaf_and_every_earlier_tree_up_to_forty():
    hashes = [leaf(str(n).encode()) for n in range(40)]
    roots = [root(hashes[:size]) for size in range(1, 41)]
    for size in range(1, 41):
        for index in range(size):
            assert includes(hashes[index], index, size, inclusion(hashes[:size], index), roots[size - 1])
        for first in range(1, size + 1):
            proof = consistency(hashes[:size], first)
            assert continues((first, roots[first - 1]), (size, roots[size - 1]), proof)


numbers = st.integers(min_value=-2, max_value=70)


@settings(max_examples=300, deadline=None)
@given(size=st.integers(1, 64), index=numbers, claimed=numbers, other=numbers, spoil=st.integers(0, 5))
def test_no_other_claim_is_proved(size, index, claimed, other, spoil):
    hashes = [leaf(str(n).encode()) for n in range(size)]
    head, place = root(hashes), index % size
    proof = inclusion(hashes, place)
    assert includes(hashes[place], place, size, proof, head)
    if claimed != place:
        # The same path may fit another size, never another place in this tree.
        assert not includes(hashes[place], claimed, size, proof, head)
    wrong = leaf(b"another")
    assert not includes(wrong, place, size, proof, head)
    assert not includes(hashes[place], place, size, [*proof, wrong], head)
    assert not includes(hashes[place], place, other if other <= place else -1, proof, head)
    if proof:
        bad = list(proof)
        bad[spoil % len(bad)] = wrong
        assert not includes(hashes[place], place, size, bad, head)
        assert not includes(hashes[place], place, size, proof[:-1], head)


@settings(max_examples=300, deadline=None)
@given(size=st.integers(2, 64), first=st.integers(1, 63), spoil=st.integers(0, 9), claimed=numbers)
def test_no_other_history_is_continued(size, first, spoil, claimed):
    hashes = [leaf(str(n).encode()) for n in range(size)]
    first = 1 + first % (size - 1)
    old, new = (first, root(hashes[:first])), (size, root(hashes))
    proof = consistency(hashes, first)
    assert continues(old, new, proof)
    forged = [*hashes[: first - 1], leaf(b"forged")]
    assert not continues((first, root(forged)), new, proof)
    assert not continues(old, (size, hashlib.sha256(b"").digest()), proof)
    assert not continues(old, new, [*proof, leaf(b"more")])
    bad = list(proof)
    bad[spoil % len(bad)] = leaf(b"another")
    assert not continues(old, new, bad)
    if claimed <= 0:
        assert not continues((claimed, old[1]), new, proof)


def test_a_tree_continues_itself_and_only_itself():
    assert continues((8, root(HASHES)), (8, root(HASHES)), [])
    assert not continues((8, root(HASHES)), (8, root(HASHES)), [HASHES[0]])
    assert not continues((8, root(HASHES)), (8, HASHES[0]), [])
    assert not continues((8, root(HASHES)), (7, root(HASHES[:7])), [])
    assert not continues((3, root(HASHES[:3])), (8, root(HASHES)), [])


@pytest.mark.parametrize("index", [-1, 8, 9])
def test_there_is_no_proof_of_what_is_not_there(index):
    with pytest.raises(IndexError):
        inclusion(HASHES, index)
    with pytest.raises(IndexError):
        consistency(HASHES, index if index > 8 else 0)


def test_the_check_of_exhibits_reckons_as_we_do():
    hashes = [leaf(str(n).encode()) for n in range(20)]
    for size in range(1, 21):
        head = root(hashes[:size])
        for index in range(size):
            proof = inclusion(hashes[:size], index)
            assert check_exhibit.includes(hashes[index], index, size, proof, head)
            for other in (index - 1, index + 1, size, -1):
                for wrong in (proof, proof[:-1], [*proof, head], [*proof[::-1], head]):
                    given = (hashes[index], other, size, wrong, head)
                    assert check_exhibit.includes(*given) == includes(*given)
            for wrong in (proof[:-1], [*proof, head], [head, *proof]):
                given = (hashes[index], index, size, wrong, head)
                assert check_exhibit.includes(*given) == includes(*given)
                assert not check_exhibit.includes(*given) or wrong == proof
            assert not check_exhibit.includes(hashes[index], index, size, proof, hashes[-1] + b"x")


@pytest.mark.parametrize("first,size,claimed", [(2, 4, 8), (1, 2, 4), (4, 8, 32), (3, 4, 8)])
def test_a_proof_for_a_smaller_tree_shows_nothing_of_a_larger_one(first, size, claimed):
    hashes = [leaf(str(n).encode()) for n in range(size)]
    old, new, proof = (first, root(hashes[:first])), root(hashes), consistency(hashes, first)
    assert continues(old, (size, new), proof)
    assert not continues(old, (claimed, new), proof)


def test_a_hash_too_many_leads_nowhere():
    one, more = leaf(b"1"), leaf(b"2")
    assert not includes(one, 0, 1, [more], node(more, one))
    assert not check_exhibit.includes(one, 0, 1, [more], node(more, one))
    assert not continues((1, one), (2, node(more, node(one, more))), [more, more])
