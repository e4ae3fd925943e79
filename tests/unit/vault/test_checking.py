"""The check of a case where it lies: whatever is not as it was entered and signed is named, and nothing else."""

import pytest
from fakes import FakeS3, StillClock, refuse
from msgspec import structs

from amberlight.model.codec import canonical, loads
from amberlight.model.custody import Checkpoint
from amberlight.model.errors import Denied, NotPossible
from amberlight.vault import Ledger, LocalSigner, S3Store
from amberlight.vault.checking import CaseChecker

EVIDENCE = "cases/c/evidence/item"


@pytest.fixture
def place(tmp_path):
    """A case of one item, four entries and two heads in a bucket, and its check."""

    class Place:
        s3 = FakeS3()
        signer = LocalSigner.create(tmp_path / "key.pem")

        def check(self, case="c", signer=None):
            return CaseChecker(self.s3.examiner(), "b", case, (signer or self.signer).public_pem).run()

        def said(self):
            return [(each.path.removeprefix("cases/c/"), each.problem) for each in self.check().problems]

        def alter(self, key, body):
            ((version, _, checksum),) = self.s3.versions[key]
            self.s3.versions[key] = [(version, body, checksum)]

    store = S3Store(Place.s3.writer(), Place.s3.examiner(), "b", StillClock())
    book = Ledger(store, Place.signer, case_id="c", kind="incident", clock=StillClock(), actor="a", authority="b",
                  tool="t")  # fmt: skip
    book.append("opened", {})
    book.checkpoint()
    stored = store.put(EVIDENCE, [b"item"])
    what = {"key": stored.key, "version": stored.version, "sha256": stored.sha256, "size_bytes": stored.size_bytes}
    book.append("acquired", what)
    book.append("acquired", {})
    book.checkpoint()
    Place.book, Place.store = book, store
    return Place()


def test_a_whole_case(place):
    report = place.check()
    assert (report.ok, report.kind, report.entries, report.heads, report.unsigned) == (True, "incident", 3, 2, 0)
    assert report.key == place.signer.fingerprint
    assert {each.state for each in report.objects} == {"ok"}
    assert len(report.objects) == 6


def test_entries_since_the_last_head_are_counted(place):
    place.book.append("acquired", {})
    assert (place.check().ok, place.check().unsigned) == (True, 1)


def test_other_bytes_are_named(place):
    place.alter(EVIDENCE, b"itex")
    ((path, problem),) = place.said()
    assert (path, "SHA-256" in problem) == ("evidence/item", True)
    assert [each.state for each in place.check().objects if each.key == EVIDENCE] == ["bad"]


def test_another_version_is_named(place):
    ((_, body, checksum),) = place.s3.versions[EVIDENCE]
    place.s3.versions[EVIDENCE] = [("other", body, checksum)]
    assert [problem for _, problem in place.said()] == [
        'is not what was entered: its version was "v3" and is other'
    ]  # fmt: skip


def test_what_is_gone_is_named(place):
    del place.s3.versions[EVIDENCE]
    assert place.said() == [("evidence/item", "is missing, though the ledger names it")]


def test_a_marker_and_a_second_version_are_named_and_the_first_is_read(place):
    place.s3.markers.append(EVIDENCE)
    place.s3.store(EVIDENCE, b"later", "x", "")
    assert [path for path, _ in place.said()] == ["evidence/item"] * 2
    assert next(each for each in place.check().objects if each.key == EVIDENCE).version == "v3"


def test_a_marker_alone_is_named(place):
    place.s3.markers.append(EVIDENCE)
    del place.s3.versions[EVIDENCE]
    assert [path for path, _ in place.said()] == ["evidence/item"] * 2


def test_what_is_not_locked_is_named(place):
    place.s3.locks = False
    assert place.said() == [(each.key.removeprefix("cases/c/"), "is not locked") for each in place.check().objects]


def test_a_changed_entry_breaks_chain_and_heads(place):
    key = "cases/c/ledger/00000001.json"
    place.alter(key, place.s3.versions[key][0][1].replace(b'"a"', b'"z"'))
    found = place.said()
    assert ("ledger/00000002.json", "does not follow from the entry before it") in found
    assert ("checkpoints/00000003.json", "was signed over another ledger") in found
    assert "checkpoints/00000001.json" not in dict(found)


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[]", b'{"schema":"x"}'])
def test_an_entry_that_is_none_is_named(place, data):
    place.alter("cases/c/ledger/00000000.json", data)
    assert "ledger/00000000.json" in dict(place.said())


def test_an_entry_of_another_case_is_named(place):
    other = FakeS3()
    store = S3Store(other.writer(), other.examiner(), "b", StillClock())
    book = Ledger(store, place.signer, case_id="d", kind="incident", clock=StillClock(), actor="a", authority="b",
                  tool="t")  # fmt: skip
    book.append("opened", {})
    place.alter("cases/c/ledger/00000000.json", other.versions["cases/d/ledger/00000000.json"][0][1])
    assert ("ledger/00000000.json", "is of another case") in place.said()


def test_a_cut_end_is_named(place):
    del place.s3.versions["cases/c/ledger/00000002.json"]
    assert ("checkpoints/00000003.json", "is over 3 entries, and 2 are there: the end was cut off") in place.said()


def test_an_entry_taken_from_the_middle_is_named(place):
    del place.s3.versions["cases/c/ledger/00000001.json"]
    assert ("ledger/00000002.json", "stands where entry 1 was expected") in place.said()


def test_a_ledger_that_is_gone_is_named(place):
    for key in [each for each in place.s3.versions if "/ledger/" in each]:
        del place.s3.versions[key]
    report = place.check()
    assert (report.kind, report.entries) == ("unknown", 0)
    assert ("ledger", "is missing") in place.said()


@pytest.mark.parametrize("data", [b"{}", b"\xff"])
def test_a_head_that_is_none_is_named(place, data):
    place.alter("cases/c/checkpoints/00000003.json", data)
    report = place.check()
    assert [each.path for each in report.problems] == ["cases/c/checkpoints/00000003.json"]
    assert (report.heads, report.unsigned) == (1, 2)


def test_a_head_that_another_key_signed_is_named(place, tmp_path):
    other = place.check(signer=LocalSigner.create(tmp_path / "other.pem"))
    assert [each.problem for each in other.problems] == ["is not signed by the key of the response plan"] * 2


def test_a_head_whose_signature_is_of_something_else_is_named(place):
    one, two = (f"cases/c/checkpoints/{size:08d}.json" for size in (1, 3))
    mine, other = (loads(place.s3.versions[key][0][1], Checkpoint) for key in (one, two))
    place.alter(one, canonical(structs.replace(mine, signature=other.signature)))
    assert place.said() == [("checkpoints/00000001.json", "is not signed by the key of the response plan")]


def test_a_head_of_another_kind_is_named(place):
    key = "cases/c/checkpoints/00000003.json"
    place.alter(key, place.s3.versions[key][0][1].replace(b'"incident"', b'"drill"'))
    assert ("checkpoints/00000003.json", "is of another case or kind") in place.said()


def test_what_no_entry_speaks_of_is_no_problem(place):
    place.store.put("cases/c/evidence/late", [b"x"])
    place.store.put("cases/c/canary/attempts.txt", [b"x"])
    report = place.check()
    assert report.ok
    assert {each.key: each.state for each in report.objects if each.state != "ok"} == {
        "cases/c/evidence/late": "not-entered"
    }


def test_a_name_that_is_no_number_is_named(place):
    place.store.create("cases/c/checkpoints/x.json", canonical({}))
    assert [path for path, _ in place.said()] == ["checkpoints/x.json"]


def test_nothing_of_a_case_and_a_vault_that_is_shut(place):
    with pytest.raises(NotPossible, match="nothing of the case d"):
        place.check("d")
    place.s3.faults = [refuse]
    with pytest.raises(Denied):
        place.check()
