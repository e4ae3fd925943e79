"""The bill: what ran times its price, by hour and day, its anomalies, and budgets that are crossed."""

import datetime as dt
import json

import pytest
from lab_tools import client, eventually, refused, unique

from amberlight.lab import LabError

pytestmark = pytest.mark.lab

COMPUTE = "Amazon Elastic Compute Cloud - Compute"
OTHER = "EC2 - Other"


@pytest.fixture(scope="module")
def payer(lab):
    """The management account: its tests cannot be disturbed by what runs in the others, for they filter by account."""
    return lab.accounts["security"]


@pytest.fixture
def now(lab):
    return lambda: dt.datetime.fromisoformat(lab.control("cost")["now"])


@pytest.fixture
def bill(lab, vault, now):
    """Sums of the vault account's bill, from days before to days after the cost clock's day, by group."""

    def ask(
        *keys,
        back=2,
        ahead=2,
        granularity="DAILY",
        metrics=("UnblendedCost", "UsageQuantity"),
        credentials=None,
        **dimensions,
    ):
        today = now().date()
        period = {"Start": str(today - dt.timedelta(back)), "End": str(today + dt.timedelta(ahead))}
        if granularity == "HOURLY":
            period = {name: f"{day}T00:00:00Z" for name, day in period.items()}
        wanted = [{"Dimensions": {"Key": name, "Values": values}} for name, values in dimensions.items()]
        found = client(lab, "ce", credentials or vault.admin).get_cost_and_usage(
            TimePeriod=period, Granularity=granularity, Metrics=list(metrics),
            GroupBy=[{"Type": "DIMENSION", "Key": key} for key in keys],
            **({"Filter": wanted[0] if len(wanted) == 1 else {"And": wanted}} if wanted else {}),
        )["ResultsByTime"]  # fmt: skip
        sums = {}
        for result in found:
            for group in result["Groups"] if keys else [{"Keys": [], "Metrics": result["Total"]}]:
                key = tuple(group["Keys"])
                old = sums.get(key, (0.0,) * len(metrics))
                sums[key] = tuple(
                    had + float(group["Metrics"][name]["Amount"]) for had, name in zip(old, metrics, strict=True)
                )
        return sums

    return ask


@pytest.fixture
def instance(lab, vault):
    """Launches instances, which end with the test."""
    launched = []

    def launch(kind, count=1, account=vault):
        ec2 = client(lab, "ec2", account.admin, "eu-west-1")
        made = ec2.run_instances(ImageId="ami-00000001", InstanceType=kind, MinCount=count, MaxCount=count)
        launched.append((ec2, [each["InstanceId"] for each in made["Instances"]]))
        return launched[-1][1]

    yield launch
    for ec2, ids in launched:
        ec2.terminate_instances(InstanceIds=ids)


@pytest.mark.proves("ce.GetCostAndUsage")
def test_hours_of_an_instance_cost_what_the_table_says(lab, bill, instance, vault):
    before = bill(USAGE_TYPE=["EU-BoxUsage:c5.xlarge"])[()]
    ids = instance("c5.xlarge", 2)
    lab.control("cost", advance_hours=10)
    usd, hours = bill(USAGE_TYPE=["EU-BoxUsage:c5.xlarge"])[()]
    assert 20 <= hours - before[1] < 20.2
    assert usd == pytest.approx(hours * 0.192)
    assert bill("INSTANCE_TYPE", SERVICE=[COMPUTE])["c5.xlarge",][1] == pytest.approx(hours, abs=0.1)
    by_region = bill("REGION", "SERVICE", SERVICE=[COMPUTE])
    assert ("eu-west-1", COMPUTE) in by_region
    assert bill("LINKED_ACCOUNT", USAGE_TYPE=["EU-BoxUsage:c5.xlarge"]).keys() == {(vault.id,)}
    ec2 = client(lab, "ec2", vault.admin, "eu-west-1")
    ec2.stop_instances(InstanceIds=ids)
    stopped = bill(USAGE_TYPE=["EU-BoxUsage:c5.xlarge"])[()][1]
    lab.control("cost", advance_hours=10)
    assert bill(back=3, USAGE_TYPE=["EU-BoxUsage:c5.xlarge"])[()][1] == pytest.approx(stopped, abs=0.01)


def test_each_hour_is_full(lab, instance, vault, now):
    instance("c5.large")
    lab.control("cost", advance_hours=5)
    today = now()
    period = {
        "Start": (today - dt.timedelta(hours=4)).strftime("%Y-%m-%dT%H:00:00Z"),
        "End": today.strftime("%Y-%m-%dT%H:00:00Z"),
    }
    results = client(lab, "ce", vault.admin).get_cost_and_usage(
        TimePeriod=period, Granularity="HOURLY", Metrics=["UsageQuantity"],
        Filter={"Dimensions": {"Key": "INSTANCE_TYPE", "Values": ["c5.large"]}},
    )["ResultsByTime"]  # fmt: skip
    assert [each["Total"]["UsageQuantity"] for each in results] == [{"Amount": "1.0000000000", "Unit": "Hrs"}] * 4
    assert results[0]["TimePeriod"]["Start"] == period["Start"]
    assert results[0]["Estimated"] is True


def test_volumes_snapshots_and_requests_are_billed(lab, bill, vault):
    ec2, s3 = client(lab, "ec2", vault.admin), client(lab, "s3", vault.admin)
    before, tier_1, tier_2 = (
        bill(OPERATION=[name]).get((), (0.0, 0.0)) for name in ("CreateVolume-Gp3", "PutObject", "GetObject")
    )
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=730, VolumeType="gp3")["VolumeId"]
    lab.control("cost", advance_hours=1)
    ec2.delete_volume(VolumeId=volume)
    usd, gigabytes = bill(OPERATION=["CreateVolume-Gp3"])[()]
    assert 1.0 <= gigabytes - before[1] < 1.1
    assert usd - before[0] == pytest.approx((gigabytes - before[1]) * 0.08)
    name = unique("billed")
    s3.create_bucket(Bucket=name)
    for _ in range(3):
        s3.put_object(Bucket=name, Key="k", Body=b"x")
    s3.get_object(Bucket=name, Key="k")
    s3.delete_object(Bucket=name, Key="k")
    assert bill(OPERATION=["PutObject"])[()][1] - tier_1[1] == 3
    assert bill(OPERATION=["PutObject"])[()][0] - tier_1[0] == pytest.approx(3 * 0.005 / 1000)
    assert bill(OPERATION=["GetObject"])[()][1] - tier_2[1] == 1
    assert bill(OPERATION=["DeleteObject"])[()] == (0.0, 0.0)


def test_who_sees_which_bill(lab, bill, payer, prod, vault):
    lab.control("cost", account=prod.id, days=2, usd_a_day={"Seen": 1.0})
    assert bill("LINKED_ACCOUNT", SERVICE=["Seen"]) == {}
    assert bill("LINKED_ACCOUNT", SERVICE=["Seen"], credentials=payer.admin).keys() >= {(prod.id,)}
    assert (prod.id,) not in bill("LINKED_ACCOUNT", credentials=vault.admin)


def test_figures_from_before_the_lab_are_marked(lab, bill, vault):
    lab.control("cost", account=vault.id, days=2, usd_a_day={"Amazon Route 53": 3.0})
    found = bill("USAGE_TYPE", "OPERATION", SERVICE=["Amazon Route 53"])
    assert found.keys() == {("LabHistory", "LabHistory")}
    assert 5.7 <= found["LabHistory", "LabHistory"][0] <= 6.3


def test_questions_that_are_refused(lab, vault):
    ce = client(lab, "ce", vault.admin)
    period = {"Start": "2026-11-01", "End": "2026-11-03"}
    asked = {"TimePeriod": period, "Granularity": "DAILY", "Metrics": ["UnblendedCost"]}
    for more in (
        {"TimePeriod": {"Start": "2026-11-03", "End": "2026-11-03"}}, {"Metrics": ["NormalizedUsageAmount"]},
        {"GroupBy": [{"Type": "TAG", "Key": "Team"}]}, {"GroupBy": [{"Type": "DIMENSION", "Key": "AZ"}]},
        {"Filter": {"Tags": {"Key": "Team", "Values": ["a"]}}}, {"TimePeriod": {"Start": "2026-13-01", "End": "2026-13-03"}},
        {"Granularity": "HOURLY", "TimePeriod": {"Start": "2026-01-01T00:00:00Z", "End": "2026-01-02T00:00:00Z"}},
    ):  # fmt: skip
        assert refused(ce.get_cost_and_usage, **{**asked, **more}) == "ValidationException"
    assert refused(ce.get_cost_forecast, TimePeriod=period, Metric="UNBLENDED_COST", Granularity="DAILY") == (
        "UnknownOperationException"
    )
    with pytest.raises(LabError, match="forward"):
        lab.control("cost", advance_hours=-1)
    found = ce.get_cost_and_usage(
        TimePeriod={"Start": "2026-09-15", "End": "2026-11-01"}, Granularity="MONTHLY", Metrics=["UNBLENDED_COST"]
    )["ResultsByTime"]
    assert [each["TimePeriod"] for each in found] == [
        {"Start": "2026-09-15", "End": "2026-10-01"}, {"Start": "2026-10-01", "End": "2026-11-01"},
    ]  # fmt: skip
    assert found[0]["Total"]["UnblendedCost"]["Unit"] == "USD"


@pytest.mark.proves("ce.GetDimensionValues")
def test_dimension_values_and_expressions(lab, bill, vault, now):
    lab.control("cost", account=vault.id, days=1, usd_a_day={"Alpha": 1.0, "Beta": 1.0})
    today = now().date()
    period = {"Start": str(today - dt.timedelta(2)), "End": str(today)}
    ce = client(lab, "ce", vault.admin)
    values = ce.get_dimension_values(TimePeriod=period, Dimension="SERVICE", SearchString="lpha")["DimensionValues"]
    assert [each["Value"] for each in values] == ["Alpha"]

    def services(expression):
        found = ce.get_cost_and_usage(
            TimePeriod=period, Granularity="DAILY", Metrics=["UnblendedCost"], Filter=expression,
            GroupBy=[{"Type": "DIMENSION", "Key": "SERVICE"}],
        )["ResultsByTime"]  # fmt: skip
        return {group["Keys"][0] for each in found for group in each["Groups"]} & {"Alpha", "Beta"}

    alpha = {"Dimensions": {"Key": "SERVICE", "Values": ["Alpha"]}}
    starts = {"Dimensions": {"Key": "SERVICE", "Values": ["B"], "MatchOptions": ["STARTS_WITH"]}}
    assert services(alpha) == {"Alpha"}
    assert services({"Not": alpha}) == {"Beta"}
    assert services({"Or": [alpha, starts]}) == {"Alpha", "Beta"}
    assert services({"And": [alpha, starts]}) == set()


@pytest.fixture
def alerts(lab):
    """Makes a topic in an account, with what it was told."""

    def make(account):
        sns, sqs = client(lab, "sns", account.admin), client(lab, "sqs", account.admin)
        topic = sns.create_topic(Name=unique("alerts"))["TopicArn"]
        lets = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": service}, "Action": "SNS:Publish", "Resource": topic,
             "Condition": {"StringEquals": {"aws:SourceAccount": account.id}}}
            for service in ("budgets.amazonaws.com", "costalerts.amazonaws.com")
        ]}  # fmt: skip
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(lets))
        url = sqs.create_queue(QueueName=unique("alerts"))["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
                  "Action": "sqs:SendMessage", "Resource": arn}]}  # fmt: skip
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

        def told():
            found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            return [json.loads(each["Body"])["Message"] for each in found]

        return topic, told

    return make


@pytest.mark.proves(
    "ce.CreateAnomalyMonitor",
    "ce.CreateAnomalySubscription",
    "ce.GetAnomalies",
    "ce.GetAnomalySubscriptions",
    "ce.ProvideAnomalyFeedback",
    "ce.DeleteAnomalySubscription",
    "ce.DeleteAnomalyMonitor",
)
def test_a_miner_is_an_anomaly_and_is_told_of(lab, prod, instance, alerts, now):
    topic, told = alerts(prod)
    ce, events, sqs = (
        client(lab, "ce", prod.admin),
        client(lab, "events", prod.admin),
        client(lab, "sqs", prod.admin),
    )
    lab.control("cost", account=prod.id, region="eu-west-1", days=20, usd_a_day={COMPUTE: 40.0, "Steady": 5.0})
    monitor = ce.create_anomaly_monitor(
        AnomalyMonitor={"MonitorName": "services", "MonitorType": "DIMENSIONAL", "MonitorDimension": "SERVICE"}
    )["MonitorArn"]
    again = {"MonitorName": "more", "MonitorType": "DIMENSIONAL", "MonitorDimension": "SERVICE"}
    assert refused(ce.create_anomaly_monitor, AnomalyMonitor=again) == "LimitExceededException"

    def subscribe(**more):
        return ce.create_anomaly_subscription(AnomalySubscription={
            "SubscriptionName": unique("alerts"), "MonitorArnList": [monitor], "Frequency": "IMMEDIATE",
            "Subscribers": [{"Type": "SNS", "Address": topic}], **more,
        })["SubscriptionArn"]  # fmt: skip

    wanted = subscribe(ThresholdExpression={"Dimensions": {
        "Key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE", "MatchOptions": ["GREATER_THAN_OR_EQUAL"], "Values": ["100"]}})  # fmt: skip
    high = subscribe(Threshold=1e9)
    mail = {"SubscriptionName": "m", "MonitorArnList": [monitor], "Frequency": "DAILY",
            "Subscribers": [{"Type": "EMAIL", "Address": "a@example.com"}]}  # fmt: skip
    assert refused(ce.create_anomaly_subscription, AnomalySubscription=mail) == "ValidationException"
    url = sqs.create_queue(QueueName=unique("anomalies"))["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(
        Name="anomalies", EventPattern=json.dumps({"source": ["aws.ce"], "detail-type": ["Anomaly Detected"]})
    )
    events.put_targets(Rule="anomalies", Targets=[{"Id": "q", "Arn": queue}])
    since = str(now().date())
    instance("p3.2xlarge", account=prod)
    lab.control("cost", advance_hours=10)
    # 33 dollars are less than a usual day.
    assert ce.get_anomalies(DateInterval={"StartDate": since}, MonitorArn=monitor)["Anomalies"] == []
    instance("p3.16xlarge", account=prod)
    lab.control("cost", advance_hours=30)
    (found,) = ce.get_anomalies(DateInterval={"StartDate": since}, MonitorArn=monitor)["Anomalies"]
    assert found["DimensionValue"] == COMPUTE
    cause = found["RootCauses"][0]
    assert (cause["UsageType"], cause["Region"], cause["LinkedAccount"]) == (
        "EU-BoxUsage:p3.16xlarge", "eu-west-1", prod.id,
    )  # fmt: skip
    impact = found["Impact"]
    assert impact["TotalImpact"] == pytest.approx(impact["TotalActualSpend"] - impact["TotalExpectedSpend"], abs=0.02)
    assert impact["TotalImpact"] > 300
    assert 0 < found["AnomalyScore"]["CurrentScore"] <= 1
    (message,) = [json.loads(each) for each in eventually(told)]
    assert (message["anomalyId"], message["dimensionalValue"]) == (found["AnomalyId"], COMPUTE)
    assert message["rootCauses"][0]["usageType"] == "EU-BoxUsage:p3.16xlarge"
    assert message["subscriptionId"] == wanted.rpartition("/")[2]
    body = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))[0]["Body"]
    event = json.loads(body)
    assert (event["detail-type"], event["resources"], event["detail"]["anomalyId"]) == (
        "Anomaly Detected", [monitor], found["AnomalyId"],
    )  # fmt: skip
    lab.control("cost", advance_hours=24)
    (longer,) = ce.get_anomalies(DateInterval={"StartDate": since}, MonitorArn=monitor)["Anomalies"]
    assert longer["AnomalyId"] == found["AnomalyId"]
    assert longer["Impact"]["TotalImpact"] > impact["TotalImpact"]
    larger = {"NumericOperator": "GREATER_THAN", "StartValue": 1e9}
    assert ce.get_anomalies(DateInterval={"StartDate": since}, TotalImpact=larger)["Anomalies"] == []
    ce.provide_anomaly_feedback(AnomalyId=found["AnomalyId"], Feedback="NO")
    assert ce.get_anomalies(DateInterval={"StartDate": since}, Feedback="YES")["Anomalies"] == []
    assert {each["SubscriptionArn"] for each in ce.get_anomaly_subscriptions()["AnomalySubscriptions"]} == {
        wanted,
        high,
    }
    ce.delete_anomaly_subscription(SubscriptionArn=wanted)
    ce.delete_anomaly_monitor(MonitorArn=monitor)
    assert refused(ce.get_anomalies, DateInterval={"StartDate": since}, MonitorArn=monitor) == "UnknownMonitorException"
    assert told() == []


@pytest.mark.proves(
    "budgets.CreateBudget", "budgets.DescribeBudget", "budgets.DescribeNotificationsForBudget", "budgets.DeleteBudget"
)
def test_a_budget_has_what_was_spent_and_warns_once(lab, vault, alerts, now):
    topic, told = alerts(vault)
    budgets, name = client(lab, "budgets", vault.admin), unique("budget")
    budget = {"BudgetName": name, "BudgetType": "COST", "TimeUnit": "DAILY", "BudgetLimit": {"Amount": "100", "Unit": "USD"},
              "CostFilters": {"Service": [COMPUTE]}}  # fmt: skip
    closed, silent = alerts(vault)
    client(lab, "sns", vault.admin).set_topic_attributes(
        TopicArn=closed, AttributeName="Policy", AttributeValue='{"Version": "2012-10-17", "Statement": []}'
    )
    entry = {
        "Notification": {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0},
        "Subscribers": [{"SubscriptionType": "SNS", "Address": each} for each in (closed, topic)],
    }
    create = {"AccountId": vault.id, "NotificationsWithSubscribers": [entry]}
    for odd in (
        {**budget, "BudgetType": "USAGE"}, {**budget, "CostFilters": {"AZ": ["a"]}}, {**budget, "TimeUnit": "CUSTOM"},
        {**budget, "FilterExpression": {"Tags": {"Key": "a", "Values": ["b"]}}},
    ):  # fmt: skip
        assert refused(budgets.create_budget, **create, Budget=odd) == "InvalidParameterException"
    mail = {**entry, "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "a@example.com"}]}
    assert refused(
        budgets.create_budget, AccountId=vault.id, Budget=budget, NotificationsWithSubscribers=[mail]
    ) == "InvalidParameterException"  # fmt: skip
    budgets.create_budget(**create, Budget=budget)

    def spent():
        lab.control("cost")
        found = budgets.describe_budget(AccountId=vault.id, BudgetName=name)["Budget"]
        return float(found["CalculatedSpend"]["ActualSpend"]["Amount"])

    before = spent()
    assert before < 80
    assert told() == []
    ec2 = client(lab, "ec2", vault.admin)
    launched = ec2.run_instances(ImageId="ami-00000001", InstanceType="p3.16xlarge", MinCount=1, MaxCount=1)[
        "Instances"
    ]
    # To about six in the morning of the next day: a budget of a day counts from midnight.
    lab.control("cost", advance_hours=30 - now().hour)
    text = eventually(told)[0]
    assert text.startswith("AWS Budget Notification")
    assert f"Budget Name: {name}\n" in text
    assert f"AWS Account {vault.id}\n" in text
    assert "Alert Threshold: > $80.00\n" in text
    state = budgets.describe_notifications_for_budget(AccountId=vault.id, BudgetName=name)["Notifications"][0]
    assert (state["NotificationState"], state["ThresholdType"]) == ("ALARM", "PERCENTAGE")
    lab.control("cost", advance_hours=1)
    assert 80 < spent() < 200
    assert told() == silent() == []
    ec2.terminate_instances(InstanceIds=[launched[0]["InstanceId"]])
    budgets.delete_budget(AccountId=vault.id, BudgetName=name)
