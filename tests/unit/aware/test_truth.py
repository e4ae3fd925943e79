"""What must page and what must not, on records that nobody here wrote."""

import csv
import gzip
import json
from datetime import timedelta

import pytest

from amberlight.aware import scanning
from amberlight.aware.judge import Judge
from amberlight.model.response_plan import AwarePlan
from amberlight.trail import read
from aware.sampling import ALICE, START, made


def judged(*paths):
    reading, judge = read(paths), Judge()
    for batch in reading.batches():
        judge.observe(batch)
    return judge.suspicions(), reading


def test_stolen_instance_keys_are_one_incident(shared_data):
    folder = shared_data / "cloudtrail-otrf-ec2-proxy"
    with (folder / "labels.csv").open() as file:
        label = {row["eventID"]: row["label"] for row in csv.DictReader(file)}
    attack = {name for name, what in label.items() if what == "attack"}
    suspicions, reading = judged(folder)
    assert reading.count == 103
    paging = [one for one in suspicions if one.page]
    assert len(paging) == 1
    assert attack <= set(paging[0].event_ids)
    assert len(set(paging[0].event_ids) - attack) <= 10
    assert paging[0].principals[0].startswith("arn:aws:iam::123456789123:role/")
    assert any(name.startswith("bucket/") for name in paging[0].resources)


def test_recorded_detonations_are_found(shared_data):
    files = sorted((shared_data / "cloudtrail-stratus-detonations" / "neutral").glob("*.gz"))
    results = {path.name: judged(path)[0] for path in files}
    assert len(files) == 17
    assert all(results.values()), "every file raises at least a suspicion"
    paging = [name for name, found in results.items() if any(one.page for one in found)]
    assert len(paging) >= 15, sorted(set(results) - set(paging))


def test_names_make_no_difference(shared_data):
    """The records as published and the same without the tool's names are judged alike."""
    for path in sorted((shared_data / "cloudtrail-stratus-detonations" / "neutral").glob("*.gz")):
        twin = shared_data / "cloudtrail-stratus-detonations" / "raw" / path.name
        neutral, raw = judged(path)[0], judged(twin)[0]
        assert [(one.page, one.score) for one in neutral] == [(one.page, one.score) for one in raw], path.name


def test_service_noise_does_not_page(shared_data):
    suspicions, reading = judged(shared_data / "cloudtrail-opensearch-benign")
    assert reading.count == 840
    assert not [one for one in suspicions if one.page]


def test_administrators_workflows_do_not_page(shared_data):
    files = sorted((shared_data / "benign-sequences").glob("*.txt"))
    assert len(files) == 6
    for path in files:
        judge = Judge()
        names = [line.split(":") for line in path.read_text().split()]
        judge.observe(made({"events": [{"eventSource": s, "eventName": n, "requestParameters": {}} for s, n in names]}))
        assert not [one for one in judge.suspicions() if one.page], path.name


def test_all_workflows_of_one_person_in_a_day_do_not_page(shared_data):
    judge = Judge()
    rows = []
    for path in sorted((shared_data / "benign-sequences").glob("*.txt")):
        rows += [
            dict(zip(("eventSource", "eventName"), line.split(":"), strict=True)) for line in path.read_text().split()
        ]
    judge.observe(made({"events": [{**row, "requestParameters": {}} for row in rows]}))
    assert not [one for one in judge.suspicions() if one.page]


@pytest.mark.parametrize("family", ["aws_cloudtrail_rules"])
def test_labelled_near_misses_raise_little(shared_data, family):
    """Where others say that their rule stays silent, single events seldom page here."""
    pages = silent = 0
    text = gzip.decompress((shared_data / "panther-rule-tests" / "cases.jsonl.gz").read_bytes())
    for line in text.splitlines():
        case = json.loads(line)
        event = case.get("event") or {}
        if family not in case["source_file"] or case["should_alert"] or "eventName" not in event or case["needs_mocks"]:
            continue
        judge = Judge()
        judge.observe(
            made({**event, "userIdentity": event.get("userIdentity") or ALICE, "eventTime": f"{START:%FT%TZ}"})
        )
        silent += 1
        pages += any(one.page for one in judge.suspicions())
    assert silent > 50
    assert pages / silent < 0.1, f"{pages} of {silent}"


def test_order_of_files_makes_no_difference(shared_data):
    path = next((shared_data / "cloudtrail-otrf-ec2-proxy").glob("*.gz"))
    events = list(read([path]))
    forward, backward, halves = Judge(), Judge(), Judge()
    forward.observe(events)
    backward.observe(reversed(events))
    other = Judge()
    halves.observe(events[::2])
    other.observe(events[1::2])
    halves.merge(other)
    assert forward.suspicions() == backward.suspicions() == halves.suspicions()


def test_the_same_event_twice_counts_once(shared_data):
    path = next((shared_data / "cloudtrail-stratus-detonations" / "neutral").glob("*user-data*"))
    events = list(read([path]))
    once, twice = Judge(), Judge()
    once.observe(events)
    first = twice.observe(events)
    assert first
    assert twice.observe(events) == []
    assert once.suspicions() == twice.suspicions()
    assert once.signals() == twice.signals()


@pytest.mark.parametrize("hours", [6, 24, 72])
def test_what_is_done_again_and_again_is_habit(hours):
    """An act that a principal does day after day pages once or twice, not each day."""
    judge = Judge()
    share = {
        "eventSource": "ec2.amazonaws.com",
        "eventName": "ModifyImageAttribute",
        "requestParameters": {"imageId": "i", "launchPermission": {"add": {"items": [{"userId": "999988887777"}]}}},
    }
    for number in range(30 * 24 // hours):
        moment = START + timedelta(hours=hours * number)
        judge.observe(made({**share, "eventID": f"n-{number}", "eventTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}))
    paging = [one for one in judge.suspicions() if one.page]
    assert len(paging) == 1
    assert any("earlier day" in reason.text for one in judge.suspicions() for reason in one.reasons)
    # Something else by the same principal is no habit.
    new = {
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateLoginProfile",
        "requestParameters": {"userName": "x"},
    }
    judge.observe(made({**new, "eventID": "new", "eventTime": f"{START + timedelta(days=31):%Y-%m-%dT%H:%M:%SZ}"}))
    assert len([one for one in judge.suspicions() if one.page]) == 2


def test_several_processes_judge_as_one(shared_data, monkeypatch):
    folders = [
        shared_data / name for name in ("cloudtrail-stratus-detonations", "cloudtrail-otrf-ec2-proxy", "formats")
    ]
    alone, first = scanning.scan(folders, AwarePlan(), workers=1)
    monkeypatch.setattr(scanning, "WORTH_BYTES", 0)
    together, second = scanning.scan(folders, AwarePlan(), workers=2)
    assert alone.suspicions() == together.suspicions()
    assert (first.count, first.files, first.unreadable, first.skipped) == (
        second.count, second.files, second.unreadable, second.skipped,
    )  # fmt: skip
    assert first.unreadable
