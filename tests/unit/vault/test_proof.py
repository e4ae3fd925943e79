"""The report of an attack: what came of it, put into the vault, entered with its hash and sums, and signed."""

import base64
import json

import pytest
from fakes import NOW, StillClock

from amberlight.model.codec import canonical
from amberlight.model.custody import Stored
from amberlight.model.errors import Denied, Unreachable
from amberlight.vault import FolderStore, LocalSigner, proof
from amberlight.vault.attack import Standing, Target
from amberlight.vault.verify import key_point, signed

CANARY = Stored(key="cases/c/canary/x", version="v1", size_bytes=1, sha256="", sha512="")
TARGET = Target(bucket="b", stored=CANARY, account="222233334444")
STANDING = Standing(policy="{}", lock={})


class Answering:
    """A door of the vault's account that gives every call one answer, and some another."""

    account = "222233334444"

    def __init__(self, **other):
        self.other = other

    def call(self, operation, **_):
        answer = self.other.get(operation.partition(".")[2], Denied("no", aws_code="AccessDenied"))
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def place(tmp_path):
    clock = StillClock()
    store, signer = FolderStore(tmp_path / "vault", clock), LocalSigner.create(tmp_path / "key.pem")
    return store, signer, clock


def filed(place, doors):
    store, signer, clock = place
    made = proof.made(doors, TARGET, STANDING, where="lab", clock=clock)
    case = proof.case_of(clock)
    return proof.filed(made, store, signer, proof.book(store, signer, clock, case)), case


def test_a_report_says_what_was_attacked_what_came_of_it_and_what_is_left(place):
    made = proof.made(
        {"vault writer": Answering(GetObject=Unreachable("gone"))}, TARGET, STANDING, where="lab", clock=place[2]
    )
    assert (made.schema, made.where, made.account) == ("amberlight.vault-proof/1", "lab", "222233334444")
    assert (made.bucket, made.canary) == ("b", CANARY.key)
    assert made.made_at >= NOW
    assert {each.refused for each in made.attempts} == {True}
    assert {each.action for each in made.lawful} == {"plant an object", "read the bucket's policy"}
    assert [each.action for each in made.unsettled] == ["read it"]
    assert len({each.risk for each in made.residual}) == len(made.residual) >= 10
    assert all(len(each.remedy) > 20 for each in made.residual)


def test_the_report_lies_in_the_vault_and_the_signed_entry_holds_its_hash(place):
    given, case = filed(place, {"vault root": Answering(DeleteObject={}, GetObject=Unreachable("gone"))})
    store = place[0]
    stored = store.find(f"cases/{case}/proof/report.json")
    assert b"".join(store.read(stored)) == canonical(given.proof)
    what = given.entry.what
    assert (given.entry.act, given.entry.kind, given.entry.case) == ("attempted", "drill", case)
    assert what["report"]["sha256"] == stored.sha256
    assert (what["canary"], what["attempts"], what["unsettled"]) == (CANARY.key, len(given.proof.attempts), 1)
    assert what["let_through"] == [
        "vault root: delete the version", "vault root: hide it under a delete marker",
        "vault root: delete it by governance bypass",
    ]  # fmt: skip
    assert given.checkpoint.size == given.entry.seq + 1 == 1
    assert not given.held


def test_a_proof_is_held_where_everything_was_refused(place):
    given, _ = filed(place, {"vault root": Answering()})
    assert given.held
    assert given.entry.what["let_through"] == []


def test_a_proofs_case_is_named_after_the_second_and_its_ledger_after_the_command(place):
    given, case = filed(place, {})
    assert case == "proof-20261124t030000z"
    assert given.entry.actor == "amberlight vault prove"
    assert given.entry.tool.startswith("amberlight ")
    assert given.entry.authority


def test_what_is_printed_can_be_checked_with_the_key_beside_it(place):
    given, _ = filed(place, {"vault root": Answering()})
    printed = json.loads(canonical(proof.document(given)))
    assert printed["bucket"] == "b"
    assert canonical(printed["entry"]) == canonical(given.entry)
    point, fingerprint = key_point(printed["public_key"].encode())
    head = dict(printed["checkpoint"])
    signature = base64.b64decode(head.pop("signature"))
    assert head["key"] == fingerprint
    assert signed(point, canonical(head), signature)
