"""The door: refuses what is not declared, notes every call, and turns AWS's errors into ours.

A small HTTP server on loopback plays AWS: real requests with real signatures, canned answers.
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ParamValidationError

from amberlight._aws import Credentials, Sessions
from amberlight._aws.door import Journal
from amberlight.model.errors import CredentialsError, Denied, NotPossible, Undeclared, Unreachable

IDENTITY = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111111111111:user/a</Arn>"
    "<UserId>A</UserId><Account>111111111111</Account></GetCallerIdentityResult>"
    "<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
)


def failure(code):
    return (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error>"
        "<RequestId>r-2</RequestId></ErrorResponse>"
    )


def users(marker, name):
    more = f"<IsTruncated>true</IsTruncated><Marker>{marker}</Marker>" if marker else "<IsTruncated>false</IsTruncated>"
    return (
        f"<ListUsersResponse><ListUsersResult>{more}<Users><member><UserName>{name}</UserName></member></Users>"
        "</ListUsersResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ListUsersResponse>"
    )


class Server(ThreadingHTTPServer):
    daemon_threads = True
    answers: list
    requests: list


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.requests.append((body, dict(self.headers)))
        status, text = self.server.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = Server(("127.0.0.1", 0), Handler)
    server.answers, server.requests = [], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def sessions(server):
    keys = Credentials(access_key_id="AKIAEXAMPLE", secret_access_key="hush")
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    return Sessions(region="us-east-1", credentials=keys, endpoint=endpoint, user_agent="op/7f3a")


def test_a_call_is_signed_answered_and_noted(server, sessions):
    server.answers.append((200, IDENTITY))
    door = sessions.door("111111111111", principal="me")
    answer = door.call("sts.GetCallerIdentity")
    assert answer == {
        "Account": "111111111111",
        "Arn": "arn:aws:iam::111111111111:user/a",
        "UserId": "A",
    }
    assert answer.request_id == "r-1"
    (call,) = sessions.journal.calls()
    assert (call.operation, call.principal, call.status, call.request_id) == ("sts.GetCallerIdentity", "me", 200, "r-1")
    headers = server.requests[0][1]
    assert "Credential=AKIAEXAMPLE/" in headers["Authorization"]
    assert headers["User-Agent"].endswith("op/7f3a")


def test_an_undeclared_call_never_leaves(server, sessions):
    door = sessions.door("111111111111", allowed=frozenset({"iam.ListUsers"}))
    with pytest.raises(Undeclared, match=r"sts\.GetCallerIdentity"):
        door.call("sts.GetCallerIdentity")
    with pytest.raises(Undeclared):
        list(door.pages("iam.ListRoles"))
    assert server.requests == []
    assert sessions.journal.calls() == ()


def test_a_narrowed_door_keeps_a_journal_of_its_own(server, sessions):
    server.answers += [(200, IDENTITY), (200, IDENTITY)]
    own = Journal()
    door = sessions.door("111111111111")
    door.call("sts.GetCallerIdentity")
    door.narrowed(frozenset({"sts.GetCallerIdentity"}), own).call("sts.GetCallerIdentity")
    assert len(own.calls()) == 1
    assert len(sessions.journal.calls()) == 2


def test_every_page_is_a_noted_call(server, sessions):
    server.answers += [(200, users("m", "a")), (200, users("", "b"))]
    names = [page["Users"][0]["UserName"] for page in sessions.door("1").pages("iam.ListUsers")]
    assert names == ["a", "b"]
    assert "Marker=m" in server.requests[1][0]
    assert [call.status for call in sessions.journal.calls()] == [200, 200]


@pytest.mark.parametrize(
    "status, code, kind",
    [
        (403, "AccessDenied", Denied),
        (403, "UnauthorizedOperation", Denied),
        (403, "ExpiredToken", CredentialsError),
        (403, "InvalidClientTokenId", CredentialsError),
        (403, "SignatureDoesNotMatch", CredentialsError),
        (404, "NoSuchEntity", NotPossible),
    ],
)
def test_errors_are_typed_and_noted(server, sessions, status, code, kind):
    server.answers.append((status, failure(code)))
    with pytest.raises(kind) as caught:
        sessions.door("1").call("iam.GetUser", UserName="x")
    assert code in caught.value.cause or kind is Denied
    (call,) = sessions.journal.calls()
    assert (call.status, call.error) == (status, code)


def test_a_denial_says_which_action_to_allow(server, sessions):
    server.answers.append((403, failure("AccessDenied")))
    with pytest.raises(Denied) as caught:
        sessions.door("1").call("iam.GetUser", UserName="x")
    assert '"iam:GetUser"' in caught.value.fix
    assert (caught.value.aws_code, caught.value.request_id) == ("AccessDenied", "r-2")


def test_nobody_there_is_unreachable():
    keys = Credentials(access_key_id="A", secret_access_key="hush")
    sessions = Sessions(region="us-east-1", credentials=keys, endpoint="http://127.0.0.1:1")
    sessions._config = sessions._config.merge(type(sessions._config)(retries={"total_max_attempts": 1}))
    with pytest.raises(Unreachable):
        sessions.door("1").call("sts.GetCallerIdentity")


def test_a_secret_never_shows_in_a_repr():
    assert "hush" not in repr(Credentials(access_key_id="A", secret_access_key="hush", session_token="hush"))


def test_a_role_that_cannot_be_assumed_is_a_credentials_error(server, sessions):
    server.answers.append((403, failure("AccessDenied")))
    with pytest.raises(CredentialsError, match="role/r"):
        sessions.role_door("arn:aws:iam::1:role/r", name="night")


def test_a_wrong_parameter_is_a_defect_and_not_a_gap(sessions):
    with pytest.raises(ParamValidationError):
        sessions.door("1").call("iam.GetUser", UserNam="x")


class Bodies(BaseHTTPRequestHandler):
    """Answers GetSnapshotBlock: the block's number as its data; later blocks answer sooner."""

    def do_GET(self):
        index = int(self.path.split("/blocks/")[1].partition("?")[0])
        with self.server.gate:
            self.server.under_way += 1
            self.server.most = max(self.server.most, self.server.under_way)
            self.server.gate.notify_all()
            # Nobody is answered before two are under way, nor the first before others have overtaken it.
            self.server.gate.wait_for(lambda: self.server.most > 1, timeout=10)
            if index == 0:
                self.server.gate.wait_for(lambda: self.server.answered >= 3, timeout=10)
        status, data = (404, b'{"message":"gone"}') if index == self.server.missing else (200, b"%d" % index)
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("x-amz-Checksum", f"sum-{index}")
        if status != 200:
            self.send_header("x-amzn-errortype", "ResourceNotFoundException")
        self.end_headers()
        self.wfile.write(data)
        with self.server.gate:
            self.server.under_way -= 1
            self.server.answered += 1
            self.server.gate.notify_all()

    def log_message(self, *_):
        pass


@pytest.fixture
def blocks():
    server = Server(("127.0.0.1", 0), Bodies)
    server.gate, server.under_way, server.most, server.answered, server.missing = threading.Condition(), 0, 0, 0, -1
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def block_door(server, journal=None):
    keys = Credentials(access_key_id="AKIAEXAMPLE", secret_access_key="hush")
    sessions = Sessions(region="us-east-1", credentials=keys, endpoint=f"http://127.0.0.1:{server.server_address[1]}")
    return sessions.door("111111111111").narrowed(frozenset({"ebs.GetSnapshotBlock"}), journal)


def asked(count):
    return ({"SnapshotId": "snap-0123456789abcdef0", "BlockIndex": n, "BlockToken": "t"} for n in range(count))


def test_bodies_come_in_the_order_asked_though_several_are_under_way(blocks):
    journal = Journal()
    found = list(block_door(blocks, journal).bodies("ebs.GetSnapshotBlock", "BlockData", asked(40)))
    assert [data for _, data in found] == [b"%d" % n for n in range(40)]
    assert [answer["Checksum"] for answer, _ in found] == [f"sum-{n}" for n in range(40)]
    assert 1 < blocks.most <= 8
    assert len(journal.calls()) == 40


def test_a_body_that_cannot_be_had_is_an_error_in_its_turn(blocks):
    blocks.missing = 20
    found = []
    with pytest.raises(NotPossible, match="ResourceNotFoundException"):
        found.extend(data for _, data in block_door(blocks).bodies("ebs.GetSnapshotBlock", "BlockData", asked(1000)))
    assert found == [b"%d" % n for n in range(20)]
    assert blocks.answered < 60, "no further call is begun"


def test_whoever_stops_reading_bodies_stops_the_calls(blocks):
    reading = block_door(blocks).bodies("ebs.GetSnapshotBlock", "BlockData", asked(1000))
    assert next(reading)[1] == b"0"
    reading.close()
    assert blocks.answered <= 16


def test_bodies_of_an_undeclared_operation_are_refused(blocks):
    with pytest.raises(Undeclared):
        list(block_door(blocks).bodies("s3.GetObject", "Body", [{"Bucket": "b", "Key": "k"}]))
