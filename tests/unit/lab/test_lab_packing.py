"""An answer's head goes out with its body; hypercorn is as the lab takes it."""

import asyncio
import inspect

import h11
import pytest
from hypercorn.protocol.h11 import H11Protocol

from amberlight.lab.packing import send_event


class Connection:
    """What the function needs of hypercorn's protocol: a connection that got a request."""

    def __init__(self, method=b"GET"):
        self.connection = h11.Connection(h11.SERVER)
        self.connection.receive_data(method + b" / HTTP/1.1\r\nHost: lab\r\n\r\n")
        assert [type(self.connection.next_event()) for _ in range(2)] == [h11.Request, h11.EndOfMessage]
        self.written = []

    async def send(self, event):
        self.written.append(event.data)

    def answer(self, *events):
        async def all_of_it():
            for event in events:
                await send_event(self, event)

        asyncio.run(all_of_it())
        return self.written


def head(length):
    return h11.Response(status_code=200, reason=b"Fine", headers=[(b"content-length", str(length).encode())])


def test_head_and_body_are_one_write():
    written = Connection().answer(head(3), h11.Data(data=b"abc"), h11.EndOfMessage())
    assert [part for part in written if part] == [b"HTTP/1.1 200 Fine\r\ncontent-length: 3\r\n\r\nabc"]


@pytest.mark.parametrize("method", [b"HEAD", b"GET"])
def test_an_answer_without_a_body_is_sent_too(method):
    written = Connection(method).answer(head(0), h11.EndOfMessage())
    assert b"".join(written) == b"HTTP/1.1 200 Fine\r\ncontent-length: 0\r\n\r\n"


def test_an_interim_answer_is_not_held_back():
    connection = Connection()
    written = connection.answer(h11.InformationalResponse(status_code=103, reason=b"Soon", headers=[]))
    assert written == [b"HTTP/1.1 103 Soon\r\n\r\n"]


def test_what_breaks_the_protocol_is_told():
    with pytest.raises(h11.LocalProtocolError):
        Connection().answer(h11.Data(data=b"before its head"))


def test_hypercorn_writes_events_through_the_function_that_is_replaced():
    own = inspect.getsource(H11Protocol)
    assert list(inspect.signature(H11Protocol._send_h11_event).parameters) == ["self", "event"]
    assert own.count("self._send_h11_event(") >= 5
    assert "RawData(data=data)" in own
