"""One CloudTrail record, typed; parameters and answers stay undecoded until somebody asks.

References:
    "CloudTrail record contents" and "CloudTrail userIdentity element", AWS CloudTrail User Guide, 2026-11.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec

from amberlight.trail.identity import Actor, Identity, actor

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
NOTHING = msgspec.Raw(b"null")
DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Client.UnauthorizedOperation",
     "UnauthorizedAccess", "NotAuthorized", "AuthorizationError"}
)  # fmt: skip
DATED = re.compile(r"_?\d{4}_?\d{2}_?\d{2}(v\d+)?$")
NAMES = {
    "id": "eventID",
    "when": "eventTime",
    "source": "eventSource",
    "name": "eventName",
    "region": "awsRegion",
    "address": "sourceIPAddress",
    "agent": "userAgent",
    "error": "errorCode",
    "message": "errorMessage",
    "identity": "userIdentity",
    "raw_request": "requestParameters",
    "raw_response": "responseElements",
    "raw_extra": "additionalEventData",
    "read_only": "readOnly",
    "recipient": "recipientAccountId",
    "kind": "eventType",
    "from_console": "sessionCredentialFromConsole",
}
NOBODY = Identity()


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename=NAMES):
    """One API call, sign-in or service event as CloudTrail recorded it. Times are aware; absent texts are None."""

    when: Moment
    source: str
    name: str
    id: str = ""
    identity: Identity | None = None
    region: str | None = None
    address: str | None = None
    agent: str | None = None
    error: str | None = None
    message: str | None = None
    read_only: bool | str | None = None
    recipient: str | None = None
    kind: str | None = None
    from_console: bool | str | None = None
    raw_request: msgspec.Raw = NOTHING
    raw_response: msgspec.Raw = NOTHING
    raw_extra: msgspec.Raw = NOTHING

    @property
    def service(self) -> str:
        """The service as it names itself: `ec2` of `ec2.amazonaws.com`."""
        return self.source.partition(".")[0]

    @property
    def action(self) -> str:
        """The operation without the date that Lambda and CloudFront put behind it."""
        if self.source.startswith(("lambda.", "cloudfront.")):
            return DATED.sub("", self.name)
        return self.name

    @property
    def actor(self) -> Actor:
        """Who made the call."""
        return actor(self.identity or NOBODY)

    @property
    def principal(self) -> str:
        """ARN of the user or role, never of a session; a service's name for a service."""
        return self.actor.principal

    @property
    def account(self) -> str:
        """The account that the event is about; twelve digits, or empty."""
        return self.recipient or self.actor.account

    @property
    def access_key(self) -> str:
        """The access key id that signed the call, or empty."""
        return (self.identity or NOBODY).access_key or ""

    @property
    def denied(self) -> bool:
        """Whether AWS refused the call for want of permission."""
        return self.error in DENIED if self.error else False

    @property
    def failed(self) -> bool:
        """Whether the call did not do what it asked for."""
        return bool(self.error)

    @property
    def by_service(self) -> bool:
        """Whether AWS itself called: a service, a service-linked role, or a service in somebody's name."""
        address = self.address or ""
        return self.actor.kind == "service" or address.endswith(".amazonaws.com") or address == "AWS Internal"

    @property
    def console(self) -> bool:
        """Whether the session was opened in the console, as AWS itself marks it (since 2022)."""
        return self.from_console in (True, "true")

    @property
    def request(self) -> dict[str, Any]:
        """`requestParameters`, decoded; empty where AWS records none (denied calls, many reads)."""
        return mapping(self.raw_request)

    @property
    def response(self) -> dict[str, Any]:
        """`responseElements`, decoded; empty for calls that only read."""
        return mapping(self.raw_response)

    @property
    def extra(self) -> dict[str, Any]:
        """`additionalEventData`, decoded."""
        return mapping(self.raw_extra)


def mapping(raw: msgspec.Raw) -> dict[str, Any]:
    """A JSON object, or an empty one where something else stands; what is no UTF-8 in it is shown as U+FFFD."""
    try:
        value = msgspec.json.decode(raw)
    except UnicodeDecodeError:
        # Raw parts are not looked into when an event is read; one bad byte must not end the reading of all others.
        value = msgspec.json.decode(bytes(raw).decode("utf-8", "replace"))
    return value if isinstance(value, dict) else {}
