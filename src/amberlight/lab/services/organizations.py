"""Organizations: the lab's accounts are one organisation, and its service and resource control policies count.

The security account is the management account (on AWS one would let a delegated administrator do it). Service control policies
limit every principal of an account, root included; resource control policies protect an account's resources from everybody, whatever
account he is of. Both count at every level from the root to the account, and neither for the management account. The emulator stores
such policies and heeds none.

References:
    "Service control policies (SCPs)", "SCP evaluation", "Resource control policies (RCPs)" (supported services, syntax), AWS
    Organizations User Guide, 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.options import REGION
from amberlight.lab.world import World

AFTER = ("auth",)
"""Whose decision is taken before an organisation limits it."""

SCP, RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
_GUARDED = frozenset({"s3", "sts", "kms", "sqs", "secretsmanager", "dynamodb", "ecr", "aoss"})
"""Services whose resources a resource control policy protects."""
_EVERYTHING = {
    SCP: ("p-FullAWSAccess", "FullAWSAccess", {"Effect": "Allow", "Action": "*", "Resource": "*"}),
    RCP: ("p-RCPFullAWSAccess", "RCPFullAWSAccess",
          {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}),
}  # fmt: skip
"""The policy of each kind that AWS attaches to everything: id, name, statement."""

Layers = list[list[Any]]
"""For each level from the root to the account, the statements of the policies that are attached there."""

_enforcing: ContextVar[bool] = ContextVar("lab_organization_enforcing", default=False)
_refused: ContextVar[str] = ContextVar("lab_organization_refused", default="")


class Organization:
    """The policies in force, by account."""

    def __init__(self, management: str, members: Mapping[str, str]) -> None:
        self.management = management
        self.members = members
        """Account to name."""
        self._layers: dict[str, dict[str, Layers]] = {SCP: {}, RCP: {}}

    def read(self) -> None:
        """Take in what stands in the emulator's stores now."""
        for kind in (SCP, RCP):
            self._layers[kind] = {account: self._read(account, kind) for account in self.members}

    @staticmethod
    def _read(account: str, kind: str) -> Layers:
        org, parse = hooks.service("organizations"), hooks.emulator("core.iam_evaluator").parse_policy_document
        if not org._policy_type_enabled(kind):
            return []
        return [
            [
                statement
                for number, policy in org._policies.items()
                if policy["Type"] == kind and place in (org._attachments.get(number) or ())
                for statement in parse(policy["_Content"])
            ]
            for place in _places(account)
        ]

    def problem(self, ctx: Any) -> str:
        """Why the organisation refuses a request, in the words of AWS; empty if it does not."""
        owner = self._owner(ctx)
        guarded = owner if ctx.action.split(":")[0] in _GUARDED else ""
        for kind, account in ((SCP, ctx.principal_account), (RCP, guarded)):
            if found := _judge(ctx, self._layers[kind].get(account, []), kind):
                return found
        return ""

    def _owner(self, ctx: Any) -> str:
        """The account whose resource a request is about."""
        if ctx.resource_arn.startswith("arn:aws:s3:::"):
            bucket = ctx.resource_arn.removeprefix("arn:aws:s3:::").split("/", 1)[0]
            return str(hooks.service("s3")._bucket_owner_account(bucket) or ctx.principal_account)
        parts = ctx.resource_arn.split(":")
        return parts[4] if len(parts) > 5 else ""  # noqa: PLR2004


def _places(account: str) -> list[str]:
    """Account, organisational units and root."""
    org = hooks.service("organizations")
    found, place = [], account
    while place:
        found.append(place)
        place = (org._accounts.get(place) or org._ous.get(place) or {}).get("_ParentId", "")
    return found


def _judge(ctx: Any, layers: Layers, kind: str) -> str:
    match = hooks.emulator("core.iam_evaluator")._first_match
    name = kind.lower().replace("_", " ")
    if any(match(ctx, layer, "Deny") for layer in layers):
        return f"with an explicit deny in a {name}"
    if any(match(ctx, layer, "Allow") is None for layer in layers):
        return f"because no {name} allows the {ctx.action} action"
    return ""


def install(world: World) -> None:
    """Make one organisation of the accounts, and heed its policies."""
    management = world.accounts["security"].id
    members = {account.id: name for name, account in world.accounts.items() if account.id != management}
    organization = Organization(management, members)
    _install_members(organization)
    _install_calls(organization)
    _install_limits(organization)


def _install_members(organization: Organization) -> None:
    org, management = hooks.service("organizations"), organization.management

    def ensure() -> None:
        fresh = "self" not in org._orgs
        old()
        if fresh and hooks.current_account() == management:
            root = next(iter(org._roots))
            for account, name in organization.members.items():
                record = {**org._accounts[management], "Id": account, "Name": name, "_ParentId": root}
                record["Arn"] = record["Arn"].rpartition("/")[0] + f"/{account}"
                org._accounts[account] = record
            _attach_everything(SCP)

    old = hooks.replace("services.organizations", "_ensure_org", ensure)

    def org_id(account: str) -> str | None:
        if account not in (management, *organization.members):
            return None
        with hooks.acting_for(management, REGION):
            ensure()
            return str(org._orgs["self"]["Id"])

    hooks.replace("core.iam_evaluator", "_principal_org_id", org_id)


def _attach_everything(kind: str) -> None:
    """The policy of AWS that allows everything is attached to every root, unit and account."""
    org, (number, name, statement) = hooks.service("organizations"), _EVERYTHING[kind]
    if number not in org._policies:
        org._policies[number] = {
            "Id": number, "Arn": f"arn:aws:organizations::aws:policy/{kind.lower()}/{number}", "Name": name,
            "Description": "Allows access to every resource", "Type": kind, "AwsManaged": True,
            "_Content": json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        }  # fmt: skip
    places = [*org._roots.keys(), *org._ous.keys(), *org._accounts.keys()]
    org._attachments[number] = places


def _install_calls(organization: Organization) -> None:
    """A member may ask which organisation it is in; the management account changes it, and changes count at once."""
    org = hooks.service("organizations")
    old: Callable[..., Any] = org.handle_request

    async def handle(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        operation = str(headers.get("x-amz-target", "")).rpartition(".")[2]
        if hooks.current_account() in organization.members:
            if operation != "DescribeOrganization":
                return _refuse("AccessDeniedException", "You don't have permissions to access this resource.")
            with hooks.acting_for(organization.management, REGION):
                return await old(method, path, headers, body, query)
        if problem := _malformed(operation, body):
            return _refuse("MalformedPolicyDocumentException", problem)
        answer = await old(method, path, headers, body, query)
        if hooks.current_account() == organization.management and answer[0] == 200:  # noqa: PLR2004
            _complete(operation, json.loads(body or b"{}"), json.loads(answer[2] or b"{}"))
            organization.read()
        return answer

    org.handle_request = handle


def _refuse(code: str, message: str) -> Any:
    return hooks.emulator("core.responses").error_response_json(code, message, 400)


def _complete(operation: str, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
    """What AWS attaches by itself to a new unit, and to everything when a kind of policies is switched on."""
    org = hooks.service("organizations")
    if operation == "EnablePolicyType" and asked.get("PolicyType") in _EVERYTHING:
        _attach_everything(str(asked["PolicyType"]))
    if operation == "CreateOrganizationalUnit":
        for number, _, _ in _EVERYTHING.values():
            if number in org._policies:
                org._attachments[number] = [*org._attachments[number], answer["OrganizationalUnit"]["Id"]]


def _malformed(operation: str, body: bytes) -> str:
    """Why a new resource control policy is none: such a policy only denies, and denies everybody."""
    if operation not in ("CreatePolicy", "UpdatePolicy"):
        return ""
    asked = json.loads(body or b"{}")
    known = hooks.service("organizations")._policies.get(asked.get("PolicyId")) or {}
    if asked.get("Type", known.get("Type")) != RCP or "Content" not in asked:
        return ""
    try:
        statements = json.loads(asked["Content"])["Statement"]
    except (ValueError, KeyError, TypeError):
        return "The provided policy document does not meet the requirements of the specified policy type."
    statements = statements if isinstance(statements, list) else [statements]
    for each in statements:
        if each.get("Effect") != "Deny" or each.get("Principal") != "*" or "NotAction" in each:
            return "A statement of a resource control policy has Effect Deny, Principal * and Action."
    return ""


def _install_limits(organization: Organization) -> None:
    evaluator = hooks.emulator("core.iam_evaluator")

    def enforce(key: str, action: str, service: str, region: str, *args: Any, **kwargs: Any) -> Any:
        _refused.set("")
        if not key and (denied := _anonymous(organization, action, region, kwargs)):
            return denied
        token = _enforcing.set(True)
        try:
            return old_enforce(key, action, service, region, *args, **kwargs)
        finally:
            _enforcing.reset(token)

    old_enforce = hooks.replace("core.iam_evaluator", "enforce", enforce)

    def evaluate(ctx: Any, policies: Any, *limits: Any) -> Any:
        problem = organization.problem(ctx) if _enforcing.get() else ""
        if not problem:
            return old_evaluate(ctx, policies, *limits)
        _refused.set(problem)
        return evaluator.EvalResult("Deny", ctx.principal_arn, "", problem)

    old_evaluate = hooks.replace("core.iam_evaluator", "evaluate", evaluate)

    def denied(service: str, action: str, principal: str, request_id: str, **kwargs: Any) -> Any:
        problem = _refused.get()
        if problem and not (kwargs.get("error_code") or kwargs.get("message")):
            kwargs["message"] = f"User: {principal} is not authorized to perform: {action} {problem}"
        return old_denied(service, action, principal, request_id, **kwargs)

    old_denied = hooks.replace("core.iam_actions", "access_denied_response", denied)


def _anonymous(organization: Organization, action: str, region: str, given: Mapping[str, Any]) -> Any:
    """The refusal of a request without a caller, for whom the emulator asks no policy of his own."""
    evaluator = hooks.emulator("core.iam_evaluator")
    context = {name.lower(): value for name, value in (given.get("service_context") or {}).items()}
    ctx = evaluator.EvalContext(
        principal_arn="anonymous", principal_type="Anonymous", principal_account="", action=action,
        resource_arn=given.get("resource_arn", "*"), region=region, service_context=context,
    )  # fmt: skip
    problem = organization.problem(ctx)
    _refused.set(problem)
    return evaluator.EvalResult("Deny", "anonymous", "", problem) if problem else None
