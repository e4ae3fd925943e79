"""An invented rehearsal, small and whole."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from amberlight.model.custody import Attempt
from amberlight.model.delivery import Receipt
from amberlight.model.evidence import CapturePlan, Evidence, Gap, Step, Visible
from amberlight.model.rehearsal import (
    Clocks,
    Expectation,
    PackageScore,
    Scorecard,
    Truth,
    VaultScore,
)
from amberlight.model.response_plan import Account, Contact, ResponsePlan, VaultPlan
from amberlight.model.signals import Case, Decision, Reason, Suspicion, Target
from amberlight.practice import gaps, score
from amberlight.practice.actors import Deed
from amberlight.practice.report import Telling
from amberlight.practice.story import Line

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
ACCOUNT = "111122223333"
USER = f"arn:aws:iam::{ACCOUNT}:user/"
TARGET = Target(type="instance", account=ACCOUNT, region="us-east-1", name="i-0abc")


def at(seconds):
    return START + timedelta(seconds=seconds)


def evidence(source, path, data, **more):
    return Evidence(
        id=path,
        case="c-1",
        kind="drill",
        step=f"step-{source}",
        source=source,
        target=TARGET,
        path=path,
        key=path,
        version="1",
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        sha512=hashlib.sha512(data).hexdigest(),
        media_type="application/octet-stream",
        started=at(12),
        sealed=at(14),
        retain_until=None,
        **more,
    )


def suspicion(*, page=True, principals=(USER + "build-agent", USER + "intruder"), text="a denied call came through"):
    return Suspicion(
        id=f"s-{page}",
        page=page,
        severity="critical" if page else "low",
        score=120.0 if page else 12.0,
        principals=principals,
        addresses=("198.51.100.23",),
        first=at(0),
        last=at(5),
        techniques=("T1078.004",),
        reasons=(Reason(points=40.0, text=text, rule="r", techniques=("T1136.003",)),),
        event_ids=("e-1",),
    )


@pytest.fixture
def truth():
    return Truth(
        drill="leaked_key",
        seed=7,
        started=at(-3),
        first_attack=at(0),
        last_attack=at(5),
        principals=(USER + "build-agent", f"arn:aws:iam::{ACCOUNT}:role/automation", USER + "intruder"),
        addresses=("198.51.100.23",),
        attack_requests=("req-1",),
        benign_principals=(USER + "deploy-pipeline",),
        expected=(
            Expectation(id="history-1", source="api_calls.event_history", contains="req-1", why="the denied attempt"),
            Expectation(id="memory-1", source="memory.linux_process", contains="bk-secret", why="the session key"),
        ),
    )


@pytest.fixture
def response_plan():
    return ResponsePlan(
        schema="amberlight.response-plan/1",
        organisation="Lantern Works",
        incident_is="Somebody acts who should not.",
        severities={"high": "now"},
        contacts=(
            Contact(name="Noor Adeyemi", role="incident lead", reach="+000", reviewed="2026-02-01"),
            Contact(name="Sam Fell", role="forensics", reach="+001", reviewed="2026-02-01"),
        ),
        accounts=(Account(id=ACCOUNT, name="prod", use="subject"),),
        vault=VaultPlan(bucket="b", region="us-east-1", signing_key="k"),
    )


@pytest.fixture
def telling(truth, response_plan, tmp_path):
    data = b'{"requestID":"req-1"}'
    (tmp_path / "history.json").write_bytes(data)
    items = (evidence("api_calls.event_history", "history.json", data),)
    missing = Gap(
        source="memory.linux_process",
        target="instance/i-0abc@us-east-1",
        account=ACCOUNT,
        region="us-east-1",
        state="not-possible",
        reason="the host has no python3",
    )
    checks = score.checks(truth, items, (missing,), tmp_path)
    attempts = (Attempt(role="prod admin", action="delete a version", refused=True, answer="AccessDenied"),)
    triage = score.triage(truth, 3, (suspicion(), suspicion(page=False, principals=(USER + "deploy-pipeline",))))
    register = gaps.Register(response_plan, START.date(), "amberlight demo --seed 7")
    proposed = suspicion()
    card = Scorecard(
        schema="amberlight.scorecard/1",
        kind="drill",
        drill="leaked_key",
        seed=7,
        case="c-1",
        clocks=Clocks(
            detect_s=2.0, decide_s=0.1, preserve_first_s=1.0, preserve_last_s=6.0, handoff_s=2.0, total_s=30.0
        ),
        triage=triage,
        evidence=score.completeness(checks),
        vault=VaultScore(attempts=attempts),
        package=PackageScore(path="demo/package", verified=True),
        key_fingerprint="ab" * 32,
        quietness=score.quietness([], 3),
        capture_gaps=(missing,),
        lab_limits=("hosts are processes",),
        gaps=gaps.gap_items(register, checks=checks, triage=triage, attempts=attempts, unseen={"reads": 4}),
    )
    case = Case(
        id="c-1",
        kind="drill",
        severity="critical",
        opened=at(8),
        suspicion=proposed,
        decision=Decision(
            suspicion=proposed.id,
            verdict="promoted",
            by="the plan",
            authority="aware.auto_promote",
            when=at(8),
            reason="drill",
        ),
        targets=(TARGET,),
    )
    step = Step(
        id="step-api_calls.event_history",
        source="api_calls.event_history",
        target=TARGET,
        order=1,
        seen=1,
        seen_text="the read is logged",
        calls=(),
        mutates=False,
        cost_usd=0.0,
        needs=(),
        leaves=(),
        token="t",
    )
    plan = CapturePlan(
        schema="amberlight.capture-plan/1",
        case="c-1",
        kind="drill",
        hash="cd" * 32,
        made=at(9),
        since=at(-60),
        until=at(9),
        regions=("us-east-1",),
        max_seen=3,
        steps=(step,),
        visible=(Visible(where="account", what="reads in the trail", until="90 days"),),
        gaps=(),
    )
    return Telling(
        score=card,
        drill_title="A leaked key",
        organisation="Lantern Works",
        case=case,
        suspicions=(proposed, suspicion(page=False, principals=(USER + "deploy-pipeline",))),
        plan=plan,
        evidence=items,
        checks=checks,
        acts=(
            Deed(who="attacker", operation="iam.CreateUser", when=at(1), request_id="req-1", error="AccessDenied"),
            Deed(who="attacker", operation="cloudtrail.StopLogging", when=at(5), request_id="req-2"),
        ),
        moments=(("proposed", at(7)), ("decided", at(8)), ("verified", at(18))),
        lines=(Line(after_s=None, tag="", text="head"), Line(after_s=1.25, tag="lab", text="up")),
        verified={"files": 3, "bytes": 2048, "ledger": {"entries": 9, "checkpoint": "ok"}},
        receipt=Receipt(
            case="c-1",
            kind="drill",
            receiver="Harbour Forensics",
            when=at(20),
            verified=True,
            key_fingerprint="ab" * 32,
        ),
    )
