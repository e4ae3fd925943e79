"""AWS Config: an item for each change, by reading the resource back; silence while the recorder is stopped."""

import gzip
import io
import json
import zipfile
from pathlib import Path
from urllib.parse import unquote

import pytest
from config_tools import items_of, ready, recorder_role, run_recorder, statuses
from lab_tools import allow, client, eventually, refused, trust, unique

pytestmark = pytest.mark.lab
REAL = Path("/work/shared/data/aws-responses-custodian/config.jsonl.gz")


@pytest.fixture(scope="module")
def at(lab):
    """Clients of the security account, whose recorder in us-east-1 records everything."""
    return run_recorder(lab, "us-east-1", {"allSupported": True, "includeGlobalResourceTypes": True})


@pytest.fixture
def ireland(lab):
    """Clients of the security account in a Region whose recorder a test may do anything to."""
    return run_recorder(lab, "eu-west-1", {"allSupported": True})


def test_a_role_from_its_birth_to_its_end(at):
    iam, config, name = at("iam"), at("config"), unique("watched")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}))["Role"]
    kind, ident = "AWS::IAM::Role", role["RoleId"]
    (first,) = items_of(config, kind, ident, 1)
    assert (first["configurationItemStatus"], first["awsRegion"], first["version"]) == (
        "ResourceDiscovered",
        "global",
        "1.3",
    )
    assert (first["arn"], first["resourceName"], first["accountId"]) == (role["Arn"], name, role["Arn"].split(":")[4])
    document = json.loads(unquote(json.loads(first["configuration"])["assumeRolePolicyDocument"]))
    assert document["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com"}
    policy = iam.create_policy(PolicyName=name, PolicyDocument=allow("s3:*"))["Policy"]
    iam.attach_role_policy(RoleName=name, PolicyArn=policy["Arn"])
    second = items_of(config, kind, ident, 2)[0]
    assert second["relationships"] == [{
        "relationshipName": "Is attached to CustomerManagedPolicy", "resourceType": "AWS::IAM::Policy",
        "resourceId": policy["PolicyId"], "resourceName": name,
    }]  # fmt: skip
    attached = items_of(config, "AWS::IAM::Policy", policy["PolicyId"], 2)[0]
    assert json.loads(attached["configuration"])["attachmentCount"] == 1
    iam.detach_role_policy(RoleName=name, PolicyArn=policy["Arn"])
    iam.tag_role(RoleName=name, Tags=[{"Key": "team", "Value": "blue"}])
    assert items_of(config, kind, ident, 4)[0]["tags"] == {"team": "blue"}
    iam.delete_role(RoleName=name)
    items = items_of(config, kind, ident, 5)
    assert statuses(items) == ["ResourceDeleted", "OK", "OK", "OK", "ResourceDiscovered"]
    assert "configuration" not in items[0]
    assert [int(each["configurationStateId"]) for each in items] == sorted(
        (int(each["configurationStateId"]) for each in items), reverse=True
    )


def test_what_only_reads_or_is_refused_makes_no_item(at):
    iam, config, name = at("iam"), at("config"), unique("quiet")
    user = iam.create_user(UserName=name)["User"]
    items_of(config, "AWS::IAM::User", user["UserId"], 1)
    iam.get_user(UserName=name)
    iam.create_access_key(UserName=name)
    assert refused(iam.create_user, UserName=name) == "EntityAlreadyExists"
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=allow("s3:*"))
    items = items_of(config, "AWS::IAM::User", user["UserId"], 2)
    assert statuses(items) == ["OK", "ResourceDiscovered"]
    assert json.loads(items[0]["configuration"])["userPolicyList"][0]["policyName"] == "p"


def test_a_name_that_is_used_again_is_another_resource(at):
    iam, config, name = at("iam"), at("config"), unique("again")
    first = iam.create_user(UserName=name)["User"]["UserId"]
    iam.delete_user(UserName=name)
    second = iam.create_user(UserName=name)["User"]["UserId"]
    assert statuses(items_of(config, "AWS::IAM::User", second, 1)) == ["ResourceDiscovered"]
    assert statuses(items_of(config, "AWS::IAM::User", first, 2)) == ["ResourceDeleted", "ResourceDiscovered"]


def test_the_members_of_a_group(at):
    iam, config, name = at("iam"), at("config"), unique("group")
    group, user = iam.create_group(GroupName=name)["Group"], iam.create_user(UserName=name)["User"]
    iam.add_user_to_group(GroupName=name, UserName=name)
    newest = items_of(config, "AWS::IAM::Group", group["GroupId"], 2)[0]
    assert [(each["relationshipName"], each["resourceId"]) for each in newest["relationships"]] == [
        ("Contains User", user["UserId"])
    ]
    assert json.loads(items_of(config, "AWS::IAM::User", user["UserId"], 2)[0]["configuration"])["groupList"] == [name]


def test_an_instance_its_volume_and_its_security_group(at):
    ec2, config = at("ec2"), at("config")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName=unique("open"), Description="d", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    )
    newest = json.loads(items_of(config, "AWS::EC2::SecurityGroup", group, 2)[0]["configuration"])
    (rule,) = newest["ipPermissions"]
    assert (rule["ipRanges"], rule["ipv4Ranges"]) == (["0.0.0.0/0"], [{"cidrIp": "0.0.0.0/0"}])
    made = ec2.run_instances(ImageId="ami-00000001", MinCount=1, MaxCount=1, SecurityGroupIds=[group])["Instances"][0]
    ident = made["InstanceId"]
    running = eventually(lambda: next(
        (each for each in items_of(config, "AWS::EC2::Instance", ident, 1)
         if json.loads(each["configuration"])["state"]["name"] == "running"), None))  # fmt: skip
    related = {
        (each["relationshipName"], each["resourceType"]): each["resourceId"] for each in running["relationships"]
    }
    assert related["Is associated with SecurityGroup", "AWS::EC2::SecurityGroup"] == group
    volume = related["Is attached to Volume", "AWS::EC2::Volume"]
    assert json.loads(items_of(config, "AWS::EC2::Volume", volume, 1)[0]["configuration"])["attachments"]
    interface = related["Contains NetworkInterface", "AWS::EC2::NetworkInterface"]
    assert items_of(config, "AWS::EC2::NetworkInterface", interface, 1)[0]["relationships"]
    ec2.create_tags(Resources=[ident], Tags=[{"Key": "Name", "Value": "web"}])
    eventually(lambda: items_of(config, "AWS::EC2::Instance", ident, 1)[0]["tags"] == {"Name": "web"})
    ec2.terminate_instances(InstanceIds=[ident])
    eventually(lambda: statuses(items_of(config, "AWS::EC2::Instance", ident, 1))[0] == "ResourceDeleted")
    eventually(lambda: statuses(items_of(config, "AWS::EC2::Volume", volume, 1))[0] == "ResourceDeleted")


def test_a_bucket_has_its_policy_and_settings_as_supplements(at):
    s3, config, name = at("s3"), at("config"), unique("config-seen")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{name}/*"}]})  # fmt: skip
    s3.put_bucket_policy(Bucket=name, Policy=policy)
    s3.put_object(Bucket=name, Key="k", Body=b"no change of the bucket")
    newest = eventually(lambda: next(
        (each for each in items_of(config, "AWS::S3::Bucket", name, 1)
         if json.loads(each["supplementaryConfiguration"]["BucketPolicy"])["policyText"]), None))  # fmt: skip
    more = newest["supplementaryConfiguration"]
    assert json.loads(json.loads(more["BucketPolicy"])["policyText"]) == json.loads(policy)
    assert json.loads(more["BucketVersioningConfiguration"]) == {"status": "Enabled", "isMfaDeleteEnabled": None}
    assert json.loads(json.loads(more["AccessControlList"]))["grantList"][0]["permission"] == "FullControl"
    assert json.loads(more["PublicAccessBlockConfiguration"])["blockPublicAcls"] is True


def test_a_function_is_read_again_until_it_is_active(at):
    functions, config, name = at("lambda"), at("config"), unique("function")
    role = at("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": "lambda.amazonaws.com"}))[
        "Role"
    ]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("f.py", "handler = print")
    functions.create_function(
        FunctionName=name, Runtime="python3.12", Role=role["Arn"], Handler="f.handler", Code={"ZipFile": code.getvalue()},
        Environment={"Variables": {"TOKEN": "not in any item"}}, Tags={"team": "blue"},
    )  # fmt: skip
    active = eventually(lambda: next(
        (each for each in items_of(config, "AWS::Lambda::Function", name, 1)
         if json.loads(each["configuration"])["state"] == "Active"), None))  # fmt: skip
    assert active["relationships"] == [
        {"relationshipName": "Is associated with ", "resourceType": "AWS::IAM::Role", "resourceName": name}
    ]
    assert (active["tags"], active["arn"].split(":")[-2:]) == ({"team": "blue"}, ["function", name])
    assert "not in any item" not in json.dumps(active, default=str)
    functions.add_permission(FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="*")
    newest = eventually(lambda: next(
        (each for each in items_of(config, "AWS::Lambda::Function", name, 2)
         if "Policy" in each["supplementaryConfiguration"]), None))  # fmt: skip
    assert json.loads(json.loads(newest["supplementaryConfiguration"]["Policy"]))["Statement"][0]["Sid"] == "s"
    functions.delete_function(FunctionName=name)
    eventually(lambda: statuses(items_of(config, "AWS::Lambda::Function", name, 3))[0] == "ResourceDeleted")


def test_keys_and_trails(at, lab):
    kms, cloudtrail, config, name = at("kms"), at("cloudtrail"), at("config"), unique("kept")
    key = kms.create_key(Description="d", Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    newest, oldest = items_of(config, "AWS::KMS::Key", key["KeyId"], 2)
    assert json.loads(newest["configuration"])["keyState"] == "PendingDeletion"
    assert (newest["configurationItemStatus"], oldest["tags"]) == ("OK", {"a": "b"})
    assert isinstance(json.loads(newest["configuration"])["creationDate"], int)
    bucket = ready(lab, "us-east-1")[1]
    cloudtrail.create_trail(Name=name, S3BucketName=bucket)
    cloudtrail.update_trail(Name=name, S3BucketName=bucket, EnableLogFileValidation=True)
    newest, _ = items_of(config, "AWS::CloudTrail::Trail", name, 2)
    assert json.loads(newest["configuration"])["logFileValidationEnabled"] is True
    cloudtrail.delete_trail(Name=name)
    assert statuses(items_of(config, "AWS::CloudTrail::Trail", name, 3))[0] == "ResourceDeleted"


def test_a_stopped_recorder_is_silent_and_the_gap_is_one_difference(ireland):
    ec2, config = ireland("ec2"), ireland("config")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    kept, lost = (
        ec2.create_security_group(GroupName=unique("gap"), Description="d", VpcId=vpc)["GroupId"] for _ in "ab"
    )
    items_of(config, "AWS::EC2::SecurityGroup", lost, 1)
    config.stop_configuration_recorder(ConfigurationRecorderName="default")
    ec2.create_tags(Resources=[kept], Tags=[{"Key": "seen", "Value": "no"}])
    ec2.create_tags(Resources=[kept], Tags=[{"Key": "seen", "Value": "later"}])
    ec2.delete_security_group(GroupId=lost)
    new = ec2.create_security_group(GroupName=unique("gap"), Description="d", VpcId=vpc)["GroupId"]
    status = config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"][0]
    assert (status["recording"], status["lastStatus"]) == (False, "SUCCESS")
    assert statuses(items_of(config, "AWS::EC2::SecurityGroup", kept, 1)) == ["ResourceDiscovered"]
    assert refused(items_of, config, "AWS::EC2::SecurityGroup", new, 0) == "ResourceNotDiscoveredException"
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    items = items_of(config, "AWS::EC2::SecurityGroup", kept, 2)
    assert (statuses(items), items[0]["tags"]) == (["OK", "ResourceDiscovered"], {"seen": "later"})
    assert items[0]["configurationItemCaptureTime"] >= status["lastStopTime"] > items[1]["configurationItemCaptureTime"]
    assert statuses(items_of(config, "AWS::EC2::SecurityGroup", lost, 2)) == ["ResourceDeleted", "ResourceDiscovered"]
    assert statuses(eventually(lambda: found(config, "AWS::EC2::SecurityGroup", new))) == ["ResourceDiscovered"]


def found(config, kind, ident):
    try:
        return items_of(config, kind, ident, 0)
    except config.exceptions.ResourceNotDiscoveredException:
        return None


@pytest.mark.parametrize("group,recorded", [
    ({"allSupported": True}, {"AWS::EC2::SecurityGroup", "AWS::KMS::Key"}),
    ({"resourceTypes": ["AWS::KMS::Key"]}, {"AWS::KMS::Key"}),
    ({"exclusionByResourceTypes": {"resourceTypes": ["AWS::KMS::Key"]},
      "recordingStrategy": {"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"}}, {"AWS::EC2::SecurityGroup", "AWS::IAM::User"}),
], ids=["everything but IAM", "one type", "all but one"])  # fmt: skip
def test_the_recording_group_is_kept(ireland, group, recorded):
    config, name = ireland("config"), unique("grouped")
    config.put_configuration_recorder(
        ConfigurationRecorder={"name": "default", "roleARN": recorder_role(ireland), "recordingGroup": group}
    )
    user = ireland("iam").create_user(UserName=name)["User"]["UserId"]
    key = ireland("kms").create_key()["KeyMetadata"]["KeyId"]
    ec2 = ireland("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    made = {"AWS::IAM::User": user, "AWS::KMS::Key": key, "AWS::EC2::SecurityGroup":
            ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)["GroupId"]}  # fmt: skip
    # The last call before the recorder stops is read before it stops.
    config.stop_configuration_recorder(ConfigurationRecorderName="default")
    assert {kind for kind, ident in made.items() if found(config, kind, ident)} == recorded


def test_without_its_role_a_recorder_records_nothing_and_says_so(ireland):
    iam, kms, config = ireland("iam"), ireland("kms"), ireland("config")
    name = recorder_role(ireland).rsplit("/", 1)[-1]
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust({"Service": "ec2.amazonaws.com"}))
    try:
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        status = eventually(lambda: next(
            (each for each in config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
             if each["lastStatus"] == "FAILURE"), None))  # fmt: skip
        assert (status["recording"], status["lastErrorCode"]) == (True, "AccessDenied")
        assert found(config, "AWS::KMS::Key", key) is None
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust({"Service": "config.amazonaws.com"}))


def test_recorders_and_channels_are_checked(lab, vault):
    config = client(lab, "config", vault.admin, region="eu-west-1")
    put = lambda **more: refused(config.put_configuration_recorder, ConfigurationRecorder=more)  # noqa: E731
    role = f"arn:aws:iam::{vault.id}:role/config"
    assert put(name="default", roleARN="") == "InvalidRoleException"
    assert put(
        name="default", roleARN=role, recordingGroup={"allSupported": True, "resourceTypes": ["AWS::KMS::Key"]}
    ) == ("InvalidRecordingGroupException")
    assert put(name="default", roleARN=role, recordingGroup={"resourceTypes": ["AWS::ECS::Cluster"]}) == (
        "InvalidRecordingGroupException"
    )
    assert put(name="default", roleARN=role, recordingMode={"recordingFrequency": "DAILY"}) == "ValidationException"
    channel = {"name": "default", "s3BucketName": "nobody-has-this"}
    assert refused(config.put_delivery_channel, DeliveryChannel=channel) == "NoAvailableConfigurationRecorderException"
    config.put_configuration_recorder(ConfigurationRecorder={"name": "default", "roleARN": role})
    assert put(name="second", roleARN=role) == "MaxNumberOfConfigurationRecordersExceededException"
    assert refused(config.start_configuration_recorder, ConfigurationRecorderName="default") == (
        "NoAvailableDeliveryChannelException"
    )
    assert refused(config.put_delivery_channel, DeliveryChannel=channel) == "NoSuchBucketException"
    closed = unique("closed-config")
    client(lab, "s3", vault.admin).create_bucket(Bucket=closed)
    assert refused(config.put_delivery_channel, DeliveryChannel={"name": "default", "s3BucketName": closed}) == (
        "InsufficientDeliveryPolicyException"
    )
    config.delete_configuration_recorder(ConfigurationRecorderName="default")
    assert refused(config.describe_configuration_recorders, ConfigurationRecorderNames=["default"]) == (
        "NoSuchConfigurationRecorderException"
    )
    assert refused(config.describe_remediation_configurations, ConfigRuleNames=["r"]) == "UnknownOperationException"


@pytest.mark.skipif(not REAL.exists(), reason="no real answers of AWS Config here")
def test_items_have_the_members_of_real_ones(at):
    answers = [json.loads(line) for line in gzip.decompress(REAL.read_bytes()).decode().splitlines()]
    history = [each["recording"]["data"] for each in answers if each["operation"] == "GetResourceConfigHistory"]
    selected = [
        json.loads(row)["configuration"]
        for each in answers if each["operation"] == "SelectResourceConfig"
        for row in each["recording"]["data"]["Results"]
    ]  # fmt: skip
    iam, ec2, config, name = at("iam"), at("ec2"), at("config"), unique("like-real")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}))["Role"]
    group = ec2.create_security_group(GroupName=name, Description="d")["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    item = items_of(config, "AWS::EC2::SecurityGroup", group, 2)[0]
    real = [each for data in history for each in data["configurationItems"]]
    assert real
    assert {name for each in real for name in each} - {"resourceCreationTime"} <= set(item)
    groups = [each for each in selected if "ipPermissions" in each]
    ours = json.loads(item["configuration"])
    assert groups
    assert all(set(ours) == set(each) for each in groups)
    permissions = [permission for each in groups for permission in each["ipPermissions"]]
    assert any(set(ours["ipPermissions"][0]) == set(each) for each in permissions)
    roles = [each for each in selected if "roleId" in each]
    ours = json.loads(items_of(config, "AWS::IAM::Role", role["RoleId"], 1)[0]["configuration"])
    assert roles
    assert all(set(ours) == set(each) for each in roles)
