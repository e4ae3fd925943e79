"""How are the things around the target set up right now: who can reach them, what runs on them, whom do they trust?

Around an instance: the instance with its user data, volumes, network interfaces, security groups and route tables, its
instance profile and that profile's roles. Around a bucket: location, policy, access list, versioning, encryption,
logging, public access block, lifecycle, replication and notification. Around a user, a role or an access key: the
principal with its inline and attached policies and, for a role, who may assume it. Around an account: all instances,
volumes, interfaces, groups and route tables of each Region, the buckets, the users and the roles.

One JSON file per call, as received, lists of several pages joined. A setting that a bucket does not have (no policy, no
replication) is a fact and is written down as such; it is not a gap.

Nothing stays behind, and no resource is touched: only describe, get and list calls are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from amberlight.capture.answers import PROBLEMS, ask, ask_pages, missing, path_of, received
from amberlight.model.errors import NotPossible
from amberlight.model.evidence import Artifact, Bytes, Call, Context, Cost, Missing, Source

BUCKET = {  # operation, and the error code that says: there is none
    "GetBucketLocation": "",
    "GetBucketPolicy": "NoSuchBucketPolicy",
    "GetBucketAcl": "",
    "GetBucketVersioning": "",
    "GetBucketEncryption": "ServerSideEncryptionConfigurationNotFoundError",
    "GetBucketLogging": "",
    "GetPublicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
    "GetBucketLifecycleConfiguration": "NoSuchLifecycleConfiguration",
    "GetBucketReplication": "ReplicationConfigurationNotFoundError",
    "GetBucketNotificationConfiguration": "",
}
REGIONAL = (
    "DescribeInstances",
    "DescribeVolumes",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeRouteTables",
)


def capture(context: Context) -> Iterator[Artifact]:
    """Yield the answers around the target, nearest first."""
    yield from AROUND[context.target.type](context, context.target.name)


def _account(context: Context, _: str) -> Iterator[Artifact]:
    for region in context.regions:
        for operation in REGIONAL:
            yield from ask_pages(context.aws, f"{region}/ec2.{operation}.json", f"ec2.{operation}", region=region)[0]
    for operation in ("s3.ListBuckets", "iam.ListUsers", "iam.ListRoles"):
        yield from ask_pages(context.aws, f"global/{operation}.json", operation)[0]


def _instance(context: Context, name: str) -> Iterator[Artifact]:
    region = context.target.region
    first, pages = ask_pages(
        context.aws, "ec2.DescribeInstances.json", "ec2.DescribeInstances", region=region, InstanceIds=[name]
    )
    yield from first
    found = [one for page in pages for booked in page["Reservations"] for one in booked["Instances"]]
    if pages and not found:
        yield Missing(what=f"instance {name}", state="gone", reason="EC2 knows no such instance in this Region.")
    if (pages and not found) or any(isinstance(one, Missing) and one.state == "gone" for one in first):
        return  # a refusal is another matter: what surrounds the instance may be open to us
    yield ask(
        context.aws, "ec2.DescribeInstanceAttribute.userData.json", "ec2.DescribeInstanceAttribute",
        region=region, InstanceId=name, Attribute="userData",
    )  # fmt: skip
    groups = {group["GroupId"] for one in found for group in one.get("SecurityGroups", [])}
    networks = {one["VpcId"] for one in found if one.get("VpcId")}
    for operation, filters in (
        ("DescribeVolumes", ("attachment.instance-id", {name})),
        ("DescribeNetworkInterfaces", ("attachment.instance-id", {name})),
        ("DescribeSecurityGroups", ("group-id", groups)),
        ("DescribeRouteTables", ("vpc-id", networks)),
    ):
        if filters[1]:
            wanted = [{"Name": filters[0], "Values": sorted(filters[1])}]
            yield from ask_pages(
                context.aws, f"ec2.{operation}.json", f"ec2.{operation}", region=region, Filters=wanted
            )[0]
    for profile in sorted({one["IamInstanceProfile"]["Arn"] for one in found if one.get("IamInstanceProfile")}):
        yield from _profile(context, profile.rpartition("/")[2])


def _profile(context: Context, name: str) -> Iterator[Artifact]:
    path = f"iam.GetInstanceProfile.{path_of(name)}.json"
    try:
        answer = context.aws.call("iam.GetInstanceProfile", InstanceProfileName=name)
    except PROBLEMS as problem:
        yield missing(path, problem)
        return
    yield Bytes(path=path, data=received(answer), facts={"call": "iam.GetInstanceProfile"})
    for role in answer["InstanceProfile"].get("Roles", []):
        yield from _role(context, role["RoleName"])


def _bucket(context: Context, name: str) -> Iterator[Artifact]:
    for operation, absent in BUCKET.items():
        path = f"s3.{operation}.json"
        try:
            answer = context.aws.call(f"s3.{operation}", Bucket=name)
        except NotPossible as problem:
            if not absent or problem.aws_code != absent:
                gap = missing(path, problem)
                yield gap
                if gap.state == "gone":
                    return
                continue
            answer = {"absent": absent}
        except PROBLEMS as problem:
            yield missing(path, problem)
            continue
        facts = {"call": f"s3.{operation}", "absent": answer.get("absent") == absent != ""}
        yield Bytes(path=path, data=received(answer), facts=facts)


def _user(context: Context, name: str) -> Iterator[Artifact]:
    yield from _principal(context, "User", name)
    for operation in ("ListGroupsForUser", "ListAccessKeys", "ListMFADevices"):
        path = f"iam.{operation}.{path_of(name)}.json"
        yield from ask_pages(context.aws, path, f"iam.{operation}", UserName=name)[0]


def _role(context: Context, name: str) -> Iterator[Artifact]:
    yield from _principal(context, "Role", name)


def _key(context: Context, name: str) -> Iterator[Artifact]:
    path = f"iam.GetAccessKeyLastUsed.{path_of(name)}.json"
    try:
        answer = context.aws.call("iam.GetAccessKeyLastUsed", AccessKeyId=name)
    except PROBLEMS as problem:
        yield missing(path, problem)
        return
    yield Bytes(path=path, data=received(answer), facts={"call": "iam.GetAccessKeyLastUsed"})
    if answer.get("UserName"):
        yield from _user(context, answer["UserName"])


def _principal(context: Context, kind: str, name: str) -> Iterator[Artifact]:
    """The principal itself (for a role with its trust), its inline policies and the attached ones."""
    aws, end, who = context.aws, f".{path_of(name)}.json", {f"{kind}Name": name}
    first = ask(aws, f"iam.Get{kind}{end}", f"iam.Get{kind}", **who)
    yield first
    if isinstance(first, Missing):
        return
    inline, pages = ask_pages(aws, f"iam.List{kind}Policies{end}", f"iam.List{kind}Policies", **who)
    yield from inline
    for policy in sorted(name for page in pages for name in page["PolicyNames"]):
        path = f"iam.Get{kind}Policy.{path_of(name)}.{path_of(policy)}.json"
        yield ask(aws, path, f"iam.Get{kind}Policy", **who, PolicyName=policy)
    attached, pages = ask_pages(aws, f"iam.ListAttached{kind}Policies{end}", f"iam.ListAttached{kind}Policies", **who)
    yield from attached
    for arn in sorted(policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]):
        yield from _managed(context, arn)


def _managed(context: Context, arn: str) -> Iterator[Artifact]:
    """A managed policy in the version that is in force."""
    name = path_of(arn.partition(":policy/")[2].replace("/", "."))
    try:
        answer = context.aws.call("iam.GetPolicy", PolicyArn=arn)
    except PROBLEMS as problem:
        yield missing(f"iam.GetPolicy.{name}.json", problem)
        return
    yield Bytes(path=f"iam.GetPolicy.{name}.json", data=received(answer), facts={"call": "iam.GetPolicy"})
    version = answer["Policy"]["DefaultVersionId"]
    yield ask(
        context.aws, f"iam.GetPolicyVersion.{name}.json", "iam.GetPolicyVersion", PolicyArn=arn, VersionId=version
    )


AROUND: dict[str, Callable[[Context, str], Iterator[Artifact]]] = {
    "account": _account,
    "instance": _instance,
    "bucket": _bucket,
    "user": _user,
    "role": _role,
    "key": _key,
}
ACTIONS = {  # where the permission is not called like the operation
    "s3.ListBuckets": "s3:ListAllMyBuckets",
    "s3.GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3.GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3.GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3.GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3.GetBucketNotificationConfiguration": "s3:GetBucketNotification",
}
OPERATIONS = (
    *(f"ec2.{operation}" for operation in (*REGIONAL, "DescribeInstanceAttribute")),
    *(f"s3.{operation}" for operation in ("ListBuckets", *BUCKET)),
    *(f"iam.{operation}" for operation in ("ListUsers", "ListRoles", "GetInstanceProfile", "GetAccessKeyLastUsed")),
    *(f"iam.{operation}" for operation in ("ListGroupsForUser", "ListAccessKeys", "ListMFADevices")),
    *(f"iam.{verb}{kind}{what}" for kind in ("User", "Role") for verb, what in (
        ("Get", ""), ("List", "Policies"), ("Get", "Policy"), ("ListAttached", "Policies"))),
    "iam.GetPolicy",
    "iam.GetPolicyVersion",
)  # fmt: skip

SOURCE = Source(
    id="config.inventory",
    title="Set-up of the target and what surrounds it",
    takes=tuple(AROUND),
    capture=capture,
    calls=tuple(
        Call(operation=operation, actions=(ACTIONS.get(operation, operation.replace(".", ":")),))
        for operation in OPERATIONS
    ),
    seen=1,
    seen_text="describe, get and list calls are in the account's trail",
    gone_after=None,
    reaches_back=timedelta(0),
    cost=Cost(usd=0.0, basis="describe, get and list calls are free of charge (2026-11)"),
    needs=(),
    yields=("application/json",),
    leaves=(),
    references=(
        "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html",
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceAttribute.html",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicyVersion.html",
    ),
)
