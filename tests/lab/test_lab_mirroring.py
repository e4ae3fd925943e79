"""Traffic mirroring: the packets of one host really arrive at another, and tools read them."""

import base64
import gzip
import shutil
import subprocess
from pathlib import Path

import pytest
from lab_tools import client, eventually, needs_namespaces, refused
from wire_tools import Lines, echo, shell

from amberlight.lab import LabOptions, start

pytestmark = [
    needs_namespaces,
    pytest.mark.skipif(not Path("/usr/bin/tcpdump").exists(), reason="tcpdump is not installed"),
]
ANY = "0.0.0.0/0"
LISTENING = "grep -c ':0050 00000000:0000 0A' /proc/net/tcp"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    # Two hosts of its own: sessions of others would disturb.
    with start(LabOptions(workdir=tmp_path_factory.mktemp("mirror"), max_hosts=2)) as running:
        yield running


@pytest.fixture(scope="module")
def aws(lab):
    return lambda service: client(lab, service, lab.accounts["prod"].admin)


@pytest.fixture(scope="module")
def ec2(aws):
    return aws("ec2")


@pytest.fixture(scope="module")
def hosts(ec2, aws):
    """A web server, and a host for its packets."""
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    found = []
    for name, protocol, port in (("web", "tcp", 80), ("sensor", "udp", 4789)):
        group = ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)["GroupId"]
        rule = {"IpProtocol": protocol, "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": ANY}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        made = ec2.run_instances(ImageId="ami-00000001", MinCount=1, MaxCount=1, SecurityGroupIds=[group])["Instances"][
            0
        ]
        wanted = [{"Name": "attachment.instance-id", "Values": [made["InstanceId"]]}]
        (eni,) = ec2.describe_network_interfaces(Filters=wanted)["NetworkInterfaces"]
        found.append({"id": made["InstanceId"], "address": made["PrivateIpAddress"], "group": group,
                      "eni": eni["NetworkInterfaceId"], "mac": eni["MacAddress"]})  # fmt: skip
    ssm = aws("ssm")
    eventually(lambda: len(ssm.describe_instance_information()["InstanceInformationList"]) == 2)
    shell(ssm, found[0]["id"], echo(80, 81))
    eventually(lambda: shell(ssm, found[0]["id"], LISTENING) == "1")
    return found


@pytest.fixture
def target(ec2, hosts):
    made = ec2.create_traffic_mirror_target(NetworkInterfaceId=hosts[1]["eni"])["TrafficMirrorTarget"]
    yield made["TrafficMirrorTargetId"]
    for session in ec2.describe_traffic_mirror_sessions()["TrafficMirrorSessions"]:
        ec2.delete_traffic_mirror_session(TrafficMirrorSessionId=session["TrafficMirrorSessionId"])
    ec2.delete_traffic_mirror_target(TrafficMirrorTargetId=made["TrafficMirrorTargetId"])


def filtered(ec2, *rules):
    made = ec2.create_traffic_mirror_filter(Description="d")["TrafficMirrorFilter"]["TrafficMirrorFilterId"]
    for number, (way, action, more) in enumerate(rules, 1):
        asked = {"SourceCidrBlock": ANY, "DestinationCidrBlock": ANY, **more}
        ec2.create_traffic_mirror_filter_rule(
            TrafficMirrorFilterId=made, TrafficDirection=way, RuleNumber=number, RuleAction=action, **asked
        )  # fmt: skip
    return made


EVERYTHING = (("ingress", "accept", {}), ("egress", "accept", {}))


class Capture:
    """tcpdump on the sensor, from `start` to the reading of its file."""

    def __init__(self, ssm, instance, folder):
        self._ssm, self._instance, self._folder = ssm, instance, folder
        shell(ssm, instance, "rm -f /root/m.pcap /root/log; setsid tcpdump -i eth0 -U -s 0 -w /root/m.pcap -Z root "
              "'udp port 4789 or udp port 9' >/root/log 2>&1 &")  # fmt: skip
        said = eventually(lambda: shell(ssm, instance, "cat /root/log"))
        if "Couldn't change to 'root'" in said:
            pytest.skip("tcpdump does not start in a user namespace of one user")
        eventually(lambda: "listening" in shell(ssm, instance, "cat /root/log"))

    def file(self):
        """The capture so far."""
        text = shell(self._ssm, self._instance, "gzip -c /root/m.pcap | base64 -w0")
        path = self._folder / "m.pcap"
        path.write_bytes(gzip.decompress(base64.b64decode(text)))
        return path

    def stop(self):
        shell(self._ssm, self._instance, "kill $(grep -lz '^tcpdump' /proc/[0-9]*/cmdline | cut -d/ -f3)")


def read(path, *arguments):
    """What tcpdump reads in a file; it decodes VXLAN by itself."""
    done = subprocess.run(
        ["/usr/bin/tcpdump", "-nnr", str(path), *arguments], capture_output=True, text=True, check=True, timeout=30
    )  # fmt: skip
    return done.stdout


@pytest.fixture
def capture(aws, hosts, tmp_path):
    made = Capture(aws("ssm"), hosts[1]["id"], tmp_path)
    yield made
    made.stop()


@pytest.fixture
def lines(lab):
    made = Lines(lab)
    yield made
    made.close()


@pytest.mark.proves(
    "ec2.CreateTrafficMirrorTarget", "ec2.CreateTrafficMirrorFilter", "ec2.CreateTrafficMirrorFilterRule",
    "ec2.CreateTrafficMirrorSession", "ec2.DescribeTrafficMirrorSessions",
)  # fmt: skip
def test_packets_of_a_host_arrive_at_another_in_vxlan(ec2, hosts, target, capture, lines):
    web, sensor = hosts
    session = ec2.create_traffic_mirror_session(
        NetworkInterfaceId=web["eni"], TrafficMirrorTargetId=target, TrafficMirrorFilterId=filtered(ec2, *EVERYTHING),
        SessionNumber=1, VirtualNetworkId=4711,
    )["TrafficMirrorSession"]  # fmt: skip
    assert lines.open("a", "office", web["address"], 80) == "open"
    assert lines.say("a", "the secret of the wire") == "the secret of the wire"
    assert lines.open("b", "office", web["address"], 81) == "TimeoutError"
    text = eventually(lambda: (got := read(capture.file(), "-A", "-e")).count("the secret of the wire") >= 2 and got)
    assert f"{web['address']}." in text
    assert f" > {sensor['address']}.4789: VXLAN, flags [I] (0x08), vni 4711" in text
    assert f"{web['mac']} > 02:4d:0a:4d:00:01" in text
    assert f"203.0.113.10.{text.split('203.0.113.10.')[1].split(' ')[0]} > {web['address']}.80: Flags [S]" in text
    assert f"{web['address']}.81:" not in text, "what a group drops is not mirrored"
    ec2.delete_traffic_mirror_session(TrafficMirrorSessionId=session["TrafficMirrorSessionId"])
    before = read(capture.file()).count("VXLAN")
    assert lines.say("a", "unseen") == "unseen"
    # A packet of our own, sent after it: when it is there, a copy would be too.
    assert lines.say("a", "unseen again") == "unseen again"
    assert read(capture.file()).count("VXLAN") == before


@pytest.mark.proves("ec2.ModifyTrafficMirrorSession", "ec2.ModifyTrafficMirrorFilterRule")
def test_filters_and_lengths_are_heeded(ec2, hosts, target, capture, lines):
    web = hosts[0]
    office = {
        "SourceCidrBlock": "203.0.113.0/24",
        "Protocol": 6,
        "DestinationPortRange": {"FromPort": 80, "ToPort": 80},
    }
    chosen = filtered(ec2, ("ingress", "reject", office), ("ingress", "accept", {}))
    session = ec2.create_traffic_mirror_session(
        NetworkInterfaceId=web["eni"], TrafficMirrorTargetId=target, TrafficMirrorFilterId=chosen, SessionNumber=7,
        VirtualNetworkId=9, PacketLength=80,
    )["TrafficMirrorSession"]["TrafficMirrorSessionId"]  # fmt: skip
    assert lines.open("a", "office", web["address"], 80) == "open"
    assert lines.open("b", "attacker", web["address"], 80) == "open"
    assert lines.say("a", "rejected" * 20) == "rejected" * 20
    assert lines.say("b", "accepted" * 20) == "accepted" * 20
    text = eventually(lambda: (got := read(capture.file(), "-v", "-A")).count("acce") and got)
    assert "203.0.113.10" not in text
    assert f"{web['address']}.80 >" not in text, "no rule lets egress be copied"
    # 80 bytes of the frame, 36 of IP, UDP and VXLAN.
    assert "length 116)" in text
    assert "accepted" * 2 not in text
    (rule,) = ec2.describe_traffic_mirror_filter_rules(
        TrafficMirrorFilterId=chosen, Filters=[{"Name": "rule-action", "Values": ["reject"]}]
    )["TrafficMirrorFilterRules"]  # fmt: skip
    ec2.modify_traffic_mirror_filter_rule(
        TrafficMirrorFilterRuleId=rule["TrafficMirrorFilterRuleId"], RuleAction="accept"
    )
    ec2.modify_traffic_mirror_session(
        TrafficMirrorSessionId=session, VirtualNetworkId=10, RemoveFields=["packet-length"]
    )  # fmt: skip
    assert lines.say("a", "now all of it" * 20) == "now all of it" * 20
    assert eventually(lambda: "now all of it" * 20 in read(capture.file(), "-A"))
    assert "vni 10" in read(capture.file())


def test_the_targets_group_must_let_copies_in(ec2, hosts, target, capture, lines):
    web, sensor = hosts
    vxlan = [{"IpProtocol": "udp", "FromPort": 4789, "ToPort": 4789, "IpRanges": [{"CidrIp": ANY}]}]
    ec2.create_traffic_mirror_session(
        NetworkInterfaceId=web["eni"], TrafficMirrorTargetId=target, TrafficMirrorFilterId=filtered(ec2, *EVERYTHING),
        SessionNumber=1, VirtualNetworkId=1,
    )  # fmt: skip
    ec2.revoke_security_group_ingress(GroupId=sensor["group"], IpPermissions=vxlan)
    assert lines.open("a", "office", web["address"], 80) == "open"
    assert lines.say("a", "kept out") == "kept out"
    assert "kept out" not in read(capture.file(), "-A")
    ec2.authorize_security_group_ingress(GroupId=sensor["group"], IpPermissions=vxlan)
    assert lines.say("a", "let in") == "let in"
    text = eventually(lambda: "let in" in (got := read(capture.file(), "-A")) and got)
    assert "kept out" not in text


def test_tshark_opens_the_packets_of_a_host(ec2, hosts, target, capture, lines):
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("tshark is not installed")
    web = hosts[0]
    ec2.create_traffic_mirror_session(
        NetworkInterfaceId=web["eni"], TrafficMirrorTargetId=target, TrafficMirrorFilterId=filtered(ec2, *EVERYTHING),
        SessionNumber=1, VirtualNetworkId=815,
    )  # fmt: skip
    assert lines.open("a", "attacker", web["address"], 80) == "open"
    request = "GET /?c2=beacon HTTP/1.1\r\nHost: evil.example\r\nX-Pad: " + "p" * 3000 + "\r\n\r\n"
    back = lines.say("a", request)
    assert request.startswith(back)
    eventually(lambda: read(capture.file(), "-A").count("GET /?c2=beacon") >= 2)
    done = subprocess.run(
        [tshark, "-r", str(capture.file()), "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
         "-T", "fields", "-E", "separator=|", "-e", "vxlan.vni", "-e", "http.request.uri", "-e", "tcp.checksum.status",
         "-e", "ip.checksum.status"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    rows = [line.split("|") for line in done.stdout.splitlines()]
    assert {row[0] for row in rows} == {"815"}
    assert "/?c2=beacon" in {row[1] for row in rows}
    # 1 is "good": every copy has the checksum that the card would have put in.
    assert {row[2] for row in rows} == {"1"}
    assert {row[3] for row in rows} == {"1,1"}


def test_what_cannot_be_mirrored_is_refused(ec2, hosts, target):
    web, sensor = hosts
    chosen = filtered(ec2, ("ingress", "accept", {}))
    create = ec2.create_traffic_mirror_session
    asked = {"NetworkInterfaceId": web["eni"], "TrafficMirrorTargetId": target, "TrafficMirrorFilterId": chosen}
    made = create(**asked, SessionNumber=1)["TrafficMirrorSession"]
    assert 0 < made["VirtualNetworkId"] < 1 << 24
    assert refused(create, **asked, SessionNumber=1) == "InvalidParameterValue"
    assert refused(create, **{**asked, "NetworkInterfaceId": sensor["eni"]}, SessionNumber=2) == "InvalidParameterValue"
    assert refused(create, **{**asked, "TrafficMirrorFilterId": "tmf-0"}, SessionNumber=2) == (
        "InvalidTrafficMirrorFilterId.NotFound"
    )
    assert refused(ec2.delete_traffic_mirror_filter, TrafficMirrorFilterId=chosen) == "TrafficMirrorFilterInUse"
    assert refused(ec2.delete_traffic_mirror_target, TrafficMirrorTargetId=target) == "TrafficMirrorTargetInUse"
    balancer = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/n/1"
    assert refused(ec2.create_traffic_mirror_target, NetworkLoadBalancerArn=balancer) == "UnsupportedOperation"
    described = ec2.describe_traffic_mirror_filters(TrafficMirrorFilterIds=[chosen])["TrafficMirrorFilters"][0]
    assert [each["RuleAction"] for each in described["IngressFilterRules"]] == ["accept"]
