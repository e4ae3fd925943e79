"""`amberlight scan`: the contract of its output, its exit codes, and what it does with hostile text."""

import json
import subprocess
import sys

import msgspec
import pytest
from click.testing import CliRunner

from amberlight.cli.scan import command
from amberlight.model.scan import ScanReport
from aware.sampling import record

STOP = {"eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging", "requestParameters": {"name": "main"}}
HOSTILE = "\x1b[2J\x1b]0;owned\x07[bold red]x[/] \u202egnp.exe\r\nFAKE"


def scan(*arguments):
    return CliRunner().invoke(command, [str(one) for one in arguments], standalone_mode=False)


@pytest.fixture
def history(tmp_path):
    path = tmp_path / "logs" / "a.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"Records": [record(STOP)]}))
    return path.parent


def test_json_follows_the_contract(history):
    result = scan(history, "--json")
    assert result.return_value == 0
    report = json.loads(result.stdout)
    assert {"schema", "events", "files", "unreadable", "incidents"} <= set(report)
    assert (report["events"], report["files"], report["unreadable"]) == (1, 1, [])
    [incident] = report["incidents"]
    assert {"id", "page", "severity", "score", "principals", "addresses", "first", "last", "techniques", "reasons",
            "event_ids"} <= set(incident)  # fmt: skip
    assert incident["page"] is True
    assert incident["event_ids"] == ["id-000000"]
    assert incident["first"] == "2026-11-20T09:00:00Z"
    assert msgspec.convert(report, ScanReport).schema == "amberlight.scan-report/1"


def test_what_cannot_be_read_is_named_and_the_rest_is_judged(history):
    (history / "b.json.gz").write_bytes(b"\x1f\x8bnonsense")
    result = scan(history, history / "none", "--json")
    assert result.return_value == 3
    report = json.loads(result.stdout)
    assert [one["path"].rpartition("/")[2] for one in report["unreadable"]] == ["b.json.gz", "none"]
    assert all(one["problem"] for one in report["unreadable"])
    assert len(report["incidents"]) == 1


@pytest.mark.parametrize("flag", [(), ("--json",)])
def test_hostile_text_is_neutralised(tmp_path, flag):
    sample = {**STOP, "requestParameters": {"name": HOSTILE}, "userAgent": HOSTILE, "sourceIPAddress": HOSTILE}
    sample["userIdentity"] = {
        "type": "IAMUser",
        "arn": f"arn:aws:iam::111122223333:user/{HOSTILE}",
        "accountId": HOSTILE,
    }
    path = tmp_path / f"[red]{'x' * 5}\x1b[31m.json"
    path.write_text(json.dumps(record(sample)) + "\nbroken\n")
    result = scan(path, *flag)
    assert result.return_value == 3
    output = result.stdout + result.stderr
    assert not [c for c in output if not c.isprintable() and c != "\n"]
    assert "u001b" in output


def test_a_plan_sets_threshold_and_jewels(history, tmp_path):
    plan = tmp_path / "amberlight.yaml"
    plan.write_text(
        "schema: amberlight.response-plan/1\norganisation: o\nincident_is: i\nseverities: {high: x}\ncontacts: []\n"
        "accounts: []\nvault: {bucket: b, region: r, signing_key: k}\naware: {page_at: 99}\n"
    )
    result = scan(history, "--json", "--plan", plan)
    assert json.loads(result.stdout)["incidents"][0]["page"] is True  # stopping a trail pages alone
    assert scan(history, "--plan", tmp_path / "none.yaml").exception is not None


def test_nothing_suspected_is_said_on_stderr(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"Records": []}))
    result = scan(path)
    assert result.return_value == 0
    assert result.stdout == ""
    assert "0 events in 1 files" in result.stderr


def test_rich_and_the_rules_are_not_imported_for_help():
    code = (
        "import sys, amberlight.cli.scan; sys.exit(bool({'rich', 'amberlight.aware.judge', 'isal'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
