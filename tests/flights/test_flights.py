"""Every source flies its recorded conversations: the calls made are the calls declared, denial and emptiness are said."""

import gzip
import json

import pytest
from player import SCRIPTS, fly, scenarios

from amberlight.capture.catalogue import load
from amberlight.model.errors import Denied
from amberlight.model.evidence import Source

SOURCES = load()


def conversations(start):
    return [(source, name) for source in sorted(SOURCES) for name in scenarios(source)[1] if name.startswith(start)]


def flown(source_id, name):
    return fly(source_id, scenarios(source_id)[1][name])


@pytest.mark.parametrize("source_id", sorted(SOURCES))
def test_a_flight_says_where_its_answers_come_from_and_has_all_three_kinds(source_id):
    first, found = scenarios(source_id)
    assert first["flight"] == source_id
    assert first["from"]
    assert {name.partition(":")[0] for name in found} >= {"full", "denied", "empty"}


@pytest.mark.parametrize("source_id", sorted(SOURCES))
def test_the_calls_made_are_the_calls_declared(source_id):
    source: Source = SOURCES[source_id]
    made = set()
    for _, name in [pair for pair in conversations("full") if pair[0] == source_id]:
        made |= flown(source_id, name).made
    assert made == {(call.operation, call.account) for call in source.calls}


@pytest.mark.parametrize("source_id, name", conversations("full"))
def test_a_full_flight_takes_something(source_id, name):
    result = flown(source_id, name)
    assert result.error is None
    assert result.taken or result.held
    assert all(data is None or data for data in result.taken.values())


@pytest.mark.parametrize("source_id, name", conversations("denied"))
def test_a_denial_is_a_gap_that_says_so(source_id, name):
    result = flown(source_id, name)
    reasons = [gap.state for gap in result.missing] or [isinstance(result.error, Denied) and "denied"]
    assert set(reasons) == {"denied"}
    assert not any(data for path, data in result.taken.items() if not path.endswith("summary.json"))


@pytest.mark.parametrize("source_id, name", conversations("empty"))
def test_nothing_to_take_is_said_too(source_id, name):
    result = flown(source_id, name)
    assert result.error is not None or {gap.state for gap in result.missing} & {"empty", "disabled", "gone"}


@pytest.mark.parametrize("source_id", sorted(SOURCES))
def test_two_flights_give_the_same_bytes(source_id):
    name = next(name for name in scenarios(source_id)[1] if name.startswith("full"))
    one, two = flown(source_id, name), flown(source_id, name)
    assert one.taken == two.taken
    assert list(one.facts) == list(two.facts)


def test_the_event_history_keeps_every_event_in_order_and_paces_itself():
    result = flown("api_calls.event_history", "full")
    items = [json.loads(line) for line in result.taken["event-history/us-east-1.jsonl"].decode().splitlines()]
    facts = result.facts["event-history/us-east-1.jsonl"]
    assert len(items) == facts["events"] == len({item["EventId"] for item in items}) > 50
    assert facts["complete"] is True
    assert facts["pages"] >= 2
    assert json.loads(items[0]["CloudTrailEvent"])["eventID"] == items[0]["EventId"]
    assert result.slept >= 0.52 * (facts["pages"] - 1)


def test_trail_files_are_as_stored_with_sidecars_and_the_keys_that_signed_them():
    result = flown("api_calls.trail_files", "full")
    files = [path for path in result.taken if path.endswith(".json.gz")]
    digests = [path for path in files if "/CloudTrail-Digest/" in path]
    assert len(digests) >= 2
    assert len(files) > len(digests)
    for path in files:
        assert json.loads(gzip.decompress(result.taken[path]))
        head = json.loads(result.taken[f"{path}.meta.json"])
        assert (head["Key"], head["Bucket"]) == (path, "trail-logs")
        assert head["ContentLength"] == len(result.taken[path])
        assert head["VersionId"]
    assert all("signature" in json.loads(result.taken[f"{path}.meta.json"])["Metadata"] for path in digests)
    assert json.loads(result.taken["cloudtrail-keys/us-east-1.json"])["PublicKeyList"]


def test_a_trail_that_was_stopped_is_named_with_the_time():
    (gap,) = flown("api_calls.trail_files", "full").missing
    assert gap.state == "disabled"
    assert gap.what == "cloudtrail/us-east-1/quiet.json"
    assert gap.reason.startswith("Logging stopped at 20")


def test_what_a_bucket_does_not_have_is_a_fact_and_no_gap():
    result = flown("config.inventory", "full: bucket")
    assert result.missing == []
    absent = json.loads(result.taken["s3.GetBucketReplication.json"])
    assert absent == {"absent": "ReplicationConfigurationNotFoundError"}
    assert json.loads(json.loads(result.taken["s3.GetBucketPolicy.json"])["Policy"])["Statement"]


def test_the_inventory_of_an_instance_reaches_its_roles_policies():
    result = flown("config.inventory", "full: instance")
    assert {"ec2.DescribeVolumes.json", "iam.GetRolePolicy.web.ship.json", "iam.GetPolicyVersion.read.json"} <= set(
        result.taken
    )


def test_all_volumes_are_frozen_by_the_first_mutating_call():
    scenario = scenarios("disk.ebs_snapshot")[1]["full"]
    mutating = {call.operation for call in SOURCES["disk.ebs_snapshot"].calls if call.mutates}
    made = [line.get("call") or line.get("page") for line in scenario.lines if "end" not in line]
    first = next(index for index, operation in enumerate(made) if operation in mutating)
    assert made[first] == "ec2.CreateSnapshots"
    assert first <= 3
    answer = scenario.lines[[line.get("call") for line in scenario.lines].index("ec2.CreateSnapshots")]
    assert len(answer["answer"]["Snapshots"]) == 3
    assert answer["parameters"]["Description"] == "t0ken5eed"
    assert "TagSpecifications" not in answer["parameters"]


def test_copies_are_locked_before_anything_else_and_no_share_is_left():
    scenario = scenarios("disk.ebs_snapshot")[1]["full"]
    calls = [(line.get("call"), line.get("parameters", {})) for line in scenario.lines]
    for index, (operation, _) in enumerate(calls):
        if operation == "ec2.CopySnapshot":
            assert calls[index + 1][0] == "ec2.LockSnapshot"
    shares = [
        (given["OperationType"], given["SnapshotId"])
        for operation, given in calls
        if operation == "ec2.ModifySnapshotAttribute"
    ]
    refused = {
        line["parameters"]["SnapshotId"]
        for line in scenario.lines
        if line.get("call") == "ec2.ModifySnapshotAttribute" and "error" in line
    }
    added = {name for how, name in shares if how == "add"} - refused
    assert added
    assert added == {name for how, name in shares if how == "remove"}


def test_snapshots_that_are_held_name_their_lineage_and_the_default_key_trap_is_a_gap_with_a_fix():
    result = flown("disk.ebs_snapshot", "full")
    assert len(result.held) == 2
    for held in result.held.values():
        assert held.arn == f"arn:aws:ec2:us-east-1::snapshot/{held.facts['copy']}"
        assert held.facts["lock"].startswith("governance")
        assert held.description["copy"]["Encrypted"] is True
        assert held.description["lineage"]["first"] == held.description["first"]["SnapshotId"]
    (gap,) = result.missing
    assert gap.state == "not-possible"
    assert "KmsKeyId set to a key of the vault account" in gap.reason


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_the_host_reports_is_in_the_facts(name):
    source_id = next(
        one for one in SOURCES if one.endswith({"packets": "tcpdump"}.get(name, name.removesuffix("_memory")))
    )
    result = flown(source_id if name != "linux_process_memory" else "memory.linux_process", "full")
    (facts,) = result.facts.values()
    assert facts["changed"]
    assert facts["handover_in_memory"] is True


def test_the_player_refuses_what_was_not_recorded():
    scenario = scenarios("api_calls.event_history")[1]["full"]
    scenario.header["regions"] = ["eu-west-1"]
    with pytest.raises(AssertionError, match="recorded"):
        fly("api_calls.event_history", scenario)
    scenario = scenarios("api_calls.event_history")[1]["full"]
    scenario.lines.append(dict(scenario.lines[0]))
    with pytest.raises(AssertionError, match="not asked for"):
        fly("api_calls.event_history", scenario)
