"""An instance of Windows is played back: it says so in every answer, and invents none."""

import hashlib

import pytest
from lab_tools import eventually, refused

from amberlight.lab import LabError
from amberlight.lab.recorded import MARK, Recording, hosts

pytestmark = pytest.mark.lab
IMAGE = "ami-0fedcba9876543210"


@pytest.fixture(scope="module")
def windows(aws):
    return aws("ec2").run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]


@pytest.fixture(scope="module")
def powershell(aws, windows):
    ssm = aws("ssm")

    def run(*lines, **more):
        sent = ssm.send_command(InstanceIds=[windows], DocumentName="AWS-RunPowerShellScript",
                                Parameters={"commands": list(lines)}, **more)["Command"]["CommandId"]  # fmt: skip
        return eventually(lambda: next(
            (found for found in [ssm.get_command_invocation(CommandId=sent, InstanceId=windows)]
             if found["Status"] not in ("Pending", "InProgress")), None))  # fmt: skip

    return run


def test_it_is_shown_as_windows_and_said_to_be_played_back(lab, aws, windows):
    filters = [{"Key": "InstanceIds", "Values": [windows]}]
    (known,) = aws("ssm").describe_instance_information(Filters=filters)["InstanceInformationList"]
    assert (known["PlatformType"], known["PlatformVersion"]) == ("Windows", "10.0.20348")
    shown = aws("ec2").describe_instances(InstanceIds=[windows])["Reservations"][0]["Instances"][0]
    assert (shown["Platform"], shown["PlatformDetails"]) == ("windows", "Windows")
    assert any("played back" in limit for limit in lab.limits)


@pytest.mark.parametrize(
    "script,part",
    [("hostname", "EC2AMAZ-"), ("get-process", "amazon-ssm-agent"), ("Get-NetTCPConnection -State Listen", "3389"),
     ("Get-CimInstance Win32_OperatingSystem | Select-Object Caption, Version", "10.0.20348"),
     ("Get-LocalUser", "Administrator"), ("whoami", "nt authority\\system")],
)  # fmt: skip
def test_a_known_script_is_answered_and_the_answer_marked(powershell, script, part):
    found = powershell(script)
    first, rest = found["StandardOutputContent"].split("\r\n", 1)
    assert first.startswith(MARK)
    assert "written from documentation" in first
    assert part in rest
    assert (found["Status"], found["ResponseCode"]) == ("Success", 0)


def test_an_unknown_script_fails_and_says_why(powershell):
    found = powershell("Get-Process; Remove-Item C:\\secret")
    assert (found["Status"], found["ResponseCode"], found["StandardOutputContent"]) == ("Failed", 1, "")
    assert found["StandardErrorContent"].startswith(MARK)
    assert "no recording of this script" in found["StandardErrorContent"]


def test_there_is_no_host_whose_rights_could_write_to_s3(aws, windows):
    refusal = refused(
        aws("ssm").send_command, InstanceIds=[windows], DocumentName="AWS-RunPowerShellScript",
        Parameters={"commands": ["hostname"]}, OutputS3BucketName="some-bucket",
    )  # fmt: skip
    assert refusal == "ValidationException"


def test_a_shell_script_is_for_another_platform(aws, windows):
    refusal = refused(
        aws("ssm").send_command, InstanceIds=[windows], DocumentName="AWS-RunShellScript",
        Parameters={"commands": ["true"]},
    )  # fmt: skip
    assert refusal == "UnsupportedPlatformType"


def test_the_owner_plants_recordings(lab, powershell):
    data = {"kind": "windows-server-2022", "called": "evil", "script": "Get-Item evil", "stdout": "evil.exe\n", "code": 3,
            "origin": "machine", "source": "test"}  # fmt: skip
    lab.control("recording", **data)
    found = powershell("Get-Item evil")
    assert (found["Status"], found["ResponseCode"]) == ("Failed", 3)
    assert "taken from a machine" in found["StandardOutputContent"].splitlines()[0]
    assert found["StandardOutputContent"].endswith("\r\nevil.exe\r\n")
    for wrong in ({"kind": "windows-95"}, {"origin": "dream"}, {"script": "("}, {"sha256": "00"}, {"colour": "red"}):
        with pytest.raises(LabError):
            lab.control("recording", **{**data, **wrong})


def test_it_takes_no_place_of_a_host_and_stops(aws, windows):
    ec2, ssm = aws("ec2"), aws("ssm")
    ec2.stop_instances(InstanceIds=[windows])
    filters = [{"Key": "InstanceIds", "Values": [windows]}]
    (known,) = ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
    assert known["PingStatus"] == "ConnectionLost"
    ec2.start_instances(InstanceIds=[windows])
    (known,) = ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
    assert known["PingStatus"] == "Online"


def test_every_recording_says_where_it_is_from():
    found = [recording for host in hosts().values() for recording in host.recordings]
    assert len(found) >= 6
    assert all(recording.source for recording in found)


def test_a_recording_by_hash_answers_that_script_alone():
    digest = hashlib.sha256(b"Get-Item x").hexdigest()
    recording = Recording.of("x", {"sha256": digest, "origin": "machine", "source": "test"})
    assert recording.answers("Get-Item x")
    assert not recording.answers("Get-Item y")
