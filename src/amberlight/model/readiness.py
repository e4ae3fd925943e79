"""What people agree on before a night at three o'clock: the parts of the response plan that no machine can guess.

Every field but the one that names a thing may be left out, so that a thin plan still runs; `amberlight plan check` says
what is open. Days are dates as in `2026-11-24`; a role is named as the contacts name it.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

ActName = Literal[
    "declare", "dismiss", "capture-beyond-limits", "contain", "hand-off", "lift-hold", "tell-authorities", "close"
]
PartnerKind = Literal["forensics", "aws", "legal", "insurer", "police", "regulator", "press", "other"]
LogKind = Literal["api-calls", "network", "dns", "load-balancer", "storage", "cluster", "host", "application", "other"]


class Clock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How soon something is done at one severity, in minutes from the moment that it was told; None means not agreed.

    Attributes:
        acknowledge_min: Until a person says that they have it.
        decide_min: Until it is an incident or is not.
        preserve_min: Until the most volatile evidence is sealed.
    """

    acknowledge_min: int | None = None
    decide_min: int | None = None
    preserve_min: int | None = None


class Role(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part that somebody plays in an incident, and what it answers for, in words."""

    name: str
    does: str = ""


class Channel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where people talk when the usual way may be read by the intruder.

    Attributes:
        name: What it is.
        join: How to get in: an address or number, never a password.
        carried_by: What carries it; none of it may hang on the accounts of this plan or on the usual sign-on.
        tested: The day on which everybody last got in.
    """

    name: str = ""
    join: str = ""
    carried_by: str = ""
    tested: date | None = None


class CrownJewel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something whose loss would hurt most; triage counts what touches it.

    Attributes:
        resource: The resource as suspicions name it (`bucket/customers`), or a part of that; an ARN's end works as well.
        account: The id of the account that it is in, one of those in the plan.
        why: What its loss would mean.
        owner: The role or person that answers for it.
    """

    resource: str
    account: str = ""
    why: str = ""
    owner: str = ""


class Authority(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may decide on one act, and who has to agree; nobody agrees to their own request.

    Attributes:
        act: What is decided.
        decide: Roles that may ask for it or decide it.
        approve: Roles one of whose people has to agree; empty means that the decision is enough.
        note: When and how, in words.
    """

    act: ActName
    decide: tuple[str, ...] = ()
    approve: tuple[str, ...] = ()
    note: str = ""


class Partner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody outside who helps or has to know.

    Attributes:
        name: Who.
        kind: What for.
        contacts: Ways to reach them at night; two are better.
        agreement: What lets them start at once: contract, retainer, support plan.
        reviewed: The day on which contacts and agreement were last looked at.
        tested: The day of the last test hand-over or call.
    """

    name: str
    kind: PartnerKind
    contacts: tuple[str, ...] = ()
    agreement: str = ""
    reviewed: date | None = None
    tested: date | None = None


class Duty(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A legal or contractual duty to tell somebody.

    Attributes:
        name: What it is called, with the law or contract.
        when: What starts the clock.
        tell: Who is told.
        within_hours: How long there is from then; None means that nobody wrote it down.
        owner: The role that does it.
    """

    name: str
    when: str = ""
    tell: str = ""
    within_hours: float | None = None
    owner: str = ""


class LogStore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one kind of log of an account lies, and for how many days; `covers` names Regions, empty means all."""

    kind: LogKind
    account: str
    place: str = ""
    covers: tuple[str, ...] = ()
    kept_days: int | None = None


class Playbook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do about one kind of event: where it is written, who owns it, and which drill tests it."""

    event: str
    place: str = ""
    owner: str = ""
    drill: str = ""


class Access(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How responders get in, and how when the usual sign-on is down; `tested` is the day on which that last worked."""

    usual: str = ""
    break_glass: str = ""
    kept_by: tuple[str, ...] = ()
    tested: date | None = None


class Learning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What follows an incident or a drill: a review without blame within so many days, by whom, and where gaps are kept."""

    review_within_days: int | None = None
    owner: str = ""
    register: str = ""


class PlannedDrill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the drill calendar.

    Attributes:
        drill: The drill's name as `amberlight drill list` has it, or of an exercise at a table.
        every_days: How often; None takes `practice.every_days`.
        last: The day of the last run; a later result that is found counts instead.
        owner: The role that sees to it.
    """

    drill: str
    every_days: int | None = None
    last: date | None = None
    owner: str = ""
