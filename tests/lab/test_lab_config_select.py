"""SelectResourceConfig over what a recorder found."""

import json

import pytest
from config_tools import items_of, run_recorder
from lab_tools import refused, unique

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def at(lab):
    return run_recorder(lab, "us-east-1", {"allSupported": True, "includeGlobalResourceTypes": True})


@pytest.fixture
def select(at):
    """The results of an expression, and the whole answer."""

    def run(expression, **more):
        answer = at("config").select_resource_config(Expression=expression, **more)
        return [json.loads(each) for each in answer["Results"]], answer

    return run


@pytest.fixture(scope="module")
def users(at):
    """Five users of one team, one of them deleted."""
    iam, team = at("iam"), unique("team")
    made = [
        iam.create_user(UserName=f"{team}-{n}", Tags=[{"Key": "team", "Value": team}])["User"]["UserId"]
        for n in range(5)
    ]
    # What is gone before it was looked at is never an item.
    items_of(at("config"), "AWS::IAM::User", made[4], 1)
    iam.delete_user(UserName=f"{team}-4")
    items_of(at("config"), "AWS::IAM::User", made[4], 2)
    return team, made


def test_properties_come_nested_and_deleted_resources_do_not(select, users):
    team, made = users
    where = f"WHERE resourceType = 'AWS::IAM::User' AND tags.tag = 'team={team}' ORDER BY resourceName DESC"
    rows, answer = select(f"SELECT resourceId, configuration.userName, configuration.nothing {where}")
    assert rows == [{"resourceId": made[n], "configuration": {"userName": f"{team}-{n}"}} for n in (3, 2, 1, 0)]
    names = [each["Name"] for each in answer["QueryInfo"]["SelectFields"]]
    assert names == ["resourceId", "configuration.userName", "configuration.nothing"]
    assert select(f"SELECT resourceId {where} LIMIT 1")[0] == [{"resourceId": made[3]}]


def test_pages(at, select, users):
    expression = f"SELECT resourceId WHERE tags.value = '{users[0]}' ORDER BY resourceName"
    rows, answer = select(expression, Limit=3)
    assert rows == [{"resourceId": each} for each in users[1][:3]]
    assert select(expression, NextToken=answer["NextToken"])[0] == [{"resourceId": users[1][3]}]
    assert refused(at("config").select_resource_config, Expression=expression, Limit=101) == "InvalidLimitException"


def test_groups_are_counted(select, users):
    rows, answer = select(f"SELECT resourceType, COUNT(*) WHERE tags.value = '{users[0]}' GROUP BY resourceType")
    assert rows == [{"COUNT(*)": 4, "resourceType": "AWS::IAM::User"}]
    assert [each["Name"] for each in answer["QueryInfo"]["SelectFields"]] == ["resourceType", "COUNT(*)"]
    assert select("SELECT COUNT(*) WHERE resourceId = 'nobody'")[0] == [{"COUNT(*)": 0}]


def test_the_star_is_what_holds_one_value(select, users):
    (row,) = select(f"SELECT * WHERE resourceId = '{users[1][0]}'")[0]
    assert row["resourceName"] == f"{users[0]}-0"
    assert {"accountId", "arn", "awsRegion", "configurationItemCaptureTime"} <= set(row)
    assert not {"configuration", "tags", "relationships", "supplementaryConfiguration"} & set(row)


def test_lists_and_numbers_as_in_real_answers(at, select):
    ec2, config, name = at("ec2"), at("config"), unique("selected")
    group = ec2.create_security_group(GroupName=name, Description="d")["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    items_of(config, "AWS::EC2::SecurityGroup", group, 2)
    where = f"WHERE resourceName = '{name}' AND configuration.ipPermissions.ipRanges = '0.0.0.0/0'"
    (row,) = select(f"SELECT configuration.ipPermissions.fromPort {where} AND configuration.ipPermissions.toPort = 22")[
        0
    ]
    assert row == {"configuration": {"ipPermissions": [{"fromPort": 22.0}]}}
    (text,) = select(f"SELECT configuration.ipPermissions.fromPort {where}")[1]["Results"]
    assert '"fromPort":22.0' in text


@pytest.mark.parametrize("expression", [
    "SELECT resourceId FROM resources", "SELECT owner", "SELECT resourceId WHERE resourceId <> 'x'", "DROP TABLE resources",
])  # fmt: skip
def test_the_rest_is_refused(at, expression):
    assert refused(at("config").select_resource_config, Expression=expression) == "InvalidExpressionException"
