"""A case, sources that tests make, and a station that works on folders."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from amberlight._engine import Engine
from amberlight.capture.runner import Station
from amberlight.model.evidence import Bytes, Call, Cost, Source
from amberlight.model.signals import Case, Decision, Suspicion, Target
from amberlight.vault import FolderStore, Ledger, LocalSigner

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ACCOUNT = "111111111111"
INSTANCE = Target(type="instance", account=ACCOUNT, region="us-east-1", name="i-0123456789abcdef0")
WHOLE = Target(type="account", account=ACCOUNT, region="us-east-1", name=ACCOUNT)


class StillClock:
    """Time that passes only when somebody waits."""

    def __init__(self):
        self.at, self.lock = 0.0, threading.Lock()

    def now(self):
        return NOW + timedelta(seconds=self.at)

    def monotonic(self):
        return self.at

    def sleep(self, seconds):
        with self.lock:
            self.at += seconds


class FakeDoor:
    """A door whose answers a function gives."""

    def __init__(self, account=ACCOUNT, answer=lambda operation, parameters: {}, allowed=None, journal=None):
        self.account, self.region = account, "us-east-1"
        self.answer, self.allowed, self.journal = answer, allowed, journal

    def narrowed(self, allowed, journal=None):
        return FakeDoor(self.account, self.answer, allowed, journal)

    def call(self, operation, *, region=None, **parameters):
        return self.answer(operation, parameters)


def make_case(*targets, name="c-7f3a"):
    suspicion = Suspicion(
        id="s-1", page=True, severity="high", score=90.0, principals=(), addresses=(), first=NOW, last=NOW,
        techniques=(), reasons=(), event_ids=(),
    )  # fmt: skip
    decision = Decision(suspicion="s-1", verdict="promoted", by="x", authority="plan", when=NOW, reason="y")
    return Case(
        id=name, kind="drill", severity="high", opened=NOW, suspicion=suspicion, decision=decision, targets=targets
    )


def make_source(name="config.inventory", capture=None, **more):
    fields = {
        "title": name,
        "takes": ("account",),
        "calls": (Call(operation="ec2.DescribeInstances", actions=("ec2:DescribeInstances",)),),
        "seen": 1,
        "seen_text": "reads",
        "gone_after": None,
        "reaches_back": None,
        "cost": Cost(usd=0.0, basis="free"),
        "needs": (),
        "yields": ("application/json",),
        "leaves": (),
        "references": ("https://docs.aws.amazon.com/",),
    }
    return Source(id=name, capture=capture or one_item, **(fields | more))


def one_item(context):
    yield Bytes(path="answer.json", data=b"{}")


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture
def store(tmp_path, clock):
    return FolderStore(tmp_path / "vault", clock)


@pytest.fixture
def ledger(tmp_path, store, clock):
    return make_ledger(tmp_path, store, clock)


def make_ledger(tmp_path, store, clock):
    key = tmp_path / "key.pem"
    signer = LocalSigner(key) if key.exists() else LocalSigner.create(key)
    return Ledger(
        store, signer, case_id="c-7f3a", kind="drill", clock=clock, actor="test", authority="test", tool="test"
    )


@pytest.fixture
def station(tmp_path, clock, store, ledger):
    return Station(
        sessions=None,
        subject_doors={ACCOUNT: FakeDoor()},
        vault_door=FakeDoor("333333333333"),
        store=store,
        ledger=ledger,
        clock=clock,
        engine=Engine(f"sqlite:///{tmp_path}/engine.sqlite"),
        workers=2,
    )
