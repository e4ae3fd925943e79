"""A lab starts fast and leaves nothing, however it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lab_tools import NO_NAMESPACES, client, eventually, lookup, refused, sleeping

from amberlight.lab import LabError, LabOptions, start

pytestmark = pytest.mark.lab
MODES = [
    pytest.param("namespaces", marks=pytest.mark.skipif(NO_NAMESPACES is not None, reason=str(NO_NAMESPACES))),
    "processes",
]
PARENT = """
import json, sys, time
from pathlib import Path
from amberlight.lab import LabOptions, start
import boto3
lab = start(LabOptions(workdir=Path(sys.argv[1]), hosts=sys.argv[2]))
key = lab.accounts["prod"].admin
ec2, ssm = (boto3.client(name, endpoint_url=lab.endpoint, region_name=lab.region, aws_access_key_id=key.access_key_id,
                         aws_secret_access_key=key.secret_access_key) for name in ("ec2", "ssm"))
script = f"#!/bin/sh\\nsetsid sleep {sys.argv[3]} >/dev/null 2>&1 &\\nsleep 1\\n"
ident = ec2.run_instances(ImageId="ami-00000001", MinCount=1, MaxCount=1, UserData=script)["Instances"][0]["InstanceId"]
while not ssm.describe_instance_information()["InstanceInformationList"]:
    time.sleep(0.05)
ssm.send_command(InstanceIds=[ident], DocumentName="AWS-RunShellScript", Parameters={"commands": [f"sleep {sys.argv[4]}"]})
time.sleep(0.5)
print(json.dumps(lab.describe()), flush=True)
time.sleep(60)
"""


def family(pid):
    """The process and all its descendants, with their start times, so that a reused id is not taken for one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(entry.name)] = (int(fields[1]), fields[19])
    found, grown = {pid}, True
    while grown:
        more = {child for child, (parent, _) in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return {(each, parents[each][1]) for each in found if each in parents}


def alive(members):
    left = set()
    for pid, started in members:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if fields[19] == started and fields[0] != "Z":
            left.add(pid)
    return left


def interfaces():
    return {name for _, name in socket.if_nameindex()}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("victim", ["parent", "lab"])
def test_kill_leaves_nothing(tmp_path, mode, victim):
    before = interfaces()
    # Other workers run the same test at the same time: the lengths of the sleeps tell whose they are.
    first, second = (f"{90000 + n}.{os.getpid()}" for n in (1, 2))
    argv = [sys.executable, "-c", PARENT, str(tmp_path / "lab"), mode, first, second]
    parent = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    told = json.loads(parent.stdout.readline())
    members = {member for member in family(told["pid"]) if member[0] != parent.pid}
    ours = sleeping(first) | sleeping(second)
    namespaces = {
        str(Path(f"/proc/{pid}/ns/net").readlink()) for pid, _ in members if Path(f"/proc/{pid}/ns/net").exists()
    }
    there = set(Path("/proc").glob("[0-9]*"))
    assert len(ours) == 2
    assert (len(namespaces) > 3) is (mode == "namespaces")
    os.kill(parent.pid if victim == "parent" else told["pid"], signal.SIGKILL)
    try:
        eventually(lambda: not alive(members))
        eventually(lambda: not (sleeping(first) | sleeping(second)))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(told["endpoint"].rsplit(":", 1)[1])), 1)
        assert interfaces() == before
        # The kernel gives the number of a namespace that is gone to the next one, such as another worker's: only who was
        # there before can have kept ours.
        old = [each / "ns/net" for each in there & set(Path("/proc").glob("[0-9]*"))]
        left = {str(p.readlink()) for p in old if os.access(p, os.R_OK)}
        own = str(Path("/proc/self/ns/net").readlink())
        assert not (namespaces - {own}) & left
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()


@pytest.mark.parametrize("mode", MODES)
def test_start_and_stop_are_fast_and_clean(tmp_path, mode):
    begun = time.monotonic()
    lab = start(LabOptions(workdir=tmp_path / "lab", hosts=mode))
    started = time.monotonic() - begun
    members = family(lab.describe()["pid"])
    status = Path(f"/proc/{lab.describe()['pid']}/status").read_text()
    begun = time.monotonic()
    lab.stop()
    stopped = time.monotonic() - begun
    assert not alive(members)
    assert started < 3
    assert stopped < 2
    assert int(status.split("VmHWM:")[1].split()[0]) < 250_000
    assert lab.isolation == mode
    assert bool(lab.limits) is (mode == "processes")


FOREIGN = """
import boto3, sys
endpoint, key, secret = sys.argv[1:]
sts = boto3.client("sts", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key,
                   aws_secret_access_key=secret)
print(sts.get_caller_identity()["ResponseMetadata"]["RequestId"])
"""


def test_plain_processes_have_a_directory_and_an_address_of_their_own(tmp_path):
    with start(LabOptions(workdir=tmp_path / "lab", hosts="processes", lookup_delay_s=0.0)) as lab:
        admin = lab.accounts["prod"].admin
        ec2, ssm, trail = (client(lab, name, admin) for name in ("ec2", "ssm", "cloudtrail"))
        script = '#!/bin/sh\necho once >> "$HOST_ROOT/root/booted"\n'
        made = ec2.run_instances(ImageId="ami-00000001", MinCount=1, MaxCount=1, UserData=script)["Instances"][0]
        ident, address = made["InstanceId"], made["PrivateIpAddress"]
        eventually(lambda: ssm.describe_instance_information()["InstanceInformationList"])
        lines = ["cat $HOST_ROOT/root/booted", "pwd", "echo $AWS_ENDPOINT_URL", "exit 4"]

        def finished():
            sent = ssm.send_command(InstanceIds=[ident], DocumentName="AWS-RunShellScript",
                                    Parameters={"commands": lines})["Command"]["CommandId"]  # fmt: skip
            return eventually(lambda: (
                got := ssm.get_command_invocation(CommandId=sent, InstanceId=ident)
            )["Status"] == "Failed" and got)  # fmt: skip

        done = eventually(lambda: "once" in (found := finished())["StandardOutputContent"] and found)
        assert done["ResponseCode"] == 4
        booted, directory, endpoint = done["StandardOutputContent"].split()
        assert (booted, directory) == ("once", str(tmp_path / "lab/hosts" / ident))
        argv = [sys.executable, "-c", FOREIGN, endpoint, admin.access_key_id, admin.secret_access_key]
        told = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
        record = next(r for r in lookup(trail, EventName="GetCallerIdentity") if r["requestID"] == told)
        assert address.startswith("127.77.")
        assert record["sourceIPAddress"] == address


def test_two_labs_live_side_by_side(tmp_path):
    first = start(LabOptions(workdir=tmp_path / "a", seed=1))
    second = start(LabOptions(workdir=tmp_path / "b", seed=2))
    with first, second:
        for lab, other in ((first, second), (second, first)):
            admin = lab.accounts["prod"].admin
            assert client(lab, "sts", admin).get_caller_identity()["Account"] == lab.accounts["prod"].id
            assert refused(client(other, "sts", admin).get_caller_identity) == "InvalidClientTokenId"


def test_accounts_follow_from_the_seed_and_secrets_do_not(tmp_path):
    with start(LabOptions(workdir=tmp_path / "a")) as first, start(LabOptions(workdir=tmp_path / "b")) as second:
        assert [a.id for a in first.accounts.values()] == [a.id for a in second.accounts.values()]
        assert set(first.accounts) == {"prod", "security", "vault"}
        secrets = {a.admin.secret_access_key for lab in (first, second) for a in lab.accounts.values()}
        assert len(secrets) == 6


def test_terminating_the_child_is_a_clean_stop(tmp_path):
    with start(LabOptions(workdir=tmp_path / "lab", hosts="processes")) as lab:
        members = family(lab.describe()["pid"])
        os.kill(lab.describe()["pid"], signal.SIGINT)
        eventually(lambda: not alive(members))


def test_a_lab_that_cannot_start_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(LabError, match="did not start"):
        start(LabOptions(workdir=tmp_path / "lab"))


@pytest.mark.parametrize("wrong", [{"hosts": "clouds"}, {"max_hosts": -1}, {"lookup_rate_per_s": 0.0}])
def test_options_are_checked(tmp_path, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LabOptions(workdir=tmp_path, **wrong)
