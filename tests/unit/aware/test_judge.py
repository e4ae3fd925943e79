"""One attack over several principals is one suspicion; ordinary days beside it are not."""

import random
from datetime import timedelta

import pytest

from amberlight.aware.intake import cloudwatch_alarm, person
from amberlight.aware.judge import Judge
from amberlight.model.response_plan import AwarePlan
from aware.sampling import START, call, role, user

EVIL, OFFICE, PIPE = "198.51.100.23", "203.0.113.10", "203.0.113.40"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
LOOKS = ("s3:ListBuckets", "iam:ListUsers", "iam:ListRoles", "ec2:DescribeInstances", "ec2:DescribeSecurityGroups",
         "cloudtrail:DescribeTrails")  # fmt: skip


def attack(start=0):
    """A leaked key, a detour over a role, a new administrator who does harm."""
    leaked = user("build-agent", "AKIALEAKED")
    helper = role("platform-automation", "nightly", "ASIAHELPER")
    owner = user("svc-report", "AKIANEWADMIN")
    bad = {"sourceIPAddress": EVIL}
    yield call("sts:GetCallerIdentity", leaked, start, **bad)
    for number, name in enumerate(LOOKS, 1):
        yield call(name, leaked, start + number, **bad)
    yield call("iam:CreateUser", leaked, start + 8, errorCode="AccessDenied", **bad)
    arn = "arn:aws:iam::111122223333:role/platform-automation"
    yield call(
        "sts:AssumeRole", leaked, start + 9, {"roleArn": arn, "roleSessionName": "nightly"},
        responseElements={"credentials": {"accessKeyId": "ASIAHELPER"}}, **bad,
    )  # fmt: skip
    yield call("iam:CreateUser", helper, start + 10, {"userName": "svc-report"}, **bad)
    yield call("iam:AttachUserPolicy", helper, start + 11, {"userName": "svc-report", "policyArn": ADMIN}, **bad)
    yield call(
        "iam:CreateAccessKey", helper, start + 12, {"userName": "svc-report"},
        responseElements={"accessKey": {"accessKeyId": "AKIANEWADMIN", "userName": "svc-report"}}, **bad,
    )  # fmt: skip
    yield call(
        "ssm:SendCommand", owner, start + 14,
        {"documentName": "AWS-RunShellScript", "instanceIds": ["i-0web"], "parameters": "HIDDEN"}, **bad,
    )  # fmt: skip
    yield call(
        "ec2:RunInstances", owner, start + 15,
        {"instanceType": "g5.12xlarge", "instancesSet": {"items": [{"imageId": "ami-1", "minCount": 2}]}},
        responseElements={"instancesSet": {"items": [{"instanceId": "i-0min1"}, {"instanceId": "i-0min2"}]}},
        awsRegion="eu-central-1", **bad,
    )  # fmt: skip
    yield call("s3:ListObjects", owner, start + 16, {"bucketName": "customers-1"}, **bad)
    for number in range(30):
        request = {"bucketName": "customers-1", "key": f"{number}.json"}
        yield call("s3:GetObject", owner, start + 17, request, eventID=f"get-{number}", **bad)
    yield call("cloudtrail:StopLogging", owner, start + 20, {"name": "account-trail"}, **bad)


def ordinary(start=0, seconds=60):
    """A pipeline, an administrator with a command line, an instance that ships its log."""
    for at in range(start, start + seconds, 6):
        deploy, maria = user("deploy-pipeline"), user("maria.keller")
        web = role("shop-web", "i-0123456789abcdef0", "ASIAWEB")
        yield call("sts:GetCallerIdentity", deploy, at, sourceIPAddress=PIPE)
        yield call("ec2:DescribeInstances", deploy, at + 1, sourceIPAddress=PIPE)
        yield call("s3:PutObject", deploy, at + 2, {"bucketName": "artifacts", "key": f"{at}"}, sourceIPAddress=PIPE)
        yield call("monitoring:DescribeAlarms", deploy, at + 3, errorCode="AccessDenied", sourceIPAddress=PIPE)
        for number, name in enumerate((*LOOKS, "ec2:DescribeVolumes", "monitoring:DescribeAlarms", "ec2:CreateTags")):
            yield call(name, maria, at + number, sourceIPAddress=OFFICE)
        yield call(
            "s3:PutObject", web, at, {"bucketName": "artifacts", "key": f"log{at}"}, sourceIPAddress="10.77.0.11"
        )


def alarm(at=30, account="111122223333"):
    return {
        "Body": {
            "Message": {
                "AlarmName": "call-volume",
                "AWSAccountId": account,
                "NewStateValue": "ALARM",
                "NewStateReason": "Threshold crossed",
                "StateChangeTime": f"{START + timedelta(seconds=at):%Y-%m-%dT%H:%M:%S.000}+0000",
                "AlarmArn": f"arn:aws:cloudwatch:us-east-1:{account}:alarm:call-volume",
            }
        }
    }


def story(shuffled=None):
    events = [*ordinary(), *attack(20), *ordinary(60)]
    if shuffled is not None:
        random.Random(shuffled).shuffle(events)  # noqa: S311 - not for secrets
    judge = Judge()
    judge.observe(events)
    return judge


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_the_attack_is_exactly_one_incident(seed):
    judge = story(seed)
    paging = [one for one in judge.suspicions() if one.page]
    assert len(paging) == 1
    found = paging[0]
    assert set(found.principals) == {
        "arn:aws:iam::111122223333:user/build-agent",
        "arn:aws:iam::111122223333:role/platform-automation",
        "arn:aws:iam::111122223333:user/svc-report",
    }
    assert found.addresses == (EVIL,)
    assert found.severity == "critical"
    assert {
        "instance/i-0web@us-east-1", "instance/i-0min1@eu-central-1", "instance/i-0min2@eu-central-1",
        "bucket/customers-1@us-east-1", "user/svc-report@us-east-1", "user/build-agent@us-east-1",
        "role/platform-automation@us-east-1", "key/AKIALEAKED@us-east-1", "key/AKIANEWADMIN@us-east-1",
    } <= set(found.resources)  # fmt: skip
    assert not [name for name in found.resources if "artifacts" in name or "maria" in name]


def test_noise_keeps_its_reasons():
    noise = [one for one in story().suspicions() if not one.page]
    assert [one.principals for one in noise] == [("arn:aws:iam::111122223333:user/maria.keller",)]
    assert all(one.reasons and one.reasons[0].text for one in noise)


def test_points_add_up_to_the_score():
    for one in story().suspicions():
        assert one.score == pytest.approx(sum(reason.points for reason in one.reasons), abs=0.05)


def test_only_the_attackers_session_of_the_role_is_meant():
    """Somebody else who uses the same role at the same time is not drawn in."""
    judge = story()
    nightly = role("platform-automation", "real-nightly", "ASIAREAL")
    group = {"groupId": "sg-1", "ipPermissions": {"items": [
        {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}}  # fmt: skip
    event = call("ec2:AuthorizeSecurityGroupIngress", nightly, 25, group, sourceIPAddress="203.0.113.99")
    judge.observe([event])
    paging = [one for one in judge.suspicions() if one.page]
    assert len(paging) == 1
    assert event.id not in paging[0].event_ids


def test_ordinary_life_alone_does_not_page():
    judge = Judge()
    judge.observe(ordinary(0, 600))
    assert not [one for one in judge.suspicions() if one.page]


def test_an_alarm_supports_the_incident_and_never_pages():
    judge = story()
    before = next(one for one in judge.suspicions() if one.page)
    signal = cloudwatch_alarm.INTAKE.read(alarm())
    judge.add(signal)
    judge.add(signal)
    paging = [one for one in judge.suspicions() if one.page]
    assert [one.id for one in paging] == [before.id]
    assert signal.id in paging[0].signals
    assert any(reason.rule == "intake.cloudwatch_alarm" for reason in paging[0].reasons)
    alone = Judge()
    alone.add(signal)
    assert [one.page for one in alone.suspicions()] == [False]


def test_an_alarm_of_another_account_or_day_stays_alone():
    judge = story()
    judge.add(cloudwatch_alarm.INTAKE.read(alarm(account="999988887777")))
    judge.add(cloudwatch_alarm.INTAKE.read(alarm(at=90_000)))
    paging = next(one for one in judge.suspicions() if one.page)
    assert not any(reason.rule == "intake.cloudwatch_alarm" for reason in paging.reasons)


def test_a_person_is_believed():
    judge = Judge()
    judge.add(person.INTAKE.read({"who": "partner", "what": "your data is for sale", "when": START.isoformat()}))
    assert [one.page for one in judge.suspicions()] == [True]


def test_signals_are_raised_once_and_asking_is_stable():
    judge = Judge()
    events = list(attack())
    first = [signal for event in events for signal in judge.observe([event])]
    assert len({signal.id for signal in first}) == len(first)
    assert judge.suspicions() is judge.suspicions()
    assert {signal.source for signal in first} >= {
        "rules.admin_granted",
        "rules.logging_stopped",
        "rules.unusual_instances",
    }


def test_the_id_stays_while_the_suspicion_grows():
    judge, seen = Judge(), set()
    for event in attack():
        judge.observe([event])
        seen |= {one.id for one in judge.suspicions() if "build-agent" in str(one.principals)}
    assert len(seen) == 1


def test_volume_does_not_raise_the_score():
    few, many = Judge(), Judge()
    looks = [call("ec2:DescribeInstances", user("bob"), 1, eventID=f"e{n}") for n in range(2000)]
    fails = [call("iam:CreateUser", user("bob"), 2, eventID=f"f{n}", errorCode="AccessDenied") for n in range(2000)]
    few.observe([looks[0], fails[0]])
    many.observe([*looks, *fails])
    assert few.suspicions()[0].score == many.suspicions()[0].score


def test_many_weak_hints_do_not_page():
    """A busy day with a command line: many small things, none of them strong."""
    maria, opened = user("maria.keller"), {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22}
    group = {"ipPermissions": {"items": [{**opened, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}}
    judge = Judge()
    judge.observe([
        call("iam:CreateUser", maria, 1, {"userName": "new"}),
        call("iam:CreateLoginProfile", maria, 2, {"userName": "new", "passwordResetRequired": True}),
        call("ec2:AuthorizeSecurityGroupIngress", maria, 3, group),
        call("logs:DeleteLogGroup", maria, 4, {"logGroupName": "old"}),
        call("lambda:UpdateFunctionCode20150331v2", maria, 5, {"functionName": "f"}),
        call("rds:ModifyDBInstance", maria, 6, {"dBInstanceIdentifier": "d", "masterUserPassword": "****"}),
        call("iam:DeactivateMFADevice", maria, 7, {"userName": "leaver"}),
        *(call(name, maria, 10 + n) for n, name in enumerate(LOOKS)),
    ])  # fmt: skip
    [found] = judge.suspicions()
    assert not found.page
    assert found.score <= 60


def test_ten_alarms_count_as_one():
    one, ten = story(), story()
    one.add(cloudwatch_alarm.INTAKE.read(alarm(30)))
    for at in range(30, 40):
        ten.add(cloudwatch_alarm.INTAKE.read(alarm(at)))
    assert one.suspicions()[0].score == ten.suspicions()[0].score


def test_crown_jewels_count():
    judge = Judge(AwarePlan(crown_jewels=("bucket/customers-1",)))
    judge.observe(attack())
    found = judge.suspicions()[0]
    assert found.severity == "critical"
    plain = Judge(AwarePlan(page_at=101, crown_jewels=("bucket/none",)))
    plain.observe(attack())
    assert not any(reason.rule == "triage.crown_jewels" for reason in plain.suspicions()[0].reasons)


def test_services_are_judged_apart():
    """What CloudFormation does in somebody's name counts half; what a service does by itself not at all."""
    judge = Judge()
    scaling = {"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}
    judge.observe(
        [
            call(
                "ec2:RunInstances",
                scaling,
                1,
                {"instanceType": "p3.2xlarge"},
                sourceIPAddress="autoscaling.amazonaws.com",
            )
        ]
    )
    assert judge.suspicions() == ()


def month(seed):  # noqa: C901 - a month has many days
    """Four weeks of a small account: deploys, console work, a new colleague, backups, a scanner, a new Region."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    maria, terraform = user("maria.keller"), role("terraform", "ci", "ASIACI")
    mfa = {**maria, "sessionContext": {"attributes": {"mfaAuthenticated": "true"}}, "accessKeyId": "ASIAMARIA"}
    scanner = role("posture-scanner", "scan", "ASIASCAN")
    for day in range(28):
        base = day * 86400
        if day % 7 < 5:
            for number in range(chance.randint(2, 6)):
                at = base + 32400 + number * 1800
                yield call("iam:CreateRole", terraform, at, {"roleName": f"r{day}-{number}", "assumeRolePolicyDocument":
                    '{"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'}, sourceIPAddress=PIPE)  # fmt: skip
                yield call(
                    "lambda:UpdateFunctionCode20150331v2",
                    terraform,
                    at + 5,
                    {"functionName": "f"},
                    sourceIPAddress=PIPE,
                )
                yield call("ec2:AuthorizeSecurityGroupIngress", terraform, at + 6, {"ipPermissions": {"items": [
                    {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}}, sourceIPAddress=PIPE)  # fmt: skip
            for number, name in enumerate((*LOOKS, "rds:DescribeDBInstances", "kms:ListKeys")):
                yield call(
                    name, mfa, base + 36000 + number, sessionCredentialFromConsole="true", sourceIPAddress=OFFICE
                )
            yield call("ssm:StartSession", mfa, base + 40000, {"target": f"i-{day}"}, sourceIPAddress=OFFICE)
            yield call(
                "secretsmanager:GetSecretValue", terraform, base + 41000, {"secretId": "db"}, sourceIPAddress=PIPE
            )
        for number, name in enumerate(
            (*LOOKS, "kms:ListKeys", "rds:DescribeDBSnapshots", "lambda:ListFunctions20150331")
        ):
            yield call(name, scanner, base + 7200 + number, sourceIPAddress="203.0.113.77")
        for number in range(15):
            request = {"attribute": "userData", "instanceId": f"i-{number:03d}"}
            if day >= 14:  # the scanner learns to look at start scripts in the third week
                yield call(
                    "ec2:DescribeInstanceAttribute",
                    scanner,
                    base + 7300 + number,
                    request,
                    sourceIPAddress="203.0.113.77",
                )
        if day in (3, 17):
            name, console = f"colleague{day}", {"sessionCredentialFromConsole": "true", "sourceIPAddress": OFFICE}
            yield call("iam:CreateUser", mfa, base + 50000, {"userName": name}, **console)
            yield call(
                "iam:CreateLoginProfile",
                mfa,
                base + 50010,
                {"userName": name, "passwordResetRequired": True},
                **console,
            )
            yield call(
                "iam:AddUserToGroup", mfa, base + 50020, {"userName": name, "groupName": "developers"}, **console
            )
            yield call("iam:CreateAccessKey", mfa, base + 50030, {"userName": name}, **console)
        if day == 10:
            for number in range(3):
                yield call(
                    "ec2:RunInstances",
                    terraform,
                    base + 43000 + number,
                    {"instanceType": "t3.large"},
                    awsRegion="eu-north-1",
                    sourceIPAddress=PIPE,
                )
        if day == 20:
            yield call("ec2:DeleteFlowLogs", terraform, base + 44000, {}, sourceIPAddress=PIPE)
            yield call("ec2:DeleteVpc", terraform, base + 44100, {"vpcId": "vpc-1"}, sourceIPAddress=PIPE)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_month_of_ordinary_life_pages_at_most_once_a_week(seed):
    judge = Judge()
    judge.observe(month(seed))
    paging = [one for one in judge.suspicions() if one.page]
    assert len(paging) <= 1, [(one.score, one.principals, [r.text for r in one.reasons]) for one in paging]
    judge.observe(attack(26 * 86400))
    fresh = [one for one in judge.suspicions() if one.page and EVIL in one.addresses]
    assert len(fresh) == 1
