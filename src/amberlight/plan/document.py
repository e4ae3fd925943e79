"""A plan in the order in which people need it at night: whom to call first, what is agreed after, how it stands last.

Gives sections of plain text and tables; `rendering` makes HTML or Markdown of them. An empty cell is something that the
plan does not say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import get_args

from amberlight.model.evidence import SEEN
from amberlight.model.listings import PlanCheck
from amberlight.model.readiness import Clock, Partner
from amberlight.model.response_plan import Account, ResponsePlan
from amberlight.model.signals import Severity

Cell = str | tuple[str, ...]
NONE = "\N{EN DASH}"
"""What may be left out and is; an empty cell is what should not be."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under a head; a cell of several texts has a line for each."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the document; `lead` are its sentences."""

    id: str
    title: str
    lead: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()


def tabled(name: str, title: str, head: tuple[str, ...], rows: Iterable[tuple[Cell, ...]]) -> Section:
    """A section that is one table."""
    return Section(id=name, title=title, tables=(Table(head=head, rows=tuple(rows)),))


def facts(name: str, title: str, *pairs: tuple[str, str]) -> Section:
    """A section that is one table of names and values."""
    return Section(id=name, title=title, tables=(named(*pairs),))


def sections(plan: ResponsePlan, report: PlanCheck) -> tuple[Section, ...]:
    """The whole document; what a plan does not have has no section, since `open` says that it is missing."""
    made = (*first(plan), *agreed(plan), *estate(plan), *limits(plan), *kept_up(plan), *standing(report))
    return tuple(section for section in made if section.lead or any(table.rows for table in section.tables))


def first(plan: ResponsePlan) -> Iterator[Section]:
    """Whom to call, where to talk, how soon."""
    does = {role.name: role.does for role in plan.roles}
    yield Section(
        id="call",
        title="Whom to call",
        tables=(
            Table(
                head=("role", "name", "reach", "reviewed"),
                rows=tuple((one.role, one.name, (one.reach, *one.also), one.reviewed) for one in plan.contacts),
            ),
            Table(head=("role", "does"), rows=tuple(does.items())),
        ),
    )
    channel = plan.out_of_band
    if channel.name:
        yield facts(
            "talk",
            "Where to talk",
            ("channel", channel.name),
            ("join", channel.join),
            ("carried by", channel.carried_by),
            ("tried", day(channel.tested)),
        )
    yield Section(
        id="clocks",
        title="How bad, and how soon",
        lead=tuple(
            text
            for text in (
                f"An event: {plan.event_is}" if plan.event_is else "",
                f"An incident: {plan.incident_is}" if plan.incident_is else "",
            )
            if text
        ),
        tables=(
            Table(
                head=("severity", "means", "acknowledge", "decide", "preserve"),
                rows=tuple(severity(plan, name) for name in get_args(Severity)[::-1]),
            ),
        ),
    )


def severity(plan: ResponsePlan, name: Severity) -> tuple[Cell, ...]:
    """One severity: its words and its clocks."""
    clock = plan.clocks.get(name, Clock())
    clocks = (clock.acknowledge_min, clock.decide_min, clock.preserve_min)
    return (name, plan.severities.get(name, ""), *(minutes(each) for each in clocks))


def agreed(plan: ResponsePlan) -> Iterator[Section]:
    """Who decides, who has to be told, who helps."""
    yield tabled(
        "decide",
        "Who may decide",
        ("act", "decided by", "agreed to by", "note"),
        ((one.act, one.decide, one.approve or "nobody else", one.note or NONE) for one in plan.authority),
    )
    yield tabled(
        "duties",
        "Who has to be told, and by when",
        ("duty", "within", "from", "told", "owner"),
        ((one.name, hours(one.within_hours), one.when, one.tell, one.owner) for one in plan.duties),
    )
    yield Section(
        id="partners",
        title="Who helps",
        tables=(
            Table(
                head=("partner", "for", "reach", "agreement", "reviewed", "test hand-over"),
                rows=tuple(
                    (one.name, one.kind, one.contacts, one.agreement, day(one.reviewed), tested(one))
                    for one in plan.partners
                ),
            ),
            named(("package goes to", plan.handoff.partner), ("reach", plan.handoff.partner_contact)),
        ),
    )


def estate(plan: ResponsePlan) -> Iterator[Section]:
    """Accounts, crown jewels, logs, ways in."""
    names = {account.id: account.name for account in plan.accounts}
    yield tabled(
        "accounts",
        "Accounts",
        ("account", "id", "use", "for", "owner", "Regions"),
        ((one.name, one.id, one.use, one.purpose, one.owner, regions(one)) for one in plan.accounts),
    )
    told = {jewel.resource for jewel in plan.crown_jewels}
    jewels = [(one.resource, names.get(one.account, one.account), one.why, one.owner) for one in plan.crown_jewels]
    bare = [(one, "", "", "") for one in plan.aware.crown_jewels if one not in told]
    yield tabled("jewels", "Crown jewels", ("resource", "account", "why", "owner"), [*jewels, *bare])
    yield tabled(
        "logs",
        "Where logs are",
        ("logs", "account", "place", "Regions", "kept"),
        (
            (
                one.kind,
                names.get(one.account, one.account),
                one.place,
                ", ".join(one.covers) or "all",
                days(one.kept_days),
            )
            for one in plan.logs
        ),
    )
    access = plan.access
    yield facts(
        "access",
        "How to get in",
        ("usual", access.usual),
        ("break-glass", access.break_glass),
        ("kept by", ", ".join(access.kept_by)),
        ("tried", day(access.tested)),
    )


def limits(plan: ResponsePlan) -> Iterator[Section]:
    """Thresholds, how far a capture may go, where evidence goes."""
    aware, capture, vault = plan.aware, plan.capture, plan.vault
    loudest = (
        f"{capture.max_seen}: {SEEN[capture.max_seen]}" if 0 <= capture.max_seen < len(SEEN) else str(capture.max_seen)
    )
    yield Section(
        id="limits",
        title="Thresholds and limits",
        tables=(
            named(
                ("a person is called from a score of", f"{aware.page_at:g} of 100"),
                ("promoted without a person", ", ".join(aware.auto_promote) or "nothing"),
                ("alarms arrive at", aware.alarm_queue),
                ("rules that only count", ", ".join(aware.staged)),
                ("a capture may be seen as much as", loudest),
                ("a capture may cost", f"${capture.max_usd:,.2f}"),
                ("a capture may look into", ", ".join(capture.regions) or "every Region"),
                ("the capture's role", capture.capture_role),
                ("evidence goes to", f"{vault.bucket} in {vault.region}" if vault.bucket else ""),
                ("kept at least", days(vault.retention_days)),
                ("signed by", vault.signing_key),
                ("heads are copied to", vault.witness.place if vault.witness else ""),
            ),
            Table(
                head=("shown quietly: who", "what", "where", "until", "why", "owner"),
                rows=tuple(
                    (one.who, one.what, one.where, day(one.until), one.reason, one.owner) for one in aware.suppressions
                ),
            ),
        ),
    )


def kept_up(plan: ResponsePlan) -> Iterator[Section]:
    """Playbooks, drills, reviews."""
    yield tabled(
        "playbooks",
        "Playbooks",
        ("event", "place", "owner", "tested by"),
        ((one.event, one.place, one.owner, one.drill) for one in plan.playbooks),
    )
    usual, dated = plan.practice.every_days, {one.drill for one in plan.practice.calendar}
    planned = [
        (one.drill, days(every), day(one.last), due(one.last, every), one.owner)
        for one in plan.practice.calendar
        for every in (one.every_days or usual,)
    ]
    bare = [(one, days(usual), "", "", "") for one in plan.practice.drills if one not in dated]
    yield tabled("drills", "Drills", ("drill", "every", "last", "due", "owner"), [*planned, *bare])
    learning = plan.learning
    yield facts(
        "learning",
        "Afterwards",
        ("reviewed within", days(learning.review_within_days)),
        ("owner", learning.owner),
        ("gaps are kept in", learning.register),
    )


def standing(report: PlanCheck) -> Iterator[Section]:
    """What is open, and how the plan stands to each requirement."""
    count = len(report.open)
    yield Section(
        id="open",
        title="Open points",
        lead=(f"{count} open point{'' if count == 1 else 's'} when this was printed.",),
        tables=(
            Table(
                head=("requirement", "open", "risk", "to do"),
                rows=tuple(
                    (each.reference, (each.what, f"at {each.where}"), each.risk, each.todo) for each in report.open
                ),
            ),
        ),
    )
    words = {
        "open": "open",
        "clear": "nothing open",
        "not-run": "nothing open; roles not tried",
        "elsewhere": "elsewhere",
    }
    yield Section(
        id="requirements",
        title="What is asked of a plan",
        tables=tuple(
            Table(
                head=(framework, "asks", "stands"),
                rows=tuple(
                    (each.id, each.title, f"{each.open} open" if each.open else words[each.state] + tail(each.note))
                    for each in report.requirements
                    if each.framework == framework
                ),
            )
            for framework in dict.fromkeys(each.framework for each in report.requirements)
        ),
    )


def tail(note: str) -> str:
    """A note after a state."""
    return f" ({note.rstrip('.')})" if note else ""


def named(*pairs: tuple[str, str]) -> Table:
    """A table of names and values, without those that have none."""
    return Table(head=(), rows=tuple(pair for pair in pairs if pair[1]))


def day(when: date | None) -> str:
    """A day, or nothing."""
    return when.isoformat() if when else ""


def due(last: date | None, every: int) -> str:
    """When the next one is."""
    try:
        return (last + timedelta(days=every)).isoformat() if last else "now"
    except OverflowError:
        return "never"


def tested(one: Partner) -> str:
    """The last test hand-over; only a forensics partner needs one."""
    return day(one.tested) or ("" if one.kind == "forensics" else NONE)


def regions(one: Account) -> str:
    """Regions in use; they matter where incidents happen."""
    return ", ".join(one.regions) or ("" if one.use == "subject" else NONE)


def minutes(count: int | None) -> str:
    """Minutes as people say them."""
    if count is None or count < 60:  # noqa: PLR2004 - an hour
        return f"{count} min" if count is not None else ""
    return hours(count / 60) if count < 2 * 24 * 60 or count % (24 * 60) else days(count // (24 * 60))


def hours(count: float | None) -> str:
    """Hours, however many: a law that says 72 hours does not say three days."""
    return f"{count:g} h" if count is not None else ""


def days(count: int | None) -> str:
    """A count of days."""
    return f"{count} days" if count is not None else ""
