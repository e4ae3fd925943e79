"""AWS attached its quarantine policy to a user: it found the user's access key in public.

The attachment stands in the API-call history and comes by EventBridge within a minute or so, long before a bill shows what
the key was used for. The policy refuses some costly calls; it does not stop the key. A detachment is told too: it is either
the owner after rotating, or the thief.
"""

from __future__ import annotations

import msgspec

from amberlight.aware.envelope import Message
from amberlight.aware.intake import Intake
from amberlight.aware.intake._fields import filled, made, moment, taken
from amberlight.model.signals import Signal

BRIDGE = "AWS API Call via CloudTrail"
CALLS = ("AttachUserPolicy", "DetachUserPolicy")
POLICY = "AWSCompromisedKeyQuarantine"
POINTS = 90.0


class Request(msgspec.Struct, frozen=True):
    """Which policy, whose."""

    userName: str
    policyArn: str


class Call(msgspec.Struct, frozen=True):
    """The CloudTrail record."""

    eventID: str
    eventName: str
    eventTime: str
    requestParameters: Request
    awsRegion: str = "us-east-1"
    recipientAccountId: str = ""
    sourceIPAddress: str = ""
    errorCode: str = ""


def knows(message: Message) -> bool:
    """A call that attaches or detaches the quarantine policy."""
    asked = message.detail.get("requestParameters")
    about = isinstance(asked, dict) and POLICY in str(asked.get("policyArn", ""))
    return message.detail_type == BRIDGE and message.detail.get("eventName") in CALLS and about


def read(message: Message) -> tuple[Signal, ...]:
    """The call as a signal about the user."""
    call = taken(message.body.get("detail"), Call, "call")
    account = call.recipientAccountId or str(message.body.get("account", ""))
    user = call.requestParameters.userName
    verb = "quarantined" if call.eventName == CALLS[0] else "was taken out of quarantine"
    failed = f" (refused: {call.errorCode})" if call.errorCode else ""
    signal = made(
        message,
        "key_quarantine",
        (call.eventID,),
        title=f"The user {user} {verb}",
        when=moment(call.eventTime, "call"),
        principals=filled([f"arn:aws:iam::{account}:user/{user}" if account else ""]),
        resources=(f"user/{user}@us-east-1",),
        account=account,
        region=call.awsRegion,
        points=POINTS,
        event_ids=(call.eventID,),
        reason=f"AWS found a key of the user {user} in public: {call.eventName} of {call.requestParameters.policyArn.rpartition('/')[2]}{failed}",
    )
    return (signal,)


INTAKE = Intake(
    id="key_quarantine",
    title="A user quarantined by AWS for a leaked key",
    knows=knows,
    signals=read,
    how="an EventBridge rule in us-east-1 on aws.iam, AWS API Call via CloudTrail, AttachUserPolicy and DetachUserPolicy",
    references=("https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html",),
)
