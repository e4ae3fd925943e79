"""GuardDuty: detectors, findings that calls make, findings that the owner plants, samples, and where they arrive."""

import datetime as dt
import gzip
import json

import boto3
import pytest
from botocore.config import Config
from lab_tools import CONFIG, allow, client, eventually, lookup, refused, trust, unique

from amberlight.lab import LabCredentials, LabError

pytestmark = pytest.mark.lab

KEY = {"resourceType": "AccessKey", "accessKeyDetails": {
    "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "principalId": "AIDACKCEVSQ6C2EXAMPLE", "userType": "IAMUser", "userName": "mallory",
}}  # fmt: skip
CALL = {"actionType": "AWS_API_CALL", "awsApiCallAction": {
    "api": "ListUsers", "serviceName": "iam.amazonaws.com", "callerType": "Remote IP",
    "remoteIpDetails": {"ipAddressV4": "198.51.100.23"}, "affectedResources": {},
}}  # fmt: skip
TOR = {"type": "UnauthorizedAccess:IAMUser/TorIPCaller", "resource": KEY, "action": CALL}
OUTSIDE = "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS"


@pytest.fixture(scope="module")
def guardduty(aws):
    """A client whose account has an enabled detector."""
    found = aws("guardduty")
    found.detector = found.create_detector(Enable=True, FindingPublishingFrequency="FIFTEEN_MINUTES")["DetectorId"]
    yield found
    found.delete_detector(DetectorId=found.detector)


@pytest.fixture(scope="module")
def told(aws, guardduty):
    """Events of findings, as a queue behind a rule gets them."""
    sqs, events = aws("sqs"), aws("events")
    url = sqs.create_queue(QueueName=unique("findings"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"]}
    events.put_rule(Name="findings", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="findings", Targets=[{"Id": "queue", "Arn": arn}])
    seen = []

    def arrived(**wanted):
        def probe():
            messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            for message in messages:
                seen.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return [each for each in seen if all(each["detail"].get(name) == value for name, value in wanted.items())]

        return eventually(probe)

    return arrived


def findings(guardduty, **criterion):
    """Findings that meet equality criteria; dots are written as two underscores."""
    wanted = {name.replace("__", "."): {"Equals": [value]} for name, value in criterion.items()}
    ids = guardduty.list_findings(DetectorId=guardduty.detector, FindingCriteria={"Criterion": wanted})["FindingIds"]
    return guardduty.get_findings(DetectorId=guardduty.detector, FindingIds=ids)["Findings"] if ids else []


def one(guardduty, **criterion):
    """The only finding that meets the criteria, once it is there."""
    (found,) = eventually(lambda: findings(guardduty, **criterion))
    return found


@pytest.mark.proves("guardduty.ListDetectors", "guardduty.GetDetector")
def test_a_detector_says_what_it_looks_at(guardduty, prod):
    assert guardduty.list_detectors()["DetectorIds"] == [guardduty.detector]
    assert refused(guardduty.create_detector, Enable=True) == "BadRequestException"
    found = guardduty.get_detector(DetectorId=guardduty.detector)
    assert (found["Status"], found["FindingPublishingFrequency"]) == ("ENABLED", "FIFTEEN_MINUTES")
    assert found["DataSources"]["CloudTrail"]["Status"] == "ENABLED"
    assert found["DataSources"]["FlowLogs"]["Status"] == "DISABLED"
    assert found["ServiceRole"] == (
        f"arn:aws:iam::{prod.id}:role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty"
    )
    assert refused(guardduty.get_detector, DetectorId="0" * 32) == "BadRequestException"
    features = [{"Name": "S3_DATA_EVENTS", "Status": "ENABLED"}]
    assert refused(guardduty.update_detector, DetectorId=guardduty.detector, Features=features) == "BadRequestException"
    assert refused(guardduty.list_members, DetectorId=guardduty.detector) == "UnknownOperationException"


def test_its_service_role_is_there(aws, guardduty):
    role = aws("iam").get_role(RoleName="AWSServiceRoleForAmazonGuardDuty")["Role"]
    assert role["Arn"] == guardduty.get_detector(DetectorId=guardduty.detector)["ServiceRole"]


@pytest.mark.proves(
    "guardduty.ListFindings", "guardduty.GetFindings", "guardduty.ArchiveFindings", "guardduty.UnarchiveFindings"
)
def test_a_planted_finding_is_listed_told_and_archived(lab, prod, vault, guardduty, told):
    (known,) = lab.control("guardduty", account=prod.id, findings=[{**TOR, "title": "planted"}])["ids"]
    (event,) = told(id=known)
    assert (event["source"], event["detail-type"], event["account"]) == ("aws.guardduty", "GuardDuty Finding", prod.id)
    detail = event["detail"]
    assert detail["resource"]["accessKeyDetails"]["userName"] == "mallory"
    assert detail["service"]["action"]["awsApiCallAction"]["remoteIpDetails"]["ipAddressV4"] == "198.51.100.23"
    assert detail["arn"] == (f"arn:aws:guardduty:us-east-1:{prod.id}:detector/{guardduty.detector}/finding/{known}")
    found = one(guardduty, id=known)
    assert (found["Type"], found["Severity"], found["Service"]["Count"]) == (TOR["type"], 5.0, 1)
    assert found["Resource"]["AccessKeyDetails"]["AccessKeyId"] == "AKIAIOSFODNN7EXAMPLE"
    guardduty.archive_findings(DetectorId=guardduty.detector, FindingIds=[known])
    assert findings(guardduty, id=known, service__archived="false") == []
    guardduty.unarchive_findings(DetectorId=guardduty.detector, FindingIds=[known])
    assert findings(guardduty, id=known, service__archived="false")
    assert client(lab, "guardduty", vault.admin).list_detectors()["DetectorIds"] == []


def test_what_cannot_be_planted_is_said(lab, prod, vault, guardduty):
    with pytest.raises(LabError, match="no enabled detector"):
        lab.control("guardduty", account=vault.id, findings=[TOR])
    with pytest.raises(LabError, match="no finding type"):
        lab.control("guardduty", account=prod.id, findings=[{**TOR, "type": "Bad:IAMUser/Thing"}])
    odd = {**KEY, "accessKeyDetails": {"owner": "x"}}
    with pytest.raises(LabError, match=r"resource.accessKeyDetails.owner"):
        lab.control("guardduty", account=prod.id, findings=[{**TOR, "resource": odd}])


def test_repeats_add_to_one_finding_and_are_told_later(lab, prod, guardduty, told):
    subject = unique("subject")
    ids = [
        lab.control("guardduty", account=prod.id, findings=[{**TOR, "subject": subject}])["ids"][0] for _ in range(3)
    ]
    assert len(set(ids)) == 1
    assert one(guardduty, id=ids[0])["Service"]["Count"] == 3
    assert eventually(lambda: [each for each in told(id=ids[0]) if each["detail"]["service"]["count"] == 3])
    guardduty.archive_findings(DetectorId=guardduty.detector, FindingIds=ids[:1])
    again = lab.control("guardduty", account=prod.id, findings=[{**TOR, "subject": subject}])["ids"]
    assert again[0] != ids[0]


@pytest.mark.proves("guardduty.CreateSampleFindings")
def test_samples_are_marked(guardduty, told):
    name = "Backdoor:EC2/C&CActivity.B!DNS"
    guardduty.create_sample_findings(DetectorId=guardduty.detector, FindingTypes=[name])
    found = one(guardduty, type=name)
    assert found["Title"].startswith("[SAMPLE] ")
    assert json.loads(found["Service"]["AdditionalInfo"]["Value"]) == {"sample": True}
    assert found["Resource"]["InstanceDetails"]["InstanceId"] == "i-99999999"
    assert told(id=found["Id"])[0]["detail"]["service"]["additionalInfo"]["sample"] is True
    assert refused(
        guardduty.create_sample_findings, DetectorId=guardduty.detector, FindingTypes=["Bad:EC2/Thing"]
    ) == "BadRequestException"  # fmt: skip


@pytest.mark.proves("guardduty.GetFindingsStatistics")
def test_criteria_order_and_pages(lab, prod, guardduty):
    region = {"severity": 7.5, "title": unique("criteria")}
    planted = [{**TOR, **region, "severity": 1.0 + number} for number in range(6)]
    ids = lab.control("guardduty", account=prod.id, findings=planted)["ids"]
    detector = guardduty.detector
    wanted = {"title": {"Equals": [region["title"]]}}

    def listed(**more):
        criterion = {**wanted, **more}
        sort = {"AttributeName": "severity", "OrderBy": "ASC"}
        pages = guardduty.get_paginator("list_findings").paginate(
            DetectorId=detector, FindingCriteria={"Criterion": criterion}, SortCriteria=sort,
            PaginationConfig={"PageSize": 4},
        )  # fmt: skip
        return [page["FindingIds"] for page in pages]

    assert listed() == [ids[:4], ids[4:]]
    assert listed(severity={"GreaterThanOrEqual": 5}) == [ids[4:]]
    assert listed(severity={"Lt": 3}) == [ids[:2]]
    assert listed(id={"NotEquals": ids[:5]}) == [ids[5:]]
    assert listed(**{"resource.accessKeyDetails.userName": {"Eq": ["nobody"]}}) == [[]]
    later = int(dt.datetime.now(dt.UTC).timestamp() * 1000) + 60_000  # noqa: TID251
    assert listed(updatedAt={"GreaterThan": later}) == [[]]
    assert listed(updatedAt={"LessThan": later}) == [ids[:4], ids[4:]]
    counts = guardduty.get_findings_statistics(
        DetectorId=detector, FindingStatisticTypes=["COUNT_BY_SEVERITY"], FindingCriteria={"Criterion": wanted}
    )["FindingStatistics"]["CountBySeverity"]
    assert counts == {str(number): 1 for number in range(1, 7)}
    bad = {"Criterion": {"title": {"GreaterThan": 1}}}
    assert refused(guardduty.list_findings, DetectorId=detector, FindingCriteria=bad) == "BadRequestException"
    assert refused(guardduty.list_findings, DetectorId=detector, NextToken="x") == "BadRequestException"


def a_trail(aws, name):
    s3, trail = aws("s3"), aws("cloudtrail")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": ["s3:PutObject", "s3:GetBucketAcl"],
         "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]},
    ]}))  # fmt: skip
    trail.create_trail(Name=name, S3BucketName=name)
    trail.start_logging(Name=name)
    return trail


def test_a_trail_that_is_stopped(aws, guardduty, told):
    name = unique("guarded")
    trail = a_trail(aws, name)
    trail.stop_logging(Name=name)
    trail.delete_trail(Name=name)
    kind = "Stealth:IAMUser/CloudTrailLoggingDisabled"
    found = eventually(lambda: [
        each for each in findings(guardduty, type=kind) if name in each["Title"] and each["Service"]["Count"] == 2
    ])[0]  # fmt: skip
    assert found["Severity"] == 2.0
    call = found["Service"]["Action"]["AwsApiCallAction"]
    assert (call["Api"], call["ServiceName"], call["CallerType"]) == (
        "DeleteTrail", "cloudtrail.amazonaws.com", "Remote IP",
    )  # fmt: skip
    assert found["Resource"]["AccessKeyDetails"]["UserName"] == "admin"
    assert told(id=found["Id"])
    assert refused(trail.stop_logging, Name=name) == "TrailNotFoundException"
    aws("guardduty").list_detectors()
    (again,) = [each for each in findings(guardduty, type=kind) if name in each["Title"]]
    assert again["Service"]["Count"] == 2


def test_a_bucket_of_logs_that_is_deleted(aws, guardduty):
    name, other = unique("guarded-logs"), unique("no-logs")
    trail = a_trail(aws, name)
    aws("s3").create_bucket(Bucket=other)
    aws("s3").delete_bucket(Bucket=other)
    trail.stop_logging(Name=name)
    for each in aws("s3").list_objects_v2(Bucket=name).get("Contents", []):
        aws("s3").delete_object(Bucket=name, Key=each["Key"])
    aws("s3").delete_bucket(Bucket=name)
    kind = "Stealth:IAMUser/CloudTrailLoggingDisabled"

    def of_bucket(bucket):
        return [
            each for each in findings(guardduty, type=kind)
            if each["Service"]["Action"]["AwsApiCallAction"]["Api"] == "DeleteBucket" and bucket in each["Title"]
        ]  # fmt: skip

    assert eventually(lambda: of_bucket(name))
    assert of_bucket(other) == []
    trail.delete_trail(Name=name)


def test_root_credentials(lab, prod, guardduty):
    client(lab, "sts", prod.root).get_caller_identity()
    found = one(guardduty, type="Policy:IAMUser/RootCredentialUsage")
    details = found["Resource"]["AccessKeyDetails"]
    assert (details["UserType"], details["UserName"], details["PrincipalId"]) == ("Root", "Root", prod.id)
    assert found["Title"].endswith("was invoked using root credentials.")


@pytest.mark.proves("iam.UpdateAccountPasswordPolicy", "iam.DeleteAccountPasswordPolicy")
def test_a_password_policy_that_gets_weaker(aws, guardduty):
    iam, kind = aws("iam"), "Stealth:IAMUser/PasswordPolicyChange"
    iam.update_account_password_policy(MinimumPasswordLength=14, RequireSymbols=True, MaxPasswordAge=30)
    iam.update_account_password_policy(MinimumPasswordLength=16, RequireSymbols=True, MaxPasswordAge=30)
    eventually(lambda: events_of(aws, "UpdateAccountPasswordPolicy", 2))
    assert findings(guardduty, type=kind) == []
    iam.update_account_password_policy(MinimumPasswordLength=16, RequireSymbols=False, MaxPasswordAge=30)
    iam.update_account_password_policy(MinimumPasswordLength=8, MaxPasswordAge=30)
    iam.update_account_password_policy(MinimumPasswordLength=8, MaxPasswordAge=90)
    iam.delete_account_password_policy()
    assert refused(iam.delete_account_password_policy) == "NoSuchEntity"
    found = one(guardduty, type=kind, service__count="4")
    assert found["Service"]["Action"]["AwsApiCallAction"]["Api"] == "DeleteAccountPasswordPolicy"


def events_of(aws, name, number):
    found = aws("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}])
    return len(found["Events"]) >= number


def test_buckets_that_become_public(aws, guardduty):
    s3, name = aws("s3"), unique("public")
    s3.create_bucket(Bucket=name)
    everybody = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"},
    ]})  # fmt: skip
    closed = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=closed)
    assert refused(s3.put_bucket_policy, Bucket=name, Policy=everybody) == "AccessDenied"
    s3.delete_public_access_block(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=everybody)
    by_type = {}

    def both():
        by_type.update({
            each["Type"]: each for each in findings(guardduty, resource__s3BucketDetails__name=name)
        })  # fmt: skip
        return len(by_type) == 2

    eventually(both)
    off, granted = (
        by_type[f"Policy:S3/Bucket{each}"] for each in ("BlockPublicAccessDisabled", "AnonymousAccessGranted")
    )
    assert (off["Severity"], granted["Severity"]) == (2.0, 8.0)
    assert off["Service"]["Count"] == granted["Service"]["Count"] == 1
    (bucket,) = granted["Resource"]["S3BucketDetails"]
    assert bucket["PublicAccess"]["EffectivePermission"] == "PUBLIC"
    assert bucket["CreatedAt"].tzinfo is not None
    assert granted["Resource"]["ResourceType"] == "AccessKey"


@pytest.mark.parametrize(
    "acl,kind",
    [("public-read", "AnonymousAccessGranted"), ("authenticated-read", "PublicAccessGranted"), ("private", None)],
)
def test_buckets_that_an_acl_opens(aws, guardduty, acl, kind):
    s3, name = aws("s3"), unique("acl")
    s3.create_bucket(Bucket=name, ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket=name)
    s3.put_bucket_acl(Bucket=name, ACL=acl)
    found = findings(guardduty, resource__s3BucketDetails__name=name)
    wanted = {"Policy:S3/BucketBlockPublicAccessDisabled"} | ({f"Policy:S3/Bucket{kind}"} if kind else set())
    assert {each["Type"] for each in found} == wanted


def test_access_logs_that_are_turned_off(aws, guardduty):
    s3, name = aws("s3"), unique("access-logs")
    s3.create_bucket(Bucket=name)
    kind = "Stealth:S3/ServerAccessLoggingDisabled"
    s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={})
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"},
              "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{name}/*"}]}  # fmt: skip
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    on = {"LoggingEnabled": {"TargetBucket": name, "TargetPrefix": "logs/"}}
    s3.put_bucket_logging(Bucket=name, BucketLoggingStatus=on)
    s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={})
    found = one(guardduty, type=kind, resource__s3BucketDetails__name=name)
    assert found["Service"]["Count"] == 1


def stolen_from(run):
    """The credentials of a host's role, and the endpoint under which the host calls AWS."""
    base = "${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}/latest"
    token = f"curl -sX PUT {base}/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60'"
    read = f'curl -s {base}/meta-data/iam/security-credentials/web -H "X-aws-ec2-metadata-token: $({token})"'
    text, endpoint = run(read, "echo; echo $AWS_ENDPOINT_URL")["StandardOutputContent"].rsplit("}", 1)
    found = json.loads(text + "}")
    return LabCredentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"]), endpoint.strip()


def test_an_instance_role_used_from_elsewhere(lab, aws, host, run, guardduty):
    stolen, endpoint = stolen_from(run)
    s3 = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=stolen.access_key_id,
        aws_secret_access_key=stolen.secret_access_key, aws_session_token=stolen.session_token,
        config=CONFIG.merge(Config(signature_version="s3v4")),
    )  # fmt: skip
    at_home = s3.generate_presigned_url("list_buckets")
    assert "<Buckets>" in run(f"curl -s '{at_home}'")["StandardOutputContent"]
    assert eventually(lambda: [
        each for each in lookup(aws("cloudtrail"), AccessKeyId=stolen.access_key_id)
        if each["sourceIPAddress"] == host["PrivateIpAddress"]
    ])  # fmt: skip
    assert findings(guardduty, type=OUTSIDE) == []
    client(lab, "s3", stolen).list_buckets()
    finding = one(guardduty, type=OUTSIDE)
    assert (finding["Severity"], finding["Service"]["Count"]) == (8.0, 1)
    call = finding["Service"]["Action"]["AwsApiCallAction"]
    assert call["RemoteIpDetails"]["IpAddressV4"] == "127.0.0.1"
    assert finding["Resource"]["InstanceDetails"]["InstanceId"] == host["InstanceId"]
    assert (
        finding["Resource"]["InstanceDetails"]["NetworkInterfaces"][0]["PrivateIpAddress"] == host["PrivateIpAddress"]
    )
    details = finding["Resource"]["AccessKeyDetails"]
    assert (details["UserName"], details["UserType"]) == ("web", "AssumedRole")
    assert details["PrincipalId"].endswith(":" + host["InstanceId"])


@pytest.mark.proves("guardduty.CreateDetector", "guardduty.UpdateDetector", "guardduty.DeleteDetector")
def test_only_while_enabled(lab, vault):
    """In an account of its own, for a disabled detector would blind the others."""
    found = client(lab, "guardduty", vault.admin)
    detector = found.create_detector(Enable=False)["DetectorId"]
    root = client(lab, "sts", vault.root)
    root.get_caller_identity()
    with pytest.raises(LabError, match="no enabled detector"):
        lab.control("guardduty", account=vault.id, findings=[TOR])
    trail = client(lab, "cloudtrail", vault.admin)
    eventually(lambda: trail.lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "GetCallerIdentity"}]
    )["Events"])  # fmt: skip
    assert found.list_findings(DetectorId=detector)["FindingIds"] == []
    found.update_detector(DetectorId=detector, Enable=True)
    root.get_caller_identity()
    assert eventually(lambda: found.list_findings(DetectorId=detector)["FindingIds"])
    found.delete_detector(DetectorId=detector)
    assert found.list_detectors()["DetectorIds"] == []


@pytest.fixture
def a_list(aws, guardduty):
    """Puts addresses into a file of a bucket, and gives its place."""
    s3, name = aws("s3"), unique("lists")
    s3.create_bucket(Bucket=name)

    def put(*lines):
        key = unique("list")
        s3.put_object(Bucket=name, Key=key, Body="\n".join(lines).encode())
        return f"s3://{name}/{key}"

    return put


def someone(aws, name):
    """Clients of a user of the production account whose calls no other test makes."""
    iam = aws("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=allow("iam:*"))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return lambda service: aws(service, LabCredentials(made["AccessKeyId"], made["SecretAccessKey"]))


@pytest.mark.proves(
    "guardduty.CreateThreatIntelSet",
    "guardduty.UpdateThreatIntelSet",
    "guardduty.GetThreatIntelSet",
    "guardduty.ListThreatIntelSets",
    "guardduty.DeleteThreatIntelSet",
)
def test_calls_from_addresses_on_a_threat_list(aws, guardduty, a_list):
    detector, name = guardduty.detector, unique("listed")
    theirs = someone(aws, name)
    known = guardduty.create_threat_intel_set(
        DetectorId=detector,
        Name=name,
        Format="TXT",
        Location=a_list("# ours", "203.0.113.0/24", "198.51.100.7"),
        Activate=True,
    )["ThreatIntelSetId"]
    theirs("iam").list_users()
    guardduty.update_threat_intel_set(
        DetectorId=detector, ThreatIntelSetId=known, Location=a_list("127.0.0.0/8"), Activate=True
    )
    theirs("iam").list_groups()
    theirs("iam").create_group(GroupName=name)
    theirs("iam").delete_group(GroupName=name)
    mine = {"resource__accessKeyDetails__userName": name}
    change = one(guardduty, type="UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom", service__count="2", **mine)
    assert change["Service"]["Evidence"]["ThreatIntelligenceDetails"][0]["ThreatListName"] == name
    recon = one(guardduty, type="Recon:IAMUser/MaliciousIPCaller.Custom", **mine)
    assert (recon["Service"]["Count"], recon["Service"]["Action"]["AwsApiCallAction"]["Api"]) == (1, "ListGroups")
    assert recon["Severity"] == 5.0
    assert guardduty.list_threat_intel_sets(DetectorId=detector)["ThreatIntelSetIds"] == [known]
    guardduty.update_threat_intel_set(DetectorId=detector, ThreatIntelSetId=known, Activate=False)
    assert guardduty.get_threat_intel_set(DetectorId=detector, ThreatIntelSetId=known)["Status"] == "INACTIVE"
    theirs("iam").list_roles()
    aws("guardduty").list_detectors()
    eventually(lambda: [each["eventName"] for each in lookup(aws("cloudtrail"), Username=name)][:1] == ["ListRoles"])
    assert one(guardduty, type="Recon:IAMUser/MaliciousIPCaller.Custom", **mine)["Service"]["Count"] == 1
    guardduty.delete_threat_intel_set(DetectorId=detector, ThreatIntelSetId=known)


def test_lists_that_cannot_be_read_are_refused(aws, guardduty, a_list, vault, lab):
    detector = guardduty.detector
    good = {"DetectorId": detector, "Name": unique("listed"), "Format": "TXT", "Activate": True}
    theirs = client(lab, "s3", vault.admin)
    other = unique("lists")
    theirs.create_bucket(Bucket=other)
    theirs.put_object(Bucket=other, Key="list.txt", Body=b"127.0.0.1")
    for change in (
        {"Location": a_list("no address")}, {"Location": "s3://no-such-bucket-here/x"}, {"Location": "nowhere"},
        {"Location": f"s3://{other}/list.txt"}, {"Location": a_list("127.0.0.1") + ".gone"},
        {"Location": a_list("127.0.0.1"), "Format": "STIX"},
    ):  # fmt: skip
        assert refused(guardduty.create_threat_intel_set, **{**good, **change}) == "BadRequestException"
    assert guardduty.list_threat_intel_sets(DetectorId=detector)["ThreatIntelSetIds"] == []
    assert refused(guardduty.get_ip_set, DetectorId=detector, IpSetId="none") == "BadRequestException"


@pytest.mark.proves("guardduty.CreateIPSet", "guardduty.DeleteIPSet")
def test_what_comes_from_a_trusted_address_is_no_finding(lab, vault):
    """In an account of its own, for a trusted list would blind the others."""
    found, s3, name = client(lab, "guardduty", vault.admin), client(lab, "s3", vault.admin), unique("lists")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="t", Body=b"127.0.0.1\n")
    detector = found.create_detector(Enable=True)["DetectorId"]
    known = found.create_ip_set(
        DetectorId=detector, Name=name, Format="TXT", Location=f"https://s3.amazonaws.com/{name}/t", Activate=True
    )["IpSetId"]
    root, trail = client(lab, "sts", vault.root), client(lab, "cloudtrail", vault.admin)
    made = root.get_caller_identity()["ResponseMetadata"]["RequestId"]
    eventually(lambda: made in {each["requestID"] for each in lookup(trail, EventName="GetCallerIdentity")})
    assert found.list_findings(DetectorId=detector)["FindingIds"] == []
    found.delete_ip_set(DetectorId=detector, IpSetId=known)
    root.get_caller_identity()
    assert eventually(lambda: found.list_findings(DetectorId=detector)["FindingIds"])
    found.delete_detector(DetectorId=detector)


def test_policies_bind_readers(lab, prod, aws, guardduty):
    name = unique("reader")
    iam, sts = aws("iam"), aws("sts")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{prod.id}:root"}))
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=allow("guardduty:ListDetectors"))
    made = sts.assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="case")["Credentials"]
    reader = client(lab, "guardduty", LabCredentials(
        made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]
    ))  # fmt: skip
    assert reader.list_detectors()["DetectorIds"] == [guardduty.detector]
    assert refused(reader.list_findings, DetectorId=guardduty.detector) == "AccessDeniedException"


def names(value, path=""):
    """Every path of names in a JSON value, lists and the entries of maps left out."""
    if isinstance(value, list):
        return {found for each in value for found in names(each, path)}
    if isinstance(value, dict) and not path.endswith("affectedResources"):
        return {found for name, each in value.items() for found in names(each, f"{path}.{name}")}
    return {path}


def test_findings_have_the_members_of_real_ones(guardduty, told, shared_data):
    lines = gzip.decompress((shared_data / "eventbridge-custodian/events.jsonl.gz").read_bytes()).splitlines()
    real = [each["event"] for each in map(json.loads, lines) if each["event"].get("source") == "aws.guardduty"]
    assert len(real) == 2
    for event in real:
        name = event["detail"]["type"]
        guardduty.create_sample_findings(DetectorId=guardduty.detector, FindingTypes=[name])
        title = one(guardduty, type=name, service__additionalInfo__value='{"sample": true}')["Title"]
        made = told(type=name, title=title)[0]
        missing = names(event) - names(made)
        # `debug` is of who recorded them; the rest depends on the case.
        optional = (".debug", ".detail.service.additionalInfo.unusual", ".detail.service.additionalInfo.threatListName")
        assert not {path for path in missing if not path.startswith(optional)}
