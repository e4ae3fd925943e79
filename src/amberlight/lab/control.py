"""The owner's door: what may be done to a lab and is no call of AWS, such as planting a finding or a fault.

`POST /_lab/NAME` with a JSON object, on loopback only and with the token that only `RunningLab` and the lab's directory know.
An attacker in the lab sees an AWS without any of this.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import secrets
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

PREFIX = "/_lab/"
TOKEN = "x-lab-token"
_MOST_BYTES = 16 * 1024 * 1024

Action = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
"""Takes a JSON object and gives one; raises ValueError with a sentence for what it cannot take."""


class Control:
    """Actions by name."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(24)
        self._actions: dict[str, Action] = {}

    def offer(self, name: str, action: Action) -> None:
        """Offer an action; a name that is taken is a defect."""
        if name in self._actions:
            raise RuntimeError(f"two files of the lab offer the control {name!r}")
        self._actions[name] = action

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Serve one HTTP request below `PREFIX`."""
        body, more = b"", True
        while more and len(body) <= _MOST_BYTES:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        status, answer = self._answer(scope, body)
        await send({
            "type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")],
        })  # fmt: skip
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    def _answer(self, scope: Mapping[str, Any], body: bytes) -> tuple[int, Mapping[str, Any]]:
        given = dict(scope["headers"]).get(TOKEN.encode(), b"")
        local = ipaddress.ip_address(scope["client"][0]).is_loopback
        action = self._actions.get(str(scope["path"]).removeprefix(PREFIX))
        if not local or not hmac.compare_digest(given, self.token.encode()) or action is None:
            return 404, {"problem": "There is nothing here."}
        if scope["method"] != "POST" or len(body) > _MOST_BYTES:
            return 400, {"problem": "Controls take a POST with a JSON object of at most 16 MiB."}
        try:
            data = json.loads(body or b"{}")
            if not isinstance(data, dict):
                return 400, {"problem": "Controls take a JSON object."}
            return 200, action(data) or {}
        except (ValueError, KeyError, TypeError) as error:
            return 400, {"problem": f"{type(error).__name__}: {error}"}
