"""Copies made to hurt the reader: they cost little, harm nothing, and are never called proved."""

import gzip
import json
import os
import tracemalloc
from pathlib import Path

import pytest
from make_trail import ACCOUNT, Trail, packed, plain_of

from amberlight.model.errors import ConfigError
from amberlight.trail.opening import Limits
from amberlight.trail.prove import Folder, hours, prove
from amberlight.trail.prove.content import Damaged, Unavailable, at_most, content, strict_json
from amberlight.trail.prove.words import WIDTH, words


def last(trail):
    return trail.chains[ACCOUNT, "us-east-1", "main"][-1]


def rewritten(trail, **changes):
    """The last digest with other content; nobody can sign that."""
    stored = trail.objects[last(trail).key]
    stored.body = packed(json.dumps({**json.loads(plain_of(stored)), **changes}).encode())


@pytest.mark.parametrize("key", ["../../../../etc/passwd", "/etc/passwd", "..", "", "/", "a/../b", "\0", "x" * 100_000])
def test_names_only_select_among_found_files(trail, proved, tmp_path, key):
    listed = [{"s3Bucket": "b", "s3Object": key, "hashValue": "0" * 64, "hashAlgorithm": "SHA-256"}]
    trail.objects[last(trail).key].metadata = {}
    rewritten(trail, logFiles=listed)
    proof = proved(trail)
    assert (proof.ok, proof.logs.missing) == (False, 1)
    assert len(words(proof)) < 20_000


@pytest.mark.parametrize("changes", [
    {"digestEndTime": "9999-12-31T23:59:59Z"}, {"digestStartTime": "0001-01-01T00:00:00Z"}, {"digestStartTime": 5},
    {"digestEndTime": "yesterday"}, {"digestEndTime": "2100-01-01T00:00:00Z"}, {"logFiles": None},
    {"logFiles": [[[]]]}, {"digestS3Object": "x"}, {"previousDigestS3Object": "\ud800"}, {"digestS3Bucket": ["x"]},
    {"digestPublicKeyFingerprint": "\x1b[2J" * 1000},
])  # fmt: skip
def test_a_rewritten_digest_is_never_proved(trail, proved, changes):
    rewritten(trail, **changes)
    proof = proved(trail)
    assert not proof.ok
    assert proof.digests.valid == 5
    assert len(proof.hours) < 50
    shown = words(proof)
    assert all(len(line) <= WIDTH for line in shown.splitlines())
    assert shown.replace("\n", "").isprintable()


def test_a_bomb_is_stopped(trail, proved, tmp_path):
    bomb = gzip.compress(b"\0" * (32 << 20))
    for key in (last(trail).logs[0], last(trail).key):
        trail.objects[key].body = bomb
    trail.write(tmp_path / "copy")
    tracemalloc.start()
    try:
        proof = prove(Folder(tmp_path / "copy"), limits=Limits(free_bytes=1 << 20))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (proof.ok, proof.digests.altered) == (False, 1)
    assert peak < 16 << 20


def test_a_large_digest_is_refused(trail, proved):
    rewritten(trail, padding="x" * (33 << 20))
    assert proved(trail).digests.altered == 1


@pytest.mark.parametrize("text", [
    b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff", b"[" * 100_000, b"", b"{}{}", b'{"a":{"b":1,"b":1}}',
    b'{"\\ud800":1}', b'{"a":[{"b\\udfff":1}]}', b"9" * 5000, b"\xef\xbb\xbf{}", b"{}\0", b"[1e", b'{"a":-Infinity}',
])  # fmt: skip
def test_json_is_strict(text):
    with pytest.raises(Damaged):
        strict_json(text)


@pytest.mark.parametrize("body", [
    b'{"digestEndTime":"a","digestEndTime":"b"}', b"\xff\xfe{}", b"[" * 200_000, b'{"a":' * 50_000, b"9" * 5000, b"1e999",
    b"NaN", b"null", b"[]", b'"x"', b"", b" ", b"{}", b'{"\\ud800":1}', gzip.compress(b"{}", mtime=0),
])  # fmt: skip
@pytest.mark.parametrize("way", [packed, bytes], ids=["packed", "plain"])
def test_a_digest_that_is_none_is_altered(trail, proved, body, way):
    trail.objects[last(trail).key].body = way(body)
    proof = proved(trail)
    assert (proof.ok, proof.exit_code, proof.digests.altered, proof.digests.valid) == (False, 4, 1, 5)
    assert words(proof).replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "way", [lambda body: body + b"\0", lambda body: body * 2, lambda body: body[:-1], lambda body: body[:9]]
)
def test_a_digest_with_another_end_is_altered(trail, proved, way):
    stored = trail.objects[last(trail).key]
    stored.body = way(stored.body)
    proof = proved(trail)
    assert (proof.exit_code, proof.digests.altered) == (4, 1)


@pytest.mark.parametrize("unit", [b"[],", b"{},", b"[[[[[]]]]],", b'{"a":1},', b"1,", b'"a",'])
def test_a_digest_of_many_small_values_stays_small(trail, tmp_path, unit):
    text = b"[" + (unit * ((16 << 20) // len(unit))).rstrip(b",") + b"]"
    trail.objects[last(trail).key].body = packed(text)
    root = trail.write(tmp_path / "copy")
    tracemalloc.start()
    try:
        proof = prove(Folder(root))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (proof.ok, proof.digests.altered) == (False, 1)
    assert peak < 96 << 20


def test_small_pieces_make_no_difference():
    packed_text = gzip.compress(b"content" * 1000, mtime=0)
    pieces = (packed_text[n : n + 1] for n in range(len(packed_text)))
    assert b"".join(content(pieces, Limits())) == b"content" * 1000
    pieces = ((packed_text + b"x")[n : n + 1] for n in range(len(packed_text) + 1))
    with pytest.raises(Damaged, match="follows"):
        list(content(pieces, Limits()))


@pytest.mark.parametrize("sidecar", [b"", b"[]", b"{", b'{"Metadata":[]}', b'{"Metadata":{"signature":[]}}', b"\x80"])
def test_a_broken_sidecar_is_a_lost_one(trail, tmp_path, sidecar):
    root = trail.write(tmp_path)
    (root / f"{last(trail).key}.meta.json").write_bytes(sidecar)
    proof = prove(Folder(root))
    assert (proof.ok, proof.digests.unsigned, proof.exit_code) == (False, 1, 3)


@pytest.mark.parametrize("keys", [
    b"", b"[]", b'{"PublicKeyList":{}}', b'{"PublicKeyList":[1,{},{"Value":"x","Fingerprint":"a"}]}',
    b'{"PublicKeyList":[{"Value":"AAAA","Fingerprint":"a","ValidityStartTime":0,"ValidityEndTime":1e300}]}',
    b'{"PublicKeyList":[{"Value":"AAAA","Fingerprint":"a","ValidityStartTime":1e9,"ValidityEndTime":2e9}]}',
])  # fmt: skip
def test_broken_keys_are_named(trail, tmp_path, keys):
    root = trail.write(tmp_path)
    (root / "cloudtrail-keys/us-east-1.json").write_bytes(keys)
    proof = prove(Folder(root))
    assert (proof.digests.valid, proof.exit_code) == (0, 3)
    assert any("cloudtrail-keys" in one.what for one in proof.findings)


def test_links_and_pipes_are_no_files(trail, tmp_path):
    root = trail.write(tmp_path / "copy")
    place = root / last(trail).logs[0]
    place.rename(tmp_path / "aside")
    place.symlink_to(tmp_path / "aside")
    pipe = root / last(trail).logs[1]
    pipe.unlink()
    os.mkfifo(pipe)
    (root / "loop").symlink_to(root)
    proof = prove(Folder(root))
    assert (proof.logs.missing, proof.exit_code) == (2, 3)


def test_names_that_are_no_text(trail, tmp_path):
    root = trail.write(tmp_path)
    (Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe.json.gz"))).write_bytes(b"x")
    folder = root / f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/03/01"
    (folder / "\u202eevil\x1b_20260301T0200Z_x.json.gz").write_bytes(b"x")
    proof = prove(Folder(root))
    assert proof.logs.unsigned == 1
    assert words(proof).replace("\n", "").isprintable()


def test_a_file_that_may_not_be_read(trail, tmp_path):
    class Refusing(Folder):
        def open(self, path):
            if path == last(trail).logs[0]:
                path = "gone"
            return super().open(path)

    proof = prove(Refusing(trail.write(tmp_path)))
    assert (proof.logs.missing, proof.exit_code) == (1, 3)


def test_there_must_be_a_folder(tmp_path):
    with pytest.raises(ConfigError):
        Folder(tmp_path / "none")


def test_a_forged_copy_with_many_far_digests_stays_small(tmp_path, monkeypatch):
    monkeypatch.setattr(hours, "HOURS_MOST", 5000)
    trail = Trail()
    made = trail.chain(hours=30, logs=0)
    for number, one in enumerate(made):
        stored = trail.objects.pop(one.key)
        key = f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/01/{number}.json.gz"
        body = {**one.content, "digestStartTime": f"{2001 + number * 5}-01-01T00:00:00Z", "digestS3Object": key,
                "digestEndTime": f"{2001 + number * 5}-01-01T01:00:00Z", "previousDigestS3Object": f"none{number}"}  # fmt: skip
        stored.body, stored.metadata = packed(json.dumps(body).encode()), {}
        trail.objects[key] = stored
    proof = prove(Folder(trail.write(tmp_path)))
    assert (proof.ok, len(proof.hours)) == (False, 5000)
    assert any("more hours" in note for note in proof.notes)


def test_what_became_a_link_or_a_pipe_is_not_opened(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    assert list(Folder(tmp_path).open("file")) == [b"x"]
    for name in ("link", "pipe"):
        with pytest.raises(Unavailable):
            list(Folder(tmp_path).open(name))


def test_findings_are_cut_and_counted(trail, proved, monkeypatch):
    monkeypatch.setattr(hours, "FINDINGS_MOST", 3)
    for made in trail.chains[ACCOUNT, "us-east-1", "main"]:
        trail.objects[made.logs[0]].body = b"x"
    proof = proved(trail)
    assert (len(proof.findings), proof.unlisted) == (3, 3)


def test_no_more_is_kept_than_allowed():
    assert at_most([b"ab", b"c"], 3) == b"abc"
    with pytest.raises(Damaged, match="more than 2"):
        at_most(iter([b"ab", b"c", None]), 2)
