"""AWS's own command line, unmodified, against `amberlight lab up`: what a user types works, and `validate-logs` believes the trail."""

import base64
import datetime as dt
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from environment import python_of

UP = [sys.executable, "-c", "from amberlight.cli.lab import command; command(prog_name='amberlight lab')", "up"]

OVERRIDDEN = ("sqs", "health")
"""Services for which version 1 of the command line has endpoints of its own, whatever AWS_ENDPOINT_URL says."""

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """What a running lab says of itself."""
    work = str(tmp_path_factory.mktemp("awscli"))
    process = subprocess.Popen(
        [*UP, "--json", "--hosts", "processes"], stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": work}
    )
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)
        process.stdout.close()


@pytest.fixture(scope="module")
def program():
    """AWS's command line, ready."""
    try:
        python = python_of("awscli")
    except (OSError, subprocess.TimeoutExpired) as problem:
        pytest.skip(f"no environment with awscli: {problem}")
    driver = Path(__file__).parent / "awscli_fork.py"
    with subprocess.Popen([python, driver], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.stdin.close()


@pytest.fixture(scope="module")
def aws(lab, program, tmp_path_factory):
    """Run one command as an account's administrator; gives its JSON, or its text."""
    home = str(tmp_path_factory.mktemp("home"))

    def run(*words, account="prod", fails=False):
        admin = lab["accounts"][account]["admin"]
        environment = {
            "HOME": home, "PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": lab["endpoint"], "AWS_PAGER": "",
            "AWS_DEFAULT_REGION": lab["region"], "AWS_ACCESS_KEY_ID": admin["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": admin["secret_access_key"], "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
        if words[0] in OVERRIDDEN:
            words = (*words, "--endpoint-url", lab["endpoint"])
        program.stdin.write(json.dumps({"words": [str(word) for word in words], "environment": environment}) + "\n")
        program.stdin.flush()
        done = json.loads(program.stdout.readline())
        said = f"aws {' '.join(map(str, words))}: {done['out']}{done['err']}"
        assert (done["code"] != 0) == fails, said
        try:
            return done["out"] + done["err"] if fails else json.loads(done["out"])
        except ValueError:
            return done["out"]

    return run


def eventually(probe):
    """The first truthy answer of *probe*."""
    for _ in range(40):
        if found := probe():
            return found
        time.sleep(0.25)  # noqa: TID251 (tests wait for a real process)
    raise AssertionError("it did not happen in time")


def document(*statements):
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_identities(aws, lab):
    prod = lab["accounts"]["prod"]["id"]
    assert aws("sts", "get-caller-identity")["Arn"] == f"arn:aws:iam::{prod}:user/admin"
    assert aws("iam", "create-user", "--user-name", "cli")["User"]["UserName"] == "cli"
    assert aws("iam", "create-access-key", "--user-name", "cli")["AccessKey"]["Status"] == "Active"
    assert "cli" in aws("iam", "list-users", "--query", "Users[].UserName", "--output", "text").split()
    trust = document({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{prod}:root"}, "Action": "sts:AssumeRole"})
    role = aws("iam", "create-role", "--role-name", "cli", "--assume-role-policy-document", trust)["Role"]["Arn"]
    session = aws("sts", "assume-role", "--role-arn", role, "--role-session-name", "cli")
    assert session["Credentials"]["AccessKeyId"].startswith("ASIA")
    details = aws("iam", "get-account-authorization-details", "--filter", "User")
    assert {"admin", "cli"} <= {user["UserName"] for user in details["UserDetailList"]}
    action = aws("iam", "simulate-principal-policy", "--policy-source-arn", role, "--action-names", "s3:GetObject")
    assert action["EvaluationResults"][0]["EvalDecision"] == "implicitDeny"
    accounts = aws("organizations", "list-accounts", account="security")["Accounts"]
    assert {each["Id"] for each in accounts} == {each["id"] for each in lab["accounts"].values()}
    assert "NoSuchEntity" in aws("iam", "get-user", "--user-name", "nobody", fails=True)


def test_objects(aws, tmp_path):
    here = tmp_path / "here.txt"
    here.write_text("evidence\n" * 100)
    aws("s3", "mb", "s3://cli-objects")
    aws("s3api", "put-bucket-versioning", "--bucket", "cli-objects", "--versioning-configuration", "Status=Enabled")
    aws("s3", "cp", str(here), "s3://cli-objects/a/here.txt", "--checksum-algorithm", "SHA256")
    assert "here.txt" in aws("s3", "ls", "s3://cli-objects/a/")
    aws("s3", "cp", "s3://cli-objects/a/here.txt", str(tmp_path / "back.txt"))
    assert (tmp_path / "back.txt").read_text() == here.read_text()
    head = aws("s3api", "head-object", "--bucket", "cli-objects", "--key", "a/here.txt", "--checksum-mode", "ENABLED")
    assert (head["ContentLength"], len(head["ChecksumSHA256"])) == (900, 44)
    aws("s3", "sync", str(tmp_path), "s3://cli-objects/synced")
    aws("s3", "rm", "s3://cli-objects/a/here.txt")
    versions = aws("s3api", "list-object-versions", "--bucket", "cli-objects", "--prefix", "a/")
    assert [len(versions[kind]) for kind in ("Versions", "DeleteMarkers")] == [1, 1]
    assert "404" in aws("s3api", "head-object", "--bucket", "cli-objects", "--key", "a/here.txt", fails=True)


def test_instances_and_their_commands(aws):
    made = aws("ec2", "run-instances", "--image-id", "ami-00000001", "--instance-type", "t3.micro", "--count", "1")
    instance = made["Instances"][0]["InstanceId"]
    state = ("--query", "Reservations[].Instances[].State.Name", "--output", "text")
    eventually(lambda: aws("ec2", "describe-instances", "--instance-ids", instance, *state) == "running\n")
    volume = aws("ec2", "create-volume", "--availability-zone", "us-east-1a", "--size", "1")["VolumeId"]
    snapshot = aws("ec2", "create-snapshot", "--volume-id", volume)["SnapshotId"]
    show = ("describe-snapshots", "--snapshot-ids", snapshot, "--query", "Snapshots[0]")
    done = eventually(lambda: (seen := aws("ec2", *show))["State"] == "completed" and seen)
    assert done["VolumeId"] == volume
    assert "Blocks" in aws("ebs", "list-snapshot-blocks", "--snapshot-id", snapshot)
    group = aws("ec2", "create-security-group", "--group-name", "cli", "--description", "cut off")["GroupId"]
    aws("ec2", "modify-instance-attribute", "--instance-id", instance, "--groups", group)
    registered = lambda: aws("ssm", "describe-instance-information")["InstanceInformationList"]  # noqa: E731
    eventually(lambda: instance in {each["InstanceId"] for each in registered()})
    command = aws("ssm", "send-command", "--instance-ids", instance, "--document-name", "AWS-RunShellScript",
                  "--parameters", "commands=[echo from the host]")["Command"]["CommandId"]  # fmt: skip
    result = ("get-command-invocation", "--command-id", command, "--instance-id", instance)
    answer = eventually(lambda: (seen := aws("ssm", *result))["Status"] == "Success" and seen)
    assert answer["StandardOutputContent"] == "from the host\n"
    assert aws("ec2", "terminate-instances", "--instance-ids", instance)["TerminatingInstances"]


def test_keys_parameters_and_functions(aws, lab, tmp_path):
    key = aws("kms", "create-key")["KeyMetadata"]["KeyId"]
    (tmp_path / "plain").write_bytes(b"secret")
    sealed = aws("kms", "encrypt", "--key-id", key, "--plaintext", f"fileb://{tmp_path}/plain")["CiphertextBlob"]
    (tmp_path / "sealed").write_bytes(base64.b64decode(sealed))
    assert aws("kms", "decrypt", "--ciphertext-blob", f"fileb://{tmp_path}/sealed")["Plaintext"] == "c2VjcmV0"
    aws("ssm", "put-parameter", "--name", "/cli/value", "--value", "v", "--type", "SecureString")
    value = aws("ssm", "get-parameter", "--name", "/cli/value", "--with-decryption")
    assert value["Parameter"]["Value"] == "v"
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("code.py", "def handler(event, context):\n    return {'seen': event['word']}\n")
    trust = document({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
    role = aws("iam", "create-role", "--role-name", "code", "--assume-role-policy-document", trust)["Role"]["Arn"]
    aws("lambda", "create-function", "--function-name", "code", "--runtime", "python3.11", "--role", role,
        "--handler", "code.handler", "--zip-file", f"fileb://{tmp_path}/code.zip")  # fmt: skip
    aws("lambda", "wait", "function-active-v2", "--function-name", "code")
    aws("lambda", "invoke", "--function-name", "code", "--payload", '{"word": "hello"}', str(tmp_path / "out.json"))
    assert json.loads((tmp_path / "out.json").read_text()) == {"seen": "hello"}


def test_messages_and_measures(aws, tmp_path):
    topic = aws("sns", "create-topic", "--name", "cli")["TopicArn"]
    url = aws("sqs", "create-queue", "--queue-name", "cli")["QueueUrl"]
    queue = aws("sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "QueueArn")["Attributes"][
        "QueueArn"
    ]
    sender = {"Effect": "Allow", "Principal": {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]},
              "Action": "sqs:SendMessage", "Resource": queue}  # fmt: skip
    (tmp_path / "policy.json").write_text(json.dumps({"Policy": document(sender)}))
    aws("sqs", "set-queue-attributes", "--queue-url", url, "--attributes", f"file://{tmp_path}/policy.json")
    aws("sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs", "--notification-endpoint", queue)
    aws("sns", "publish", "--topic-arn", topic, "--message", "a word")
    take = lambda: aws("sqs", "receive-message", "--queue-url", url)  # noqa: E731
    (message,) = eventually(take)["Messages"]
    assert json.loads(message["Body"])["Message"] == "a word"
    aws("events", "put-rule", "--name", "cli", "--event-pattern", '{"source": ["cli"]}')
    aws("events", "put-targets", "--rule", "cli", "--targets", f"Id=1,Arn={queue}")
    entry = json.dumps([{"Source": "cli", "DetailType": "t", "Detail": '{"n": 1}'}])
    assert aws("events", "put-events", "--entries", entry)["FailedEntryCount"] == 0
    (event,) = eventually(take)["Messages"]
    assert json.loads(event["Body"])["detail"] == {"n": 1}
    aws("cloudwatch", "put-metric-alarm", "--alarm-name", "cli", "--metric-name", "m", "--namespace", "n", "--statistic",
        "Sum", "--period", "60", "--evaluation-periods", "1", "--threshold", "1", "--comparison-operator",
        "GreaterThanThreshold")  # fmt: skip
    assert [each["AlarmName"] for each in aws("cloudwatch", "describe-alarms")["MetricAlarms"]] == ["cli"]
    aws("logs", "create-log-group", "--log-group-name", "cli")
    aws("logs", "create-log-stream", "--log-group-name", "cli", "--log-stream-name", "s")
    moment = int(time.time() * 1000)  # noqa: TID251 (log events that are old are refused)
    line = json.dumps([{"timestamp": moment, "message": "seen"}])
    aws("logs", "put-log-events", "--log-group-name", "cli", "--log-stream-name", "s", "--log-events", line)
    assert aws("logs", "filter-log-events", "--log-group-name", "cli")["events"][0]["message"] == "seen"


def test_services_that_watch(aws):
    assert aws("configservice", "describe-configuration-recorders")["ConfigurationRecorders"] == []
    assert aws("health", "describe-events")["events"] == []
    assert aws("guardduty", "list-detectors")["DetectorIds"] == []
    assert "UnsupportedOperationException" in aws("cloudtrail", "list-event-data-stores", fails=True)


@pytest.fixture(scope="module")
def trail(aws):
    """A trail that validates its files; gives its ARN and bucket."""
    aws("s3", "mb", "s3://cli-trail")
    writer = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
              "Resource": "arn:aws:s3:::cli-trail/*"}  # fmt: skip
    aws("s3api", "put-bucket-policy", "--bucket", "cli-trail", "--policy", document(writer))
    made = aws("cloudtrail", "create-trail", "--name", "cli-trail", "--s3-bucket-name", "cli-trail",
               "--is-multi-region-trail", "--enable-log-file-validation")  # fmt: skip
    aws("cloudtrail", "start-logging", "--name", "cli-trail")
    assert aws("cloudtrail", "get-trail-status", "--name", "cli-trail")["IsLogging"] is True
    return made["TrailARN"]


def keys(aws, kind):
    found = aws("s3api", "list-objects-v2", "--bucket", "cli-trail")
    return sorted(each["Key"] for each in (found or {}).get("Contents", []) if f"/{kind}/us-east-1/" in each["Key"])


def validated(aws, arn, **more):
    """What `validate-logs` says of all that the trail delivered today."""
    (last, *_) = reversed(keys(aws, "CloudTrail-Digest"))
    moment = dt.datetime.strptime(last.rsplit("_", 1)[1], "%Y%m%dT%H%M%SZ.json.gz").replace(tzinfo=dt.UTC)
    window = [(moment + dt.timedelta(hours=hours)).isoformat() for hours in (-2, 1)]
    options = ("--trail-arn", arn, "--start-time", window[0], "--end-time", window[1], "--verbose")
    return aws("cloudtrail", "validate-logs", *options, **more)


def test_validate_logs_believes_the_trail_and_no_changed_file(aws, trail, tmp_path):
    def three():
        aws("sns", "list-topics")
        return keys(aws, "CloudTrail-Digest")[2:]

    eventually(three)
    aws("cloudtrail", "stop-logging", "--name", "cli-trail")
    events = aws(
        "cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue=StartLogging"
    )
    assert json.loads(events["Events"][0]["CloudTrailEvent"])["userAgent"].startswith("aws-cli/")
    said = validated(aws, trail)
    assert "INVALID" not in said
    assert said.count("Log file") >= 3
    assert "digest files valid" in said
    # One that a digest lists: the newest files may have none yet.
    altered = re.search(r"Log file\ts3://cli-trail/(\S+)\tvalid", said)[1]
    aws("s3", "cp", f"s3://cli-trail/{altered}", str(tmp_path / "log.json.gz"))
    records = json.loads(gzip.decompress((tmp_path / "log.json.gz").read_bytes()))
    records["Records"].pop()
    (tmp_path / "log.json.gz").write_bytes(gzip.compress(json.dumps(records).encode()))
    aws("s3", "cp", str(tmp_path / "log.json.gz"), f"s3://cli-trail/{altered}")
    assert [each["TrailARN"] for each in aws("cloudtrail", "describe-trails")["trailList"]] == [trail]
    said = validated(aws, trail, fails=True)
    assert f"s3://cli-trail/{altered}\tINVALID: hash value doesn't match" in said
