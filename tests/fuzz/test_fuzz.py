"""The fuzzers' targets, for a short while and in every run; `make fuzz` goes on with atheris for hours."""

import gzip
import random

import pytest
import trail_tools
from hypothesis import given, settings
from hypothesis import strategies as st
from seed import Ticking, build, build_trail
from targets import NAMES, TRAIL_NAMES, Files, Targets, TrailTargets, Wrong, copied

from amberlight.model.errors import IntegrityError
from amberlight.vault import FolderStore, Ledger, LocalSigner, verify


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    package, _ = build(tmp_path_factory.mktemp("good"))
    return Targets(verify, copied(package, tmp_path_factory.mktemp("fuzz")))


@pytest.mark.parametrize("name", NAMES)
def test_the_kept_corpus_holds(targets, name, request):
    folder = request.path.parent / "corpus" / name
    kept = sorted(folder.iterdir())
    assert kept
    for each in kept:
        getattr(targets, name)(each.read_bytes())


@pytest.mark.parametrize("name", NAMES)
@given(st.data())
@settings(max_examples=40, deadline=None)
def test_no_bytes_are_taken_for_good(targets, name, data):
    body = data.draw(st.sampled_from([targets.good[path] for path in targets.names]) | st.binary(max_size=300))
    at, to = data.draw(st.integers(0, len(body))), data.draw(st.integers(0, len(body)))
    getattr(targets, name)(body[:at] + data.draw(st.binary(max_size=40)) + body[to:])


@given(st.integers(0, 2**32), st.sampled_from(["ledger", "checkpoints"]))
@settings(max_examples=60, deadline=None)
def test_no_object_of_the_vault_crashes_the_ledgers_reader(tmp_path_factory, seed, which):
    folder = tmp_path_factory.mktemp("v")
    build(folder)
    chance = random.Random(seed)  # noqa: S311
    place = chance.choice(sorted((folder / "vault" / "cases" / "c" / which).iterdir()))
    body = bytearray(place.read_bytes())
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(body))
        body[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
    changed = bytes(body) != place.read_bytes()
    place.chmod(0o644)
    place.write_bytes(body)
    clock = Ticking()
    book = Ledger(FolderStore(folder / "vault", clock), LocalSigner(folder / "key.pem"), case_id="c", kind="drill",
                  clock=clock, actor="a", authority="p", tool="t")  # fmt: skip
    try:
        book.entries()
    except IntegrityError:
        return
    # Of a checkpoint the reader believes only what it can compare; whether it is signed, the verifier settles.
    assert which == "checkpoints" or not changed


@pytest.fixture(scope="module")
def trail(tmp_path_factory):
    return TrailTargets(trail_tools, build_trail(tmp_path_factory.mktemp("good")))


def goods(trail):
    """Good digests, log files and sidecars, packed and plain."""
    bodies = list(trail.good.values())
    return bodies + [gzip.decompress(body) for body in bodies if body[:2] == b"\x1f\x8b"]


@pytest.mark.parametrize("name", TRAIL_NAMES)
def test_the_kept_corpus_of_trails_holds(trail, name, request):
    kept = sorted((request.path.parent / "corpus" / name).iterdir())
    assert kept
    for each in kept:
        getattr(trail, name)(each.read_bytes())


@pytest.mark.parametrize("name", TRAIL_NAMES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_bytes_are_taken_for_a_trails(trail, name, data):
    body = data.draw(st.sampled_from(goods(trail)) | st.binary(max_size=300))
    at, to = data.draw(st.integers(0, len(body))), data.draw(st.integers(0, len(body)))
    head = data.draw(st.binary(min_size=2, max_size=2))
    getattr(trail, name)(head + body[:at] + data.draw(st.binary(max_size=40)) + body[to:])


def test_the_trails_targets_notice_a_reader_that_takes_anything(trail):
    lenient = type("Lenient", (), {"prove": lambda files: good, "words": trail_tools.words, "read": trail_tools.read})
    good = trail_tools.prove(Files(trail.good))
    blind = TrailTargets.__new__(TrailTargets)
    blind.__dict__ |= trail.__dict__ | {"tools": lenient}
    for name in TRAIL_NAMES:
        with pytest.raises(Wrong):
            getattr(blind, name)(b"\0\0{}")
