"""Automation: runbooks that run commands, call AWS with a role's or the caller's rights, sleep, fail, go on and are stopped."""

import json

import pytest
from lab_tools import client, eventually, lookup, refused, trust, unique

from amberlight.lab import LabCredentials

pytestmark = pytest.mark.lab
ENDED = ("Success", "Failed", "Cancelled", "TimedOut")


@pytest.fixture
def ssm(aws):
    return aws("ssm")


def runbook(*steps, **more):
    return json.dumps({"schemaVersion": "0.3", "description": "test", "mainSteps": list(steps), **more})


def api(name, service, operation, *outputs, **inputs):
    found = [{"Name": key, "Selector": selector, "Type": "String"} for key, selector in outputs]
    return {"name": name, "action": "aws:executeAwsApi", "inputs": {"Service": service, "Api": operation, **inputs},
            "outputs": found}  # fmt: skip


SLEEP = {"name": "wait", "action": "aws:sleep", "inputs": {"Duration": "PT2S"}}


@pytest.fixture
def made(ssm):
    """Make a runbook; gives its name."""

    def make(*steps, **more):
        name = unique("runbook")
        ssm.create_document(Name=name, Content=runbook(*steps, **more), DocumentType="Automation")
        return name

    return make


@pytest.fixture
def run(ssm):
    """Start a runbook and give the execution when it has ended."""

    def started(name, using=None, **parameters):
        number = (using or ssm).start_automation_execution(DocumentName=name, Parameters=parameters)
        return eventually(lambda: next((
            found for found in [ssm.get_automation_execution(**number_only(number))["AutomationExecution"]]
            if found["AutomationExecutionStatus"] in ENDED), None))  # fmt: skip

    return started


def number_only(answer):
    return {"AutomationExecutionId": answer["AutomationExecutionId"]}


@pytest.fixture
def role(prod, aws):
    """A role that Systems Manager may take, with these statements."""

    def make(*statements, service="ssm.amazonaws.com"):
        name = unique("automation")
        arn = aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": service}))["Role"]["Arn"]
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        aws("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
        return arn

    return make


def test_outputs_of_a_step_are_inputs_of_later_ones(aws, ssm, made, run):
    bucket = unique("automated")
    name = made(
        api("who", "sts", "GetCallerIdentity", ("Account", "$.Account"), ("Arn", "$.Arn")),
        api("make", "s3", "CreateBucket", Bucket="{{ bucket }}"),
        api("tag", "s3", "put_bucket_tagging", Bucket="{{ bucket }}",
            Tagging={"TagSet": [{"Key": "by", "Value": "{{ who.Account }} in {{ automation:EXECUTION_ID }}"}]}),
        SLEEP,
        outputs=["who.Arn"], parameters={"bucket": {"type": "String"}},
    )  # fmt: skip
    found = run(name, bucket=[bucket])
    assert (found["AutomationExecutionStatus"], found.get("FailureMessage")) == ("Success", None)
    assert [each["StepStatus"] for each in found["StepExecutions"]] == ["Success"] * 4
    who = aws("sts").get_caller_identity()
    assert found["Outputs"] == {"who.Arn": [who["Arn"]]}
    assert found["ExecutedBy"] == who["Arn"]
    tags = aws("s3").get_bucket_tagging(Bucket=bucket)["TagSet"]
    assert tags == [{"Key": "by", "Value": f"{who['Account']} in {found['AutomationExecutionId']}"}]


def test_a_command_runs_on_the_host(made, run, host):
    step = {"name": "shell", "action": "aws:runCommand", "inputs": {
        "DocumentName": "AWS-RunShellScript", "InstanceIds": ["{{ instance }}"],
        "Parameters": {"commands": ["echo hello"]}}}  # fmt: skip
    name = made(step, parameters={"instance": {"type": "AWS::EC2::Instance::Id"}})
    found = run(name, instance=[host["InstanceId"]])
    (shell,) = found["StepExecutions"]
    assert (shell["StepStatus"], shell["Outputs"]["Output"], shell["Outputs"]["ResponseCode"]) == (
        "Success", ["hello\n"], ["0"],
    )  # fmt: skip
    step["inputs"]["Parameters"]["commands"] = ["exit 7"]
    found = run(made(step, SLEEP, parameters={"instance": {"type": "String"}}), instance=[host["InstanceId"]])
    assert [each["StepStatus"] for each in found["StepExecutions"]] == ["Failed", "Pending"]
    assert found["AutomationExecutionStatus"] == "Failed"
    assert "ended as Failed" in found["FailureMessage"]


def test_it_has_the_roles_rights_and_no_others(aws, made, run, role):
    arn = role({"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"})
    name = made(
        api("users", "iam", "ListUsers", ("Names", "$.Users[*].UserName")), api("roles", "iam", "ListRoles"),
        assumeRole="{{ AutomationAssumeRole }}", parameters={"AutomationAssumeRole": {"type": "AWS::IAM::Role::Arn"}},
    )  # fmt: skip
    found = run(name, AutomationAssumeRole=[arn])
    users, roles = found["StepExecutions"]
    assert users["StepStatus"] == "Success"
    assert "admin" in users["Outputs"]["Names"]
    assert roles["StepStatus"] == "Failed"
    assert "AccessDenied" in roles["FailureMessage"]
    session = f"Automation-{found['AutomationExecutionId']}"
    records = eventually(lambda: lookup(aws("cloudtrail"), Username=session))
    assert {each["eventName"] for each in records} <= {"ListUsers", "ListRoles"}
    assert {each["sourceIPAddress"] for each in records} == {"ssm.amazonaws.com"}


def test_a_role_is_passed_by_whom_it_is_allowed_and_taken_where_it_trusts(lab, aws, ssm, made, role):
    parameters = {"AutomationAssumeRole": {"type": "String"}}
    name = made(SLEEP, assumeRole="{{ AutomationAssumeRole }}", parameters=parameters)
    foreign = role({"Effect": "Allow", "Action": "*", "Resource": "*"}, service="ec2.amazonaws.com")
    asked = {"DocumentName": name, "Parameters": {"AutomationAssumeRole": [foreign]}}
    assert refused(ssm.start_automation_execution, **asked) == "InvalidAutomationExecutionParametersException"
    user = unique("starter")
    aws("iam").create_user(UserName=user)
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ssm:StartAutomationExecution", "Resource": f"arn:aws:ssm:*:*:*/{name}:*"}]}  # fmt: skip
    aws("iam").put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps(policy))
    key = aws("iam").create_access_key(UserName=user)["AccessKey"]
    starter = client(lab, "ssm", LabCredentials(key["AccessKeyId"], key["SecretAccessKey"]))
    trusting = {"DocumentName": name, "Parameters": {"AutomationAssumeRole": [role(
        {"Effect": "Allow", "Action": "*", "Resource": "*"})]}}  # fmt: skip
    assert refused(starter.start_automation_execution, **trusting) == "AccessDeniedException"
    other = made(SLEEP)
    assert refused(starter.start_automation_execution, DocumentName=other) == "AccessDeniedException"
    ssm.start_automation_execution(**trusting)


def test_without_a_role_it_has_the_callers_rights(lab, aws, made, run):
    user = unique("caller")
    aws("iam").create_user(UserName=user)
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["ssm:StartAutomationExecution", "iam:ListUsers"], "Resource": "*"}]}  # fmt: skip
    aws("iam").put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps(policy))
    key = aws("iam").create_access_key(UserName=user)["AccessKey"]
    theirs = client(lab, "ssm", LabCredentials(key["AccessKeyId"], key["SecretAccessKey"]))
    name = made(api("users", "iam", "ListUsers"), api("roles", "iam", "ListRoles"))
    found = run(name, using=theirs)
    assert [each["StepStatus"] for each in found["StepExecutions"]] == ["Success", "Failed"]
    assert found["ExecutedBy"].endswith(f":user/{user}")


def test_a_failure_may_go_on_elsewhere(made, run):
    bad = api("bad", "s3", "HeadBucket", Bucket="no-such-bucket-at-all-here")
    end = api("end", "sts", "GetCallerIdentity")
    name = made({**bad, "onFailure": "step:end"}, SLEEP, {**end, "isEnd": True}, api("never", "iam", "ListUsers"))
    found = run(name)
    assert [each["StepStatus"] for each in found["StepExecutions"]] == ["Failed", "Pending", "Success", "Pending"]
    assert found["AutomationExecutionStatus"] == "Failed"
    found = run(made({**bad, "onFailure": "Continue", "isCritical": False}, end))
    assert found["AutomationExecutionStatus"] == "Success"


def test_it_is_stopped_with_the_command_that_it_runs(ssm, made, host):
    step = {"name": "shell", "action": "aws:runCommand", "inputs": {
        "DocumentName": "AWS-RunShellScript", "InstanceIds": [host["InstanceId"]],
        "Parameters": {"commands": ["sleep 60"]}}}  # fmt: skip
    number = number_only(ssm.start_automation_execution(DocumentName=made(step)))

    def command():
        found = ssm.list_commands(InstanceId=host["InstanceId"])["Commands"]
        return next((each for each in found if each["Parameters"] == {"commands": ["sleep 60"]}
                     and each["Status"] == "InProgress"), None)  # fmt: skip

    sent = eventually(command)["CommandId"]
    listed = ssm.describe_automation_executions(Filters=[{"Key": "ExecutionStatus", "Values": ["InProgress"]}])
    assert number["AutomationExecutionId"] in [
        each["AutomationExecutionId"] for each in listed["AutomationExecutionMetadataList"]
    ]
    ssm.stop_automation_execution(**number)
    eventually(lambda: ssm.list_commands(CommandId=sent)["Commands"][0]["Status"] not in ("Pending", "InProgress"))
    found = ssm.get_automation_execution(**number)["AutomationExecution"]
    assert found["AutomationExecutionStatus"] == "Cancelled"
    assert refused(ssm.stop_automation_execution, **number) == "InvalidAutomationStatusUpdateException"


def test_a_step_that_takes_too_long_ends_the_run(made, run):
    found = run(made({**SLEEP, "inputs": {"Duration": "PT1H"}, "timeoutSeconds": 1}))
    assert (found["AutomationExecutionStatus"], found["StepExecutions"][0]["StepStatus"]) == ("TimedOut", "TimedOut")


@pytest.mark.parametrize(
    "steps",
    [
        [{"name": "a", "action": "aws:executeScript"}], [{"name": "a b", "action": "aws:sleep"}], [],
        [SLEEP, SLEEP], [{**SLEEP, "nextStep": "nowhere"}], [{**SLEEP, "maxAttempts": 3}],
        [{**SLEEP, "outputs": [{"Name": "x", "Selector": "$..Name", "Type": "String"}]}],
    ],
)  # fmt: skip
def test_what_the_lab_does_not_run_is_refused(ssm, steps):
    refusal = refused(ssm.create_document, Name=unique("bad"), Content=runbook(*steps), DocumentType="Automation")
    assert refusal == "InvalidDocumentContent"


def test_what_cannot_be_started_is_refused(ssm, made):
    name = made(SLEEP, parameters={"word": {"type": "String", "allowedValues": ["a"]}})
    start = ssm.start_automation_execution
    wrong = {"DocumentName": name, "Parameters": {"word": ["b"]}}
    assert refused(start, **wrong) == "InvalidAutomationExecutionParametersException"
    assert refused(start, DocumentName="AWS-RunShellScript") == "AutomationDefinitionNotFoundException"
    assert refused(start, DocumentName="no-such-runbook") == "AutomationDefinitionNotFoundException"
    assert refused(start, DocumentName=name, Parameters={"word": ["a"]}, MaxConcurrency="2") == "ValidationException"
    assert refused(ssm.get_automation_execution, AutomationExecutionId="x" * 36) == (
        "AutomationExecutionNotFoundException"
    )
