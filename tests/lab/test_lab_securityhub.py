"""Security Hub: findings of GuardDuty, of callers and of the owner, filtered, updated and told of."""

import gzip
import json

import pytest
from lab_tools import client, eventually, refused, unique

from amberlight.lab import LabError

pytestmark = pytest.mark.lab

TOR = {
    "type": "UnauthorizedAccess:IAMUser/TorIPCaller",
    "resource": {"resourceType": "AccessKey", "accessKeyDetails": {
        "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "principalId": "AIDACKCEVSQ6C2EXAMPLE", "userType": "IAMUser",
        "userName": "mallory"}},
    "action": {"actionType": "AWS_API_CALL", "awsApiCallAction": {
        "api": "ListUsers", "serviceName": "iam.amazonaws.com", "callerType": "Remote IP",
        "remoteIpDetails": {"ipAddressV4": "198.51.100.23"}, "affectedResources": {}}},
}  # fmt: skip


@pytest.fixture(scope="module")
def security(lab):
    """The account whose hub these tests use; GuardDuty's own tests use another one's detector."""
    return lab.accounts["security"]


@pytest.fixture(scope="module")
def hub(lab, security):
    found = client(lab, "securityhub", security.admin)
    assert refused(found.describe_hub) == refused(found.get_findings) == "InvalidAccessException"
    found.enable_security_hub()
    yield found
    found.disable_security_hub()


@pytest.fixture(scope="module")
def told(lab, security, hub):
    """Findings of the events that a queue behind a rule gets, by id."""
    sqs, events = client(lab, "sqs", security.admin), client(lab, "events", security.admin)
    url = sqs.create_queue(QueueName=unique("hub"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.securityhub"], "detail-type": ["Security Hub Findings - Imported"]}
    events.put_rule(Name="hub", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="hub", Targets=[{"Id": "queue", "Arn": arn}])
    seen = []

    def arrived(known, number=1):
        def probe():
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                seen.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found = [each for each in seen if each["detail"]["findings"][0]["Id"] == known]
            return found if len(found) >= number else None

        return eventually(probe)

    return arrived


@pytest.fixture
def asff(security):
    """A finding of the account's own product that no other test has."""
    product = f"arn:aws:securityhub:us-east-1:{security.id}:product/{security.id}/default"

    def make(**more):
        return {
            "SchemaVersion": "2018-10-08", "Id": unique("finding"), "ProductArn": product, "GeneratorId": "scanner",
            "AwsAccountId": security.id, "CreatedAt": "2026-11-20T10:00:00Z", "UpdatedAt": "2026-11-20T10:00:00Z",
            "Severity": {"Label": "HIGH"}, "Title": "A door is open", "Description": "The door of a host is open.",
            "Types": ["Software and Configuration Checks/Vulnerabilities/CVE"],
            "Resources": [{"Type": "AwsEc2Instance", "Id": f"arn:aws:ec2:us-east-1:{security.id}:instance/i-0123456789abcdef0"}],
            **more,
        }  # fmt: skip

    return make


def equal(**names):
    return {name: [{"Value": value, "Comparison": "EQUALS"}] for name, value in names.items()}


@pytest.mark.proves("securityhub.DescribeHub")
def test_the_hub(hub, security, lab, vault):
    found = hub.describe_hub()
    assert found["HubArn"] == f"arn:aws:securityhub:us-east-1:{security.id}:hub/default"
    assert refused(hub.enable_security_hub) == "ResourceConflictException"
    assert refused(hub.describe_hub, HubArn="arn:aws:securityhub:us-east-1:1:hub/x") == "ResourceNotFoundException"
    assert refused(hub.get_enabled_standards) == "UnknownOperationException"
    elsewhere = client(lab, "securityhub", vault.admin)
    assert refused(elsewhere.enable_security_hub, EnableDefaultStandards=True) == "InvalidInputException"


@pytest.mark.proves("securityhub.BatchImportFindings")
def test_an_imported_finding_is_completed_and_told(hub, told, asff):
    made = asff()
    assert hub.batch_import_findings(Findings=[made])["SuccessCount"] == 1
    (found,) = hub.get_findings(Filters=equal(Id=made["Id"]))["Findings"]
    assert found["Severity"] == {"Label": "HIGH", "Normalized": 70}
    assert (found["Workflow"]["Status"], found["RecordState"], found["Region"]) == ("NEW", "ACTIVE", "us-east-1")
    assert (found["ProductName"], found["CompanyName"]) == ("Default", "Personal")
    assert found["FindingProviderFields"]["Severity"]["Label"] == "HIGH"
    assert found["ProductFields"]["aws/securityhub/FindingId"] == f"{made['ProductArn']}/{made['Id']}"
    (event,) = told(made["Id"])
    assert event["resources"] == [f"{made['ProductArn']}/{made['Id']}"]
    assert event["detail"]["findings"] == [json.loads(json.dumps(found, default=str))]


@pytest.mark.parametrize(
    "more,words",
    [
        ({"Title": "x" * 257}, "longer than 256"),
        ({"Description": "x" * 1025}, "longer than 1024"),
        ({"Severity": {"Product": 3}}, "Label"),
        ({"Severity": {"Normalized": 101}}, "allowed values"),
        ({"Types": ["Nonsense/This"]}, "namespace"),
        ({"UpdatedAt": "yesterday"}, "date-time"),
        ({"SchemaVersion": "2017-01-01"}, "SchemaVersion"),
        ({"ProductFields": {str(number): "x" for number in range(51)}}, "50 items"),
        ({"UserDefinedFields": {"k": "x" * 245_000}}, "240 KB"),
        ({"AwsAccountId": "111111111111"}, "account of the caller"),
        ({"ProductArn": "arn:aws:securityhub:us-east-1::product/aws/guardduty"}, "default product"),
    ],
)  # fmt: skip
def test_what_is_no_finding_fails_alone(hub, asff, more, words):
    good, bad = asff(), asff(**more)
    answer = hub.batch_import_findings(Findings=[bad, good])
    assert (answer["FailedCount"], answer["SuccessCount"]) == (1, 1)
    (failed,) = answer["FailedFindings"]
    assert failed["Id"] == bad["Id"]
    assert words in failed["ErrorMessage"]
    found = hub.get_findings(Filters={"Id": [{"Value": each["Id"], "Comparison": "EQUALS"} for each in (good, bad)]})
    assert [each["Id"] for each in found["Findings"]] == [good["Id"]]


@pytest.mark.proves("securityhub.BatchUpdateFindings")
def test_what_customers_set_survives_imports(hub, told, asff):
    made = asff()
    hub.batch_import_findings(Findings=[made])
    named = {"Id": made["Id"], "ProductArn": made["ProductArn"]}
    answer = hub.batch_update_findings(
        FindingIdentifiers=[named, {"Id": "none", "ProductArn": made["ProductArn"]}], Workflow={"Status": "RESOLVED"},
        Note={"Text": "seen", "UpdatedBy": "ada"}, Severity={"Label": "LOW"}, VerificationState="TRUE_POSITIVE",
    )  # fmt: skip
    assert answer["ProcessedFindings"] == [named]
    assert [each["ErrorCode"] for each in answer["UnprocessedFindings"]] == ["FindingNotFound"]
    later = {**made, "UpdatedAt": "2026-11-21T10:00:00Z", "Title": "Still open", "Severity": {"Label": "CRITICAL"}}
    hub.batch_import_findings(Findings=[later])
    older = {**made, "UpdatedAt": "2026-11-19T10:00:00Z", "Title": "Older"}
    hub.batch_import_findings(Findings=[older])
    (found,) = hub.get_findings(Filters=equal(Id=made["Id"]))["Findings"]
    assert (found["Title"], found["Workflow"]["Status"], found["Note"]["Text"]) == ("Still open", "RESOLVED", "seen")
    assert (found["Severity"]["Label"], found["FindingProviderFields"]["Severity"]["Label"]) == ("LOW", "CRITICAL")
    assert found["Note"]["UpdatedAt"]
    assert len(told(made["Id"], 3)) == 3
    assert refused(hub.batch_update_findings, FindingIdentifiers=[named], Workflow={"Status": "DONE"}) == (
        "InvalidInputException"
    )


@pytest.mark.proves("securityhub.GetFindings")
def test_filters_order_and_pages(hub, asff):
    generator = unique("filters")
    labels = ["LOW", "CRITICAL", "MEDIUM", "HIGH", "INFORMATIONAL"]
    made = [
        asff(GeneratorId=generator, Severity={"Label": label}, Title=f"case {number}", ProductFields={"n": str(number)},
             UpdatedAt=f"2026-11-{20 + number}T10:00:00Z")
        for number, label in enumerate(labels)
    ]  # fmt: skip
    hub.batch_import_findings(Findings=made)

    def titles(sort="SeverityNormalized", **filters):
        pages = hub.get_paginator("get_findings").paginate(
            Filters={**equal(GeneratorId=generator), **filters}, SortCriteria=[{"Field": sort, "SortOrder": "asc"}],
            PaginationConfig={"PageSize": 2},
        )  # fmt: skip
        return [int(each["Title"][-1]) for page in pages for each in page["Findings"]]

    def texts(name, *wanted):
        return {name: [{"Comparison": comparison, "Value": value} for comparison, value in wanted]}

    assert titles() == [4, 0, 2, 3, 1]
    assert titles("UpdatedAt") == [0, 1, 2, 3, 4]
    assert titles(**texts("SeverityLabel", ("EQUALS", "HIGH"), ("EQUALS", "LOW"))) == [0, 3]
    assert titles(**texts("SeverityLabel", ("NOT_EQUALS", "HIGH"), ("NOT_EQUALS", "LOW"))) == [4, 2, 1]
    assert titles(**texts("Title", ("PREFIX", "case"), ("NOT_CONTAINS", "3"))) == [4, 0, 2, 1]
    assert titles(**texts("Type", ("PREFIX", "Software and Configuration Checks"))) == [4, 0, 2, 3, 1]
    assert titles(SeverityNormalized=[{"Gte": 40, "Lte": 70}]) == [2, 3]
    assert titles(UpdatedAt=[{"Start": "2026-11-21T10:00:00Z", "End": "2026-11-22T10:00:00Z"}]) == [2, 1]
    assert titles(UpdatedAt=[{"DateRange": {"Value": 36500, "Unit": "DAYS"}}]) == [4, 0, 2, 3, 1]
    assert titles(ProductFields=[{"Key": "n", "Value": "3", "Comparison": "EQUALS"}]) == [3]
    assert titles(**texts("ResourceType", ("EQUALS", "AwsS3Bucket"))) == []
    assert refused(hub.get_findings, Filters={"ProcessPid": [{"Eq": 1}]}) == "InvalidInputException"
    assert refused(hub.get_findings, NextToken="x") == "InvalidInputException"


def test_findings_of_guardduty_arrive(lab, security, hub, told):
    guardduty = client(lab, "guardduty", security.admin)
    detector = guardduty.create_detector(Enable=True)["DetectorId"]
    (known,) = lab.control("guardduty", account=security.id, findings=[TOR])["ids"]
    arn = f"arn:aws:guardduty:us-east-1:{security.id}:detector/{detector}/finding/{known}"
    told(arn)
    (found,) = hub.get_findings(Filters=equal(Id=arn))["Findings"]
    assert found["ProductArn"] == "arn:aws:securityhub:us-east-1::product/aws/guardduty"
    assert (found["ProductName"], found["CompanyName"], found["GeneratorId"]) == (
        "GuardDuty", "AWS", f"arn:aws:guardduty:us-east-1:{security.id}:detector/{detector}",
    )  # fmt: skip
    assert found["Types"] == ["TTPs/UnauthorizedAccess:IAMUser-TorIPCaller"]
    assert found["Severity"] == {"Product": 5.0, "Normalized": 50, "Label": "MEDIUM"}
    (resource,) = found["Resources"]
    assert (resource["Type"], resource["Details"]["AwsIamAccessKey"]["PrincipalName"]) == ("AwsIamAccessKey", "mallory")
    path = "aws/guardduty/service/action/awsApiCallAction/remoteIpDetails/ipAddressV4"
    assert found["ProductFields"][path] == "198.51.100.23"
    guardduty.archive_findings(DetectorId=detector, FindingIds=[known])
    (found,) = hub.get_findings(Filters=equal(Id=arn))["Findings"]
    assert found["RecordState"] == "ARCHIVED"
    guardduty.delete_detector(DetectorId=detector)


def test_the_owner_plants_findings_of_any_product(lab, security, told, asff):
    product = "arn:aws:securityhub:us-east-1::product/aws/macie"
    made = asff(ProductArn=product, Id=unique("macie"))
    lab.control("securityhub", account=security.id, findings=[made])
    assert told(made["Id"])[0]["detail"]["findings"][0]["ProductName"] == "Macie"
    with pytest.raises(LabError, match="not enabled"):
        lab.control("securityhub", account=lab.accounts["vault"].id, findings=[made])
    with pytest.raises(LabError, match="Title"):
        lab.control("securityhub", account=security.id, findings=[{**made, "Title": ""}])


def test_real_findings_of_aws_are_taken(lab, security, hub, shared_data):
    """As Security Lake got them; the first two of the four are not as the API's model has `Compliance`."""
    for path in sorted((shared_data / "ocsf-security-lake").rglob("securityhub-inputs[23].json.gz")):
        real = json.loads(gzip.decompress(path.read_bytes()))
        arn = f"arn:aws:securityhub:us-east-1::product/aws/{path.name.split('.')[0]}"
        made = {**real, "Id": unique("real"), "ProductArn": arn}
        lab.control("securityhub", account=security.id, findings=[made])
        (found,) = hub.get_findings(Filters=equal(Id=made["Id"]))["Findings"]
        assert set(real) <= set(found), path
        assert {each["Id"] for each in found["Resources"]} == {each["Id"] for each in real["Resources"]}
