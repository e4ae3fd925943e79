"""Tokens of a real `openssl ts` authority; what it lies about is refused and said, and nothing of it is kept."""

import shutil
import socket
import subprocess
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest

from amberlight.model.codec import loads
from amberlight.model.custody import Checkpoint, Stored
from amberlight.model.errors import ConfigError, NotPossible, Unreachable
from amberlight.model.response_plan import TimestampPlan
from amberlight.vault.store import Exists
from amberlight.vault.timestamps import Token, check, enter, post, stamp
from authority import Authority

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
DATA = b'{"size":5}'


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    made = Authority(tmp_path_factory.mktemp("tsa"))
    yield made
    made.close()


@pytest.fixture
def authority(honest):
    honest.mode, honest.asked_for = "honest", DATA
    return honest


def test_a_token_is_what_openssl_accepts(authority, tmp_path):
    token = stamp(authority.url, DATA)
    assert token.said.endswith("GMT")
    (tmp_path / "reply").write_bytes(token.data)
    argv = ["openssl", "ts", "-verify", "-in", "reply", "-CAfile", str(authority.folder / "ca.pem"), "-data", "data"]
    for data, good in ((DATA, True), (DATA + b" ", False)):
        (tmp_path / "data").write_bytes(data)
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, check=False, timeout=30)
        assert (done.returncode == 0) is good
    assert check(DATA, token.data) == token
    for data, reply in ((DATA + b" ", token.data), (DATA, token.data[:-1]), (DATA, b"")):
        with pytest.raises(NotPossible):
            check(data, reply)


@pytest.mark.parametrize("mode, why", [
    ("nonce", "this request"), ("imprint", "this hash"), ("flipped", "signed"), ("refused", "grants no token"),
    ("garbage", "no token"), ("empty", "no token"), ("cut", "no token"), ("huge", "more than 65536 bytes"),
    ("status", "status 500"), ("moved", "status 302"),
])  # fmt: skip
def test_a_lie_is_refused_and_said(authority, mode, why):
    authority.mode = mode
    with pytest.raises(NotPossible, match=f"not good: .*{why}"):
        stamp(authority.url, DATA)


def test_a_signer_that_may_not_stamp_is_refused(authority, tmp_path):
    # openssl itself makes no such token, so a reply is made for the right signer and held against another's certificate.
    token = stamp(authority.url, DATA)
    other = token.data.replace(b"\x55\x1d\x25", b"\x55\x1d\x26")
    assert other != token.data
    with pytest.raises(NotPossible):
        check(DATA, other)


def test_nobody_there_is_unreachable(authority):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/", "http://127.0.0.1:99999/", f"https://127.0.0.1:{port}"):
        with pytest.raises(Unreachable):
            post(url, b"x")
    with pytest.raises(Unreachable):
        post(authority.url.replace("http:", "https:"), b"x")


def test_without_openssl_it_is_said(authority):
    def missing(*args, **kwargs):
        raise FileNotFoundError

    def endless(*args, **kwargs):
        raise subprocess.TimeoutExpired("openssl", 20)

    with pytest.raises(NotPossible, match="openssl does not run"):
        stamp(authority.url, DATA, run=missing)
    with pytest.raises(NotPossible, match="come to an end"):
        stamp(authority.url, DATA, run=endless)


@pytest.mark.parametrize("text", [
    b'{"when":"always"}', b'{"when":"sometimes","url":"http://x"}', b'{"url":"ftp://x"}', b'{"wen":"never"}',
])  # fmt: skip
def test_a_plan_that_asks_nobody_or_misspells_is_refused(text):
    with pytest.raises(ConfigError):
        loads(text, TimestampPlan)


def test_by_default_nobody_is_asked():
    assert msgspec.to_builtins(TimestampPlan()) == {"url": "", "when": "never"}


def test_another_object_in_a_tokens_place_is_not_entered(authority):
    class Taken:
        def create(self, *_, **__):
            raise Exists("there", "look")

        def find(self, key):
            return self.found

        def read(self, found):
            raise AssertionError("what is too large is not read")

    class Book:
        case_id = "c"

    store, head = (
        Taken(),
        Checkpoint(
            schema="s",
            case="c",
            kind="drill",
            size=1,
            root="",
            last="",
            when=datetime(2026, 11, 24, tzinfo=UTC),
            key="k",
        ),
    )
    for found in (None, Stored(key="k", version="v", size_bytes=1 << 20, sha256="", sha512="")):
        store.found = found
        with pytest.raises(Exists):
            enter(Book(), store, head, Token(data=b"x", said=""), url="u", arrived=head.when)


def test_the_question_is_put_as_the_authority_was_named(authority):
    seen = []

    class Asked(BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append((self.path, self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"y" * (1 << 16))

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Asked)
    thread = threading.Thread(target=lambda: [server.handle_request() for _ in range(3)])
    thread.start()
    base = f"http://127.0.0.1:{server.server_port}"
    try:
        answers = {post(f"{base}{path}", b"body") for path in ("/tsa?x=1&y", "/tsa", "")}
    finally:
        thread.join()
        server.server_close()
    assert answers == {b"y" * (1 << 16)}  # exactly as much as is taken
    assert seen == [(path, "application/timestamp-query", b"body") for path in ("/tsa?x=1&y", "/tsa", "/")]
