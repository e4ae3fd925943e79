"""A digest file does not hold: its signature is wrong, or its content was changed after it was signed.

The next digest is chained to what AWS signed, so the break shows at this one and not behind it.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
from typing import Literal

from amberlight.lab.faults.fault import Facts, TrailFault
from amberlight.lab.faults.points import Points
from amberlight.lab.recorder.digests import Digest


class DigestBroken(TrailFault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which `trail`, and in what: `content` takes the first log file off its list."""

    what: Literal["signature", "content"] = "signature"


FAULT = DigestBroken
EXAMPLE = """
- fault: digest-broken
  what: content
  count: 1
"""


def install(points: Points) -> None:
    """Change a digest on its way into the bucket."""

    def change(account: str, region: str, trail: str, digest: Digest) -> Digest | None:
        facts = Facts(account, region, resource=trail)
        struck = points.board.strike("digest-broken", facts)
        if struck is None or not isinstance(struck.fault, DigestBroken):
            return digest
        return _forged(digest) if struck.fault.what == "content" else _unsigned(digest)

    points.world.delivery.digest_changes.append(change)


def _unsigned(digest: Digest) -> Digest:
    """One hexadecimal digit of the signature is another."""
    first = "0" if digest.signature[0] != "0" else "1"
    return dataclasses.replace(digest, signature=first + digest.signature[1:])


def _forged(digest: Digest) -> Digest:
    content = json.loads(gzip.decompress(digest.body))
    # Where there is no file to take off, the interval is moved by a name.
    content["logFiles"] = content["logFiles"][1:]
    content["newestEventTime"] = content["digestStartTime"]
    return dataclasses.replace(digest, body=gzip.compress(json.dumps(content, separators=(",", ":")).encode()))
