"""An upload to S3 breaks off: the connection ends when so many bytes of the body have arrived, and nothing is stored.

Of a multipart upload the parts before it stay, unfinished. The call never reached AWS as a whole, and no trail has it.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from amberlight.lab.faults.cutting import cut
from amberlight.lab.faults.fault import CallFault, Patterns
from amberlight.lab.faults.points import Points, facts_of
from amberlight.lab.recorder.middleware import Passing

_UPLOADS = ("PutObject", "UploadPart")


class HalfUpload(CallFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`after` is a share of the body, from 0 to 1."""

    service: Patterns = "s3"
    operation: Patterns = _UPLOADS
    after: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.5


FAULT = HalfUpload
EXAMPLE = """
- fault: half-upload
  operation: UploadPart
  skip: 2
  count: 1
  after: 0.7
"""


def install(points: Points) -> None:
    """Take a part of the body and go away."""

    async def gate(passing: Passing, go: Any) -> None:
        facts, length = facts_of(passing), int(passing.wire.headers.get("content-length") or 0)
        fit = facts.service == "s3" and facts.operation in _UPLOADS and length > 0
        struck = points.board.strike("half-upload", facts) if fit else None
        if struck is None:
            await go(passing)
            return
        wanted = int(length * (struck.fault.after if isinstance(struck.fault, HalfUpload) else 0))
        taken, more = 0, True
        while more and taken < wanted:
            message = await passing.receive()
            taken += len(message.get("body", b""))
            more = message.get("more_body", False)
        await cut(passing.scope)

    points.gate("carry", gate)
