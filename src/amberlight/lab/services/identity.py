"""Who used what last: Access Advisor, key and role last used, credential report, all from the recorder.

Denied attempts count, as on AWS; AWS shows the figures about four hours late, the lab at once.

References:
    GenerateServiceLastAccessedDetails, GetServiceLastAccessedDetailsWithEntities, GetAccessKeyLastUsed, IAM API;
    "Get credential reports", IAM User Guide, 2026-11.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import uuid
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from amberlight.lab import clock, hooks
from amberlight.lab.recorder.identity import Caller
from amberlight.lab.recorder.requests import Call
from amberlight.lab.services.auth import role_of
from amberlight.lab.world import World

_NAMESPACES = {"cloudwatch": "cloudwatch", "elbv2": "elasticloadbalancing", "stepfunctions": "states"}
_TITLES = {
    "iam": "AWS Identity and Access Management", "s3": "Amazon S3", "ec2": "Amazon EC2", "kms": "AWS Key Management "
    "Service", "sts": "AWS Security Token Service", "ssm": "AWS Systems Manager", "cloudtrail": "AWS CloudTrail",
    "cloudwatch": "Amazon CloudWatch", "sns": "Amazon SNS", "sqs": "Amazon SQS",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Use:
    """The last use of something."""

    time: float
    service: str
    region: str
    entity: str


class Figures:
    """Last uses by principal and service, by key and by role."""

    def __init__(self) -> None:
        self._by_principal: dict[str, dict[str, Use]] = {}
        self._by_key: dict[str, Use] = {}
        self._jobs: dict[str, dict[str, Any]] = {}

    def count(self, caller: Caller, region: str, call: Call) -> None:
        """Note one call, denied or not."""
        principal = role_of(caller.arn, caller.account)
        use = Use(clock.now(), _NAMESPACES.get(call.service, call.service), region, principal)
        self._by_principal.setdefault(principal, {})[use.service] = use
        self._by_key[caller.access_key_id] = use

    def key(self, access_key_id: str) -> Use | None:
        """The last use of an access key."""
        return self._by_key.get(access_key_id)

    def principal(self, arn: str) -> Use | None:
        """The last use of a user or role."""
        uses = self._by_principal.get(arn, {}).values()
        return max(uses, key=lambda use: use.time, default=None)

    def begin(self, arn: str) -> str:
        """Freeze the figures for an ARN; gives the job's id."""
        job = str(uuid.uuid4())
        entities = _entities(arn)
        uses = {entity: dict(self._by_principal.get(entity, {})) for entity in entities}
        self._jobs[job] = {"at": clock.now(), "uses": uses, "allowed": _allowed(entities)}
        return job

    def job(self, job_id: str) -> dict[str, Any] | None:
        """A frozen job."""
        return self._jobs.get(job_id)


REAL = {
    "iam.GetAccessKeyLastUsed": "the last call that was really made",
    "iam.GetCredentialReport": "the last calls that were really made",
    "iam.GetServiceLastAccessedDetails": "the last calls that were really made, denied ones too",
}


def install(world: World) -> None:
    """Count uses, and answer from the figures."""
    figures, accounts = Figures(), world.accounts
    world.recorder.counters.append(figures.count)
    table = hooks.service("iam")._IAM_HANDLERS
    table["GenerateServiceLastAccessedDetails"] = lambda p: _generate(figures, p)
    table["GetServiceLastAccessedDetails"] = lambda p: _details(figures, p)
    table["GetServiceLastAccessedDetailsWithEntities"] = lambda p: _with_entities(figures, p)
    table["GetAccessKeyLastUsed"] = _key_last_used(figures, table["GetAccessKeyLastUsed"])
    _install_role_last_used(figures)
    _install_report(figures, {account.id: account.root.access_key_id for account in accounts.values()})


def _p(params: Any, name: str) -> str:
    return str(hooks.service("iam")._p(params, name) or "")


def _answer(action: str, inner: str) -> Any:
    return hooks.service("iam")._xml(200, f"{action}Response", f"<{action}Result>{inner}</{action}Result>", ns="iam")


def _unknown(message: str) -> Any:
    return hooks.service("iam")._error(404, "NoSuchEntity", message, ns="iam")


# --- Access Advisor -------------------------------------------------------------------------------------------------


def _entities(arn: str) -> list[str]:
    """The users and roles that an ARN stands for."""
    iam = hooks.service("iam")
    kind, _, name = arn.split(":", 5)[-1].partition("/")
    if kind == "group":
        members = (iam._groups.get(name.rsplit("/", 1)[-1]) or {}).get("Users", [])
        return [str(iam._users[user]["Arn"]) for user in members if user in iam._users]
    if kind == "policy":
        holders = [*iam._users.values(), *iam._roles.values()]
        return [str(each["Arn"]) for each in holders if arn in each.get("AttachedPolicies", [])]
    return [arn]


def _allowed(entities: list[str]) -> set[str]:
    """Services that the entities' policies name at all."""
    evaluator = hooks.emulator("core.iam_evaluator")
    account, found = hooks.current_account(), set()
    for arn in entities:
        name = arn.rsplit("/", 1)[-1]
        gather = evaluator._gather_role_policies if ":role/" in arn else evaluator._gather_user_policies
        for statements in gather(name, account):
            for action in (a for s in statements if s.effect == "Allow" for a in s.actions):
                found |= set(_TITLES) if action == "*" else {action.split(":")[0].lower()}
    return found


def _generate(figures: Figures, params: Any) -> Any:
    arn = _p(params, "Arn")
    iam = hooks.service("iam")
    known = [*iam._users.values(), *iam._roles.values(), *iam._groups.values(), *iam._policies.values()]
    if not any(each.get("Arn") == arn for each in known):
        return _unknown(f"{arn} cannot be found.")
    return _answer("GenerateServiceLastAccessedDetails", f"<JobId>{figures.begin(arn)}</JobId>")


def _details(figures: Figures, params: Any) -> Any:
    job = figures.job(_p(params, "JobId"))
    if job is None:
        return _unknown(f"Job {_p(params, 'JobId')} cannot be found.")
    members = ""
    used = {service for uses in job["uses"].values() for service in uses}
    for service in sorted(used | job["allowed"]):
        last = [uses[service] for uses in job["uses"].values() if service in uses]
        members += f"<member>{_service_xml(service, last)}</member>"
    return _answer("GetServiceLastAccessedDetails", _job_xml(job) + (
        f"<JobType>SERVICE_LEVEL</JobType><ServicesLastAccessed>{members}</ServicesLastAccessed>"
        "<IsTruncated>false</IsTruncated>"
    ))  # fmt: skip


def _job_xml(job: Mapping[str, Any]) -> str:
    at = clock.iso(job["at"])
    return (
        f"<JobStatus>COMPLETED</JobStatus><JobCreationDate>{at}</JobCreationDate>"
        f"<JobCompletionDate>{at}</JobCompletionDate>"
    )


def _service_xml(service: str, last: list[Use]) -> str:
    inner = f"<ServiceName>{escape(_TITLES.get(service, service))}</ServiceName>"
    inner += f"<ServiceNamespace>{service}</ServiceNamespace>"
    inner += f"<TotalAuthenticatedEntities>{len(last)}</TotalAuthenticatedEntities>"
    if last:
        use = max(last, key=lambda each: each.time)
        inner += f"<LastAuthenticated>{clock.iso(use.time)}</LastAuthenticated>"
        inner += f"<LastAuthenticatedEntity>{escape(use.entity)}</LastAuthenticatedEntity>"
        inner += f"<LastAuthenticatedRegion>{use.region}</LastAuthenticatedRegion>"
    return inner


def _with_entities(figures: Figures, params: Any) -> Any:
    job = figures.job(_p(params, "JobId"))
    if job is None:
        return _unknown(f"Job {_p(params, 'JobId')} cannot be found.")
    service = _p(params, "ServiceNamespace")
    members = "".join(f"<member>{_entity_xml(arn, uses.get(service))}</member>" for arn, uses in job["uses"].items())
    return _answer("GetServiceLastAccessedDetailsWithEntities", _job_xml(job) + (
        f"<EntityDetailsList>{members}</EntityDetailsList><IsTruncated>false</IsTruncated>"
    ))  # fmt: skip


def _entity_xml(arn: str, use: Use | None) -> str:
    iam = hooks.service("iam")
    name, role = arn.rsplit("/", 1)[-1], ":role/" in arn
    record = (iam._roles if role else iam._users).get(name) or {}
    inner = f"<EntityInfo><Arn>{escape(arn)}</Arn><Name>{escape(name)}</Name><Type>{'ROLE' if role else 'USER'}</Type>"
    inner += f"<Id>{record.get('RoleId') or record.get('UserId', '')}</Id><Path>{record.get('Path', '/')}</Path>"
    inner += "</EntityInfo>"
    return inner + (f"<LastAuthenticated>{clock.iso(use.time)}</LastAuthenticated>" if use else "")


# --- keys, roles, report --------------------------------------------------------------------------------------------


def _key_last_used(figures: Figures, old: Any) -> Any:
    def last_used(params: Any) -> Any:
        use = figures.key(_p(params, "AccessKeyId"))
        answer = old(params)
        if use is None or answer[0] != 200:  # noqa: PLR2004
            return answer
        user = hooks.service("iam")._access_keys[_p(params, "AccessKeyId")]["UserName"]
        return _answer("GetAccessKeyLastUsed", (
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
        role = hooks.service("iam")._roles.get(_p(params, "RoleName"))
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


def _install_report(figures: Figures, roots: Mapping[str, str]) -> None:
    def build() -> str:
        rows = list(csv.DictReader(io.StringIO(old())))
        for row in rows:
            _fill(row, figures, roots)
        out = io.StringIO()
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().rstrip("\n")

    old = hooks.replace("services.iam", "_build_credential_report", build)


def _fill(row: dict[str, Any], figures: Figures, roots: Mapping[str, str]) -> None:
    """Put real last uses into one row."""
    iam = hooks.service("iam")
    if row["user"] == "<root_account>":
        keys = [roots.get(hooks.current_account(), "")]
        row["access_key_1_active"] = "true"
    else:
        owned = [key for key in iam._access_keys.values() if key["UserName"] == row["user"]]
        keys = [key["AccessKeyId"] for key in sorted(owned, key=lambda key: str(key.get("CreateDate", "")))]
    for number, key in enumerate(keys[:2], 1):
        use = figures.key(key)
        if use is not None:
            row[f"access_key_{number}_last_used_date"] = clock.iso(use.time).replace("Z", "+00:00")
            row[f"access_key_{number}_last_used_region"] = use.region
            row[f"access_key_{number}_last_used_service"] = use.service
