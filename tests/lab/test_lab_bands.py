"""Anomaly detectors, and alarms on the band of what a metric usually is."""

import datetime as dt

import pytest
from lab_tools import eventually, refused, unique

pytestmark = pytest.mark.lab


@pytest.fixture
def metric(aws):
    """A metric with an hour of steady minutes before the last ten."""
    cloudwatch, space = aws("cloudwatch"), unique("Band")
    now = dt.datetime.now(dt.UTC)  # noqa: TID251

    def put(value, minutes_ago=0.0):
        cloudwatch.put_metric_data(Namespace=space, MetricData=[{
            "MetricName": "Calls", "Dimensions": [{"Name": "Who", "Value": "a"}], "Value": value,
            "Timestamp": now - dt.timedelta(minutes=minutes_ago),
        }])  # fmt: skip

    for number in range(30):
        put(10.0 + number % 3, minutes_ago=10 + number)
    put.metric = {"Namespace": space, "MetricName": "Calls", "Dimensions": [{"Name": "Who", "Value": "a"}]}
    return put


def an_alarm(metric, operator="GreaterThanUpperThreshold", expression="ANOMALY_DETECTION_BAND(m1, 3)", **more):
    return {
        "AlarmName": metric.metric["Namespace"], "EvaluationPeriods": 2, "ComparisonOperator": operator,
        "ThresholdMetricId": "ad1",
        "Metrics": [
            {"Id": "m1", "ReturnData": True, "MetricStat": {"Metric": metric.metric, "Period": 60, "Stat": "Sum"}},
            {"Id": "ad1", "Expression": expression},
        ], **more,
    }  # fmt: skip


def test_an_alarm_outside_the_band(aws, metric):
    cloudwatch, name = aws("cloudwatch"), metric.metric["Namespace"]
    cloudwatch.put_metric_alarm(**an_alarm(metric))

    def alarm():
        return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]

    found = alarm()
    assert (found["StateValue"], found["ThresholdMetricId"]) == ("INSUFFICIENT_DATA", "ad1")
    assert found["Metrics"][1]["Expression"] == "ANOMALY_DETECTION_BAND(m1, 3)"
    assert "Threshold" not in found
    metric(11.0)
    assert eventually(lambda: alarm()["StateValue"] == "OK")
    metric(500.0)
    assert eventually(lambda: alarm()["StateValue"] == "ALARM")
    assert "outside the band" in alarm()["StateReason"]
    history = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert any("OK to ALARM" in each["HistorySummary"] for each in history)


def test_below_the_band_is_another_alarm(aws, metric):
    cloudwatch, name = aws("cloudwatch"), metric.metric["Namespace"]
    cloudwatch.put_metric_alarm(**an_alarm(metric, "LessThanLowerThreshold"))
    metric(500.0)

    def state():
        return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]

    assert eventually(lambda: state() == "OK")
    cloudwatch.put_metric_alarm(**an_alarm(metric, "LessThanLowerOrGreaterThanUpperThreshold"))
    assert eventually(lambda: state() == "ALARM")


@pytest.mark.parametrize(
    "more",
    [
        {"expression": "m1 * 2"},
        {"expression": "ANOMALY_DETECTION_BAND(m2)"},
        {"operator": "GreaterThanThreshold"},
        {"ThresholdMetricId": "m1"},
    ],
)
def test_other_metric_math_is_refused(aws, metric, more):
    cloudwatch = aws("cloudwatch")
    assert refused(cloudwatch.put_metric_alarm, **an_alarm(metric, **more)) == "ValidationError"
    assert cloudwatch.describe_alarms(AlarmNames=[metric.metric["Namespace"]])["MetricAlarms"] == []


@pytest.mark.proves(
    "cloudwatch.PutAnomalyDetector", "cloudwatch.DescribeAnomalyDetectors", "cloudwatch.DeleteAnomalyDetector"
)
def test_detectors_are_put_described_and_deleted(aws, metric):
    cloudwatch, single = aws("cloudwatch"), {**metric.metric, "Stat": "Sum"}
    space = single["Namespace"]
    cloudwatch.put_anomaly_detector(SingleMetricAnomalyDetector=single)
    cloudwatch.put_anomaly_detector(Namespace=space, MetricName="Other", Stat="Average")
    found = cloudwatch.describe_anomaly_detectors(Namespace=space)["AnomalyDetectors"]
    assert [(each["SingleMetricAnomalyDetector"]["MetricName"], each["StateValue"]) for each in found] == [
        ("Calls", "TRAINED"), ("Other", "TRAINED_INSUFFICIENT_DATA"),
    ]  # fmt: skip
    cloudwatch.delete_anomaly_detector(SingleMetricAnomalyDetector=single)
    assert len(cloudwatch.describe_anomaly_detectors(Namespace=space)["AnomalyDetectors"]) == 1
    assert (
        refused(cloudwatch.delete_anomaly_detector, SingleMetricAnomalyDetector=single) == "ResourceNotFoundException"
    )
    math = {"MetricDataQueries": [{"Id": "m1", "Expression": "1"}]}
    assert refused(cloudwatch.put_anomaly_detector, MetricMathAnomalyDetector=math) == "InvalidParameterCombination"
