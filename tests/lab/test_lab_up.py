"""`amberlight lab up` with faults, with a drill's account in it, twice at once, and on 80 columns."""

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from fault_tools import ONCE, outcome
from lab_tools import client, eventually, needs_namespaces

from amberlight.cli._lab import table
from amberlight.lab import LabAccount, LabCredentials
from amberlight.model.listings import LabDescription
from amberlight.practice import drills

pytestmark = pytest.mark.lab
UP = [sys.executable, "-m", "amberlight.cli", "lab", "up", "--hosts", "processes"]


class Told:
    """What a lab's first line says."""

    def __init__(self, told):
        self.told = told
        assert msgspec.convert(told, LabDescription, strict=True).endpoint == told["endpoint"]
        self.endpoint = told["endpoint"]
        self.accounts = {name: LabAccount.from_dict(each) for name, each in told["accounts"].items()}


@contextlib.contextmanager
def up(*options):
    """A lab of the command line, for the length of a block."""
    with subprocess.Popen([*UP, "--json", *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Told(json.loads(process.stdout.readline()))
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(10)
    assert code == 0


def fails(*options):
    """Exit code and words of a command that does not start."""
    done = subprocess.run([*UP, *options], check=False, capture_output=True, text=True, timeout=60)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_faults_of_a_file_are_in_force(tmp_path):
    path = tmp_path / "day.yaml"
    path.write_text("- fault: throttle\n  service: ec2\n- fault: unavailable\n  region: eu-west-1\n", encoding="utf-8")
    with up("--faults", str(path)) as lab:
        keys = lab.accounts["prod"].admin
        assert outcome(client(lab, "ec2", keys, **ONCE).describe_regions) == (503, "RequestLimitExceeded")
        assert outcome(client(lab, "sqs", keys, region="eu-west-1", **ONCE).list_queues)[0] == 503
        assert outcome(client(lab, "iam", keys, **ONCE).list_users)[0] == 200
        assert [each["fault"] for each in lab.told["faults"]] == ["throttle", "unavailable"]


def test_a_bad_file_says_the_line_and_what_to_do(tmp_path):
    path = tmp_path / "day.yaml"
    path.write_text("- fault: throttle\n  service: ec2\n  rate_per_sec: 5\n", encoding="utf-8")
    assert fails("--faults", str(path)) == (
        2, f"{path}, line 3: throttle has no parameter 'rate_per_sec'. [AL200]\nDid you mean rate_per_s?\n"
    )  # fmt: skip
    code, said = fails("--faults", str(tmp_path / "absent.yaml"))
    assert (code, said.splitlines()[1]) == (2, "Name a readable text file.")


def test_an_unknown_scenario_lists_those_that_exist():
    code, said = fails("--scenario", "leaked_kye")
    assert code == 2
    assert "There is no drill 'leaked_kye'." in said
    assert "leaked_key" in said.splitlines()[1]
    assert set(said.splitlines()[1].removeprefix("Choose one of: ").rstrip(".").split(", ")) == {
        path.parent.name for path in Path(drills.__path__[0]).glob("*/__init__.py")
    }


def test_a_scenario_is_there_as_it_was_told(tmp_path):
    path = tmp_path / "day.yaml"
    # In force only when all is built.
    path.write_text("- fault: unavailable\n  service: kms\n", encoding="utf-8")
    with up("--scenario", "leaked_key", "--faults", str(path)) as lab:
        planted, prod = lab.told["scenario"]["planted"], lab.accounts["prod"]
        assert lab.told["scenario"]["drill"] == "leaked_key"
        objects = client(lab, "s3", prod.admin).list_objects_v2(Bucket=planted["customer_bucket"])
        assert objects["KeyCount"] == 48
        (reservation,) = client(lab, "ec2", prod.admin).describe_instances()["Reservations"]
        assert reservation["Instances"][0]["InstanceId"] == planted["web_instance"]
        leaked = LabCredentials(**planted["leaked"])
        assert client(lab, "sts", leaked).get_caller_identity()["Arn"].endswith(":user/build-agent")
        assert "lab" not in planted


@pytest.mark.parametrize("hosts", ["processes", pytest.param("namespaces", marks=needs_namespaces)])
def test_two_labs_side_by_side_do_not_know_each_other(hosts):
    with up("--hosts", hosts) as one, up("--hosts", hosts) as other:
        assert one.endpoint != other.endpoint
        for lab in (one, other):
            client(lab, "s3", lab.accounts["prod"].admin).create_bucket(Bucket="same-name")
        here, there = (client(lab, "ec2", lab.accounts["prod"].admin) for lab in (one, other))
        made = here.run_instances(ImageId="ami-00000001", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        assert there.describe_instances()["Reservations"] == []
        assert here.describe_instances()["Reservations"][0]["Instances"][0]["InstanceId"] == made
        # The host of one runs what it is told, beside a lab with the same private addresses.
        ssm = client(one, "ssm", one.accounts["prod"].admin)
        eventually(lambda: ssm.describe_instance_information()["InstanceInformationList"])
        sent = ssm.send_command(
            InstanceIds=[made], DocumentName="AWS-RunShellScript", Parameters={"commands": ["echo one"]}
        )
        asked = {"CommandId": sent["Command"]["CommandId"], "InstanceId": made}
        eventually(lambda: ssm.get_command_invocation(**asked)["StandardOutputContent"] == "one\n")
        strange = client(other, "sts", one.accounts["prod"].admin, **ONCE)
        assert outcome(strange.get_caller_identity)[0] == 403


def test_the_table_fits_a_terminal_whatever_is_in_it(lab):
    told = {
        **lab.describe(), "limits": ["a limit that is told in many words " * 5],
        "faults": [{"fault": "throttle", "service": ["ec2", "s3"], "operation": ["DescribeInstances"] * 9}],
        "scenario": {"drill": "a_drill", "title": "A title of some length " * 6, "planted": {
            "leaked": {"access_key_id": "AKIA0123456789ABCDEF", "secret_access_key": "s", "session_token": None},
            "a_rather_long_name_of_a_thing": "words " * 30}},
    }  # fmt: skip
    text = table(told)
    assert max(map(len, text.splitlines())) <= 80
    for wanted in ("export AWS_ENDPOINT_URL=", "fault      throttle: service ec2 s3", "AKIA0123456789ABCDEF"):
        assert wanted in text
    assert text.count("export AWS_SECRET_ACCESS_KEY=") == 3
