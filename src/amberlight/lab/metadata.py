"""The instance metadata service, keyed by the caller's address.

References:
    "Use the Instance Metadata Service to access instance metadata", EC2 User Guide, 2026-11.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from amberlight.lab import clock, hooks
from amberlight.lab.hosts import Host, Hosts

_SESSION_S = 6 * 3600.0
_RENEW_S = 300.0
_BASE = "/latest/meta-data/"
_TAGS = "tags/instance"
OPTIONS = {
    "HttpTokens": "required", "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled", "HttpProtocolIpv6": "disabled",
    "InstanceMetadataTags": "disabled",
}  # fmt: skip
"""Of an instance that was launched without any; the hop limit is kept by the network's filter."""


class Metadata:
    """An ASGI application for 169.254.169.254."""

    def __init__(self, hosts: Hosts, on_assume: Callable[[Host, dict[str, Any], dict[str, Any]], None]) -> None:
        self._hosts = hosts
        self._on_assume = on_assume
        self._tokens: dict[str, float] = {}
        self._sessions: dict[str, dict[str, Any]] = {}

    async def __call__(self, scope: MutableMapping[str, Any], address: str, send: Any) -> None:
        """Answer one request of the host with that address."""
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        status, text = self._answer(scope["method"], scope["path"], headers, address)
        body = text.encode()
        fields = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
        if scope["method"] == "PUT" and status == 200:  # noqa: PLR2004
            ttl = headers.get("x-aws-ec2-metadata-token-ttl-seconds", "21600")
            fields.append((b"x-aws-ec2-metadata-token-ttl-seconds", ttl.encode()))
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, method: str, path: str, headers: dict[str, str], address: str) -> tuple[int, str]:
        host = self._hosts.at(address)
        if host is None:
            return 404, ""
        instance = _instance(host)
        options = instance.get("_metadata_options", OPTIONS)
        if options["HttpEndpoint"] == "disabled":
            return 403, "Forbidden"
        if method == "PUT" and path == "/latest/api/token":
            return self._token(headers)
        token = headers.get("x-aws-ec2-metadata-token")
        # Without a token it is version 1; a wrong one is wrong in either case.
        if (token is not None or options["HttpTokens"] == "required") and self._tokens.get(
            token or "", 0
        ) < clock.now():
            return 401, "Unauthorized"
        found = self._read(host, instance, path, "1.0" if token is None else "2.0") if instance else None
        return (200, found) if found is not None else (404, "")

    def _token(self, headers: dict[str, str]) -> tuple[int, str]:
        ttl = headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if not ttl.isdigit() or "x-forwarded-for" in headers:
            return (403 if "x-forwarded-for" in headers else 400), "Bad Request"
        token = secrets.token_urlsafe(40)
        self._tokens[token] = clock.now() + int(ttl)
        return 200, token

    def _read(self, host: Host, instance: dict[str, Any], path: str, version: str) -> str | None:
        if path == "/latest/user-data":
            return base64.b64decode(instance.get("UserData") or "").decode("utf-8", "replace") or None
        if path == "/latest/dynamic/instance-identity/document":
            return json.dumps({
                "accountId": host.account, "instanceId": host.instance_id, "region": host.region,
                "privateIp": host.address, "imageId": instance["ImageId"], "instanceType": instance["InstanceType"],
                "architecture": "x86_64", "availabilityZone": host.region + "a", "version": "2017-09-30",
            })  # fmt: skip
        plain = {
            "": "ami-id\nhostname\niam/\ninstance-id\ninstance-type\nlocal-hostname\nlocal-ipv4\nplacement/",
            "ami-id": instance["ImageId"],
            "instance-id": host.instance_id,
            "instance-type": instance["InstanceType"],
            "local-ipv4": host.address,
            "hostname": instance["PrivateDnsName"],
            "local-hostname": instance["PrivateDnsName"],
            "placement/availability-zone": host.region + "a",
            "placement/region": host.region,
        }
        if path.startswith(_BASE) and path.removeprefix(_BASE) in plain:
            return str(plain[path.removeprefix(_BASE)])
        if path.startswith(_BASE + _TAGS):
            return _tags(host, instance, path.removeprefix(_BASE + _TAGS).strip("/"))
        return self._role(host, instance, path.removeprefix(_BASE), version)

    def _role(self, host: Host, instance: dict[str, Any], item: str, version: str) -> str | None:
        profile = instance.get("IamInstanceProfile") or {}
        role = _role_of(host.account, str(profile.get("Arn", "")))
        if role is None:
            return None
        if item == "iam/info":
            return json.dumps({"Code": "Success", "InstanceProfileArn": profile["Arn"]})
        if item.rstrip("/") == "iam/security-credentials":
            return str(role["RoleName"])
        if item == f"iam/security-credentials/{role['RoleName']}":
            return json.dumps(self._session(host, role, version))
        return None

    def credentials(self, host: Host) -> dict[str, Any] | None:
        """What a program on the host would find as the role's credentials; None where the instance has no role."""
        instance = _instance(host)
        role = _role_of(host.account, str((instance.get("IamInstanceProfile") or {}).get("Arn", "")))
        return self._session(host, role, "2.0") if role else None

    def _session(self, host: Host, role: dict[str, Any], version: str) -> dict[str, Any]:
        now = clock.now()
        # From: "IAM JSON policy", ec2:RoleDelivery: credentials tell the version by which they were handed out.
        name = f"{host.instance_id} {version}"
        held = self._sessions.get(name)
        if held is None or _ends(held) < now + _RENEW_S or held["role"] != role["RoleId"]:
            held = {**issue(host.account, role, host.instance_id, _SESSION_S, version), "role": role["RoleId"]}
            self._sessions[name] = held
            self._on_assume(host, role, held)
        return {
            "Code": "Success", "LastUpdated": clock.iso(held["issued"]), "Type": "AWS-HMAC",
            "AccessKeyId": held["key"], "SecretAccessKey": held["secret"], "Token": held["token"],
            "Expiration": clock.iso(held["expires"]),
        }  # fmt: skip


def _instance(host: Host) -> dict[str, Any]:
    with hooks.acting_for(host.account, host.region):
        return dict(hooks.service("ec2")._instances.get(host.instance_id) or {})


def _tags(host: Host, instance: dict[str, Any], key: str) -> str | None:
    """The names of an instance's tags, or the value of one, where its options let it be told."""
    if instance.get("_metadata_options", OPTIONS)["InstanceMetadataTags"] != "enabled":
        return None
    with hooks.acting_for(host.account, host.region):
        tags = {each["Key"]: each["Value"] for each in hooks.service("ec2")._tags.get(host.instance_id) or []}
    return tags.get(unquote(key)) if key else "\n".join(tags)


def _ends(held: dict[str, Any]) -> float:
    """When a session that was handed out really ends."""
    session = hooks.service("sts")._sessions.get(held["key"]) or {}
    return float(session.get("Expiration", 0))


def _role_of(account: str, profile_arn: str) -> dict[str, Any] | None:
    iam = hooks.service("iam")
    name = profile_arn.rsplit("/", 1)[-1]
    profile = iam._instance_profiles.get_scoped(account, None, name) or {}
    for role in profile.get("Roles", []):
        found: dict[str, Any] | None = iam._roles.get_scoped(account, None, role)
        if found is not None and "ec2.amazonaws.com" in json.dumps(found.get("AssumeRolePolicyDocument", "")):
            return found
    return None


def issue(account: str, role: dict[str, Any], session: str, seconds: float, delivery: str = "") -> dict[str, Any]:
    """Temporary credentials of a role, as EC2 gets them for an instance."""
    now = clock.now()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    key = "ASIA" + "".join(secrets.choice(alphabet) for _ in range(16))
    secret, token = secrets.token_urlsafe(30), secrets.token_urlsafe(300)
    hooks.service("sts")._sessions[key] = {
        "Arn": f"arn:aws:sts::{account}:assumed-role/{role['RoleName']}/{session}", "AccountId": account,
        "UserId": f"{role['RoleId']}:{session}", "PrincipalType": "AssumedRole", "SecretAccessKey": secret,
        "SessionToken": token, "Expiration": now + seconds, "IssuedAt": now, "_ec2_role_delivery": delivery,
    }  # fmt: skip
    return {"key": key, "secret": secret, "token": token, "issued": now, "expires": now + seconds}
