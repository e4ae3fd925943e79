"""Decisions stand; new kinds of evidence and end dates bring a dismissed suspicion back; noise is counted."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from amberlight.casebook import Casebook, deciding
from amberlight.casebook.deciding import Word
from amberlight.casebook.standing import item, items, noise
from amberlight.model.errors import ConfigError, DeliveryError
from amberlight.model.inbox import Act
from amberlight.model.signals import Case, Decision, Reason, Signal, Suspicion

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def why(rule, points=10.0):
    return Reason(points=points, text=f"{rule} says so", rule=rule)


def suspicion(name="sus-1", *rules, signals=("sig-1",), page=True, severity="high"):
    return Suspicion(
        id=name, page=page, severity=severity, score=80.0, principals=("p",), addresses=(), first=NOW, last=NOW,
        techniques=(), reasons=tuple(why(rule) for rule in rules or ("user_created",)), event_ids=(), signals=signals,
    )  # fmt: skip


@pytest.fixture
def book():
    made = Casebook()
    made.record_suspicions([suspicion()])
    yield made
    made.close()


def word(at=NOW, by="alice"):
    return Word(by=by, when=at, why="the nightly scanner")


def state(book, name="sus-1", at=LATER):
    return item(book, name, at).state


def dismiss(book, until=None, at=NOW, name="sus-1"):
    return deciding.dismiss(book, item(book, name, at), word(at), until)


def test_a_dismissal_stands_with_who_when_and_why(book):
    dismiss(book)
    assert state(book) == "dismissed"
    assert book.decisions() == (
        Decision(
            suspicion="sus-1",
            verdict="dismissed",
            by="alice",
            authority="person on duty",
            when=NOW,
            reason="the nightly scanner",
        ),
    )
    for act in (deciding.promote, deciding.dismiss):
        with pytest.raises(DeliveryError) as caught:
            act(book, item(book, "sus-1", LATER), word(LATER))
        assert "alice" in caught.value.cause
    with pytest.raises(DeliveryError):
        deciding.acknowledge(book, item(book, "sus-1", LATER), "bob", LATER)
    assert len(book.decisions()) == 1
    assert len(book.acts()) == 1


def test_more_of_the_same_kind_does_not_bring_it_back(book):
    dismiss(book)
    grown = msgspec.structs.replace(
        suspicion(signals=("sig-1", "sig-2")), score=99.0, reasons=(why("user_created", 40.0), why("first_time", 0.0))
    )
    book.record_suspicions([grown])
    assert state(book) == "dismissed"


def test_a_new_kind_of_evidence_brings_it_back_and_shows_the_decision(book):
    first = dismiss(book)
    book.record_suspicions([suspicion("sus-1", "user_created", "admin_granted")])
    one = item(book, "sus-1", LATER)
    assert one.state == "returned"
    assert one.decision == first
    assert one.because == "new since it was dismissed: admin_granted"
    deciding.promote(book, one, word(LATER, "bob"))
    assert state(book) == "promoted"
    assert [one.verdict for one in book.decisions()] == ["dismissed", "promoted"]
    with pytest.raises(DeliveryError):
        dismiss(book, at=LATER)


@pytest.mark.parametrize("reasons, state_then", [((), "returned"), ((why("admin_granted", 0.0),), "dismissed")])
def test_a_rule_too_weak_to_be_a_reason_counts_by_its_signal_unless_it_is_held_back(book, reasons, state_then):
    dismiss(book)
    book.record_signals([Signal(id="sig-2", source="rules.admin_granted", title="t", when=NOW)])
    grown = suspicion(signals=("sig-1", "sig-2"))
    book.record_suspicions([msgspec.structs.replace(grown, reasons=(*grown.reasons, *reasons))])
    assert state(book) == state_then


def test_a_dismissal_may_be_repeated_each_time_it_came_back(book):
    for number, rule in enumerate(("a", "b", "c")):
        at = NOW + timedelta(minutes=number)
        book.record_suspicions([suspicion("sus-1", *"abc"[: number + 1])])
        dismiss(book, at=at)
        assert state(book, at=at) == "dismissed", rule
    assert len(book.decisions()) == 3


def test_an_end_date_brings_it_back_when_it_is_there(book):
    end = NOW + timedelta(days=1)
    dismiss(book, until=end)
    assert state(book, at=end - timedelta(seconds=1)) == "dismissed"
    assert state(book, at=end) == "returned"
    assert "2026-11-21" in item(book, "sus-1", end).because


def test_an_end_in_the_past_is_an_error(book):
    with pytest.raises(ConfigError):
        dismiss(book, until=NOW)
    assert not book.decisions()


@pytest.mark.parametrize("by, reason", [("", "x"), ("x", " ")])
def test_a_decision_needs_somebody_and_a_reason(by, reason):
    with pytest.raises(ConfigError):
        Word(by=by, when=NOW, why=reason)


def test_what_became_part_of_a_larger_one_is_asked_about_once(book):
    dismiss(book)
    book.record_suspicions([suspicion("sus-2", signals=("sig-1", "sig-9"))])
    assert state(book) == "joined"
    assert state(book, "sus-2") == "dismissed"
    book.record_suspicions([suspicion("sus-2", "user_created", "admin_granted", signals=("sig-1", "sig-9"))])
    assert state(book, "sus-2") == "returned"
    deciding.promote(book, item(book, "sus-2", LATER), word(LATER))
    assert state(book, "sus-2") == "promoted"


def test_merged_ones_go_with_the_other(book):
    book.record_suspicions([suspicion(name, signals=(name,)) for name in ("sus-2", "sus-3")])
    deciding.merge(book, item(book, "sus-3", NOW), item(book, "sus-2", NOW), word())
    deciding.merge(book, item(book, "sus-2", NOW), item(book, "sus-1", NOW), word())
    assert state(book, "sus-2") == state(book, "sus-3") == "merged"
    assert [one.id for one in deciding.merged_into(book, suspicion())] == ["sus-2", "sus-3"]
    with pytest.raises(DeliveryError):
        deciding.promote(book, item(book, "sus-2", NOW), word())
    for into in ("sus-1", "sus-2"):
        with pytest.raises(ConfigError):
            deciding.merge(book, item(book, "sus-1", NOW), item(book, into, NOW), word())


@pytest.mark.parametrize("severity, minutes, acknowledged, overdue", [
    ("high", 15, False, True), ("high", 15, True, False), ("high", 60, False, False), ("low", 15, False, False),
])  # fmt: skip
def test_what_nobody_acknowledged_in_time_is_overdue(book, severity, minutes, acknowledged, overdue):
    book.record_act(Act(about="sus-1", verb="noticed", by="amberlight", when=NOW))
    if acknowledged:
        deciding.acknowledge(book, item(book, "sus-1", NOW), "bob", LATER)
    (one,) = items(book, LATER, {severity: timedelta(minutes=minutes)})
    assert one.overdue == overdue
    assert one.acknowledged_by == ("bob" if acknowledged else "")
    assert one.state == ("acknowledged" if acknowledged else "new")


def test_what_does_not_page_is_never_overdue(book):
    book.record_suspicions([suspicion(page=False)])
    book.record_act(Act(about="sus-1", verb="noticed", by="amberlight", when=NOW))
    assert not items(book, LATER, {"high": timedelta(minutes=1)})[0].overdue


def test_an_id_may_be_shortened_as_long_as_one_is_meant(book):
    book.record_suspicions([suspicion("sus-12", signals=("x",)), suspicion("sus-2", signals=("y",))])
    assert item(book, "sus-1", NOW).suspicion.id == "sus-1"
    assert item(book, "sus-12", NOW).suspicion.id == "sus-12"
    for name in ("sus-", "", "nothing"):
        with pytest.raises(ConfigError):
            item(book, name, NOW)


def test_noise_counts_by_rule_and_takes_the_median_time(book):
    book.record_signals(
        [
            Signal(id=f"sig-{number}", source=source, title="t", when=NOW)
            for number, source in enumerate(["rules.user_created", "rules.user_created", "intake.person"])
        ]
    )
    book.record_suspicions([suspicion(f"sus-{number}", "user_created", signals=(str(number),)) for number in (2, 3)])
    book.record_suspicions([suspicion("sus-4", "intake.person", signals=("4",))])
    for name, minutes in (("sus-1", 10), ("sus-2", 30)):
        book.record_act(Act(about=name, verb="noticed", by="amberlight", when=NOW))
        dismiss(book, at=NOW + timedelta(minutes=minutes), name=name)
    deciding.promote(book, item(book, "sus-4", NOW), word())
    first, second = noise(book, LATER)
    assert (first.rule, first.fired, first.suspicions, first.promoted, first.dismissed) == ("user_created", 2, 3, 0, 2)
    assert first.median_s == 1200
    assert (second.rule, second.fired, second.promoted, second.median_s) == ("intake.person", 1, 1, None)


def test_a_case_is_closed_once_and_stays(book):
    decision = deciding.promote(book, item(book, "sus-1", NOW), word())
    case = Case(
        id="c", kind="incident", severity="high", opened=NOW, suspicion=suspicion(), decision=decision, targets=()
    )
    book.record_case(case)
    assert deciding.closed(book.acts(), case) is None
    deciding.close(book, case, word(LATER))
    assert deciding.closed(book.acts(), case).why == "the nightly scanner"
    with pytest.raises(DeliveryError):
        deciding.close(book, case, word(LATER, "bob"))
    assert book.cases() == (case,)
