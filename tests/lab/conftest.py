"""One lab for all tests of a worker; tests keep apart by the names that they use."""

import pytest
from lab_tools import allow, client, eventually, trust

from amberlight.lab import LabOptions, start


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    options = LabOptions(
        workdir=tmp_path_factory.mktemp("lab"), lookup_delay_s=0.1, lookup_rate_per_s=100.0, delivery_interval_s=0.5,
        digest_interval_s=1.5, snapshot_pending_s=0.3, access_advisor_delay_s=0.1, access_log_delay_s=0.3, max_hosts=3,
    )  # fmt: skip
    with start(options) as running:
        yield running


@pytest.fixture(scope="session")
def prod(lab):
    return lab.accounts["prod"]


@pytest.fixture(scope="session")
def vault(lab):
    return lab.accounts["vault"]


@pytest.fixture(scope="session")
def aws(lab, prod):
    """Clients of the production account's administrator."""
    return lambda service, credentials=prod.admin, **more: client(lab, service, credentials, **more)


@pytest.fixture(scope="session")
def host(lab, prod):
    """An instance with a body and a role that may list buckets."""
    iam, ec2, ssm = (client(lab, name, prod.admin) for name in ("iam", "ec2", "ssm"))
    iam.create_role(RoleName="web", AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}))
    iam.put_role_policy(RoleName="web", PolicyName="p", PolicyDocument=allow("s3:ListAllMyBuckets"))
    iam.create_instance_profile(InstanceProfileName="web")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="web")
    script = '#!/bin/sh\necho "from user data" > "$HOST_ROOT/root/booted"\n'
    instance = ec2.run_instances(
        ImageId="ami-00000001", MinCount=1, MaxCount=1, IamInstanceProfile={"Name": "web"}, UserData=script,
        BlockDeviceMappings=[
            {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 9}},
            {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 3}},
            {"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 4, "Encrypted": True, "DeleteOnTermination": True}},
        ],
    )["Instances"][0]  # fmt: skip
    eventually(lambda: any(
        each["InstanceId"] == instance["InstanceId"]
        for each in ssm.describe_instance_information()["InstanceInformationList"]
    ))  # fmt: skip
    return instance


@pytest.fixture(scope="session")
def run(lab, prod, host):
    """Run shell lines on the host and give the finished invocation."""
    ssm = client(lab, "ssm", prod.admin)

    def run_lines(*lines, **parameters):
        command = ssm.send_command(
            InstanceIds=[host["InstanceId"]], DocumentName="AWS-RunShellScript",
            Parameters={"commands": list(lines), **parameters},
        )["Command"]["CommandId"]  # fmt: skip

        def finished():
            found = ssm.get_command_invocation(CommandId=command, InstanceId=host["InstanceId"])
            return found if found["Status"] not in ("Pending", "InProgress") else None

        return eventually(finished)

    return run_lines


@pytest.fixture(autouse=True)
def proving(request):
    """A test that is marked to prove operations has to see each of them work on the shared lab."""
    mark = request.node.get_closest_marker("proves")
    if mark is None:
        yield
        return
    lab = request.getfixturevalue("lab")
    before = lab.control("calls")
    yield
    after = lab.control("calls")
    worked = {name for name, (all_of, failed) in after.items() if all_of - failed > _worked(before, name)}
    assert set(mark.args) <= worked, "the test does not do what it is marked to prove"


def _worked(counts, name):
    all_of, failed = counts.get(name, (0, 0))
    return all_of - failed
