"""Who made a call: the user or role behind a session, since session names are new every time.

References:
    "CloudTrail userIdentity element", AWS CloudTrail User Guide, 2026-11.
"""

from __future__ import annotations

import msgspec

MOST_KNOWN = 20_000


class Issuer(msgspec.Struct, frozen=True, gc=False, rename={"account": "accountId", "name": "userName"}):
    """The role, user or root that a session belongs to."""

    type: str | None = None
    arn: str | None = None
    account: str | None = None
    name: str | None = None


class Attributes(msgspec.Struct, frozen=True, gc=False, rename={"mfa": "mfaAuthenticated"}):
    """Attributes of a session; `mfa` is a text in most records."""

    mfa: bool | str | None = None


class Context(msgspec.Struct, frozen=True, gc=False, rename={"issuer": "sessionIssuer"}):
    """The session's issuer and attributes."""

    issuer: Issuer | None = None
    attributes: Attributes | None = None


class Identity(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "principal_id": "principalId",
        "account": "accountId",
        "access_key": "accessKeyId",
        "name": "userName",
        "invoked_by": "invokedBy",
        "context": "sessionContext",
    },
):
    """`userIdentity` as recorded."""

    type: str | None = None
    principal_id: str | None = None
    arn: str | None = None
    account: str | None = None
    access_key: str | None = None
    name: str | None = None
    invoked_by: str | None = None
    context: Context | None = None

    @property
    def mfa(self) -> bool:
        """Whether the session was opened with a second factor."""
        attributes = self.context.attributes if self.context else None
        return attributes is not None and attributes.mfa in (True, "true")


class Actor(msgspec.Struct, frozen=True, gc=False):
    """Whom an identity stands for. `kind` is user, role, root, service or other; `session` is the session's name."""

    principal: str
    kind: str
    account: str
    session: str = ""


KNOWN: dict[tuple[str | None, ...], Actor] = {}
"""Answers by all that decides where there is an ARN, since a few callers make most of the calls."""


def actor(identity: Identity) -> Actor:
    """The user, role, root or service behind an identity."""
    if not identity.arn or identity.type == "AWSService":
        return resolved(identity)
    issuer = identity.context.issuer if identity.context else None
    key = (identity.arn, identity.type, identity.account, issuer.arn if issuer else None)
    known = KNOWN.get(key)
    if known is None:
        if len(KNOWN) >= MOST_KNOWN:
            KNOWN.clear()
        known = KNOWN[key] = resolved(identity)
    return known


def resolved(identity: Identity) -> Actor:
    """The same, without looking it up."""
    kind = identity.type or ""
    account = identity.account or account_of(identity.arn or "")
    if kind == "AWSService" or (not identity.arn and identity.invoked_by):
        return Actor(identity.invoked_by or "AWS", "service", account)
    if kind == "Root":
        return Actor(f"arn:{partition(identity.arn)}:iam::{account}:root", "root", account)
    arn = identity.arn or ""
    if ":assumed-role/" in arn or kind == "AssumedRole":
        return of_session(identity, arn, account)
    if kind == "FederatedUser":
        return of_federation(identity, arn, account)
    if not arn and kind == "IAMUser" and identity.name:
        arn = f"arn:aws:iam::{account}:user/{identity.name}"
    return Actor(arn or nameless(identity, account), "user" if ":user/" in arn else "other", account)


def of_session(identity: Identity, arn: str, account: str) -> Actor:
    """The role of an assumed-role session; the path of the role is known only from the issuer."""
    role, _, session = arn.partition(":assumed-role/")[2].partition("/")
    issuer = identity.context.issuer if identity.context else None
    principal = issuer.arn if issuer and issuer.arn else f"arn:{partition(arn)}:iam::{account}:role/{role}"
    linked = "/aws-service-role/" in principal or role.startswith("AWSServiceRoleFor")
    return Actor(principal, "service" if linked else "role", account, session)


def of_federation(identity: Identity, arn: str, account: str) -> Actor:
    """The user who made a federated session, where the record says so; else the federated name."""
    issuer = identity.context.issuer if identity.context else None
    session = arn.rpartition("/")[2]
    if issuer and issuer.arn:
        return Actor(issuer.arn, "user" if ":user/" in issuer.arn else "root", account, session)
    return Actor(arn or nameless(identity, account), "other", account, session)


def nameless(identity: Identity, account: str) -> str:
    """Some name for a caller without an ARN: another account, a web identity, a failed sign-in."""
    return f"{identity.type or 'unknown'}:{account}:{identity.name or identity.principal_id or 'unknown'}"


def partition(arn: str | None) -> str:
    """`aws`, `aws-cn`, `aws-us-gov`."""
    parts = (arn or "").split(":")
    return parts[1] if len(parts) > 1 and parts[1] else "aws"


def account_of(arn: str) -> str:
    """The account in an ARN, or empty."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 4 else ""  # noqa: PLR2004 - arn:partition:service:region:account:resource
