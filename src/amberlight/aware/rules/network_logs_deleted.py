"""Flow logs or DNS query logs deleted.

Flow logs or DNS query logs are deleted: nobody can tell any more which host talked to whom.

Tearing down a whole network deletes its logs, too; where the same principal deletes the VPC within the hour, that is taken
for a teardown.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, members, shown, text
from amberlight.trail import Event


def match(found: Event) -> Match:
    """Any successful deletion."""
    asked = found.request
    if found.name == "DeleteFlowLogs":
        ids = [
            text(one.get("content") or one.get("flowLogId") or one.get("FlowLogId"))
            if isinstance(one, dict)
            else text(one)
            for one in members(asked, "DeleteFlowLogsRequest", "FlowLogId") or members(asked, "flowLogIds")
        ]
        return Match(reason=f"VPC flow logs were deleted: {', '.join(filter(None, ids[:5])) or 'ids not recorded'}")
    name = asked.get("resolverQueryLogConfigId") or asked.get("id") or "a configuration"
    verb = "detached from a VPC" if found.name.startswith("Disassociate") else "deleted"
    return Match(reason=f"DNS query logging was {verb}: {shown(name)}")


RULE = Rule(
    id="network_logs_deleted",
    title="Flow logs or DNS query logs deleted",
    tactic="defense-evasion",
    techniques=("T1562.008",),
    points=75,
    severity="high",
    ordinary_with=("ec2:DeleteVpc", "ec2:DeleteSubnet", "ec2:CreateFlowLogs"),
    false_triggers="a network is torn down as a whole; logs are set up anew in another place",
    references=(
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteFlowLogs.html",
        "https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_DeleteResolverQueryLogConfig.html",
    ),
    events=(
        "ec2:DeleteFlowLogs",
        "route53resolver:DeleteResolverQueryLogConfig",
        "route53resolver:DisassociateResolverQueryLogConfig",
        "route53:DeleteQueryLoggingConfig",
    ),
    on_event=match,
    examples=(
        event("ec2:DeleteFlowLogs", {"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": "fl-1"}}}),
        event("route53resolver:DeleteResolverQueryLogConfig", {"resolverQueryLogConfigId": "rqlc-1"}),
    ),
    near_misses=(
        event("ec2:CreateFlowLogs", {}),
        event("ec2:DeleteFlowLogs", None, errorCode="Client.UnauthorizedOperation"),
    ),
)
