"""An instance's role is used somewhere else.

Keys that an instance gets from its metadata service are used from an address that is not the instance's. Nothing is learned
about which address came first; the address is compared with what the history knows: where the agent on that very instance
calls from, where else the same session is used at the same time, and whether a person sits at that address.

A gateway that servers and people leave through alike looks the same; where several instances share the address, it is taken
for one. Private addresses, and calls that AWS makes in the instance's name, say nothing and are left out.

References:
    "Retrieve security credentials from instance metadata", Amazon EC2 User Guide: the session's name is the instance id.
    MITRE ATT&CK T1552.005 (cloud instance metadata API).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from amberlight.aware.memory import Activity, Memory, Use, network
from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import event, events

GATEWAY = 3
NEAR = timedelta(hours=12)
ONTO_HOSTS = (("ssm.amazonaws.com", "SendCommand"), ("ssm.amazonaws.com", "StartSession"))


def find(activity: Activity, memory: Memory) -> Iterator[Match]:
    """Sessions named after an instance, each address of theirs that is outside."""
    if activity.kind != "role":
        return
    sessions: dict[str, dict[str, list[Use]]] = {}
    for (_, address, _), use in activity.uses.items():
        if use.session.startswith("i-") and network(address):
            sessions.setdefault(use.session, {}).setdefault(address, []).append(use)
    for session, addresses in sorted(sessions.items()):
        homes = {address for address, uses in addresses.items() if any(use.agent for use in uses)}
        for address, uses in sorted(addresses.items()):
            if address not in homes:
                yield from judged(session, address, uses, (activity, memory, addresses, homes))


def judged(
    session: str,
    address: str,
    uses: list[Use],
    known: tuple[Activity, Memory, dict[str, list[Use]], set[str]],
) -> Iterator[Match]:
    """What the history says of one address of one instance."""
    activity, memory, addresses, homes = known
    reason, points = "", 0.0
    others = [other for other in addresses if network(other) != network(address)]
    if homes:
        reason, points = f"its agent calls from {', '.join(sorted(homes))}", 85.0
    elif any(overlap(uses, addresses[other]) for other in others):
        reason, points = f"the same keys are used from {', '.join(sorted(others)[:3])} as well", 80.0
    else:
        person, points = someone(address, activity, memory, uses)
        if person:
            reason = f"a person ({person}) works at that address"
    if not reason:
        return
    if shared(address, memory):
        reason, points = f"{reason}, but several instances use that address", 15.0
    ids = sorted({i: when for use in uses for i, when in use.ids.items()}.items(), key=lambda one: (one[1], one[0]))
    yield Match(
        reason=f"keys of the instance {session} are used from {address}: {reason}",
        points=points,
        resources=(f"instance/{session}",),
        event_ids=tuple(i for i, _ in ids),
        lone=points >= RULE.points,
    )


def overlap(mine: list[Use], theirs: list[Use]) -> bool:
    """Whether two sets of uses of one session are close in time."""
    return any(
        one.span.first - NEAR <= other.span.last and other.span.first - NEAR <= one.span.last
        for one in mine
        for other in theirs
    )


def someone(address: str, activity: Activity, memory: Memory, uses: list[Use]) -> tuple[str, float]:
    """Who works at that address around that time, and what that is worth.

    A person in the console, or one who ran something on instances, is telling; a program with a user's key may share a
    gateway with instances.
    """
    best = ("", 0.0)
    for other, use in sorted(memory.at_address(address), key=lambda one: one[0].principal):
        if other.principal == activity.principal or use.session.startswith("i-") or not overlap(uses, [use]):
            continue
        telling = use.console or any(name in other.calls for name in ONTO_HOSTS)
        worth = 75.0 if telling else 45.0 if other.kind == "user" or "AWSReservedSSO" in other.principal else 0.0
        if worth > best[1]:
            best = (other.principal.rpartition("/")[2], worth)
    return best


def shared(address: str, memory: Memory) -> bool:
    """Whether so many instances use the address that it is a gateway."""
    return len({use.session for _, use in memory.at_address(address) if use.session.startswith("i-")}) >= GATEWAY


ON_HOST = {
    "type": "AssumedRole",
    "arn": "arn:aws:sts::111122223333:assumed-role/web/i-0123456789abcdef0",
    "accountId": "111122223333",
    "accessKeyId": "ASIAEXAMPLE",
}
ELSEWHERE = {
    "type": "AssumedRole",
    "arn": "arn:aws:sts::111122223333:assumed-role/worker/task",
    "accountId": "111122223333",
    "accessKeyId": "ASIAWORKER",
}
BEAT = event("ssm:UpdateInstanceInformation", {}, userIdentity=ON_HOST, sourceIPAddress="192.0.2.10")
RULE = Rule(
    id="instance_role_elsewhere",
    title="Keys of an instance used elsewhere",
    tactic="credential-access",
    techniques=("T1552.005", "T1078.004"),
    points=75,
    severity="critical",
    may_page_alone=True,
    false_triggers="people and servers behind one gateway; an elastic address that was moved",
    references=("https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html",),
    on_activity=find,
    examples=(
        events(BEAT, event("s3:ListBuckets", None, userIdentity=ON_HOST, sourceIPAddress="198.51.100.9")),
        events(
            event("ec2:DescribeInstances", {}, sourceIPAddress="198.51.100.9", sessionCredentialFromConsole="true"),
            event("s3:ListBuckets", None, userIdentity=ON_HOST, sourceIPAddress="198.51.100.9"),
        ),
    ),
    near_misses=(
        events(BEAT, event("s3:ListBuckets", None, userIdentity=ON_HOST, sourceIPAddress="192.0.2.10")),
        event("s3:ListBuckets", None, userIdentity=ON_HOST, sourceIPAddress="10.0.1.50"),
        event("kms:Decrypt", None, userIdentity=ON_HOST, sourceIPAddress="cloudformation.amazonaws.com"),
        event("s3:ListBuckets", None, userIdentity=ON_HOST, sourceIPAddress="198.51.100.9"),
        events(
            event("sqs:ReceiveMessage", None, sourceIPAddress="198.51.100.9", userIdentity=ELSEWHERE),
            event("s3:ListBuckets", None, userIdentity=ON_HOST, sourceIPAddress="198.51.100.9"),
        ),
    ),
)
