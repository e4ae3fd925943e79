"""Nobody gets in, or over into another account, whom AWS would refuse."""

import json

import pytest
from botocore.exceptions import ClientError
from lab_tools import allow, client, refused, trust, unique

from amberlight.lab import LabCredentials

pytestmark = pytest.mark.lab


def bucket_policy(bucket, *statements):
    filled = [{"Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], **each} for each in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": filled})


@pytest.fixture
def bucket(lab, vault):
    name = unique("vault")
    client(lab, "s3", vault.admin).create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def collector(lab, prod, vault):
    """A session of a production role that may do everything with S3 and KMS."""
    iam = client(lab, "iam", prod.admin)
    principal = {"AWS": f"arn:aws:iam::{vault.id}:root"}
    role = iam.create_role(RoleName="collector", AssumeRolePolicyDocument=trust(principal))["Role"]["Arn"]
    iam.put_role_policy(RoleName="collector", PolicyName="p", PolicyDocument=allow("s3:*", "kms:*"))
    sts = client(lab, "sts", vault.admin)
    made = sts.assume_role(RoleArn=role, RoleSessionName="case")["Credentials"]
    return role, LabCredentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


@pytest.mark.parametrize("key", ["111111111111", "test", "none", "{prod}"])
def test_no_key_works_without_its_secret(lab, prod, key):
    credentials = LabCredentials(key.format(prod=prod.id), "test")
    assert refused(client(lab, "sts", credentials).get_caller_identity) == "InvalidClientTokenId"
    assert refused(client(lab, "s3", credentials).list_buckets) == "InvalidAccessKeyId"


def test_root_has_a_secret_of_its_own(lab, prod):
    assert client(lab, "sts", prod.root).get_caller_identity()["Arn"] == f"arn:aws:iam::{prod.id}:root"
    wrong = LabCredentials(prod.root.access_key_id, "wrong")
    assert refused(client(lab, "sts", wrong).get_caller_identity) == "SignatureDoesNotMatch"
    assert refused(client(lab, "s3", wrong).list_buckets) == "SignatureDoesNotMatch"


def test_a_region_that_is_not_enabled_refuses(lab, prod):
    assert refused(client(lab, "ec2", prod.admin, "us-west-2").describe_instances) == "AuthFailure"
    assert client(lab, "ec2", prod.admin, "eu-west-1").describe_vpcs()["Vpcs"]


@pytest.mark.proves("s3.GetObject")
def test_root_of_one_account_has_no_rights_in_another(lab, prod, vault, bucket):
    owner, foreign = client(lab, "s3", vault.root), client(lab, "s3", prod.root)
    owner.put_object(Bucket=bucket, Key="a", Body=b"1")
    for call in (
        lambda: foreign.get_object(Bucket=bucket, Key="a"),
        lambda: foreign.put_object(Bucket=bucket, Key="b", Body=b"1"),
        lambda: foreign.list_objects_v2(Bucket=bucket),
        lambda: foreign.delete_object(Bucket=bucket, Key="a"),
        lambda: foreign.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}]}),
        lambda: foreign.create_multipart_upload(Bucket=bucket, Key="c"),
        lambda: foreign.get_bucket_policy(Bucket=bucket),
        lambda: foreign.put_bucket_policy(Bucket=bucket, Policy=bucket_policy(bucket)),
    ):
        assert refused(call) == "AccessDenied"
    with pytest.raises(ClientError, match="no resource-based policy allows the s3:GetObject action"):
        foreign.get_object(Bucket=bucket, Key="a")
    assert owner.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


def test_copying_needs_the_right_to_read_the_source(lab, prod, vault, bucket):
    client(lab, "s3", vault.admin).put_object(Bucket=bucket, Key="a", Body=b"1")
    mine, s3 = unique("mine"), client(lab, "s3", prod.admin)
    s3.create_bucket(Bucket=mine)
    assert refused(s3.copy_object, Bucket=mine, Key="b", CopySource=f"{bucket}/a") == "AccessDenied"


def test_a_bucket_policy_binds_the_owners_root_except_for_the_policy_itself(lab, vault, bucket):
    root, admin = client(lab, "s3", vault.root), client(lab, "s3", vault.admin)
    admin.put_object(Bucket=bucket, Key="a", Body=b"1")
    admin.put_bucket_policy(
        Bucket=bucket, Policy=bucket_policy(bucket, {"Effect": "Deny", "Principal": "*", "Action": "s3:*"})
    )
    assert refused(root.get_object, Bucket=bucket, Key="a") == "AccessDenied"
    assert refused(root.delete_object, Bucket=bucket, Key="a") == "AccessDenied"
    assert refused(admin.delete_bucket_policy, Bucket=bucket) == "AccessDenied"
    root.delete_bucket_policy(Bucket=bucket)
    assert root.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


@pytest.mark.parametrize(
    "principal,condition,allowed",
    [
        ("arn:aws:iam::{prod}:role/collector", None, True),
        ("arn:aws:sts::{prod}:assumed-role/collector/case", None, True),
        ("arn:aws:iam::{prod}:role/other", None, False),
        ("{prod}", None, True),
        ("{prod}", {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::{prod}:role/collector"}}, True),
        ("{prod}", {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::{prod}:role/other"}}, False),
    ],
)
def test_a_bucket_policy_names_a_role_of_another_account(  # noqa: PLR0917 (fixtures and parameters)
    lab, prod, vault, bucket, collector, principal, condition, allowed
):
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "s3:PutObject"}
    if condition:
        statement["Condition"] = condition
    text = bucket_policy(bucket, statement).replace("{prod}", prod.id)
    client(lab, "s3", vault.admin).put_bucket_policy(Bucket=bucket, Policy=text)
    s3 = client(lab, "s3", collector[1])
    if allowed:
        s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    else:
        assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"1") == "AccessDenied"
    assert refused(s3.get_object, Bucket=bucket, Key="k") == "AccessDenied"


@pytest.mark.proves("iam.CreateRole")
def test_a_trust_policy_for_a_service_lets_no_root_through(lab, prod):
    iam, name = client(lab, "iam", prod.admin), unique("service-role")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}))
    sts = client(lab, "sts", prod.root)
    assert refused(sts.assume_role, RoleArn=role["Role"]["Arn"], RoleSessionName="xx") == "AccessDenied"


@pytest.mark.proves("kms.CreateKey", "kms.GetPublicKey", "kms.PutKeyPolicy")
def test_a_key_of_another_account_is_used_by_arn_under_its_policy(lab, prod, vault, collector):
    kms = client(lab, "kms", vault.admin)
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    assert kms.get_public_key(KeyId=key)["KeySpec"] == "ECC_NIST_P256"
    sign = {"KeyId": key, "Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
    foreign = client(lab, "kms", collector[1])
    assert refused(foreign.sign, **sign) == "AccessDeniedException"
    assert refused(client(lab, "kms", prod.root).get_public_key, KeyId=key) == "AccessDeniedException"
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{vault.id}:root"}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": collector[0]}, "Action": "kms:Sign", "Resource": "*"},
        {"Effect": "Deny", "Principal": {"AWS": f"arn:aws:iam::{vault.id}:user/admin"}, "Action": "kms:Sign",
         "Resource": "*"},
    ]  # fmt: skip
    kms.put_key_policy(
        KeyId=key, PolicyName="default", Policy=json.dumps({"Version": "2012-10-17", "Statement": statements})
    )
    signature = foreign.sign(**sign)["Signature"]
    assert kms.verify(KeyId=key, Message=b"x", Signature=signature, SigningAlgorithm="ECDSA_SHA_256")["SignatureValid"]
    assert refused(kms.sign, **sign) == "AccessDeniedException"


def test_the_emulators_operator_paths_are_closed(lab):
    import urllib.error
    import urllib.request

    for path in ("/_ministack/reset", "/_ministack/config", "/_localstack/health", "/health"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(urllib.request.Request(lab.endpoint + path, data=b"{}"))  # noqa: S310
        assert caught.value.code == 404
        caught.value.close()
