"""Suppressions lower what is shown, never what is kept; they end, and say what they held back."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from amberlight._aws import SystemClock
from amberlight.aware.judge import Judge
from amberlight.cli.scan import command
from amberlight.model.errors import ConfigError
from amberlight.model.response_plan import AwarePlan, Suppression
from amberlight.plan import parse
from aware.sampling import call, record, role, user

TODAY = date(2026, 11, 21)
WHO = "arn:aws:iam::111122223333:user/alice"
STOP = {"eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging", "requestParameters": {"name": "main"}}
CONSOLE = {"eventSource": "iam.amazonaws.com", "eventName": "CreateUser", "requestParameters": {"userName": "new"}}


def suppression(**more):
    found = {"who": WHO, "what": "logging_stopped", "where": "*", "reason": "move of the trail", "owner": "maria",
             "until": date(2026, 12, 31), **more}  # fmt: skip
    return Suppression(**found)


def judged(*found, events=None, today=TODAY):
    judge = Judge(AwarePlan(suppressions=found), today=today)
    judge.observe(events or [call("cloudtrail:StopLogging", user("alice"), 0, {"name": "main"})])
    return judge


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"who": "arn:aws:iam::*:user/alice"},
        {"who": "*"},
        {"what": "logging_*"},
        {"what": "*", "where": "111122223333"},
        {"where": "111122223333/us-east-1"},
        {"where": "198.51.100.0/24"},
        {"until": TODAY},
    ],
)
def test_what_it_means_does_not_page_and_is_kept(more):
    judge = judged(suppression(**more))
    (found,) = judge.suspicions()
    assert (found.page, found.held_page, found.score) == (False, True, 0)
    assert [(one.rule, one.owner, one.reason) for one in found.suppressed] == [
        ("logging_stopped", "maria", "move of the trail")
    ]
    assert "suppressed until" in found.reasons[-1].text
    assert "maria: move of the trail" in found.reasons[-1].text
    assert found.event_ids == found.reasons[-1].event_ids
    assert len(found.event_ids) == 1
    (use,) = judge.suppressed()
    assert (use.applied, use.held, use.pages) == (True, 1, 1)


@pytest.mark.parametrize(
    "more",
    [
        {"who": "arn:aws:iam::111122223333:user/alic"},
        {"who": "*user/bob"},
        {"what": "logging"},
        {"where": "999988887777"},
        {"where": "111122223333/eu-west-1"},
        {"where": "198.51.101.0/24"},
        {"until": TODAY - timedelta(days=1)},
    ],
)
def test_anything_else_pages_as_before(more):
    judge = judged(suppression(**more))
    (found,) = judge.suspicions()
    assert found == judged().suspicions()[0]
    assert found.page
    (use,) = judge.suppressed()
    assert (use.applied, use.held, use.pages) == (more.get("until") is None, 0, 0)


def test_without_a_day_nothing_is_held_back():
    judge = judged(suppression(), today=None)
    assert judge.suspicions()[0].page
    assert not judge.suppressed()[0].applied


def test_what_else_the_principal_does_counts_in_full():
    events = [
        call("cloudtrail:StopLogging", user("alice"), 0, {"name": "main"}),
        call("iam:CreateLoginProfile", user("alice"), 60, {"userName": "bob"}),
    ]
    judge = judged(suppression(), events=events)
    (found,) = judge.suspicions()
    (alone,) = judged(events=events[1:]).suspicions()
    assert found.score == alone.score > 0
    assert found.event_ids == (events[0].id, events[1].id)
    assert {reason.rule: reason.points for reason in found.reasons}["logging_stopped"] == 0


def test_a_page_for_another_reason_stays_a_page():
    keys = role("web", "i-0123456789abcdef0", "ASIAWEB")
    events = [
        call("ssm:UpdateInstanceInformation", keys, 0, {}, sourceIPAddress="192.0.2.10"),
        call("s3:ListBuckets", keys, 1, sourceIPAddress="198.51.100.9"),
        call("cloudtrail:StopLogging", keys, 2, {"name": "main"}, sourceIPAddress="198.51.100.9"),
    ]
    judge = judged(suppression(who="*"), events=events)
    (found,) = judge.suspicions()
    assert found.page
    assert not found.held_page
    assert [one.rule for one in found.suppressed] == ["logging_stopped"]
    assert (judge.suppressed()[0].held, judge.suppressed()[0].pages) == (1, 0)


def test_asking_again_does_not_count_again():
    judge = judged(suppression())
    judge.suspicions()
    judge.observe([call("cloudtrail:StopLogging", user("bob"), 9, {"name": "main"}, sourceIPAddress="203.0.113.9")])
    assert judge.suppressed() == judge.suppressed()
    assert judge.suppressed()[0].held == 1
    assert [one.page for one in judge.suspicions()] == [True, False]


@pytest.mark.parametrize(
    "more, words",
    [
        ({"reason": " "}, "`reason`"),
        ({"owner": ""}, "`owner`"),
        ({"who": "*", "what": "*"}, "everything"),
        ({"who": "**", "what": "*", "where": "*"}, "everything"),
        ({"where": "office"}, "no place"),
        ({"where": "198.51.100.7/24"}, "no place"),
        ({"where": "1111/us-east-1"}, "no place"),
    ],
)
def test_a_suppression_that_says_too_little_is_an_error(more, words):
    with pytest.raises(ConfigError, match=words):
        judged(suppression(**more))


PLAN = """schema: amberlight.response-plan/1
organisation: o
incident_is: i
severities: {{high: x}}
contacts: []
accounts: []
vault: {{bucket: b, region: r, signing_key: k}}
aware:
  suppressions:
  - who: "*:user/alice"
    what: logging_stopped
    where: "111122223333"
    reason: "the trail moves \\e[2J"
    owner: maria
    until: {until}
"""


def test_every_key_is_required():
    for key in ("who", "what", "where", "reason", "owner", "until"):
        lines = [
            line for line in PLAN.format(until="2026-12-31").splitlines() if not line.strip("- ").startswith(f"{key}:")
        ]
        if key == "who":
            lines.insert(lines.index("    what: logging_stopped"), "  -")
        with pytest.raises(ConfigError, match=key):
            parse("\n".join(lines))


@pytest.mark.parametrize("days, applied", [(30, True), (-30, False)])
def test_the_command_shows_what_was_held_back(tmp_path, days, applied):
    until = SystemClock().now().date() + timedelta(days=days)
    (tmp_path / "plan.yaml").write_text(PLAN.format(until=until))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.json").write_text(json.dumps({"Records": [record(STOP)]}))
    arguments = [str(tmp_path / "logs"), "--plan", str(tmp_path / "plan.yaml")]
    report = json.loads(CliRunner().invoke(command, [*arguments, "--json"], standalone_mode=False).stdout)
    (use,), (incident,) = report["suppressions"], report["incidents"]
    assert (use["applied"], use["held"], use["until"]) == (applied, int(applied), str(until))
    assert (incident["page"], incident["held_page"]) == (not applied, applied)
    assert len(incident["suppressed"]) == int(applied)
    shown = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert ("held back 1 matches and 1 pages" if applied else "EXPIRED") in shown.stderr
    assert "\x1b" not in shown.stderr + shown.stdout
    assert ("suppressed" in shown.stdout) is applied


def test_the_guides_example_is_a_plan():
    guide = (Path(__file__).parents[3] / "docs" / "guide" / "writing-rules.md").read_text(encoding="utf-8")
    example = guide.partition("```yaml\naware:\n")[2].partition("```")[0]
    plan = parse(PLAN.format(until="2026-12-31").partition("aware:\n")[0] + "aware:\n" + example)
    judge = Judge(plan.aware, today=TODAY)
    assert [use.applied for use in judge.suppressed()] == [True]
