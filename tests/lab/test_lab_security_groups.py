"""Security groups cut the wire: who gets through to a host, and who gets out of it."""

import pytest
from lab_tools import eventually, needs_namespaces, refused, unique
from wire_tools import Lines, echo, shell

pytestmark = needs_namespaces
ANY = "0.0.0.0/0"
OFFICE, ATTACKER = "203.0.113.10", "198.51.100.23"
METADATA = (
    "T=$(curl -s -m 3 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token); "
    'curl -s -m 3 -H "X-aws-ec2-metadata-token: $T" http://169.254.169.254/latest/meta-data/instance-id'
)
TRY = "python3 -c \"import socket; socket.create_connection(('{}', {}), 1); print('through')\" 2>&1 | tail -1"


@pytest.fixture(scope="module")
def ec2(aws):
    return aws("ec2")


@pytest.fixture(scope="module")
def lines(lab):
    made = Lines(lab)
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(ec2, aws):
    """A host of its own that echoes on three ports."""
    ident = ec2.run_instances(ImageId="ami-00000001", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    ssm = aws("ssm")
    eventually(lambda: any(
        each["InstanceId"] == ident for each in ssm.describe_instance_information()["InstanceInformationList"]
    ))  # fmt: skip
    address = ec2.describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"][0]["PrivateIpAddress"]
    shell(ssm, ident, echo(80, 81, 5000))
    eventually(lambda: shell(ssm, ident, TRY.format("127.0.0.1", 5000)) == "through")
    yield ident, address
    ec2.terminate_instances(InstanceIds=[ident])


def port(number, *networks, last=None):
    return {"IpProtocol": "tcp", "FromPort": number, "ToPort": last or number,
            "IpRanges": [{"CidrIp": each} for each in networks]}  # fmt: skip


def group(ec2, *ingress, egress=True):
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    made = ec2.create_security_group(GroupName=unique("wire"), Description="d", VpcId=vpc)["GroupId"]
    if ingress:
        ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=list(ingress))
    if not egress:
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": ANY}]}]
        ec2.revoke_security_group_egress(GroupId=made, IpPermissions=everything)
    return made


def put(ec2, server, *groups):
    ec2.modify_instance_attribute(InstanceId=server[0], Groups=list(groups))


@pytest.mark.proves(
    "ec2.CreateSecurityGroup",
    "ec2.AuthorizeSecurityGroupIngress",
    "ec2.RevokeSecurityGroupIngress",
    "ec2.ModifyInstanceAttribute",
)
def test_only_what_a_rule_lets_in_comes_in(ec2, lines, server):
    made = group(ec2, port(80, f"{OFFICE}/32", "192.0.2.0/24"), port(4000, ANY, last=6000))
    put(ec2, server, made)
    assert lines.open("a", "office", server[1], 80) == "open"
    assert lines.say("a", "through the wire") == "through the wire"
    assert lines.open("b", "attacker", server[1], 80) == "TimeoutError"
    assert lines.open("c", "attacker", server[1], 5000) == "open"
    assert lines.open("d", "office", server[1], 81) == "TimeoutError"
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[port(80, "198.51.100.0/24")])
    assert lines.open("e", "attacker", server[1], 80) == "open"
    ec2.revoke_security_group_ingress(GroupId=made, IpPermissions=[port(80, f"{OFFICE}/32")])
    assert lines.open("f", "office", server[1], 80) == "TimeoutError"
    assert lines.open("g", "attacker", server[1], 80) == "open"


def test_a_rule_may_be_changed_in_place(ec2, lines, server):
    made = group(ec2, port(80, f"{ATTACKER}/32"))
    put(ec2, server, made)
    assert lines.open("a", "office", server[1], 80) == "TimeoutError"
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [made]}])["SecurityGroupRules"]
    ident = next(each["SecurityGroupRuleId"] for each in rules if not each["IsEgress"])
    ec2.modify_security_group_rules(GroupId=made, SecurityGroupRules=[{
        "SecurityGroupRuleId": ident,
        "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIpv4": f"{OFFICE}/32"},
    }])  # fmt: skip
    assert lines.open("a", "office", server[1], 80) == "open"
    ec2.revoke_security_group_ingress(GroupId=made, SecurityGroupRuleIds=[ident])
    assert lines.open("b", "office", server[1], 80) == "TimeoutError"


@pytest.mark.proves("ec2.ModifyInstanceAttribute")
def test_a_tracked_connection_outlives_its_group_and_an_untracked_one_does_not(ec2, lines, server):
    put(ec2, server, group(ec2, port(80, f"{OFFICE}/32"), port(5000, ANY)))
    assert lines.open("tracked", "office", server[1], 80) == "open"
    assert lines.open("untracked", "office", server[1], 5000) == "open"
    assert (lines.say("tracked"), lines.say("untracked")) == ("hello", "hello")
    nothing = group(ec2, egress=False)
    put(ec2, server, nothing)
    assert lines.say("untracked") == "TimeoutError"
    assert lines.say("tracked", "still here") == "still here"
    assert lines.open("new", "office", server[1], 80) == "TimeoutError"
    # A group that lets all pass both ways makes the tracked connection untracked: now it ends too.
    put(ec2, server, group(ec2, {"IpProtocol": "-1", "IpRanges": [{"CidrIp": ANY}]}))
    assert lines.say("tracked") == "hello"
    put(ec2, server, nothing)
    assert lines.say("tracked") == "TimeoutError"


@pytest.mark.proves("ec2.AuthorizeSecurityGroupEgress", "ec2.RevokeSecurityGroupEgress")
def test_nothing_gets_out_without_a_rule_and_metadata_and_ssm_go_on(ec2, aws, lab, server):
    ssm = aws("ssm")
    endpoint = shell(ssm, server[0], "echo $AWS_ENDPOINT_URL").removeprefix("http://").split(":")
    made = group(ec2, egress=False)
    put(ec2, server, made)
    assert shell(ssm, server[0], METADATA) == server[0]
    assert "timed out" in shell(ssm, server[0], TRY.format(*endpoint))
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": ANY}]}
    ec2.authorize_security_group_egress(GroupId=made, IpPermissions=[https])
    assert shell(ssm, server[0], TRY.format(*endpoint)) == "through"
    ec2.revoke_security_group_egress(GroupId=made, IpPermissions=[https])
    assert "timed out" in shell(ssm, server[0], TRY.format(*endpoint))


@pytest.mark.proves("ec2.ModifyNetworkInterfaceAttribute")
def test_members_of_a_group_reach_one_another_by_its_name(ec2, aws, host, server):
    clients, servers = group(ec2), group(ec2)
    pair = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": clients}]}
    ec2.authorize_security_group_ingress(GroupId=servers, IpPermissions=[pair])
    put(ec2, server, servers)
    eni = ec2.describe_network_interfaces(
        Filters=[{"Name": "attachment.instance-id", "Values": [host["InstanceId"]]}]
    )["NetworkInterfaces"][0]["NetworkInterfaceId"]  # fmt: skip
    ssm = aws("ssm")
    ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, Groups=[servers])
    assert "timed out" in shell(ssm, host["InstanceId"], TRY.format(server[1], 80))
    ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, Groups=[servers, clients])
    assert shell(ssm, host["InstanceId"], TRY.format(server[1], 80)) == "through"
    described = ec2.describe_instances(InstanceIds=[host["InstanceId"]])["Reservations"][0]["Instances"][0]
    assert {each["GroupId"] for each in described["SecurityGroups"]} == {servers, clients}
    default = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["default"]}])["SecurityGroups"][0]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, Groups=[default["GroupId"]])
    put(ec2, server, default["GroupId"])
    assert shell(ssm, host["InstanceId"], TRY.format(server[1], 81)) == "through"


def test_icmp_and_udp_have_rules_of_their_own(ec2, aws, host, server):
    ssm, ping = aws("ssm"), f"ping -c1 -W1 {server[1]} | grep -c 'bytes from'"
    made = group(ec2, {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [{"CidrIp": "10.77.0.0/24"}]})
    put(ec2, server, made)
    assert shell(ssm, host["InstanceId"], ping) == "1"
    put(ec2, server, group(ec2, {"IpProtocol": "udp", "FromPort": 0, "ToPort": 65535, "IpRanges": [{"CidrIp": ANY}]}))
    assert shell(ssm, host["InstanceId"], ping) == "0"
    assert "timed out" in shell(ssm, host["InstanceId"], TRY.format(server[1], 80))


SOURCES = """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
print("listening", flush=True)
while True:
    packet = s.recv(9999)
    if packet[9] == 17 and packet[22:24] == bytes([7, 7]):
        print(socket.inet_ntoa(packet[12:16]), packet[28:].decode(), flush=True)
"""
SEND = (
    "python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('{}', 0)); "
    "s.sendto(b'{}', ('{}', 1799))\""
)


def test_a_host_cannot_send_with_an_address_that_is_not_its_own(ec2, aws, host, server):
    put(ec2, server, group(ec2, {"IpProtocol": "-1", "IpRanges": [{"CidrIp": ANY}]}))
    ssm, ident, own = aws("ssm"), host["InstanceId"], host["PrivateIpAddress"]
    shell(ssm, server[0], f"setsid python3 - > /root/s 2>&1 <<'PY' &\n{SOURCES}\nPY\n")
    eventually(lambda: "listening" in shell(ssm, server[0], "cat /root/s"))
    shell(ssm, ident, "ip addr add 10.77.0.99/32 dev lo; " + SEND.format("10.77.0.99", "forged", server[1]))
    shell(ssm, ident, "ip addr del 10.77.0.99/32 dev lo; " + SEND.format(own, "true", server[1]))
    seen = eventually(lambda: "true" in (got := shell(ssm, server[0], "cat /root/s")) and got)
    assert seen.splitlines() == ["listening", f"{own} true"]


def test_an_instance_begins_with_the_groups_of_its_interface(ec2):
    made = group(ec2)
    launch = {"ImageId": "ami-00000001", "MinCount": 1, "MaxCount": 1}
    for more in ({"NetworkInterfaces": [{"DeviceIndex": 0, "Groups": [made]}]}, {"SecurityGroupIds": [made]}):
        ident = ec2.run_instances(**launch, **more)["Instances"][0]["InstanceId"]
        (found,) = ec2.describe_instances(InstanceIds=[ident])["Reservations"][0]["Instances"]
        assert [each["GroupId"] for each in found["SecurityGroups"]] == [made]
        ec2.terminate_instances(InstanceIds=[ident])
    assert refused(ec2.run_instances, **launch, SecurityGroupIds=["sg-0"]) == "InvalidGroup.NotFound"


def test_what_a_group_cannot_do_is_refused(ec2, server):
    made = group(ec2, port(80, ANY))
    rule = [port(80, ANY)]
    authorize, revoke = ec2.authorize_security_group_ingress, ec2.revoke_security_group_ingress
    assert refused(authorize, GroupId=made, IpPermissions=rule) == "InvalidPermission.Duplicate"
    assert refused(revoke, GroupId=made, IpPermissions=[port(81, ANY)]) == "InvalidPermission.NotFound"
    assert refused(authorize, GroupId=made, IpPermissions=[port(80, "10.0.0.0/33")]) == "InvalidParameterValue"
    prefixes = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "PrefixListIds": [{"PrefixListId": "pl-1"}]}]
    assert refused(authorize, GroupId=made, IpPermissions=prefixes) == "UnsupportedOperation"
    put(ec2, server, made)
    assert refused(ec2.delete_security_group, GroupId=made) == "DependencyViolation"
    put(ec2, server, group(ec2))
    ec2.delete_security_group(GroupId=made)
