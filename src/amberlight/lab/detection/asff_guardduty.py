"""A GuardDuty finding in the form in which GuardDuty sends it to Security Hub.

References:
    "Integrating with AWS Security Hub", GuardDuty User Guide, 2026-11: types, severity, state; product fields as in real findings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TYPES = (
    ("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration", "Effects/Data Exfiltration"),
    ("Exfiltration:", "Effects/Data Exfiltration"), ("Impact:", "TTPs/Impact"), ("Policy:S3", "Effects/Data Exposure"),
    ("Policy:", "TTPs"), ("Backdoor:", "TTPs/Command and Control"), ("CryptoCurrency:", "TTPs/Command and Control"),
    ("Trojan:", "TTPs/Command and Control"), ("Recon:", "TTPs/Discovery"), ("Discovery:", "TTPs/Discovery"),
    ("Stealth:", "TTPs/Defense Evasion"), ("DefenseEvasion:", "TTPs/Defense Evasion"),
    ("Persistence:", "TTPs/Persistence"), ("PrivilegeEscalation:", "TTPs/Privilege Escalation"),
    ("CredentialAccess:", "TTPs/Credential Access"), ("UnauthorizedAccess:EC2", "TTPs/Initial Access"),
    ("InitialAccess:", "TTPs/Initial Access"), ("", "TTPs"),
)  # fmt: skip
"""Beginning of a finding type, and under which category it goes: the first that fits."""

_MOST_FIELDS = 45


def converted(finding: Mapping[str, Any]) -> dict[str, Any]:
    """The finding in ASFF."""
    region, detector = finding["region"], finding["arn"].split("/finding/")[0]
    category = next(given for start, given in _TYPES if finding["type"].startswith(start))
    service = finding["service"]
    return {
        "SchemaVersion": "2018-10-08", "Id": finding["arn"], "GeneratorId": detector, "Region": region,
        "ProductArn": f"arn:aws:securityhub:{region}::product/aws/guardduty", "AwsAccountId": finding["accountId"],
        "Types": [f"{category}/{finding['type'].replace('/', '-')}"],
        "FirstObservedAt": service["eventFirstSeen"], "LastObservedAt": service["eventLastSeen"],
        "CreatedAt": finding["createdAt"], "UpdatedAt": finding["updatedAt"],
        "Severity": {"Product": finding["severity"], "Normalized": round(finding["severity"] * 10)},
        "Title": finding["title"][:256], "Description": finding["description"][:1024],
        "SourceUrl": f"https://{region}.console.aws.amazon.com/guardduty/home?region={region}#/findings?macros=current"
                     f"&fId={finding['id']}",
        "ProductFields": dict(list(_flat("aws/guardduty/service", service))[:_MOST_FIELDS]),
        "Resources": _resources(finding), "RecordState": "ARCHIVED" if service["archived"] else "ACTIVE",
        "Sample": bool(service["additionalInfo"].get("sample")),
    }  # fmt: skip


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _flat(f"{path}/{name}", each)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _flat(f"{path}:{number}", each)
    elif value != "":
        yield path[:128], (str(value).lower() if isinstance(value, bool) else str(value))[:2048]


def _resources(finding: Mapping[str, Any]) -> list[dict[str, Any]]:
    resource, account, region = finding["resource"], finding["accountId"], finding["region"]
    found: list[dict[str, Any]] = []
    if key := resource.get("accessKeyDetails"):
        found.append({"Type": "AwsIamAccessKey", "Id": f"AWS::IAM::AccessKey:{key.get('accessKeyId')}", "Details": {
            "AwsIamAccessKey": {"PrincipalId": key.get("principalId", ""), "PrincipalType": key.get("userType", ""),
                                "PrincipalName": key.get("userName", "")}}})  # fmt: skip
    if instance := resource.get("instanceDetails"):
        arn = f"arn:aws:ec2:{region}:{account}:instance/{instance['instanceId']}"
        found.append({"Type": "AwsEc2Instance", "Id": arn, "Details": {"AwsEc2Instance": _instance(instance)}})
    found.extend(
        {"Type": "AwsS3Bucket", "Id": f"arn:aws:s3:::{each['name']}"} for each in resource.get("s3BucketDetails", ())
    )
    if not found:
        found.append({"Type": "AwsAccount", "Id": f"AWS::::Account:{account}"})
    return [{**each, "Partition": "aws", "Region": region} for each in found]


def _instance(details: Mapping[str, Any]) -> dict[str, Any]:
    (interface, *_) = details.get("networkInterfaces") or [{}]
    named = {"Type": details.get("instanceType"), "ImageId": details.get("imageId"), "LaunchedAt": details.get("launchTime"),
             "VpcId": interface.get("vpcId"), "SubnetId": interface.get("subnetId")}  # fmt: skip
    addresses = [each for each in (interface.get("privateIpAddress"), interface.get("publicIp")) if each]
    made = {name: value for name, value in named.items() if value}
    return {**made, "IpV4Addresses": addresses} if addresses else made
