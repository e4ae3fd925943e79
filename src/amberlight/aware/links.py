"""Who made whom: sessions that were issued, users and keys that were created.

References:
    STS AssumeRole answers with the access key id of the session, and CloudTrail records it
    (`responseElements.credentials.accessKeyId`); IAM CreateAccessKey the same (`responseElements.accessKey.accessKeyId`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from amberlight.trail import Event

ISSUING = frozenset({"AssumeRole", "GetFederationToken", "GetSessionToken", "AssumeRoot"})
MAKING = frozenset(
    {"CreateUser", "CreateAccessKey", "CreateLoginProfile", "UpdateLoginProfile", "AttachUserPolicy", "PutUserPolicy",
     "CreateRole", "UpdateAssumeRolePolicy", "AddUserToGroup"}
)  # fmt: skip


class Credentials(msgspec.Struct, gc=False, rename={"key": "accessKeyId"}):
    """What identifies issued credentials; the long session token beside it is never unpacked."""

    key: Any = None


class Issued(msgspec.Struct, gc=False):
    """The part of an answer that hands out a session."""

    credentials: Credentials | None = None


ISSUED = msgspec.json.Decoder(Issued | None)


class Links:
    """Issued sessions (access key to when, issuer and its key), and made principals (maker, its key, made; when)."""

    def __init__(self) -> None:
        self.issued: dict[str, tuple[datetime, str, str]] = {}
        self.made: dict[tuple[str, str, str], datetime] = {}

    def see(self, event: Event) -> None:
        """Take in an event of one of the two kinds."""
        if event.failed:
            return
        if event.source == "sts.amazonaws.com" and event.name in ISSUING:
            self.issue(event)
        elif event.source == "iam.amazonaws.com" and event.name in MAKING:
            self.make(event)

    def issue(self, event: Event) -> None:
        """A session was handed out."""
        try:
            answer = ISSUED.decode(event.raw_response)
        except msgspec.DecodeError:
            return
        key = answer.credentials.key if answer and answer.credentials else None
        who = event.actor
        if isinstance(key, str) and who.kind not in ("service", "other"):
            self._take(key, (event.when, who.principal, event.access_key))

    def _take(self, key: str, issuer: tuple[datetime, str, str]) -> None:
        """Keep the first issuer, in whatever order they come: a key is issued once, but records may say otherwise."""
        self.issued[key] = min(issuer, self.issued.get(key, issuer))

    def make(self, event: Event) -> None:
        """A user or role was made, or made usable."""
        made = target(event)
        if made and made != event.principal:
            pair = (event.principal, event.access_key, made)
            self.made[pair] = min(event.when, self.made.get(pair, event.when))

    def owner(self, principal: str, key: str) -> str:
        """Who stands behind a session, followed back through up to five roles."""
        for _ in range(5):
            if key not in self.issued:
                return principal
            _, principal, key = self.issued[key]
        return principal

    def merge(self, other: Links) -> None:
        """Take in another state."""
        for key, issuer in other.issued.items():
            self._take(key, issuer)
        for pair, when in other.made.items():
            self.made[pair] = min(when, self.made.get(pair, when))


def target(event: Event) -> str:
    """ARN of the user or role that an IAM call is about; empty where it names none."""
    asked = event.request
    answered = event.response
    for kind in ("user", "role"):
        name = asked.get(f"{kind}Name")
        if not isinstance(name, str):
            continue
        known = answered.get(kind)
        arn = known.get("arn") if isinstance(known, dict) else None
        return arn if isinstance(arn, str) else f"arn:aws:iam::{event.account}:{kind}/{name}"
    return ""
