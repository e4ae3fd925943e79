"""A resource policy lets outsiders in.

A policy of a secret, key, image repository, topic, queue or vault lets in another account or everybody.
"""

from __future__ import annotations

from typing import Any

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, members, others, outsiders, trusted
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Outsiders without a narrowing condition; queues and topics count less."""
    asked = found.request
    outside = [who for text_of in policies(asked) for who, narrowed in trusted(text_of, found.account) if not narrowed]
    outside += list(outsiders({"AWS": asked.get("granteePrincipal")}, found.account))
    outside += others(members(asked, "aWSAccountIds") + members(asked, "aWSAccountId"), found.account)
    if not outside:
        return None
    small = found.service in ("sns", "sqs", "ecr", "kms")
    return Match(
        reason=f"{found.service} {found.name} lets in {', '.join(sorted(set(outside))[:5])}",
        points=35 if small else None,
    )


def policies(asked: dict[str, Any]) -> list[Any]:
    """Policy documents among the parameters."""
    attributes = asked.get("attributes")
    inner = attributes.get("Policy") if isinstance(attributes, dict) else None
    named = asked.get("attributeValue") if asked.get("attributeName") == "Policy" else None
    return [one for one in (*(asked.get(name) for name in NAMES), inner, named) if one]


NAMES = ("resourcePolicy", "policy", "policyText", "policyInJson", "accessPolicies")


RULE = Rule(
    id="resource_opened",
    title="A resource policy lets outsiders in",
    tactic="exfiltration",
    techniques=("T1537",),
    points=65,
    severity="high",
    false_triggers="sharing with sister accounts; it is done with an organisation condition as a rule",
    references=("https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_identity-vs-resource.html",),
    events=(
        "secretsmanager:PutResourcePolicy",
        "kms:PutKeyPolicy",
        "kms:CreateGrant",
        "ecr:SetRepositoryPolicy",
        "sns:AddPermission",
        "sqs:AddPermission",
        "sqs:SetQueueAttributes",
        "sns:SetTopicAttributes",
        "backup:PutBackupVaultAccessPolicy",
        "glue:PutResourcePolicy",
        "es:UpdateDomainConfig",
    ),
    on_event=match,
    examples=(
        event(
            "secretsmanager:PutResourcePolicy",
            {
                "secretId": "s",
                "resourcePolicy": '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "999988887777"}, "Action": "*", "Resource": "*"}]}',
            },
        ),
    ),
    near_misses=(
        event(
            "kms:PutKeyPolicy",
            {
                "keyId": "k",
                "policy": '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}]}',
            },
        ),
    ),
)
