"""The accounts, and what in them matters most."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from amberlight.model.readiness import CrownJewel
from amberlight.model.response_plan import Account, ResponsePlan
from amberlight.plan.check import Check, Facts, Lack

ACCOUNT = re.compile(r"[0-9]{12}")
ARN = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12}):")
USES = {
    "subject": "Nothing can be captured.",
    "security": "Nobody is told, since the hub has no place.",
    "vault": "Evidence lies where the intruder's credentials work.",
}


def uses(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Uses without an account, uses that nobody knows, and a vault where incidents happen."""
    for use, risk in USES.items():
        if not any(account.use == use for account in plan.accounts):
            yield Lack(
                where="accounts", what=f"No account of the use {use!r}.", risk=risk, todo=f"Add one with `use: {use}`."
            )
    subjects = {account.id for account in plan.accounts if account.use == "subject"}
    for number, account in enumerate(plan.accounts):
        if account.use == "vault" and account.id in subjects:
            yield Lack(
                where=f"accounts[{number}]",
                what="The vault is in an account that incidents happen in.",
                risk="Whoever owns that account can close it, and the evidence with it.",
                todo="Keep the vault in an account where nothing else runs.",
            )


def described(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Ids that are none or are there twice, and accounts that say neither purpose nor owner."""
    counts = Counter((account.id, account.use) for account in plan.accounts)
    for number, account in enumerate(plan.accounts):
        faulty = dict(faults(account, counts[account.id, account.use]))
        if faulty:
            yield Lack(
                where=f"accounts[{number}]",
                what=f"The account {account.name!r} {', '.join(faulty)}.",
                risk="Triage cannot say whose it is, or whether what happens there is usual.",
                todo=" ".join(faulty.values()),
            )


def faults(account: Account, count: int) -> Iterator[tuple[str, str]]:
    """What is wrong with one account, and what to do."""
    if not ACCOUNT.fullmatch(account.id):
        yield f"has the id {account.id!r}, which is not twelve digits", "Set `id`, in quotes."
    if account.use not in USES:
        yield f"has the use {account.use!r}", f"Use one of {', '.join(USES)}."
    if count > 1:
        yield "stands there twice", "Remove one."
    if not account.purpose:
        yield "does not say what it is for", "Set `purpose`."
    if not account.owner:
        yield "has no owner", "Set `owner` to a role or a person."


def jewels(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """No crown jewels, or ones that are in no account of the plan, or nobody's."""
    told = {jewel.resource for jewel in plan.crown_jewels}
    bare = [CrownJewel(resource=one) for one in plan.aware.crown_jewels if one not in told]
    everyone = [*plan.crown_jewels, *bare]
    if not everyone:
        yield Lack(
            where="crown_jewels",
            what="No crown jewels.",
            risk="Triage weighs the customers' data as it weighs a test bucket.",
            todo="Name what must not be lost under `crown_jewels`.",
        )
    for number, jewel in enumerate(everyone):
        faulty = dict(lost(plan, jewel))
        if faulty:
            yield Lack(
                where=f"crown_jewels[{number}]" if number < len(plan.crown_jewels) else "aware.crown_jewels",
                what=f"The crown jewel {jewel.resource!r} {', '.join(faulty)}.",
                risk="What is at stake is argued about while it is being copied.",
                todo=" ".join(faulty.values()),
            )


def lost(plan: ResponsePlan, jewel: CrownJewel) -> Iterator[tuple[str, str]]:
    """What is wrong with one crown jewel, and what to do."""
    known = {account.id for account in plan.accounts}
    arn = ARN.match(jewel.resource)
    named = jewel.account or (arn[1] if arn else "")
    if not jewel.resource.strip():
        yield "names no resource", "Set `resource`."
    if not named:
        yield "says no account", "Set `account` in `crown_jewels`."
    elif named not in known:
        yield f"is in {named}, which the plan does not list", "Add that account, or correct the id."
    if arn and jewel.account and arn[1] != jewel.account:
        yield f"is in {arn[1]} by its ARN and in {jewel.account} by its `account`", "Correct one of them."
    if not jewel.why:
        yield "does not say why it matters", "Set `why` in `crown_jewels`."
    if not jewel.owner:
        yield "has no owner", "Set `owner` in `crown_jewels`."


def within(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Regions in use that a capture may not look into."""
    for number, account in enumerate(plan.accounts):
        left = sorted(set(account.regions) - set(plan.capture.regions)) if plan.capture.regions else []
        if left and account.use == "subject":
            yield Lack(
                where=f"accounts[{number}].regions",
                what=f"{account.name!r} uses {', '.join(left)}, where a capture may not look.",
                risk="Evidence there is not taken.",
                todo="Add them to `capture.regions`, or empty that list: it then allows all.",
            )


CHECKS = (
    Check(
        id="estate.uses",
        asks="Is there an account for each use, and the vault in one of its own?",
        answers=("SEC10-BP03", "IRG-08"),
        find=uses,
    ),
    Check(
        id="estate.described",
        asks="Does each account say what it is for and whose it is?",
        answers=("SEC10-BP02", "ID.AM-08", "IRG-08", "IRG-09"),
        find=described,
    ),
    Check(
        id="estate.jewels",
        asks="Are the crown jewels named, in accounts of the plan, with an owner?",
        answers=("SEC10-BP02", "ID.AM-07", "IRG-09", "IRG-12"),
        find=jewels,
    ),
    Check(
        id="estate.within",
        asks="May a capture look into every Region in use?",
        answers=("SEC10-BP03", "RS.AN-07", "IRG-14"),
        find=within,
    ),
)
