"""Slots: what reaches the host, what stands in its command history, what it delivers, and how failures end."""

import ast
import base64
import hashlib
import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from amberlight._aws import Credentials
from amberlight.capture import catalogue, slots
from amberlight.capture.context import StepContext
from amberlight.capture.guest import common
from amberlight.model.errors import NotPossible, Unreachable

from .conftest import INSTANCE, NOW, FakeDoor
from .host import Host, Server

SECRET = "5ecret/" + "k" * 33
SCRIPT = """
def main():
    say(pid=1)
    did("read a file")
    size = arguments["size"]
    return upload((bytes([n % 251]) * 1000 for n in range(size // 1000)), size)


run(main)
"""


class FakeSessions:
    """Notes what was assumed."""

    def __init__(self):
        self.assumed = []

    def assume(self, role_arn, *, name, policy=None, minutes=60):
        self.assumed.append((role_arn, policy, minutes))
        return Credentials(access_key_id="ASIAEXAMPLE", secret_access_key=SECRET, session_token="token/" + "t" * 50)


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path / "host")


@pytest.fixture
def slot(server, host, clock, store):
    sessions = FakeSessions()

    def make(key, context):
        return slots.HostSlot(
            key=key,
            context=context,
            sessions=sessions,
            writer_role_arn="arn:aws:iam::333333333333:role/Writer",
            upload=slots.Upload(bucket="vault", region="us-east-1", endpoint=server.endpoint),
            store=store,
        )

    context = StepContext(
        aws=FakeDoor(answer=host), vault_aws=FakeDoor(), target=INSTANCE, case_id="c-1", kind="drill", step_id="s1",
        source_id="memory.linux_process", since=NOW, until=NOW, regions=(), vault_account="333333333333",
        idempotency_token="a" * 32, clock=clock, make_slot=make,
    )  # fmt: skip
    return context.slot("process.tar")


def run(slot, script=SCRIPT, **arguments):
    return slot.run(script, {"size": 5000, **arguments}, timeout=timedelta(seconds=60))


def test_a_host_delivers_one_object(slot, server):
    report = run(slot)

    (data,) = server.objects.values()
    assert list(server.objects) == [f"/vault/{slot.key}"]
    assert slot.key.startswith("cases/c-1/evidence/111111111111/us-east-1/memory.linux_process/instance-i-")
    assert report["sha256"] == hashlib.sha256(data).hexdigest()
    assert report["size_bytes"] == len(data) == 5000
    assert report["facts"]["pid"] == 1
    assert report["changed"] == ["read a file"]
    ((method, _, headers, _),) = server.requests
    assert (method, headers["If-None-Match"]) == ("PUT", "*")
    assert base64.b64decode(headers["x-amz-checksum-sha256"]).hex() == report["sha256"]


def test_large_deliveries_go_in_parts_each_with_its_hash(slot, server):
    report = run(slot, size=20_000_000)

    (data,) = server.objects.values()
    assert report["size_bytes"] == len(data) == 20_000_000
    assert report["sha256"] == hashlib.sha256(data).hexdigest()
    methods = [request[0] for request in server.requests]
    assert methods == ["POST", "PUT", "PUT", "PUT", "POST"]
    for number, (_, _, headers, body) in enumerate(server.requests[1:4], 1):
        assert base64.b64decode(headers["x-amz-checksum-sha256"]) == hashlib.sha256(body).digest()
        assert len(body) == (8 << 20) or number == 3
    assert server.requests[-1][2]["If-None-Match"] == "*"
    assert server.requests[-1][3].count(b"<ChecksumSHA256>") == 3


def test_nothing_that_others_can_read_holds_a_credential(slot, host):
    run(slot)

    text = json.dumps(host.sent)
    arguments = [base64.b64decode(word) for word in re.findall(r" - ([A-Za-z0-9+/=]+) <<", text)]
    assert len(arguments) == 2
    text += "".join(argument.decode() for argument in arguments)
    assert len(host.sent) == 2
    assert SECRET not in text
    assert "ASIAEXAMPLE" not in text
    assert "t" * 50 not in text
    assert "vault" not in text.replace("vault side", "")
    assert "c-1" not in json.dumps([sent["Parameters"]["commands"][0].split("<<")[0] for sent in host.sent])
    assert list((host.root / "dev/shm").iterdir()) == []  # the private half is gone


def test_the_grant_is_for_one_key_for_minutes(slot):
    run(slot)

    ((role, policy, minutes),) = slot.sessions.assumed
    assert role == "arn:aws:iam::333333333333:role/Writer"
    assert minutes == 15
    assert policy["Statement"] == [
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::vault/{slot.key}"}
    ]


def test_the_private_half_is_in_memory_and_for_root_alone(slot, host, monkeypatch):
    left = []
    monkeypatch.setattr(slots, "seal", lambda *_: left.extend((host.root / "dev/shm").iterdir()) or {})

    with pytest.raises(NotPossible):
        run(slot)
    assert [path.stat().st_mode & 0o777 for path in left] == [0o600]


def test_an_object_that_is_there_is_not_taken_again(slot, store, host):
    store.put(slot.key, [b"delivered before the crash"])

    report = run(slot)

    assert host.sent == []
    assert report["facts"] == {"delivered_before": True}
    assert report["sha256"] == hashlib.sha256(b"delivered before the crash").hexdigest()


def test_a_delivery_that_arrived_meanwhile_is_adopted(slot, store, server):
    server.objects[f"/vault/{slot.key}"] = b"x"  # the store refuses ours; then the object is found
    find, answers = store.find, [None]
    store.put(slot.key, [b"x"])
    slot.store = type("Late", (), {"find": lambda self, key: answers.pop() if answers else find(key)})()

    assert run(slot)["facts"] == {"delivered_before": True}


def test_a_store_that_refuses_is_a_reason_in_words(slot, server):
    server.objects[f"/vault/{slot.key}"] = b"x"

    with pytest.raises(NotPossible, match="S3 answered 412"):
        run(slot)


def test_a_store_that_stumbles_is_asked_again(slot, server):
    server.failures = [503]

    assert run(slot)["size_bytes"] == 5000
    assert len(server.requests) == 2


def test_what_fails_on_the_host_is_a_reason_in_words(slot):
    with pytest.raises(NotPossible, match="ZeroDivisionError"):
        run(slot, "def main():\n    1 / 0\nrun(main)\n")
    with pytest.raises(NotPossible, match="without a report"):
        run(slot, "import sys\nsys.exit(3)\n")


@pytest.mark.parametrize(
    "answer,error,text",
    [
        ({"Status": "TimedOut", "StatusDetails": "DeliveryTimedOut"}, Unreachable, "not delivered"),
        ({"Status": "Failed", "StatusDetails": "Undeliverable"}, Unreachable, "not delivered"),
        ({"Status": "Cancelled", "StatusDetails": "Cancelled"}, Unreachable, "not delivered"),
        ({"Status": "TimedOut", "StatusDetails": "ExecutionTimedOut"}, Unreachable, "was ended"),
        ({"Status": "Failed", "StandardErrorContent": "sh: \x1b[2Jboom"}, NotPossible, r"\\u001b\[2Jboom"),
        ({"Status": "Success", "StandardOutputContent": "[1]\nnull\n{}\n"}, NotPossible, "without a report"),
    ],
)
def test_how_a_command_may_end(slot, host, answer, error, text):
    host.answers = [{"Status": "Pending"}, {"Status": "InProgress"}, answer]

    with pytest.raises(error, match=text):
        run(slot)


def test_a_command_that_never_ends_is_left(slot, host, clock):
    host.answers = [{"Status": "InProgress"}] * 1000

    with pytest.raises(Unreachable, match="did not end"):
        run(slot)
    assert 120 <= clock.at < 130


def test_an_invocation_that_is_not_known_yet_is_asked_for_again(slot, host):
    known = slot.context.aws.answer
    asked = []

    def answer(operation, parameters):
        asked.append(operation)
        if len(asked) == 2:
            raise NotPossible("not yet", aws_code="InvocationDoesNotExist")
        return known(operation, parameters)

    slot.context.aws.answer = answer
    assert run(slot)["ok"] is True


def test_a_host_that_lies_in_form_is_not_believed():
    output = json.dumps({"ok": True, "sha256": "../x", "size_bytes": -5, "facts": [1], "changed": "all", "error": 3})
    report = slots.read_report({"Status": "Success", "StandardOutputContent": f"noise\n{output}\nmore noise"})

    assert report == {"ok": True, "sha256": "", "size_bytes": 0, "facts": {}, "changed": [], "error": "3"}
    with pytest.raises(NotPossible):
        slots.read_report({"Status": "Success", "StandardOutputContent": '{"ok": 1}'})


def on_host(text, *arguments):
    """Run text behind the common part as a host does."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-", *arguments],
        input=catalogue.guest("common") + text, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


@pytest.mark.parametrize("grant", [{"a": "b"}, {"k": "é" * 1000, "n": 1.5}])
def test_both_sides_agree_on_the_sealed_grant(grant):
    private = 0x1234567890ABCDEF << 300
    sealed = slots.seal(grant, f"{pow(2, private, common.PRIME):x}", lambda size: bytes(range(size)))

    text = f"\nimport sys\nsys.stdout.write(json.dumps(opened(json.loads(sys.argv[1]), {private})))\n"
    assert json.loads(on_host(text, json.dumps(sealed))) == grant
    assert common.opened(sealed, private) == grant


def test_two_seals_of_one_grant_differ():
    public = f"{pow(2, 12345, common.PRIME):x}"
    upload = slots.Upload(bucket="b", region="r")
    assert slots.seal({}, public, upload.entropy) != slots.seal({}, public, upload.entropy)


@pytest.mark.parametrize("field", ["public", "box", "tag"])
def test_a_changed_seal_is_refused(field):
    private = 987654321 << 200
    sealed = slots.seal({"key": "value"}, f"{pow(2, private, common.PRIME):x}", lambda size: b"\x07" * size)
    changed = {"0": "1"}.get(sealed[field][4], "0") if field != "box" else ("B" if sealed[field][4] == "A" else "A")
    sealed[field] = sealed[field][:4] + changed + sealed[field][5:]

    with pytest.raises(ValueError, match="changed on its way"):
        common.opened(sealed, private)


@pytest.mark.parametrize("number", [0, 1, common.PRIME - 1, common.PRIME, common.PRIME + 5])
def test_numbers_that_give_the_secret_away_are_refused(number):
    with pytest.raises(NotPossible):
        slots.seal({}, f"{number:x}", lambda size: b"\x07" * size)
    with pytest.raises(ValueError, match="out of range"):
        common.opened({"public": f"{number:x}", "box": "", "tag": ""}, 5)


@pytest.mark.parametrize("public", ["", "zz", "-5", "0x10", "1" * 600])
def test_a_public_half_that_is_no_number_is_refused(public):
    with pytest.raises(NotPossible):
        slots.seal({}, public, lambda size: b"\x07" * size)


def arctan_of_inverse(x, one):
    total = term = one // x
    n, sign = 1, 1
    while term:
        term //= x * x
        n, sign = n + 2, -sign
        total += sign * (term // n)
    return total


def test_the_group_is_the_one_of_rfc_3526():
    guard = 64
    one = 1 << (1918 + guard)
    pi = (4 * (4 * arctan_of_inverse(5, one) - arctan_of_inverse(239, one))) >> guard  # Machin
    assert 2**2048 - 2**1984 - 1 + 2**64 * (pi + 124476) == common.PRIME


URLS = [
    "https://vault.s3.us-east-1.amazonaws.com/cases/c-1/evidence/1/us-east-1/memory.linux_process/instance-i-1/a~b.tar",
    "http://127.0.0.1:4566/vault/cases/a%2Cb%40c%3D/x%25y?uploads=",
    "http://127.0.0.1:4566/vault/k?partNumber=12&uploadId=a%2Fb%2Bc%3D",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_signing_is_what_botocore_signs(url, method, monkeypatch):
    monkeypatch.setattr(common, "grant", {
        "region": "eu-central-1", "access_key_id": "ASIA1", "secret_access_key": SECRET, "session_token": "tok+/=",
    })  # fmt: skip
    body, extra = b"hello\x00", {"If-None-Match": "*", "x-amz-checksum-sha256": "abc=", "Content-Type": "text/plain"}

    mine = common.signed(method, url, extra, body, "20261124T030000Z")

    request = AWSRequest(method=method, url=url, headers={**extra}, data=body)
    request.context.update({"timestamp": "20261124T030000Z", "payload_signing_enabled": True})
    request.headers["X-Amz-Content-SHA256"] = hashlib.sha256(body).hexdigest()
    signer = S3SigV4Auth(BotocoreCredentials("ASIA1", SECRET, "tok+/="), "s3", "eu-central-1")
    request.headers["X-Amz-Date"] = "20261124T030000Z"
    request.headers["X-Amz-Security-Token"] = "tok+/="
    request.headers["host"] = mine["Host"]
    wanted = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, wanted), request)
    assert mine["Authorization"].endswith(f"Signature={signature}")
    assert f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(request))}" in mine["Authorization"]


def test_addresses_of_objects():
    aws = slots.Upload(bucket="vault", region="cn-north-1")
    assert aws.url("a/b c") == "https://vault.s3.cn-north-1.amazonaws.com.cn/a/b%20c"
    assert slots.Upload(bucket="a.b", region="us-east-1").url("k") == "https://s3.us-east-1.amazonaws.com/a.b/k"


def test_a_bucket_with_a_key_gets_a_grant_for_that_key():
    policy = slots.one_key_policy("b", "k", "aws-cn", "arn:aws-cn:kms:cn-north-1:1:key/1")
    assert policy["Statement"][0]["Resource"] == "arn:aws-cn:s3:::b/k"
    assert policy["Statement"][1]["Resource"] == "arn:aws-cn:kms:cn-north-1:1:key/1"


GUESTS = sorted(path.stem for path in Path(common.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("name", GUESTS)
def test_guest_texts_run_on_python_3_6_and_say_nothing(name):
    text = catalogue.guest(name)

    ast.parse(text, feature_version=(3, 6))
    assert "capture_output" not in text
    assert "removeprefix" not in text
    assert len(slots.command(text, {"arguments": {}}, "E0").encode()) < slots.COMMAND_BYTES


def test_a_host_without_python_says_so(host, monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(slots, "PYTHON", "python-that-nobody-has")
    text = slots.command(SCRIPT, {"arguments": {}}, "E0")

    answer = subprocess.run(["/bin/sh", "-c", text], capture_output=True, text=True, check=True).stdout
    with pytest.raises(NotPossible, match="no python3"):
        slots.read_report({"Status": "Success", "StandardOutputContent": answer})


def test_a_script_that_is_too_long_is_refused():
    with pytest.raises(NotPossible, match="longer"):
        slots.command("#" * 70_000, {}, "E0")


@pytest.mark.parametrize("name", ["common", "handover", "linux_process_memory", "linux_triage", "packets"])
def test_what_is_sent_to_a_host_says_nothing_of_us_or_of_an_incident(name):
    text = catalogue.guest(name)
    compile(text, name, "exec")
    told = re.findall(
        r"amberlight|incident|forensic|evidence|breach|intruder|attack|suspic|suspect|vault|TYPE_CHECKING",
        text,
        re.IGNORECASE,
    )
    assert told == []
