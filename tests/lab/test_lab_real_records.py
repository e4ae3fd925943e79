"""The lab's record of a call has exactly the key paths of a real record of the same call."""

import io
import json
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from lab_tools import allow, client, eventually, lookup, trust, unique
from real_records import paths

from amberlight.lab import LabCredentials

pytestmark = pytest.mark.lab
REAL = json.loads((Path(__file__).parent / "data/cloudtrail_paths.json").read_text(encoding="utf-8"))
ABSENT = {
    "ssm:StartSession": "the lab has no session manager",
    "ssm:TerminateSession": "the lab has no session manager",
}
"""Kinds of records in the data that the lab cannot make, and why."""

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOtAlK45MAEWZ7MUY2QEmi3M6W+peGL3VCrc0qH54xRu"


def refusal(call, **params):
    """The answer of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response


class Calls:
    """The calls behind the real records: each method gives kinds with the answer of a call."""

    def __init__(self, lab, prod, host, aws):
        self.lab, self.prod, self.host, self.aws = lab, prod, host, aws
        self.user, self.role = unique("same-user"), unique("same-role")
        self.arn = f"arn:aws:iam::{prod.id}:role/{self.role}"

    def iam(self):
        iam = self.aws("iam")
        iam.create_user(UserName=self.user)
        trusted = trust({"AWS": f"arn:aws:iam::{self.prod.id}:root"})
        boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess"
        yield (
            "iam:CreateRole",
            iam.create_role(RoleName=self.role, AssumeRolePolicyDocument=trusted, PermissionsBoundary=boundary),
        )
        yield (
            "iam:AttachRolePolicy",
            iam.attach_role_policy(RoleName=self.role, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"),
        )
        yield "iam:CreateAccessKey", iam.create_access_key(UserName=self.user)
        yield (
            "iam:CreateLoginProfile",
            iam.create_login_profile(UserName=self.user, Password="An0ther!Secret", PasswordResetRequired=False),
        )
        yield "iam:DeleteLoginProfile", refusal(iam.delete_login_profile, UserName=self.user)

    def sessions(self):
        sts, iam = self.aws("sts"), self.aws("iam")
        yield "sts:GetCallerIdentity", sts.get_caller_identity()
        assumed = sts.assume_role(RoleArn=self.arn, RoleSessionName="same", DurationSeconds=900)
        yield "sts:AssumeRole", assumed
        closed = iam.create_role(
            RoleName=unique("closed"), AssumeRolePolicyDocument=trust({"Service": "x.amazonaws.com"})
        )
        arn = closed["Role"]["Arn"]
        low = self.low()
        yield "sts:AssumeRole", refusal(client(self.lab, "sts", low).assume_role, RoleArn=arn, RoleSessionName="same")
        inside = client(self.lab, "ec2", self.credentials(assumed))
        iam.detach_role_policy(RoleName=self.role, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
        yield (
            "ec2:DescribeInstanceAttribute",
            refusal(inside.describe_instance_attribute, InstanceId=self.host["InstanceId"], Attribute="userData"),
        )
        federated = sts.get_federation_token(Name="stratus_red_team", Policy=allow("*"))
        yield "sts:GetFederationToken", federated
        yield "sts:GetCallerIdentity", client(self.lab, "sts", self.credentials(federated)).get_caller_identity()

    def low(self):
        key = self.aws("iam").create_access_key(UserName=self.user)["AccessKey"]
        return LabCredentials(key["AccessKeyId"], key["SecretAccessKey"])

    @staticmethod
    def credentials(answer):
        made = answer["Credentials"]
        return LabCredentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])

    def instances(self):
        ec2 = self.aws("ec2")
        yield "ec2:DescribeInstances", ec2.describe_instances(InstanceIds=[self.host["InstanceId"]])
        other = ec2.run_instances(ImageId="ami-00000001", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        yield "ec2:StopInstances", ec2.stop_instances(InstanceIds=[other], Force=True)
        yield "ec2:ModifyInstanceAttribute", ec2.modify_instance_attribute(InstanceId=other, UserData={"Value": b"x"})
        yield "ec2:StartInstances", ec2.start_instances(InstanceIds=[other])
        ec2.terminate_instances(InstanceIds=[other])

    def console(self):
        yield "ec2:EnableSerialConsoleAccess", self.aws("ec2").enable_serial_console_access()
        yield (
            "ec2-instance-connect:SendSerialConsoleSSHPublicKey",
            self.aws("ec2-instance-connect").send_serial_console_ssh_public_key(
                InstanceId=self.host["InstanceId"], SerialPort=0, SSHPublicKey=KEY
            ),
        )

    def shared(self):
        ec2, permission = self.aws("ec2"), {"Add": [{"UserId": "012345678901"}]}
        volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
        snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        yield (
            "ec2:ModifySnapshotAttribute",
            ec2.modify_snapshot_attribute(
                SnapshotId=snapshot, Attribute="createVolumePermission", CreateVolumePermission=permission
            ),
        )
        eventually(lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed")
        root = {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}
        image = ec2.register_image(Name=unique("image"), RootDeviceName="/dev/xvda", BlockDeviceMappings=[root])[
            "ImageId"
        ]
        yield "ec2:ModifyImageAttribute", ec2.modify_image_attribute(ImageId=image, LaunchPermission=permission)

    def parameters(self):
        ssm, secrets = self.aws("ssm"), self.aws("secretsmanager")
        filters = [{"Key": "InstanceIds", "Values": [self.host["InstanceId"]]}]
        yield "ssm:DescribeInstanceInformation", ssm.describe_instance_information(Filters=filters)
        names = [unique("/same") for _ in range(11)]
        for name in names:
            ssm.put_parameter(Name=name, Value="v", Type="SecureString")
        yield "ssm:GetParameters", ssm.get_parameters(Names=names[:2], WithDecryption=True)
        page = ssm.describe_parameters(MaxResults=10)
        yield "ssm:DescribeParameters", page
        yield "ssm:DescribeParameters", ssm.describe_parameters(MaxResults=10, NextToken=page["NextToken"])
        secret = secrets.create_secret(Name=unique("secret"), SecretString="s")["ARN"]
        yield "secretsmanager:GetSecretValue", secrets.get_secret_value(SecretId=secret)
        tag = [{"Key": "tag-key", "Values": ["x"]}]
        yield "secretsmanager:ListSecrets", secrets.list_secrets(Filters=tag, MaxResults=100)

    def trails(self):
        trails, s3, logs, name = self.aws("cloudtrail"), self.aws("s3"), unique("trail-logs"), unique("trail")
        s3.create_bucket(Bucket=logs)
        writer = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:*",
                  "Resource": [f"arn:aws:s3:::{logs}", f"arn:aws:s3:::{logs}/*"]}  # fmt: skip
        s3.put_bucket_policy(Bucket=logs, Policy=json.dumps({"Version": "2012-10-17", "Statement": [writer]}))
        trails.create_trail(Name=name, S3BucketName=logs)
        yield "cloudtrail:StopLogging", trails.stop_logging(Name=name)
        yield "cloudtrail:DeleteTrail", trails.delete_trail(Name=name)

    def function(self):
        functions, name, packed = self.aws("lambda"), unique("function"), io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("handler.py", "def handler(event, context):\n    return {}\n")
        role = self.aws("iam").create_role(
            RoleName=name, AssumeRolePolicyDocument=trust({"Service": "lambda.amazonaws.com"})
        )["Role"]["Arn"]
        functions.create_function(
            FunctionName=name, Runtime="python3.11", Role=role, Handler="handler.handler",
            Code={"ZipFile": packed.getvalue()}, Environment={"Variables": {"SECRET": "value-of-it"}},
        )  # fmt: skip
        functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        layer = functions.publish_layer_version(LayerName=name, Content={"ZipFile": packed.getvalue()})
        yield (
            "lambda:UpdateFunctionConfiguration20150331v2",
            functions.update_function_configuration(FunctionName=name, Layers=[layer["LayerVersionArn"]]),
        )

    def queries(self):
        resolver = self.aws("route53resolver")
        made = resolver.create_resolver_query_log_config(
            Name="same", DestinationArn="arn:aws:s3:::same", CreatorRequestId=unique("request")
        )["ResolverQueryLogConfig"]
        yield (
            "route53resolver:DeleteResolverQueryLogConfig",
            resolver.delete_resolver_query_log_config(ResolverQueryLogConfigId=made["Id"]),
        )

    def all(self):
        for part in (self.iam, self.sessions, self.instances, self.console, self.shared, self.parameters, self.trails,
                     self.function, self.queries):  # fmt: skip
            yield from part()


def sign_in(lab, account, user, password):
    """What the console's page answers."""
    form = {"action": "iam-user-authentication", "account": account, "username": user, "password": password}
    body = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{lab.endpoint}/_signin/authenticate", body) as answer:  # noqa: S310
        return json.load(answer)["properties"]["result"]


def compared(record, key):
    """The differences from the closest real record of that kind; none when one is exactly alike."""
    identity = paths(record["userIdentity"])
    known = [set(one) for one in REAL["identities"][record["userIdentity"]["type"]]]
    ours = {path for path in paths(record) if path.partition(".")[0] != "userIdentity"}
    real = [set(REAL["common"]) | set(beyond) for beyond in REAL["beyond"][key]]
    alike = min((ours ^ each for each in real), key=len) | min((identity ^ each for each in known), key=len)
    return sorted(f"{'extra' if path in ours | identity else 'missing'} {path}" for path in alike)


def test_records_have_the_key_paths_of_real_ones(lab, prod, host, aws):
    trail, calls, shown, different = aws("cloudtrail"), Calls(lab, prod, host, aws), set(), {}

    def recorded(answer, name):
        ident = answer["ResponseMetadata"]["RequestId"]
        return eventually(lambda: next((r for r in lookup(trail, EventName=name) if r["requestID"] == ident), None))

    made = [(key, recorded(answer, key.split(":")[1])) for key, answer in calls.all()]
    assert sign_in(lab, prod.id, calls.user, "An0ther!Secret") == "SUCCESS"
    # Others sign in, too, and not all of them rightly.
    signed_in = eventually(lambda: [record for record in lookup(trail, EventName="ConsoleLogin")
                                    if record["userIdentity"].get("userName") == calls.user])  # fmt: skip
    made.append(("signin:ConsoleLogin", signed_in[0]))
    for key, record in made:
        if found := compared(record, key):
            different.setdefault(key, []).append(found)
        shown.add(key)
    assert different == {}, json.dumps(different)
    assert set(REAL["beyond"]) - shown == set(ABSENT)
