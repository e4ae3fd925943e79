"""Operations that the product uses and no other test of the lab shows: each with its effect, seen by another call."""

import json

import pytest
from botocore.exceptions import ClientError
from lab_tools import allow, client, eventually, refused, trust, unique

from amberlight.lab import LabCredentials

pytestmark = pytest.mark.lab


@pytest.fixture
def iam(aws):
    return aws("iam")


@pytest.fixture
def kms(aws):
    return aws("kms")


@pytest.fixture
def signing_key(kms):
    return kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]["KeyId"]


@pytest.fixture
def bucket(aws):
    name = unique("operations")
    aws("s3").create_bucket(Bucket=name)
    return name


def user_with_key(iam, prefix):
    name = unique(prefix)
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return name, LabCredentials(key["AccessKeyId"], key["SecretAccessKey"])


def sign(kms, key):
    return kms.sign(KeyId=key, Message=b"x", SigningAlgorithm="ECDSA_SHA_256")["Signature"]


@pytest.mark.proves("iam.AttachUserPolicy", "iam.GetUserPolicy", "iam.PutUserPolicy", "iam.CreateAccessKey")
def test_what_is_attached_to_a_user_counts_from_the_next_call_on(lab, aws, iam):
    name, keys = user_with_key(iam, "attached")
    theirs = client(lab, "iam", keys)
    assert refused(theirs.list_users) == "AccessDenied"
    iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    assert name in {each["UserName"] for each in theirs.list_users(MaxItems=1000)["Users"]}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=allow("s3:ListAllMyBuckets"))
    assert iam.get_user_policy(UserName=name, PolicyName="p")["PolicyDocument"]["Statement"][0]["Action"] == [
        "s3:ListAllMyBuckets"
    ]


@pytest.mark.proves("iam.DeleteUser")
def test_a_user_with_keys_cannot_be_deleted_and_one_without_is_gone(iam):
    name, keys = user_with_key(iam, "deleted")
    assert refused(iam.delete_user, UserName=name) == "DeleteConflict"
    iam.delete_access_key(UserName=name, AccessKeyId=keys.access_key_id)
    iam.delete_user(UserName=name)
    assert refused(iam.get_user, UserName=name) == "NoSuchEntity"


@pytest.mark.proves(
    "iam.AttachRolePolicy", "iam.PutRolePolicy", "iam.DeleteRolePolicy", "iam.UpdateAssumeRolePolicy", "sts.AssumeRole"
)
def test_a_role_opens_to_whom_it_trusts_and_does_what_it_was_given(lab, prod, aws, iam):
    name, nobody = unique("role"), trust({"Service": "ec2.amazonaws.com"})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=nobody)["Role"]["Arn"]
    assume = aws("sts").assume_role
    assert refused(assume, RoleArn=arn, RoleSessionName="case") == "AccessDenied"
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust({"AWS": f"arn:aws:iam::{prod.id}:root"}))
    made = assume(RoleArn=arn, RoleSessionName="case")["Credentials"]
    session = LabCredentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    theirs = client(lab, "iam", session)
    assert refused(theirs.list_roles) == "AccessDenied"
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=allow("iam:ListRoles"))
    assert theirs.list_roles()["Roles"]
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    assert refused(theirs.list_roles) == "AccessDenied"
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    assert theirs.list_roles()["Roles"]


@pytest.mark.proves("iam.CreateInstanceProfile", "iam.AddRoleToInstanceProfile", "iam.GetInstanceProfile")
def test_an_instance_profile_holds_one_role(iam):
    name = unique("profile")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}))
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    assert refused(iam.add_role_to_instance_profile, InstanceProfileName=name, RoleName=name) == "LimitExceeded"
    found = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    assert [role["RoleName"] for role in found["Roles"]] == [name]


@pytest.mark.proves("iam.GetAccountPasswordPolicy")
def test_a_password_policy_is_absent_until_it_is_set(lab):
    # In an account that no other test asks for its policy.
    iam = client(lab, "iam", lab.accounts["security"].admin)
    assert refused(iam.get_account_password_policy) == "NoSuchEntity"
    iam.update_account_password_policy(MinimumPasswordLength=14)
    assert iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 14
    iam.delete_account_password_policy()


@pytest.mark.proves("sts.GetAccessKeyInfo")
def test_anybody_may_ask_which_account_a_key_is_of(lab, prod, vault):
    asked = client(lab, "sts", vault.admin).get_access_key_info(AccessKeyId=prod.admin.access_key_id)
    assert asked["Account"] == prod.id


@pytest.mark.proves("kms.DisableKey", "kms.EnableKey", "kms.Sign")
def test_a_disabled_key_does_not_sign(kms, signing_key):
    assert sign(kms, signing_key)
    kms.disable_key(KeyId=signing_key)
    assert refused(sign, kms, signing_key) == "DisabledException"
    kms.enable_key(KeyId=signing_key)
    assert sign(kms, signing_key)


@pytest.mark.proves("kms.ScheduleKeyDeletion", "kms.CancelKeyDeletion")
def test_a_key_that_waits_for_its_deletion_does_not_sign(kms, signing_key):
    assert refused(kms.schedule_key_deletion, KeyId=signing_key, PendingWindowInDays=6) == "ValidationException"
    kms.schedule_key_deletion(KeyId=signing_key, PendingWindowInDays=7)
    assert kms.describe_key(KeyId=signing_key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert refused(sign, kms, signing_key) == "KMSInvalidStateException"
    kms.cancel_key_deletion(KeyId=signing_key)
    assert kms.describe_key(KeyId=signing_key)["KeyMetadata"]["KeyState"] == "Disabled"


@pytest.mark.proves("kms.CreateGrant", "kms.RevokeGrant")
def test_a_grant_lets_somebody_sign_until_it_is_revoked(lab, prod, iam, kms, signing_key):
    name, keys = user_with_key(iam, "granted")
    theirs = client(lab, "kms", keys)
    assert refused(sign, theirs, signing_key) == "AccessDeniedException"
    grantee = f"arn:aws:iam::{prod.id}:user/{name}"
    grant = kms.create_grant(KeyId=signing_key, GranteePrincipal=grantee, Operations=["Sign"])["GrantId"]
    assert sign(theirs, signing_key)
    assert refused(theirs.describe_key, KeyId=signing_key) == "AccessDeniedException"
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "kms:Sign", "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="never", PolicyDocument=json.dumps(deny))
    assert refused(sign, theirs, signing_key) == "AccessDeniedException"
    iam.delete_user_policy(UserName=name, PolicyName="never")
    assert sign(theirs, signing_key)
    kms.revoke_grant(KeyId=signing_key, GrantId=grant)
    assert refused(sign, theirs, signing_key) == "AccessDeniedException"


@pytest.mark.proves(
    "s3.PutBucketLifecycleConfiguration", "s3.GetBucketLifecycleConfiguration", "s3.DeleteBucketLifecycle"
)
def test_rules_of_a_bucket_are_kept_and_removed(aws, bucket):
    s3 = aws("s3")
    assert refused(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == "NoSuchLifecycleConfiguration"
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "a/"}, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    (found,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert (found["ID"], found["Expiration"]["Days"]) == ("r", 3)
    s3.delete_bucket_lifecycle(Bucket=bucket)
    assert refused(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == "NoSuchLifecycleConfiguration"


@pytest.mark.proves(
    "s3.GetBucketNotificationConfiguration", "sqs.CreateQueue", "sqs.ReceiveMessage", "sqs.DeleteMessage"
)
def test_a_bucket_tells_a_queue_and_a_message_is_read_once(aws, bucket):
    s3, sqs = aws("s3"), aws("sqs")
    queue = sqs.create_queue(QueueName=unique("told"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
    }]}  # fmt: skip
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    wanted = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)
    assert s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"][0]["QueueArn"] == arn
    s3.put_object(Bucket=bucket, Key="told", Body=b"1")

    def told():
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ()):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            if any(each["s3"]["object"]["key"] == "told" for each in json.loads(message["Body"]).get("Records", ())):
                return message
        return None

    assert eventually(told)
    left = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert (left["ApproximateNumberOfMessages"], left["ApproximateNumberOfMessagesNotVisible"]) == ("0", "0")


@pytest.mark.proves("s3.GetBucketReplication")
def test_a_version_is_replicated_into_another_bucket(aws, prod, iam, bucket):
    s3, copy, role = aws("s3"), unique("copies"), unique("replicates")
    s3.create_bucket(Bucket=copy)
    for name in (bucket, copy):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust({"Service": "s3.amazonaws.com"}))["Role"]["Arn"]
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=allow("s3:*"))
    rule = {"ID": "r", "Status": "Enabled", "Prefix": "", "Destination": {"Bucket": f"arn:aws:s3:::{copy}"}}
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration={"Role": arn, "Rules": [rule]})
    assert s3.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"]["Rules"][0]["ID"] == "r"
    s3.put_object(Bucket=bucket, Key="k", Body=b"bytes")
    found = eventually(lambda: s3.list_objects_v2(Bucket=copy).get("Contents"))
    assert found[0]["Key"] == "k"
    assert s3.get_object(Bucket=copy, Key="k")["Body"].read() == b"bytes"


@pytest.mark.proves("s3.PutObjectLegalHold", "s3.GetObjectLegalHold")
def test_a_legal_hold_is_seen_and_keeps_the_version(aws):
    s3, name = aws("s3"), unique("held")
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    version = s3.put_object(Bucket=name, Key="k", Body=b"1")["VersionId"]
    s3.put_object_legal_hold(Bucket=name, Key="k", VersionId=version, LegalHold={"Status": "ON"})
    assert s3.get_object_legal_hold(Bucket=name, Key="k", VersionId=version)["LegalHold"]["Status"] == "ON"
    assert refused(s3.delete_object, Bucket=name, Key="k", VersionId=version) == "AccessDenied"


@pytest.mark.proves("s3.PutPublicAccessBlock", "s3.GetPublicAccessBlock")
def test_what_is_blocked_cannot_be_made_public(aws, bucket):
    s3 = aws("s3")
    blocked = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocked)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == blocked
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*",
    }]}  # fmt: skip
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=json.dumps(policy)) == "AccessDenied"


@pytest.mark.proves("ec2.CreateTags")
def test_a_tag_is_found(aws, host):
    ec2, value = aws("ec2"), unique("tagged")
    ec2.create_tags(Resources=[host["InstanceId"]], Tags=[{"Key": "purpose", "Value": value}])
    found = ec2.describe_instances(Filters=[{"Name": "tag:purpose", "Values": [value]}])["Reservations"]
    assert [each["InstanceId"] for group in found for each in group["Instances"]] == [host["InstanceId"]]


@pytest.mark.proves(
    "cloudtrail.CreateTrail", "cloudtrail.PutEventSelectors", "cloudtrail.StartLogging", "cloudtrail.UpdateTrail",
    "cloudtrail.DeleteTrail",
)  # fmt: skip
def test_a_trail_from_its_making_to_its_end(aws, prod, bucket):
    trail, s3, name = aws("cloudtrail"), aws("s3"), unique("trail")
    write = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
             "Resource": f"arn:aws:s3:::{bucket}/*"}  # fmt: skip
    read = {**write, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [write, read]}))
    trail.create_trail(Name=name, S3BucketName=bucket, S3KeyPrefix="first")
    assert trail.get_trail_status(Name=name)["IsLogging"] is False
    trail.put_event_selectors(TrailName=name, EventSelectors=[{"ReadWriteType": "WriteOnly"}])
    assert trail.get_event_selectors(TrailName=name)["EventSelectors"][0]["ReadWriteType"] == "WriteOnly"
    trail.start_logging(Name=name)
    assert trail.get_trail_status(Name=name)["IsLogging"] is True
    trail.update_trail(Name=name, S3KeyPrefix="second")
    aws("iam").create_user(UserName=unique("seen"))
    prefix = f"second/AWSLogs/{prod.id}/CloudTrail/us-east-1/"
    assert eventually(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents"))
    trail.delete_trail(Name=name)
    with pytest.raises(ClientError, match="TrailNotFound"):
        trail.get_trail_status(Name=name)


@pytest.mark.proves("organizations.CreatePolicy")
def test_a_policy_of_the_organisation_is_made_of_a_document(lab):
    organizations = client(lab, "organizations", lab.accounts["security"].admin)
    asked = {"Type": "SERVICE_CONTROL_POLICY", "Description": "d"}
    made = organizations.create_policy(Name=unique("policy"), Content=allow("*"), **asked)["Policy"]
    found = organizations.describe_policy(PolicyId=made["PolicySummary"]["Id"])["Policy"]
    assert json.loads(found["Content"])["Statement"][0]["Effect"] == "Allow"
    assert refused(organizations.create_policy, Name=unique("policy"), Content="{", **asked) == (
        "MalformedPolicyDocumentException"
    )


@pytest.mark.proves(
    "iam.ListGroupsForUser", "iam.ListAttachedUserPolicies", "iam.ListUserPolicies", "iam.ListAccessKeys",
    "iam.ListMFADevices", "iam.GetPolicy", "iam.GetPolicyVersion",
)  # fmt: skip
def test_everything_that_a_user_has_is_listed(iam):
    name, keys = user_with_key(iam, "listed")
    iam.create_group(GroupName=name)
    iam.add_user_to_group(GroupName=name, UserName=name)
    policy = iam.create_policy(PolicyName=name, PolicyDocument=allow("s3:GetObject"))["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=policy, PolicyDocument=allow("s3:PutObject"), SetAsDefault=True)
    iam.attach_user_policy(UserName=name, PolicyArn=policy)
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=allow("s3:ListAllMyBuckets"))
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(
        UserName=name, SerialNumber=device, AuthenticationCode1="123456", AuthenticationCode2="654321"
    )
    assert [each["GroupName"] for each in iam.list_groups_for_user(UserName=name)["Groups"]] == [name]
    attached = iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]
    assert [each["PolicyArn"] for each in attached] == [policy]
    assert iam.list_user_policies(UserName=name)["PolicyNames"] == ["own"]
    found = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    assert [(each["AccessKeyId"], each["Status"]) for each in found] == [(keys.access_key_id, "Active")]
    assert [each["SerialNumber"] for each in iam.list_mfa_devices(UserName=name)["MFADevices"]] == [device]
    assert iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"] == "v2"
    document = iam.get_policy_version(PolicyArn=policy, VersionId="v1")["PolicyVersion"]["Document"]
    assert document["Statement"][0]["Action"] == ["s3:GetObject"]


@pytest.mark.proves("iam.ListRoles", "iam.ListRolePolicies", "iam.GetRolePolicy", "iam.ListAttachedRolePolicies")
def test_everything_that_a_role_has_is_listed(iam):
    name = unique("has")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}))
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=allow("s3:GetObject"))
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    pages = iam.get_paginator("list_roles").paginate()
    assert name in {each["RoleName"] for page in pages for each in page["Roles"]}
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["own"]
    document = iam.get_role_policy(RoleName=name, PolicyName="own")["PolicyDocument"]
    assert document["Statement"][0]["Action"] == ["s3:GetObject"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert [each["PolicyName"] for each in attached] == ["ReadOnlyAccess"]


@pytest.mark.proves("iam.GetAccountSummary")
def test_the_summary_counts_what_is_there(iam):
    before = iam.get_account_summary()["SummaryMap"]["Users"]
    iam.create_user(UserName=unique("counted"))
    assert iam.get_account_summary()["SummaryMap"]["Users"] == before + 1


@pytest.mark.proves("ec2.DescribeSecurityGroups", "ec2.DescribeRouteTables")
def test_what_is_around_an_instance_is_described(aws):
    ec2 = aws("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName=unique("around"), Description="d", VpcId=vpc)["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "203.0.113.0/24"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    (found,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert found["IpPermissions"][0]["IpRanges"][0]["CidrIp"] == "203.0.113.0/24"
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    assert any(route.get("GatewayId") == "local" for table in tables for route in table["Routes"])


@pytest.mark.proves("s3.CreateBucket", "s3.PutObjectLockConfiguration", "s3.PutBucketPolicy")
def test_a_new_object_gets_the_retention_that_its_bucket_has(lab, prod, aws):
    s3, name = aws("s3"), unique("kept")
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    kept = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}}
    s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=kept)
    version = s3.put_object(Bucket=name, Key="k", Body=b"1")["VersionId"]
    assert s3.head_object(Bucket=name, Key="k")["ObjectLockMode"] == "COMPLIANCE"
    root = client(lab, "s3", prod.root)
    assert refused(root.delete_object, Bucket=name, Key="k", VersionId=version) == "AccessDenied"
    deny = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
    ]}  # fmt: skip
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"1"
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(deny))
    assert refused(s3.get_object, Bucket=name, Key="k") == "AccessDenied"
