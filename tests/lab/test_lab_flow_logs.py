"""VPC flow logs count the packets that hosts really send and get."""

import gzip
import json
import re

import pytest
from lab_tools import allow, client, eventually, needs_namespaces, refused, trust, unique
from wire_tools import Lines, echo, shell

from amberlight.lab import LabOptions, start

pytestmark = needs_namespaces
CUSTOM = " ".join(f"${{{name}}}" for name in (
    "version", "interface-id", "instance-id", "srcaddr", "dstaddr", "dstport", "srcport", "packets", "bytes", "tcp-flags",
    "flow-direction", "traffic-path", "action", "log-status", "az-id", "vpc-id",
))  # fmt: skip
DEFAULT = [
    "version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes",
    "start", "end", "action", "log-status",
]  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    # Its interval is its own: a minute of AWS is 0.9 seconds.
    with start(LabOptions(workdir=tmp_path_factory.mktemp("flows"), flow_log_scale=0.015, max_hosts=2)) as running:
        yield running


@pytest.fixture(scope="module")
def account(lab):
    return lab.accounts["prod"]


@pytest.fixture(scope="module")
def aws(lab, account):
    return lambda service: client(lab, service, account.admin)


@pytest.fixture(scope="module")
def ec2(aws):
    return aws("ec2")


@pytest.fixture(scope="module")
def server(ec2, aws):
    """A host that echoes on two ports, of which one is open to the office."""
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="flows", Description="d", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "203.0.113.10/32"}]},
    ])  # fmt: skip
    made = ec2.run_instances(ImageId="ami-00000001", MinCount=1, MaxCount=1, SecurityGroupIds=[group])["Instances"][0]
    ssm, ident = aws("ssm"), made["InstanceId"]
    eventually(lambda: ssm.describe_instance_information()["InstanceInformationList"])
    shell(ssm, ident, echo(80, 81))
    eventually(lambda: "81" in shell(ssm, ident, "cat /proc/net/tcp | grep -ci :0051 | sed s/1/81/"))
    eni = ec2.describe_network_interfaces()["NetworkInterfaces"][0]["NetworkInterfaceId"]
    return {"id": ident, "address": made["PrivateIpAddress"], "vpc": vpc, "eni": eni}


@pytest.fixture(scope="module")
def bucket(aws, account):
    name = "flow-logs-here"
    aws("s3").create_bucket(Bucket=name)
    aws("s3").put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"}, "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{name}/sub/AWSLogs/{account.id}/*",
        "Condition": {
            "StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": account.id},
            "ArnLike": {"aws:SourceArn": f"arn:aws:logs:us-east-1:{account.id}:*"},
        },
    }]}))  # fmt: skip
    return name


def create(ec2, resource, destination, **more):
    kind = "VPC" if resource.startswith("vpc") else "NetworkInterface"
    asked = {"ResourceIds": [resource], "ResourceType": kind, "TrafficType": "ALL", "LogDestinationType": "s3",
             "LogDestination": f"arn:aws:s3:::{destination}", "MaxAggregationInterval": 60, **more}  # fmt: skip
    return ec2.create_flow_logs(**asked)


def rows(aws, bucket, flow_log):
    """Every record that was delivered, as a dictionary."""
    s3, found = aws("s3"), []
    for each in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        if flow_log in each["Key"]:
            body = gzip.decompress(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()).decode()
            names, *lines = body.splitlines()
            found += [dict(zip(names.split(), line.split(), strict=True)) for line in lines]
    return found


def total(found, name, **wanted):
    """The sum of a column over the rows that say so."""
    return sum(int(row[name]) for row in found if all(row[key] == value for key, value in wanted.items()))


@pytest.mark.proves("ec2.CreateFlowLogs", "ec2.DescribeFlowLogs", "ec2.DeleteFlowLogs")
def test_records_count_what_passed_and_what_did_not(lab, aws, account, server, bucket):
    ec2 = aws("ec2")
    made = create(ec2, server["vpc"], f"{bucket}/sub/")
    (flow_log,) = made["FlowLogIds"]
    assert made["Unsuccessful"] == []
    before = int(shell(aws("ssm"), server["id"], "awk '/eth0/{print $3}' /proc/net/dev"))
    lines = Lines(lab)
    assert lines.open("a", "office", server["address"], 80) == "open"
    for _ in range(5):
        assert lines.say("a", "x" * 1000) == "x" * 1000
    assert lines.open("b", "office", server["address"], 81) == "TimeoutError"
    lines.close()
    office, here = "203.0.113.10", server["address"]
    found = eventually(lambda: (
        (got := rows(aws, bucket, flow_log)) and total(got, "bytes", srcaddr=office, dstport="80") >= 5000
        and total(got, "packets", srcaddr=office, action="REJECT") and got
    ))  # fmt: skip
    after = int(shell(aws("ssm"), server["id"], "awk '/eth0/{print $3}' /proc/net/dev"))
    # Five answers of a thousand bytes came back by the same connection.
    assert 5000 < total(found, "bytes", srcaddr=here, srcport="80", dstaddr=office, action="ACCEPT") < 6500
    accepted = total(found, "packets", srcaddr=office, dstport="80", action="ACCEPT")
    assert 7 <= accepted <= after - before
    rejected = [row for row in found if row["action"] == "REJECT"]
    assert {(row["srcaddr"], row["dstport"], row["protocol"]) for row in rejected} == {(office, "81", "6")}
    assert list(found[0]) == DEFAULT
    assert {(row["version"], row["account-id"], row["interface-id"]) for row in found} == {
        ("2", account.id, server["eni"])
    }
    assert all(0 <= int(row["end"]) - int(row["start"]) <= 60 for row in found)
    keys = [each["Key"] for each in aws("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    pattern = (
        rf"sub/AWSLogs/{account.id}/vpcflowlogs/us-east-1/\d{{4}}/\d\d/\d\d/"
        rf"{account.id}_vpcflowlogs_us-east-1_{flow_log}_\d{{8}}T\d{{4}}Z_[0-9a-f]{{8}}\.log\.gz"
    )
    assert all(re.fullmatch(pattern, key) for key in keys if flow_log in key)
    described = ec2.describe_flow_logs(FlowLogIds=[flow_log])["FlowLogs"][0]
    assert (described["DeliverLogsStatus"], described["FlowLogStatus"]) == ("SUCCESS", "ACTIVE")
    eventually(lambda: {"NODATA"} & {row["log-status"] for row in rows(aws, bucket, flow_log)})
    ec2.delete_flow_logs(FlowLogIds=[flow_log])
    assert ec2.describe_flow_logs(FlowLogIds=[flow_log])["FlowLogs"] == []


def test_a_format_of_ones_own_and_one_kind_of_traffic(lab, aws, ec2, server, bucket):
    (flow_log,) = create(
        ec2, server["eni"], f"{bucket}/sub", LogFormat=CUSTOM, TrafficType="REJECT",
        DestinationOptions={"FileFormat": "plain-text", "HiveCompatiblePartitions": False, "PerHourPartition": True},
    )["FlowLogIds"]  # fmt: skip
    lines = Lines(lab)
    assert lines.open("a", "attacker", server["address"], 80) == "TimeoutError"
    assert lines.open("b", "office", server["address"], 80) == "open"
    lines.close()
    row = eventually(lambda: next((r for r in rows(aws, bucket, flow_log) if r["log-status"] == "OK"), None))
    wanted = {"version": "5", "instance-id": server["id"], "srcaddr": "198.51.100.23", "dstport": "80", "tcp-flags": "2",
              "flow-direction": "ingress", "traffic-path": "-", "action": "REJECT", "vpc-id": server["vpc"]}  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    ec2.delete_flow_logs(FlowLogIds=[flow_log])
    found = rows(aws, bucket, flow_log)
    assert {each["action"] for each in found if each["log-status"] == "OK"} == {"REJECT"}
    keys = [each["Key"] for each in aws("s3").list_objects_v2(Bucket=bucket)["Contents"] if flow_log in each["Key"]]
    assert all(re.search(r"/us-east-1/\d{4}/\d\d/\d\d/\d\d/\d+_vpc", key) for key in keys)


def test_cloudwatch_logs_needs_a_role_that_may_write(lab, aws, ec2, server):
    iam, logs = aws("iam"), aws("logs")
    role = iam.create_role(RoleName="flows", AssumeRolePolicyDocument=trust({"Service": "vpc-flow-logs.amazonaws.com"}))
    asked = {"LogDestinationType": "cloud-watch-logs", "LogGroupName": "flows"}
    made = {"ResourceIds": [server["vpc"]], "ResourceType": "VPC", "TrafficType": "ALL", "MaxAggregationInterval": 60}
    assert refused(ec2.create_flow_logs, **made, **asked) == "InvalidParameter"
    (flow_log,) = ec2.create_flow_logs(**made, **asked, DeliverLogsPermissionArn=role["Role"]["Arn"])["FlowLogIds"]
    failed = eventually(lambda: next(
        (each for each in ec2.describe_flow_logs()["FlowLogs"] if each["DeliverLogsStatus"] == "FAILED"), None
    ))  # fmt: skip
    assert failed["DeliverLogsErrorMessage"] == "Access error"
    iam.put_role_policy(RoleName="flows", PolicyName="p", PolicyDocument=allow("logs:*"))
    lines = Lines(lab)

    def told():
        lines.open("a", "office", server["address"], 80)
        streams = logs.describe_log_streams(logGroupName="flows")["logStreams"] if "flows" in groups() else []
        assert {each["logStreamName"] for each in streams} <= {f"{server['eni']}-all"}
        events = [event["message"] for each in streams for event in logs.get_log_events(
            logGroupName="flows", logStreamName=each["logStreamName"])["events"]]  # fmt: skip
        return [event for event in events if f" 203.0.113.10 {server['address']} " in event and " 80 6 " in event]

    def groups():
        return [each["logGroupName"] for each in logs.describe_log_groups()["logGroups"]]

    assert " ACCEPT OK" in eventually(told)[0]
    lines.close()
    ec2.delete_flow_logs(FlowLogIds=[flow_log])


def test_what_cannot_be_delivered_or_filled_is_refused(aws, ec2, server):
    bare = unique("no-policy")
    aws("s3").create_bucket(Bucket=bare)
    for name, said in ((bare, "Access Denied for LogDestination"), ("not-there-at-all", "does not exist")):
        answer = create(ec2, server["vpc"], name)
        assert answer["FlowLogIds"] == []
        assert said in answer["Unsuccessful"][0]["Error"]["Message"]
    assert create(ec2, "vpc-0", bare)["Unsuccessful"][0]["Error"]["Code"] == "InvalidVpcId.NotFound"
    with pytest.raises(Exception, match="ecs-task-id"):
        create(ec2, server["vpc"], bare, LogFormat="${version} ${ecs-task-id}")
    parquet = {"FileFormat": "parquet", "HiveCompatiblePartitions": False, "PerHourPartition": False}
    with pytest.raises(Exception, match="UnsupportedOperation"):
        create(ec2, server["vpc"], bare, DestinationOptions=parquet)
