"""How many of our acts AWS corroborates, by the verifier: rows count only where an earlier entry holds the request."""

import csv
import io
import json
import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import ACCOUNT, World

from amberlight.handoff import custody
from amberlight.model.delivery import VerifyReport
from amberlight.vault.verify import Verifier, verify, words

EVENT = "00000000-0000-4000-8000-00000000000"
"""The entries 1 to 3 of the small case hold the requests r1 to r3."""
ROWS = [[1, "r1", EVENT + "1"], [3, "r3", EVENT + "3"]]


def package_of(folder, *acts_entered, act="corroborated"):
    """A package with acts entered: those with rows, or with nothing, as *act*, the others as `called`."""
    world = World(folder)
    for what in acts_entered:
        world.ledger.append(act if "rows" in what or not what else "called", what)
    return Path(world.build().path), world.signer.fingerprint


def count(report):
    return report["corroborated"]["by_cloudtrail"], report["corroborated"]["acts"]


def test_rows_that_hold_count_and_people_read_the_same(tmp_path):
    package, key = package_of(tmp_path, {"rows": ROWS, "account": ACCOUNT, "regions": ["r"]})
    verifier = Verifier(str(package), key)
    report = verifier.run()
    assert report["ok"]
    assert count(report) == (2, 3)
    assert msgspec.convert(report, VerifyReport, strict=True).corroborated.acts == 3
    assert "Corroborated by AWS: 2 of 3 acts" in words(verifier, report).splitlines()


def test_a_request_counts_once_however_often_it_is_named(tmp_path):
    again = {"calls": [{"request_id": "r1"}, {"request_id": "r4"}]}
    package, key = package_of(tmp_path, again, {"rows": [*ROWS, *ROWS, [1, "r1", EVENT + "7"], [4, "r1", EVENT + "8"]]})
    report = verify(str(package), key)
    assert report["ok"]
    assert count(report) == (2, 4)


@pytest.mark.parametrize("row", [
    [1, "r2", EVENT + "9"], [2, "r1", EVENT + "9"], [0, "r1", EVENT + "9"], [99, "r1", EVENT + "9"], [-1, "r3", EVENT + "9"],
    [1, "", EVENT + "9"], [1, "r1"], [1, "r1", EVENT + "9", 1], [], "r1", None, 7, {}, {"0": 1}, [[1], "r1", EVENT + "9"],
    [True, "r1", EVENT + "9"], ["1", "r1", EVENT + "9"], [1, ["r1"], EVENT + "9"], [1, {"r1": 1}, EVENT + "9"],
    [1, "r1", ["e"]], [1, "r1", None], [1, "r1", ""], [1, "r1", "e"], [1, "r1", EVENT + "99"], [1, "r1", EVENT + "9\n"],
    [1, "r1", EVENT + "\x1b"], [1, "r1", "A" + EVENT], [1, "r1", EVENT + "3"], [1, "r1", EVENT + "\u0661"],
])  # fmt: skip
def test_a_row_of_another_form_or_of_no_such_request_is_a_problem(tmp_path, row):
    package, key = package_of(tmp_path, {"rows": [ROWS[1], row]})
    report = verify(str(package), key)
    assert not report["ok"]
    assert [each["path"] for each in report["problems"]] == [custody.LEDGER]
    assert report["problems"][0]["problem"].startswith("entry 4 ")
    assert count(report) == (1, 3)


@pytest.mark.parametrize("rows", [None, 7, "rows", {}, {"0": ROWS[0]}, True])
def test_rows_of_another_form_are_a_problem(tmp_path, rows):
    package, key = package_of(tmp_path, {"rows": rows})
    assert not verify(str(package), key)["ok"]


def test_an_act_without_rows_is_a_problem_and_one_with_none_is_not(tmp_path):
    package, key = package_of(tmp_path / "a", {})
    assert not verify(str(package), key)["ok"]
    package, key = package_of(tmp_path / "b", {"rows": []})
    assert verify(str(package), key)["ok"]


def test_a_row_cannot_rest_on_what_its_own_or_a_later_entry_holds(tmp_path):
    own = {"rows": [[4, "own", EVENT + "1"]], "calls": [{"request_id": "own"}]}
    package, key = package_of(tmp_path / "a", own)
    assert not verify(str(package), key)["ok"]
    package, key = package_of(
        tmp_path / "b", {"rows": [[5, "later", EVENT + "1"]]}, {"calls": [{"request_id": "later"}]}
    )
    report = verify(str(package), key)
    assert not report["ok"]
    assert count(report) == (0, 4)


def test_rows_of_another_act_say_nothing(tmp_path):
    package, key = package_of(tmp_path, {"rows": [*ROWS, 7]}, act="verified")
    report = verify(str(package), key)
    assert report["ok"]
    assert count(report) == (0, 3)


@pytest.mark.parametrize("calls", [None, 7, "r9", {"request_id": "r9"}, [7, None, "r9", ["r9"]], [{"request_id": None}],
                                   [{"request_id": ["r9"]}], [{"request_id": ""}], [{"request_id": "x" * 129}], [{}]])  # fmt: skip
def test_calls_of_another_form_are_no_acts(tmp_path, calls):
    package, key = package_of(tmp_path, {"calls": calls}, act="called")
    report = verify(str(package), key)
    assert report["ok"]
    assert count(report) == (0, 3)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 6) | st.sampled_from(["r1", "r2", "", EVENT + "1", "request_id"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["request_id", "rows", "calls"]), inner)
    ),
    max_leaves=12,
)


@given(ANY, ANY)
@settings(max_examples=60, deadline=None)
def test_no_form_crashes_the_verifier_or_makes_more_than_there_is(tmp_path_factory, rows, calls):
    folder = tmp_path_factory.mktemp("t")
    package, key = package_of(folder, {"rows": rows, "calls": calls})
    corroborated, acts = count(verify(str(package), key))
    assert 0 <= corroborated <= acts
    shutil.rmtree(folder)


def table(package):
    with io.StringIO((package / custody.WITNESSED).read_text("utf-8"), newline="") as file:
        return list(csv.reader(file))


def test_an_examiner_reads_each_request_with_its_event_or_why_it_has_none(tmp_path):
    data = {"operation": "s3.GetObject", "request_id": "r4", "account": ACCOUNT, "region": "r", "when": "w"}
    there = {"operation": "ec2.CopySnapshot", "request_id": "r5", "account": "9" * 12, "region": "=cmd|x", "when": "w"}
    world = World(tmp_path)
    world.ledger.append("called", {"calls": [data, there]})
    world.ledger.append("acquired", {"write_request_id": "r6"})
    world.ledger.append("corroborated", {"rows": ROWS, "account": ACCOUNT, "regions": ["r"]})
    head, *rows = table(Path(world.build().path))
    assert head == list(custody.WITNESSED_COLUMNS)
    assert [(row[0], row[5], row[6], row[7]) for row in rows] == [
        ("1", "r1", EVENT + "1", "corroborated"),
        ("2", "r2", "", "open"),
        ("3", "r3", EVENT + "3", "corroborated"),
        ("4", "r4", "", "data-event"),
        ("4", "r5", "", "not-asked"),
        ("5", "r6", "", "vault write"),
    ]
    assert rows[0][2:4] == ["ec2.DescribeInstances", ACCOUNT]
    assert rows[4][4] == "'=cmd|x"
    assert all(row[8] for row in rows)


@pytest.mark.parametrize(
    "what",
    [
        {},
        {"rows": [], "account": ACCOUNT, "regions": []},
        {"rows": "odd", "regions": 7},
        {"rows": [7, [1], None], "account": []},
    ],
)
def test_without_a_look_nothing_is_said_to_have_been_asked(tmp_path, what):
    package, _ = package_of(tmp_path, what)
    assert {row[7] for row in table(package)[1:]} == {"not-asked"}


def test_calls_of_gaps_and_of_the_rest_are_listed_too(tmp_path):
    package, _ = package_of(tmp_path, {"id": "x", "calls": [{"request_id": "r4"}, "ec2.A"]}, act="called")
    lines = [json.loads(line) for line in (package / "report/our-calls.jsonl").read_text().splitlines()]
    assert [(line["entry"], line["evidence"], line["request_id"]) for line in lines] == [
        (1, "E1", "r1"),
        (2, "E2", "r2"),
        (3, "E3", "r3"),
        (4, "", "r4"),
    ]
