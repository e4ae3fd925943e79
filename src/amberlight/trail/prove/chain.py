"""What is not there: named predecessors, pauses between chains, and a cut-off end.

References:
    "CloudTrail digest file structure": digests come hourly, each begins where the one before ended; a starting digest
    names none. aws-cli issue 7054: the official validator does not notice that two neighbours are gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from amberlight.model.trail_proof import State
from amberlight.trail.prove.digests import Digest
from amberlight.trail.prove.layout import HOUR, Chain

SLACK = timedelta(seconds=2)
LONGEST = 20_000
"""Hours that one hole may have at most: more than two years; beyond, times are not to be believed."""


@dataclass(frozen=True, kw_only=True)
class Hole:
    """Time that no digest covers: from `since` to before `until`; `what` is the file that is known to be missing."""

    chain: Chain
    state: State
    since: datetime
    until: datetime
    reason: str
    what: str = ""

    def starts(self) -> Iterator[datetime]:
        """When the digests that are not there would have started."""
        when = self.since
        for _ in range(LONGEST):
            if when >= self.until:
                return
            yield when
            when += HOUR


@dataclass
class Links:
    """Which digest names which: the one before each, those that are named, and all, by their paths."""

    before: dict[str, Digest]
    named: set[str]
    by_path: dict[str, Digest]


def holes(chain: Chain, digests: Iterable[Digest], links: Links, since: datetime | None) -> Iterator[Hole]:
    """Holes before and between the digests of one chain, and starting digests marked as such.

    Args:
        chain: Whose they are.
        digests: All of the chain.
        links: Which digest was found as whose predecessor.
        since: From when on there should be digests; None: from the first that is there.
    """
    ordered = sorted(digests, key=lambda one: (one.start, one.end, one.path))
    ends = sorted((one for one in ordered if one.path not in links.named), key=lambda one: one.end)
    for number, digest in enumerate(ordered):
        before = links.before.get(digest.path)
        if before is not None:
            yield from _pause(chain, before, digest)
            continue
        earlier = [one for one in ends if one.end <= digest.start + SLACK and one is not digest]
        if earlier:
            yield from _break(chain, earlier[-1], digest)
        elif number == 0 and since is not None and since < digest.start:
            yield from _before_first(chain, digest, since)


def _pause(chain: Chain, before: Digest, digest: Digest) -> Iterator[Hole]:
    """A digest that follows its predecessor only after an hour or more."""
    if before.signed and digest.signed and digest.start - before.end >= HOUR and not chain.backfill:
        reason = "no digest covers this time, and none is said to be missing"
        yield Hole(chain=chain, state="gap", since=before.end, until=digest.start, reason=reason)


def _break(chain: Chain, before: Digest, digest: Digest) -> Iterator[Hole]:
    """A digest in the middle whose predecessor is not there."""
    if digest.previous is not None and (digest.signed or digest.state != "altered"):
        # Where the time leaves no room, the missing digest is taken for the hour before this one.
        since = before.end if before.end < digest.start else digest.start - HOUR
        key = digest.previous[1]
        reason = "the next digest names one that is not there"
        yield Hole(chain=chain, state="missing", since=since, until=digest.start, reason=reason, what=key)
    elif digest.signed and digest.previous is None and not chain.backfill:
        reason = "the chain of digests begins anew: logging or validation was off before"
        digest.mark("gap", f"digest: {reason}")
        yield Hole(chain=chain, state="gap", since=before.end, until=digest.start, reason=reason)
    elif digest.start - before.end > SLACK and not chain.backfill:
        reason = "no digest covers this time"
        yield Hole(chain=chain, state="missing", since=before.end, until=digest.start, reason=reason)


def _before_first(chain: Chain, digest: Digest, since: datetime) -> Iterator[Hole]:
    """From the asked beginning to the first digest that is there."""
    if chain.backfill:
        return
    if digest.previous is None:
        reason = "the trail's first digest is a later one: logging or validation was off before"
        yield Hole(chain=chain, state="gap", since=since, until=digest.start, reason=reason)
        return
    last = digest.start - HOUR
    key, named = digest.previous[1], "the first digest that is there names one before it"
    yield Hole(
        chain=chain, state="missing", since=max(since, last), until=digest.start, reason=named, what=key
    )  # fmt: skip
    if since < last:
        steps = -((since - last) // HOUR)
        reason = "the copy begins later"
        yield Hole(chain=chain, state="absent", since=last - steps * HOUR, until=last, reason=reason)


def ends(digests: Iterable[Digest]) -> dict[Chain, datetime]:
    """Where the chains end: with the last digest of each. Backfill digests come when they come, and have no end."""
    last: dict[Chain, datetime] = {}
    for one in digests:
        if not one.chain.backfill:
            last[one.chain] = max(last.get(one.chain, one.end), one.end)
    return last


def tails(
    last: Mapping[Chain, datetime],
    proved: Mapping[Chain, datetime],
    window: tuple[datetime | None, datetime | None],
    due: Callable[[Chain], datetime | None],
) -> Iterator[Hole]:
    """Digests that were due after the last of each chain.

    How far is told by the asked end, else by when the capture listed the chain's folders, else by the related chains
    that go on.

    Args:
        last: Where each chain ends.
        proved: Where each chain's signed digests end: only they say how far the copy goes.
        window: Nothing before its start is asked for; its end is the asked end.
        due: Digests of a chain that end before then must be there; None to compare with the other Regions, and an
            organisation's other accounts.
    """
    far = _farthest(proved)
    since, until = window
    for chain, end in last.items():
        here = end
        if since is not None and since > here:
            here += ((since - here) // HOUR) * HOUR
        if until is not None:
            if here < until:
                yield Hole(chain=chain, state="absent", since=here, until=until, reason="no digest up to the asked end")
            continue
        seen = due(chain)
        if seen is not None:
            steps = -((here - seen) // HOUR) - 1  # so many whole hours end before then
            reason = "it was due when the folder was listed"
            yield Hole(chain=chain, state="absent", since=here, until=here + max(steps, 0) * HOUR, reason=reason)
            continue
        whole = max(far["account", chain.account], far["trail", chain.trail, chain.home]) - here
        if whole >= HOUR:
            reason = "other digests of the account or trail go on"
            stop = here + (whole // HOUR) * HOUR
            yield Hole(chain=chain, state="absent", since=here, until=stop, reason=reason)


def _farthest(proved: Mapping[Chain, datetime]) -> Mapping[tuple[str, ...], datetime]:
    far: dict[tuple[str, ...], datetime] = defaultdict(lambda: datetime.fromisoformat("2000-01-01T00:00:00+00:00"))
    for chain, end in proved.items():
        names: list[tuple[str, ...]] = [("account", chain.account)]
        if chain.trail:
            names.append(("trail", chain.trail, chain.home))
        for name in names:
            far[name] = max(far[name], end)
    return far
