"""The witness: what was signed and lies elsewhere shows a cut tail, a second history, and another key."""

import pytest
from fakes import StillClock

from amberlight.model.codec import canonical
from amberlight.model.errors import IntegrityError
from amberlight.vault import FolderStore, Ledger, LocalSigner, witness
from amberlight.vault.witness import Agreement


@pytest.fixture
def place(tmp_path):
    """A vault with a case of ten entries and a head after each fifth, and an empty witness."""

    class Place:
        vault = FolderStore(tmp_path / "vault", StillClock())
        kept = FolderStore(tmp_path / "witness", StillClock())
        signer = LocalSigner.create(tmp_path / "key.pem")
        package = tmp_path / "package"

    def grow(store, signer, words=range(10)):
        book = Ledger(store, signer, case_id="c", kind="drill", clock=StillClock(), actor="a", authority="b", tool="t")
        for number, word in enumerate(words, 1):
            book.append("acquired", {"n": word})
            if number % 5 == 0:
                book.checkpoint()
        return book

    Place.grow, Place.book = staticmethod(grow), grow(Place.vault, Place.signer)
    Place.vault.put("cases/c/evidence/small", [b"x" * 10])
    Place.vault.put("cases/c/evidence/large", [b"x" * 1000])
    return Place


def packed(place, book=None, entries=None, signer=None):
    """The parts of a package that the witness looks at."""
    custody = place.package / "custody"
    custody.mkdir(parents=True, exist_ok=True)
    lines = [canonical(each) + b"\n" for each in (book or place.book).entries()[:entries]]
    (custody / "ledger.jsonl").write_bytes(b"".join(lines))
    (custody / "signing-key.pem").write_bytes((signer or place.signer).public_pem)
    return place.package


def keys(store):
    return [each.key for each in store.listing("cases/c/")]


def test_heads_are_copied_once(place):
    assert witness.copy("c", place.vault, place.kept) == witness.Copied(new=2, known=0)
    assert keys(place.kept) == ["cases/c/checkpoints/00000005.json", "cases/c/checkpoints/00000010.json"]
    assert witness.copy("c", place.vault, place.kept) == witness.Copied(new=0, known=2)


def test_small_evidence_is_copied_if_asked(place):
    witness.copy("c", place.vault, place.kept, evidence_up_to=100)
    assert "cases/c/evidence/small" in keys(place.kept)
    assert "cases/c/evidence/large" not in keys(place.kept)


def test_a_vault_that_says_something_else_than_before_is_an_alarm(place, tmp_path):
    witness.copy("c", place.vault, place.kept)
    other = FolderStore(tmp_path / "other", StillClock())
    place.grow(other, place.signer, [*range(9), "forged"])
    with pytest.raises(IntegrityError, match="another cases/c/checkpoints/"):
        witness.copy("c", other, place.kept)


def test_a_package_that_continues_the_heads_agrees(place):
    witness.copy("c", place.vault, place.kept)
    assert witness.compare(packed(place), place.kept) == witness.Agreement(heads=2, problems=())
    place.book.append("sealed", {})
    agreed = witness.compare(packed(place), place.kept)
    assert agreed.ok


def test_a_package_whose_seal_is_witnessed_agrees_though_the_ledger_went_on(place):
    place.book.append("sealed", {})
    place.book.checkpoint()
    place.book.append("extended", {})
    place.book.checkpoint()
    witness.copy("c", place.vault, place.kept)
    assert witness.compare(packed(place, entries=11), place.kept) == witness.Agreement(heads=4, problems=())
    # Where the seal is no head that the witness has, the rest was cut off.
    (place.kept.path / "cases/c/checkpoints/00000011.json").unlink()
    assert not witness.compare(packed(place, entries=11), place.kept).ok


@pytest.mark.parametrize("left", [9, 5, 1])
def test_a_cut_tail_shows(place, left):
    witness.copy("c", place.vault, place.kept)
    found = witness.compare(packed(place, entries=left), place.kept)
    assert not found.ok
    assert any(f"over 10 entries, the package has {left}" in each for each in found.problems)


def test_another_history_shows_though_it_is_signed_with_the_key(place, tmp_path):
    witness.copy("c", place.vault, place.kept)
    other = FolderStore(tmp_path / "other", StillClock())
    book = place.grow(other, place.signer, [*range(5), "forged", *range(6, 12)])
    found = witness.compare(packed(place, book), place.kept)
    assert found.problems == ("Another history: the first 10 entries are not those that the witness's head is over.",)


def test_another_key_shows(place, tmp_path):
    witness.copy("c", place.vault, place.kept)
    found = witness.compare(packed(place, signer=LocalSigner.create(tmp_path / "other.pem")), place.kept)
    assert len([each for each in found.problems if each.startswith("Another key")]) == 2


def test_a_head_of_the_witness_that_nobody_signed_shows(place):
    witness.copy("c", place.vault, place.kept)
    path = place.kept.path / "cases/c/checkpoints/00000005.json"
    path.chmod(0o644)
    text = path.read_text()
    for spoilt, said in ((text.replace('"signature":"M', '"signature":"N'), "not signed"), ("{}", "cannot be read")):
        path.write_text(spoilt)
        found = witness.compare(packed(place), place.kept)
        assert not found.ok
        assert any(said in each for each in found.problems), found


def test_a_witness_that_knows_nothing_proves_nothing(place):
    found = witness.compare(packed(place), place.kept)
    assert not found.ok
    assert found.problems == ("The witness has no head of this case.",)


@pytest.mark.parametrize("text", [b"", b"\n", b"[]\n", b"{", b'{"case": 7}\n', b'{"case": "../../x"}\n', b"\xff\n"])
def test_a_package_that_says_anything_is_no_agreement(place, text):
    witness.copy("c", place.vault, place.kept)
    (packed(place) / "custody/ledger.jsonl").write_bytes(text)
    assert not witness.compare(place.package, place.kept).ok


def test_an_empty_folder_is_no_agreement(place, tmp_path):
    witness.copy("c", place.vault, place.kept)
    (tmp_path / "empty").mkdir()
    found = witness.compare(tmp_path / "empty", place.kept)
    assert not found.ok
    assert any("is missing" in each for each in found.problems)


def test_one_head_that_fits_is_an_agreement_and_none_is_not():
    assert Agreement(heads=1, problems=()).ok
    assert not Agreement(heads=0, problems=()).ok
    assert not Agreement(heads=2, problems=("p",)).ok
