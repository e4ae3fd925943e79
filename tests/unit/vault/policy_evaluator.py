"""A small evaluator of IAM policies, for the vault's alone: what it does not know, it refuses to judge.

Written from "Policy evaluation logic" and "IAM JSON policy elements: Condition operators", IAM User Guide, 2026-11; it
shares no code with the product or with the lab. Simplifications: one account's principals against resources of the vault
account, no session policies, no boundaries.
"""

import fnmatch
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """One call: whose, what, on what, under which circumstances."""

    principal: str
    action: str
    resource: str
    context: dict = field(default_factory=dict)

    @property
    def keys(self):
        """Condition keys, lower case."""
        account = self.principal.split(":")[4]
        known = {"aws:PrincipalArn": self.principal, "aws:PrincipalAccount": account, **self.context}
        known.setdefault("aws:PrincipalIsAWSService", "false")
        known.setdefault("aws:SecureTransport", "true")
        return {key.lower(): value for key, value in known.items()}


def listed(value):
    return value if isinstance(value, list) else [value]


def matches(pattern, value):
    # `[` is no wildcard in a policy.
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


OPERATORS = {
    "StringEquals": (lambda value, wanted: value in wanted, False),
    "StringNotEquals": (lambda value, wanted: value not in wanted, True),
    "Bool": (lambda value, wanted: value in wanted, False),
    "NumericGreaterThan": (lambda value, wanted: any(float(value) > float(each) for each in wanted), False),
}
"""Operator to its test, and what a missing key means: negated operators hold then."""


def condition_holds(operator, key, wanted, keys):
    wanted = [str(each) for each in listed(wanted)]
    value = keys.get(key.lower())
    if operator == "Null":
        return (value is None) == (wanted == ["true"])
    name, _, if_exists = operator.partition("IfExists")
    test, without_key = OPERATORS[name]
    if value is None:
        return without_key or operator.endswith("IfExists")
    assert if_exists == ""
    return test(value, wanted)


def applies(statement, request):
    if "NotAction" in statement:
        named = not any(matches(each.lower(), request.action.lower()) for each in listed(statement["NotAction"]))
    else:
        named = any(matches(each.lower(), request.action.lower()) for each in listed(statement["Action"]))
    on = any(matches(each, request.resource) for each in listed(statement.get("Resource", request.resource)))
    return named and on and is_principal(statement, request) and all(
        condition_holds(operator, key, wanted, request.keys)
        for operator, pairs in statement.get("Condition", {}).items()
        for key, wanted in pairs.items()
    )  # fmt: skip


def is_principal(statement, request):
    said = statement.get("Principal", "*")
    if said == "*":
        return True
    account = request.principal.split(":")[4]
    everybody = f"arn:aws:iam::{account}:root"  # names the account: its own policies decide then
    return any(each in ("*", request.principal, everybody) for each in listed(said["AWS"]))


def effects(policy, request):
    return {each["Effect"] for each in policy["Statement"] if applies(each, request)}


def allowed(request, owner, *, identity, resource=None, scp=None, rcp=None):
    """Whether the call goes through. Policies that are None are not there.

    Args:
        request: The call.
        owner: Account of the resource.
        identity: What the principal may do by itself.
        resource: The policy of the bucket or key.
        scp: What the organisation forbids the principal; it counts for the owner's account only.
        rcp: What the organisation forbids on the resource.
    """
    inside = request.principal.split(":")[4] == owner
    guards = [identity, resource, rcp, scp if inside else None]
    if any("Deny" in effects(policy, request) for policy in guards if policy):
        return False
    own = "Allow" in effects(identity, request)
    theirs = bool(resource) and "Allow" in effects(resource, request)
    if request.action.startswith("kms:"):
        return own and theirs  # a key's policy must allow even its owner's people
    return own if inside else own and theirs
