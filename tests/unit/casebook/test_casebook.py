"""What was noticed and decided is kept, and what was decided stays."""

import subprocess
import sys
from datetime import UTC, datetime

import msgspec
import pytest

from amberlight.casebook import Casebook
from amberlight.model.errors import ConfigError, DeliveryError
from amberlight.model.signals import Case, Decision, Reason, Signal, Suspicion, Target

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
SIGNAL = Signal(id="sig-1", source="rules.x", title="t", when=NOW, raw={"a": [1, {"b": None}]})
SUSPICION = Suspicion(
    id="sus-1", page=True, severity="high", score=80.0, principals=("arn:aws:iam::1:user/a",), addresses=(),
    first=NOW, last=NOW, techniques=(), reasons=(Reason(points=80.0, text="r", rule="x"),), event_ids=("e",),
)  # fmt: skip
DECISION = Decision(suspicion="sus-1", verdict="promoted", by="me", authority="plan", when=NOW, reason="because")
CASE = Case(
    id="case-1", kind="drill", severity="high", opened=NOW, suspicion=SUSPICION, decision=DECISION,
    targets=(Target(type="user", account="1", region="us-east-1", name="a"),),
)  # fmt: skip


def fill(book):
    book.record_signals([SIGNAL])
    book.record_suspicions([SUSPICION])
    book.record_decision(DECISION)
    book.record_case(CASE)


def content(book):
    return book.signals(), book.suspicions(), book.decisions(), book.cases()


@pytest.mark.parametrize("file", [True, False])
def test_records_come_back_as_they_were(tmp_path, file):
    url = f"sqlite:///{tmp_path / 'case.db'}" if file else "sqlite://"
    book = Casebook(url)
    fill(book)
    assert content(book) == ((SIGNAL,), (SUSPICION,), (DECISION,), (CASE,))
    book.close()
    if file:
        again = Casebook(url)
        fill(again)
        assert content(again) == ((SIGNAL,), (SUSPICION,), (DECISION,), (CASE,))
        again.close()


def test_suspicions_grow_and_decisions_stand():
    book = Casebook()
    fill(book)
    book.record_suspicions([msgspec.structs.replace(SUSPICION, score=99.0)])
    assert [one.score for one in book.suspicions()] == [99.0]
    with pytest.raises(DeliveryError):
        book.record_decision(msgspec.structs.replace(DECISION, verdict="dismissed"))
    with pytest.raises(DeliveryError):
        book.record_case(msgspec.structs.replace(CASE, kind="incident"))
    assert book.decisions() == (DECISION,)
    book.close()


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all/x.db", "no-database"])
def test_a_bad_url_says_so(url):
    with pytest.raises(ConfigError) as caught:
        Casebook(url)
    assert caught.value.fix


def test_importing_it_does_not_import_the_database_library():
    code = "import amberlight.casebook, sys; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
