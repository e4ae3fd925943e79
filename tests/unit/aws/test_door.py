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
