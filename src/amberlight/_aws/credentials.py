"""Keys of a principal, as they are passed around."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """Keys of one principal. The secret never appears in `repr`, so that no log line carries it."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.access_key_id})"
