"""The lab's organisation: a service control policy limits everybody of an account, root included, and nobody elsewhere."""

import json

import pytest
from lab_tools import client, refused, unique

pytestmark = pytest.mark.lab
DENY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iam:CreateUser", "Resource": "*"}]}


@pytest.fixture
def policy(lab):
    organizations = client(lab, "organizations", lab.accounts["security"].admin)
    made = organizations.create_policy(
        Name=unique("limit"), Description="test", Type="SERVICE_CONTROL_POLICY", Content=json.dumps(DENY)
    )["Policy"]["PolicySummary"]["Id"]
    target = {"PolicyId": made, "TargetId": lab.accounts["vault"].id}
    organizations.attach_policy(**target)
    yield organizations, made
    organizations.detach_policy(**target)


@pytest.mark.parametrize("who", ["admin", "root"])
def test_a_policy_limits_everybody_of_the_account(lab, policy, who):
    iam = client(lab, "iam", getattr(lab.accounts["vault"], who))
    assert refused(iam.create_user, UserName=unique("u")) == "AccessDenied"
    iam.list_users()


@pytest.mark.parametrize("account", ["prod", "security"])
def test_a_policy_limits_nobody_elsewhere(lab, policy, account):
    client(lab, "iam", lab.accounts[account].admin).create_user(UserName=unique("u"))


@pytest.mark.proves("organizations.AttachPolicy")
def test_a_policy_counts_as_it_now_stands(lab, policy):
    organizations, made = policy
    iam = client(lab, "iam", lab.accounts["vault"].admin)
    organizations.update_policy(PolicyId=made, Content=json.dumps(DENY).replace("CreateUser", "CreateGroup"))
    iam.create_user(UserName=unique("u"))
    assert refused(iam.create_group, GroupName=unique("g")) == "AccessDenied"
    organizations.detach_policy(PolicyId=made, TargetId=lab.accounts["vault"].id)
    iam.create_group(GroupName=unique("g"))
    organizations.attach_policy(PolicyId=made, TargetId=lab.accounts["vault"].id)


def test_a_member_cannot_take_the_policy_off(lab, policy):
    organizations = client(lab, "organizations", lab.accounts["vault"].root)
    target = {"PolicyId": policy[1], "TargetId": lab.accounts["vault"].id}
    assert refused(organizations.detach_policy, **target) == "PolicyNotFoundException"
    assert refused(client(lab, "iam", lab.accounts["vault"].root).create_user, UserName="u") == "AccessDenied"
