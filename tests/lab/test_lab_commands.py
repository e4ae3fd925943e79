"""Systems Manager: documents, parameters, targets, delivery to each host, limits, and output in S3 with the host's rights."""

import gzip
import json

import boto3
import pytest
from botocore.config import Config
from lab_tools import client, eventually, refused, trust, unique

from amberlight.lab import LabCredentials, LabOptions, start

pytestmark = pytest.mark.lab
ENDED = ("Success", "Failed", "TimedOut", "Cancelled")
OUTPUT = "ssm-output"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A lab in which a host that is not there is given up after a third of a second."""
    options = LabOptions(workdir=tmp_path_factory.mktemp("commands"), max_hosts=3, ssm_time_scale=0.01)
    with start(options) as running:
        yield running


@pytest.fixture(scope="module")
def service(own):
    return lambda name, credentials=own.accounts["prod"].admin: client(own, name, credentials)


@pytest.fixture(scope="module")
def hosts(own, service):
    """Three hosts with the tag Fleet=web; their role may put objects below `allowed/`."""
    iam, ec2, ssm = service("iam"), service("ec2"), service("ssm")
    iam.create_role(RoleName="fleet", AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}))
    policy = {"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{OUTPUT}/allowed/*"}}  # fmt: skip
    iam.put_role_policy(RoleName="fleet", PolicyName="p", PolicyDocument=json.dumps(policy))
    iam.create_instance_profile(InstanceProfileName="fleet")
    iam.add_role_to_instance_profile(InstanceProfileName="fleet", RoleName="fleet")
    service("s3").create_bucket(Bucket=OUTPUT)
    made = ec2.run_instances(
        ImageId="ami-00000001", MinCount=3, MaxCount=3, IamInstanceProfile={"Name": "fleet"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Fleet", "Value": "web"}]}],
    )["Instances"]  # fmt: skip
    ec2.create_tags(Resources=[made[0]["InstanceId"]], Tags=[{"Key": "Number", "Value": "1"}])
    eventually(lambda: len(online(ssm)) == 3)
    return [each["InstanceId"] for each in made]


def online(ssm):
    found = ssm.describe_instance_information()["InstanceInformationList"]
    return {each["InstanceId"] for each in found if each["PingStatus"] == "Online"}


@pytest.fixture(scope="module")
def ssm(service, hosts):
    return service("ssm")


@pytest.fixture(scope="module")
def send(ssm, hosts):
    """Send a command, to the first host if nothing else is said, and give it when it has ended."""

    def sent(document="AWS-RunShellScript", parameters=None, **more):
        more = more if {"InstanceIds", "Targets"} & set(more) else {"InstanceIds": hosts[:1], **more}
        command = ssm.send_command(DocumentName=document, Parameters=parameters or {}, **more)["Command"]["CommandId"]
        return eventually(lambda: next(
            (each for each in ssm.list_commands(CommandId=command)["Commands"] if each["Status"] in ENDED), None
        ))  # fmt: skip

    return sent


@pytest.fixture(scope="module")
def output(ssm, hosts):
    def of(command, instance=None, **more):
        return ssm.get_command_invocation(CommandId=command["CommandId"], InstanceId=instance or hosts[0], **more)

    return of


def shell(*lines):
    return {"commands": list(lines)}


def steps(*given, **parameters):
    """A Command document of schema 2.2."""
    return json.dumps({"schemaVersion": "2.2", "description": "test", "parameters": parameters, "mainSteps": [
        {"action": "aws:runShellScript", "name": f"step{number}", **each} for number, each in enumerate(given)
    ]})  # fmt: skip


@pytest.fixture
def document(ssm):
    """Make a document of these steps and parameters; gives its name."""

    def made(*given, **parameters):
        name = unique("doc")
        ssm.create_document(Name=name, Content=steps(*given, **parameters), DocumentType="Command")
        return name

    return made


# --- documents ------------------------------------------------------------------------------------------------------


def test_a_document_lives_through_versions(ssm, document):
    name = document({"inputs": {"runCommand": ["echo one"]}}, word={"type": "String", "default": "x"})
    described = ssm.describe_document(Name=name)["Document"]
    assert (described["DocumentVersion"], described["PlatformTypes"]) == ("1", ["Linux", "MacOS"])
    assert described["Parameters"] == [{"Name": "word", "Type": "String", "Description": "", "DefaultValue": "x"}]
    second = steps({"inputs": {"runCommand": ["echo two"]}})
    assert refused(ssm.update_document, Name=name, Content=second) == "InvalidDocumentVersion"
    ssm.update_document(Name=name, Content=second, DocumentVersion="$LATEST")
    assert refused(ssm.update_document, Name=name, Content=second, DocumentVersion="$LATEST") == (
        "DuplicateDocumentContent"
    )
    assert "echo one" in ssm.get_document(Name=name)["Content"]
    ssm.update_document_default_version(Name=name, DocumentVersion="2")
    assert ssm.get_document(Name=name)["Content"] == second
    assert ssm.get_document(Name=name, DocumentFormat="YAML")["Content"].startswith("schemaVersion: '2.2'")
    assert [each["DocumentVersion"] for each in ssm.list_document_versions(Name=name)["DocumentVersions"]] == ["2", "1"]
    mine = ssm.list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])["DocumentIdentifiers"]
    assert name in [each["Name"] for each in mine]
    assert {"AWS-RunShellScript", "AWS-RunPowerShellScript"} <= {
        each["Name"] for each in ssm.list_documents()["DocumentIdentifiers"]
    }
    ssm.delete_document(Name=name)
    assert refused(ssm.get_document, Name=name) == "InvalidDocument"


@pytest.mark.parametrize(
    "content,code",
    [
        ("{", "InvalidDocumentContent"),
        (json.dumps({"schemaVersion": "9.9", "mainSteps": []}), "InvalidDocumentSchemaVersion"),
        (json.dumps({"schemaVersion": "2.2", "mainSteps": []}), "InvalidDocumentContent"),
        (steps({"action": "aws:downloadContent"}), "InvalidDocumentContent"),
        (steps({"name": ""}), "InvalidDocumentContent"),
        (steps({"precondition": {"StringEquals": ["color", "red"]}}), "InvalidDocumentContent"),
        (steps({"onFailure": "dance"}), "InvalidDocumentContent"),
        (steps({"inputs": {"runCommands": ["true"]}}), "InvalidDocumentContent"),
        (steps({}, word={"type": "Float"}), "InvalidDocumentContent"),
        (steps({}, word={"type": "String", "allowedPattern": "("}), "InvalidDocumentContent"),
        (steps({}, word={"type": "String", "interpolationType": "ENV_VAR"}), "InvalidDocumentContent"),
        (steps({"inputs": {"runCommand": ["x" * 66000]}}), "MaxDocumentSizeExceeded"),
    ],
)
def test_what_is_no_document_is_refused(ssm, content, code):
    assert refused(ssm.create_document, Name=unique("bad"), Content=content) == code


def test_a_document_is_shared_with_an_account_and_no_other(own, ssm, service, document):
    name = document({"inputs": {"runCommand": ["true"]}})
    prod, vault = own.accounts["prod"], own.accounts["vault"]
    arn = f"arn:aws:ssm:us-east-1:{prod.id}:document/{name}"
    theirs, others = service("ssm", vault.admin), service("ssm", own.accounts["security"].admin)
    assert refused(theirs.get_document, Name=arn) == "InvalidDocument"
    ssm.modify_document_permission(Name=name, PermissionType="Share", AccountIdsToAdd=[vault.id])
    assert theirs.get_document(Name=arn)["DocumentType"] == "Command"
    assert refused(theirs.get_document, Name=name) == "InvalidDocument"
    assert refused(others.get_document, Name=arn) == "InvalidDocument"
    assert ssm.describe_document_permission(Name=name, PermissionType="Share")["AccountIds"] == [vault.id]
    ssm.update_document(Name=name, Content=steps({"inputs": {"runCommand": ["id"]}}), DocumentVersion="$LATEST")
    assert refused(theirs.get_document, Name=arn, DocumentVersion="2") == "InvalidDocumentVersion"
    assert refused(ssm.delete_document, Name=name) == "InvalidDocumentOperation"
    ssm.modify_document_permission(Name=name, PermissionType="Share", AccountIdsToRemove=[vault.id])
    assert refused(theirs.get_document, Name=arn) == "InvalidDocument"


def test_public_sharing_can_be_blocked(ssm, document):
    name, setting = document({"inputs": {"runCommand": ["true"]}}), "/ssm/documents/console/public-sharing-permission"
    share = {"Name": name, "PermissionType": "Share", "AccountIdsToAdd": ["all"]}
    ssm.update_service_setting(SettingId=setting, SettingValue="Disable")
    assert refused(ssm.modify_document_permission, **share) == "InvalidDocumentOperation"
    ssm.reset_service_setting(SettingId=setting)
    ssm.modify_document_permission(**share)


# --- parameters and steps -------------------------------------------------------------------------------------------

PARAMETERS = {
    "word": {"type": "String", "allowedValues": ["red", "green"], "default": "red"},
    "list": {"type": "StringList", "default": ["a", "b"], "maxItems": 2},
    "count": {"type": "Integer", "default": 3},
    "flag": {"type": "Boolean", "default": True},
    "code": {"type": "String", "allowedPattern": "[a-z]{3}", "default": "abc"},
}


def test_parameters_are_filled_in_as_the_agent_does_it(send, output, document):
    text = "echo '{{ word }} {{list}} {{ count }} {{ flag }} {{ unknown }} {{word}}'"
    name = document({"inputs": {"runCommand": [text, "{{ list }}"]}}, **PARAMETERS)
    found = output(send(name, {"word": ["green"], "list": ["echo 1", "echo 2"]}))
    assert found["StandardOutputContent"] == 'green ["echo 1","echo 2"] 3 true {{ unknown }} green\n1\n2\n'
    assert found["PluginName"] == "step0"


@pytest.mark.parametrize(
    "given",
    [{"word": ["blue"]}, {"list": ["1", "2", "3"]}, {"count": ["many"]}, {"flag": ["perhaps"]}, {"code": ["abcd"]},
     {"word": ["red", "green"]}, {"strange": ["x"]}, {"code": ["{{ssm:secret}}"]}],
    ids=str,
)  # fmt: skip
def test_parameters_that_the_document_does_not_allow_are_refused(ssm, hosts, document, given):
    name = document({"inputs": {"runCommand": ["true"]}}, **PARAMETERS)
    refusal = refused(ssm.send_command, DocumentName=name, InstanceIds=hosts[:1], Parameters=given)
    assert refusal == "InvalidParameters"


def test_steps_run_in_order_and_each_has_a_result(send, output, document):
    name = document(
        {"inputs": {"runCommand": ["echo first; exit 4"]}},
        {"precondition": {"StringEquals": ["platformType", "Windows"]}, "inputs": {"runCommand": ["echo never"]}},
        {"inputs": {"runCommand": ["echo third"], "workingDirectory": "/"}},
    )
    command = send(name)
    assert (command["Status"], command["StatusDetails"]) == ("Failed", "Failed")
    found = [output(command, PluginName=f"step{number}") for number in range(3)]
    assert [each["ResponseCode"] for each in found] == [4, 0, 0]
    assert found[1]["StandardOutputContent"].startswith("Step execution skipped due to unsatisfied preconditions")
    assert found[2]["StandardOutputContent"] == "third\n"
    assert refused(output, command) == "InvalidPluginName"


def test_the_agent_keeps_the_script_on_the_host(send, output, hosts, document):
    command = send(parameters=shell("#!/bin/sh", "echo kept in $0"))
    path = (f"/var/lib/amazon/ssm/{hosts[0]}/document/orchestration/{command['CommandId']}/awsrunShellScript/"
            "0.awsrunShellScript/_script.sh")  # fmt: skip
    assert output(command)["StandardOutputContent"].endswith(path + "\n")
    found = output(send(parameters=shell(f'cat "$HOST_ROOT{path}"; stat -c %a "$HOST_ROOT{path}"')))
    assert found["StandardOutputContent"] == "#!/bin/sh\necho kept in $0\n700\n"
    python = send(document({"inputs": {"runCommand": ["#!/usr/bin/env python3", "print(1 + 1)"]}}))
    assert output(python)["StandardOutputContent"] == "2\n"


def test_a_failed_step_may_end_the_document_but_for_its_final_step(send, output, document):
    name = document(
        {"onFailure": "exit", "inputs": {"runCommand": ["exit 1"]}},
        {"inputs": {"runCommand": ["echo never"]}},
        {"finallyStep": True, "inputs": {"runCommand": ["echo last"]}},
    )
    command = send(name)
    found = [output(command, PluginName=f"step{number}") for number in range(3)]
    assert [each["StandardOutputContent"] for each in found] == ["", "", "last\n"]
    assert found[1]["Status"] == "Cancelled"


def test_a_step_that_takes_too_long_is_ended(send, output, document):
    name = document({"inputs": {"runCommand": ["sleep 30"], "timeoutSeconds": "{{ seconds }}"}},
                    seconds={"type": "String", "default": "1"})  # fmt: skip
    command = send(name)
    assert (command["Status"], command["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")
    assert output(command)["ResponseCode"] == 137


def test_powershell_on_a_host_without_it_fails_as_itself(send, output):
    found = output(send("AWS-RunPowerShellScript", shell("Get-Process")))
    assert (found["Status"], found["ResponseCode"]) == ("Failed", 127)


# --- targets and limits ---------------------------------------------------------------------------------------------


def test_each_host_has_a_status_of_its_own(send, output, hosts):
    command = send(parameters=shell("cat $HOST_ROOT/etc/hostname"),
                   Targets=[{"Key": "tag:Fleet", "Values": ["web"]}])  # fmt: skip
    names = {output(command, instance)["StandardOutputContent"] for instance in hosts}
    assert (command["TargetCount"], command["CompletedCount"], len(names)) == (3, 3, 3)


def test_targets_are_joined_by_and(send, ssm, hosts):
    tags = [{"Key": "tag:Fleet", "Values": ["web"]}, {"Key": "tag:Number", "Values": ["1", "2"]}]
    command = send(parameters=shell("true"), Targets=tags)
    found = ssm.list_command_invocations(CommandId=command["CommandId"])["CommandInvocations"]
    assert [each["InstanceId"] for each in found] == hosts[:1]
    nobody = send(parameters=shell("true"), Targets=[{"Key": "tag:Fleet", "Values": ["none"]}])
    assert (nobody["StatusDetails"], nobody["TargetCount"]) == ("NoInstancesInTag", 0)


def test_errors_stop_a_command_that_runs_on_one_host_after_the_other(send, ssm, hosts):
    command = send(parameters=shell("exit 1"), InstanceIds=hosts, MaxConcurrency="1", MaxErrors="1")
    found = ssm.list_command_invocations(CommandId=command["CommandId"])["CommandInvocations"]
    assert sorted(each["StatusDetails"] for each in found) == ["Failed", "Failed", "Terminated"]
    assert (command["Status"], command["ErrorCount"]) == ("Failed", 2)
    enough = send(parameters=shell("exit 1"), InstanceIds=hosts, MaxConcurrency="33%", MaxErrors="100%")
    assert (enough["StatusDetails"], enough["ErrorCount"]) == ("Incomplete", 3)


def test_a_host_that_is_not_there_lets_the_delivery_time_out(service, send, ssm, hosts):
    ec2 = service("ec2")
    ec2.stop_instances(InstanceIds=hosts[2:])
    eventually(lambda: hosts[2] not in online(ssm))
    both = send(parameters=shell("true"), InstanceIds=hosts[1:], TimeoutSeconds=30)
    found = ssm.list_command_invocations(CommandId=both["CommandId"])["CommandInvocations"]
    assert {each["InstanceId"]: (each["Status"], each["StatusDetails"]) for each in found} == {
        hosts[1]: ("Success", "Success"), hosts[2]: ("TimedOut", "DeliveryTimedOut"),
    }  # fmt: skip
    assert (both["StatusDetails"], both["DeliveryTimedOutCount"], both["ErrorCount"]) == ("Incomplete", 1, 0)
    alone = send(parameters=shell("true"), InstanceIds=hosts[2:], TimeoutSeconds=30)
    assert (alone["Status"], alone["StatusDetails"]) == ("TimedOut", "DeliveryTimedOut")
    waiting = ssm.send_command(DocumentName="AWS-RunShellScript", InstanceIds=hosts[2:], Parameters=shell("echo late"),
                               TimeoutSeconds=3600)["Command"]["CommandId"]  # fmt: skip
    ec2.start_instances(InstanceIds=hosts[2:])
    eventually(lambda: ssm.get_command_invocation(CommandId=waiting, InstanceId=hosts[2])["Status"] == "Success")


def test_a_command_that_waits_can_be_cancelled(service, ssm, hosts):
    sent = ssm.send_command(DocumentName="AWS-RunShellScript", InstanceIds=hosts, Parameters=shell("sleep 60"),
                            MaxConcurrency="1")["Command"]["CommandId"]  # fmt: skip
    eventually(lambda: ssm.list_commands(CommandId=sent)["Commands"][0]["Status"] == "InProgress")
    ssm.cancel_command(CommandId=sent, InstanceIds=hosts)
    eventually(lambda: ssm.list_commands(CommandId=sent)["Commands"][0]["Status"] == "Cancelled")
    found = ssm.list_command_invocations(CommandId=sent, Details=True)["CommandInvocations"]
    assert {each["Status"] for each in found} == {"Cancelled"}
    assert {each["CommandPlugins"][0]["Name"] for each in found} == {"aws:runShellScript"}
    assert refused(ssm.cancel_command, CommandId=sent[:-1] + "x") == "InvalidCommandId"


def test_commands_are_listed_by_what_they_are(send, ssm, hosts):
    done = send(parameters=shell("true"))
    rows = ssm.list_commands(Filters=[{"key": "Status", "value": "Success"}], InstanceId=hosts[0])["Commands"]
    assert done["CommandId"] in [each["CommandId"] for each in rows]
    assert {each["Status"] for each in rows} == {"Success"}
    pages = ssm.get_paginator("list_commands").paginate(PaginationConfig={"PageSize": 2})
    sizes = [len(page["Commands"]) for page in pages]
    assert len(sizes) > 1
    assert max(sizes) == 2
    assert refused(ssm.list_commands, Filters=[{"key": "ExecutionStage", "value": "Executing"}]) == "InvalidFilterKey"


@pytest.mark.parametrize(
    "more",
    [{"TimeoutSeconds": 5}, {"NotificationConfig": {"NotificationArn": "arn"}}, {"DocumentHash": "0" * 64},
     {"Targets": [{"Key": "resource-groups:Name", "Values": ["x"]}]},
     {"Targets": [{"Key": "tag:a", "Values": ["x"]}], "InstanceIds": ["i-00000000000000000"]}],
    ids=str,
)  # fmt: skip
def test_what_the_lab_does_not_do_is_refused(ssm, hosts, more):
    asked = {} if "Targets" in more else {"InstanceIds": hosts[:1]}
    refusal = refused(client_without_checks(ssm), DocumentName="AWS-RunShellScript", Parameters=shell("true"),
                      **asked, **more)  # fmt: skip
    assert refusal in ("ValidationException", "InvalidDocument")


def client_without_checks(ssm):
    """SendCommand of a client that does not look at limits itself."""
    made = ssm.meta.config.merge(Config(parameter_validation=False))
    credentials = ssm._request_signer._credentials
    return boto3.client(
        "ssm", endpoint_url=ssm.meta.endpoint_url, region_name=ssm.meta.region_name, config=made,
        aws_access_key_id=credentials.access_key, aws_secret_access_key=credentials.secret_key,
    ).send_command  # fmt: skip


def limited(service, statement, own):
    """An SSM client of a user who has this statement alone."""
    iam, name = service("iam"), unique("sender")
    iam.create_user(UserName=name)
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return client(own, "ssm", LabCredentials(key["AccessKeyId"], key["SecretAccessKey"]))


def test_sending_needs_the_document_and_every_instance(own, service, hosts):
    document = {
        "Effect": "Allow",
        "Action": "ssm:SendCommand",
        "Resource": "arn:aws:ssm:*::document/AWS-RunShellScript",
    }
    asked = {"DocumentName": "AWS-RunShellScript", "Parameters": shell("true")}
    nobody = limited(service, [document], own)
    assert refused(nobody.send_command, InstanceIds=hosts[:1], **asked) == "AccessDeniedException"
    one = [
        document,
        {"Effect": "Allow", "Action": "ssm:SendCommand", "Resource": f"arn:aws:ec2:*:*:instance/{hosts[0]}"},
    ]
    sender = limited(service, one, own)
    sender.send_command(InstanceIds=hosts[:1], **asked)
    assert refused(sender.send_command, InstanceIds=hosts[:2], **asked) == "AccessDeniedException"
    assert refused(sender.send_command, InstanceIds=hosts[:1], DocumentName="AWS-RunPowerShellScript",
                   Parameters=shell("true")) == "AccessDeniedException"  # fmt: skip
    tagged = [document, {"Effect": "Allow", "Action": "ssm:SendCommand", "Resource": "arn:aws:ec2:*:*:instance/*",
                         "Condition": {"StringEquals": {"ssm:resourceTag/Number": "1"}}}]  # fmt: skip
    by_tag = limited(service, tagged, own)
    sent = by_tag.send_command(Targets=[{"Key": "tag:Fleet", "Values": ["web"]}], **asked)["Command"]["CommandId"]

    def outcome():
        found = service("ssm").list_command_invocations(CommandId=sent)["CommandInvocations"]
        return {each["InstanceId"]: each["StatusDetails"] for each in found}

    wanted = {hosts[0]: "Success", hosts[1]: "AccessDenied", hosts[2]: "AccessDenied"}
    eventually(lambda: outcome() == wanted)


def test_inventory_is_what_the_agents_told(ssm, hosts):
    wanted = [{"Key": "AWS:InstanceInformation.InstanceId", "Values": hosts[:1], "Type": "Equal"}]
    (entity,) = ssm.get_inventory(Filters=wanted)["Entities"]
    (entry,) = entity["Data"]["AWS:InstanceInformation"]["Content"]
    assert (entity["Id"], entry["InstanceStatus"], entry["PlatformType"]) == (hosts[0], "Active", "Linux")
    other = [{"Key": "AWS:InstanceInformation.InstanceId", "Values": hosts[:1], "Type": "NotEqual"}]
    assert {each["Id"] for each in ssm.get_inventory(Filters=other)["Entities"]} == set(hosts[1:])
    listed = ssm.list_inventory_entries(InstanceId=hosts[0], TypeName="AWS:InstanceInformation")
    assert listed["Entries"] == [entry]
    assert ssm.list_inventory_entries(InstanceId=hosts[0], TypeName="AWS:Application")["Entries"] == []
    assert refused(ssm.get_inventory, Filters=[{"Key": "AWS:Application.Name", "Values": ["x"]}]) == "InvalidFilter"
    assert refused(ssm.list_inventory_entries, InstanceId="i-00000000000000000", TypeName="AWS:File") == (
        "InvalidInstanceId"
    )


# --- output in S3 ---------------------------------------------------------------------------------------------------


def test_output_goes_to_s3_whole_under_the_agents_keys(service, send, output, hosts, document):
    command = send(parameters=shell("printf '\\377\\n'; head -c 30000 /dev/zero | tr '\\0' x; echo bad >&2"),
                   OutputS3BucketName=OUTPUT, OutputS3KeyPrefix="allowed")  # fmt: skip
    base = f"allowed/{command['CommandId']}/{hosts[0]}/awsrunShellScript/0.awsrunShellScript/"
    s3 = service("s3")
    assert s3.get_object(Bucket=OUTPUT, Key=base + "stdout")["Body"].read() == b"\xff\n" + b"x" * 30000
    assert s3.get_object(Bucket=OUTPUT, Key=base + "stderr")["Body"].read() == b"bad\n"
    assert output(command)["StandardOutputUrl"] == f"https://s3.us-east-1.amazonaws.com/{OUTPUT}/{base}stdout"
    name = document({"inputs": {"runCommand": ["echo hello"]}})
    command = send(name, OutputS3BucketName=OUTPUT, OutputS3KeyPrefix="allowed")
    keys = [
        each["Key"] for each in s3.list_objects_v2(Bucket=OUTPUT, Prefix=f"allowed/{command['CommandId']}")["Contents"]
    ]
    assert keys == [f"allowed/{command['CommandId']}/{hosts[0]}/awsrunShellScript/step0/stdout"]


def test_output_is_written_with_the_hosts_rights_and_no_other(own, service, send, output):
    command = send(parameters=shell("echo secret"), OutputS3BucketName=OUTPUT, OutputS3KeyPrefix="forbidden")
    assert (command["Status"], output(command)["StandardOutputContent"]) == ("Success", "secret\n")
    assert service("s3").list_objects_v2(Bucket=OUTPUT, Prefix="forbidden")["KeyCount"] == 0

    def refused_upload():
        log = output(send(parameters=shell("cat $HOST_ROOT/var/log/amazon/ssm/errors.log")))["StandardOutputContent"]
        return log if "AccessDenied" in log else None

    # The agent notes it when it has tried, which is after the command has ended.
    assert f"forbidden/{command['CommandId']}" in eventually(refused_upload)


def test_the_upload_is_a_call_of_the_hosts_role_from_the_hosts_address(own, service, send, hosts):
    s3, cloudtrail = service("s3"), service("cloudtrail")
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl",
         "Resource": "arn:aws:s3:::ssm-trail"},
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
         "Resource": "arn:aws:s3:::ssm-trail/*"}]}  # fmt: skip
    s3.create_bucket(Bucket="ssm-trail")
    s3.put_bucket_policy(Bucket="ssm-trail", Policy=json.dumps(policy))
    cloudtrail.create_trail(Name="data", S3BucketName="ssm-trail")
    cloudtrail.put_event_selectors(TrailName="data", EventSelectors=[{
        "ReadWriteType": "All", "IncludeManagementEvents": False,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{OUTPUT}/"]}]}])  # fmt: skip
    cloudtrail.start_logging(Name="data")
    send(parameters=shell("echo hello"), OutputS3BucketName=OUTPUT, OutputS3KeyPrefix="allowed/trail")
    record = eventually(lambda: next((each for each in delivered(s3) if each["eventName"] == "PutObject"), None))
    address = service("ec2").describe_instances(InstanceIds=hosts[:1])["Reservations"][0]["Instances"][0]
    assert record["sourceIPAddress"] == address["PrivateIpAddress"]
    assert record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] == "fleet"
    assert "amazon-ssm-agent/" in record["userAgent"]


def delivered(s3):
    for found in s3.list_objects_v2(Bucket="ssm-trail").get("Contents", []):
        if found["Key"].endswith(".json.gz"):
            body = s3.get_object(Bucket="ssm-trail", Key=found["Key"])["Body"].read()
            yield from json.loads(gzip.decompress(body))["Records"]
