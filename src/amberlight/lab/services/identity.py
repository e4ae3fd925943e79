"""Who used what last: Access Advisor, key and role last used, credential report, all from the recorder; see `amberlight.lab.uses`.

Access Advisor sees a call after `access_advisor_delay_s` (AWS: usually within four hours); keys and roles know it at once.

References:
    GetAccessKeyLastUsed, GetRole (RoleLastUsed), IAM API Reference, 2026-11.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any
from xml.sax.saxutils import escape

from amberlight.lab import clock, hooks
from amberlight.lab.recorder.identity import Caller
from amberlight.lab.recorder.requests import Call, Request
from amberlight.lab.uses import advisor, report
from amberlight.lab.uses.figures import Figures
from amberlight.lab.world import World

REAL = {
    "iam.GetAccessKeyLastUsed": "the last call that was really made",
    "iam.GetCredentialReport": "the last calls that were really made",
    "iam.GetServiceLastAccessedDetails": "the last calls that were really made, denied ones too, some time after them",
}

_actions: ContextVar[list[str] | None] = ContextVar("lab_identity_actions", default=None)


def install(world: World) -> None:
    """Count uses, and answer from the figures."""
    figures = Figures(world.options.access_advisor_delay_s)
    _install_counting(world, figures)
    advisor.install(figures)
    table = hooks.service("iam")._IAM_HANDLERS
    table["GetAccessKeyLastUsed"] = _key_last_used(figures, table["GetAccessKeyLastUsed"])
    _install_role_last_used(figures)
    report.install(figures, {account.id: account.root.access_key_id for account in world.accounts.values()})


def _install_counting(world: World, figures: Figures) -> None:
    """Count each call under the action that policies are asked about: ListBuckets is `s3:ListAllMyBuckets`."""

    def begin(_: Request) -> None:
        _actions.set([])

    def enforce(key: str, action: str, *args: Any, **kwargs: Any) -> Any:
        asked = _actions.get()
        if asked is not None:
            asked.append(action)
        return old(key, action, *args, **kwargs)

    old = hooks.replace("core.iam_evaluator", "enforce", enforce)

    def count(caller: Caller, region: str, call: Call) -> None:
        asked = _actions.get()
        figures.count(caller, region, call, asked[0] if asked else f"{call.service}:{call.operation}")

    world.recorder.begins.append(begin)
    world.recorder.counters.append(count)


def _key_last_used(figures: Figures, old: Any) -> Any:
    def last_used(params: Any) -> Any:
        key = advisor.parameter(params, "AccessKeyId")
        use = figures.key(key)
        answer = old(params)
        if use is None or answer[0] != 200:  # noqa: PLR2004
            return answer
        user = hooks.service("iam")._access_keys[key]["UserName"]
        return advisor.answer("GetAccessKeyLastUsed", (
            f"<UserName>{escape(user)}</UserName><AccessKeyLastUsed><LastUsedDate>{clock.iso(use.time)}</LastUsedDate>"
            f"<ServiceName>{use.service}</ServiceName><Region>{use.region}</Region></AccessKeyLastUsed>"
        ))  # fmt: skip

    return last_used


def _install_role_last_used(figures: Figures) -> None:
    def last_used(arn: str) -> str:
        use = figures.principal(arn)
        inner = f"<LastUsedDate>{clock.iso(use.time)}</LastUsedDate><Region>{use.region}</Region>" if use else ""
        return f"<RoleLastUsed>{inner}</RoleLastUsed>"

    def get_role(params: Any) -> Any:
        status, headers, body = old_get(params)
        role = hooks.service("iam")._roles.get(advisor.parameter(params, "RoleName"))
        if role is not None:
            body = body.replace(b"</Role>", (last_used(role["Arn"]) + "</Role>").encode())
        return status, headers, body

    old_get = hooks.replace("services.iam", "_get_role", get_role)

    def details(params: Any) -> Any:
        status, headers, body = old_details(params)
        for role in hooks.service("iam")._roles.values():
            start = max(body.find(b"<RoleDetailList>"), 0)
            place = body.find(f"<Arn>{role['Arn']}</Arn><Path>".encode(), start)
            if place >= 0:
                body = body[:place] + last_used(role["Arn"]).encode() + body[place:]
        return status, headers, body

    old_details = hooks.replace("services.iam", "_get_account_authorization_details", details)
