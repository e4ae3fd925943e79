"""The response plan: read strictly, written back the same, and its open points."""

from datetime import date

import pytest

from amberlight.model.errors import ConfigError
from amberlight.model.response_plan import Account, Contact, ResponsePlan, VaultPlan
from amberlight.plan import dump, load, parse
from amberlight.plan.checking import open_points

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
TODAY = date(2026, 11, 24)


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


def test_a_whole_plan_has_no_open_point_but_practice_and_partner():
    assert [point.what for point in open_points(PLAN, TODAY)] == ["No drill is planned.", "No forensics partner."]


def test_one_contact_a_stale_one_and_a_vault_among_the_subjects_are_open_points():
    import msgspec

    worse = msgspec.structs.replace(
        PLAN,
        contacts=(Contact(name="Ada", role="lead", reach="+00 1", reviewed="2025-01-01"),),
        accounts=(
            Account(id="111111111111", name="prod", use="subject"),
            Account(id="111111111111", name="vault", use="vault"),
        ),
    )
    texts = " ".join(point.what for point in open_points(worse, TODAY))
    assert "1 contact" in texts
    assert "2025-01-01" in texts
    assert "in an account that incidents happen in" in texts
