"""Cluster administrator added.

Somebody is made an administrator of a Kubernetes cluster through the EKS API.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Administrator policies; or an entry in the group of masters."""
    asked = found.request
    text_of = f"{asked.get('policyArn', '')} {asked.get('kubernetesGroups', '')}"
    if "ClusterAdminPolicy" not in text_of and "system:masters" not in text_of:
        return None
    return Match(reason=f"an administrator was added to the cluster {shown(asked.get('name', ''))}")


RULE = Rule(
    id="cluster_access_granted",
    title="Cluster administrator added",
    tactic="persistence",
    techniques=("T1098.006",),
    points=40,
    severity="high",
    ordinary_with=("eks:CreateCluster",),
    false_triggers="setting up clusters; each cluster has a few such entries",
    references=("https://docs.aws.amazon.com/eks/latest/APIReference/API_AssociateAccessPolicy.html",),
    events=(
        "eks:AssociateAccessPolicy",
        "eks:CreateAccessEntry",
    ),
    on_event=match,
    examples=(
        event(
            "eks:AssociateAccessPolicy",
            {"name": "c", "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"},
        ),
    ),
    near_misses=(
        event(
            "eks:AssociateAccessPolicy",
            {"name": "c", "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"},
        ),
    ),
)
