"""Ways to be told: raw forms become signals, and nonsense is refused with a sentence."""

import json

import pytest

from amberlight.aware.intake import cloudwatch_alarm, person
from amberlight.model.errors import ConfigError

ALARM = {
    "AlarmName": "call-volume",
    "AWSAccountId": "111122223333",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed: 1 datapoint was greater than the threshold (25.0).",
    "StateChangeTime": "2026-11-20T09:00:30.123+0000",
    "Region": "US East (N. Virginia)",
    "AlarmArn": "arn:aws:cloudwatch:us-east-1:111122223333:alarm:call-volume",
}
NOTE = {"Type": "Notification", "MessageId": "m", "Message": json.dumps(ALARM)}
BRIDGE = {
    "detail-type": "CloudWatch Alarm State Change",
    "account": "111122223333",
    "time": "2026-11-20T09:00:30Z",
    "resources": [ALARM["AlarmArn"]],
    "detail": {"alarmName": "call-volume", "state": {"value": "ALARM", "reason": "r"}},
}


@pytest.mark.parametrize("raw", [ALARM, NOTE, {"Body": json.dumps(NOTE)}, {"Body": json.dumps(ALARM)}, BRIDGE])
def test_alarms_in_all_envelopes(raw):
    signal = cloudwatch_alarm.INTAKE.read(raw)
    assert signal.account == "111122223333"
    assert signal.region == "us-east-1"
    assert f"{signal.when:%H:%M:%S%z}" == "09:00:30+0000"
    assert 0 < signal.points < 70
    assert signal.raw == raw
    assert cloudwatch_alarm.INTAKE.read(raw).id == signal.id


def test_an_alarm_that_ended_counts_nothing():
    assert cloudwatch_alarm.INTAKE.read({**ALARM, "NewStateValue": "OK"}).points == 0


@pytest.mark.parametrize(
    "raw", [{}, {"Body": "hello"}, {"Body": "[1]"}, {"Message": {"a": 1}}, {**ALARM, "StateChangeTime": "x"}]
)
def test_what_is_no_alarm_is_refused(raw):
    with pytest.raises(ConfigError) as caught:
        cloudwatch_alarm.INTAKE.read(raw)
    assert caught.value.fix


def test_a_person_reports():
    raw = {"who": "cert@example.org", "what": "key found", "when": "2026-11-20T09:00:00Z", "principals": ["arn:x"]}
    signal = person.INTAKE.read(raw)
    assert signal.points >= 70
    assert signal.principals == ("arn:x",)
    assert person.INTAKE.read({**raw, "points": 5000}).points == 100


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"who": "a", "what": "b", "when": "2026-11-20T09:00:00"},
        {"who": "a", "what": "b", "when": "2026-11-20T09:00:00Z", "x": 1},
    ],
)
def test_half_a_report_is_refused(raw):
    with pytest.raises(ConfigError):
        person.INTAKE.read(raw)
