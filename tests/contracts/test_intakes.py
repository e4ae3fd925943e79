"""One contract over all intakes: each says what it is, knows its own messages, and keeps what it cannot read."""

import importlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from amberlight.aware.envelope import messages
from amberlight.aware.telling import UNREADABLE, load, told
from amberlight.model.errors import ConfigError

SAMPLES = Path(__file__).parents[1] / "unit" / "aware" / "intakes"
INTAKES = load()
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def samples(word):
    return sorted(path for path in SAMPLES.glob(f"*/{word}-*.json") if path.parent.name in INTAKES) + sorted(
        path for path in SAMPLES.glob(f"*/{word}.json") if path.parent.name in INTAKES
    )


def named(path):
    return f"{path.parent.name}-{path.stem}"


GOOD, BAD = samples("good"), samples("bad")


@pytest.mark.parametrize("intake", INTAKES.values(), ids=INTAKES)
def test_an_intake_says_what_it_is_and_has_samples(intake):
    module = importlib.import_module(f"amberlight.aware.intake.{intake.id}")
    assert module.INTAKE is intake
    assert len(module.__doc__) > 80
    assert module.__doc__.splitlines()[0].endswith((".", ":"))
    assert intake.title
    assert intake.how
    assert intake.references
    assert all(reference.startswith("https://") for reference in intake.references)
    assert any(path.parent.name == intake.id for path in GOOD), f"put good*.json into {SAMPLES / intake.id}"
    assert any(path.parent.name == intake.id for path in BAD), f"put bad-*.json into {SAMPLES / intake.id}"


def test_no_samples_are_left_over():
    assert {path.name for path in SAMPLES.iterdir()} == set(INTAKES)


@pytest.mark.parametrize("path", GOOD, ids=named)
def test_a_good_message_is_known_by_one_intake_alone(path):
    raw = json.loads(path.read_text(encoding="utf-8"))
    for message in messages(raw):
        assert [one.id for one in INTAKES.values() if one.knows(message)] == [path.parent.name]
    found = told(raw, NOW)
    assert not found.problems
    assert found.signals
    for signal in found.signals:
        assert signal.source == f"intake.{path.parent.name}"
        assert f"{signal.when:%Y-%m-%d}" in {"2026-11-19", "2026-11-20"}
        assert signal.when.tzinfo is not None
        assert signal.reason
        assert signal.raw


@pytest.mark.parametrize("path", GOOD, ids=named)
def test_envelopes_change_nothing_but_the_raw_form(path):
    raw = json.loads(path.read_text(encoding="utf-8"))
    note = {"Type": "Notification", "MessageId": "1", "TopicArn": "t", "Message": json.dumps(raw)}
    queued = {"MessageId": "2", "ReceiptHandle": "r", "Body": json.dumps(note)}
    direct = told(raw, NOW).signals
    for outer in (note, queued, {"Records": [{"messageId": "3", "body": json.dumps(raw)}]}, json.dumps(queued)):
        nested = told(outer, NOW).signals
        assert [one.id for one in nested] == [one.id for one in direct]
        assert [(one.reason, one.points, one.resources) for one in nested] == [
            (one.reason, one.points, one.resources) for one in direct
        ]


@pytest.mark.parametrize("path", BAD, ids=named)
def test_a_bad_message_is_refused_in_a_sentence_and_kept(path):
    raw = json.loads(path.read_text(encoding="utf-8"))
    intake = INTAKES[path.parent.name]
    assert intake.knows(messages(raw)[0])
    with pytest.raises(ConfigError) as caught:
        intake.read(raw)
    assert caught.value.fix
    found = told(raw, NOW)
    assert [one.source for one in found.signals] == [UNREADABLE]
    assert found.signals[0].raw == raw
    assert found.signals[0].points == 0
    assert found.problems == (caught.value.cause,)


@pytest.mark.parametrize("path", GOOD, ids=named)
def test_any_field_may_be_of_any_type(path):
    """Whatever stands where a text is expected: signals or one that says why not, and never an error."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    for junk in (None, 7, [], {}, "\u202e\x1b[2J", [[["x"]]]):
        for changed in altered(raw, junk):
            found = told(changed, NOW)
            assert found.signals


def altered(value, junk):
    """The value with each one of its members replaced in turn."""
    if isinstance(value, dict):
        for key in value:
            yield {**value, key: junk}
            yield from ({**value, key: inner} for inner in altered(value[key], junk))
    elif isinstance(value, list):
        for number, one in enumerate(value[:3]):
            for inner in [junk, *altered(one, junk)]:
                yield [*value[:number], inner, *value[number + 1 :]]
