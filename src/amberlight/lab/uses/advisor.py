"""Access Advisor: services and actions that a user, role, group or policy used last, and who it was.

A service is listed when a policy names it or it was used; an action when a policy names it without wildcards or it was used.

References:
    GenerateServiceLastAccessedDetails, GetServiceLastAccessedDetails, GetServiceLastAccessedDetailsWithEntities, IAM API
    Reference, 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from amberlight.lab import clock, hooks
from amberlight.lab.uses.figures import Figures, Job, Use

_TITLES = {
    "iam": "AWS Identity and Access Management", "s3": "Amazon S3", "ec2": "Amazon EC2", "kms": "AWS Key Management "
    "Service", "sts": "AWS Security Token Service", "ssm": "AWS Systems Manager", "cloudtrail": "AWS CloudTrail",
    "cloudwatch": "Amazon CloudWatch", "sns": "Amazon SNS", "sqs": "Amazon SQS",
}  # fmt: skip
_LEVELS = {"SERVICE_LEVEL": False, "ACTION_LEVEL": True}


def install(figures: Figures) -> None:
    """Answer from the figures."""
    table = hooks.service("iam")._IAM_HANDLERS
    table["GenerateServiceLastAccessedDetails"] = lambda p: _generate(figures, p)
    table["GetServiceLastAccessedDetails"] = lambda p: _details(figures, p)
    table["GetServiceLastAccessedDetailsWithEntities"] = lambda p: _with_entities(figures, p)


def parameter(params: Any, name: str) -> str:
    """A parameter of a call to IAM."""
    return str(hooks.service("iam")._p(params, name) or "")


def answer(action: str, inner: str) -> Any:
    """An answer of IAM."""
    return hooks.service("iam")._xml(200, f"{action}Response", f"<{action}Result>{inner}</{action}Result>", ns="iam")


def _unknown(message: str) -> Any:
    return hooks.service("iam")._error(404, "NoSuchEntity", message, ns="iam")


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


def _allowed(entities: list[str]) -> frozenset[str]:
    """Services that the entities' policies name at all, and actions that they name in full."""
    evaluator = hooks.emulator("core.iam_evaluator")
    account, found = hooks.current_account(), set()
    for arn in entities:
        name = arn.rsplit("/", 1)[-1]
        gather = evaluator._gather_role_policies if ":role/" in arn else evaluator._gather_user_policies
        for statements in gather(name, account):
            for action in (a for s in statements if s.effect == "Allow" for a in s.actions):
                found |= set(_TITLES) if action == "*" else {action.split(":")[0].lower()}
                if "*" not in action and "?" not in action:
                    found.add(action)
    return frozenset(found)


def _generate(figures: Figures, params: Any) -> Any:
    arn, level = parameter(params, "Arn"), parameter(params, "Granularity") or "SERVICE_LEVEL"
    iam = hooks.service("iam")
    if level not in _LEVELS:
        return iam._error(400, "InvalidInput", "Granularity must be SERVICE_LEVEL or ACTION_LEVEL.", ns="iam")
    known = [*iam._users.values(), *iam._roles.values(), *iam._groups.values(), *iam._policies.values()]
    if not any(each.get("Arn") == arn for each in known):
        return _unknown(f"{arn} cannot be found.")
    entities = _entities(arn)
    job = figures.freeze(entities, _allowed(entities), actions=_LEVELS[level])
    return answer("GenerateServiceLastAccessedDetails", f"<JobId>{job}</JobId>")


def _details(figures: Figures, params: Any) -> Any:
    job = figures.job(parameter(params, "JobId"))
    if job is None:
        return _unknown(f"Job {parameter(params, 'JobId')} cannot be found.")
    used = {use.service for uses in job.uses.values() for use in uses}
    named = {each for each in job.allowed if ":" not in each}
    members = "".join(f"<member>{_service_xml(service, job)}</member>" for service in sorted(used | named))
    level = "ACTION_LEVEL" if job.actions else "SERVICE_LEVEL"
    return answer("GetServiceLastAccessedDetails", _job_xml(job) + (
        f"<JobType>{level}</JobType><ServicesLastAccessed>{members}</ServicesLastAccessed>"
        "<IsTruncated>false</IsTruncated>"
    ))  # fmt: skip


def _job_xml(job: Job) -> str:
    at = clock.iso(job.at)
    return (
        f"<JobStatus>COMPLETED</JobStatus><JobCreationDate>{at}</JobCreationDate>"
        f"<JobCompletionDate>{at}</JobCompletionDate>"
    )


def _latest(uses: list[Use]) -> Use | None:
    return max(uses, key=lambda use: use.time, default=None)


def _service_xml(service: str, job: Job) -> str:
    uses = {entity: [use for use in uses if use.service == service] for entity, uses in job.uses.items()}
    inner = f"<ServiceName>{escape(_TITLES.get(service, service))}</ServiceName>"
    inner += f"<ServiceNamespace>{escape(service)}</ServiceNamespace>"
    inner += f"<TotalAuthenticatedEntities>{sum(bool(each) for each in uses.values())}</TotalAuthenticatedEntities>"
    every = [use for each in uses.values() for use in each]
    last = _latest(every)
    if last is not None:
        inner += f"<LastAuthenticated>{clock.iso(last.time)}</LastAuthenticated>"
        inner += f"<LastAuthenticatedEntity>{escape(last.entity)}</LastAuthenticatedEntity>"
        inner += f"<LastAuthenticatedRegion>{last.region}</LastAuthenticatedRegion>"
    return inner + (_actions_xml(service, every, job.allowed) if job.actions else "")


def _actions_xml(service: str, uses: list[Use], allowed: frozenset[str]) -> str:
    tracked: dict[str, list[Use]] = {
        each.split(":")[1]: [] for each in allowed if ":" in each and each.split(":")[0].lower() == service
    }
    for use in uses:
        if use.tracked:
            tracked.setdefault(use.action, []).append(use)
    members = "".join(f"<member>{_action_xml(name, tracked[name])}</member>" for name in sorted(tracked))
    return f"<TrackedActionsLastAccessed>{members}</TrackedActionsLastAccessed>"


def _action_xml(name: str, uses: list[Use]) -> str:
    last, inner = _latest(uses), f"<ActionName>{escape(name)}</ActionName>"
    if last is None:
        return inner
    return inner + (
        f"<LastAccessedEntity>{escape(last.entity)}</LastAccessedEntity>"
        f"<LastAccessedTime>{clock.iso(last.time)}</LastAccessedTime>"
        f"<LastAccessedRegion>{last.region}</LastAccessedRegion>"
    )


def _with_entities(figures: Figures, params: Any) -> Any:
    job = figures.job(parameter(params, "JobId"))
    if job is None:
        return _unknown(f"Job {parameter(params, 'JobId')} cannot be found.")
    service = parameter(params, "ServiceNamespace")
    last = {arn: _latest([use for use in uses if use.service == service]) for arn, uses in job.uses.items()}
    newest_first = sorted(last.items(), key=lambda each: -(each[1].time if each[1] else 0.0))
    members = "".join(f"<member>{_entity_xml(arn, use)}</member>" for arn, use in newest_first)
    return answer("GetServiceLastAccessedDetailsWithEntities", _job_xml(job) + (
        f"<EntityDetailsList>{members}</EntityDetailsList><IsTruncated>false</IsTruncated>"
    ))  # fmt: skip


def _entity_xml(arn: str, use: Use | None) -> str:
    iam = hooks.service("iam")
    name, role = arn.rsplit("/", 1)[-1], ":role/" in arn
    record: Mapping[str, Any] = (iam._roles if role else iam._users).get(name) or {}
    inner = f"<EntityInfo><Arn>{escape(arn)}</Arn><Name>{escape(name)}</Name><Type>{'ROLE' if role else 'USER'}</Type>"
    inner += (
        f"<Id>{record.get('RoleId') or record.get('UserId', '')}</Id><Path>{escape(record.get('Path', '/'))}</Path>"
    )
    inner += "</EntityInfo>"
    return inner + (f"<LastAuthenticated>{clock.iso(use.time)}</LastAuthenticated>" if use else "")
