"""The timelines: plaso and Timesketch read as many events as the package states, each of them the one it came from."""

import gzip
import json
import re
from collections import Counter
from datetime import datetime
from pathlib import Path

READER = Path(__file__).parent / "timesketch_reader.py"
FORBIDDEN = {"_id", "_index", "_type", "_source"}
"""Names that OpenSearch keeps for itself."""


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def numbers(text, section):
    """The table of a section of pinfo: name to number of events."""
    body = re.split(r"\*{5,} *(.+?) *\*{5,}\n", text)
    table = body[body.index(section) + 1] if section in body else ""
    return {name.strip(): int(number) for name, number in re.findall(r"^ *(\S+) : (\d+)$", table, re.MULTILINE)}


def event_of(package, ref):
    """The record that an `evidence_ref` names, out of the native file."""
    path, way, number = re.fullmatch(r"(.+)#(record|line)=(\d+)", ref).groups()
    if way == "record":
        return json.loads(gzip.decompress((package / path).read_bytes()))["Records"][int(number)]
    return json.loads(json.loads((package / path).read_text().splitlines()[int(number) - 1])["CloudTrailEvent"])


def test_every_record_went_into_every_timeline(package, derived):
    for form in ("plaso", "timesketch"):
        for place, stated in derived(form):
            assert stated["records_in"] == stated["lines_out"] + len(stated["left_out"])
            assert len(lines(place)) == stated["lines_out"] > 0


def test_plaso_reads_the_stated_number_of_events_without_a_warning(run, derived, tmp_path):
    for place, stated in derived("plaso"):
        store, out = tmp_path / f"{stated['source']}.plaso", tmp_path / f"{stated['source']}.jsonl"
        options = ("-q", "-u", "--status_view", "none", "--single_process", "--logfile", tmp_path / "log.gz")
        run("log2timeline", *options, "--parsers", "jsonl", "--storage_file", store, place, tool="plaso")
        told = run("pinfo", store, tool="plaso").stdout
        assert numbers(told, "Events generated per parser") == {
            "aws_cloudtrail_log": stated["lines_out"],
            "Total": stated["lines_out"],
        }
        assert "No warnings stored." in told
        sort = ("-q", "-u", "-a", "--status_view", "none", "--logfile", tmp_path / "sort.gz")
        run("psort", *sort, "-o", "json_line", "-w", out, store, tool="plaso")
        read = Counter(json.loads(event["cloud_trail_event"])["eventID"] for event in lines(out))
        assert read == Counter(json.loads(line["CloudTrailEvent"])["eventID"] for line in lines(place))


def test_plaso_keeps_the_times_and_the_names(run, derived, tmp_path):
    place, _ = derived("plaso")[0]
    store, out = tmp_path / "one.plaso", tmp_path / "one.jsonl"
    options = ("-q", "-u", "--status_view", "none", "--single_process", "--logfile", tmp_path / "log.gz")
    run("log2timeline", *options, "--parsers", "jsonl", "--storage_file", store, place, tool="plaso")
    run("psort", "-q", "-u", "-a", "--status_view", "none", "-o", "json_line", "-w", out, store, tool="plaso")
    for event in lines(out):
        record = json.loads(event["cloud_trail_event"])
        assert event["timestamp"] == round(datetime.fromisoformat(record["eventTime"]).timestamp() * 1_000_000)
        assert (event["event_name"], event["event_source"]) == (record["eventName"], record["eventSource"])
        assert event["source_ip"] == record["sourceIPAddress"]


def test_timesketch_takes_every_line(run, derived):
    for place, stated in derived("timesketch"):
        done = run("python", "-W", "error::UserWarning", READER, place, tool="timesketch")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.stderr == ""
        assert len(rows) == stated["lines_out"]
        for row in rows:
            assert row["timestamp"] == row["timestamp_by_timesketch"]
            assert row["message"]
            assert not FORBIDDEN & row.keys()


def test_every_line_leads_back_to_its_record(package, derived):
    for form, name in (("timesketch", "event_id"), ("plaso", "EventId")):
        for place, _ in derived(form):
            for line in lines(place):
                assert event_of(package, line["evidence_ref"])["eventID"] == line[name]
