"""The account before the attack, built by API calls as its administrator would build it."""

from __future__ import annotations

import json
from typing import Any

from amberlight._aws import Door
from amberlight.practice.actors import Keys
from amberlight.practice.drill import Grounds
from amberlight.practice.drills.leaked_key.scene import WEB_PORT, Scene, customers, on_host

TRAIL = "account-trail"
IMAGE = "ami-0c55b159cbfafe1f0"
Statement = dict[str, Any]


def dress(grounds: Grounds) -> Scene:
    """Build buckets, trail, identities and the web server; gives what the actors must know."""
    door, account = grounds.prod, grounds.prod.account
    names = {kind: f"{kind}-{account}" for kind in ("customers", "artifacts", "trail")}
    for name in names.values():
        bucket(door, name, grounds.region)
    web = web_server(door, names["artifacts"], grounds.region)
    for key, body in customers(grounds.seed).items():
        door.call("s3.PutObject", Bucket=names["customers"], Key=key, Body=body, ContentType="application/json")
    trail(door, names["trail"], names["customers"])
    agent = user(door, "build-agent", agent_policy(account))
    role(door, "platform-automation", trust({"AWS": f"arn:aws:iam::{account}:user/build-agent"}))
    door.call(
        "iam.AttachRolePolicy",
        RoleName="platform-automation",
        PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess",
    )
    return Scene(
        seed=grounds.seed,
        lab=grounds.lab.describe(),
        account=account,
        region=grounds.region,
        other_region=grounds.other_region,
        customer_bucket=names["customers"],
        artifact_bucket=names["artifacts"],
        trail=TRAIL,
        web_instance=web["InstanceId"],
        web_address=web["PrivateIpAddress"],
        image=IMAGE,
        leaked=agent,
        deployer=user(door, "deploy-pipeline", pipeline_policy(names["artifacts"])),
        administrator=user(door, "maria.keller", allow("*")),
        automation_role=f"arn:aws:iam::{account}:role/platform-automation",
        truth=str(grounds.truth),
    )


def bucket(door: Door, name: str, region: str) -> None:
    """A bucket; us-east-1 must not be named as a location."""
    place: dict[str, Any] = (
        {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    )
    door.call("s3.CreateBucket", Bucket=name, **place)


def web_server(door: Door, artifacts: str, region: str) -> dict[str, Any]:
    """An instance whose user data starts the shop, with a role that may ship its logs."""
    role(door, "shop-web", trust({"Service": "ec2.amazonaws.com"}))
    policy(door, "role", "shop-web", allow("s3:PutObject", resource=f"arn:aws:s3:::{artifacts}/access/*"))
    door.call("iam.CreateInstanceProfile", InstanceProfileName="shop-web")
    door.call("iam.AddRoleToInstanceProfile", InstanceProfileName="shop-web", RoleName="shop-web")
    group = door.call("ec2.CreateSecurityGroup", GroupName="shop-web", Description="customers of the shop")["GroupId"]
    customer = {"IpProtocol": "tcp", "FromPort": WEB_PORT, "ToPort": WEB_PORT, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    door.call("ec2.AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[customer])
    settings = {"bucket": artifacts, "port": WEB_PORT, "region": region}
    answer = door.call(
        "ec2.RunInstances",
        ImageId=IMAGE,
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        IamInstanceProfile={"Name": "shop-web"},
        SecurityGroupIds=[group],
        UserData="#!/bin/sh\n" + on_host("host_web", "/opt/shop/server.py", json.dumps(settings)),
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "shop-web"}]}],
    )
    found: dict[str, Any] = answer["Instances"][0]
    return found


def trail(door: Door, logs: str, watched: str) -> None:
    """A trail of every Region with digests, and with the reads and writes of the customers' bucket."""
    source = {"Principal": {"Service": "cloudtrail.amazonaws.com"}, "Effect": "Allow"}
    statements = [
        {**source, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{logs}"},
        {**source, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{logs}/AWSLogs/{door.account}/*"},
    ]
    door.call("s3.PutBucketPolicy", Bucket=logs, Policy=document(*statements))
    door.call(
        "cloudtrail.CreateTrail",
        Name=TRAIL,
        S3BucketName=logs,
        IsMultiRegionTrail=True,
        IncludeGlobalServiceEvents=True,
        EnableLogFileValidation=True,
    )
    door.call(
        "cloudtrail.PutEventSelectors",
        TrailName=TRAIL,
        EventSelectors=[
            {
                "ReadWriteType": "All",
                "IncludeManagementEvents": True,
                "DataResources": [{"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{watched}/"]}],
            }
        ],
    )
    door.call("cloudtrail.StartLogging", Name=TRAIL)


def user(door: Door, name: str, *statements: Statement) -> Keys:
    """A user with an inline policy and an access key."""
    door.call("iam.CreateUser", UserName=name)
    policy(door, "user", name, *statements)
    return Keys.of(door.call("iam.CreateAccessKey", UserName=name)["AccessKey"])


def role(door: Door, name: str, trusting: Statement) -> None:
    """A role that may be assumed by whom the statement says."""
    door.call("iam.CreateRole", RoleName=name, AssumeRolePolicyDocument=document(trusting))


def policy(door: Door, kind: str, name: str, *statements: Statement) -> None:
    """An inline policy of a user or role."""
    owner = {"user": "UserName", "role": "RoleName"}[kind]
    operation = f"iam.Put{kind.capitalize()}Policy"
    door.call(operation, PolicyName="work", PolicyDocument=document(*statements), **{owner: name})


def agent_policy(account: str) -> Statement:
    """What the leaked key may do: look around, and become the automation role (the mistake of this account)."""
    return {
        "Effect": "Allow",
        "Action": [
            "ec2:Describe*",
            "s3:ListAllMyBuckets",
            "iam:ListUsers",
            "iam:ListRoles",
            "cloudtrail:DescribeTrails",
            "sts:AssumeRole",
        ],
        "Resource": ["*", f"arn:aws:iam::{account}:role/platform-automation"],
    }


def pipeline_policy(artifacts: str) -> Statement:
    """What the pipeline may do; it was never allowed to read alarms."""
    return {
        "Effect": "Allow",
        "Action": ["ec2:DescribeInstances", "ssm:DescribeInstanceInformation", "s3:PutObject", "s3:GetObject"],
        "Resource": ["*", f"arn:aws:s3:::{artifacts}/*"],
    }


def allow(action: str, resource: str = "*") -> Statement:
    """One allowing statement."""
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def trust(principal: dict[str, str]) -> Statement:
    """One trusting statement."""
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}


def document(*statements: Statement) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
