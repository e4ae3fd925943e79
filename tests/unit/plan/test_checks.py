"""Every check, by one change to the guide's complete plan: exactly that point opens, and nothing else."""

from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from amberlight.model.readiness import Access, Channel, Clock, CrownJewel, Learning, LogStore, PlannedDrill
from amberlight.model.response_plan import Suppression
from amberlight.plan import load
from amberlight.plan.check import Check, Facts, carried
from amberlight.plan.checking import catalogue, checked
from amberlight.plan.requirements import ELSEWHERE, TITLES

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "response-plan.yaml"
PLAN = load(GUIDE)
TODAY = date(2026, 11, 24)
FACTS = Facts(today=TODAY)
OLD = date(2025, 1, 1)
LATER = date(2027, 1, 1)
ROLE = "arn:aws:iam::111111111111:role/org-inventory-reader"


def change(path, **fields):
    """A function that changes one part of a plan, named by a path such as `contacts.8`."""

    def changed(record, steps):
        if not steps:
            return replace(record, **fields)
        name, *rest = steps
        if isinstance(record, tuple):
            number = int(name)
            return (*record[:number], changed(record[number], rest), *record[number + 1 :])
        if isinstance(record, dict):
            return {**record, name: changed(record[name], rest)}
        return replace(record, **{name: changed(getattr(record, name), rest)})

    return lambda plan: changed(plan, path.split(".") if path else [])


def suppression(until):
    return (Suppression(who="*", what="first_time", where="*", reason="r", owner="detection", until=until),)


def one_account(plan):
    return replace(change("accounts.2", id="111111111111")(plan), logs=plan.logs[:2])


CASES = [
    ("people.two", "SEC10-BP01", change("contacts.9", name=" jon  BERG", role="forensics"), "'counsel' has 1 contact;"),
    ("people.two", "SEC10-BP01", change("contacts.9", name="mina  Sato"), "'counsel' has 1 contact;"),
    ("people.reviewed", "SEC10-BP01", change("contacts.2", reviewed="2025-01-01"), "'Sam Fell' was last reviewed on"),
    ("people.reviewed", "SEC10-BP01", change("contacts.2", reviewed="2026-12-01"), "in the future"),
    ("people.reviewed", "SEC10-BP01", change("contacts.2", reviewed="last week"), "never"),
    ("people.reached", "SEC10-BP01", change("contacts.8", also=()), "only through lantern.example"),
    ("people.reached", "SEC10-BP01", change("contacts.8", also=("m@eu.mail.Lantern.Example",)), "lantern.example"),
    ("people.reached", "SEC10-BP01", change("contacts.2", reach=" "), "no way to be reached"),
    ("people.domains", "SEC10-BP01", change("accounts.0", domains=()), "no account says which domains"),
    ("people.roles", "SEC10-BP02", change("roles.1", does=""), "'forensics' does is not written"),
    ("people.roles", "SEC10-BP02", change("authority.0", decide=("duty officer",)), "Nobody has the role"),
    ("whole.words", "SEC10-BP02", change("", incident_is=" "), "`incident_is` says nothing"),
    ("whole.words", "SEC10-BP02", change("", event_is=""), "`event_is` says nothing"),
    ("whole.kept_up", "SEC10-BP02", change("", reviewed=None), "reviewed never"),
    ("whole.kept_up", "SEC10-BP02", change("", reviewed=OLD), "days ago"),
    ("whole.kept_up", "SEC10-BP02", change("", owner=""), "no owner"),
    ("severities.words", "SEC10-BP02", lambda p: replace(p, severities=without(p.severities, "low")), "'low'"),
    ("severities.clocks", "SEC10-BP02", lambda p: replace(p, clocks=without(p.clocks, "low")), "has no acknowledge_min"),
    ("severities.clocks", "SEC10-BP02", change("clocks.high", decide_min=None), "'high' has no decide_min."),
    ("severities.clocks", "SEC10-BP02", change("clocks.high", decide_min=0), "nought or less for decide_min."),
    ("severities.ordered", "SEC10-BP02", change("clocks.high", decide_min=29), "decided after 29 minutes"),
    ("severities.ordered", "SEC10-BP02", change("clocks.high", preserve_min=59), "60 minutes where 'high' has 59"),
    ("authority.decided", "SEC10-BP02", change("authority.0", decide=()), "decide on declare."),
    ("authority.decided", "SEC10-BP02", change("authority.0", act="close"), "decide on declare."),
    ("authority.agreed", "SEC10-BP02", change("authority.3", approve=()), "'contain' needs nobody's agreement"),
    ("channel.there", "SEC10-BP02", change("", out_of_band=Channel()), "No out-of-band channel"),
    ("channel.there", "SEC10-BP02", change("out_of_band", tested=OLD), "last tried on 2025-01-01"),
    ("channel.there", "SEC10-BP02", change("out_of_band", carried_by=""), "`carried_by`"),
    ("channel.apart", "SEC10-BP02", change("out_of_band", join="https://chat.lantern.example/ir"), "lantern.example"),
    ("estate.uses", "SEC10-BP03", change("accounts.1", use="subject"), "No account of the use 'security'"),
    ("estate.uses", "SEC10-BP03", one_account, "incidents happen in"),
    ("estate.described", "SEC10-BP02", change("accounts.1", purpose=""), "what it is for"),
    ("estate.jewels", "SEC10-BP02", change("crown_jewels.0", account="999999999999"), "does not list"),
    ("estate.jewels", "SEC10-BP02", change("crown_jewels.0", owner=""), "has no owner"),
    ("estate.jewels", "SEC10-BP02", change("aware", crown_jewels=("key/alone",)), "'key/alone' says no account"),
    ("estate.within", "SEC10-BP03", change("accounts.0", regions=("us-east-1", "ap-south-1")), "uses ap-south-1"),
    ("outside.named", "SEC10-BP01", change("partners.1", kind="other"), "No aws partner"),
    ("outside.ready", "SEC10-BP01", change("partners.0", contacts=("+00 555 0201",)), "has 1 of 2 ways"),
    ("outside.ready", "SEC10-BP01", change("partners.1", contacts=("+00 1", "x@lantern.example")), "has 1 of 2 ways"),
    ("outside.ready", "SEC10-BP01", change("partners.2", agreement=""), "no agreement"),
    ("outside.ready", "SEC10-BP01", change("partners.2", reviewed=None), "reviewed never"),
    ("outside.ready", "SEC10-BP01", change("partners.0", tested=OLD), "test hand-over"),
    ("outside.duties", "SEC10-BP01", change("", duties=()), "No legal duties"),
    ("outside.duties", "SEC10-BP01", change("duties.0", within_hours=None), "no deadline"),
    ("outside.duties", "SEC10-BP01", change("duties.0", within_hours=0), "deadline of 0 hours"),
    ("outside.duties", "SEC10-BP01", change("duties.0", owner=""), "no owner"),
    ("outside.duties", "SEC10-BP01", change("duties.0", when=""), "starts its clock"),
    ("access.prepared", "SEC10-BP05", change("", access=Access(usual="u")), "`access.break_glass` says nothing"),
    ("access.prepared", "SEC10-BP05", change("access", kept_by=("Ada Voss", "Ada Voss")), "kept by 1"),
    ("access.prepared", "SEC10-BP05", change("access", tested=OLD), "last tried on"),
    ("watching.logs", "SEC10-BP06", change("logs.2", kind="dns"), "API calls of 'vault'"),
    ("watching.logs", "SEC10-BP06", change("logs.3", kept_days=30), "for 30 days"),
    ("watching.logs", "SEC10-BP06", change("logs.3", account="999999999999"), "does not list"),
    ("watching.rings", "SEC10-BP06", change("aware", page_at=101.0), "101"),
    ("watching.rings", "SEC10-BP06", change("aware", alarm_queue=""), "No alarm queue"),
    ("watching.suppressed", "SEC10-BP08", change("aware", suppressions=suppression(date(2026, 11, 23))), "ended on"),
    ("practised.playbooks", "SEC10-BP04", change("", playbooks=()), "No playbooks"),
    ("practised.playbooks", "SEC10-BP04", change("playbooks.0", drill="other"), "by no drill of the calendar (other)"),
    ("practised.planned", "SEC10-BP07", change("practice.calendar.0", owner=""), "no owner"),
    ("practised.due", "SEC10-BP07", change("practice.calendar.0", last=date(2026, 8, 25)), "was due on 2026-11-23"),
    ("practised.due", "SEC10-BP07", change("practice.calendar.0", last=None), "never run"),
    ("practised.due", "SEC10-BP07", change("practice.calendar.0", last=LATER), "in the future"),
    ("practised.due", "SEC10-BP07", change("practice.calendar.0", every_days=0), "every 0 days"),
    ("practised.learnt", "SEC10-BP08", change("", learning=Learning()), "Who sees to the review"),
    ("evidence.vault", "SEC10-BP03", change("vault", bucket=""), "no bucket"),
    ("evidence.vault", "SEC10-BP03", change("vault", signing_key="arn:aws:kms:r:111111111111:key/k"), "signing key"),
    ("evidence.limits", "SEC10-BP03", change("capture", max_seen=5), "is not 0 to 4: 5"),
    ("evidence.limits", "SEC10-BP03", change("capture", max_usd=0.0), "lets nothing be taken"),
]  # fmt: skip


def without(mapping, key):
    return {name: value for name, value in mapping.items() if name != key}


def test_the_guides_plan_has_nothing_open():
    report = checked(PLAN, FACTS)
    assert report.open == ()
    assert {each.state for each in report.requirements} == {"clear", "not-run", "elsewhere"}
    assert [each.id for each in report.requirements if each.state == "not-run"] == [
        "SEC10-BP03", "SEC10-BP05", "PR.AA-05", "IRG-11",
    ]  # fmt: skip


@pytest.mark.parametrize("check, requirement, changed, says", CASES)
def test_one_change_opens_one_kind_of_point(check, requirement, changed, says):
    points = checked(changed(PLAN), FACTS).open
    assert {point.check for point in points} == {check}
    assert {point.reference for point in points} == {requirement}
    assert any(says in point.what for point in points)
    assert all(point.risk and point.todo and point.where for point in points)


def test_every_check_has_a_case_of_its_own():
    assert {check.id for check in catalogue()} == {case[0] for case in CASES} | {"evidence.roles"}


def test_a_point_opens_every_requirement_that_its_check_answers():
    report = checked(change("duties.0", within_hours=None)(PLAN), FACTS)
    assert {each.id: each.open for each in report.requirements if each.state == "open"} == {
        "SEC10-BP01": 1, "GV.OC-03": 1, "RS.CO-02": 1,
    }  # fmt: skip


def test_roles_that_do_not_open_are_points_only_where_they_were_tried():
    found = checked(PLAN, Facts(today=TODAY, shut={ROLE: "not authorized"}))
    assert [(point.check, point.where) for point in found.open] == [("evidence.roles", "capture.capture_role")]
    assert "not authorized" in found.open[0].what
    opened = checked(PLAN, Facts(today=TODAY, shut={}))
    assert opened.open == ()
    assert "not-run" not in {each.state for each in opened.requirements}


def test_a_result_that_was_found_counts_as_the_last_run():
    late = change("practice.calendar.0", last=OLD)(PLAN)
    assert checked(late, FACTS).open
    assert not checked(late, Facts(today=TODAY, ran={"leaked_key": date(2026, 11, 20)})).open
    assert checked(late, Facts(today=TODAY, ran={"another": date(2026, 11, 20)})).open


def test_who_asks_does_not_agree_to_it():
    alone = change("authority.3", decide=("incident lead",), approve=("incident lead",))
    assert not checked(alone(PLAN), FACTS).open
    one = replace(PLAN, contacts=PLAN.contacts[:1] + PLAN.contacts[2:])
    points = checked(alone(one), FACTS).open
    assert {point.check for point in points} == {"people.two", "authority.agreed"}


def test_a_suppression_holds_on_its_last_day():
    assert not checked(change("aware", suppressions=suppression(TODAY))(PLAN), FACTS).open


def test_an_arn_says_the_account_by_itself():
    jewel = CrownJewel(resource="arn:aws:kms:us-east-1:999999999999:key/k", why="w", owner="o")
    assert "does not list" in checked(replace(PLAN, crown_jewels=(jewel,)), FACTS).open[0].what
    both = replace(jewel, account="111111111111")
    assert "by its ARN" in checked(replace(PLAN, crown_jewels=(both,)), FACTS).open[0].what


@pytest.mark.parametrize(
    "way, found",
    [
        ("ada@lantern.example", True),
        ("Ada <ada@Mail.Lantern.Example>", True),
        ("https://chat.lantern.example:8443/room", True),
        ("lantern.example, room 3", True),
        ("ada@notlantern.example", False),
        ("ada@lantern.example.org", False),
        ("+00 555 0100", False),
        ("", False),
    ],
)
def test_a_way_hangs_on_a_domain_and_its_subdomains_alone(way, found):
    assert bool(carried(way, ("lantern.example",))) is found


def test_requirements_and_checks_name_one_another():
    answered = {name for check in catalogue() for name in check.answers}
    everything = {name for titles in TITLES.values() for name in titles}
    assert answered | set(ELSEWHERE) == everything
    assert not answered & set(ELSEWHERE)
    assert {name for name in everything if name.startswith("SEC10-BP")} == {f"SEC10-BP0{n}" for n in range(1, 9)}
    assert all(name in answered for name in TITLES["AWS Well-Architected"])
    assert all(isinstance(check, Check) and check.asks.endswith("?") for check in catalogue())
    assert len({check.id for check in catalogue()}) == len(catalogue())


def test_an_empty_plan_is_checked_without_an_error():
    bare = replace(
        PLAN, contacts=(), accounts=(), roles=(), clocks={}, severities={}, authority=(), partners=(), logs=(LogStore(
            kind="dns", account=""),), practice=replace(PLAN.practice, drills=(), calendar=(PlannedDrill(drill=""),)),
    )  # fmt: skip
    points = checked(replace(bare, clocks={"low": Clock(acknowledge_min=-1)}), FACTS).open
    assert {"people.two", "severities.clocks", "authority.decided", "watching.logs", "practised.due"} <= {
        point.check for point in points
    }
