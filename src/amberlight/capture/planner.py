"""Makes the plan of a capture: pure, the same for the same input, and complete before anything happens.

A step is one source on one target that it takes. Steps stand in the order of volatility (RFC 3227 section 2.1): what is
gone soonest first, and what is seen least first among equals. What a limit leaves out is a gap with its reason.

References:
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html (event history: 90 days)
    https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html (command history: 30 days)
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from amberlight.capture.naming import printable, short
from amberlight.model.codec import digest
from amberlight.model.errors import ConfigError, IntegrityError
from amberlight.model.evidence import SEEN, CapturePlan, Gap, Source, Step, Visible
from amberlight.model.response_plan import CaptureLimits
from amberlight.model.signals import Case, Target

SCHEMA = "amberlight.capture-plan/1"
HISTORY = "90 days in the event history; longer where a trail keeps it"
COMMANDS = "30 days in the command history; longer in the host's own logs"
HOST = 3
LISTED = 2


def plan(  # noqa: PLR0913 - each is a thing that a person may say; all but two by name
    case: Case,
    catalogue: Mapping[str, Source],
    limits: CaptureLimits,
    *,
    regions: Iterable[str],
    since: datetime,
    until: datetime,
    now: datetime,
    only: Collection[str] = (),
    skip: Collection[str] = (),
    approved_seen: int | None = None,
) -> CapturePlan:
    """The plan for a case.

    Args:
        case: What happened, and the targets.
        catalogue: The sources by id.
        limits: How far a capture may go: noise, money, Regions, from the response plan.
        regions: Regions that sources of an account look into.
        since: Start of the window of time.
        until: End of the window of time.
        now: When the plan is made.
        only: Ids or kinds of sources to take (`memory.linux_process`, `memory`); empty takes all.
        skip: Ids or kinds to leave out.
        approved_seen: A person's word on how much may be seen, where it is more than the limit.

    Raises:
        ConfigError: `only` or `skip` names no source, or the window ends before it starts.
    """
    if until < since:
        raise ConfigError("The window of time ends before it starts.", "Give an end that is later than the start.")
    for word in (*only, *skip):
        check_word(word, catalogue)
    choice = Choice(
        limits=limits, max_seen=max(limits.max_seen, approved_seen or 0), only=frozenset(only), skip=frozenset(skip)
    )
    given = tuple(sorted(set(regions)))
    kept = tuple(region for region in given if not limits.regions or region in limits.regions)
    steps, gaps = choose(case, catalogue, choice)
    gaps += [left_out_region(case, region) for region in given if region not in kept]
    draft = CapturePlan(
        schema=SCHEMA,
        case=case.id,
        kind=case.kind,
        hash="",
        made=now,
        since=since,
        until=until,
        regions=kept,
        max_seen=choice.max_seen,
        steps=tuple(steps),
        visible=tuple(visible(steps, limits.capture_role)),
        gaps=tuple(gaps),
    )
    return msgspec.structs.replace(draft, hash=plan_hash(draft))


def plan_hash(plan: CapturePlan) -> str:
    """SHA-256 (hex) over the canonical form of the plan with an empty hash."""
    return digest(msgspec.structs.replace(plan, hash=""))


def check(plan: CapturePlan) -> None:
    """Refuse a plan that is not what its hash says.

    Raises:
        IntegrityError: the plan was changed after it was made, or is of another version.
    """
    if plan.schema != SCHEMA:
        raise IntegrityError(f"The plan is of the form {printable(plan.schema)}, not {SCHEMA}.", "Make the plan again.")
    if plan.hash != plan_hash(plan):
        raise IntegrityError(
            "The capture plan does not fit its hash: it was changed after it was made.", "Make it again."
        )


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What may be taken."""

    limits: CaptureLimits
    max_seen: int
    only: frozenset[str]
    skip: frozenset[str]

    def against(self, source: Source, target: Target, spent: float) -> str:
        """Why this step may not be; empty when it may."""
        names = {source.id, source.id.partition(".")[0]}
        if names & self.skip or (self.only and not names & self.only):
            return "Left out on request."
        if self.limits.regions and target.type != "account" and target.region not in {*self.limits.regions, "global"}:
            return f"The Region {target.region} is not among the plan's Regions."
        if source.seen > self.max_seen:
            return (
                f"It would be seen ({source.seen}: {SEEN[source.seen]}), the limit is {self.max_seen}: "
                f"{SEEN.get(self.max_seen, '')}. Raise max_seen in the plan, or approve {source.seen}."
            )
        if spent + source.cost.usd > self.limits.max_usd:
            return (
                f"It would cost {source.cost.usd:.2f} USD; {spent:.2f} of {self.limits.max_usd:.2f} USD are planned "
                "before it. Raise max_usd in the plan."
            )
        return ""


def choose(case: Case, catalogue: Mapping[str, Source], choice: Choice) -> tuple[list[Step], list[Gap]]:
    """The steps in their order, and a gap for each that a limit leaves out."""
    steps: list[Step] = []
    gaps: list[Gap] = []
    spent = 0.0
    for source, target in pairs(case, catalogue):
        reason = choice.against(source, target, spent) or without(source, target, steps)
        if reason:
            gaps.append(gap(source.id, target, reason))
            continue
        spent += source.cost.usd
        steps.append(step(case, source, target, len(steps) + 1))
    return steps, gaps


def pairs(case: Case, catalogue: Mapping[str, Source]) -> list[tuple[Source, Target]]:
    """Each source with each target that it takes, most volatile and quietest first."""
    found = [
        (source, target) for source in catalogue.values() for target in set(case.targets) if target.type in source.takes
    ]
    return sorted(found, key=lambda pair: (*after(pair[0], catalogue), pair[0].seen, pair[0].id, pair[1]))


def after(source: Source, catalogue: Mapping[str, Source]) -> tuple[timedelta, int]:
    """Where a source stands: how soon its evidence is gone, and never before the sources that it goes on from."""
    before = (after(catalogue[name], catalogue) for name in source.goes_on_from)
    return max([(volatility(source), 0), *((when, depth + 1) for when, depth in before)])


def without(source: Source, target: Target, steps: Iterable[Step]) -> str:
    """Why a source cannot go on from others that are not planned for the target; empty when it can."""
    planned = {each.source for each in steps if each.target == target}
    lacking = sorted(set(source.goes_on_from) - planned)
    return f"It goes on from {', '.join(lacking)}, which is not in the plan." if lacking else ""


def volatility(source: Source) -> timedelta:
    """How soon the evidence is gone; zero is at once, None never."""
    return timedelta.max if source.gone_after is None else source.gone_after


def step(case: Case, source: Source, target: Target, order: int) -> Step:
    """One step, its names derived from what it is, so that every attempt has the same."""
    name = short(case.id, source.id, target.account, target.label)
    return Step(
        id=name,
        source=source.id,
        target=target,
        order=order,
        seen=source.seen,
        seen_text=source.seen_text,
        calls=tuple(call.operation for call in source.calls),
        mutates=any(call.mutates for call in source.calls),
        cost_usd=source.cost.usd,
        needs=tuple({"need": need.text, "met": None, "fix": need.fix} for need in source.needs),
        leaves=source.leaves,
        token=short("token", case.id, name, length=32),
    )


def gap(source: str, target: Target, reason: str) -> Gap:
    """A step that is left out by a limit."""
    return Gap(
        source=source,
        target=target.label,
        account=target.account,
        region=target.region,
        state="skipped",
        reason=reason,
    )


def left_out_region(case: Case, region: str) -> Gap:
    """A Region that nothing looks into."""
    accounts = ", ".join(sorted({target.account for target in case.targets}))
    reason = f"The Region {region} is not among the plan's Regions."
    return Gap(source="*", target="account", account=accounts, region=region, state="skipped", reason=reason)


def check_word(word: str, catalogue: Mapping[str, Source]) -> None:
    """Refuse a word that names neither a source nor a kind."""
    known = sorted({*catalogue, *(name.partition(".")[0] for name in catalogue)})
    if word not in known:
        near = difflib.get_close_matches(word, known, 1)
        fix = f"Did you mean {near[0]}?" if near else "See `amberlight capture sources` for their names."
        raise ConfigError(f"There is no source or kind of source named {printable(word, 60)}.", fix)


def visible(steps: list[Step], role: str) -> Iterator[Visible]:
    """What the suspect accounts and hosts will be able to see of the steps, in words."""
    for account in sorted({step.target.account for step in steps}):
        mine = [step for step in steps if step.target.account == account]
        operations = sorted({operation for step in mine for operation in step.calls})
        yield Visible(
            where=f"event history of account {account}",
            what=f"calls of the role {role}: {', '.join(operations)}",
            until=HISTORY,
        )
        yield from listed(mine)


def listed(steps: list[Step]) -> Iterator[Visible]:
    """New resources, and touched hosts."""
    for one in steps:
        if one.seen < LISTED:
            continue
        on_host = one.seen >= HOST
        where = f"host {one.target.name}" if on_host else f"resources of account {one.target.account}"
        left = "; ".join(one.leaves) or "nothing stays"
        yield Visible(
            where=printable(where),
            what=f"{one.source}: {one.seen_text}",
            until=f"{COMMANDS}; {left}" if on_host else left,
        )


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a plan as people read it. Every text is safe to show."""

    order: int
    source: str
    target: str
    seen: str
    cost: str
    does: str


def describe(plan: CapturePlan) -> list[Row]:
    """The plan's steps as rows for a terminal or a page; texts that came from the account are neutralised."""
    return [
        Row(
            order=step.order,
            source=step.source,
            target=printable(step.target.label),
            seen=f"{step.seen} {SEEN.get(step.seen, '')}",
            cost=f"{step.cost_usd:.2f} USD",
            does="changes" if step.mutates else "reads",
        )
        for step in plan.steps
    ]
