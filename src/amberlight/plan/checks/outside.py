"""Those outside: partners who help, and whom the law says to tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from amberlight.model.readiness import Duty, Partner, PartnerKind
from amberlight.model.response_plan import ResponsePlan
from amberlight.plan.check import Check, Facts, Lack, aged, carried, domains, people_of

LEAST = 2
YEAR = timedelta(days=366)
NEEDED: dict[PartnerKind, str] = {
    "forensics": "Evidence waits for a contract.",
    "aws": "Nobody knows how to open a case with AWS, or who may.",
    "legal": "What has to be told to whom is guessed.",
}


def named(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Kinds of help that nobody gives."""
    for kind, risk in NEEDED.items():
        old = kind == "forensics" and plan.handoff.partner.strip()
        if not old and not any(partner.kind == kind for partner in plan.partners):
            yield Lack(
                where="partners",
                what=f"No {kind} partner.",
                risk=risk,
                todo=f"Add one to `partners` with `kind: {kind}`; your own people count.",
            )


def ready(plan: ResponsePlan, facts: Facts) -> Iterator[Lack]:
    """Partners without two ways, without an agreement, not looked at, or who never had a hand-over."""
    for number, partner in enumerate(plan.partners):
        for key, what, todo in unready(plan, partner, facts):
            yield Lack(
                where=f"partners[{number}].{key}",
                what=f"The partner {partner.name!r} {what}.",
                risk="Help begins with a search for a number or a signature.",
                todo=todo,
            )


def unready(plan: ResponsePlan, partner: Partner, facts: Facts) -> Iterator[tuple[str, str, str]]:
    """Key, what is wrong with one partner, and what to do."""
    free = [way for way in partner.contacts if way.strip() and not carried(way, domains(plan))]
    if len(free) < LEAST:
        yield "contacts", f"has {len(free)} of {LEAST} ways that hang on no account here", "Add ways to `contacts`."
    if not partner.agreement.strip():
        yield "agreement", "has no agreement that lets them start at once", "Set `agreement`."
    when = aged(partner.reviewed, facts.today, YEAR)
    if when:
        yield "reviewed", f"was last reviewed {when}", "Call them, then set `reviewed` to that day."
    tried = aged(partner.tested, facts.today, YEAR) if partner.kind == "forensics" else ""
    if tried:
        yield "tested", f"last had a test hand-over {tried}", "Hand over a drill's package, then set `tested`."


def duties(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """No duties at all, or some without trigger, addressee, deadline or owner."""
    if not plan.duties:
        yield Lack(
            where="duties",
            what="No legal duties.",
            risk="A deadline such as 72 hours runs out before anybody asks.",
            todo="Ask the lawyers; where there is truly none, say so in one entry with who found that.",
        )
    for number, duty in enumerate(plan.duties):
        for key, what in unclear(plan, duty):
            yield Lack(
                where=f"duties[{number}].{key}",
                what=f"The duty {duty.name!r} {what}.",
                risk="It is missed, or told to nobody, and each of the two costs more than the incident.",
                todo=f"Set `{key}`.",
            )


def unclear(plan: ResponsePlan, duty: Duty) -> Iterator[tuple[str, str]]:
    """Key, and what is wrong with one duty."""
    if not duty.when.strip():
        yield "when", "does not say what starts its clock"
    if not duty.tell.strip():
        yield "tell", "does not say who is told"
    if duty.within_hours is None:
        yield "within_hours", "has no deadline"
    elif duty.within_hours <= 0:
        yield "within_hours", f"has a deadline of {duty.within_hours:g} hours"
    if not duty.owner.strip():
        yield "owner", "has no owner"
    elif not people_of(plan, duty.owner):
        yield "owner", f"is owned by the role {duty.owner!r}, which nobody has"


CHECKS = (
    Check(
        id="outside.named",
        asks="Are forensics, AWS and lawyers among the partners?",
        answers=("SEC10-BP01", "GV.SC-08", "RS.MA-01", "IRG-03"),
        find=named,
    ),
    Check(
        id="outside.ready",
        asks="Can each partner be reached, start at once, and was that tried?",
        answers=("SEC10-BP01", "GV.SC-08", "RS.MA-01", "RS.CO-03", "IRG-03"),
        find=ready,
    ),
    Check(
        id="outside.duties",
        asks="Does each legal duty have a trigger, a deadline and an owner?",
        answers=("SEC10-BP01", "GV.OC-03", "RS.CO-02"),
        find=duties,
    ),
)
