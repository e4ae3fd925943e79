"""A capture by itself: where it looks, what it may do unasked."""

import pytest
from msgspec import structs

from amberlight.casebook import Casebook
from amberlight.model.errors import ConfigError
from amberlight.model.response_plan import Account, CaptureLimits, ResponsePlan, VaultPlan
from amberlight.response import capturing

ACCOUNT = "111122223333"
PLAN = ResponsePlan(
    schema="amberlight.response-plan/1",
    organisation="x",
    incident_is="x",
    severities={},
    contacts=(),
    accounts=(Account(id=ACCOUNT, name="prod", use="subject"),),
    vault=VaultPlan(bucket="b", region="eu-central-1", signing_key="k"),
)


def test_a_capture_looks_where_the_plan_says_else_where_the_account_is_used():
    used = (Account(id=ACCOUNT, name="prod", use="subject", regions=("eu-west-1", "us-east-1")),)
    assert capturing.regions(structs.replace(PLAN, accounts=used)) == ("eu-west-1", "us-east-1")
    both = structs.replace(PLAN, accounts=used, capture=CaptureLimits(regions=("eu-west-1",)))
    assert capturing.regions(both) == ("eu-west-1",)


def test_a_plan_without_regions_is_no_narrow_capture():
    with pytest.raises(ConfigError, match="into which Regions"):
        capturing.regions(PLAN)


@pytest.mark.parametrize(
    "text, name, region",
    [("instance/i-0abc", "i-0abc", "eu-central-1"), ("bucket/a@us-east-1", "a", "us-east-1")],
)
def test_a_target_is_read_as_people_write_it(text, name, region):
    found = capturing.target(text, ACCOUNT, "eu-central-1")
    assert (found.type, found.name, found.account, found.region) == (text.split("/")[0], name, ACCOUNT, region)


@pytest.mark.parametrize("text", ["", "instance", "instance/", "planet/earth", "/i-0abc"])
def test_what_is_no_target_is_said(text):
    with pytest.raises(ConfigError, match="is no target"):
        capturing.target(text, ACCOUNT, "eu-central-1")


def test_a_case_that_nobody_opened_is_said():
    book = Casebook("sqlite://")
    with pytest.raises(ConfigError, match="no case 'c-1'"):
        book.case("c-1")
    book.close()
