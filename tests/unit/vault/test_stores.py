"""The two stores: create-only, hashed on the way, read by version, and loud about whatever is not so."""

import hashlib
import tracemalloc

import msgspec
import pytest
from fakes import FakeS3, StillClock, lose, nothing, raced, refuse, taken_after_retry
from hypothesis import given, settings
from hypothesis import strategies as st

from amberlight.model.custody import Stored
from amberlight.model.errors import ConfigError, DeliveryError, Denied, IntegrityError, NotPossible, Unreachable
from amberlight.vault import FolderStore, S3Store
from amberlight.vault.multipart import PART_BYTES, b64_sha256, parts_of
from amberlight.vault.store import Exists, Hashes, compare

MIB = 1 << 20


@pytest.fixture
def s3():
    return FakeS3()


@pytest.fixture
def store(s3):
    return S3Store(s3.writer(), s3.examiner(), "vault", StillClock())


@pytest.fixture(params=["s3", "folder"])
def either(request, tmp_path, store):
    return store if request.param == "s3" else FolderStore(tmp_path / "vault", StillClock())


def test_what_is_put_is_hashed_and_read_back(either):
    stored = either.put("cases/c/evidence/a", [b"one", b"two"])
    assert (stored.size_bytes, stored.sha256) == (6, hashlib.sha256(b"onetwo").hexdigest())
    assert stored.sha512 == hashlib.sha512(b"onetwo").hexdigest()
    assert b"".join(either.read(stored)) == b"onetwo"
    assert either.find("cases/c/evidence/a") == stored
    either.check(stored)


def test_aws_id_of_the_request_that_wrote_is_kept_and_what_is_found_has_none(s3, store):
    s3.request_id = "r-write"
    large = [b"x" * PART_BYTES, b"rest"]
    assert [
        store.put("a", [b"x"]).request_id,
        store.put("b", large).request_id,
        store.create("c", b"{}").request_id,
    ] == ["r-write"] * 3
    assert store.find("a").request_id == ""
    s3.faults = [lose]
    assert store.put("d", [b"nobody heard the answer"]).request_id == ""


def test_a_key_is_taken_once(either):
    either.put("k", [b"first"])
    with pytest.raises(DeliveryError, match="already"):
        either.put("k", [b"first"])
    with pytest.raises(Exists):
        either.create("k", b"second")
    assert b"".join(either.read(either.find("k"))) == b"first"


def test_empty_content_is_refused_unless_it_is_expected(either):
    with pytest.raises(DeliveryError, match="empty"):
        either.put("k", [b"", b""])
    assert either.find("k") is None
    assert either.put("k", [], may_be_empty=True).size_bytes == 0


@pytest.mark.parametrize("key", ["", "x" * 1025, "bad\udc80"])
def test_a_key_that_no_store_can_hold_is_refused(either, key):
    with pytest.raises(DeliveryError):
        either.put(key, [b"x"])


def test_what_a_host_delivered_is_compared_with_what_it_said(either):
    stored = either.put("k", [b"bytes"])
    assert either.adopt("k", stored.sha256.upper(), 5) == stored
    with pytest.raises(IntegrityError):
        either.adopt("k", "0" * 64, 5)
    with pytest.raises(IntegrityError):
        either.adopt("k", stored.sha256, 6)
    with pytest.raises(NotPossible):
        either.adopt("other", stored.sha256, 5)


def test_the_listing_is_in_order_and_by_prefix(either):
    for key in ("cases/c/ledger/00000001.json", "cases/c/ledger/00000000.json", "cases/cc/x", "cases/c/y"):
        either.put(key, [b"1"])
    assert [each.key for each in either.listing("cases/c/")] == [
        "cases/c/ledger/00000000.json", "cases/c/ledger/00000001.json", "cases/c/y",
    ]  # fmt: skip
    assert [each.key for each in either.listing("nowhere/")] == []


def test_a_store_that_gives_other_bytes_is_named(s3, store):
    stored = store.put("k", [b"bytes"])
    s3.lies["body"] = b"Bytes"
    with pytest.raises(IntegrityError, match="SHA-256"):
        store.check(stored)


def test_large_content_goes_in_parts_of_eight_mebibytes(s3, store):
    stored = store.put("k", (bytes([number]) * MIB for number in range(19)))
    assert sorted(s3.parts_seen, reverse=True) == [PART_BYTES, PART_BYTES, 3 * MIB]
    assert stored.size_bytes == 19 * MIB
    store.check(stored)
    done = [p for _, name, p in s3.calls if name == "CompleteMultipartUpload"]
    assert done[0]["IfNoneMatch"] == "*"
    with pytest.raises(Exists):
        store.put("k", (b"x" * MIB for _ in range(17)))
    assert not s3.uploads  # the second upload was cleared away


@given(st.lists(st.integers(0, 3 * PART_BYTES // 2), max_size=5), st.integers(0, PART_BYTES * 2))
@settings(max_examples=15, deadline=None)
def test_parts_are_whole_but_the_last(sizes, first):
    parts = [len(part) for part in parts_of(bytearray(first), (b"b" * size for size in sizes))]
    assert sum(parts) == first + sum(sizes)
    assert all(part == PART_BYTES for part in parts[:-1])
    assert all(0 < part <= PART_BYTES for part in parts)


def test_memory_stays_small_whatever_the_size(s3, store):
    s3.UploadPart = lambda p: {"ETag": "e"}  # keeps nothing
    s3.CompleteMultipartUpload = lambda p: {"VersionId": "v"}
    s3.HeadObject = lambda p: {"ContentLength": 160 * MIB, "ObjectLockRetainUntilDate": StillClock().now()}
    chunk = bytes(MIB)
    s3.calls = Forgetful()
    tracemalloc.start()
    store.put("k", (chunk for _ in range(160)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * MIB


class Forgetful(list):
    def append(self, each):
        pass


@pytest.mark.parametrize("where", [0, 1, 2])
def test_a_broken_upload_leaves_nothing(s3, store, where):
    s3.faults = [nothing] * where + [refuse]
    with pytest.raises(Denied):
        store.put("k", (bytes(MIB) for _ in range(17)))
    assert not s3.uploads
    assert not s3.versions


def test_a_source_that_breaks_off_leaves_nothing(s3, store):
    def broken():
        yield from (bytes(MIB) for _ in range(18))
        raise Unreachable("the host went away")

    with pytest.raises(Unreachable):
        store.put("k", broken())
    assert not s3.uploads
    assert not s3.versions


def test_a_lost_answer_is_settled_by_looking(s3, store):
    s3.faults = [lose]
    assert store.put("k", [b"mine"]).version == "v1"
    assert len(s3.versions["k"]) == 1


def test_a_lost_completion_is_settled_by_looking(s3, store):
    # one call to begin, three parts, one to complete
    s3.faults = [nothing] * 4 + [lose]
    stored = store.put("k", (bytes([n]) * MIB for n in range(17)))
    assert len(s3.versions["k"]) == 1
    store.check(stored)


def test_a_cleaning_up_that_fails_hides_nothing(s3, store):
    s3.faults = [nothing, refuse, nothing, nothing, refuse]
    with pytest.raises(Denied, match="UploadPart"):
        store.put("k", (bytes(MIB) for _ in range(17)))


def test_more_parts_than_s3_takes_is_said_so(s3, store, monkeypatch):
    monkeypatch.setattr("amberlight.vault.multipart.PARTS_MAX", 2)
    with pytest.raises(DeliveryError, match="larger than"):
        store.put("k", (bytes(MIB) for _ in range(17)))
    assert not s3.uploads


def test_exists_after_a_retry_may_be_our_own_doing(s3, store):
    s3.store("k", b"mine", b64_sha256(b"mine"), None)
    s3.faults = [taken_after_retry]
    assert store.create("k", b"mine").version == "v1"
    s3.faults = [taken_after_retry]
    with pytest.raises(Exists):
        store.create("k", b"other")


def test_nothing_stored_and_nothing_heard_is_raised(s3, store):
    def gone(name, parameters):
        raise Unreachable("no answer")

    s3.faults = [gone]
    with pytest.raises(Unreachable):
        store.create("k", b"mine")


def test_a_race_is_tried_again_and_ends(s3):
    clock = StillClock()
    store = S3Store(s3.writer(), s3.examiner(), "vault", clock)
    s3.faults = [raced, raced]
    assert store.create("k", b"mine").version == "v1"
    assert len(clock.slept) == 2
    s3.faults = [raced] * 50
    with pytest.raises(NotPossible):
        store.create("other", b"mine")


def test_the_writer_cannot_read_and_the_examiner_cannot_write(s3):
    with pytest.raises(Denied):
        S3Store(s3.examiner(), s3.examiner(), "vault", StillClock()).put("k", [b"x"])
    with pytest.raises(Denied):
        S3Store(s3.writer(), s3.writer(), "vault", StillClock()).find("k")


def test_an_object_that_is_not_locked_is_no_evidence(s3, store):
    s3.locks = False
    with pytest.raises(DeliveryError, match="not locked"):
        store.put("k", [b"x"])
    loose = S3Store(s3.writer(), s3.examiner(), "vault", StillClock(), must_lock=False)
    assert loose.put("other", [b"x"]).retain_until is None


def test_a_bucket_without_versions_is_refused(s3, store):
    s3.keeps_versions = False
    with pytest.raises(DeliveryError, match="keeps no versions"):
        store.put("k", [b"x"])


def test_a_delete_marker_raises_an_alarm(s3, store):
    store.put("k", [b"x"])
    s3.markers.append("k")
    for look in (lambda: store.find("k"), lambda: list(store.listing("")), lambda: store.adopt("k", "0", 1)):
        with pytest.raises(IntegrityError, match="delete marker"):
            look()


def test_a_second_version_raises_an_alarm(s3, store):
    store.put("k", [b"x"])
    s3.store("k", b"y", "", None)
    for look in (lambda: store.find("k"), lambda: list(store.listing(""))):
        with pytest.raises(IntegrityError, match="more than one version"):
            look()


def test_a_longer_key_is_another_object(s3, store):
    store.put("kk", [b"x"])
    assert store.find("k") is None


@pytest.mark.parametrize("lie", [{"checksum": "AAAA"}, {"size": 7}])
def test_the_stores_own_word_is_compared(s3, store, lie):
    s3.lies.update(lie)
    with pytest.raises(IntegrityError, match="was sent"):
        store.put("k", [b"x"])


@pytest.mark.parametrize("size", [5, 17 * MIB])
@pytest.mark.parametrize("body", [b"", b"Bytes"])
def test_what_is_found_has_to_agree_with_the_stores_own_word(s3, store, size, body):
    store.put("k", [b"b" * size])
    s3.lies["body"] = body
    s3.lies["size"] = size
    with pytest.raises(IntegrityError, match="own checksum"):
        store.find("k")


def test_the_composite_is_compared(s3, store):
    s3.lies["checksum"] = "AAAA-3"
    with pytest.raises(IntegrityError, match="was sent"):
        store.put("k", (bytes(MIB) for _ in range(17)))


def test_a_wrong_digest_is_not_settled_away(s3, store):
    def bad(name, parameters):
        raise NotPossible("s3.PutObject: BadDigest", aws_code="BadDigest", retries=1)

    s3.faults = [bad]
    with pytest.raises(NotPossible, match="BadDigest"):
        store.create("k", b"x")


KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


@given(st.lists(KEYS, max_size=4).map("/".join).filter(lambda key: len(key) > 0), st.binary(min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_no_key_leads_out_of_the_folder(tmp_path_factory, key, data):
    root = tmp_path_factory.mktemp("v")
    store = FolderStore(root / "in" / "vault", StillClock())
    store.put(key, [data])
    assert [each.key for each in store.listing("")] == [key]
    assert b"".join(store.read(store.find(key))) == data
    assert [each.name for each in root.iterdir()] == ["in"]
    assert [each.name for each in (root / "in").iterdir()] == ["vault"]


@pytest.mark.parametrize(
    "key", ["../../x", "/etc/passwd", "a/../../b", ".incoming/x", "a//b", "./.", "a/.", "%2E%2E/x"]
)
def test_hostile_keys_stay_inside(tmp_path, key):
    store = FolderStore(tmp_path / "in" / "vault", StillClock())
    store.put(key, [b"x"])
    assert [each.key for each in store.listing("")] == [key]
    assert {each.name for each in tmp_path.iterdir()} == {"in"}


def test_the_folders_files_are_read_only_and_nothing_else_stays(tmp_path):
    store = FolderStore(tmp_path / "v", StillClock())
    store.put("a/b", [b"x"])
    files = [each for each in (tmp_path / "v").rglob("*") if each.is_file()]
    assert [each.stat().st_mode & 0o777 for each in files] == [0o444]
    with pytest.raises(ZeroDivisionError):
        store.put("a/c", (bytes(1 // number) for number in (1, 0)))
    assert [each for each in (tmp_path / "v").rglob("*") if each.is_file()] == files


def test_a_changed_file_is_found(tmp_path):
    store = FolderStore(tmp_path / "v", StillClock())
    stored = store.put("a", [b"x"])
    place = tmp_path / "v" / "a"
    place.chmod(0o644)
    place.write_bytes(b"y")
    with pytest.raises(IntegrityError, match="SHA-256"):
        store.check(stored)
    place.unlink()
    with pytest.raises(NotPossible):
        store.check(stored)


def test_a_file_is_no_folder_for_a_vault(tmp_path):
    (tmp_path / "v").write_text("x")
    with pytest.raises(ConfigError):
        FolderStore(tmp_path / "v", StillClock())


def test_a_key_that_is_a_file_and_a_folder_is_said_so(tmp_path):
    store = FolderStore(tmp_path / "v", StillClock())
    store.put("a", [b"x"])
    store.put("b/c", [b"x"])
    for key in ("a/b", "a/b/c", "b"):
        with pytest.raises(DeliveryError, match="a file and a folder"):
            store.put(key, [b"x"])
    assert store.look("b") is None
    assert store.look("a").size_bytes == 1


def test_a_name_too_long_for_a_file_is_said_so(tmp_path):
    with pytest.raises(DeliveryError, match="too long"):
        FolderStore(tmp_path / "v", StillClock()).put("x" * 256, [b"x"])
    assert not (tmp_path / "v").exists()
    assert FolderStore(tmp_path / "v", StillClock()).put("x" * 255, [b"x"]).size_bytes == 1


def test_what_differs_is_named_and_a_hash_that_nobody_took_is_not_held_against_it():
    seen = Hashes().drain([b"x"])
    sealed = Stored(key="k", version="v", size_bytes=1, sha256=seen.sha256, sha512=seen.sha512)
    compare(sealed, seen)
    compare(msgspec.structs.replace(sealed, sha512=""), seen)
    for change, what in (
        ({"size_bytes": 2}, "size was 2 and is 1"),
        ({"sha256": "0"}, "SHA-256 was 0"),
        ({"sha512": "0"}, "SHA-512 was 0"),
    ):
        with pytest.raises(IntegrityError, match=what):
            compare(msgspec.structs.replace(sealed, **change), seen)
