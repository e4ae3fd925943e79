"""The ledger: contiguous, chained, signed; beside other writers, after lost answers, and over what was tampered with."""

import base64
import hashlib
import json
import threading

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fakes import FakeS3, StillClock, lose, nothing, refuse
from hypothesis import given, settings
from hypothesis import strategies as st

from amberlight.model.codec import canonical
from amberlight.model.errors import ConfigError, Denied, IntegrityError, NotPossible
from amberlight.vault import FolderStore, KmsSigner, Ledger, LocalSigner, S3Store
from amberlight.vault.ledger import CHECKPOINT_SCHEMA, DEPTH_MAX, ENTRY_SCHEMA, FIRST, plain, signed_bytes
from amberlight.vault.tree import Tree, leaf, node
from amberlight.vault.verify import SCHEMAS, parse


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return LocalSigner.create(tmp_path_factory.mktemp("key") / "key.pem")


@pytest.fixture
def s3():
    return FakeS3()


@pytest.fixture
def store(s3):
    return S3Store(s3.writer(), s3.examiner(), "vault", StillClock())


def ledger(store, signer, **more):
    usual = {"case_id": "c", "kind": "drill", "clock": StillClock(), "actor": "ada", "authority": "plan", "tool": "t"}
    return Ledger(store, signer, **usual | more)


def test_entries_are_numbered_and_chained(store, signer):
    book = ledger(store, signer)
    made = [book.append("acquired", {"n": n}) for n in range(3)]
    assert [entry.seq for entry in made] == [0, 1, 2]
    assert made[0].previous == FIRST
    assert made[2].previous == hashlib.sha256(canonical(made[1])).hexdigest()
    assert book.entries() == tuple(made)
    assert ledger(store, signer).entries() == tuple(made)


def test_the_object_is_the_canonical_entry(s3, store, signer):
    entry = ledger(store, signer).append("opened", {"b": 1, "a": 2})
    body = s3.versions["cases/c/ledger/00000000.json"][0][1]
    assert body == canonical(entry)
    assert parse(body)["what"] == {"a": 2, "b": 1}


def test_appending_costs_one_call(s3, store, signer):
    book = ledger(store, signer)
    book.append("opened", {})
    before = len(s3.calls)
    book.append("acquired", {})
    assert [name for _, name, _ in s3.calls[before:]] == ["PutObject"]


def test_nothing_is_read_before_the_first_use(s3, store, signer):
    ledger(store, signer)
    assert s3.calls == []


def test_a_checkpoint_says_what_was_signed(store, signer):
    book = ledger(store, signer)
    leaves = [canonical(book.append("acquired", {"n": n})) for n in range(3)]
    head = book.checkpoint()
    assert head.size == 3
    assert head.last == hashlib.sha256(leaves[-1]).hexdigest()
    assert bytes.fromhex(head.root) == node(node(leaf(leaves[0]), leaf(leaves[1])), leaf(leaves[2]))
    public = serialization.load_pem_public_key(signer.public_pem)
    public.verify(base64.b64decode(head.signature), signed_bytes(head), ec.ECDSA(hashes.SHA256()))
    assert book.checkpoint() is head
    assert ledger(store, signer).checkpoints() == (head,)


def test_two_writers_share_one_checkpoint_of_a_size(store, signer):
    one, two = ledger(store, signer), ledger(store, signer)
    one.append("opened", {})
    two.entries()
    assert one.checkpoint() == two.checkpoint()


def test_a_checkpoint_by_another_key_of_the_same_size_is_an_alarm(store, signer, tmp_path):
    one = ledger(store, signer)
    two = ledger(store, LocalSigner.create(tmp_path / "k"))
    one.append("opened", {})
    two.entries()
    one.checkpoint()
    with pytest.raises(IntegrityError, match="another head"):
        two.checkpoint()


def test_an_empty_ledger_has_no_checkpoint(store, signer):
    with pytest.raises(NotPossible):
        ledger(store, signer).checkpoint()


def test_the_seal_is_the_last_entry_under_its_checkpoint(store, signer):
    book = ledger(store, signer)
    book.append("opened", {})
    entry, head = book.seal({"files": {}})
    assert (entry.act, entry.seq, head.size) == ("sealed", 1, 2)


@pytest.mark.parametrize("kind", ["s3", "folder"])
def test_twenty_writers_lose_nothing_and_fork_nothing(kind, store, signer, tmp_path):
    store = store if kind == "s3" else FolderStore(tmp_path / "v", StillClock())
    books = [ledger(store, signer, actor=f"writer {n}") for n in range(20)]

    def write(book):
        for n in range(5):
            book.append("acquired", {"n": n})

    threads = [threading.Thread(target=write, args=(book,)) for book in books]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = ledger(store, signer).entries()
    assert [entry.seq for entry in entries] == list(range(100))
    assert len({(entry.actor, entry.what["n"]) for entry in entries}) == 100


def test_threads_of_one_ledger_lose_nothing(store, signer):
    book = ledger(store, signer)
    threads = [threading.Thread(target=book.append, args=("acquired", {"n": n})) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry.what["n"] for entry in book.entries()} == set(range(20))


def test_a_lost_answer_does_not_double_the_act(s3, store, signer):
    book = ledger(store, signer)
    book.append("opened", {})
    s3.faults = [lose]
    assert book.append("acquired", {}).seq == 1
    assert book.append("closed", {}).seq == 2
    assert len(ledger(store, signer).entries()) == 3


def test_a_refused_act_is_not_remembered(s3, store, signer):
    book = ledger(store, signer)
    book.append("opened", {})
    s3.faults = [refuse]
    with pytest.raises(Denied):
        book.append("acquired", {})
    assert book.append("closed", {}).seq == 1


def test_an_opening_that_broke_off_is_begun_anew(s3, store, signer):
    first = ledger(store, signer)
    for n in range(3):
        first.append("acquired", {"n": n})
    book = ledger(store, signer)
    s3.faults = [nothing, nothing, nothing, refuse]
    with pytest.raises(Denied):
        book.entries()
    assert len(book.entries()) == 3


class Hasty:
    """A store whose listing leaves some things out, as that of a folder does into which others write meanwhile."""

    def __init__(self, store, *left_out):
        self._store, self._left_out = store, left_out

    def listing(self, prefix):
        return (each for each in self._store.listing(prefix) if not each.key.endswith(self._left_out))

    def __getattr__(self, name):
        return getattr(self._store, name)


@pytest.mark.parametrize("left_out", [("0.json",), ("1.json", "2.json"), ("3.json",), ("2.json", "3.json")])
def test_what_a_listing_left_out_is_looked_for(store, signer, left_out):
    book = ledger(store, signer)
    made = [book.append("acquired", {"n": n}) for n in range(4)]
    book.checkpoint()
    hasty = Hasty(store, *(f"ledger/0000000{name}" for name in left_out))
    assert ledger(hasty, signer).entries() == tuple(made)


def forge(s3, number, changes):
    key = f"cases/c/ledger/{number:08d}.json"
    version, body, checksum = s3.versions[key][0]
    s3.versions[key] = [(version, canonical(json.loads(body) | changes), checksum)]


@pytest.mark.parametrize("changes", [
    {"previous": "0" * 64}, {"seq": 7}, {"case": "other"}, {"kind": "incident"}, {"schema": "x"},
])  # fmt: skip
def test_a_forged_entry_stops_the_work(s3, store, signer, changes):
    book = ledger(store, signer)
    for n in range(3):
        book.append("acquired", {"n": n})
    forge(s3, 1, changes)
    with pytest.raises(IntegrityError, match="does not continue"):
        ledger(store, signer).append("closed", {})


def test_a_forged_last_entry_is_found_by_the_checkpoint(s3, store, signer):
    book = ledger(store, signer)
    book.append("opened", {})
    book.checkpoint()
    forge(s3, 0, {"what": {"other": 1}})
    with pytest.raises(IntegrityError, match="signed over"):
        ledger(store, signer).entries()


def test_a_removed_entry_is_found(s3, store, signer):
    book = ledger(store, signer)
    for n in range(3):
        book.append("acquired", {"n": n})
    book.checkpoint()
    last = s3.versions.pop("cases/c/ledger/00000002.json")
    with pytest.raises(IntegrityError, match="shorter"):
        ledger(store, signer).entries()
    s3.versions["cases/c/ledger/00000002.json"] = last
    del s3.versions["cases/c/ledger/00000001.json"]
    with pytest.raises(IntegrityError, match="expected"):
        ledger(store, signer).entries()


def test_what_is_no_entry_and_no_checkpoint_is_named(s3, store, signer):
    ledger(store, signer).append("opened", {})
    s3.store("cases/c/ledger/00000001.json", b"{", "", None)
    with pytest.raises(IntegrityError, match="cannot be read"):
        ledger(store, signer).entries()
    del s3.versions["cases/c/ledger/00000001.json"]
    other = ledger(store, signer, case_id="d")
    other.append("opened", {})
    body = canonical(other.checkpoint())
    s3.store("cases/c/checkpoints/00000001.json", body, "", None)
    with pytest.raises(IntegrityError, match="another case"):
        ledger(store, signer).entries()


def test_an_entry_that_vanishes_after_winning_is_an_alarm(s3, store, signer):
    def taken(name, parameters):
        raise NotPossible("412", aws_code="PreconditionFailed")

    book = ledger(store, signer)
    book.append("opened", {})
    s3.faults = [taken]
    with pytest.raises(IntegrityError, match="is not there"):
        book.append("closed", {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("\udfff😀\ufffd"), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
@settings(max_examples=150, deadline=None)
def test_whatever_an_intruder_wrote_can_be_entered_and_read_by_the_verifier(what):
    made = plain(what)
    assert parse(canonical(made)) == made
    assert plain(made) == made


def test_numbers_are_kept_as_far_as_every_reader_holds_them():
    most = 2**53 - 1
    kept = {"a": most, "b": -most, "c": True, "d": None}
    assert plain(kept) == kept
    assert plain([most + 1, -most - 1, 0.5]) == [str(most + 1), str(-most - 1), "0.5"]


def test_the_verifier_knows_what_the_ledger_writes():
    assert {"entry": ENTRY_SCHEMA, "checkpoint": CHECKPOINT_SCHEMA} == SCHEMAS


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_nesting_is_kept_down_to_its_bound(wrap):
    deep = "x"
    for _ in range(DEPTH_MAX):
        deep = wrap(deep)
    assert plain(deep) == deep
    assert "nested too deeply" in str(plain(wrap(deep)))


def test_deep_nesting_is_cut():
    deep = []
    for _ in range(500):
        deep = [deep]
    assert "nested too deeply" in canonical(plain({"x": deep})).decode()


def test_the_root_is_that_of_the_definition():
    def root(leaves):
        if len(leaves) == 1:
            return leaves[0]
        half = 1
        while half * 2 < len(leaves):
            half *= 2
        return node(root(leaves[:half]), root(leaves[half:]))

    tree = Tree()
    assert tree.root() == hashlib.sha256(b"").digest()
    for n in range(70):
        tree.add(b"%d" % n)
        assert tree.root() == root([leaf(b"%d" % each) for each in range(n + 1)])


class FakeKms:
    def __init__(self, curve=None):
        self.key = ec.generate_private_key(curve or ec.SECP256R1())

    def call(self, operation, **p):
        if operation == "kms.GetPublicKey":
            form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
            return {"PublicKey": self.key.public_key().public_bytes(*form)}
        assert (operation, p["MessageType"], p["SigningAlgorithm"]) == ("kms.Sign", "DIGEST", "ECDSA_SHA_256")
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

        return {"Signature": self.key.sign(p["Message"], ec.ECDSA(Prehashed(hashes.SHA256())))}


def test_kms_signs_what_the_public_key_verifies():
    kms = FakeKms()
    signer = KmsSigner(kms, "key")
    kms.key.public_key().verify(signer.sign(b"data" * 5000), b"data" * 5000, ec.ECDSA(hashes.SHA256()))
    der = kms.call("kms.GetPublicKey")["PublicKey"]
    assert signer.fingerprint == hashlib.sha256(der).hexdigest()
    with pytest.raises(ConfigError, match="P-256"):
        _ = KmsSigner(FakeKms(ec.SECP384R1()), "key").fingerprint


def test_the_local_key_is_its_owners_alone(tmp_path):
    made = LocalSigner.create(tmp_path / "k")
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    assert LocalSigner(tmp_path / "k").fingerprint == made.fingerprint
    with pytest.raises(FileExistsError):
        LocalSigner.create(tmp_path / "k")
    with pytest.raises(ConfigError, match="no signing key at"):
        LocalSigner(tmp_path / "none")
    (tmp_path / "bad").write_text("x")
    with pytest.raises(ConfigError, match="PEM"):
        LocalSigner(tmp_path / "bad")
    from cryptography.hazmat.primitives.asymmetric import ed25519

    other = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "ed").write_bytes(other)
    with pytest.raises(ConfigError, match="elliptic"):
        LocalSigner(tmp_path / "ed")


def test_the_package_names_what_it_offers():
    from amberlight import vault

    assert all(getattr(vault, name) for name in vault.__all__)
    with pytest.raises(AttributeError):
        _ = vault.nothing
