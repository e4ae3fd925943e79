"""The places at which a kind of fault may act on a call: around it, and behind the checks of signature and policy."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.faults.board import Board
from amberlight.lab.faults.fault import Facts
from amberlight.lab.recorder import shape
from amberlight.lab.recorder.delivery import Parcel
from amberlight.lab.recorder.middleware import Gate, Passing
from amberlight.lab.world import World

PHASES = ("wait", "refuse", "carry", "answer")
"""In this order from the outside: a call waits, is refused, breaks off on its way in, is answered badly."""

Reply = tuple[int, dict[str, Any], Any]


@dataclasses.dataclass(frozen=True)
class Inner:
    """A request as a service of the emulator gets it, its signature and policies checked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    query: Mapping[str, list[str]]


Handler = Callable[..., Awaitable[Reply]]
"""`handler(passing, inner, go)` gives `await go(inner)`, what it made of it, or a reply of its own."""

_passing: ContextVar[Passing | None] = ContextVar("lab_passing", default=None)


class Points:
    """What `install` of a kind gets: the lab, the board, and where to hook in."""

    def __init__(self, world: World, board: Board) -> None:
        self.world = world
        self.board = board
        self._gates: list[tuple[int, Gate]] = []
        self._handlers: list[tuple[int, Handler]] = []

    def gate(self, phase: str, gate: Gate) -> None:
        """Have *gate* around each signed call of a known operation; see `Recorder.gates`."""
        self._gates.append((PHASES.index(phase), gate))

    def handler(self, phase: str, handler: Handler) -> None:
        """Have *handler* around each call that was let through to its service."""
        self._handlers.append((PHASES.index(phase), handler))

    def gates(self) -> list[Gate]:
        """The gates, outermost first."""
        ordered = sorted(self._gates, key=lambda each: each[0])
        return [*(partial(_when_known, self.board, gate) for _, gate in ordered), _remember]

    def connect(self) -> None:
        """Put all of it in place, once every service is there."""
        self.world.recorder.gates += self.gates()
        handlers = [handler for _, handler in sorted(self._handlers, key=lambda each: each[0])]
        hooks.wrap_handlers(lambda handler: partial(_handle, self.board, handlers, handler))


def facts_of(passing: Passing, resource: str = "") -> Facts:
    """The facts of a call of a known operation."""
    call = passing.call
    if call is None:
        raise ValueError("the call is of no known operation")
    account = passing.caller.account if passing.caller else ""
    region = shape.event_region(call, passing.signature.region)
    return Facts(account, region, call.service, call.operation, resource)


def facts_of_parcel(parcel: Parcel) -> Facts:
    """The facts of what a trail delivers; the resource is the trail's name."""
    return Facts(parcel.account, parcel.region, resource=parcel.trail)


async def _when_known(board: Board, gate: Gate, passing: Passing, *, go: Any) -> None:
    if passing.call is None or board.quiet():
        await go(passing)
    else:
        await gate(passing, go=go)


async def _remember(passing: Passing, *, go: Any) -> None:
    token = _passing.set(passing)
    try:
        await go(passing)
    finally:
        _passing.reset(token)


async def _handle(  # noqa: PLR0917 (a service's handler has five)
    board: Board, handlers: list[Handler], handler: Any, method: str, path: str, headers: Any, body: bytes, query: Any
) -> Reply:
    passing = _passing.get()
    # What services of the emulator call of one another is no call of the lab's callers.
    _passing.set(None)

    async def go(inner: Inner) -> Reply:
        reply: Reply = await handler(inner.method, inner.path, inner.headers, inner.body, inner.query)
        return reply

    wrapped: Callable[[Inner], Awaitable[Reply]] = go
    if passing is not None and passing.call is not None and not board.quiet():
        for each in reversed(handlers):
            wrapped = partial(each, passing, go=wrapped)
    return await wrapped(Inner(method, path, headers, body, query))
