"""A bucket takes nothing more: uploads to it are refused, from the start or after so many bytes.

S3 has no "full". The closest that AWS documents is a budget: at a threshold of cost, a budget action applies a service control
policy, and writes are denied from then on, whatever the caller's own rights. So the refusal is `AccessDenied` by an explicit deny
in a service control policy; unlike a throttle, waiting does not help. With `answer: slow` it is `SlowDown`, for a bucket that
does not recover either. Either is in CloudTrail where a trail asks for the bucket's data events.

References:
    "Configuring a budget action" (service control policies), AWS Cost Management User Guide; "Troubleshoot access denied (403
    Forbidden) errors in Amazon S3" (wording), S3 User Guide, 2026-11.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from amberlight.lab.faults import answers
from amberlight.lab.faults.board import Placed
from amberlight.lab.faults.fault import CallFault, Facts, Patterns, matches
from amberlight.lab.faults.points import Inner, Points, Reply, facts_of
from amberlight.lab.recorder.middleware import Passing

_WRITES = (
    "PutObject",
    "CopyObject",
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "CompleteMultipartUpload",
)


class FullVault(CallFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`bucket` by its name; `after_bytes` are taken before it is full."""

    service: Patterns = "s3"
    operation: Patterns = _WRITES
    bucket: Patterns
    after_bytes: Annotated[int, msgspec.Meta(ge=0)] = 0
    answer: Literal["denied", "slow"] = "denied"

    def fits(self, facts: Facts) -> bool:
        """Whether it applies there; the resource is the bucket."""
        return matches(self.bucket, facts.resource) and super().fits(facts)


FAULT = FullVault
EXAMPLE = """
- fault: full-vault
  bucket: evidence-*
  after_bytes: 50_000_000
"""


def install(points: Points) -> None:
    """Refuse what does not fit any more."""

    async def handler(passing: Passing, inner: Inner, go: Any) -> Reply:
        call = answers.call_of(passing)
        if call.service != "s3" or call.operation not in _WRITES:
            passed: Reply = await go(inner)
            return passed
        facts = facts_of(passing, str(call.params.get("Bucket", "")))
        struck = points.board.strike("full-vault", facts, lambda placed: _full(placed, facts, len(inner.body)))
        if struck is not None and isinstance(struck.fault, FullVault):
            return _refusal(passing, struck.fault)
        reply: Reply = await go(inner)
        return reply

    points.handler("refuse", handler)


def _full(placed: Placed, facts: Facts, size: int) -> bool:
    """Whether so many bytes more do not fit; else they are counted as taken."""
    fault = placed.fault
    if not isinstance(fault, FullVault):
        return False
    taken = placed.state.get(facts.resource, 0) + size
    if taken > fault.after_bytes or not fault.after_bytes:
        return True
    placed.state[facts.resource] = taken
    return False


def _refusal(passing: Passing, fault: FullVault) -> Reply:
    if fault.answer == "slow":
        return answers.throttled(passing)
    params = answers.call_of(passing).params
    who = passing.caller.arn if passing.caller else "anonymous"
    message = (
        f'User: {who} is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::{params.get("Bucket")}/'
        f'{params.get("Key")}" with an explicit deny in a service control policy'
    )
    return answers.refuse(passing, answers.Problem("AccessDenied", 403, message))
