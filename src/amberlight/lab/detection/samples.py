"""GuardDuty's sample findings: real types with invented details, marked as samples.

References:
    "Sample findings" and "GuardDuty finding types", GuardDuty User Guide, 2026-11; the invented names are those of AWS's samples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from amberlight.lab.detection.guardduty import Made
from amberlight.lab.detection.seen import NOWHERE

_HIGH, _MEDIUM, _LOW, _CRITICAL = 8.0, 5.0, 2.0, 9.0

TYPES: Mapping[str, tuple[float, str, str]] = {
    "AttackSequence:IAM/CompromisedCredentials": (_CRITICAL, "sequence", "A sequence of actions indicates compromised credentials."),
    "AttackSequence:S3/CompromisedData": (_CRITICAL, "sequence", "A sequence of actions indicates compromised data in S3."),
    "Backdoor:EC2/C&CActivity.B": (_HIGH, "network", "EC2 instance {0} is querying an IP address of a known Command & Control server."),
    "Backdoor:EC2/C&CActivity.B!DNS": (_HIGH, "dns", "EC2 instance {0} is querying a domain name of a known Command & Control server."),
    "Backdoor:EC2/DenialOfService.Tcp": (_HIGH, "network", "EC2 instance {0} may be used to perform a Denial of Service attack over TCP."),
    "CredentialAccess:IAMUser/AnomalousBehavior": (_MEDIUM, "key", "An API of credential access was invoked in an anomalous way by {0}."),
    "CryptoCurrency:EC2/BitcoinTool.B": (_HIGH, "network", "EC2 instance {0} is querying an IP address of cryptocurrency activity."),
    "CryptoCurrency:EC2/BitcoinTool.B!DNS": (_HIGH, "dns", "EC2 instance {0} is querying a domain name of cryptocurrency activity."),
    "DefenseEvasion:IAMUser/AnomalousBehavior": (_MEDIUM, "key", "An API of defense evasion was invoked in an anomalous way by {0}."),
    "Discovery:IAMUser/AnomalousBehavior": (_LOW, "key", "An API of discovery was invoked in an anomalous way by {0}."),
    "Discovery:S3/MaliciousIPCaller": (_HIGH, "bucket", "An S3 API of discovery was invoked from a known malicious IP address."),
    "Exfiltration:IAMUser/AnomalousBehavior": (_HIGH, "key", "An API of data exfiltration was invoked in an anomalous way by {0}."),
    "Exfiltration:S3/AnomalousBehavior": (_HIGH, "bucket", "An S3 API of exfiltration was invoked in an anomalous way."),
    "Impact:EC2/PortSweep": (_HIGH, "network", "EC2 instance {0} is probing a port on many IP addresses."),
    "Impact:IAMUser/AnomalousBehavior": (_HIGH, "key", "An API of tampering with data was invoked in an anomalous way by {0}."),
    "Impact:S3/AnomalousBehavior.Delete": (_HIGH, "bucket", "An S3 API that deletes data was invoked in an anomalous way."),
    "InitialAccess:IAMUser/AnomalousBehavior": (_MEDIUM, "key", "An API of initial access was invoked in an anomalous way by {0}."),
    "PenTest:IAMUser/KaliLinux": (_MEDIUM, "key", "An API was invoked from a Kali Linux machine by {0}."),
    "Persistence:IAMUser/AnomalousBehavior": (_MEDIUM, "key", "An API of persistence was invoked in an anomalous way by {0}."),
    "Policy:IAMUser/RootCredentialUsage": (_LOW, "key", "An API was invoked using root credentials."),
    "Policy:S3/BucketAnonymousAccessGranted": (_HIGH, "bucket", "An S3 bucket was granted anonymous access."),
    "Policy:S3/BucketBlockPublicAccessDisabled": (_LOW, "bucket", "S3 Block Public Access was disabled for a bucket."),
    "Policy:S3/BucketPublicAccessGranted": (_HIGH, "bucket", "An S3 bucket was granted access for all AWS users."),
    "PrivilegeEscalation:IAMUser/AnomalousBehavior": (_MEDIUM, "key", "An API of privilege escalation was invoked in an anomalous way by {0}."),
    "Recon:EC2/Portscan": (_MEDIUM, "network", "EC2 instance {0} is performing outbound port scans."),
    "Recon:IAMUser/MaliciousIPCaller.Custom": (_MEDIUM, "key", "An API of discovery was invoked from an IP address on a custom threat list."),
    "Stealth:IAMUser/CloudTrailLoggingDisabled": (_LOW, "key", "An AWS CloudTrail trail was disabled."),
    "Stealth:IAMUser/PasswordPolicyChange": (_LOW, "key", "The account password policy was weakened."),
    "Stealth:S3/ServerAccessLoggingDisabled": (_LOW, "bucket", "S3 server access logging was disabled for a bucket."),
    "Trojan:EC2/DNSDataExfiltration": (_HIGH, "dns", "EC2 instance {0} is sending data out through DNS queries."),
    "UnauthorizedAccess:EC2/SSHBruteForce": (_LOW, "network", "EC2 instance {0} is involved in SSH brute force attacks."),
    "UnauthorizedAccess:EC2/TorClient": (_HIGH, "network", "EC2 instance {0} is communicating with the Tor network."),
    "UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B": (_MEDIUM, "key", "Console logins of {0} succeeded from several places."),
    "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.InsideAWS": (_HIGH, "key", "Instance credentials were used from a remote AWS account."),
    "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS": (_HIGH, "key", "Instance credentials were used from an external IP address."),
    "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom": (_MEDIUM, "key", "An API was invoked from an IP address on a custom threat list."),
    "UnauthorizedAccess:IAMUser/TorIPCaller": (_MEDIUM, "key", "An API was invoked from a Tor exit node."),
}  # fmt: skip
"""Types that can be planted or made as samples: severity, kind, title."""

_REMOTE = {**NOWHERE, "ipAddressV4": "198.51.100.0", "city": {"cityName": "GeneratedFindingCityName"},
           "country": {"countryName": "GeneratedFindingCountryName"},
           "organization": {"asn": "-1", "asnOrg": "GeneratedFindingASNOrg", "isp": "GeneratedFindingISP",
                            "org": "GeneratedFindingORG"}}  # fmt: skip
_KEY = {"accessKeyId": "GeneratedFindingAccessKeyId", "principalId": "GeneratedFindingPrincipalId",
        "userType": "IAMUser", "userName": "GeneratedFindingUserName"}  # fmt: skip
_INSTANCE = {"instanceId": "i-99999999", "instanceType": "m3.xlarge", "instanceState": "running",
             "availabilityZone": "GeneratedFindingInstanceAvailabilityZone", "imageId": "ami-99999999",
             "tags": [{"key": "GeneratedFindingInstaceTag1", "value": "GeneratedFindingInstaceValue1"}]}  # fmt: skip
_BUCKET = {"arn": "arn:aws:s3:::bucketName", "name": "bucketName", "type": "Destination"}
_CALL = {"actionType": "AWS_API_CALL", "awsApiCallAction": {
    "api": "GeneratedFindingAPIName", "serviceName": "GeneratedFindingAPIServiceName", "callerType": "Remote IP",
    "remoteIpDetails": _REMOTE, "affectedResources": {},
}}  # fmt: skip
_PACKETS = {"actionType": "NETWORK_CONNECTION", "networkConnectionAction": {
    "connectionDirection": "OUTBOUND", "protocol": "TCP", "blocked": False, "remoteIpDetails": _REMOTE,
    "localPortDetails": {"port": 39677, "portName": "Unknown"}, "remotePortDetails": {"port": 80, "portName": "HTTP"},
}}  # fmt: skip
_DNS = {"actionType": "DNS_REQUEST", "dnsRequestAction": {
    "domain": "GeneratedFindingDomainName", "protocol": "UDP", "blocked": False,
}}  # fmt: skip
KINDS: Mapping[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "key": ({"resourceType": "AccessKey", "accessKeyDetails": _KEY}, _CALL, "GeneratedFindingUserName"),
    "bucket": ({"resourceType": "S3Bucket", "accessKeyDetails": _KEY, "s3BucketDetails": [_BUCKET]}, _CALL, ""),
    "network": ({"resourceType": "Instance", "instanceDetails": _INSTANCE}, _PACKETS, "i-99999999"),
    "dns": ({"resourceType": "Instance", "instanceDetails": _INSTANCE}, _DNS, "i-99999999"),
    "sequence": ({"resourceType": "AttackSequence"}, {}, ""),
}
"""For each kind of type: resource, action, and who stands in the title."""


def sample(name: str, now: float) -> Made:
    """The sample finding of a type."""
    severity, kind, title = TYPES[name]
    resource, action, whose = KINDS[kind]
    return Made(
        type=name, severity=severity, title="[SAMPLE] " + title.format(whose), description=title.format(whose),
        resource=resource, action=action, subject="sample", when=now,
        role="ACTOR" if kind in ("network", "dns") else "TARGET",
        additional={"sample": True, "type": "default", "value": json.dumps({"sample": True})},
    )  # fmt: skip
