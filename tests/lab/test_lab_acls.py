"""Access control lists of S3 for callers of other accounts: only where ownership leaves them on, and never against a policy."""

import json

import pytest
from lab_tools import allow, client, refused, unique

from amberlight.lab import LabCredentials

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def stranger(lab, vault):
    """S3 as another account's administrator, and that account's canonical id."""
    s3 = client(lab, "s3", vault.admin)
    return s3, s3.list_buckets()["Owner"]["ID"]


@pytest.fixture
def bucket(aws):
    """A bucket whose lists count, with one object."""
    name = unique("listed")
    aws("s3").create_bucket(Bucket=name, ObjectOwnership="BucketOwnerPreferred")
    aws("s3").put_object(Bucket=name, Key="k", Body=b"1")
    return name


def test_a_grant_on_the_bucket_lets_list_and_write_and_nothing_else(aws, stranger, bucket):
    theirs, number = stranger
    assert refused(theirs.list_objects_v2, Bucket=bucket) == "AccessDenied"
    aws("s3").put_bucket_acl(Bucket=bucket, GrantRead=f"id={number}")
    assert theirs.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    assert refused(theirs.put_object, Bucket=bucket, Key="new", Body=b"1") == "AccessDenied"
    aws("s3").put_bucket_acl(Bucket=bucket, GrantWrite=f"id={number}")
    theirs.put_object(Bucket=bucket, Key="new", Body=b"1")
    assert refused(theirs.list_objects_v2, Bucket=bucket) == "AccessDenied"
    assert refused(theirs.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    assert refused(theirs.delete_object, Bucket=bucket, Key="k") == "AccessDenied"


def test_a_grant_on_an_object_lets_read_that_one(aws, stranger, bucket):
    theirs, number = stranger
    aws("s3").put_object(Bucket=bucket, Key="given", Body=b"2", GrantRead=f"id={number}")
    assert theirs.get_object(Bucket=bucket, Key="given")["Body"].read() == b"2"
    assert refused(theirs.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    assert refused(theirs.get_object_acl, Bucket=bucket, Key="given") == "AccessDenied"
    aws("s3").put_object_acl(Bucket=bucket, Key="given", ACL="private")
    assert refused(theirs.get_object, Bucket=bucket, Key="given") == "AccessDenied"


def test_everybody_with_an_account_may_what_that_group_may(aws, stranger, bucket):
    theirs, _ = stranger
    aws("s3").delete_public_access_block(Bucket=bucket)
    aws("s3").put_object(Bucket=bucket, Key="open", Body=b"3", ACL="authenticated-read")
    assert theirs.get_object(Bucket=bucket, Key="open")["Body"].read() == b"3"
    aws("s3").put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    assert refused(theirs.get_object, Bucket=bucket, Key="open") == "AccessDenied"


def test_lists_do_not_count_where_the_owner_owns_everything(aws, stranger, bucket):
    theirs, number = stranger
    aws("s3").put_bucket_acl(Bucket=bucket, GrantRead=f"id={number}")
    theirs.list_objects_v2(Bucket=bucket)
    # AWS wants the list to be private again before it may be switched off.
    aws("s3").put_bucket_acl(Bucket=bucket, ACL="private")
    aws("s3").put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    assert refused(aws("s3").put_bucket_acl, Bucket=bucket, GrantRead=f"id={number}") == (
        "AccessControlListNotSupported"
    )
    assert refused(theirs.list_objects_v2, Bucket=bucket) == "AccessDenied"


def test_a_list_overcomes_neither_a_policy_nor_missing_rights_at_home(lab, aws, vault, stranger, bucket):
    theirs, number = stranger
    aws("s3").put_bucket_acl(Bucket=bucket, GrantRead=f"id={number}")
    iam, name = client(lab, "iam", vault.admin), unique("poor")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=allow("iam:ListUsers"))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    poor = client(lab, "s3", LabCredentials(key["AccessKeyId"], key["SecretAccessKey"]))
    assert refused(poor.list_objects_v2, Bucket=bucket) == "AccessDenied"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}
    aws("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    assert refused(theirs.list_objects_v2, Bucket=bucket) == "AccessDenied"
