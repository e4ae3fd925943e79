"""The serial console opens for who holds a key that was sent a moment ago, and for nobody else."""

import subprocess

import pytest
from lab_tools import client, refused

from amberlight.lab import LabError

pytestmark = pytest.mark.lab
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOtAlK45MAEWZ7MUY2QEmi3M6W+peGL3VCrc0qH54xRu"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPtAlK45MAEWZ7MUY2QEmi3M6W+peGL3VCrc0qH54xRu"


@pytest.mark.proves(
    "ec2.EnableSerialConsoleAccess", "ec2.DisableSerialConsoleAccess",
    "ec2-instance-connect.SendSerialConsoleSSHPublicKey",
)  # fmt: skip
def test_a_key_opens_the_console(lab, aws, host):
    ec2, connect, instance = aws("ec2"), aws("ec2-instance-connect"), host["InstanceId"]
    assert ec2.enable_serial_console_access()["SerialConsoleAccessEnabled"] is True
    answer = connect.send_serial_console_ssh_public_key(
        InstanceId=instance, SerialPort=0, SSHPublicKey=KEY + " me@home"
    )
    assert answer["Success"] is True
    assert answer["RequestId"] == answer["ResponseMetadata"]["RequestId"]
    entry = lab.control("serial-console", instance=instance, key=KEY, command=["cat", "/proc/sys/kernel/hostname"])
    done = subprocess.run(
        lab.inside(entry["argv"]), env=entry["environment"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() != ""
    with pytest.raises(LabError, match="no such key"):
        lab.control("serial-console", instance=instance, key=OTHER, command=["true"])
    assert ec2.disable_serial_console_access()["SerialConsoleAccessEnabled"] is False
    send = connect.send_serial_console_ssh_public_key
    assert refused(send, InstanceId=instance, SSHPublicKey=KEY) == "SerialConsoleAccessDisabledException"


def test_access_is_of_one_account_and_region(lab, prod, vault, aws):
    aws("ec2").enable_serial_console_access()
    for account, region in ((prod, "eu-west-1"), (vault, "us-east-1")):
        ec2 = client(lab, "ec2", account.admin, region)
        assert ec2.get_serial_console_access_status()["SerialConsoleAccessEnabled"] is False
    assert aws("ec2").get_serial_console_access_status()["SerialConsoleAccessEnabled"] is True


def test_what_is_no_key_and_no_instance_is_refused(aws, host):
    aws("ec2").enable_serial_console_access()
    send = aws("ec2-instance-connect").send_serial_console_ssh_public_key
    assert refused(send, InstanceId=host["InstanceId"], SSHPublicKey="ssh-rsa " + "x" * 90) == "InvalidArgsException"
    assert refused(send, InstanceId="i-0123456789abcdef0", SSHPublicKey=KEY) == "EC2InstanceNotFoundException"
