"""Alarms whose metric has no data: they end as they were told to, and can fire again."""

import datetime as dt

import pytest
from lab_tools import eventually, unique

pytestmark = pytest.mark.lab


@pytest.fixture
def alarm(aws):
    """Makes an alarm on ten seconds of a metric, and gives its state; `put` gives the metric a value that expires in two."""
    cloudwatch, name = aws("cloudwatch"), unique("Gap")

    def put(value):
        moment = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=8)  # noqa: TID251
        data = [{"MetricName": "M", "Value": value, "Timestamp": moment}]
        cloudwatch.put_metric_data(Namespace=name, MetricData=data)

    def state():
        return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]

    def make(treat):
        cloudwatch.put_metric_alarm(
            AlarmName=name, Namespace=name, MetricName="M", Statistic="Sum", Period=10, EvaluationPeriods=1, Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold", **({"TreatMissingData": treat} if treat else {}),
        )  # fmt: skip

    make.put, make.state = put, state
    return make


@pytest.mark.parametrize("treat,ends", [("notBreaching", "OK"), (None, "INSUFFICIENT_DATA")])
def test_an_alarm_ends_and_fires_again(alarm, treat, ends):
    alarm(treat)
    for _ in range(2):
        alarm.put(5.0)
        assert eventually(lambda: alarm.state() == "ALARM")
        assert eventually(lambda: alarm.state() == ends)


def test_without_data_some_breach_and_some_stay(alarm):
    alarm("breaching")
    assert eventually(lambda: alarm.state() == "ALARM")
    alarm.put(0.0)
    assert eventually(lambda: alarm.state() == "OK")
    assert eventually(lambda: alarm.state() == "ALARM")


def test_ignored_gaps_keep_the_state(alarm, aws):
    alarm("ignore")
    alarm.put(5.0)
    assert eventually(lambda: alarm.state() == "ALARM")
    other = unique("Gap")
    aws("cloudwatch").put_metric_alarm(
        AlarmName=other, Namespace=other, MetricName="M", Statistic="Sum", Period=10, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData="notBreaching",
    )  # fmt: skip
    aws("cloudwatch").put_metric_data(Namespace=other, MetricData=[{"MetricName": "M", "Value": 5.0,
        "Timestamp": dt.datetime.now(dt.UTC) - dt.timedelta(seconds=7)}])  # fmt: skip  # noqa: TID251

    def state():
        return aws("cloudwatch").describe_alarms(AlarmNames=[other])["MetricAlarms"][0]["StateValue"]

    # The younger value of the other one has gone when it is OK again, so the older one has, too.
    assert eventually(lambda: state() == "ALARM")
    assert eventually(lambda: state() == "OK")
    assert alarm.state() == "ALARM"
