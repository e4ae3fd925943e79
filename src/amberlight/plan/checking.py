"""Open points of a plan: what it lacks for a night at three o'clock, and what each lack risks.

References:
    AWS Well-Architected, SEC10-BP01 (key personnel) and SEC10-BP02 (plans).
    NIST SP 800-61r3, section 3 (Govern and Identify as preparation).
"""

from __future__ import annotations

from datetime import date, timedelta

from amberlight.model.listings import OpenPoint
from amberlight.model.response_plan import Contact, ResponsePlan

REVIEW_AFTER = timedelta(days=180)
LEAST_CONTACTS = 2


def open_points(plan: ResponsePlan, today: date) -> tuple[OpenPoint, ...]:
    """Everything that is missing from a plan that is valid as data."""
    return (*people(plan, today), *accounts(plan), *practice(plan))


def people(plan: ResponsePlan, today: date) -> list[OpenPoint]:
    """Too few people per role, and contacts that nobody has reviewed."""
    roles: dict[str, list[Contact]] = {}
    for contact in plan.contacts:
        roles.setdefault(contact.role, []).append(contact)
    points = [
        OpenPoint(
            what=f"The role {role!r} has {len(who)} contact; {LEAST_CONTACTS} are needed.",
            risk="When that person sleeps, nobody decides.",
            reference="SEC10-BP01",
        )
        for role, who in sorted(roles.items())
        if len(who) < LEAST_CONTACTS
    ]
    if not plan.contacts:
        points.append(OpenPoint(what="No contacts.", risk="Nobody is told.", reference="SEC10-BP01"))
    return points + [stale(contact) for contact in plan.contacts if old(contact.reviewed, today)]


def stale(contact: Contact) -> OpenPoint:
    """The point about a contact whose data may be out of date."""
    return OpenPoint(
        what=f"The contact {contact.name!r} was last reviewed {contact.reviewed or 'never'}.",
        risk="The number may be somebody else's by now.",
        reference="SEC10-BP01",
    )


def old(reviewed: str, today: date) -> bool:
    """Whether a review date is missing, unreadable, or too long ago."""
    try:
        return today - date.fromisoformat(reviewed) > REVIEW_AFTER
    except ValueError:
        return True


def accounts(plan: ResponsePlan) -> list[OpenPoint]:
    """Uses without an account, and a vault in the account that it should be safe from."""
    points = [
        OpenPoint(what=f"No account of the use {use!r}.", risk=risk, reference="SEC10-BP02")
        for use, risk in (
            ("subject", "Nothing can be captured."),
            ("vault", "Evidence lies where the intruder's credentials work."),
        )
        if not any(account.use == use for account in plan.accounts)
    ]
    subjects = {account.id for account in plan.accounts if account.use == "subject"}
    if any(account.use == "vault" and account.id in subjects for account in plan.accounts):
        points.append(
            OpenPoint(
                what="The vault is in an account that incidents happen in.",
                risk="Whoever owns that account can close it, and the evidence with it.",
                reference="SEC10-BP02",
            )
        )
    return points


def practice(plan: ResponsePlan) -> list[OpenPoint]:
    """No drills, or no partner to hand over to."""
    points = []
    if not plan.practice.drills:
        points.append(
            OpenPoint(what="No drill is planned.", risk="The first rehearsal is the incident.", reference="SEC10-BP07")
        )
    if not plan.handoff.partner:
        points.append(
            OpenPoint(what="No forensics partner.", risk="Evidence waits for a contract.", reference="SEC10-BP01")
        )
    return points
