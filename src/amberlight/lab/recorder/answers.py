"""An answer on its way out: noted for the record, and given one request id wherever it names one."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import MutableMapping
from typing import Any

from amberlight.lab.recorder import responses

KEPT = 4 * 1024 * 1024
"""Bytes of an answer that are held and read; a longer one is passed on as it comes."""

_OK = 300


class Answer:
    """An ASGI `send` that remembers. Objects from S3 pass through; of S3 only refusals are read."""

    def __init__(self, send: Any, *, is_s3: bool) -> None:
        self._send = send
        self._is_s3 = is_s3
        self._held: list[MutableMapping[str, Any]] = []
        self._started = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.size = 0

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        """Take one message of the emulator."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {n.decode("latin-1").lower(): v.decode("latin-1") for n, v in message["headers"]}
            self._held.append(message)
            return
        self._note(message.get("body", b""))
        self._held.append(message)
        if self._started or self._is_s3 or self.size > KEPT or not message.get("more_body"):
            await self._flush()

    def _note(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if (not self._is_s3 or self.status >= _OK) and self.size <= KEPT:
            self.body += chunk

    async def _flush(self) -> None:
        if not self._started:
            self._started = True
            self._held[0]["headers"] = self._with_one_id()
        for message in self._held:
            await self._send(message)
        self._held.clear()

    def _with_one_id(self) -> list[tuple[bytes, bytes]]:
        own = secrets.token_hex(8).upper() if self._is_s3 else self.headers.get("x-amzn-requestid")
        chosen = responses.request_id_in(self.body) or own or str(uuid.uuid4())
        for name in ("x-amzn-requestid", "x-amz-request-id"):
            self.headers.pop(name, None)
        self.headers["x-amz-request-id" if self._is_s3 else "x-amzn-requestid"] = chosen
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]

    @property
    def request_id(self) -> str:
        """The request id that the caller was told."""
        return self.headers.get("x-amzn-requestid") or self.headers.get("x-amz-request-id", "")
