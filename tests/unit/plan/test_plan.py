"""The response plan: read strictly, written back the same, and its open points."""

import pytest
from msgspec.structs import replace

from amberlight.model.errors import ConfigError
from amberlight.model.readiness import CrownJewel
from amberlight.model.response_plan import Account, AwarePlan, CaptureLimits, Contact, ResponsePlan, VaultPlan
from amberlight.plan import dump, load, parse
from amberlight.plan.lines import line_of

PLAN = ResponsePlan(
    schema="amberlight.response-plan/1",
    organisation="Harbour Goods: #1",
    incident_is="somebody uses credentials that are not theirs",
    severities={"critical": "15 minutes", "low": "a week"},
    contacts=(
        Contact(name="Ada", role="lead", reach="+00 1", reviewed="2026-11-01"),
        Contact(name="Bo", role="lead", reach="+00 2", reviewed="2026-10-01"),
    ),
    accounts=(
        Account(id="111111111111", name="prod", use="subject"),
        Account(id="222222222222", name="vault", use="vault"),
    ),
    vault=VaultPlan(bucket="b", region="us-east-1", signing_key="k"),
)


def test_a_plan_survives_writing_and_reading():
    assert parse(dump(PLAN)) == PLAN


def test_an_unknown_key_is_named_with_what_it_may_have_meant():
    text = dump(PLAN).replace("  max_seen: 2", "  max_sean: 2")
    with pytest.raises(ConfigError) as caught:
        parse(text, "p.yaml")
    assert "max_sean" in caught.value.cause
    assert "p.yaml" in caught.value.cause
    assert caught.value.fix == "Did you mean `max_seen`?"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "old, new, line_holds, says",
    [
        ("  max_seen: 2", "  max_sean: 2", "max_sean", "unknown field"),
        ("  - id: '222222222222'", "  - id: 222222222222", "222222222222", "Expected `str`, got `int`"),
        ("    reach: +00 2\n", "", "name: Bo", "missing required field `reach`"),
        ("  low: a week", "  lwo: a week", "lwo: a week", "Invalid enum value"),
        ("aware:", "clocks: {low: {decide_min: 9}, high: {decide: 9}}\naware:", "clocks", "unknown field `decide`"),
        ("aware:", "clocks:\n  low: {decide_min: 9}\n  high:\n    decide: 9\naware:", "    decide: 9", "`decide`"),
        ("aware:", "duties: [{name: a}, {name: b, within_hours: soon}]\naware:", "duties", "Expected `float | null`"),
    ],
)
def test_an_error_names_the_line(old, new, line_holds, says):
    text = dump(PLAN)
    assert old in text
    text = text.replace(old, new)
    with pytest.raises(ConfigError, match=r"p\.yaml, line \d+: ") as caught:
        parse(text, "p.yaml")
    number = int(caught.value.cause.partition(", line ")[2].partition(":")[0])
    assert line_holds in text.splitlines()[number - 1]
    assert says in caught.value.cause


def test_advice_is_never_the_key_that_is_wrong():
    text = dump(PLAN).replace("aware:", "clocks: {high: {decide: 9}}\naware:")
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert caught.value.fix == "Did you mean `decide_min`?"


@pytest.mark.parametrize(
    "problem, line",
    [
        ("Object missing required field `n` - at `$.a[...]`", 3),
        ("Object contains unknown field `n` - at `$.a[...]`", 2),
        ("Expected `str`, got `int` - at `$.a[...].n`", 2),
        ("Expected `str`, got `int` - at `$.b`", None),
        ("Object missing required field `z`", 1),
    ],
)
def test_the_first_place_that_can_be_meant_is_the_line(problem, line):
    assert line_of("a:\n  x: {n: 1}\n  y: {}\n", problem) == line


def test_a_number_without_quotes_is_to_be_quoted():
    with pytest.raises(ConfigError) as caught:
        parse(dump(PLAN).replace("'111111111111'", "012345678901"))
    assert "quotes" in caught.value.fix


def test_a_day_needs_no_quotes():
    text = dump(PLAN).replace("reviewed: '2026-10-01'", "reviewed: 2026-10-01")
    assert parse(text) == PLAN


@pytest.mark.parametrize("text", ["2026-13-01", "2026-02-30T00:00:00Z"])
def test_a_day_that_is_none_is_an_error(text):
    with pytest.raises(ConfigError):
        parse(dump(PLAN).replace("reviewed: '2026-10-01'", f"reviewed: {text}"))


def test_anchors_that_multiply_end_early():
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9))
    with pytest.raises(ConfigError, match="too large"):
        parse(f"l0: &l0 [x]\n{levels}\n")


def test_what_is_empty_is_left_out_only_where_reading_puts_it_back():
    plan = replace(PLAN, capture=CaptureLimits(capture_role="", max_usd=0.0), aware=AwarePlan(page_at=0))
    assert parse(dump(plan)) == plan
    assert "duties" not in dump(plan)


def test_a_note_cannot_end_its_comment():
    assert parse(dump(PLAN, notes=("bucket\nschema: 2\x85x: 1\u2028\x1b[2J",))) == PLAN


def test_crown_jewels_count_in_triage():
    plan = replace(PLAN, crown_jewels=(CrownJewel(resource="bucket/x"), CrownJewel(resource="key/y")),
                   aware=AwarePlan(crown_jewels=("key/y", "z")))  # fmt: skip
    read = parse(dump(plan))
    assert read.aware.crown_jewels == ("key/y", "z", "bucket/x")
    assert parse(dump(read)) == read


def test_a_key_like_nothing_known_is_to_be_removed():
    with pytest.raises(ConfigError) as caught:
        parse(dump(PLAN) + "\nzzzzqq: 1\n")
    assert "Remove" in caught.value.fix


@pytest.mark.parametrize(
    "text",
    ["", "just words", "a: [", "schema: 1", "a: 1\na: 2", "!!python/object/apply:os.system ['true']", "&a [*a]"],
)
def test_what_is_no_plan_is_a_configuration_error(text):
    with pytest.raises(ConfigError):
        parse(text)


def test_a_plan_of_another_schema_is_refused():
    with pytest.raises(ConfigError, match=r"amberlight\.response-plan/9"):
        parse(dump(PLAN).replace("response-plan/1", "response-plan/9"))


def test_a_missing_file_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.yaml")
