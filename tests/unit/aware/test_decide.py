"""The plan decides as far as it says, and no further."""

import msgspec
import pytest

from amberlight.aware.decide import decide, open_case
from amberlight.aware.judge import Judge
from amberlight.model.errors import ApprovalMissing
from amberlight.model.response_plan import Account, AwarePlan, ResponsePlan, VaultPlan
from aware.sampling import START
from aware.test_judge import attack


def plan(*promote):
    return ResponsePlan(
        schema="amberlight.response-plan/1", organisation="o", incident_is="i", severities={}, contacts=(),
        accounts=(Account(id="111122223333", name="prod", use="subject"),),
        vault=VaultPlan(bucket="b", region="us-east-1", signing_key="k"), aware=AwarePlan(auto_promote=promote),
    )  # fmt: skip


@pytest.fixture(scope="module")
def suspicion():
    judge = Judge()
    judge.observe(attack())
    return judge.suspicions()[0]


@pytest.mark.parametrize(
    "kind,promote,decided",
    [
        ("drill", ("drill",), True),
        ("incident", ("drill",), False),
        ("incident", ("critical",), True),
        ("incident", ("medium",), False),
        ("drill", (), False),
    ],
)
def test_only_what_the_plan_names_is_promoted(suspicion, kind, promote, decided):
    decision = decide(suspicion, plan(*promote), kind, START)
    assert (decision is not None) is decided
    if decision:
        assert decision.verdict == "promoted"
        assert promote[0] in decision.authority
        assert decision.reason


def test_what_does_not_page_is_never_promoted(suspicion):
    quiet = msgspec.structs.replace(suspicion, page=False)
    assert decide(quiet, plan("drill", "critical"), "drill", START) is None


def test_a_case_has_its_targets(suspicion):
    decision = decide(suspicion, plan("drill"), "drill", START)
    case = open_case(suspicion, decision, plan(), "drill", START, "case-1", ("us-east-1", "eu-central-1"))
    labels = {target.label for target in case.targets}
    assert {"account/111122223333@us-east-1", "instance/i-0web@us-east-1", "instance/i-0min1@eu-central-1"} <= labels
    assert {target.type for target in case.targets} == {"account", "instance", "bucket", "user", "role", "key"}
    assert {target.account for target in case.targets} == {"111122223333"}
    assert case.kind == "drill"


def test_a_dismissed_suspicion_opens_no_case(suspicion):
    decision = msgspec.structs.replace(decide(suspicion, plan("drill"), "drill", START), verdict="dismissed")
    with pytest.raises(ApprovalMissing):
        open_case(suspicion, decision, plan(), "drill", START, "case-1", ("us-east-1",))
