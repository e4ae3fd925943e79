"""Commands that never reach their instance, and an instance whose session expires."""

import json

import pytest
from fault_tools import ONCE, in_force, outcome, struck
from lab_tools import client, eventually

from amberlight.lab import LabCredentials

pytestmark = pytest.mark.lab


def send(ssm, host, *lines):
    return ssm.send_command(
        InstanceIds=[host["InstanceId"]], DocumentName="AWS-RunShellScript", Parameters={"commands": list(lines)}
    )["Command"]["CommandId"]


def invocation(ssm, host, command):
    return ssm.get_command_invocation(CommandId=command, InstanceId=host["InstanceId"])


def test_a_command_is_not_delivered_and_the_next_one_runs(lab, aws, host, run):
    ssm = aws("ssm")
    with in_force(lab, {"fault": "ssm-undeliverable", "instance": host["InstanceId"], "seconds": 0.5, "count": 1}):
        lost = send(ssm, host, 'echo never > "$HOST_ROOT/root/never"')
        assert invocation(ssm, host, lost)["Status"] == "Pending"
        assert struck(lab, "ssm-undeliverable") == 1
        done = run('test -e "$HOST_ROOT/root/never" && echo there || echo absent')
        assert done["StandardOutputContent"] == "absent\n"
    ended = eventually(lambda: (found := invocation(ssm, host, lost))["Status"] != "Pending" and found)
    assert (ended["Status"], ended["StatusDetails"], ended["ResponseCode"]) == ("TimedOut", "DeliveryTimedOut", -1)
    assert run('test -e "$HOST_ROOT/root/never" || echo absent')["StandardOutputContent"] == "absent\n"


def test_a_command_that_waits_can_be_cancelled(lab, aws, host):
    ssm = aws("ssm")
    with in_force(lab, {"fault": "ssm-undeliverable", "seconds": 3600, "region": "us-east-1"}):
        waiting = send(ssm, host, "true")
        assert invocation(ssm, host, waiting)["Status"] == "Pending"
        ssm.cancel_command(CommandId=waiting)
        eventually(lambda: invocation(ssm, host, waiting)["Status"] == "Cancelled")


def test_other_instances_are_reached(lab, run):
    with in_force(lab, {"fault": "ssm-undeliverable", "instance": "i-0000*"}):
        assert run("echo here")["StandardOutputContent"] == "here\n"
        assert struck(lab, "ssm-undeliverable") == 0


KEY = (
    "python3 - <<'PY'\n"
    "import json, os, urllib.request as u\n"
    "e = os.environ.get('AWS_EC2_METADATA_SERVICE_ENDPOINT', 'http://169.254.169.254').rstrip('/') + '/latest/'\n"
    "t = u.Request(e + 'api/token', method='PUT', headers={'X-aws-ec2-metadata-token-ttl-seconds': '60'})\n"
    "h = {'X-aws-ec2-metadata-token': u.urlopen(t, timeout=3).read().decode()}\n"
    "a = u.urlopen(u.Request(e + 'meta-data/iam/security-credentials/web', headers=h), timeout=3)\n"
    "print(a.read().decode())\n"
    "PY"
)


def test_an_instance_whose_session_expired_gets_another_one(lab, run):
    def session():
        found = json.loads(run(KEY)["StandardOutputContent"])
        return LabCredentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])

    first = session()
    assert session() == first
    with in_force(lab, {"fault": "expired-token", "role": "web", "count": 1}):
        assert outcome(client(lab, "s3", first, **ONCE).list_buckets) == (400, "ExpiredToken")
        assert struck(lab, "expired-token") == 1
    second = session()
    assert second != first
    assert outcome(client(lab, "s3", second, **ONCE).list_buckets)[0] == 200
