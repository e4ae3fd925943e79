"""Records: canonical form, hashes, strict decoding; errors: words and exit codes."""

import hashlib
import json
from datetime import UTC, datetime

import msgspec
import pytest

from amberlight.model import codec, errors
from amberlight.model.custody import Checkpoint
from amberlight.model.signals import Target

CHECKPOINT = Checkpoint(
    schema="amberlight.checkpoint/1",
    case="c-1",
    kind="drill",
    size=3,
    root="ab" * 32,
    last="cd" * 32,
    when=datetime(2026, 3, 1, 12, tzinfo=UTC),
    key="ef" * 32,
)


def test_the_canonical_form_is_sorted_dense_json():
    text = codec.canonical(CHECKPOINT).decode()
    assert text.startswith('{"case":"c-1","key":"efef')
    assert '"when":"2026-03-01T12:00:00Z"' in text
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_the_digest_is_over_the_canonical_form():
    assert codec.digest(CHECKPOINT) == hashlib.sha256(codec.canonical(CHECKPOINT)).hexdigest()


def test_a_record_survives_the_codec():
    assert codec.loads(codec.dumps(CHECKPOINT), Checkpoint) == CHECKPOINT


def test_a_record_cannot_be_changed():
    with pytest.raises(AttributeError):
        CHECKPOINT.size = 4


def test_a_drill_is_a_drill_or_an_incident_and_nothing_else():
    other = codec.dumps(CHECKPOINT).replace(b'"drill"', b'"exercise"')
    with pytest.raises(errors.ConfigError, match="kind"):
        codec.loads(other, Checkpoint, "cp.json")


def test_the_label_of_a_target():
    assert Target(type="instance", account="1", region="eu-west-1", name="i-0").label == "instance/i-0@eu-west-1"


def test_every_error_has_a_code_of_its_own_and_a_fix_line():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    codes = [kind.code for kind in kinds]
    assert len(codes) == len(set(codes)) == 10
    for kind in kinds:
        assert kind("It broke.", "Mend it.").diagnostics() == f"It broke. [{kind.code}]\nMend it."
        assert kind.exit_code in {1, 2, 3, 4, 5, 6}


def test_published_records_have_json_schemas():
    from amberlight.model.evidence import CapturePlan, Evidence
    from amberlight.model.rehearsal import Scorecard
    from amberlight.model.response_plan import ResponsePlan

    for kind in (CapturePlan, Evidence, Scorecard, ResponsePlan, Checkpoint):
        assert kind.__name__ in msgspec.json.schema(kind)["$defs"]
