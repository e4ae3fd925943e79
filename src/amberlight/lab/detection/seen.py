"""One recorded call, with what GuardDuty's rules ask of it, and the parts of a finding that follow from it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.hosts import Host, Hosts
from amberlight.lab.recorder.history import Event
from amberlight.lab.recorder.requests import Call

NOWHERE: Mapping[str, Any] = {
    "city": {"cityName": ""}, "country": {"countryName": ""}, "geoLocation": {"lat": 0.0, "lon": 0.0},
    "organization": {"asn": "-1", "asnOrg": "", "isp": "", "org": ""},
}  # fmt: skip
"""The location of an address that no list knows: the lab's are private or for documentation."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seen:
    """A call by a caller of the account."""

    event: Event
    call: Call
    before: Any
    """What the call was about, as it was before; see `rules.look_before`."""
    at: Host | None
    """The instance at the source address."""
    own: Host | None
    """The instance that the caller's credentials were made for, if it still has a body."""

    @property
    def record(self) -> Mapping[str, Any]:
        """The CloudTrail record."""
        return self.event.record

    @property
    def identity(self) -> Mapping[str, Any]:
        """Its `userIdentity`."""
        found: Mapping[str, Any] = self.record["userIdentity"]
        return found

    @property
    def succeeded(self) -> bool:
        """Whether it was not refused."""
        return "errorCode" not in self.record

    @property
    def name(self) -> str:
        """`service:Operation`."""
        return f"{self.call.service}:{self.call.operation}"

    @property
    def instance(self) -> str:
        """The id of the instance that the credentials were made for, or nothing."""
        delivered = self.identity.get("sessionContext", {}).get("ec2RoleDelivery")
        return str(self.identity["principalId"]).rsplit(":", 1)[-1] if delivered else ""

    def words(self) -> dict[str, str]:
        """What titles and descriptions are made of."""
        name, kind = user(self.identity), str(self.identity["type"])
        trail = self.call.params.get("Name") or next(
            (name for kind, name in self.event.resources if "Trail" in kind), ""
        )
        return {
            "api": str(self.record["eventName"]), "principal": f"{kind}:{name}", "user": name,
            "address": str(self.record["sourceIPAddress"]), "bucket": str(self.call.params.get("Bucket", "")),
            "trail": str(trail), "instance": self.instance,
        }  # fmt: skip


def look(event: Event, before: Any, hosts: Hosts) -> Seen | None:
    """The call of an event; None for what AWS did itself and for callers of other accounts."""
    if event.call is None or event.caller is None or event.caller.account != event.account:
        return None
    first = Seen(event=event, call=event.call, before=before, at=hosts.at(event.record["sourceIPAddress"]), own=None)
    return dataclasses.replace(first, own=hosts.get(first.instance))


def user(identity: Mapping[str, Any]) -> str:
    """`userName` of a finding: the role for a session, not its name."""
    if identity["type"] == "Root":
        return "Root"
    issuer = identity.get("sessionContext", {}).get("sessionIssuer", {})
    return str(identity.get("userName") or issuer.get("userName") or "")


def key_details(seen: Seen) -> dict[str, Any]:
    """`accessKeyDetails`."""
    identity = seen.identity
    return {"accessKeyId": identity.get("accessKeyId", ""), "principalId": identity["principalId"],
            "userType": identity["type"], "userName": user(identity)}  # fmt: skip


def api_call(seen: Seen) -> dict[str, Any]:
    """`action` of a finding about an API call."""
    record = seen.record
    made: dict[str, Any] = {
        "api": record["eventName"], "serviceName": record["eventSource"], "callerType": "Remote IP",
        "userAgent": record["userAgent"], "remoteIpDetails": {"ipAddressV4": record["sourceIPAddress"], **NOWHERE},
        "affectedResources": dict(seen.event.resources),
    }  # fmt: skip
    if not seen.succeeded:
        made["errorCode"] = record["errorCode"]
    if seen.at is not None and seen.at.account != seen.event.account:
        made["remoteAccountDetails"] = {"accountId": seen.at.account, "affiliated": True}
    return {"actionType": "AWS_API_CALL", "awsApiCallAction": made}


def instance_details(seen: Seen) -> dict[str, Any]:
    """`instanceDetails` of the instance that the credentials were made for."""
    ec2 = hooks.service("ec2")
    region = seen.own.region if seen.own else seen.event.region
    found: Mapping[str, Any] = ec2._instances.get_scoped(seen.event.account, region, seen.instance) or {}
    made: dict[str, Any] = {"instanceId": seen.instance}
    if not found:
        return made
    made.update({
        "instanceType": found["InstanceType"], "launchTime": str(found["LaunchTime"]), "imageId": found["ImageId"],
        "instanceState": found["State"]["Name"], "availabilityZone": found["Placement"]["AvailabilityZone"],
        "tags": [{"key": each["Key"], "value": each["Value"]} for each in ec2._tags.get_scoped(seen.event.account, region, seen.instance) or []],
        "networkInterfaces": [{
            "privateIpAddress": found["PrivateIpAddress"], "privateDnsName": found["PrivateDnsName"],
            "subnetId": found["SubnetId"], "vpcId": found["VpcId"],
            "securityGroups": [
                {"groupId": group["GroupId"], "groupName": group["GroupName"]} for group in found["SecurityGroups"]
            ],
        }],
    })  # fmt: skip
    return made


def bucket_details(seen: Seen) -> dict[str, Any]:
    """One of `s3BucketDetails`, as the bucket is now."""
    s3, bucket = hooks.service("s3"), str(seen.call.params["Bucket"])
    owner = seen.event.account
    blocked = {
        name[0].lower() + name[1:]: bool(s3._public_access_blocked(owner, bucket, name))
        for name in ("IgnorePublicAcls", "RestrictPublicBuckets", "BlockPublicAcls", "BlockPublicPolicy")
    }
    policy = s3._bucket_policies.get_scoped(owner, None, bucket)
    public = bool(policy and s3._policy_is_public(policy)) and not blocked["restrictPublicBuckets"]
    found = s3._buckets.get_scoped(owner, None, bucket) or {}
    made: dict[str, Any] = {
        "arn": f"arn:aws:s3:::{bucket}", "name": bucket, "type": "Destination",
        "publicAccess": {
            "permissionConfiguration": {"bucketLevelPermissions": {"blockPublicAccess": blocked}},
            "effectivePermission": "PUBLIC" if public else "NOT_PUBLIC",
        },
    }  # fmt: skip
    if found:
        made["createdAt"] = dt.datetime.fromisoformat(found["created"]).timestamp()
    return made
