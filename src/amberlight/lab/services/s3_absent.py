"""S3: what the emulator would accept, or the lab could only pretend, is refused by name.

References:
    Error responses (`NotImplemented`, 501), S3 API Reference, 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.world import World

ABSENT: Mapping[tuple[str, str], str] = {
    ("PUT", "accelerate"): "transfer acceleration",
    ("PUT", "analytics"): "storage class analysis",
    ("PUT", "intelligent-tiering"): "archiving by access",
    ("PUT", "inventory"): "inventory reports",
    ("PUT", "metrics"): "request metrics",
    ("PUT", "metadataTable"): "metadata tables",
    ("POST", "metadataTable"): "metadata tables",
    ("POST", "select"): "S3 Select",
    ("GET", "session"): "directory buckets",
    ("GET", "torrent"): "torrents",
}
"""Method and part of the query, and what it would begin."""


def install(_: World) -> None:
    """Refuse them; who may not even ask was told so before."""
    s3 = hooks.service("s3")
    old = s3.handle_request

    async def handle(method: str, path: str, headers: Any, body: bytes, query: Mapping[str, Any], *rest: Any) -> Any:
        found = next((ABSENT[method, part] for part in query if (method, part) in ABSENT), None)
        if found is None:
            return await old(method, path, headers, body, query, *rest)
        return s3._error("NotImplemented", f"The lab has no {found}.", 501)

    s3.handle_request = handle
