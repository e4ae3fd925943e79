import gzip

import msgspec
import pytest

from amberlight.practice import gaps, score
from amberlight.practice.searching import search

from .conftest import START, USER, evidence, suspicion


def test_expectation_is_met_by_bytes_not_by_records(truth, tmp_path):
    data = gzip.compress(b"x" * 3_000_000 + b"req-1")
    (tmp_path / "a.gz").write_bytes(data)
    item = evidence("api_calls.event_history", "a.gz", data)
    found = score.checks(truth, (item,), (), tmp_path)
    assert [check.path for check in found] == ["a.gz", ""]
    assert found[1].reason == "nothing was taken by memory.linux_process"


def test_altered_bytes_fulfil_nothing(truth, tmp_path):
    item = evidence("api_calls.event_history", "a", b"req-1")
    (tmp_path / "a").write_bytes(b"req-1 and more")
    first, _ = score.checks(truth, (item,), (), tmp_path)
    assert first.reason == "a is not what was sealed"


def test_missing_file_is_a_missing_item(truth, tmp_path):
    first, _ = score.checks(truth, (evidence("api_calls.event_history", "gone", b"req-1"),), (), tmp_path)
    assert "cannot be read" in first.reason
    assert score.completeness([first]).present == 0


def test_evidence_without_the_text_is_said_so(truth, tmp_path):
    (tmp_path / "a").write_bytes(b"nothing")
    first, _ = score.checks(truth, (evidence("api_calls.event_history", "a", b"nothing"),), (), tmp_path)
    assert "does not hold it (the denied attempt)" in first.reason


@pytest.mark.parametrize(
    "principals, right",
    [
        ((USER + "build-agent", USER + "intruder"), True),
        ((USER + "build-agent",), False),
        ((USER + "build-agent", USER + "intruder", USER + "deploy-pipeline"), False),
        ((), False),
    ],
)
def test_a_proposal_is_right_when_it_names_the_right_people(truth, principals, right):
    found = score.triage(truth, 1, (suspicion(principals=principals), suspicion(page=False)))
    assert (found.proposed, found.true, found.false, found.suspicions) == (1, int(right), int(not right), 2)


def test_quietness_reads_our_calls_as_the_intruder_would():
    quiet = {"eventName": "DescribeInstances", "readOnly": True, "userAgent": "Boto3/1.43", "requestParameters": None}
    loud = {
        "eventName": "CreateSnapshots",
        "readOnly": False,
        "userAgent": "Boto3/1.43",
        "userIdentity": {"arn": "arn:aws:sts::111122223333:assumed-role/AmberlightCapture/x1"},
        "requestParameters": {"description": "forensic copy", "tags": [{"value": "plain"}]},
    }
    found = score.quietness([quiet, loud], 3)
    assert (found.calls_in_subject_trail, found.mutating_calls) == (2, ("CreateSnapshots",))
    assert found.telltale_names == ("AmberlightCapture", "forensic copy")


def test_text_across_a_border_of_pieces_is_found(tmp_path):
    path = tmp_path / "big"
    path.write_bytes(b"." * ((1 << 20) - 3) + b"needle" + b"." * 10)
    assert search(path, ["needle", "other"]).texts == {"needle"}


def test_broken_gzip_is_searched_as_far_as_it_goes(tmp_path):
    path = tmp_path / "broken.gz"
    path.write_bytes(gzip.compress(b"early") + b"\x1f\x8bbroken")
    assert search(path, ["early"]).texts == {"early"}


def test_every_failure_becomes_owned_work(truth, response_plan, tmp_path):
    register = gaps.Register(response_plan, START.date(), "amberlight demo --seed 7")
    checks = score.checks(truth, (), (), tmp_path)
    triage = msgspec.structs.replace(score.triage(truth, 0, ()), false=1)
    items = gaps.gap_items(register, checks=checks, triage=triage, attempts=(), unseen={"reads": 3, "none": 0})
    assert [item.id for item in items] == ["G-1", "G-2", "G-3", "G-4", "G-5", "G-6"]
    assert {item.due for item in items} == {"2026-03-31"}
    assert items[0].owner == "Sam Fell"
    assert items[2].owner == "Noor Adeyemi"
    assert "3 reads left no record" in items[-1].what
