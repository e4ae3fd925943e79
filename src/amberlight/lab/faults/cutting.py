"""Ending a connection without an answer, as a broken network does.

ASGI has no word for it: a server answers 500 for an application that says nothing. So the innermost `send` of the lab's
server, hypercorn, is kept with the request, and its stream is closed.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from hypercorn.protocol.events import StreamClosed

KEY = "amberlight.lab.send"


def cuttable(app: Callable[..., Any]) -> Callable[..., Any]:
    """The application with the server's own `send` in each request's scope."""

    async def outermost(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        await app({**scope, KEY: send}, receive, send)

    return outermost


async def cut(scope: MutableMapping[str, Any]) -> None:
    """Close the connection of a request; nothing can be sent on it afterwards."""
    stream = scope[KEY].__self__
    await stream.send(StreamClosed(stream_id=stream.stream_id))
