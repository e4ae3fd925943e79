"""Where a kind of fault acts: on calls of the lab's callers, in the order of the phases, and on nothing that services do among them."""

import asyncio
from functools import partial

from amberlight.lab.faults import points
from amberlight.lab.faults.board import Board
from amberlight.lab.recorder.middleware import Passing
from amberlight.lab.recorder.requests import Call, Request, Scope

WIRE = Request("POST", "/", {}, {}, b"")


def passing(call):
    scope = Scope("AKIA", "us-east-1", "ec2", presigned=False)
    return Passing(None, call, scope, WIRE, {}, None, None)


def board(*faults):
    made = Board(7, {})
    made.set(list(faults))
    return made


IN_FORCE = board({"fault": "latency", "seconds": 0})


def served(call, faults=IN_FORCE):
    """What handlers were asked in the course of one call whose service calls another."""
    asked = []

    async def noting(passing, inner, go):
        asked.append((passing.call.operation, inner.path))
        return await go(inner)

    async def leaf(method, path, headers, body, query):
        return 200, {}, b"leaf"

    async def service(method, path, headers, body, query):
        # As Step Functions or CloudFormation do.
        return await partial(points._handle, faults, [noting], leaf)(method, "/inner", headers, body, query)

    async def go(_):
        reply = await points._handle(faults, [noting], service, "POST", "/outer", {}, b"", {})
        assert reply == (200, {}, b"leaf")

    asyncio.run(points._remember(passing(call), go=go))
    return asked


def test_what_a_service_calls_of_another_is_no_call_of_a_caller():
    assert served(Call("states", "StartExecution", {})) == [("StartExecution", "/outer")]


def test_nothing_is_asked_without_faults_or_about_an_unknown_call():
    assert served(Call("states", "StartExecution", {}), board()) == []
    assert served(None) == []


def test_gates_stand_in_the_order_of_their_phases():
    told = []

    def gate(name):
        async def each(passing, go):
            told.append(name)
            await go(passing)

        return each

    made = points.Points(None, IN_FORCE)
    for phase in ("answer", "refuse", "wait", "carry"):
        made.gate(phase, gate(phase))

    async def end(_):
        told.append("end")

    go = end
    for each in reversed(made.gates()):
        go = partial(each, go=go)
    asyncio.run(go(passing(Call("ec2", "DescribeVpcs", {}))))
    assert told == ["wait", "refuse", "carry", "answer", "end"]
