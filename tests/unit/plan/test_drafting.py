"""Answers over findings; an answer that is no part of a plan is an error with its line."""

from datetime import date

import pytest

from amberlight.model.errors import ConfigError
from amberlight.plan import dump, parse
from amberlight.plan.asking import answers
from amberlight.plan.drafting import draft, notes
from amberlight.plan.reading import plain, yaml
from amberlight.plan.survey import Bucket, Found

TODAY = date(2026, 11, 24)
FOUND = Found(
    account="111111111111", name="prod", regions=("us-east-1",),
    buckets=(Bucket(name="large", size_bytes=9.0, tags=1), Bucket(name="other", size_bytes=8.0, tags=0)),
    unread=("alarms: denied\nschema: 2",),
)  # fmt: skip


def from_text(text, found=FOUND):
    return draft(found, plain(yaml(text, "a.yaml")), text, "a.yaml")


def test_an_answer_stands_over_what_was_found():
    plan = from_text(
        "organisation: O\ncrown_jewels: [{resource: key/x}]\nvault: {bucket: b}\n"
        "accounts:\n- {id: '222222222222', name: vault, use: vault}\n"
        "- {id: '111111111111', name: shop, use: subject, purpose: p}\n"
    )
    assert [(one.id, one.name, one.purpose, one.regions) for one in plan.accounts] == [
        ("222222222222", "vault", "", ()),
        ("111111111111", "shop", "p", ("us-east-1",)),
    ]
    assert [one.resource for one in plan.crown_jewels] == ["key/x"]
    assert (plan.vault.bucket, plan.vault.region, plan.organisation) == ("b", "", "O")


def test_an_account_that_was_found_and_not_answered_stays():
    plan = from_text("accounts: [{id: '222222222222', name: vault, use: vault}]\n")
    assert [one.id for one in plan.accounts] == ["222222222222", "111111111111"]


@pytest.mark.parametrize(
    "text, line",
    [
        ("organisation: o\norganization: p\n", 2),
        ("duties:\n- name: a\n  within: 3\n", 3),
        ("accounts:\n- {id: 111111111111, name: a, use: subject}\n", 2),
        ("accounts:\n- {id: [1], name: a, use: subject}\n", 2),
        ("accounts:\n- just text\n", 2),
        ("vault: no\n", 1),
    ],
)
def test_an_answer_that_is_no_part_of_a_plan_names_its_line(text, line):
    with pytest.raises(ConfigError, match=rf"a\.yaml, line {line}: "):
        from_text(text)


def test_notes_in_the_head_are_comments_whatever_they_say():
    plan = draft(FOUND, {"organisation": "o"})
    text = dump(plan, notes=tuple(notes(FOUND)))
    assert "# " in text
    assert parse(text).organisation == "o"
    assert "NOT READ: alarms: denied" in text


class Asker:
    """Answers by the first words of a question; everything else with nothing or the proposal."""

    def __init__(self, said, *, take=True):
        self.said, self.take, self.asked = {key: list(value) for key, value in said.items()}, take, []

    def __call__(self, question, default):
        self.asked.append(question)
        for start, given in self.said.items():
            if question.startswith(start) and given:
                return given.pop(0)
        return default if self.take else ""


def test_nothing_answered_leaves_everything_out():
    asker = Asker({}, take=False)
    assert answers(asker, None, TODAY) == {}
    assert len(asker.asked) > 20


def test_enter_takes_what_was_found_and_invents_nothing():
    said = answers(Asker({}), FOUND, TODAY)
    assert said == {"accounts": [{"id": "111111111111", "name": "prod", "use": "subject"}]}


def test_what_people_say_becomes_a_plan():
    asker = Asker({
        "Organisation": ["Lantern"], "What is critical": ["now"], "critical: minutes": ["soon"],
        "critical: three": ["fast", "15, 30 60"], "incident lead, first": ["Noor"], "Noor: telephone": ["+00 1"],
        "incident lead, second": ["Tomas"], "Out-of-band channel": ["Bridge"], "What carries": ["Telephone"],
        "bucket/large": ["customers"], "Who answers for bucket/large": ["platform"],
        "Another resource": ["key/k"], "What would its loss": ["all"], "Evidence bucket": ["e"],
        "Partner for forensics": ["Harbour"], "Harbour: first": ["+00 2"],
        "A legal duty": ["GDPR"], "Within how many": ["three"], "A whole number": ["72"], "Role that does it": ["counsel"],
    })  # fmt: skip
    plan = draft(FOUND, answers(asker, FOUND, TODAY))
    assert plan.organisation == "Lantern"
    assert plan.clocks["critical"].preserve_min == 60
    assert list(plan.clocks) == ["critical"]
    assert [(one.name, one.role, one.reach, one.reviewed) for one in plan.contacts] == [
        ("Noor", "incident lead", "+00 1", "2026-11-24"),
        ("Tomas", "incident lead", "", ""),
    ]
    assert [role.name for role in plan.roles] == ["incident lead"]
    assert (plan.out_of_band.name, plan.out_of_band.join, plan.out_of_band.carried_by) == ("Bridge", "", "Telephone")
    assert [(one.resource, one.account, one.why, one.owner) for one in plan.crown_jewels] == [
        ("bucket/large", "111111111111", "customers", "platform"),
        ("key/k", "111111111111", "all", ""),
    ]
    assert [(one.kind, one.contacts) for one in plan.partners] == [("forensics", ("+00 2",))]
    assert [(one.name, one.within_hours, one.owner) for one in plan.duties] == [("GDPR", 72.0, "counsel")]
    assert plan.vault.bucket == "e"
