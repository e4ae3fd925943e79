"""A partner's notice: a CERT, a payment scheme, a researcher or a vendor saw our key or our data outside.

Who said it stands in the reason, with the reference of their own case, so that a question can go back to them. That they
are who they say is not checked here: ring them up under a number that is known, not the one in the notice.
"""

from __future__ import annotations

import msgspec

from amberlight.aware.envelope import KEY, Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import filled, made, moment, taken
from amberlight.model.signals import Signal

POINTS = 80.0
MOST_KEYS = 20


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner gives; `data` says what kind of data was found, `found` where."""

    organisation: str
    contact: str
    what: str
    when: str
    reference: str = ""
    found: str = ""
    data: str = ""
    keys: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    account: str = ""


def knows(message: Message) -> bool:
    """An organisation with somebody to ask, and what they say."""
    return {"organisation", "contact", "what"} <= message.body.keys()


def read(message: Message) -> tuple[Signal, ...]:
    """A notice as a signal."""
    notice = taken(message.body, Notice, "partner's notice")
    keys = filled([*notice.keys, *KEY.findall(notice.what)])[:MOST_KEYS]
    more = [
        f"{name}: {text}"
        for name, text in (("found", notice.found), ("data", notice.data), ("ref", notice.reference))
        if text
    ]
    said = f"{notice.organisation} ({notice.contact}) says: {notice.what}"
    signal = made(
        message,
        "partner_notice",
        (notice.organisation, notice.reference or notice.what, notice.when),
        title=f"{notice.organisation}: {notice.what}",
        when=moment(notice.when, "partner's notice"),
        addresses=notice.addresses,
        resources=filled([*notice.resources, *(f"key/{key}@us-east-1" for key in keys)]),
        account=notice.account,
        points=POINTS,
        reason="; ".join([said, *more]),
    )
    return (signal,)


INTAKE = Intake(
    id="partner_notice",
    title="A partner's notice",
    knows=knows,
    signals=read,
    how="JSON with organisation, contact, what and when: `amberlight signals add FILE`",
    references=("https://doi.org/10.6028/NIST.SP.800-61r3",),
)
