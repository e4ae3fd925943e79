"""What evidence needs: a vault, limits that let something be taken, and roles that open."""

from __future__ import annotations

from collections.abc import Iterator

from amberlight.model.response_plan import ResponsePlan
from amberlight.plan.check import Check, Facts, Lack

LOUDEST = 4


def vault(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """A vault that is not named, or whose key lies in an account that incidents happen in."""
    for key in ("bucket", "region", "signing_key"):
        if not getattr(plan.vault, key).strip():
            yield Lack(
                where=f"vault.{key}",
                what=f"The vault has no {key}.",
                risk="There is nowhere to put evidence.",
                todo=f"Build the vault (docs/guide/vault.md), then set `vault.{key}`.",
            )
    parts = plan.vault.signing_key.split(":")
    owner = parts[4] if parts[0] == "arn" and len(parts) > 4 else ""  # noqa: PLR2004 - arn:partition:kms:Region:account
    if owner in {one.id for one in plan.accounts if one.use == "subject"}:
        yield Lack(
            where="vault.signing_key",
            what="The signing key is in an account that incidents happen in.",
            risk="Whoever owns that account can sign a history of their own.",
            todo="Make the key in the vault account.",
        )


def limits(plan: ResponsePlan, _facts: Facts) -> Iterator[Lack]:
    """Limits that no capture can keep."""
    capture = plan.capture
    for key, bad, why in (
        ("max_seen", not 0 <= capture.max_seen <= LOUDEST, "is not 0 to 4"),
        ("max_usd", capture.max_usd <= 0, "lets nothing be taken"),
        ("workers", capture.workers < 1, "lets nothing be taken"),
        ("capture_role", not capture.capture_role.strip(), "names no role"),
    ):
        if bad:
            yield Lack(
                where=f"capture.{key}",
                what=f"`capture.{key}` {why}: {getattr(capture, key)!r}.",
                risk="The capture ends before it began, while memory is lost.",
                todo=f"Set `capture.{key}`.",
            )


def roles(plan: ResponsePlan, facts: Facts) -> Iterator[Lack]:
    """Roles that could not be taken on."""
    for arn, why in sorted((facts.shut or {}).items()):
        yield Lack(
            where="capture.capture_role" if arn.endswith(f"/{plan.capture.capture_role}") else "vault",
            what=f"The role {arn} cannot be taken on: {why}",
            risk="What needs it is not done on the night.",
            todo="Check that it is there, its trust policy, and with whose credentials you asked.",
        )


CHECKS = (
    Check(
        id="evidence.vault",
        asks="Is there a vault, and its key out of the intruder's reach?",
        answers=("SEC10-BP03", "RS.AN-07", "IRG-14"),
        find=vault,
    ),
    Check(
        id="evidence.limits",
        asks="Do the limits let a capture happen?",
        answers=("SEC10-BP03", "RS.AN-07", "IRG-14"),
        find=limits,
    ),
    Check(
        id="evidence.roles",
        asks="Do the roles that capture and seal open?",
        answers=("SEC10-BP05", "SEC10-BP03", "PR.AA-05", "IRG-11"),
        find=roles,
        live=True,
    ),
)
