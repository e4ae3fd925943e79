"""Building: whole or not there, faithful to the store, honest about counts."""

import csv
import errno
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import bagit
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import CALL, NOW, StillClock, World, case_of, history, record, trail_file

from amberlight.handoff.bag import Bag
from amberlight.handoff.captured import Captured, Reading, read
from amberlight.handoff.custody import cell
from amberlight.handoff.format import load
from amberlight.handoff.formats import plaso, timesketch
from amberlight.handoff.paths import safe_path
from amberlight.handoff.receipt import acknowledge, signed_part
from amberlight.model.errors import ConfigError, DeliveryError, IntegrityError
from amberlight.vault import LocalSigner
from amberlight.vault.verify import verify


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("world"))
    made.report = made.build(extras={"report/notes.txt": b"n", "../../x": b"y"})
    made.package = Path(made.report.path)
    return made


def leftovers(folder):
    return sorted(each.name for each in folder.iterdir() if each.name not in ("vault", "key.pem"))


def test_the_record_says_what_is_there(world):
    there = [each for each in world.package.rglob("*") if each.is_file()]
    assert world.report.files == len(there)
    assert world.report.size_bytes == sum(each.stat().st_size for each in there)
    assert world.report.key_fingerprint == world.signer.fingerprint
    assert (world.report.case, world.report.kind) == ("c-1", "drill")
    assert leftovers(world.folder) == ["package"]


def test_evidence_lies_there_as_it_was_stored(world):
    for item in world.evidence:
        assert (world.package / "data" / item.path).read_bytes() == b"".join(world.store.read(item))


def test_the_ledger_holds_the_acts_up_to_the_seal(world):
    lines = (world.package / "custody/ledger.jsonl").read_bytes().splitlines()
    acts = [json.loads(line)["act"] for line in lines]
    assert acts == ["opened", "acquired", "acquired", "acquired", "verified", "sealed"]
    sealed = json.loads(lines[-1])["what"]["files"]
    assert {"verify.py", "bagit.txt", "START-HERE.md", "custody/signing-key.pem", "report/notes.txt"} <= set(sealed)


def test_extras_stay_inside(world):
    assert (world.package / "=2E=2E/=2E=2E/x").read_bytes() == b"y"


def test_counts_in_are_counts_out(world):
    told = json.loads((world.package / "report/derived.json").read_text())
    assert {(each["format"], each["source"]): each["lines_out"] for each in told} == {
        ("plaso", "api_calls.event_history"): 3, ("timesketch", "api_calls.event_history"): 3,
        ("plaso", "api_calls.trail_files"): 5, ("timesketch", "api_calls.trail_files"): 5,
    }  # fmt: skip
    for each in told:
        lines = (world.package / each["path"]).read_bytes().splitlines()
        assert len(lines) == each["lines_out"] == each["records_in"]
        assert all(json.loads(line)["evidence_ref"].startswith("data/native/") for line in lines)


def test_what_cannot_be_derived_is_named(tmp_path):
    files = [
        ("api_calls.trail_files", "t/a.json.gz", trail_file([record(1), record(2, eventTime="soon"), 7])),
        ("api_calls.trail_files", "t/b.json.gz", b"\x1f\x8bbroken"),
        ("api_calls.trail_files", "t/CloudTrail-Digest/c.json.gz", trail_file([record(3)])),
        ("api_calls.event_history", "h.jsonl", history([record(1)]) + b"{}\nnonsense\n"),
        ("host.linux_triage", "x.jsonl", b'{"pid":1}\n'),
    ]
    world = World(tmp_path, files=files)
    package = Path(world.build().path)
    told = {(e["format"], e["source"]): e for e in json.loads((package / "report/derived.json").read_text())}
    assert len(told) == 4
    for each in told.values():
        assert each["records_in"] == each["lines_out"] + len(each["left_out"])
        assert each["lines_out"] == 1
    assert len(told["plaso", "api_calls.trail_files"]["left_out"]) == 3
    assert len(told["plaso", "api_calls.event_history"]["left_out"]) == 2
    assert verify(str(package))["ok"]


def test_a_bomb_is_named_and_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("amberlight.handoff.captured.FILE_BYTES_MAX", 1000)
    (tmp_path / "x").write_bytes(trail_file([record(n) for n in range(9)]))
    reading = Reading()
    assert list(read(tmp_path / "x", "a.json.gz", reading)) == []
    assert "unpacks to more" in reading.problems[0]


def test_gzip_of_another_kind_is_none_of_ours(tmp_path):
    import gzip

    (tmp_path / "x").write_bytes(gzip.compress(b'{"configurationItems":[]}'))
    reading = Reading()
    assert list(read(tmp_path / "x", "a.json.gz", reading)) == []
    assert (reading.records, reading.problems) == (0, [])


def test_timesketch_lines_cannot_be_misread():
    line = timesketch.line(Captured(event=record(5, eventTime="2026-03-01T12:00:05Z"), evidence_ref="r"))
    assert line["datetime"] == "2026-03-01T12:00:05.000000+00:00"
    assert line["timestamp"] == 1772366405000000
    assert {"message", "timestamp_desc", "data_type", "evidence_ref"} <= set(line)
    assert not {"_id", "_index", "_type", "_source"} & set(line)
    assert all(not isinstance(value, dict | list) for value in line.values())
    refused = timesketch.line(Captured(event=record(5, errorCode="AccessDenied"), evidence_ref="r"))
    assert "refused with AccessDenied" in refused["message"]
    huge = timesketch.line(Captured(event=record(5, userAgent="é" * 40_000), evidence_ref="r"))
    assert len(huge["user_agent"].encode()) < 32_766


def test_plaso_lines_are_of_the_shape_that_it_reads(shared_data):
    model = json.loads((shared_data / "formats/lookup-events-plaso.jsonl").read_text().splitlines()[0])
    line = plaso.line(Captured(event=record(5), item={"Resources": [{}, 7], "Username": "ci"}, evidence_ref="r"))
    assert set(model) - {"evidence_ref"} <= set(line)
    for name, value in model.items():
        assert type(line[name]) is type(value), name
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00", line["EventTime"])
    assert all(each["ResourceName"] for each in line["Resources"])
    assert json.loads(line["CloudTrailEvent"]) == record(5)
    nobody = plaso.line(Captured(event=record(5, userIdentity=None), evidence_ref="r"))
    assert json.loads(nobody["CloudTrailEvent"])["userIdentity"] == {}
    from_event = plaso.line(Captured(event=record(5, resources=[{"ARN": "arn:x", "type": "T"}]), evidence_ref="r"))
    assert from_event["Resources"] == [{"ResourceType": "T", "ResourceName": "arn:x"}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = ("eventTime", "userIdentity", "eventID", "resources", "requestParameters", "readOnly", "userAgent", "errorCode")


@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.dictionaries(st.sampled_from(["Resources", "Username"]), JSON))
@settings(max_examples=150, deadline=None)
def test_no_event_crashes_a_format(event, item):
    for form in load().values():
        line = form.line(Captured(event=event, item=item, evidence_ref="r"))
        assert line is None or json.dumps(line)


@pytest.mark.parametrize("kind, mark", [("drill", "DRILL"), ("incident", "INCIDENT")])
def test_the_page_is_marked_and_holds_no_ones_markup(tmp_path, kind, mark):
    package = Path(World(tmp_path, kind=kind).build().path)
    html = (package / "START-HERE.html").read_text()
    text = (package / "START-HERE.md").read_text()
    assert mark in html
    assert text.startswith(f"# {mark}")
    assert mark in (package / "bag-info.txt").read_text()
    assert verify(str(package))["kind"] == kind
    seen = Tags()
    seen.feed(html)
    assert not {"script", "b", "img", "a", "link", "iframe"} & seen.names
    assert not re.search(r"https?://", html)
    assert "<script>" not in text
    assert "\\[x\\]" in text
    assert "<built-in" not in html + text


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.names = set()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)


def test_no_cell_is_a_formula(world):
    for text in ("=1+1", "+1", "-1", "@x", "\t=1", " =1", "|x", "%x", "\n=1"):
        assert cell(text).startswith("'")
    assert cell(-5) == "-5"
    assert cell("a\x1b\u202eb") == "a  b"
    rows = list(csv.reader(io.StringIO((world.package / "custody/chain-of-custody.csv").read_text())))
    assert len(rows) == 1 + 5
    assert rows[2][3] == "native/1/AWSLogs/x.json.gz"


def test_our_calls_are_listed_by_item(world):
    lines = (world.package / "report/our-calls.jsonl").read_text().splitlines()
    assert [json.loads(line)["evidence"] for line in lines] == ["E1", "E2", "E3"]
    assert json.loads(lines[0])["request_id"] == CALL.request_id


@given(st.lists(st.text(st.characters(), max_size=30), min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_no_name_leads_out_and_none_meets_another(tmp_path_factory, names):
    bag = Bag(tmp_path_factory.mktemp("bag"))
    for name in names:
        path = safe_path(f"data/{name}", bag.files, bag.folders)
        assert not {"", ".", ".."} & set(path.split("/"))
        assert max(path) <= "\ud7ff"
        bag.add(path, [name.encode("utf-8", "surrogatepass")])
    assert len(bag.files) == len(names)
    found = {each.relative_to(bag.folder).as_posix() for each in bag.folder.rglob("*") if each.is_file()}
    assert found == set(bag.files)


def test_changed_evidence_stops_the_package(tmp_path):
    world = World(tmp_path)
    world.evidence[2] = type(world.evidence[2])(**{
        name: getattr(world.evidence[2], name) for name in world.evidence[2].__struct_fields__
    } | {"sha256": "0" * 64})  # fmt: skip
    with pytest.raises(IntegrityError, match="SHA-256"):
        world.build()
    assert leftovers(tmp_path) == []
    assert "sealed" not in [entry.act for entry in world.ledger.entries()]


def test_evidence_of_another_case_or_kind_stays_out(tmp_path):
    world = World(tmp_path)
    with pytest.raises(IntegrityError, match="belongs to"):
        world.build(case=case_of("incident"))
    assert leftovers(tmp_path) == []


def test_what_is_there_is_not_replaced(tmp_path):
    world = World(tmp_path)
    (tmp_path / "package").mkdir()
    world.build()
    with pytest.raises(ConfigError, match="already"):
        world.build()
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="already"):
        world.build("file")
    assert leftovers(tmp_path) == ["file", "package"]


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    world = World(tmp_path)
    whole = Path.open

    def full(self, mode="r", *rest, **more):
        if "x" in mode and "START-HERE" in self.name:
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return whole(self, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(DeliveryError, match="No space left"):
        world.build()
    assert leftovers(tmp_path) == []


def test_what_a_killed_run_left_is_cleared(tmp_path):
    world = World(tmp_path)
    (tmp_path / ".package.partial").mkdir()
    (tmp_path / ".package.partial" / "half").write_text("x")
    assert verify(world.build().path)["ok"]
    assert leftovers(tmp_path) == ["package"]


def test_a_place_that_cannot_be_is_said_so(tmp_path):
    world = World(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(DeliveryError, match="could not be written"):
        world.build("file/package")


def test_two_files_of_one_name_are_refused(tmp_path):
    world = World(tmp_path)
    with pytest.raises(DeliveryError, match="Two files"):
        world.build(extras={"report/gaps.json": b"mine"})
    package = Path(world.build(extras={"report/our-calls.jsonl": b"mine"}).path)
    assert (package / "report/our-calls.jsonl").read_bytes() == b"mine"


def test_a_seal_that_no_verifier_would_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("amberlight.handoff.package.SEAL_BYTES_MAX", 100)
    with pytest.raises(DeliveryError, match="too many files"):
        World(tmp_path).build()
    assert leftovers(tmp_path) == []


def test_a_second_package_of_a_case_is_sealed_anew(tmp_path):
    world = World(tmp_path)
    first = world.build("one")
    world.ledger.append("transferred", {"to": "partner"})
    second = world.build("two")
    assert verify(first.path)["ok"]
    report = verify(second.path, world.signer.fingerprint)
    assert report["ok"]
    assert report["ledger"]["entries"] == 9


def test_the_receivers_word(world, tmp_path):
    mine = LocalSigner.create(tmp_path / "mine")
    receipt = acknowledge(world.package, "lab", mine, StillClock(), key=world.signer.fingerprint)
    assert (receipt.case, receipt.kind, receipt.verified, receipt.receiver) == ("c-1", "drill", True, "lab")
    assert receipt.key_fingerprint == world.signer.fingerprint
    import base64

    from amberlight.vault.verify import key_point, signed

    assert signed(key_point(mine.public_pem)[0], signed_part(receipt), base64.b64decode(receipt.signature))
    assert acknowledge(world.package, "lab", None, StillClock()).signature == ""
    assert not acknowledge(world.package, "lab", None, StillClock(), key="0" * 64).verified
    assert not acknowledge(tmp_path, "lab", None, StillClock()).verified
    with pytest.raises(ConfigError):
        acknowledge(tmp_path / "nowhere", "lab", None, StillClock())
    with pytest.raises(ConfigError):
        acknowledge(world.package, "lab", None, StillClock(), key="short")


def test_formats_are_found_and_named_like_their_files():
    assert {name: form.id for name, form in load().items()} == {"plaso": "plaso", "timesketch": "timesketch"}
    assert all(form.references for form in load().values())
    assert NOW.tzinfo


def test_bagit_python_accepts_the_bag(world):
    assert bagit.Bag(str(world.package)).is_valid()
