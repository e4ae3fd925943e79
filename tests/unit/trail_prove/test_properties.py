"""Whatever is flipped or removed in a copy, the hour that it belongs to is not called valid in a proof that is ok."""

import gzip
import zlib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from make_trail import ACCOUNT, HOUR, START, Trail, states

from amberlight.trail.prove import Folder, prove
from amberlight.trail.prove.words import words

HOURS = 4
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A copy on disk, and which file belongs to which hour."""
    trail = Trail()
    made = trail.chain(hours=HOURS, logs=2)
    root = trail.write(tmp_path_factory.mktemp("whole"))
    files = {key: number for number, digest in enumerate(made) for key in (digest.key, *digest.logs)}
    assert prove(Folder(root)).ok
    return root, sorted(files.items())


def unpacked(body):
    """What a strict reader gets of a file; None where it is damaged. A header may change and the content not."""
    reader = zlib.decompressobj(31)
    try:
        plain = reader.decompress(body)
    except zlib.error:
        return body if body[:2] != b"\x1f\x8b" else None
    return plain if reader.eof and not reader.unused_data else None


@SETTINGS
@given(data=st.data())
def test_a_flipped_bit_is_never_proved(whole, data):
    root, files = whole
    key, hour = data.draw(st.sampled_from(files))
    place = root / key
    good = place.read_bytes()
    position, bit = data.draw(st.integers(0, len(good) - 1)), data.draw(st.integers(0, 7))
    bad = good[:position] + bytes([good[position] ^ (1 << bit)]) + good[position + 1 :]
    place.write_bytes(bad)
    try:
        proof = prove(Folder(root))
    finally:
        place.write_bytes(good)
    same = unpacked(bad) == gzip.decompress(good)
    assert same == proof.ok
    assert same == (states(proof).get(hour) == "valid")
    assert same or proof.exit_code == 4


@SETTINGS
@given(data=st.data(), until=st.booleans())
def test_removed_files_are_never_proved(whole, data, until):
    root, files = whole
    gone = data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=4, unique=True))
    kept = {key: (root / key).read_bytes() for key, _ in gone}
    for key in kept:
        (root / key).unlink()
    try:
        proof = prove(Folder(root), until=START + HOURS * HOUR if until else None)
    finally:
        for key, body in kept.items():
            (root / key).write_bytes(body)
    for key, hour in gone:
        assert not proof.ok or states(proof).get(hour) != "valid", key
    # A digest at an edge may go unnoticed only together with everything that it lists.
    if len(gone) < 3:
        assert (proof.ok, proof.exit_code) == (False, 3)


@SETTINGS
@given(data=st.data())
def test_flips_beside_the_files_never_prove_what_is_damaged(whole, data):
    root, files = whole
    sidecars = [f"{key}.meta.json" for key, _ in files if "Digest" in key]
    place = root / data.draw(st.sampled_from([*sidecars, "cloudtrail-keys/us-east-1.json"]))
    log = root / next(key for key, hour in files if hour == 1 and "Digest" not in key)
    good, whole_log = place.read_bytes(), log.read_bytes()
    position, bit = data.draw(st.integers(0, len(good) - 1)), data.draw(st.integers(0, 7))
    place.write_bytes(good[:position] + bytes([good[position] ^ (1 << bit)]) + good[position + 1 :])
    try:
        clean = prove(Folder(root))
        log.write_bytes(gzip.compress(b'{"Records":[]}'))
        damaged = prove(Folder(root))
    finally:
        place.write_bytes(good)
        log.write_bytes(whole_log)
    assert clean.logs.altered == 0
    assert not damaged.ok
    assert states(damaged)[1] != "valid"


@SETTINGS
@given(body=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: gzip.compress(text.encode()))))
@example(body=b"\x1f")
@example(body=gzip.compress(b'{"digestS3Object":1}'))
def test_anything_in_place_of_a_file(whole, body):
    root, files = whole
    extra = root / f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/01/any.json.gz"
    places = [root / files[0][0], extra, root / "cloudtrail-keys/eu-west-1.json", root / "cloudtrail/x/y.json"]
    good = places[0].read_bytes()
    for place in places:
        place.parent.mkdir(exist_ok=True, parents=True)
        place.write_bytes(body)
    try:
        proof = prove(Folder(root))
    finally:
        for place in places[1:]:
            place.unlink()
        places[0].write_bytes(good)
    assert not proof.ok
    assert words(proof)
