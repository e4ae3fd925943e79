"""Every shape is read, every fault is named, and the rest goes on."""

import contextlib
import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amberlight import trail
from amberlight.trail.opening import Limits, Unreadable
from amberlight.trail.shapes import Malformed, event_from_lookup
from amberlight.trail.splitting import values


def record(number=0, **fields):
    return {
        "eventID": f"id-{number}",
        "eventTime": "2026-11-20T09:00:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "ListBuckets",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/a", "accountId": "111122223333"},
        **fields,
    }


def read(path, data, limits=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    reading = trail.read([path], limits)
    return list(reading), reading


LOOKUP = {"EventId": "id-0", "EventTime": "2026-11-20 10:00:00+01:00", "CloudTrailEvent": json.dumps(record())}
SHAPES = {
    "delivery file": {"Records": [record()]},
    "delivery file, other members first": {"version": 1, "Records": [record()]},
    "single record": record(),
    "array": [record()],
    "lookup item": LOOKUP,
    "lookup answer of the command line": {"Events": [LOOKUP], "NextToken": "x"},
    "lookup item with an object inside": {**LOOKUP, "CloudTrailEvent": record()},
    "lookup item in small letters": {"eventId": "id-0", "cloudTrailEvent": json.dumps(record())},
    "event bus": {"version": "0", "id": "x", "detail-type": "AWS API Call via CloudTrail", "detail": record()},
    "topic": {"Type": "Notification", "Message": json.dumps({"detail": record()})},
    "shipper": {**{k: v for k, v in record().items() if k != "eventTime"}, "@timestamp": "2026-11-20T09:00:00.000Z"},
    "shipper without a zone": {**record(), "eventTime": "2026-11-20 09:00:00"},
    "shipper with the line as text": {"@timestamp": "2026-11-20T09:00:00Z", "message": json.dumps(record())},
    "search hit": {"_index": "x", "_source": {"event": {"original": json.dumps(record())}}},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("form", ["json", "pretty", "lines", "gzip"])
def test_every_shape_is_read(tmp_path, shape, form):
    text = json.dumps(shape, indent=2 if form == "pretty" else None).encode()
    data = {"lines": text + b"\n" + text + b"\n", "gzip": gzip.compress(text)}.get(form, text)
    events, reading = read(tmp_path / f"a.json{'l' if form == 'lines' else ''}", data)
    assert len(events) == reading.count == (2 if form == "lines" else 1)
    assert {(e.id, e.name, f"{e.when:%H:%M}") for e in events} == {("id-0", "ListBuckets", "09:00")}
    assert reading.unreadable == []


def test_real_formats(shared_data):
    reading = trail.read([shared_data / "formats"])
    events = list(reading)
    assert len(events) == 12
    assert [(path.rpartition("/")[2], bool(problem)) for path, problem in reading.unreadable] == [
        ("cloudgrep-bad_cloudtrail.json", True)
    ]
    for name in ("cloudtrail-opensearch-benign", "cloudtrail-otrf-ec2-proxy", "cloudtrail-stratus-detonations"):
        found = trail.read([shared_data / name])
        assert len(list(found)) > 100
        assert found.unreadable == []


def test_a_cut_gzip_gives_what_stands_before_the_cut(tmp_path):
    lines = b"".join(json.dumps(record(n, junk=f"{n * 7919:x}" * 40)).encode() + b"\n" for n in range(3000))
    packed = gzip.compress(lines)
    events, reading = read(tmp_path / "a.jsonl.gz", packed[: len(packed) // 2])
    assert 100 < len(events) < 3000
    assert "cut off" in reading.unreadable[0][1]


def test_a_flipped_bit_in_a_gzip_is_named(tmp_path):
    packed = bytearray(gzip.compress(json.dumps({"Records": [record(n) for n in range(50)]}).encode()))
    packed[-6] ^= 1  # the checksum
    _, reading = read(tmp_path / "a.json.gz", bytes(packed))
    assert "damaged" in reading.unreadable[0][1]


def test_a_broken_member_does_not_hide_the_others(tmp_path):
    rows = [json.dumps(record(n)).encode() for n in range(5)]
    data = b'{"Records":[' + b",".join([*rows[:2], b'{"eventID": oops}', *rows[2:]]) + b"]}"
    events, reading = read(tmp_path / "a.json", data)
    assert [event.id for event in events] == [f"id-{n}" for n in range(5)]
    assert "record 3" in reading.unreadable[0][1]


def test_a_malformed_date_costs_one_record(tmp_path):
    data = {"Records": [record(0), record(1, eventTime="the day before"), record(2)]}
    events, reading = read(tmp_path / "a.json", data)
    assert [event.id for event in events] == ["id-0", "id-2"]
    assert "eventTime" in reading.unreadable[0][1]


def test_a_broken_line_costs_one_line(tmp_path):
    data = json.dumps(record(0)).encode() + b"\nthis is no JSON\n" + json.dumps(record(1)).encode()
    events, reading = read(tmp_path / "a.jsonl", data)
    assert len(events) == 2
    assert len(reading.unreadable) == 1


def test_members_of_a_gzip_are_all_read(tmp_path):
    data = b"".join(gzip.compress(json.dumps(record(n)).encode() + b"\n") for n in range(3))
    events, _ = read(tmp_path / "a.jsonl.gz", data)
    assert len(events) == 3


def test_a_bomb_is_stopped_and_the_rest_goes_on(tmp_path):
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(b"{" + b" " * (20 << 20), 1))
    (tmp_path / "b.json").write_text(json.dumps(record()))
    reading = trail.read([tmp_path], Limits(free_bytes=4 << 20))
    assert len(list(reading)) == 1
    [(path, problem)] = reading.unreadable
    assert path.endswith("a.json.gz")
    assert "bomb" in problem


def test_the_limits_of_the_product_stop_what_deflate_can_do_at_most():
    assert Limits().ratio < 1000
    assert Limits().free_bytes <= 64 << 20


def test_one_endless_value_is_refused(tmp_path):
    data = b'{"a":"' + b"x" * (40 << 20) + b'"}'
    _, reading = read(tmp_path / "a.json", data, Limits(value_bytes=1 << 20))
    assert "single JSON value" in reading.unreadable[0][1]


def test_large_files_are_streamed(tmp_path):
    rows = [record(n, padding="x" * 2000) for n in range(12_000)]
    events, reading = read(tmp_path / "a.json", {"Records": rows})
    assert len(events) == 12_000
    assert reading.unreadable == []


@pytest.mark.parametrize(
    "data,problem",
    [(b"", "empty"), (b"hello", "not JSON"), (b'{"a": 1}', "no CloudTrail records"), (b"[" * 100_000, "")],
)
def test_what_is_no_history_is_named(tmp_path, data, problem):
    events, reading = read(tmp_path / "a.json", data)
    assert events == []
    assert [problem in text for _, text in reading.unreadable] == [True]


def test_no_records_is_no_problem(tmp_path):
    events, reading = read(tmp_path / "a.json", {"Records": []})
    assert (events, reading.unreadable, reading.files) == ([], [], 1)


def test_what_lies_beside_logs_is_skipped_not_blamed(tmp_path):
    (tmp_path / "labels.csv").write_text("a,b\n")
    (tmp_path / "x.json.gz").write_bytes(gzip.compress(json.dumps({"digestStartTime": "x", "logFiles": []}).encode()))
    (tmp_path / "x.meta.json").write_text(json.dumps({"Bucket": "b", "Key": "k", "VersionId": "v"}))
    (tmp_path / "history").write_text(json.dumps(record()))
    reading = trail.read([tmp_path])
    assert len(list(reading)) == 1
    assert reading.unreadable == []
    assert len(reading.skipped) == 3


def test_a_missing_path_is_named(tmp_path):
    reading = trail.read([tmp_path / "none"])
    assert list(reading) == []
    assert "cannot be opened" in reading.unreadable[0][1]


def test_odd_identities_are_survived(tmp_path):
    rows = [
        record(0, userIdentity={"type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/r/s", "sessionContext": []}),
        record(1, userIdentity="?"),
        record(2, userIdentity=None),
        record(3, userIdentity={"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, sourceIPAddress=None),
        record(4, requestParameters=["x"], responseElements=7),
    ]
    events, reading = read(tmp_path / "a.json", {"Records": rows})
    assert len(events) == 5
    assert reading.unreadable == []
    assert events[0].principal == "arn:aws:iam::1:role/r"
    assert events[3].by_service
    assert events[4].request == {}
    assert events[4].response == {}


def test_a_record_without_an_id_gets_one_that_stays(tmp_path):
    bare = {k: v for k, v in record().items() if k != "eventID"}
    first, _ = read(tmp_path / "a.json", {"Records": [bare]})
    second, _ = read(tmp_path / "a.json", {"Records": [bare]})
    assert first[0].id == second[0].id != ""


def test_lookup_items_as_a_client_gives_them():
    event = event_from_lookup({"EventId": "id-0", "EventTime": object(), "CloudTrailEvent": json.dumps(record())})
    assert event.id == "id-0"
    assert event.account == "111122223333"
    with pytest.raises(Malformed):
        event_from_lookup({"EventId": "x"})


def test_principals_are_never_sessions():
    path = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_admin"
    cases = {
        ("AssumedRole", "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_admin/me", path): path,
        ("AssumedRole", "arn:aws-cn:sts::111122223333:assumed-role/r/s", None): "arn:aws-cn:iam::111122223333:role/r",
        ("Root", "arn:aws:iam::111122223333:root", None): "arn:aws:iam::111122223333:root",
        ("FederatedUser", "arn:aws:sts::111122223333:federated-user/x", "arn:aws:iam::111122223333:user/u"): (
            "arn:aws:iam::111122223333:user/u"
        ),
    }
    for (kind, arn, issuer), wanted in cases.items():
        identity = {"type": kind, "arn": arn, "accountId": "111122223333"}
        if issuer:
            identity["sessionContext"] = {"sessionIssuer": {"arn": issuer}}
        assert event_from_lookup(record(userIdentity=identity)).principal == wanted


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.dictionaries(st.text(max_size=6), VALUES, max_size=4), max_size=5), size=st.integers(1, 40),
       wrapped=st.booleans(), ascii_only=st.booleans())  # fmt: skip
def test_splitting_gives_the_same_values_however_the_stream_is_cut(rows, size, wrapped, ascii_only):
    text = json.dumps({"Records": rows} if wrapped else rows, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    cut = [text[at : at + size] for at in range(0, len(text), size)]
    found = [json.loads(value) for value in values(iter(cut), 1 << 20)]
    assert found == rows


@settings(max_examples=100, deadline=None)
@given(junk=st.binary(max_size=200))
def test_junk_never_raises_anything_else(junk):
    with contextlib.suppress(Unreadable):
        list(values(iter([junk]), 1 << 20))


def test_folders_are_walked_in_order_and_links_to_folders_are_not_followed(tmp_path):
    for name in ("b/2.json", "a.json", "b/1.json", "c.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "b" / "round").symlink_to(tmp_path)
    found = [str(path.relative_to(tmp_path)) for path in trail.read([tmp_path]).walk()]
    assert found == ["a.json", "b/1.json", "b/2.json", "c.json"]


BAD = b"\xd0("


@pytest.mark.parametrize("field", ["eventName", "userAgent", "unknown", "requestParameters", "userIdentity", "\x00"])
@pytest.mark.parametrize("form", [b'{"Records":[%b,%b]}', b"%b\n%b\n", b"[%b,%b]"])
def test_a_text_that_is_no_utf8_costs_its_own_record_at_most(tmp_path, field, form):
    bad = json.dumps(record(1) | {field: {"a": "x?y"} if field in {"requestParameters", "userIdentity"} else "x?y"})
    found, reading = read(
        tmp_path / "a.json", form % (bad.encode().replace(b"x?y", BAD), json.dumps(record(2)).encode())
    )
    assert "id-2" in {event.id for event in found}
    assert len(found) == 2 or len(reading.unreadable) == 1
    assert all(isinstance(event.request, dict) for event in found)
    if field == "requestParameters":
        assert found[0].request == {"a": "\ufffd("}


def test_half_of_a_surrogate_pair_costs_one_record(tmp_path):
    half = json.dumps(record(1, CloudTrailEvent='{"a":"\ud800"}', eventTime=5))
    found, reading = read(tmp_path / "a.json", f"[{half},{json.dumps(record(2))}]".encode())
    assert ([event.id for event in found], len(reading.unreadable)) == (["id-2"], 1)
