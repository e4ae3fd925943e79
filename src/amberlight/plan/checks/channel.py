"""Where people talk when the usual way may be read."""

from __future__ import annotations

from collections.abc import Iterator

from amberlight.model.response_plan import ResponsePlan
from amberlight.plan.check import Check, Facts, Lack, aged, carried, domains


def there(plan: ResponsePlan, facts: Facts) -> Iterator[Lack]:
    """No channel, one that says too little of itself, or one that nobody has tried."""
    channel = plan.out_of_band
    if not channel.name:
        yield Lack(
            where="out_of_band",
            what="No out-of-band channel.",
            risk="The intruder reads how the response goes.",
            todo="Agree on a channel that neither AWS nor the usual sign-on carries.",
        )
        return
    for key, text in (("join", channel.join), ("carried_by", channel.carried_by)):
        if not text.strip():
            yield Lack(
                where=f"out_of_band.{key}",
                what=f"The out-of-band channel does not say `{key}`.",
                risk="Nobody gets in, or nobody notices that the intruder can.",
                todo=f"Set `out_of_band.{key}`.",
            )
    when = aged(channel.tested, facts.today)
    if when:
        yield Lack(
            where="out_of_band.tested",
            what=f"The out-of-band channel was last tried {when}.",
            risk="Half of the people do not get in on the night.",
            todo="Let everybody get in once, then set `tested` to that day.",
        )


def apart(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """A channel that hangs on a listed account."""
    channel = plan.out_of_band
    for key, text in (("name", channel.name), ("join", channel.join), ("carried_by", channel.carried_by)):
        hung = carried(text, domains(plan))
        if hung:
            yield Lack(
                where=f"out_of_band.{key}",
                what=f"The out-of-band channel hangs on {hung}, which an account of this plan carries.",
                risk="It is down or read when it is needed.",
                todo="Take a channel that hangs on no account of this plan.",
            )


CHECKS = (
    Check(
        id="channel.there",
        asks="Is there an out-of-band channel that was tried within half a year?",
        answers=("SEC10-BP02", "DE.AE-06", "IRG-04"),
        find=there,
    ),
    Check(
        id="channel.apart",
        asks="Does it work without the accounts of the plan?",
        answers=("SEC10-BP02", "DE.AE-06", "IRG-04"),
        find=apart,
    ),
)
