"""The console of a host says what really happened on it."""

import pytest
from lab_tools import eventually, needs_namespaces, refused
from wire_tools import shell


@pytest.fixture(scope="module")
def ec2(aws):
    return aws("ec2")


def said(ec2, ident):
    """The text of the console."""
    answer = ec2.get_console_output(InstanceId=ident, Latest=True)
    assert answer["InstanceId"] == ident
    return answer.get("Output", "")


@pytest.mark.proves("ec2.GetConsoleOutput")
@needs_namespaces
def test_the_console_has_boot_user_data_and_what_processes_write(ec2, aws):
    script = "#!/bin/sh\necho to the console > /dev/console\necho it failed >&2\nexit 3\n"
    made = ec2.run_instances(ImageId="ami-00000001", MinCount=1, MaxCount=1, UserData=script)["Instances"][0]
    ident = made["InstanceId"]
    text = eventually(lambda: "user data ended with 3" in (got := said(ec2, ident)) and got)
    assert "it failed\r\n" in text
    assert "to the console\r\n" in text
    assert f"eth0 has {made['PrivateIpAddress']}" in text
    shell(aws("ssm"), ident, "echo oops: killed process 77 > /dev/console; rm -f /dev/console; : > /dev/console")
    assert eventually(lambda: "oops: killed process 77" in said(ec2, ident))
    shell(aws("ssm"), ident, "head -c 200000 /dev/zero | tr '\\0' x > /dev/console")
    eventually(lambda: said(ec2, ident).endswith("x" * 1000))
    assert len(said(ec2, ident)) == 65536
    ec2.stop_instances(InstanceIds=[ident])
    assert said(ec2, ident).endswith("power down\r\n")
    ec2.terminate_instances(InstanceIds=[ident])


def test_a_console_of_nothing_and_a_screen_that_is_not_there(ec2, host):
    assert refused(ec2.get_console_output, InstanceId="i-0") == "InvalidInstanceID.NotFound"
    assert refused(ec2.get_console_screenshot, InstanceId=host["InstanceId"]) == "UnsupportedOperation"
