"""The document: complete, self-contained, and deaf to what hostile names say."""

import base64
import hashlib
import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from amberlight.model.response_plan import Contact, ResponsePlan, VaultPlan
from amberlight.plan import load
from amberlight.plan.check import Facts
from amberlight.plan.checking import checked
from amberlight.plan.document import hours, minutes
from amberlight.plan.rendering import clean, html, markdown, marked, telephone

PLAN = load(Path(__file__).parents[3] / "docs" / "guide" / "response-plan.yaml")
FACTS = Facts(today=date(2026, 11, 24))
THIN = ResponsePlan(
    schema="amberlight.response-plan/1", organisation="o", incident_is="i", severities={}, contacts=(), accounts=(),
    vault=VaultPlan(bucket="", region="", signing_key=""),
)  # fmt: skip
HOSTILE = (
    "</td><script>alert(1)</script> \"' | a\n# b `c` [x](https://evil.example) <img src=//e.example> \x1b[2J\u202e"
)


class Page(HTMLParser):
    """Elements, the attributes that could load or run something, and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.other, self.text = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name == "href":
                self.links.append(value)
            elif name.startswith("on") or name in ("src", "srcset", "style", "action", "data", "poster"):
                self.other.append((name, value))

    def handle_data(self, data):
        self.text.append(data)


def hostile(plan):
    """The plan with every text that people or AWS wrote turned against the reader."""
    contact = Contact(name=HOSTILE, role=HOSTILE, reach=HOSTILE, reviewed=HOSTILE, also=("+00 555 0101",))
    return replace(
        plan,
        organisation=HOSTILE, revision=HOSTILE, owner=HOSTILE, event_is=HOSTILE, incident_is=HOSTILE,
        severities={"low": HOSTILE}, contacts=(contact,),
        accounts=tuple(replace(one, name=HOSTILE, purpose=HOSTILE, owner=HOSTILE) for one in plan.accounts),
        crown_jewels=tuple(replace(one, resource=HOSTILE, why=HOSTILE) for one in plan.crown_jewels),
        partners=tuple(replace(one, name=HOSTILE, contacts=(HOSTILE,)) for one in plan.partners),
        duties=tuple(replace(one, name=HOSTILE, when=HOSTILE) for one in plan.duties),
    )  # fmt: skip


@pytest.mark.parametrize("plan", [PLAN, THIN, hostile(PLAN)], ids=["complete", "thin", "hostile"])
def test_the_page_asks_nobody_and_runs_nothing(plan):
    text = html(plan, checked(plan, FACTS))
    page = Page(text)
    assert not {"script", "img", "link", "iframe", "object", "form", "base"} & set(page.tags)
    assert page.other == []
    assert all(link.startswith(("#", "tel:")) for link in page.links)
    assert "\x1b" not in text
    assert "\u202e" not in text
    targets = {link[1:] for link in page.links if link.startswith("#")}
    assert targets <= set(re.findall(r'id="([a-z]+)"', text))
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in text
    assert "url(" not in style
    assert "@import" not in style


def test_a_hostile_name_is_shown_as_it_is():
    text = html(hostile(PLAN), checked(hostile(PLAN), FACTS))
    page = Page(text)
    assert any("<script>alert(1)</script>" in data for data in page.text)
    assert "tel:+005550101" in page.links
    assert len([link for link in page.links if link.startswith("tel:")]) == 1


def test_nothing_of_the_plan_is_left_out():
    text = "\n".join(Page(html(PLAN, checked(PLAN, FACTS))).text)
    for said in (
        *(one.name for one in PLAN.contacts), "+00 555 0109", *(one.does for one in PLAN.roles),
        PLAN.event_is, PLAN.incident_is, *PLAN.severities.values(), "15 min", "7 days",
        PLAN.out_of_band.join, PLAN.out_of_band.carried_by, *(one.act for one in PLAN.authority),
        *(one.agreement for one in PLAN.partners), *(one.name for one in PLAN.duties), "72 h",
        *(one.id for one in PLAN.accounts), PLAN.crown_jewels[0].resource, *(one.place for one in PLAN.logs),
        PLAN.access.break_glass, PLAN.playbooks[0].place, PLAN.vault.signing_key, "$50.00", PLAN.capture.capture_role,
        PLAN.aware.alarm_queue, "2027-01-10", PLAN.learning.register, "SEC10-BP08", "roles not tried",
    ):  # fmt: skip
        assert clean(said) in text, said


def test_what_is_open_is_in_the_document():
    report = checked(THIN, FACTS)
    text = html(THIN, report)
    assert f"<b>{len(report.open)}</b> open points" in text
    assert "The first rehearsal is the incident." in text
    assert "The first rehearsal is the incident." in markdown(THIN, report)


@pytest.mark.parametrize("plan", [PLAN, THIN, hostile(PLAN)], ids=["complete", "thin", "hostile"])
def test_every_row_of_a_markdown_table_has_the_columns_of_its_head(plan):
    width = 0
    for line in markdown(plan, checked(plan, FACTS)).splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        columns = len(re.findall(r"(?<!\\)\|", line))
        width = width or columns
        assert columns == width, line


def test_hostile_text_means_nothing_in_markdown():
    text = markdown(hostile(PLAN), checked(hostile(PLAN), FACTS))
    assert "<script" not in text.replace("\\<", "")
    assert "](" not in text.replace("\\]", "").replace("\\(", "")
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        line for line in text.splitlines() if line.startswith(("# Incident response plan", "## "))
    ]
    assert marked("a|b\nc") == r"a\|b c"


@pytest.mark.parametrize(
    "text, number",
    [
        ("+00 555 0101", "+005550101"),
        (" 0800/123-456 ", "0800123456"),
        ("ada@x.example", ""),
        ("+00 555 0101;ext=1", ""),
        ("javascript:alert(1)", ""),
        ("+1\n+2", ""),
        ("1" * 40, ""),
    ],
)
def test_only_a_number_becomes_a_link(text, number):
    assert telephone(text) == number


@pytest.mark.parametrize(
    "given, said", [(None, ""), (15, "15 min"), (60, "1 h"), (90, "1.5 h"), (1440, "24 h"), (2880, "2 days")]
)
def test_minutes_in_words(given, said):
    assert minutes(given) == said


def test_seventy_two_hours_stay_hours():
    assert hours(72) == "72 h"
