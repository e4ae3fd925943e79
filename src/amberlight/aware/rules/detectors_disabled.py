"""A security service switched off.

A service that would have seen the intruder is switched off: GuardDuty, Config, Security Hub, Macie, Access Analyzer,
Inspector, Detective, Bedrock's invocation log.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Any of the calls; an updated detector only where it is disabled or reports more seldom."""
    if found.name == "UpdateDetector":
        asked = found.request
        if asked.get("enable") is not False:
            return None
    lesser = found.name in LESSER
    return Match(reason=f"{found.service} was weakened or switched off: {found.name}", points=45 if lesser else None)


LESSER = frozenset({"DeleteAnalyzer", "DeletePublishingDestination", "Disable", "DeleteGraph", "DeleteMembers"})


RULE = Rule(
    id="detectors_disabled",
    title="A security service switched off",
    tactic="defense-evasion",
    techniques=("T1562.001",),
    points=75,
    severity="high",
    false_triggers="an account is moved to another organisation or closed; a service is replaced by another",
    references=(
        "https://docs.aws.amazon.com/guardduty/latest/APIReference/API_DeleteDetector.html",
        "https://docs.aws.amazon.com/config/latest/APIReference/API_StopConfigurationRecorder.html",
    ),
    events=(
        "guardduty:DeleteDetector",
        "guardduty:UpdateDetector",
        "guardduty:StopMonitoringMembers",
        "guardduty:DisassociateFromMasterAccount",
        "guardduty:DisassociateFromAdministratorAccount",
        "guardduty:DeleteMembers",
        "guardduty:DeletePublishingDestination",
        "config:StopConfigurationRecorder",
        "config:DeleteConfigurationRecorder",
        "config:DeleteDeliveryChannel",
        "securityhub:DisableSecurityHub",
        "securityhub:DisassociateFromAdministratorAccount",
        "securityhub:DisassociateFromMasterAccount",
        "macie2:DisableMacie",
        "access-analyzer:DeleteAnalyzer",
        "inspector2:Disable",
        "detective:DeleteGraph",
        "bedrock:DeleteModelInvocationLoggingConfiguration",
    ),
    on_event=match,
    examples=(
        event("guardduty:DeleteDetector", {"detectorId": "d"}),
        event("guardduty:UpdateDetector", {"detectorId": "d", "enable": False}),
        event("config:StopConfigurationRecorder", {"configurationRecorderName": "default"}),
    ),
    near_misses=(
        event("guardduty:UpdateDetector", {"detectorId": "d", "enable": True}),
        event("config:StartConfigurationRecorder", {}),
    ),
)
