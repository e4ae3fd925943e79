"""CloudWatch Logs: patterns that are heeded, metric filters that feed metrics and wake alarms."""

import datetime as dt
import json

import pytest
from lab_tools import eventually, refused, unique

from amberlight.lab.logs.conditions import PatternError
from amberlight.lab.logs.patterns import compiled

pytestmark = pytest.mark.lab

ROOT = {"eventName": "StopLogging", "userIdentity": {"type": "Root", "arn": "arn:aws:iam::1:root"}, "count": 3, "nothing": None,
        "mfa": False, "codes": [403, 404], "odd name": "x", "resources": [{"type": "a"}, {"type": "b"}]}  # fmt: skip


@pytest.mark.parametrize(
    "pattern,expected",
    [
        ('{ $.eventName = "StopLogging" }', True),
        ("{ $.eventName = StopLogging }", True),
        ('{ $.eventName = "stoplogging" }', False),
        ('{ $.eventName = "Stop*" }', True),
        ('{ $.eventName = "*Logging" }', True),
        ('{ $.eventName = "Stop" }', False),
        ('{ $.eventName != "StartLogging" }', True),
        ('{ $.absent != "x" }', False),
        ('{ $.absent = "x" }', False),
        ("{ $.absent NOT EXISTS }", True),
        ("{ $.eventName NOT EXISTS }", False),
        ("{ $.nothing IS NULL }", True),
        ("{ $.absent IS NULL }", False),
        ("{ $.mfa IS FALSE }", True),
        ("{ $.mfa IS TRUE }", False),
        ("{ $.count = 3 }", True),
        ("{ $.count >= 3 && $.count < 4 }", True),
        ("{ $.count > 3 }", False),
        ("{ $.codes[0] = 403 }", True),
        ("{ $.codes[1] = 403 }", False),
        ("{ $.codes[*] = 404 }", True),
        ("{ $.codes[9] = 403 }", False),
        ('{ $.resources[1].type = "b" }', True),
        ("{ $.['odd name'] = \"x\" }", True),
        ('{ $.userIdentity.type = "Root" && ($.eventName = "X" || $.count = 3) }', True),
        ('{ ($.userIdentity.type = "Root") && ($.eventName = "X") || $.count = 3 }', True),
        ('{ $.userIdentity.type = "Root" && ($.eventName = "X" || $.count = 4) }', False),
        ('{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != "AwsServiceEvent" }', False),
        ("{ $.userIdentity.arn = %:root$% }", True),
        ("{ $.userIdentity.arn = %^root% }", False),
        ("StopLogging", True),
        ("stoplogging", False),
        ("StopLogging Root", True),
        ("StopLogging Nobody", False),
        ("StopLogging -Root", False),
        ("?Nobody ?Root", True),
        ("?Nobody ?Nowhere", False),
        ("StopLogging ?Nowhere", True),
        ('"iam::1:root"', True),
        ('-"iam::1:root"', False),
        ("%iam::\\d:root%", True),
        ("", True),
    ],
)  # fmt: skip
def test_a_pattern_matches_as_aws_documents(pattern, expected):
    assert compiled(pattern)(json.dumps(ROOT)) is expected


@pytest.mark.parametrize(
    "pattern,expected",
    [
        ("[ip, user, name, time, request, status, size]", True),
        ("[ip, user, name, time, request, status = 4*, size]", True),
        ("[ip, user, name, time, request, status = 4* && status != 404, size]", False),
        ("[ip, user, name, time, request, status, size > 300]", True),
        ("[ip, user, name, time, request, status, size > 4000]", False),
        ('[..., request = "GET *", status, size]', True),
        ("[ip = 127.0.0.1, ...]", True),
        ("[ip = 10.*, ...]", False),
        ("[ip, user]", False),
        ("[w1, w2, w3, w4, w5, (status = 200 || status = 404), w7]", True),
    ],
)
def test_a_delimited_pattern_matches_by_fields(pattern, expected):
    line = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index HTTP/1.0" 404 1534'
    assert compiled(pattern)(line) is expected


@pytest.mark.parametrize(
    "pattern",
    ["{ $.a = }", "{ $.a == 1 }", "{ a = 1 }", "{ $.a = 1", "{ $.a = 1 && }", "{ ($.a = 1 }", "{ $.a > x }", "{ $.a IS MAYBE }",
     "[a, b = ]", "[a", "[..., ...]", "[=x]", "a:b", '"open', "%(a+)+%", "%[%", "x" * 1025, "{ $.a = 1 } x"],
)  # fmt: skip
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(PatternError):
        compiled(pattern)


def test_a_message_that_is_no_object_matches_no_json_pattern():
    for message in ("plain", "[1]", '"x"', "{"):
        assert not compiled('{ $.a != "x" }')(message)


@pytest.fixture
def group(aws):
    """A log group with a stream, and what puts lines into it."""
    logs, name = aws("logs"), unique("/lab/logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")

    def put(*messages):
        moment = int(dt.datetime.now(dt.UTC).timestamp() * 1000)  # noqa: TID251
        lines = [each if isinstance(each, str) else json.dumps(each) for each in messages]
        logs.put_log_events(
            logGroupName=name, logStreamName="s", logEvents=[{"timestamp": moment, "message": line} for line in lines]
        )

    put.name = name
    return put


@pytest.mark.proves("logs.FilterLogEvents", "logs.PutLogEvents")
def test_filtered_events_are_those_that_match(aws, group):
    logs = aws("logs")
    group(*({"x": "y" if number % 2 else "z"} for number in range(20)), "no object")

    def found(pattern):
        return len(logs.filter_log_events(logGroupName=group.name, filterPattern=pattern)["events"])

    assert (found('{ $.x = "y" }'), found('{ $.x = "q" }'), found("object"), found("Object")) == (10, 0, 1, 0)
    assert (
        refused(logs.filter_log_events, logGroupName=group.name, filterPattern="{ x }") == "InvalidParameterException"
    )


@pytest.mark.proves("logs.PutMetricFilter")
def test_a_metric_filter_feeds_a_metric_and_wakes_its_alarm(aws, group):
    logs, cloudwatch, space = aws("logs"), aws("cloudwatch"), unique("Lab")
    logs.put_metric_filter(
        logGroupName=group.name, filterName="stops", filterPattern='{ $.eventName = "StopLogging" }',
        metricTransformations=[{"metricName": "Stops", "metricNamespace": space, "metricValue": "1", "defaultValue": 0}],
    )  # fmt: skip
    logs.put_metric_filter(
        logGroupName=group.name, filterName="bytes", filterPattern="{ $.bytes > 0 }",
        metricTransformations=[{"metricName": "Bytes", "metricNamespace": space, "metricValue": "$.bytes", "unit": "Bytes",
                                "dimensions": {"Who": "$.who"}}],
    )  # fmt: skip
    cloudwatch.put_metric_alarm(
        AlarmName=space, Namespace=space, MetricName="Stops", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )  # fmt: skip

    def total(name, **dimensions):
        now = dt.datetime.now(dt.UTC)  # noqa: TID251
        points = cloudwatch.get_metric_statistics(
            Namespace=space, MetricName=name, StartTime=now - dt.timedelta(minutes=10), EndTime=now + dt.timedelta(minutes=1),
            Period=60, Statistics=["Sum"], Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        )["Datapoints"]  # fmt: skip
        return sum(each["Sum"] for each in points) if points else None

    def state():
        return cloudwatch.describe_alarms(AlarmNames=[space])["MetricAlarms"][0]["StateValue"]

    assert total("Stops") is None
    group({"eventName": "StartLogging"}, "plain")
    assert total("Stops") == 0
    assert eventually(lambda: state() == "OK")
    group({"eventName": "StopLogging"}, {"eventName": "StopLogging"}, {"eventName": "X"})
    assert total("Stops") == 2
    assert eventually(lambda: state() == "ALARM")
    group({"bytes": 10, "who": "a"}, {"bytes": 5, "who": "a"}, {"bytes": 7, "who": "b"}, {"bytes": 9})
    assert (total("Bytes", Who="a"), total("Bytes", Who="b")) == (15, 7)


def test_metric_filters_that_are_refused(aws, group):
    logs = aws("logs")
    good = {"metricName": "M", "metricNamespace": "N", "metricValue": "1"}
    for pattern, change in (
        ("{ x }", {}), ("x", {"metricValue": "many"}), ("x", {"defaultValue": 1.0, "dimensions": {"a": "$.a"}}),
        ("x", {"dimensions": dict.fromkeys("abcd", "$.a")}),
    ):  # fmt: skip
        assert refused(
            logs.put_metric_filter, logGroupName=group.name, filterName="f", filterPattern=pattern,
            metricTransformations=[{**good, **change}],
        ) == "InvalidParameterException"  # fmt: skip
    assert logs.describe_metric_filters(logGroupName=group.name)["metricFilters"] == []
