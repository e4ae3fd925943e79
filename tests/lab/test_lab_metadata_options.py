"""The metadata service obeys the options of its instance."""

import json

import pytest
from lab_tools import eventually, lookup, needs_namespaces, refused
from wire_tools import shell

from amberlight.lab import LabCredentials

pytestmark = needs_namespaces
AT = "http://169.254.169.254/latest"
TOKEN = f"curl -s -m 3 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {AT}/api/token"
GET = "curl -s -m 3 -w ' %{http_code}' "
ID = f"{GET} {AT}/meta-data/instance-id"

HOPS = """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
print("listening", flush=True)
while (packet := s.recv(9999))[12:16] != bytes([169, 254, 169, 254]):
    pass
print(packet[8])
"""


@pytest.fixture(scope="module")
def ec2(aws):
    return aws("ec2")


@pytest.fixture
def options(ec2, host):
    """Set options of the host; afterwards they are what they were."""
    ident = host["InstanceId"]

    def put(**wanted):
        return ec2.modify_instance_metadata_options(InstanceId=ident, **wanted)["InstanceMetadataOptions"]

    yield put
    put(HttpTokens="required", HttpEndpoint="enabled", HttpPutResponseHopLimit=2, InstanceMetadataTags="disabled")


@pytest.mark.proves("ec2.ModifyInstanceMetadataOptions")
def test_tokens_and_endpoint(ec2, aws, host, options):
    ident, ssm = host["InstanceId"], aws("ssm")
    assert shell(ssm, ident, ID) == "Unauthorized 401"
    assert options(HttpTokens="optional")["HttpTokens"] == "optional"
    assert shell(ssm, ident, ID) == f"{ident} 200"
    assert shell(ssm, ident, f"{ID} -H 'X-aws-ec2-metadata-token: wrong'") == "Unauthorized 401"
    options(HttpEndpoint="disabled")
    assert shell(ssm, ident, ID) == "Forbidden 403"
    assert "Forbidden" in shell(ssm, ident, TOKEN)
    described = ec2.describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]["MetadataOptions"]
    assert (described["HttpEndpoint"], described["HttpTokens"], described["State"]) == (
        "disabled",
        "optional",
        "applied",
    )


def test_hops_tags_and_user_data(ec2, aws, host, options):
    ident, ssm = host["InstanceId"], aws("ssm")
    options(HttpTokens="optional", HttpPutResponseHopLimit=5)
    shell(ssm, ident, f"setsid python3 - > /root/t 2>&1 <<'PY' &\n{HOPS}\nPY\n")
    eventually(lambda: "listening" in shell(ssm, ident, "cat /root/t"))
    assert shell(ssm, ident, ID) == f"{ident} 200"
    assert eventually(lambda: shell(ssm, ident, "cat /root/t").removeprefix("listening").strip()) == "5"
    tags = f"{GET} {AT}/meta-data/tags/instance/role"
    ec2.create_tags(Resources=[ident], Tags=[{"Key": "role", "Value": "web <server>"}])
    assert shell(ssm, ident, tags).endswith("404")
    options(InstanceMetadataTags="enabled")
    assert shell(ssm, ident, tags) == "web <server> 200"
    assert shell(ssm, ident, f"{GET} {AT}/user-data").startswith("#!/bin/sh\necho")
    ec2.delete_tags(Resources=[ident], Tags=[{"Key": "role"}])


def test_an_instance_may_begin_with_options_and_its_credentials_tell_the_version(ec2, aws, host):
    made = ec2.run_instances(
        ImageId="ami-00000001", MinCount=1, MaxCount=1, IamInstanceProfile={"Name": "web"},
        MetadataOptions={"HttpTokens": "optional", "HttpPutResponseHopLimit": 1},
    )["Instances"][0]["InstanceId"]  # fmt: skip
    described = ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]
    assert described["MetadataOptions"]["HttpTokens"] == "optional"
    assert made != host["InstanceId"]
    ssm = aws("ssm")
    eventually(lambda: any(
        each["InstanceId"] == made for each in ssm.describe_instance_information()["InstanceInformationList"]
    ))  # fmt: skip
    keys = json.loads(shell(ssm, made, f"curl -s {AT}/meta-data/iam/security-credentials/web"))
    aws("s3", LabCredentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["Token"])).list_buckets()
    record = eventually(lambda: next(iter(lookup(aws("cloudtrail"), AccessKeyId=keys["AccessKeyId"])), None))
    assert record["userIdentity"]["sessionContext"]["ec2RoleDelivery"] == "1.0"
    ec2.terminate_instances(InstanceIds=[made])


def test_what_the_service_cannot_do_is_refused(ec2, host):
    modify, ident = ec2.modify_instance_metadata_options, host["InstanceId"]
    assert refused(modify, InstanceId="i-0", HttpTokens="required") == "InvalidInstanceID.NotFound"
    assert refused(modify, InstanceId=ident, HttpTokens="maybe") == "InvalidParameterValue"
    assert refused(modify, InstanceId=ident, HttpPutResponseHopLimit=65) == "InvalidParameterValue"
    assert refused(modify, InstanceId=ident, HttpProtocolIpv6="enabled") == "UnsupportedOperation"
