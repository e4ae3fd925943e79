"""AWS Config's rules: AWS's own and functions, on change and from time to time, with compliance told."""

import io
import json
import zipfile

import pytest
from config_tools import ready, run_recorder
from lab_tools import allow, eventually, refused, trust, unique

pytestmark = pytest.mark.lab

HANDLER = """
import json
import boto3

def handler(event, context):
    told = json.loads(event["invokingEvent"])
    item = told.get("configurationItem")
    parameters = json.loads(event["ruleParameters"])
    if parameters.get("fail"):
        raise ValueError("this rule fails")
    if item is None:
        kind, ident, when, complies = "AWS::::Account", event["accountId"], told["notificationCreationTime"], False
    else:
        kind, ident, when = item["resourceType"], item["resourceId"], item["configurationItemCaptureTime"]
        complies = item["configuration"] is not None and item["tags"].get("team") == parameters["team"]
    keys = sorted(event) + sorted(told)
    boto3.client("config").put_evaluations(ResultToken=event["resultToken"], Evaluations=[{
        "ComplianceResourceType": kind, "ComplianceResourceId": ident, "OrderingTimestamp": when,
        "ComplianceType": "NOT_APPLICABLE" if item and item["configurationItemStatus"] == "ResourceDeleted"
                          else "COMPLIANT" if complies else "NON_COMPLIANT",
        "Annotation": json.dumps([event["eventLeftScope"], told["messageType"], len(keys)]),
    }])
"""
CHANGED = {"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"}
SCHEDULED = {
    "EventSource": "aws.config",
    "MessageType": "ScheduledNotification",
    "MaximumExecutionFrequency": "One_Hour",
}


@pytest.fixture(scope="module")
def at(lab):
    return run_recorder(lab, "us-east-1", {"allSupported": True, "includeGlobalResourceTypes": True})


@pytest.fixture(scope="module")
def function(at):
    """The ARN of a function that AWS Config may call, and that may give its word."""
    iam, functions, name = at("iam"), at("lambda"), unique("rule-function")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": "lambda.amazonaws.com"}))["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=allow("config:PutEvaluations"))
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("rule.py", HANDLER)
    made = functions.create_function(
        FunctionName=name, Runtime="python3.12", Role=role["Arn"], Handler="rule.handler", Code={"ZipFile": code.getvalue()},
        Timeout=20,
    )  # fmt: skip
    eventually(lambda: functions.get_function(FunctionName=name)["Configuration"]["State"] == "Active")
    functions.add_permission(
        FunctionName=name, StatementId="config", Action="lambda:InvokeFunction", Principal="config.amazonaws.com"
    )
    return made["FunctionArn"]


def managed(config, identifier, **more):
    """Put one of AWS's rules; gives its name."""
    name = unique(identifier.lower().replace("_", "-"))
    source = {"Owner": "AWS", "SourceIdentifier": identifier}
    config.put_config_rule(ConfigRule={"ConfigRuleName": name, "Source": source, **more})
    return name


def custom(config, arn, details, **more):
    """Put a rule with a function; gives its name."""
    name = unique("custom")
    source = {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": arn, "SourceDetails": [details]}
    config.put_config_rule(ConfigRule={"ConfigRuleName": name, "Source": source, **more})
    return name


def said(config, rule, ident):
    """What a rule said last of a resource."""
    for page in config.get_paginator("get_compliance_details_by_config_rule").paginate(ConfigRuleName=rule):
        for each in page["EvaluationResults"]:
            if each["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"] == ident:
                return each
    return None


def becomes(config, rule, ident, compliance):
    return eventually(lambda: (found := said(config, rule, ident)) and found["ComplianceType"] == compliance and found)


def test_open_ssh_is_found_and_closed_again(at):
    ec2, config = at("ec2"), at("config")
    rule = managed(config, "INCOMING_SSH_DISABLED")
    group = ec2.create_security_group(GroupName=unique("ssh"), Description="d")["GroupId"]
    becomes(config, rule, group, "COMPLIANT")
    wide = [{"IpProtocol": "tcp", "FromPort": 20, "ToPort": 25, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=wide)
    bad = becomes(config, rule, group, "NON_COMPLIANT")
    assert bad["Annotation"] == "Port 22 is open to everybody."
    (overall,) = config.describe_compliance_by_config_rule(ConfigRuleNames=[rule])["ComplianceByConfigRules"]
    assert overall["Compliance"]["ComplianceType"] == "NON_COMPLIANT"
    assert overall["Compliance"]["ComplianceContributorCount"]["CappedCount"] >= 1
    asked = {"ResourceType": "AWS::EC2::SecurityGroup", "ResourceId": group}
    (by_resource,) = config.describe_compliance_by_resource(**asked)["ComplianceByResources"]
    assert by_resource["Compliance"]["ComplianceType"] == "NON_COMPLIANT"
    details = config.get_compliance_details_by_resource(**asked)["EvaluationResults"]
    assert rule in [
        each["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ConfigRuleName"] for each in details
    ]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=wide)
    becomes(config, rule, group, "COMPLIANT")
    ec2.delete_security_group(GroupId=group)
    eventually(lambda: said(config, rule, group) is None)


def test_a_bucket_that_everybody_reads(at):
    s3, config, name = at("s3"), at("config"), unique("public-or-not")
    read, write = (
        managed(config, "S3_BUCKET_PUBLIC_READ_PROHIBITED"),
        managed(config, "S3_BUCKET_PUBLIC_WRITE_PROHIBITED"),
    )
    s3.create_bucket(Bucket=name)
    becomes(config, read, name, "COMPLIANT")
    s3.delete_public_access_block(Bucket=name)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:Get*", "Resource": f"arn:aws:s3:::{name}/*"}

    def policy(**more):
        s3.put_bucket_policy(
            Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{**statement, **more}]})
        )

    policy()
    becomes(config, read, name, "NON_COMPLIANT")
    becomes(config, write, name, "COMPLIANT")
    policy(Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})
    becomes(config, read, name, "COMPLIANT")
    policy(Condition={"Bool": {"aws:SecureTransport": "true"}}, Action=["s3:get*", "s3:P?tObject"])
    becomes(config, read, name, "NON_COMPLIANT")
    becomes(config, write, name, "NON_COMPLIANT")


def test_users_and_volumes(at):
    iam, ec2, config, name = at("iam"), at("ec2"), at("config"), unique("judged")
    no_policies = managed(config, "IAM_USER_NO_POLICIES_CHECK")
    encrypted = managed(config, "ENCRYPTED_VOLUMES")
    user = iam.create_user(UserName=name)["User"]["UserId"]
    becomes(config, no_policies, user, "COMPLIANT")
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=allow("s3:*"))
    becomes(config, no_policies, user, "NON_COMPLIANT")
    made = ec2.run_instances(
        ImageId="ami-00000001", MinCount=1, MaxCount=1,
        BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "Encrypted": True}}],
    )["Instances"][0]["InstanceId"]  # fmt: skip
    try:
        volumes = eventually(lambda: len(found := {
            each["DeviceName"]: each["Ebs"]["VolumeId"]
            for each in ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]["BlockDeviceMappings"]
        }) == 2 and found)  # fmt: skip
        becomes(config, encrypted, volumes["/dev/sdf"], "COMPLIANT")
        becomes(config, encrypted, volumes["/dev/xvda"], "NON_COMPLIANT")
    finally:
        ec2.terminate_instances(InstanceIds=[made])
    eventually(lambda: said(config, encrypted, volumes["/dev/sdf"]) is None)


def test_whether_a_trail_logs_is_asked_from_time_to_time(lab, at):
    cloudtrail, config, name = at("cloudtrail"), at("config"), unique("asked")
    account = lab.accounts["security"].id
    rule = managed(config, "CLOUD_TRAIL_ENABLED", MaximumExecutionFrequency="One_Hour")
    becomes(config, rule, account, "NON_COMPLIANT")
    cloudtrail.create_trail(Name=name, S3BucketName=ready(lab, "us-east-1")[1])
    cloudtrail.start_logging(Name=name)
    becomes(config, rule, account, "COMPLIANT")
    cloudtrail.delete_trail(Name=name)
    config.start_config_rules_evaluation(ConfigRuleNames=[rule])
    becomes(config, rule, account, "NON_COMPLIANT")


def test_a_function_judges_with_the_real_event(at, function):
    iam, config, name = at("iam"), at("config"), unique("by-function")
    scope = {"ComplianceResourceTypes": ["AWS::IAM::User"]}
    rule = custom(config, function, CHANGED, Scope=scope, InputParameters='{"team": "blue"}')
    user = iam.create_user(UserName=name)["User"]["UserId"]
    bad = becomes(config, rule, user, "NON_COMPLIANT")
    assert json.loads(bad["Annotation"]) == [False, "ConfigurationItemChangeNotification", 10 + 5]
    iam.tag_user(UserName=name, Tags=[{"Key": "team", "Value": "blue"}])
    becomes(config, rule, user, "COMPLIANT")
    (status,) = config.describe_config_rule_evaluation_status(ConfigRuleNames=[rule])["ConfigRulesEvaluationStatus"]
    assert status["FirstEvaluationStarted"] is True
    assert status["LastSuccessfulInvocationTime"] >= status["FirstActivatedTime"]
    assert "LastErrorCode" not in status
    iam.delete_user(UserName=name)
    eventually(lambda: said(config, rule, user) is None)


def test_a_function_is_told_when_a_resource_left_its_scope(at, function):
    iam, config, name = at("iam"), at("config"), unique("left")
    scope = {"ComplianceResourceTypes": ["AWS::IAM::User"], "TagKey": "watched"}
    rule = custom(config, function, CHANGED, Scope=scope, InputParameters='{"team": "blue"}')
    user = iam.create_user(UserName=name, Tags=[{"Key": "watched", "Value": "y"}])["User"]["UserId"]
    becomes(config, rule, user, "NON_COMPLIANT")
    iam.untag_user(UserName=name, TagKeys=["watched"])
    eventually(lambda: json.loads(said(config, rule, user)["Annotation"])[0])


def test_a_scheduled_function_and_one_that_fails(lab, at, function):
    config, account = at("config"), lab.accounts["security"].id
    rule = custom(config, function, SCHEDULED)
    first = becomes(config, rule, account, "NON_COMPLIANT")
    assert json.loads(first["Annotation"])[:2] == [False, "ScheduledNotification"]
    eventually(lambda: said(config, rule, account)["ResultRecordedTime"] > first["ResultRecordedTime"])
    failing = custom(config, function, SCHEDULED, InputParameters='{"fail": "yes"}')
    status = eventually(lambda: next(
        (each for each in config.describe_config_rule_evaluation_status(ConfigRuleNames=[failing])["ConfigRulesEvaluationStatus"]
         if each.get("LastErrorCode")), None))  # fmt: skip
    assert "this rule fails" in status["LastErrorMessage"]
    (overall,) = config.describe_compliance_by_config_rule(ConfigRuleNames=[failing])["ComplianceByConfigRules"]
    assert overall["Compliance"]["ComplianceType"] == "INSUFFICIENT_DATA"


def test_a_change_of_compliance_is_on_the_bus(at):
    iam, events, sqs, config, name = at("iam"), at("events"), at("sqs"), at("config"), unique("compliance")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = managed(config, "IAM_USER_NO_POLICIES_CHECK")
    user = iam.create_user(UserName=name)["User"]["UserId"]
    becomes(config, rule, user, "COMPLIANT")
    pattern = {
        "detail-type": ["Config Rules Compliance Change"],
        "detail": {"configRuleName": [rule], "resourceId": [user]},
    }
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    iam.tag_user(UserName=name, Tags=[{"Key": "k", "Value": "no change of compliance"}])
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=allow("s3:*"))
    (got,) = eventually(lambda: sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"))
    detail = json.loads(got["Body"])["detail"]
    assert detail["messageType"] == "ComplianceChangeNotification"
    assert [detail[each]["complianceType"] for each in ("oldEvaluationResult", "newEvaluationResult")] == [
        "COMPLIANT", "NON_COMPLIANT",
    ]  # fmt: skip


def test_nobody_gives_a_rules_word_but_its_function(at, function):
    config = at("config")
    word = {"ComplianceResourceType": "AWS::IAM::User", "ComplianceResourceId": "AIDA", "ComplianceType": "COMPLIANT",
            "OrderingTimestamp": 1.0}  # fmt: skip
    assert refused(config.put_evaluations, ResultToken="guessed", Evaluations=[word]) == "InvalidResultTokenException"
    assert config.put_evaluations(ResultToken="TESTMODE", Evaluations=[word], TestMode=True)["FailedEvaluations"] == []
    word["ComplianceType"] = "INSUFFICIENT_DATA"
    assert refused(config.put_evaluations, ResultToken="x", Evaluations=[word], TestMode=True) == (
        "InvalidParameterValueException"
    )


def test_rules_that_cannot_be_evaluated_are_refused(at, function):
    config = at("config")

    def put(source, **more):
        return refused(config.put_config_rule, ConfigRule={"ConfigRuleName": "no", "Source": source, **more})

    assert put({"Owner": "AWS", "SourceIdentifier": "RDS_STORAGE_ENCRYPTED"}) == "InvalidParameterValueException"
    known = {"Owner": "AWS", "SourceIdentifier": "INCOMING_SSH_DISABLED"}
    assert put(known, InputParameters="{") == "InvalidParameterValueException"
    assert put(known, InputParameters='{"unknown": "x"}') == "InvalidParameterValueException"
    assert put(known, MaximumExecutionFrequency="Weekly") == "ValidationException"
    assert put({"Owner": "CUSTOM_POLICY"}) == "InvalidParameterValueException"
    assert put(known, EvaluationModes=[{"Mode": "PROACTIVE"}]) == "InvalidParameterValueException"
    details = {"Owner": "CUSTOM_LAMBDA", "SourceDetails": [CHANGED]}
    assert put({**details, "SourceIdentifier": function + "-absent"}) == "InsufficientPermissionsException"
    at("lambda").remove_permission(FunctionName=function, StatementId="config")
    try:
        assert put({**details, "SourceIdentifier": function}) == "InsufficientPermissionsException"
    finally:
        at("lambda").add_permission(
            FunctionName=function,
            StatementId="config",
            Action="lambda:InvokeFunction",
            Principal="config.amazonaws.com",
        )
    assert refused(config.describe_config_rules, ConfigRuleNames=["no"]) == "NoSuchConfigRuleException"
    assert refused(config.put_remediation_configurations, RemediationConfigurations=[
        {"ConfigRuleName": "no", "TargetType": "SSM_DOCUMENT", "TargetId": "x"}]) == "UnknownOperationException"  # fmt: skip


def test_a_rule_is_described_changed_and_deleted(at):
    config = at("config")
    name = managed(config, "S3_BUCKET_VERSIONING_ENABLED", Description="one")
    (rule,) = config.describe_config_rules(ConfigRuleNames=[name])["ConfigRules"]
    assert rule["ConfigRuleArn"].endswith(f":config-rule/{rule['ConfigRuleId']}")
    assert (rule["ConfigRuleState"], rule["Description"]) == ("ACTIVE", "one")
    config.put_config_rule(ConfigRule={
        "ConfigRuleId": rule["ConfigRuleId"], "Description": "two",
        "Source": {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"},
    })  # fmt: skip
    (again,) = config.describe_config_rules(ConfigRuleNames=[name])["ConfigRules"]
    assert (again["ConfigRuleArn"], again["Description"]) == (rule["ConfigRuleArn"], "two")
    arn = rule["ConfigRuleArn"]
    config.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    config.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert config.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    config.delete_config_rule(ConfigRuleName=name)
    assert refused(config.list_tags_for_resource, ResourceArn=arn) == "ResourceNotFoundException"
    assert refused(config.delete_config_rule, ConfigRuleName=name) == "NoSuchConfigRuleException"
    assert refused(config.start_config_rules_evaluation, ConfigRuleNames=[name]) == "NoSuchConfigRuleException"
