"""A new identity provider is trusted.

A new source of identities is trusted: a certificate authority (Roles Anywhere), a SAML or OIDC provider. Whoever holds
the other end can sign in for as long as it stands.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, shown
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any of the calls; OIDC providers come with every EKS cluster."""
    name = found.request.get("name") or found.request.get("url") or found.request.get("sAMLProviderArn") or "unnamed"
    points = 30 if "OpenID" in found.name else 60 if "SAML" in found.name else None
    return Match(reason=f"{found.service} {found.name}: {shown(name)} may vouch for identities", points=points)


RULE = Rule(
    id="identity_provider_added",
    title="A new identity provider is trusted",
    tactic="persistence",
    techniques=("T1556.007", "T1098"),
    points=70,
    severity="high",
    false_triggers="setting up single sign-on, a build system, or an EKS cluster (OIDC)",
    references=(
        "https://docs.aws.amazon.com/rolesanywhere/latest/APIReference/API_CreateTrustAnchor.html",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateSAMLProvider.html",
    ),
    events=(
        "rolesanywhere:CreateTrustAnchor",
        "rolesanywhere:UpdateTrustAnchor",
        "iam:CreateSAMLProvider",
        "iam:UpdateSAMLProvider",
        "iam:CreateOpenIDConnectProvider",
    ),
    on_event=match,
    examples=(
        event("rolesanywhere:CreateTrustAnchor", {"name": "ca"}),
        event("iam:CreateSAMLProvider", {"name": "idp"}),
    ),
    near_misses=(event("iam:ListSAMLProviders", None),),
)
