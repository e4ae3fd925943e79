"""Under every fault of the store: nothing lost, nothing doubled, every damage found, no false alarm; and resuming."""

import pytest
from faulty import HARMFUL, HARMLESS, PART, Killed, World, fault, in_threads, killed, small_parts
from hypothesis import given, settings
from hypothesis import strategies as st

from amberlight.model.errors import CredentialsError, Denied, IntegrityError, NotPossible, Unreachable
from amberlight.vault import LocalSigner
from amberlight.vault.notes import note_of, read
from amberlight.vault.store import Exists

FATES = st.lists(st.sampled_from(HARMLESS + HARMFUL), max_size=25)
DATA = bytes(range(256)) * 2
PARTS = len(DATA) // PART


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return LocalSigner.create(tmp_path_factory.mktemp("key") / "key.pem")


@pytest.fixture(autouse=True)
def _small_parts():
    with small_parts():
        yield


@given(FATES, st.integers(0, 600), st.booleans())
@settings(max_examples=120, deadline=None)
def test_objects(tmp_path_factory, fates, size, noted):
    world = World(fates, tmp_path_factory.mktemp("notes") if noted else None)
    data = DATA[:size] + bytes(max(0, size - len(DATA)))
    world.judge_object("k", data, world.put("k", data))


@given(FATES, st.integers(1, 3))
@settings(max_examples=120, deadline=None)
def test_ledgers(signer, fates, writers):
    world, acked = World(fates), []
    books = [world.book(signer, f"w{number}") for number in range(writers)]
    for turn in range(4):
        for number, book in enumerate(books):
            world.enter(book, [f"{number}.{turn}"], acked)
    world.judge_ledger(books, acked, signer)


@given(st.lists(st.sampled_from(HARMLESS), max_size=60))
@settings(max_examples=10, deadline=None)
def test_ledgers_of_twenty_threads(signer, fates):
    world, acked = World(fates), []
    books = [world.book(signer, f"w{number}") for number in range(20)]
    in_threads([lambda n=n, book=book: world.enter(book, [f"{n}.{t}" for t in range(3)], acked)
                for n, book in enumerate(books)])  # fmt: skip
    world.judge_ledger(books, acked, signer)
    assert world.alarms == []


def sent(world):
    """How many parts went out, and begins the count anew."""
    count = len(world.s3.parts_seen)
    world.s3.parts_seen.clear()
    return count


def chunks(data=DATA):
    return [data[at : at + 100] for at in range(0, len(data), 100)]


@pytest.fixture
def world(tmp_path):
    return World([], tmp_path / "notes")


@pytest.mark.parametrize("after", range(PARTS))
def test_what_was_sent_before_a_kill_is_not_sent_again(world, after):
    world.s3.faults = [fault("none")] * (1 + after) + [killed] * 99
    with pytest.raises(Killed):
        world.store.put("k", chunks())
    world.s3.faults = []
    before = sent(world)
    assert before == after
    stored = world.store.put("k", chunks())
    assert sent(world) == PARTS - before
    assert [name for _, name, _ in world.s3.calls].count("CreateMultipartUpload") == 1
    world.judge_object("k", DATA, stored)
    assert list(world.store._notes.iterdir()) == []


def test_a_kill_before_the_end_sends_nothing_again(world):
    world.s3.faults = [fault("none")] * (1 + PARTS) + [killed]
    with pytest.raises(Killed):
        world.store.put("k", chunks())
    sent(world)
    world.judge_object("k", DATA, world.store.put("k", chunks()))
    assert sent(world) == 0


def completed_unheard(world):
    """The completion took effect, then the process was killed."""

    def stored_and_killed(name, p):
        world.s3.CompleteMultipartUpload(p)
        raise Killed

    world.s3.faults = [fault("none")] * (1 + PARTS) + [stored_and_killed]
    with pytest.raises(Killed):
        world.store.put("k", chunks())
    sent(world)


def test_a_kill_after_the_end_finds_the_object(world):
    completed_unheard(world)
    world.judge_object("k", DATA, world.store.put("k", chunks()))
    assert sent(world) == 0
    assert len(world.s3.versions["k"]) == 1


def test_other_content_than_the_unfinished_ones_is_sent_as_it_is_now(world):
    world.s3.faults = [fault("none")] * 5 + [killed] * 99
    with pytest.raises(Killed):
        world.store.put("k", chunks())
    world.s3.faults = []
    before = sent(world)
    other = DATA[:PART] + b"!" + DATA[PART + 1 :]
    world.judge_object("k", other, world.store.put("k", chunks(other)))
    assert sent(world) == PARTS - before + 1


def test_other_content_than_the_finished_one_is_refused(world):
    completed_unheard(world)
    with pytest.raises(Exists):
        world.store.put("k", chunks(DATA[::-1]))


def test_an_upload_that_s3_forgot_begins_anew_at_the_next_try(world):
    world.s3.faults = [fault("none")] * 4 + [killed] * 99
    with pytest.raises(Killed):
        world.store.put("k", chunks())
    world.s3.faults = []
    world.s3.uploads.clear()
    with pytest.raises(Unreachable, match="no longer there"):
        world.store.put("k", chunks())
    sent(world)
    world.judge_object("k", DATA, world.store.put("k", chunks()))
    assert sent(world) == PARTS


@pytest.mark.parametrize("error, again", [(Unreachable, PARTS - 3), (CredentialsError, PARTS - 3), (Denied, PARTS)])
def test_silence_and_expired_keys_keep_the_parts_and_a_refusal_does_not(world, error, again):
    def failing(name, p):
        if name == "UploadPart":
            raise error("for a test")

    world.s3.faults = [fault("none")] * 4 + [failing] * 99
    with pytest.raises(error):
        world.store.put("k", chunks())
    world.s3.faults = []
    sent(world)
    assert bool(world.s3.uploads) is (error is not Denied)
    world.judge_object("k", DATA, world.store.put("k", chunks()))
    assert sent(world) == again


def test_without_notes_a_try_that_breaks_off_leaves_no_parts():
    world = World(["none"] * 4 + ["down"] * 6)
    with pytest.raises(Unreachable):
        world.store.put("k", chunks())
    assert not world.s3.versions
    world = World(["none", "none", "down", "none", "none"])
    with pytest.raises(Unreachable):
        world.store.put("k", chunks())
    assert not world.s3.uploads


def test_the_clients_second_try_of_a_completion_is_no_failure(world):
    world.s3.faults = [fault("none")] * (1 + PARTS) + [fault("repeat")]
    world.judge_object("k", DATA, world.store.put("k", chunks()))
    assert len(world.s3.versions["k"]) == 1


def test_a_forgotten_completion_is_told(world):
    world.s3.faults = [fault("none")] * (1 + PARTS) + [fault("forget")]
    with pytest.raises(NotPossible):
        world.store.put("k", chunks())


def test_an_act_whose_fate_was_unknown_is_entered_once(signer):
    for between in ([], ["other"]):
        world = World([])
        book = world.book(signer, "w")
        book.append("opened", {})
        world.s3.faults = [fault("lose"), fault("down")]
        with pytest.raises(Unreachable):
            book.append("acquired", {"n": 1})
        for name in between:
            assert book.append("acquired", {"n": name}).seq == 2
        assert book.append("acquired", {"n": 1}).seq == 1
        # The same act once more is another act.
        assert book.append("acquired", {"n": 1}).seq == 2 + len(between)


def test_an_act_that_never_arrived_is_entered_after_others(signer):
    world = World([])
    one, two = world.book(signer, "w1"), world.book(signer, "w2")
    one.append("opened", {})
    world.s3.faults = [fault("down")]
    with pytest.raises(Unreachable):
        one.append("acquired", {"n": 1})
    two.append("acquired", {"n": 1})
    assert one.append("acquired", {"n": 1}).seq == 2


def test_a_truncated_entry_is_an_alarm(signer):
    world = World([])
    book = world.book(signer, "w")
    book.append("opened", {})
    world.s3.faults = [fault("truncate")]
    book.append("acquired", {"n": 1})
    with pytest.raises(IntegrityError):
        world.book(signer, "r").entries()


LINE = b'{"PartNumber":1,"ETag":"e","ChecksumSHA256":"c"}\n'


@pytest.mark.parametrize("data, upload, parts", [
    (b"", "", []), (b"{", "", []), (b"[]\n", "", []), (b'{"UploadId":"u"}\n', "u", []),
    (b'{"UploadId":"u"}\n' + LINE, "u", [1]), (b'{"UploadId":"u"}\n' + LINE[:-9], "u", []),
    (b'{"UploadId":"u"}\n' + LINE[:9] + b"\n" + LINE, "u", []), (LINE + b'{"UploadId":"u"}\n', "", []),
    (b'{"UploadId":"u"}\n{"PartNumber":"x"}\n' + LINE, "u", []), (b"\xff\xfe", "", []),
])  # fmt: skip
def test_a_note_is_read_as_far_as_it_is_one(data, upload, parts):
    note = read(data)
    assert (note.upload_id, list(note.parts)) == (upload, parts)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_note_reader(data):
    read(data)
    read(b'{"UploadId":"u"}\n' + data)


def test_a_note_is_held_by_one_upload_alone(tmp_path):
    with note_of(tmp_path / "n", "b", "k") as one, note_of(tmp_path / "n", "b", "k") as two:
        assert (one.kept, two.kept) == (True, False)
        with note_of(tmp_path / "n", "b", "other") as three:
            assert three.kept
    assert list((tmp_path / "n").iterdir()) == []
    with note_of(None, "b", "k") as none:
        none.begin("u")
        assert not none.kept


@pytest.mark.parametrize("what", [
    b'{"a":1152921504606846976}', b'{"a":1e400}', b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"a":"\xff"}',
    b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", b'{"a":1.5}', b'{"a":"\\ud800"}', b'{"a":1,"a":1}', b"{", b"null",
])  # fmt: skip
def test_an_entry_of_any_form_is_an_alarm_and_no_crash(signer, what):
    world = World([])
    world.book(signer, "w").append("acquired", {"n": 1})
    rows = world.s3.versions["cases/c/ledger/00000000.json"]
    version, body, checksum = rows[0]
    rows[0] = (version, body.replace(b'{"n":1}', what), checksum)
    with pytest.raises(IntegrityError):
        world.book(signer, "r").entries()


def test_a_note_outlives_a_kill_and_tells_of_the_last_upload_alone(tmp_path):
    folder = tmp_path / "of" / "notes"  # made where it is not there
    part = {"PartNumber": 1, "ETag": '"e"', "ChecksumSHA256": "c"}
    with note_of(folder, "b", "k") as first:
        first.begin("u1")
        first.add(part)
        first.add({**part, "PartNumber": 2})
    with note_of(folder, "b", "k") as second:
        assert (second.upload_id, second.parts) == ("u1", {1: part, 2: {**part, "PartNumber": 2}})
        second.begin("u2")
    with note_of(folder, "b", "k") as third:
        assert (third.upload_id, third.parts) == ("u2", {})
        next(folder.iterdir()).unlink()  # somebody tidies up
        third.drop()
    assert list(folder.iterdir()) == []
