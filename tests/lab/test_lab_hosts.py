"""Instances are hosts: their own processes, files, packets and address; commands on them really run."""

import json
import subprocess
import sys
import time

import pytest
from lab_tools import client, eventually, lookup, needs_namespaces, refused, sleeping

pytestmark = pytest.mark.lab
IMDS = (
    'E=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}; export E; python3 - <<"PY"\n'
    "import json, os, urllib.request as u\n"
    "e = os.environ['E']\n"
    "def get(path, **h): return u.urlopen(u.Request(e + path, headers=h), timeout=3).read().decode()\n"
    "try: get('/latest/meta-data/instance-id'); print('OPEN')\n"
    "except Exception as x: print('without token:', x.code)\n"
    "t = u.Request(e + '/latest/api/token', method='PUT', headers={'X-aws-ec2-metadata-token-ttl-seconds': '60'})\n"
    "t = u.urlopen(t, timeout=3).read().decode(); h = {'X-aws-ec2-metadata-token': t}\n"
    "print(get('/latest/meta-data/instance-id', **h))\n"
    "print(get('/latest/meta-data/iam/security-credentials/web', **h))\n"
    "PY"
)


def test_output_and_exit_code_are_the_commands_own(run):
    done = run("echo out", "echo err >&2", "exit 3")
    assert (done["Status"], done["ResponseCode"]) == ("Failed", 3)
    assert (done["StandardOutputContent"], done["StandardErrorContent"]) == ("out\n", "err\n")
    assert run("true")["Status"] == "Success"


def test_output_is_cut_at_24000_characters(run):
    done = run("python3 -c 'print(\"x\" * 50000)'")
    assert len(done["StandardOutputContent"]) == 24000
    assert done["StandardOutputContent"].endswith("--output truncated--")


def test_a_command_that_takes_too_long_is_ended(run):
    begun = time.monotonic()
    done = run("sleep 30", executionTimeout=["1"])
    assert (done["Status"], done["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")
    assert time.monotonic() - begun < 5


def test_a_command_can_be_cancelled(aws, host):
    ssm = aws("ssm")
    sent = ssm.send_command(
        InstanceIds=[host["InstanceId"]], DocumentName="AWS-RunShellScript", Parameters={"commands": ["sleep 60"]}
    )["Command"]["CommandId"]

    def status():
        return ssm.list_command_invocations(CommandId=sent)["CommandInvocations"][0]["Status"]

    eventually(lambda: status() == "InProgress")
    ssm.cancel_command(CommandId=sent)
    eventually(lambda: status() == "Cancelled")


def test_commands_of_one_host_run_at_the_same_time(aws, host):
    ssm, begun = aws("ssm"), time.monotonic()
    sent = [
        ssm.send_command(InstanceIds=[host["InstanceId"]], DocumentName="AWS-RunShellScript",
                         Parameters={"commands": ["sleep 1"]})["Command"]["CommandId"]
        for _ in range(4)
    ]  # fmt: skip
    eventually(lambda: all(ssm.list_commands(CommandId=i)["Commands"][0]["Status"] == "Success" for i in sent))
    assert time.monotonic() - begun < 3


def test_unknown_documents_and_instances_are_refused(aws, host):
    ssm, parameters = aws("ssm"), {"commands": ["true"]}
    refusal = refused(ssm.send_command, InstanceIds=[host["InstanceId"]], DocumentName="No", Parameters=parameters)
    assert refusal == "InvalidDocument"
    refusal = refused(
        ssm.send_command, InstanceIds=["i-00000000000000000"], DocumentName="AWS-RunShellScript", Parameters=parameters
    )
    assert refusal == "InvalidInstanceId"


def test_user_data_ran_once_at_boot(run):
    assert eventually(lambda: run('cat "$HOST_ROOT/root/booted"')["StandardOutputContent"]) == "from user data\n"


@pytest.mark.proves("s3.ListBuckets")
def test_metadata_needs_a_token_and_gives_the_roles_credentials(lab, aws, run, host):
    lines = run(IMDS)["StandardOutputContent"].splitlines()
    assert lines[:2] == ["without token: 401", host["InstanceId"]]
    found = json.loads(lines[2])
    from amberlight.lab import LabCredentials

    own = LabCredentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])
    client(lab, "s3", own).list_buckets()
    assert refused(client(lab, "iam", own).list_users) == "AccessDenied"
    by_name = eventually(lambda: lookup(aws("cloudtrail"), Username=host["InstanceId"]))
    context = by_name[0]["userIdentity"]["sessionContext"]
    assert context["ec2RoleDelivery"] == "2.0"
    assert context["sessionIssuer"]["userName"] == "web"
    service = [r for r in lookup(aws("cloudtrail"), EventName="AssumeRole")
               if r["userIdentity"]["type"] == "AWSService"]  # fmt: skip
    assert host["InstanceId"] in {record["requestParameters"]["roleSessionName"] for record in service}
    assert found["SecretAccessKey"] not in json.dumps(service)


def test_a_hosts_calls_come_from_its_own_address(aws, run, host):
    script = (
        "python3 - <<'PY'\nimport os, urllib.request as u\n"
        "u.urlopen(os.environ['AWS_ENDPOINT_URL'] + '/_never', timeout=3)\nPY"
    )
    assert "404" in run(script)["StandardErrorContent"]
    assert (
        run("echo $AWS_ENDPOINT_URL")["StandardOutputContent"]
        .strip()
        .endswith(aws("sts").meta.endpoint_url.rsplit(":", 1)[1])
    )


def test_nothing_of_the_developers_environment_leaks(run, monkeypatch):
    environment = run("env")["StandardOutputContent"]
    names = {line.split("=")[0] for line in environment.splitlines()}
    allowed = {"AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EC2_METADATA_SERVICE_ENDPOINT"}
    assert {name for name in names if name.startswith("AWS_")} <= allowed
    assert names <= allowed | {"PATH", "HOME", "USER", "LOGNAME", "LANG", "PWD", "HOST_ROOT", "AMBERLIGHT_LAB",
                               "TMPDIR", "SHLVL", "_", "OLDPWD"}  # fmt: skip


@needs_namespaces
def test_a_host_sees_only_its_own_processes_and_files(run, host):
    done = run("ls /proc | grep -c '^[0-9]'", "hostname", "ls /home", "cat /etc/passwd | wc -l", "ls -a /root",
               "test -e /tmp/.X11-unix && echo leak; ls /sys | wc -l")  # fmt: skip
    count, name, home, users, *rest = done["StandardOutputContent"].split()
    assert int(count) < 15
    assert name == "ip-" + host["PrivateIpAddress"].replace(".", "-")
    assert (home, users) == ("ec2-user", "5")
    assert "leak" not in rest


@needs_namespaces
def test_programs_of_the_machine_cannot_be_changed_from_a_host(run):
    done = run("touch /usr/bin/planted && echo wrote; rm -f /usr/bin/python3 && echo removed; python3 -V")
    assert "wrote" not in done["StandardOutputContent"]
    assert "removed" not in done["StandardOutputContent"]
    assert "Python 3" in done["StandardOutputContent"]


@pytest.mark.proves("sts.GetCallerIdentity")
@needs_namespaces
def test_places_call_listen_and_run_with_addresses_of_their_own(lab, aws, host, run):
    code = """
import json, socket, sys
from amberlight.lab import LabAccount, Place
description = json.loads(sys.argv[1])
admin = LabAccount.from_dict(description["accounts"]["prod"]).admin
attacker, office = (Place.load(description, name) for name in ("attacker", "office"))
ident = attacker.client("sts", admin).get_caller_identity()["ResponseMetadata"]["RequestId"]
server = attacker.listen(4444)
caller = office.connect(attacker.address, 4444)
seen = []
office.thread(lambda: seen.append(socket.create_connection((attacker.address, 4444), 3).getsockname()[0])).join()
threaded = server.accept()[1][0], server.accept()[1][0]
print(json.dumps({"id": ident, "accepted": threaded, "caller": caller.getsockname()[0], "thread": seen}))
"""
    argv = lab.inside([sys.executable, "-c", code, json.dumps(lab.describe())])
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
    told = json.loads(done.stdout)
    assert (told["caller"], told["thread"]) == ("203.0.113.10", ["203.0.113.10"])
    assert told["accepted"] == ["203.0.113.10", "203.0.113.10"]
    record = eventually(lambda: next(
        (r for r in lookup(aws("cloudtrail"), EventName="GetCallerIdentity") if r["requestID"] == told["id"]), None
    ))  # fmt: skip
    assert record["sourceIPAddress"] == "198.51.100.23"


@needs_namespaces
def test_there_is_no_way_out(run):
    done = run("python3 - <<'PY'\nimport socket\ntry:\n socket.create_connection(('192.0.2.1', 80), 1)\n print('OUT')\n"
               "except OSError as error: print('no:', error)\nPY")  # fmt: skip
    assert done["StandardOutputContent"].startswith("no:")


@pytest.mark.proves(
    "ec2.RunInstances", "ssm.DescribeInstanceInformation", "ssm.SendCommand", "ssm.GetCommandInvocation"
)
def test_stopping_ends_processes_and_keeps_files(aws, lab):
    ec2, ssm = aws("ec2"), aws("ssm")
    ident = ec2.run_instances(ImageId="ami-00000001", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]

    def ping():
        filters = [{"Key": "InstanceIds", "Values": [ident]}]
        found = ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
        return found[0]["PingStatus"] if found else "none"

    def managed():
        return ping() == "Online"

    def shell(text):
        sent = ssm.send_command(InstanceIds=[ident], DocumentName="AWS-RunShellScript",
                                Parameters={"commands": [text]})["Command"]["CommandId"]  # fmt: skip
        found = eventually(lambda: (
            got := ssm.get_command_invocation(CommandId=sent, InstanceId=ident)
        )["Status"] in ("Success", "Failed") and got)  # fmt: skip
        return found["StandardOutputContent"]

    eventually(managed)
    shell('echo kept > "$HOST_ROOT/root/file"; setsid sleep 54321 >/dev/null 2>&1 &')
    eventually(lambda: sleeping(54321))
    ec2.stop_instances(InstanceIds=[ident])
    eventually(lambda: ping() == "ConnectionLost")
    eventually(lambda: not sleeping(54321))
    ec2.start_instances(InstanceIds=[ident])
    eventually(managed)
    assert shell('cat "$HOST_ROOT/root/file"') == "kept\n"
    ec2.terminate_instances(InstanceIds=[ident])
    eventually(lambda: ping() == "none")


def test_beyond_the_limit_an_instance_is_metadata_only_and_that_is_said(lab, aws):
    ec2 = aws("ec2")
    made = ec2.run_instances(ImageId="ami-00000001", MinCount=5, MaxCount=5)["Instances"]
    assert len(made) == 5
    assert any("metadata only" in limit for limit in lab.limits)
    ec2.terminate_instances(InstanceIds=[each["InstanceId"] for each in made])
