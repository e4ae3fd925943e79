import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from amberlight.casebook import Casebook
from amberlight.model.custody import Stored
from amberlight.model.errors import ApprovalMissing, DeliveryError, Denied, Unreachable
from amberlight.model.response_plan import Account, AwarePlan, CaptureLimits, ResponsePlan, VaultPlan
from amberlight.model.signals import Decision, Suspicion
from amberlight.response import respond
from amberlight.response.respond import Approval, Desk

NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)
ACCOUNT = "111122223333"


def plan(*promote):
    return ResponsePlan(
        schema="amberlight.response-plan/1",
        organisation="Lantern Works",
        incident_is="x",
        severities={},
        contacts=(),
        accounts=(Account(id=ACCOUNT, name="prod", use="subject"),),
        vault=VaultPlan(bucket="evidence", region="us-east-1", signing_key="k"),
        aware=AwarePlan(auto_promote=promote),
        capture=CaptureLimits(regions=("us-east-1", "eu-west-1")),
    )


def suspicion(name="s-1"):
    return Suspicion(
        id=name,
        page=True,
        severity="high",
        score=90.0,
        principals=(),
        addresses=(),
        first=NOW,
        last=NOW,
        techniques=(),
        reasons=(),
        event_ids=("e",),
        resources=("instance/i-0abc@eu-west-1",),
        accounts=(ACCOUNT,),
    )


@pytest.fixture
def desk(tmp_path):
    told = []
    book = Casebook("sqlite://")
    yield Desk(
        kind="drill",
        plan=plan("drill"),
        sessions=None,
        doors=None,
        catalogue={},
        casebook=book,
        clock=SimpleNamespace(now=lambda: NOW),
        work=tmp_path,
        case_id="c-1",
        tell=lambda *what: told.append(what),
    )
    book.close()


class Entries:
    def __init__(self):
        self.acts = []

    def append(self, act, what):
        self.acts.append((act, what))


def test_plan_promotes_a_drill_and_the_decision_is_kept(desk):
    decision = respond.decided(desk, suspicion())
    assert decision.authority.endswith("aware.auto_promote: drill")
    assert desk.casebook.decisions() == (decision,)


def test_a_real_incident_waits_for_a_person(desk):
    with pytest.raises(ApprovalMissing, match="waits for a person"):
        respond.decided(replace(desk, kind="incident"), suspicion())
    assert desk.casebook.decisions() == ()


def test_what_a_person_dismissed_stays_dismissed(desk):
    desk.casebook.record_suspicions([suspicion()])
    said = Decision(
        suspicion=suspicion().id, verdict="dismissed", by="ada", authority="duty", when=NOW, reason="a rehearsed deploy"
    )
    desk.casebook.record_decision(said)
    with pytest.raises(ApprovalMissing, match="dismissed by ada: a rehearsed deploy"):
        respond.decided(desk, suspicion())
    assert desk.casebook.decisions() == (said,)


def test_what_a_person_promoted_needs_no_other_word(desk):
    desk.casebook.record_suspicions([suspicion()])
    said = Decision(suspicion=suspicion().id, verdict="promoted", by="ada", authority="duty", when=NOW, reason="real")
    desk.casebook.record_decision(said)
    assert respond.decided(replace(desk, kind="incident"), suspicion()) == said


def test_case_takes_what_the_suspicion_has_grown_to(desk):
    decision = respond.decided(desk, suspicion())
    case = respond.opened(desk, suspicion("s-merged"), decision)
    assert (case.kind, case.suspicion.id, case.decision.suspicion) == ("drill", "s-merged", "s-merged")
    assert {target.label for target in case.targets} == {
        f"account/{ACCOUNT}@us-east-1",
        "instance/i-0abc@eu-west-1",
    }


def test_approval_is_entered_with_whose_word_it_was(desk):
    case = respond.opened(desk, suspicion(), respond.decided(desk, suspicion()))
    ledger = Entries()
    respond.planned(replace(desk, approval=Approval(max_seen=3, by="the plan", authority="drills")), case, ledger)
    ((act, what),) = ledger.acts
    assert (act, what["max_seen"], what["by"], what["authority"]) == ("planned", 3, "the plan", "drills")


def test_without_approval_the_plans_limit_stands(desk):
    case = respond.opened(desk, suspicion(), respond.decided(desk, suspicion()))
    ledger = Entries()
    assert respond.planned(desk, case, ledger).max_seen == 2
    assert ledger.acts == []


class Vault:
    """A door whose store says what it is told to."""

    def __init__(self, answer):
        self.answer = answer

    def call(self, operation, **_):
        if operation == "s3.GetBucketPolicy":
            return {"Policy": "{}"}
        if operation == "s3.GetObjectLockConfiguration":
            return {"ObjectLockConfiguration": {}}
        if operation == "s3.GetBucketLifecycleConfiguration":
            return {"Rules": []}
        raise self.answer


def attacked(desk, answer):
    door = Vault(answer)
    doors = SimpleNamespace(writer=door, examiner=door, subject=None)
    stored = Stored(key="canary", version="1", size_bytes=1, sha256="", sha512="")
    store, ledger = SimpleNamespace(put=lambda *_, **__: stored), Entries()
    case = SimpleNamespace(id="c-1")
    found = respond.attacked(replace(desk, doors=doors, adversaries={"prod admin": door}), case, store, ledger)
    return found, ledger.acts


def test_attempts_are_filed_and_the_capture_role_makes_none(desk):
    found, ((act, what),) = attacked(desk, Denied("no", aws_code="AccessDenied"))
    assert {one.role for one in found} == {"prod admin", "vault writer", "vault examiner"}
    assert (act, len(what["attempts"]), what["problem"]) == ("attempted", len(found), "")
    assert all(one.refused for one in found)


def test_a_proof_without_an_answer_is_said_and_stops_nothing(desk):
    found, ((_, what),) = attacked(desk, Unreachable("nobody answers"))
    assert found == ()
    assert what["problem"] == "nobody answers"


def test_verifier_runs_isolated(tmp_path):
    seen = []

    def run(argv, **_):
        seen.append(argv)
        return subprocess.CompletedProcess(argv, 0, '{"ok": true}', "")

    assert respond.verify_alone(tmp_path, "ab" * 32, run)["ok"] is True
    assert seen[0][1:3] == ["-I", "-S"]
    assert str(tmp_path / "verify.py") in seen[0]


def test_a_verifier_without_an_answer_is_an_error(tmp_path):
    with pytest.raises(DeliveryError, match="gives no answer"):
        respond.verify_alone(tmp_path, "ab" * 32)
