"""Who makes a call, as `userIdentity` says it; resolved before the call, so that a key may delete itself.

References:
    "CloudTrail userIdentity element", CloudTrail User Guide, 2026-11.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from amberlight.lab import clock, hooks


@dataclasses.dataclass(frozen=True)
class Caller:
    """The principal behind an access key."""

    account: str
    arn: str
    name: str
    access_key_id: str
    identity: Mapping[str, Any]
    role: str | None = None
    user: str | None = None


def resolve(access_key_id: str) -> Caller | None:
    """The caller who owns this key, or None for a key that nobody has."""
    evaluator = hooks.emulator("core.iam_evaluator")
    session = hooks.service("sts")._sessions.get(access_key_id)
    account = (session or {}).get("AccountId") or evaluator.find_iam_access_key_account(access_key_id)
    if account is None and session is not None:
        account = str(session["Arn"]).split(":")[4]
    if account is None:
        return None
    found = evaluator.resolve_credential(access_key_id, account)
    if isinstance(found, evaluator.CredentialResolutionError):
        return None
    base = {"principalId": found.principal_id, "arn": found.principal_arn, "accountId": account}
    base["accessKeyId"] = access_key_id
    if found.principal_type == "Root":
        return Caller(account, found.principal_arn, "root", access_key_id, {"type": "Root", **base})
    if session is not None and found.principal_type != "User":
        return _session_caller(account, access_key_id, base, session, found.principal_type)
    name = found.principal_name
    identity = {"type": "IAMUser", **base, "userName": name}
    if session is not None:
        identity["sessionContext"] = {"attributes": _attributes(session)}
    return Caller(account, found.principal_arn, name, access_key_id, identity, user=name)


def _attributes(session: Mapping[str, Any]) -> dict[str, str]:
    return {"creationDate": clock.iso(session.get("IssuedAt", clock.now())), "mfaAuthenticated": "false"}


def _session_caller(account: str, key: str, base: dict[str, Any], session: Mapping[str, Any], kind: str) -> Caller:
    arn = str(base["arn"])
    session_name = arn.rsplit("/", 1)[-1]
    context: dict[str, Any] = {"attributes": _attributes(session)}
    if kind == "FederatedUser":
        context = {"sessionIssuer": _user_issuer(account, session), "webIdFederationData": {}, **context}
        return Caller(account, arn, session_name, key, {"type": kind, **base, "sessionContext": context})
    role = arn.split(":assumed-role/", 1)[-1].split("/", 1)[0]
    record = hooks.service("iam")._roles.get_scoped(account, None, role) or {}
    context = {"sessionIssuer": {
        "type": "Role", "principalId": str(record.get("RoleId") or str(base["principalId"]).split(":")[0]),
        "arn": str(record.get("Arn") or f"arn:aws:iam::{account}:role/{role}"), "accountId": account,
        "userName": role,
    }, **context}  # fmt: skip
    if session.get("_ec2_role_delivery"):
        context["ec2RoleDelivery"] = session["_ec2_role_delivery"]
    identity = {"type": "AssumedRole", **base, "sessionContext": context}
    return Caller(account, arn, session_name, key, identity, role=role)


def _user_issuer(account: str, session: Mapping[str, Any]) -> dict[str, str]:
    name = str(session.get("PrincipalName") or "")
    if not name:
        return {"type": "Root", "principalId": account, "arn": f"arn:aws:iam::{account}:root", "accountId": account}
    user = hooks.service("iam")._users.get_scoped(account, None, name) or {}
    return {
        "type": "IAMUser", "principalId": str(user.get("UserId", "")), "accountId": account, "userName": name,
        "arn": str(user.get("Arn") or f"arn:aws:iam::{account}:user/{name}"),
    }  # fmt: skip
