"""What each intake makes of its message: whom, what, how much, and what it lets pass in silence."""

import base64
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from amberlight.aware import envelope
from amberlight.aware.telling import UNREADABLE, told
from amberlight.casebook import Casebook
from amberlight.model.errors import ConfigError

HERE = Path(__file__).parent / "intakes"
REAL = "eventbridge-custodian/events.jsonl.gz"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
BOB = "arn:aws:iam::111122223333:user/bob"
KEY = "key/AKIAIOSFODNN7EXAMPLE@us-east-1"


def raw(name):
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def one(value):
    (signal,) = told(value, NOW).signals
    return signal


@pytest.mark.parametrize(
    "name, points, about, resources, region",
    [
        ("cloudwatch_alarm/good-metric", 10, ((), ()), (), "us-east-1"),
        (
            "guardduty/good-key",
            75,
            (("arn:aws:iam::111122223333:role/web",), ("198.51.100.7",)),
            ("instance/i-0abc1234567890def@us-east-1", "role/web@us-east-1"),
            "us-east-1",
        ),
        (
            "guardduty/good-bucket",
            75,
            ((BOB,), ("198.51.100.7",)),
            ("bucket/plans@us-east-1", KEY, "user/bob@us-east-1"),
            "us-east-1",
        ),
        ("security_hub/good-event", 50, ((BOB,), ()), ("user/bob@us-east-1", "instance/i-0abc@eu-west-1"), "eu-west-1"),
        ("inspector/good", 25, ((), ()), ("instance/i-0abc1234567890def@us-east-1",), "us-east-1"),
        (
            "macie/good-policy",
            60,
            (("arn:aws:iam::111122223333:role/deploy",), ("198.51.100.7",)),
            ("bucket/plans@us-east-1",),
            "us-east-1",
        ),
        ("access_analyzer/good-external", 30, ((), ()), ("bucket/plans@us-east-1",), "us-east-1"),
        ("health/good-abuse", 85, ((), ()), ("instance/i-0abc@us-east-1",), "global"),
        ("health/good-key", 85, ((), ()), (KEY,), "global"),
        ("key_quarantine/good", 90, ((BOB,), ()), ("user/bob@us-east-1",), "us-east-1"),
        ("config_rule/good", 15, ((), ()), ("bucket/plans@us-east-1",), "us-east-1"),
        ("cost_anomaly/good-sns", 30, ((), ()), (), "ap-south-1"),
        ("budget/good-sns", 15, ((), ()), (), ""),
        ("usage_figures/good-jump", 25, ((), ()), (), ""),
        ("person/good", 80, ((), ()), (KEY,), ""),
        ("partner_notice/good", 80, ((), ()), (KEY,), ""),
        ("mail/good-ransom", 80, ((), ()), (KEY,), ""),
    ],
)
def test_whom_and_what_it_is_about(name, points, about, resources, region):
    signal = one(raw(name))
    assert (signal.points, (signal.principals, signal.addresses)) == (points, about)
    assert (signal.resources, signal.region) == (resources, region)


@pytest.mark.parametrize(
    "name, words",
    [
        ("cloudwatch_alarm/good-band", "anomaly alarm odd-volume"),
        ("cloudwatch_alarm/good-bridge-band", "anomaly alarm odd-volume"),
        ("cloudwatch_alarm/good-composite", "composite alarm both"),
        ("cost_anomaly/good-sns", "1001.00 USD more than expected: Amazon Elastic Compute Cloud - Compute APS3-"),
        ("budget/good-sns", "web: ACTUAL $94.12 passed > $80.00"),
        ("usage_figures/good-jump", "Amazon Elastic Compute Cloud - Compute: 412.50 instead of 11.12"),
        ("person/good", "cert@example.org reports: key"),
        ("partner_notice/good", "Example CERT (duty@cert.example) says: Customer rows"),
        (
            "mail/good-ransom",
            "alice handed in a mail that says it is from Nobody <nobody@evil.example>: We have your data",
        ),
    ],
)
def test_the_reason_says_it_in_words(name, words):
    assert words in one(raw(name)).reason


def changed(name, path, value):
    whole = raw(name)
    place = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return whole


@pytest.mark.parametrize(
    "name, path, value",
    [
        ("cloudwatch_alarm/good-bridge", ("detail", "state", "value"), "OK"),
        ("guardduty/good-key", ("detail", "service", "additionalInfo"), {"sample": True}),
        ("security_hub/good-event", ("detail", "findings", 0, "RecordState"), "ARCHIVED"),
        ("security_hub/good-event", ("detail", "findings", 0, "Workflow", "Status"), "SUPPRESSED"),
        ("security_hub/good-event", ("detail", "findings", 0, "Compliance"), {"Status": "PASSED"}),
        ("inspector/good", ("detail", "status"), "CLOSED"),
        ("macie/good-policy", ("detail", "archived"), True),
        ("macie/good-policy", ("detail", "sample"), True),
        ("access_analyzer/good-external", ("detail", "status"), "RESOLVED"),
        ("health/good-abuse", ("detail", "statusCode"), "closed"),
        ("config_rule/good", ("detail", "newEvaluationResult", "complianceType"), "COMPLIANT"),
    ],
)
def test_what_is_over_or_only_a_test_is_kept_and_counts_nothing(name, path, value):
    assert one(raw(name)).points > 0
    signal = one(changed(name, path, value))
    assert signal.points == 0
    assert signal.source != UNREADABLE


def test_an_outage_is_no_attack():
    event = changed("health/good-key", ("detail", "eventTypeCode"), "AWS_EC2_OPERATIONAL_ISSUE")
    event["detail"]["service"] = "EC2"
    assert one(event).points == 0


def test_another_policy_is_no_quarantine():
    event = changed("key_quarantine/good", ("detail", "requestParameters", "policyArn"), "arn:aws:iam::aws:policy/X")
    assert one(event).source == UNREADABLE


def test_a_failed_control_counts_less_than_an_attack():
    first, second, third = told(raw("security_hub/good-batch"), NOW).signals
    assert (first.points, second.points, third.points) == (50, 30, 0)
    assert [len(one.raw["detail"]["findings"]) for one in (first, second, third)] == [1, 1, 1]


def test_a_bad_finding_does_not_hide_its_neighbours():
    found = told(changed("security_hub/good-batch", ("detail", "findings", 0, "Title"), 7), NOW)
    assert [one.source for one in found.signals] == [UNREADABLE, "intake.security_hub", "intake.security_hub"]
    assert "Title" in found.problems[0]
    assert found.signals[0].raw["detail"]["findings"][0]["Title"] == 7


def test_the_same_finding_updated_is_the_same_signal():
    again = changed("guardduty/good-key", ("detail", "service", "count"), 9)
    assert one(again).id == one(raw("guardduty/good-key")).id


@pytest.mark.parametrize("periods, jumps", [(11, True), (8, True), (7, False), (1, False)])
def test_figures_need_seven_earlier_periods(periods, jumps):
    answer = raw("usage_figures/good-jump")
    answer["ResultsByTime"] = answer["ResultsByTime"][-periods:]
    signal = one(answer)
    assert bool(signal.points) == jumps
    assert jumps or "are needed" in signal.reason


@pytest.mark.parametrize("amount, jumps", [("12.12", False), ("20.00", False), ("20.50", True)])
def test_figures_within_the_spread_do_not_jump(amount, jumps):
    answer = raw("usage_figures/good-jump")
    answer["ResultsByTime"][-1]["Groups"][0]["Metrics"]["UnblendedCost"]["Amount"] = amount
    assert bool(one(answer).points) == jumps


def test_cents_do_not_ring():
    answer = raw("usage_figures/good-jump")
    answer["ResultsByTime"][-1]["Groups"][0]["Metrics"]["UnblendedCost"]["Amount"] = "11.0"
    answer["ResultsByTime"][-1]["Groups"][1]["Metrics"]["UnblendedCost"]["Amount"] = "0.9"
    assert one(answer).points == 0


def mailed(data):
    return {"eml_base64": base64.b64encode(data).decode(), "handed_in_by": "a", "received": "2026-11-20T10:00:00Z"}


@pytest.mark.parametrize(
    "data",
    [
        b"From: a\r\nDate: not a date\r\nSubject: =?x-none?q?=FF?=\r\n\r\n\xff\xfe AKIAIOSFODNN7EXAMPLE",
        b"From: <\r\nSubject: s\r\nContent-Type: text/plain; charset=nonsense\r\n\r\nAKIAIOSFODNN7EXAMPLE",
        (
            b"Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
            b"--b\r\nContent-Type: text/html\r\n\r\n<p>AKIAIOSFODNN7EXAMPLE</p>\r\n--b--\r\n"
        ),
    ],
)
def test_odd_mails_are_read_as_far_as_they_go(data):
    signal = one(mailed(data))
    assert signal.source == "intake.mail"
    assert signal.resources == (KEY,)
    assert f"{signal.when:%H:%M}" == "10:00"
    assert base64.b64decode(signal.raw["eml_base64"]) == data


def test_a_mail_nested_without_end_is_kept_and_named():
    found = told(mailed(b"Subject: s\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 3000 + b"x"), NOW)
    assert found.signals[0].source == UNREADABLE
    assert "recursion" in found.problems[0]


def test_a_mail_of_many_parts_is_read_as_far_as_the_bound():
    filler = b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" * 200
    start = b"Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    late = b"--b\r\nContent-Type: text/plain\r\n\r\nAKIAIOSFODNN7EXAMPLE\r\n--b--\r\n"
    assert KEY in one(mailed(start + late)).resources
    assert KEY not in one(mailed(start + filler + late)).resources


@pytest.mark.parametrize(
    "value, words",
    [
        ("x" * (envelope.MOST_CHARACTERS + 1), "characters"),
        ("[" * 100_000, "deeply"),
        ('{"a":' * 200 + "1" + "}" * 200, "levels"),
        (json.dumps([{}] * 1001), "more than 1000"),
        ("[]", "where an object"),
        ("7", "a number"),
        ("hello", "No intake"),
        ({"Body": "hello", "MessageId": "1"}, "No intake"),
        ({"hello": "you"}, "No intake"),
    ],
)
def test_what_nobody_can_read_is_kept_and_named(value, words):
    found = told(value, NOW)
    assert words in found.problems[0]
    (signal,) = found.signals
    assert signal.source == UNREADABLE
    assert signal.raw == (value if isinstance(value, dict) else {"received": value})
    assert told(value, NOW).signals[0].id == signal.id
    book = Casebook()
    book.record_signals(found.signals)
    assert book.signals() == found.signals
    book.close()


def test_an_unreadable_message_delivered_again_is_the_same():
    first, again = ({"Body": "?", "MessageId": "1", "ReceiptHandle": handle} for handle in ("a", "b"))
    assert one(first).id == one(again).id
    assert one({**first, "Body": "!"}).id != one(first).id


def test_envelopes_have_an_end():
    text = json.dumps(raw("config_rule/good"))
    for _ in range(envelope.MOST_ENVELOPES + 2):
        text = json.dumps({"Body": text})
    found = told(text, NOW)
    assert "envelopes" in found.problems[0]


def test_a_named_intake_is_used_and_an_unknown_name_is_an_error():
    assert told(raw("person/good"), NOW, named="guardduty").signals[0].source == UNREADABLE
    with pytest.raises(ConfigError) as caught:
        told({}, NOW, named="guard")
    assert "guardduty" in caught.value.fix


@pytest.mark.parametrize(
    "name, source",
    [
        ("ec2-duty-event.json", "intake.guardduty"),
        ("iam-duty-event.json", "intake.guardduty"),
        ("event-securityhub-iamkey-finding-action.json", "intake.security_hub"),
        ("event-securityhub-cloudtrail-finding-action.json", "intake.security_hub"),
        ("event-securityhub-lambda-cross.json", "intake.security_hub"),
        ("event-phd-ec2-retire.json", "intake.health"),
    ],
)
def test_real_events_are_read(shared_data, name, source):
    lines = gzip.decompress((shared_data / REAL).read_bytes()).decode().splitlines()
    events = {one["name"]: one["event"] for one in map(json.loads, lines)}
    found = told(events[name], NOW)
    assert not found.problems
    assert {one.source for one in found.signals} == {source}
