"""The command: exit codes, the contract of its JSON, words for people, a bucket instead of a folder."""

import json
import os
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from make_trail import ACCOUNT, HOUR, START, Trail

from amberlight.cli import trail as cli
from amberlight.model.errors import ConfigError, Denied, NotPossible
from amberlight.trail.prove import Bucket, prove
from amberlight.trail.prove.words import WIDTH, sentence, words

SCHEMA = Path(__file__).parents[3] / "docs/reference/schemas/trail-proof.json"


@pytest.fixture
def run(trail, tmp_path):
    def command(*arguments, change=lambda trail: None):
        change(trail)
        root = trail.write(tmp_path / "copy")
        return CliRunner().invoke(cli.command, ["prove", str(root), *arguments], standalone_mode=False)

    return command


def test_json_is_the_contract(run):
    done = run("--json")
    report = json.loads(done.stdout)
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    assert (done.return_value, report["ok"]) == (0, True)
    assert set(report["hours"][0]) >= {"account", "region", "hour", "state"}
    assert report["hours"][0]["hour"] == "2026-03-01T00:00:00Z"
    assert report["files"] == {"valid": 18, "altered": 0, "missing": 0, "unsigned": 0}


@pytest.mark.parametrize("what, code", [("altered", 4), ("missing", 3), ("both", 4)])
def test_exit_codes(run, what, code):
    def change(trail):
        made = trail.chains[ACCOUNT, "us-east-1", "main"]
        if what in ("altered", "both"):
            trail.objects[made[1].logs[0]].body = b"{}"
        if what in ("missing", "both"):
            del trail.objects[made[2].logs[0]]

    done = run("--json", change=change)
    assert (done.return_value, json.loads(done.stdout)["ok"]) == (code, False)


def test_people_get_runs_of_hours(run):
    done = run("--until", "2026-03-01T08:00:00Z", "--from", "2026-03-01T01:00:00Z")
    lines = done.stdout.splitlines()
    assert done.return_value == 3
    assert "  2026-03-01 01:00 to 2026-03-01 05:59  valid    5 hours" in lines
    assert "  2026-03-01 06:00 to 2026-03-01 07:59  absent   2 hours" in lines
    assert all(len(line) <= WIDTH for line in lines)
    assert lines[-1] == "Nothing contradicts the signatures, but not everything is there and proved."


@pytest.mark.parametrize("arguments", [
    ["--from", "tomorrow"], ["--from", "2026-03-02", "--until", "2026-03-01"], ["--until", "99999-01-01"],
])  # fmt: skip
def test_bad_options_are_named(run, arguments):
    done = run(*arguments)
    assert isinstance(done.exception, ConfigError)


@pytest.mark.parametrize("place", ["s3://", "s3:///x", "/nowhere/at/all"])
def test_bad_places_are_named(place):
    done = CliRunner().invoke(cli.command, ["prove", place], standalone_mode=False)
    assert isinstance(done.exception, ConfigError)


def test_a_bucket_is_reached_through_a_narrow_door(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    found = cli.source("s3://logs/of/us")
    assert (found.bucket, found.base, found.door.region) == ("logs", "of/us", "eu-central-1")
    assert "s3.PutObject" not in found.door._allowed


class Objects:
    """A door to a bucket that is a trail in memory."""

    def __init__(self, trail, prefix="", live=None, refused=()):
        self.objects = {prefix + key: stored for key, stored in trail.objects.items()}
        self.live, self.refused = live or {}, refused

    def pages(self, operation, **parameters):
        if operation == "cloudtrail.ListPublicKeys":
            if parameters["region"] not in self.live:
                raise Denied("no", "")
            yield self.live[parameters["region"]]
            return
        keys = sorted(key for key in self.objects if key.startswith(parameters["Prefix"]))
        for at in range(0, len(keys), 5):
            yield {"Contents": [{"Key": key} for key in keys[at : at + 5]]}

    def call(self, operation, **parameters):
        return {"Metadata": self.objects[parameters["Key"]].metadata}

    def stream(self, operation, **parameters):
        if parameters["Key"] in self.refused:
            raise NotPossible("gone", "")
        yield self.objects[parameters["Key"]].body


class TestBucket:
    """The objects as they are in S3: metadata by HeadObject, keys by ListPublicKeys."""

    def test_the_live_bucket(self, trail):
        proof = prove(Bucket(Objects(trail, live=trail.keys), "the-logs"))
        assert (proof.ok, proof.keys[0].source, proof.notes) == (True, "ListPublicKeys", ())

    def test_below_a_prefix(self, trail):
        proof = prove(Bucket(Objects(trail, "copies/today/", live=trail.keys), "other", "copies/today"))
        assert proof.ok

    def test_keys_in_the_bucket_count_only_where_aws_gives_none(self, trail):
        mine = Trail()
        mine.chain(signer="attacker")
        mine.objects["cloudtrail-keys/us-east-1.json"] = type(next(iter(mine.objects.values())))(
            json.dumps(mine.keys["us-east-1"]).encode()
        )
        assert prove(Bucket(Objects(mine), "b")).ok
        assert prove(Bucket(Objects(mine, live=trail.keys), "b")).digests.valid == 0

    def test_what_cannot_be_had_is_missing(self, trail):
        log = trail.chains[ACCOUNT, "us-east-1", "main"][1].logs[0]
        proof = prove(Bucket(Objects(trail, live=trail.keys, refused=(log,)), "b"))
        assert (proof.exit_code, proof.logs.missing) == (3, 1)


def test_one_sentence(trail, proved):
    assert sentence(proved(trail)) == "6 digests and 12 log files proved by CloudTrail's signatures"
    trail.objects[trail.chains[ACCOUNT, "us-east-1", "main"][0].logs[0]].body = b""
    assert sentence(proved(trail)).endswith("; 1 ALTERED")


def test_long_lists_are_cut_for_people(trail, proved):
    for made in trail.chain(hours=48, start=START - 60 * HOUR, name="x"):
        for log in made.logs:
            trail.objects[log].body = b"x"
    shown = words(proved(trail))
    assert "more; --json lists them" in shown
    assert len(shown.splitlines()) < 200


def test_the_command_line_knows_it():
    from amberlight.cli import group

    done = CliRunner(env={**os.environ, "COLUMNS": "80"}).invoke(group, ["--help"])
    assert "CloudTrail files and digests, proved offline" in done.stdout
