"""The lab's organisation: service control policies limit everybody of an account, root included; resource control policies
protect an account's resources from everybody; neither binds the management account."""

import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError
from lab_tools import allow, client, refused, trust, unique

from amberlight.lab import LabCredentials

pytestmark = pytest.mark.lab
DENY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iam:CreateUser", "Resource": "*"}]}


@pytest.fixture(scope="module")
def organizations(lab):
    return client(lab, "organizations", lab.accounts["security"].admin)


@pytest.fixture
def attached(organizations):
    """Make policies and attach them; they are gone after the test."""
    made = []

    def attach(target, statements, kind="SERVICE_CONTROL_POLICY"):
        content = json.dumps({"Version": "2012-10-17", "Statement": statements})
        policy = organizations.create_policy(Name=unique("limit"), Description="test", Type=kind, Content=content)
        number = policy["Policy"]["PolicySummary"]["Id"]
        organizations.attach_policy(PolicyId=number, TargetId=target)
        made.append((number, target))
        return number

    yield attach
    for number, target in made:
        organizations.detach_policy(PolicyId=number, TargetId=target)
        organizations.delete_policy(PolicyId=number)


@pytest.fixture
def policy(lab, attached):
    return attached(lab.accounts["vault"].id, DENY["Statement"])


@pytest.fixture(scope="module")
def root(organizations):
    return organizations.list_roots()["Roots"][0]["Id"]


@pytest.fixture(scope="module")
def resource_policies(organizations, root):
    organizations.enable_policy_type(RootId=root, PolicyType="RESOURCE_CONTROL_POLICY")


@pytest.mark.parametrize("who", ["admin", "root"])
@pytest.mark.proves("organizations.CreatePolicy", "organizations.AttachPolicy")
def test_a_policy_limits_everybody_of_the_account(lab, policy, who):
    iam = client(lab, "iam", getattr(lab.accounts["vault"], who))
    with pytest.raises(ClientError, match="with an explicit deny in a service control policy") as caught:
        iam.create_user(UserName=unique("u"))
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    iam.list_users()


@pytest.mark.parametrize("account", ["prod", "security"])
def test_a_policy_limits_nobody_elsewhere(lab, policy, account):
    client(lab, "iam", lab.accounts[account].admin).create_user(UserName=unique("u"))


def test_a_policy_counts_as_it_now_stands(lab, organizations, policy):
    iam = client(lab, "iam", lab.accounts["vault"].admin)
    organizations.update_policy(PolicyId=policy, Content=json.dumps(DENY).replace("CreateUser", "CreateGroup"))
    iam.create_user(UserName=unique("u"))
    assert refused(iam.create_group, GroupName=unique("g")) == "AccessDenied"
    organizations.detach_policy(PolicyId=policy, TargetId=lab.accounts["vault"].id)
    iam.create_group(GroupName=unique("g"))
    organizations.attach_policy(PolicyId=policy, TargetId=lab.accounts["vault"].id)


def test_a_member_sees_its_organisation_and_changes_nothing(lab, organizations, policy):
    theirs = client(lab, "organizations", lab.accounts["vault"].root)
    known = organizations.describe_organization()["Organization"]
    assert theirs.describe_organization()["Organization"] == known
    assert known["MasterAccountId"] == lab.accounts["security"].id
    assert refused(theirs.detach_policy, PolicyId=policy, TargetId=lab.accounts["vault"].id) == "AccessDeniedException"
    assert refused(theirs.list_accounts) == "AccessDeniedException"
    assert refused(client(lab, "iam", lab.accounts["vault"].root).create_user, UserName="u") == "AccessDenied"


def test_a_policy_on_the_root_limits_all_but_the_management_account(lab, attached, root):
    attached(root, [{"Effect": "Deny", "Action": "iam:CreateGroup", "Resource": "*"}])
    for name, denied in (("prod", True), ("vault", True), ("security", False)):
        iam = client(lab, "iam", lab.accounts[name].admin)
        if denied:
            assert refused(iam.create_group, GroupName=unique("g")) == "AccessDenied"
        else:
            iam.create_group(GroupName=unique("g"))


def test_a_policy_on_a_unit_limits_the_accounts_in_it(lab, organizations, attached, root):
    unit = organizations.create_organizational_unit(ParentId=root, Name=unique("unit"))["OrganizationalUnit"]["Id"]
    attached(unit, DENY["Statement"])
    vault = lab.accounts["vault"]
    iam = client(lab, "iam", vault.admin)
    iam.create_user(UserName=unique("u"))
    organizations.move_account(AccountId=vault.id, SourceParentId=root, DestinationParentId=unit)
    try:
        assert refused(iam.create_user, UserName=unique("u")) == "AccessDenied"
    finally:
        organizations.move_account(AccountId=vault.id, SourceParentId=unit, DestinationParentId=root)
    iam.create_user(UserName=unique("u"))


def test_without_an_allow_at_a_level_nothing_is_allowed(lab, organizations, attached):
    vault = lab.accounts["vault"]
    attached(vault.id, [{"Effect": "Allow", "Action": ["s3:*", "iam:List*"], "Resource": "*"}])
    organizations.detach_policy(PolicyId="p-FullAWSAccess", TargetId=vault.id)
    try:
        iam = client(lab, "iam", vault.root)
        iam.list_users()
        with pytest.raises(ClientError, match="because no service control policy allows the iam:CreateUser action"):
            iam.create_user(UserName=unique("u"))
    finally:
        organizations.attach_policy(PolicyId="p-FullAWSAccess", TargetId=vault.id)


def guard(action, **more):
    return [{"Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*", **more}]


def test_resources_are_protected_from_their_own_root_and_from_other_accounts(lab, attached, resource_policies):
    vault, prod, name = lab.accounts["vault"], lab.accounts["prod"], unique("guarded")
    own, foreign = client(lab, "s3", vault.root), client(lab, "s3", prod.admin)
    own.create_bucket(Bucket=name)
    own.put_object(Bucket=name, Key="k", Body=b"1")
    policy = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{prod.id}:root"}, "Action": "s3:*",
              "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]}  # fmt: skip
    own.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [policy]}))
    foreign.get_object(Bucket=name, Key="k")
    attached(vault.id, guard("s3:GetObject"), "RESOURCE_CONTROL_POLICY")
    for s3 in (own, foreign):
        with pytest.raises(ClientError, match="with an explicit deny in a resource control policy"):
            s3.get_object(Bucket=name, Key="k")
        s3.put_object(Bucket=name, Key="k", Body=b"2")
    mine = unique("mine")
    foreign.create_bucket(Bucket=mine)
    foreign.put_object(Bucket=mine, Key="k", Body=b"1")
    foreign.get_object(Bucket=mine, Key="k")


def test_resources_are_protected_from_the_public(lab, attached, resource_policies):
    vault, name = lab.accounts["vault"], unique("public")
    s3 = client(lab, "s3", vault.admin)
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"1")
    s3.delete_public_access_block(Bucket=name)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    address = f"{lab.endpoint}/{name}/k"
    with urllib.request.urlopen(address) as answer:  # noqa: S310
        assert answer.read() == b"1"
    attached(vault.id, guard("s3:*"), "RESOURCE_CONTROL_POLICY")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(address)  # noqa: S310
    with caught.value as refusal:
        assert refusal.code == 403


def test_a_role_is_protected_from_callers_outside_the_named_accounts(lab, attached, resource_policies):
    vault, prod = lab.accounts["vault"], lab.accounts["prod"]
    iam, name = client(lab, "iam", vault.admin), unique("target")
    anybody = trust({"AWS": f"arn:aws:iam::{prod.id}:root"}, {"AWS": f"arn:aws:iam::{vault.id}:root"})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=anybody)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=allow("kms:*"))
    theirs = client(lab, "sts", prod.admin)
    theirs.assume_role(RoleArn=role, RoleSessionName="before")
    condition = {"StringNotEqualsIfExists": {"aws:PrincipalAccount": vault.id},
                 "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}  # fmt: skip
    attached(vault.id, guard(["sts:AssumeRole", "kms:CreateKey"], Condition=condition), "RESOURCE_CONTROL_POLICY")
    assert refused(theirs.assume_role, RoleArn=role, RoleSessionName="after") == "AccessDenied"
    made = client(lab, "sts", vault.admin).assume_role(RoleArn=role, RoleSessionName="own")["Credentials"]
    session = LabCredentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    client(lab, "kms", session).create_key()


def test_the_management_accounts_resources_are_not_protected(lab, attached, root, resource_policies):
    attached(root, guard("s3:GetBucketLocation"), "RESOURCE_CONTROL_POLICY")
    name = unique("management")
    s3 = client(lab, "s3", lab.accounts["security"].admin)
    s3.create_bucket(Bucket=name)
    s3.get_bucket_location(Bucket=name)
    theirs, mine = client(lab, "s3", lab.accounts["prod"].admin), unique("member")
    theirs.create_bucket(Bucket=mine)
    assert refused(theirs.get_bucket_location, Bucket=mine) == "AccessDenied"


@pytest.mark.parametrize(
    "statement",
    [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"},
     {"Effect": "Deny", "Principal": {"AWS": "111111111111"}, "Action": "s3:*", "Resource": "*"},
     {"Effect": "Deny", "Principal": "*", "NotAction": "s3:*", "Resource": "*"}],
)  # fmt: skip
def test_a_resource_control_policy_only_denies_everybody(organizations, statement):
    content = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    refusal = refused(organizations.create_policy, Name=unique("bad"), Description="x", Content=content,
                      Type="RESOURCE_CONTROL_POLICY")  # fmt: skip
    assert refusal == "MalformedPolicyDocumentException"


def test_a_bucket_may_be_open_to_the_organisation(lab, organizations):
    vault, name = lab.accounts["vault"], unique("shared")
    number = organizations.describe_organization()["Organization"]["Id"]
    own = client(lab, "s3", vault.admin)
    own.create_bucket(Bucket=name)
    own.put_object(Bucket=name, Key="k", Body=b"1")
    foreign = client(lab, "s3", lab.accounts["prod"].admin)
    for org, allowed in (("o-0123456789", False), (number, True)):
        statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*",
                     "Condition": {"StringEquals": {"aws:PrincipalOrgID": org}}}  # fmt: skip
        own.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        if allowed:
            foreign.get_object(Bucket=name, Key="k")
        else:
            assert refused(foreign.get_object, Bucket=name, Key="k") == "AccessDenied"
