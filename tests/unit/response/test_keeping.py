"""Holds and witness, phase by phase: whatever is refused is told, entered and a gap, and ends nothing."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from amberlight.model.codec import to_builtins
from amberlight.model.errors import ConfigError, CredentialsError, Denied, IntegrityError, Unreachable
from amberlight.model.response_plan import Account, ResponsePlan, VaultPlan, WitnessPlan
from amberlight.plan import reading, writing
from amberlight.response.keeping import Keeping, Witnessed
from amberlight.vault import FolderStore, Ledger, LocalSigner

NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)
CLOCK = SimpleNamespace(now=lambda: NOW, monotonic=lambda: 0.0, sleep=lambda _: None)


class Custodian:
    """A door that holds and extends; `answer` is raised instead."""

    def __init__(self):
        self.answer, self.opened, self.holds, self.locks = None, 0, {}, {}

    def open(self):
        self.opened += 1
        if isinstance(self.answer, CredentialsError):
            raise self.answer
        return self

    def call(self, operation, **given):
        if self.answer:
            raise self.answer
        key = given["Key"]
        if operation == "s3.PutObjectLegalHold":
            self.holds[key] = given["LegalHold"]["Status"]
        elif operation == "s3.PutObjectRetention":
            self.locks[key] = given["Retention"]["RetainUntilDate"]
        elif operation == "s3.GetObjectLegalHold":
            return {"LegalHold": {"Status": self.holds.get(key, "OFF")}}
        elif key in self.locks:
            return {"Retention": {"Mode": "COMPLIANCE", "RetainUntilDate": self.locks[key]}}
        return {}


def plan(witness=None):
    return ResponsePlan(
        schema="amberlight.response-plan/1",
        organisation="Lantern Works",
        incident_is="x",
        severities={},
        contacts=(),
        accounts=(Account(id="444455556666", name="vault", use="vault"),),
        vault=VaultPlan(bucket="evidence", region="us-east-1", signing_key="k", retention_days=90, witness=witness),
    )


@pytest.fixture
def place(tmp_path):
    """A vault with one item, and how to make what keeps it."""

    class Place:
        custodian, told, kept = Custodian(), [], tmp_path / "witness"
        store = FolderStore(tmp_path / "vault", CLOCK)
        signer = LocalSigner.create(tmp_path / "key.pem")

        def keeping(self, kind="incident", witness=None):
            self.ledger = Ledger(
                self.store, self.signer, case_id="c", kind=kind, clock=CLOCK, actor="a", authority="b", tool="t"
            )
            self.ledger.append("opened", {})
            return Keeping(
                plan=plan(witness),
                doors=SimpleNamespace(custodian=self.custodian.open, hub=None, session="s"),
                sessions=None,
                store=self.store,
                ledger=self.ledger,
                clock=CLOCK,
                tell=lambda *what: self.told.append(what),
            )

        def acts(self):
            return [each.act for each in self.ledger.entries()]

    Place.store.put("cases/c/evidence/item", [b"x"])
    return Place()


def test_each_phase_holds_what_came_since_until_the_plans_horizon(place):
    keeping = place.keeping()
    keeping.phase("opened")
    assert set(place.custodian.holds) == {"cases/c/evidence/item", "cases/c/ledger/00000000.json"}
    assert set(place.custodian.locks.values()) == {NOW + timedelta(days=90)}
    place.store.put("cases/c/evidence/late", [b"y"])
    head = keeping.phase("captured")
    assert place.custodian.holds["cases/c/evidence/late"] == "ON"
    assert (keeping.gaps, place.custodian.opened) == ((), 1)
    assert head.size == len(place.ledger.entries())


def test_a_drill_is_not_held_and_nobody_takes_the_custodians_role_on(place):
    keeping = place.keeping("drill")
    place.custodian.answer = CredentialsError("shut")
    keeping.phase("opened")
    assert (place.custodian.opened, keeping.gaps, place.acts()) == (0, (), ["opened"])
    assert [each.size for each in place.ledger.checkpoints()] == [1]


@pytest.mark.parametrize(
    "answer, state",
    [
        (Denied("no", "allow it"), "denied"),
        (Unreachable("nobody answers"), "unreachable"),
        (CredentialsError("the role is shut"), "not-possible"),
    ],
)
def test_a_refused_hold_is_told_entered_and_a_gap(place, answer, state):
    keeping = place.keeping()
    place.custodian.answer = answer
    keeping.phase("captured")
    (gap,) = keeping.gaps
    assert (gap.source, gap.state, gap.target, gap.account) == ("vault.hold", state, "case/c", "444455556666")
    assert "captured" in gap.reason
    assert answer.cause in gap.reason
    assert place.told == [("missed", gap)]
    assert place.ledger.entries()[-1].what == to_builtins(gap)
    # The next phase tries again, and then it is held.
    place.custodian.answer = None
    keeping.phase("packaged")
    assert place.custodian.holds["cases/c/evidence/item"] == "ON"
    assert keeping.gaps == (gap,)


def test_heads_lie_at_the_witness_after_each_phase(place):
    place.kept.mkdir()
    keeping = place.keeping("drill", WitnessPlan(place=str(place.kept)))
    keeping.phase("opened")
    place.ledger.append("acquired", {})
    keeping.head("attempted")
    other = FolderStore(place.kept, CLOCK)
    assert [each.key[-13:] for each in other.listing("cases/c/")] == ["00000001.json", "00000002.json"]
    assert place.told[-1] == ("witnessed", Witnessed(phase="attempted", heads=2, new=1))


def test_small_evidence_goes_along_if_the_plan_says_so(place):
    place.kept.mkdir()
    place.keeping("drill", WitnessPlan(place=str(place.kept), evidence_bytes=1)).phase("opened")
    assert (place.kept / "cases/c/evidence/item").read_bytes() == b"x"


def test_a_witness_that_is_not_there_is_said_and_never_made(place):
    keeping = place.keeping("drill", WitnessPlan(place=str(place.kept)))
    head = keeping.phase("captured")
    (gap,) = keeping.gaps
    assert (gap.source, gap.state) == ("vault.witness", "not-possible")
    assert "is not there" in gap.reason
    assert not place.kept.exists()
    assert (place.acts(), head.size) == (["opened", "missed"], 2)  # what was said is signed, too
    place.kept.mkdir()
    keeping.phase("packaged")
    assert len(list((place.kept / "cases/c/checkpoints").iterdir())) == 2


def test_a_witness_that_cannot_be_written_is_said(place):
    place.kept.mkdir()
    (place.kept / "cases").write_text("in the way")
    keeping = place.keeping("drill", WitnessPlan(place=str(place.kept)))
    keeping.phase("captured")
    assert [each.source for each in keeping.gaps] == ["vault.witness"]


def test_a_fork_at_the_witness_is_said_and_does_not_lose_the_case(place):
    FolderStore(place.kept, CLOCK).create("cases/c/checkpoints/00000001.json", b"{}")
    keeping = place.keeping("drill", WitnessPlan(place=str(place.kept)))
    keeping.phase("captured")
    assert "has another" in keeping.gaps[0].reason


def test_what_stops_the_ledger_itself_is_raised(place):
    place.kept.write_text("not a folder")
    keeping = place.keeping("drill", WitnessPlan(place=str(place.kept)))
    place.store.create("cases/c/ledger/00000001.json", b"{}")
    with pytest.raises(IntegrityError):
        keeping.phase("captured")


def with_witness(**witness):
    text = writing.dump(plan(WitnessPlan(place="s3://elsewhere", role="arn:aws:iam::777788889999:role/w")))
    for name, value in witness.items():
        text = text.replace("    place: s3://elsewhere\n", f"    place: s3://elsewhere\n    {name}: {value}\n")
    return text


def test_the_plan_names_a_witness():
    read = reading.parse(with_witness())
    assert (read.vault.witness.bucket, read.vault.witness.evidence_bytes) == ("elsewhere", 0)


def test_a_misspelt_witness_is_an_error():
    with pytest.raises(ConfigError, match="roll"):
        reading.parse(with_witness(roll="x"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"place": ""},
        {"place": "s3://"},
        {"place": "s3://Bad_Name"},
        {"place": "s3://bucket/prefix"},
        {"place": "folder", "role": "arn"},
        {"place": "folder", "evidence_bytes": -1},
        {"place": "folder", "evidence_bytes": (1 << 20) + 1},
    ],
)
def test_a_witness_that_cannot_be_meant_is_an_error(wrong):
    with pytest.raises(ValueError, match=r"vault\.witness"):
        WitnessPlan(**wrong)
