"""Organizations: the lab's accounts are one organisation, and its service control policies count.

The security account stands in for the management account (on AWS: for a delegated administrator of policies). A policy that
it attaches to an account, or to the root, limits every principal of that account, root included; its own principals it
does not limit. The emulator stores such policies and heeds none.

References:
    "Service control policies (SCPs)", AWS Organizations User Guide, 2026-11: the management account is not limited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.world import World

_KIND = "SERVICE_CONTROL_POLICY"
_CHANGES = ("_attach_policy", "_detach_policy", "_update_policy", "_delete_policy")


AFTER = ("auth",)
"""Whose decision is taken before an organisation limits it."""


def install(world: World) -> None:
    """Make one organisation of the accounts, and heed its policies."""
    accounts = world.accounts
    management = accounts["security"].id
    members = {account.id: name for name, account in accounts.items() if account.id != management}
    limits: dict[str, list[Any]] = {}
    _install_members(management, members)
    for name in _CHANGES:
        _install_change(name, management, members, limits)
    _install_limits(limits)


def _install_members(management: str, members: Mapping[str, str]) -> None:
    org = hooks.service("organizations")

    def ensure() -> None:
        fresh = "self" not in org._orgs
        old()
        if fresh and hooks.current_account() == management:
            root = next(iter(org._roots))
            for account, name in members.items():
                record = {**org._accounts[management], "Id": account, "Name": name, "_ParentId": root}
                record["Arn"] = record["Arn"].rpartition("/")[0] + f"/{account}"
                org._accounts[account] = record

    old = hooks.replace("services.organizations", "_ensure_org", ensure)


def _install_change(name: str, management: str, members: Mapping[str, str], limits: dict[str, list[Any]]) -> None:
    def change(payload: Any) -> Any:
        answer = old(payload)
        if hooks.current_account() == management:
            limits.update({account: _limit_of(account) for account in members})
        return answer

    old: Callable[..., Any] = hooks.replace("services.organizations", name, change)


def _limit_of(account: str) -> list[Any]:
    """Statements that limit an account: those of every policy attached to it or to the root."""
    org, parse = hooks.service("organizations"), hooks.emulator("core.iam_evaluator").parse_policy_document
    places = {account, *org._roots}
    policies = [
        parse(policy["_Content"])
        for number, policy in org._policies.items()
        if policy["Type"] == _KIND and not policy["AwsManaged"] and places & set(org._attachments.get(number) or ())
    ]
    # FullAWSAccess stays attached beside them: what is not denied is not limited.
    return [parse({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}), *policies] if policies else []


def _install_limits(limits: Mapping[str, list[Any]]) -> None:
    def resolve(access_key_id: str, account_id: str, credential: Any = None) -> Any:
        principal = old(access_key_id, account_id, credential)
        limit = limits.get(getattr(principal, "account", ""))
        if limit and access_key_id:
            principal.limits = [*principal.limits, limit]
        return principal

    old = hooks.replace("core.iam_evaluator", "resolve_principal", resolve)
