"""The inbox: what was noticed, and what people decide about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amberlight.cli import _inbox

if TYPE_CHECKING:
    from amberlight._aws import Door
    from amberlight.casebook import Casebook
    from amberlight.model.inbox import Item
    from amberlight.model.response_plan import ResponsePlan
    from amberlight.model.signals import Signal

INCOMPLETE = 3
SEVERITIES = ("critical", "high", "medium", "low")


@click.group("signals")
def command() -> None:
    """Step 1: what was noticed, by whom it was told, and what is decided about it."""


@command.command("list")
@_inbox.where
@_inbox.as_json
@click.option("--all", "every", is_flag=True, help="Also what is decided, merged or part of another.")
@click.option(
    "--acknowledge-within",
    "clocks",
    multiple=True,
    metavar="SEVERITY=MINUTES",
    help="Show what pages and was not acknowledged in that time; may be repeated.",
)
def listed(url: str, as_json: bool, every: bool, clocks: tuple[str, ...]) -> int:  # noqa: FBT001 - click passes flags so
    """List suspicions that wait for a decision, those that page first."""
    from amberlight._aws import SystemClock
    from amberlight.casebook.standing import OPEN, items

    found = items(_inbox.opened(url), SystemClock().now(), within(clocks))
    shown = [one for one in found if every or one.state in OPEN]
    if as_json:
        _inbox.lines(shown)
        return 0
    _inbox.printed(("id", "state", "score", "what"), (row(one) for one in shown))
    late = sum(one.overdue for one in shown)
    click.echo(f"{len(shown)} of {len(found)} suspicions{f', {late} OVERDUE' if late else ''}.", err=True)
    return 0


def within(clocks: tuple[str, ...]) -> dict[str, timedelta]:
    """`critical=15` as a span for each severity.

    Raises:
        ConfigError: it is written otherwise.
    """
    from amberlight.model.errors import ConfigError

    found: dict[str, timedelta] = {}
    for text in clocks:
        name, _, minutes = text.partition("=")
        if name not in SEVERITIES or not minutes.isdecimal():
            raise ConfigError(f"{text!r} is no clock.", "Write it as critical=15, in minutes.")
        found[name] = timedelta(minutes=int(minutes))
    return found


def row(one: Item) -> tuple[str, str, str, str]:
    """One suspicion in the list."""
    it = one.suspicion
    state = [one.state, "PAGE" if it.page else "", "OVERDUE" if one.overdue else "", one.acknowledged_by]
    what = [*it.principals[:3], f"{it.first:%Y-%m-%d %H:%M} UTC", *(reason.text for reason in it.reasons[:2])]
    return it.id, _inbox.cell(state), f"{it.score:g} {it.severity}", _inbox.cell([*what, one.because, earlier(one)])


def earlier(one: Item) -> str:
    """The last decision in a line; empty where there is none."""
    made = one.decision
    return f"{made.verdict} by {made.by}, {made.when:%Y-%m-%d %H:%M} UTC: {made.reason}" if made else ""


@command.command("show")
@click.argument("name", metavar="ID")
@_inbox.where
@_inbox.as_json
def show(name: str, url: str, as_json: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Show a suspicion with every reason, everything done about it, and its signals."""
    from amberlight._aws import SystemClock
    from amberlight.casebook.standing import item

    book = _inbox.opened(url)
    one = item(book, name, SystemClock().now())
    signals = [signal for signal in book.signals() if signal.id in one.suspicion.signals]
    acts = [act for act in book.acts() if act.about == one.suspicion.id]
    if as_json:
        _inbox.lines([one, *acts, *signals])
        return 0
    it = one.suspicion
    about = [*it.principals, *it.addresses, *it.accounts, *it.resources[:20]]
    done = [f"{act.when:%Y-%m-%d %H:%M} {act.verb} by {act.by} {act.why} {act.into}" for act in acts]
    told = [f"{signal.id} {signal.source} {signal.when:%Y-%m-%d %H:%M}: {signal.title}" for signal in signals]
    facts = (
        ("id", it.id),
        ("state", _inbox.cell([one.state, one.because, earlier(one)])),
        ("score", f"{it.score:g} {it.severity}"),
        ("about", _inbox.cell(about)),
        ("when", f"{it.first:%Y-%m-%d %H:%M:%S} to {it.last:%Y-%m-%d %H:%M:%S} UTC"),
        ("why", _inbox.cell(f"+{reason.points:g} {reason.text}" for reason in it.reasons)),
        ("done", _inbox.cell(done)),
        ("signals", _inbox.cell(told)),
    )
    _inbox.printed(("", ""), facts)
    return 0


@command.command("add")
@click.argument(
    "path", required=False, type=click.Path(path_type=Path, exists=True, allow_dash=True), metavar="[FILE|DIR|-]"
)
@click.option("--as", "named", default="", metavar="NAME", help="The intake to use; else the content decides.")
@click.option("--who", default="", help="Who says so, for a report or a mail.")
@click.option("--what", default="", help="What they say; makes a person's report.")
@click.option("--when", "at", default="", metavar="TIME", help="When it was; now, where not given.")
@click.option("--found", default="", help="Where a key or data was seen.")
@click.option("--key", "keys", multiple=True, help="An access key id; may be repeated.")
@click.option("--principal", "principals", multiple=True, help="An ARN that it is about; may be repeated.")
@click.option("--address", "addresses", multiple=True, help="An address; may be repeated.")
@click.option("--account", default="", help="The account that it is about.")
@click.option(
    "--plan",
    "plan_path",
    type=click.Path(path_type=Path),
    help="Response plan: what pages, and where keys are looked up.",
)
@_inbox.where
@_inbox.as_json
def add(path: Path | None, named: str, plan_path: Path | None, url: str, **said: Any) -> int:
    """Take in what somebody or something tells: JSON, a mail (.eml), a folder of them, or a person's report by options.

    Envelopes of SQS, SNS and EventBridge are opened. What cannot be read is kept and named: exit 3. Files stay where they are.
    """
    from amberlight._aws import SystemClock
    from amberlight.aware.telling import joined, told
    from amberlight.cli._given import given, report
    from amberlight.model.errors import ConfigError

    now = SystemClock().now()
    who = said["who"] or _inbox.user()
    if said["what"] and path is None:
        raws = [("the report", report(said, who, now))]
    elif path is not None and not said["what"]:
        raws = given(path, who, now)
    else:
        raise ConfigError("Nothing was told, or two things at once.", "Give a file, a folder or -, or --what.")
    plan = loaded(plan_path)
    several = [(name, told(raw, now, named=named)) for name, raw in raws]
    found = joined(one for _, one in several)
    signals = [looked_up(one, plan) for one in found.signals]
    record(_inbox.opened(url, new=True), signals, plan, now)
    if said["as_json"]:
        _inbox.lines(signals)
    else:
        _inbox.printed(
            ("id", "source", "points", "what"), [(s.id, s.source, f"{s.points:g}", s.reason) for s in signals]
        )
    from amberlight.cli._words import printable

    for name, one in several:
        for problem in one.problems:
            click.echo(f"kept, but not understood: {printable(name)}: {printable(problem)}", err=True)
    return INCOMPLETE if found.problems else 0


def loaded(path: Path | None) -> ResponsePlan | None:
    """The response plan, where one is given."""
    if path is None:
        return None
    from amberlight.plan import load

    return load(path)


def looked_up(signal: Signal, plan: ResponsePlan | None) -> Signal:
    """The signal with the owner and last use of each key that it names, or with a word that nobody looked."""
    from amberlight.response.keys import keys_of, look_up, with_owners

    keys = keys_of(signal)
    if not keys:
        return signal
    door = subject_door(plan) if plan else None
    return with_owners(signal, [look_up(door, key) for key in keys])


def subject_door(plan: ResponsePlan) -> Door | None:
    """A door into the plan's subject account that may only ask whose a key is; None where it does not open."""
    from amberlight._aws import Sessions
    from amberlight._aws.sessions import MAINTENANCE
    from amberlight.model.errors import AmberlightError
    from amberlight.response.doors import role_arn
    from amberlight.response.keys import CALLS

    region = (*plan.capture.regions, "us-east-1")[0]
    arn = role_arn(plan.account("subject").id, plan.capture.capture_role)
    try:
        return Sessions(region=region).role_door(arn, name=MAINTENANCE, allowed=CALLS)
    except AmberlightError as problem:
        click.echo(f"{problem.diagnostics()}\nKeys are not looked up.", err=True)
        return None


def record(book: Casebook, signals: list[Signal], plan: ResponsePlan | None, now: datetime) -> None:
    """Keep signals, and a suspicion for each that is new; the watcher finds what else belongs to it."""
    from amberlight.aware.triage import of_notice
    from amberlight.model.inbox import Act
    from amberlight.model.response_plan import AwarePlan

    known = {one.id for one in book.signals()}
    fresh = [one for one in {one.id: one for one in signals}.values() if one.id not in known]
    book.record_signals(fresh)
    suspicions = [of_notice(one, plan.aware if plan else AwarePlan()) for one in fresh]
    book.record_suspicions(suspicions)
    for one in suspicions:
        book.record_act(Act(about=one.id, verb="noticed", by=_inbox.user(), when=now))
    if len(fresh) < len(signals):
        click.echo(f"{len(signals) - len(fresh)} of {len(signals)} were known already.", err=True)


@command.command("ack")
@click.argument("name", metavar="ID")
@click.option("--by", default=_inbox.user, show_default="you", help="Who looks at it.")
@_inbox.where
def ack(name: str, by: str, url: str) -> int:
    """Acknowledge a suspicion: somebody looks at it."""
    from amberlight._aws import SystemClock
    from amberlight.casebook.deciding import acknowledge
    from amberlight.casebook.standing import item

    book, now = _inbox.opened(url), SystemClock().now()
    one = item(book, name, now)
    acknowledge(book, one, by, now)
    click.echo(f"{one.suspicion.id} is acknowledged.", err=True)
    return 0


@command.command("promote")
@click.argument("name", metavar="ID")
@_inbox.word
@_inbox.where
def promote(name: str, why: str, by: str, authority: str, url: str) -> int:
    """Decide that a suspicion is an incident."""
    from amberlight._aws import SystemClock
    from amberlight.casebook import deciding
    from amberlight.casebook.standing import item

    book, now = _inbox.opened(url), SystemClock().now()
    one = item(book, name, now)
    deciding.promote(book, one, deciding.Word(by=by, when=now, why=why, authority=authority))
    click.echo(
        f"{one.suspicion.id} is promoted. Open its case with `amberlight case open {one.suspicion.id}`.", err=True
    )
    return 0


@command.command("dismiss")
@click.argument("name", metavar="ID")
@_inbox.word
@click.option("--until", default="", metavar="TIME", help="When it comes back; never, where not given.")
@_inbox.where
def dismiss(name: str, why: str, by: str, authority: str, until: str, url: str) -> int:  # noqa: PLR0917 - click's way
    """Decide that a suspicion is none. New kinds of evidence bring it back."""
    from amberlight._aws import SystemClock
    from amberlight.casebook import deciding
    from amberlight.casebook.standing import item

    book, now = _inbox.opened(url), SystemClock().now()
    one = item(book, name, now)
    end = _inbox.moment(until, "--until") if until else None
    deciding.dismiss(book, one, deciding.Word(by=by, when=now, why=why, authority=authority), end)
    click.echo(f"{one.suspicion.id} is dismissed{f' until {end:%Y-%m-%d %H:%M} UTC' if end else ''}.", err=True)
    return 0


@command.command("merge")
@click.argument("name", metavar="ID")
@click.argument("into", metavar="INTO")
@_inbox.word
@_inbox.where
def merge(name: str, into: str, why: str, by: str, authority: str, url: str) -> int:  # noqa: PLR0917 - click's way
    """Decide that suspicion ID is part of suspicion INTO."""
    from amberlight._aws import SystemClock
    from amberlight.casebook import deciding
    from amberlight.casebook.standing import item

    book, now = _inbox.opened(url), SystemClock().now()
    one, other = item(book, name, now), item(book, into, now)
    deciding.merge(book, one, other, deciding.Word(by=by, when=now, why=why, authority=authority))
    click.echo(f"{one.suspicion.id} is merged into {other.suspicion.id}.", err=True)
    return 0


@command.command("stats")
@_inbox.where
@_inbox.as_json
def stats(url: str, as_json: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Say for each rule and intake how often it spoke, and what came of it."""
    from amberlight._aws import SystemClock
    from amberlight.casebook.standing import noise

    found = noise(_inbox.opened(url), SystemClock().now())
    if as_json:
        _inbox.lines(found)
        return 0
    rows = [
        (one.rule, *map(str, (one.fired, one.suspicions, one.promoted, one.dismissed)), took(one.median_s))
        for one in found
    ]
    _inbox.printed(("rule", "fired", "suspicions", "promoted", "dismissed", "median to decide"), rows)
    return 0


def took(seconds: float | None) -> str:
    """A span for people."""
    return "-" if seconds is None else f"{seconds / 60:.1f} min"
