"""The inbox on the command line: told, shown, decided, opened and closed; and nothing of it moves a terminal."""

import io
import json
import sys
from pathlib import Path

import jsonschema
import pytest

from amberlight.casebook import Casebook
from amberlight.cli import main

SAMPLES = Path(__file__).parents[1] / "aware" / "intakes"
PLAN = """
schema: amberlight.response-plan/1
organisation: Example
incident_is: x
severities: {high: x}
contacts: []
accounts:
  - {id: "111122223333", name: web, use: subject}
vault: {bucket: b, region: us-east-1, signing_key: k}
"""
EVIL = "\x1b[2J\u202e[red]gone[/red]\nsus-000000000000 | dismissed"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*arguments, code=0):
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        out = capsys.readouterr()
        assert ended.value.code == code, out.err
        return out

    return call


def told(run, *more, what="A key was found", code=0):
    out = run("signals", "add", "--who", "cert", "--what", what, "--json", *more, code=code)
    return json.loads(out.out)


def listed(run, *more):
    return [json.loads(line) for line in run("signals", "list", "--json", *more).out.splitlines()]


def test_a_report_is_told_promoted_opened_and_closed(run, tmp_path):
    (tmp_path / "amberlight.yaml").write_text(PLAN, encoding="utf-8")
    signal = told(run, "--key", "AKIAIOSFODNN7EXAMPLE", "--account", "111122223333")
    assert "not looked up" in signal["reason"]
    (one,) = listed(run)
    name = one["suspicion"]["id"]
    assert one["state"] == "new"
    assert one["suspicion"]["page"]
    run("signals", "ack", name, "--by", "bob")
    assert listed(run)[0]["acknowledged_by"] == "bob"
    run("case", "open", name, code=5)
    run("signals", "promote", name, "--by", "bob", "--why", "it is ours", "--authority", "duty officer")
    assert listed(run) == []
    case = run("case", "open", name).out.strip()
    (opened,) = [json.loads(line) for line in run("case", "list", "--json").out.splitlines()]
    assert opened["decision"]["authority"] == "duty officer"
    assert {target["type"] for target in opened["targets"]} == {"account", "key"}
    run("case", "close", case, code=2)
    run("case", "close", case, "--by", "bob", "--why", "key rotated")
    assert run("case", "list").out == ""
    shown = run("case", "show", case)
    assert "key rotated" in shown.out
    assert "it is ours" in shown.out
    assert case in run("case", "list", "--all").out
    run("case", "close", case, "--why", "again", code=1)


def test_a_dismissal_needs_a_reason_and_stands(run):
    told(run)
    name = listed(run)[0]["suspicion"]["id"]
    run("signals", "dismiss", name, code=2)
    run("signals", "dismiss", name, "--why", "a test", "--until", "2020-01-01", code=2)
    run("signals", "dismiss", name, "--why", "a test", "--until", "2999-01-01")
    assert "made stands" in run("signals", "promote", name, "--why", "no", code=1).err
    assert listed(run) == []
    assert listed(run, "--all")[0]["state"] == "dismissed"


def test_merged_reports_become_one_case(run, tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    told(run, "--address", "198.51.100.7")
    told(run, "--key", "AKIAIOSFODNN7EXAMPLE", what="Another")
    first, second = (one["suspicion"]["id"] for one in listed(run))
    run("signals", "merge", second, first, "--why", "the same thief")
    run("signals", "promote", first, "--why", "ours")
    run("case", "open", first, "--plan", "plan.yaml")
    case = json.loads(run("case", "list", "--json").out)
    assert case["suspicion"]["addresses"] == ["198.51.100.7"]
    assert len(case["suspicion"]["signals"]) == 2
    assert any(target["type"] == "key" for target in case["targets"])


def test_a_folder_is_taken_in_and_what_cannot_be_read_is_kept_and_named(run, tmp_path):
    drop = tmp_path / "drop"
    drop.mkdir()
    for name in ("guardduty/good-key", "security_hub/good-batch", "health/bad-description"):
        (drop / f"{name.replace('/', '-')}.json").write_bytes((SAMPLES / f"{name}.json").read_bytes())
    (drop / "note.eml").write_bytes(b"From: a@b.example\r\nSubject: pay\r\n\r\nor else")
    (drop / "noise.bin").write_bytes(b"\xff\x00\xfe")
    out = run("signals", "add", drop, "--who", "alice", "--json", code=3)
    signals = [json.loads(line) for line in out.out.splitlines()]
    sources = sorted(one["source"] for one in signals)
    assert sources == ["intake.guardduty", "intake.mail", *["intake.security_hub"] * 3, *["intake.unreadable"] * 2]
    assert "noise.bin" in out.err
    assert "health-bad-description.json" in out.err
    assert "alice" in next(one["reason"] for one in signals if one["source"] == "intake.mail")
    assert len(list(drop.iterdir())) == 5
    again = run("signals", "add", drop, "--who", "alice", "--json", code=3)
    assert "7 of 7 were known already" in again.err
    book = Casebook(f"sqlite:///{tmp_path / 'casebook.sqlite'}")
    assert len(book.signals()) == 7
    book.close()


def test_standard_input_and_a_named_intake(run, monkeypatch, tmp_path):
    data = (SAMPLES / "config_rule" / "good.json").read_bytes()
    said = []
    for more, code in (((), 0), (("--as", "macie"), 3), (("--as", "nobody"), 2)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        said.append(run("signals", "add", "-", "--json", *more, code=code))
    assert [json.loads(one.out)["source"] for one in said[:2]] == ["intake.config_rule", "intake.unreadable"]
    assert "There is no intake nobody" in said[2].err


def test_what_an_attacker_wrote_does_not_reach_the_terminal(run):
    told(run, "--principal", EVIL, "--address", EVIL, what=EVIL)
    name = json.loads(run("signals", "list", "--json").out)["suspicion"]["id"]
    run("signals", "ack", name, "--by", EVIL)
    for command in (("signals", "list"), ("signals", "show", name), ("signals", "stats")):
        out = run(*command).out
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert all(len(line) <= 80 for line in out.splitlines())
        if command[1] != "stats":
            assert "[red]gone" in out.replace("\n", "").replace("│", "").replace(" ", "")
        json_out = run(*command, "--json").out
        assert json_out.isascii()
        assert "\x1b" not in json_out


def test_reading_makes_no_casebook(run, tmp_path):
    assert "no casebook" in run("signals", "list", code=2).err
    assert not list(tmp_path.iterdir())
    run("signals", "add", code=2)


def test_the_clock_of_acknowledging_is_shown(run):
    told(run)
    severity = listed(run)[0]["suspicion"]["severity"]
    assert "OVERDUE" in run("signals", "list", "--acknowledge-within", f"{severity}=0").out
    assert "OVERDUE" not in run("signals", "list", "--acknowledge-within", f"{severity}=60").out
    run("signals", "list", "--acknowledge-within", "urgent=5", code=2)


def test_statistics_by_rule(run):
    told(run)
    run("signals", "dismiss", listed(run)[0]["suspicion"]["id"], "--why", "a test")
    figures = json.loads(run("signals", "stats", "--json").out)
    assert (figures["rule"], figures["fired"], figures["dismissed"]) == ("intake.person", 1, 1)
    assert figures["median_s"] >= 0
    assert "intake.person" in run("signals", "stats").out


def test_lines_are_what_the_published_schemas_say(run, tmp_path):
    def check(schema, line):
        place = Path(__file__).parents[3] / "docs" / "reference" / "schemas" / f"{schema}.json"
        jsonschema.validate(json.loads(line), json.loads(place.read_text(encoding="utf-8")))

    (tmp_path / "amberlight.yaml").write_text(PLAN, encoding="utf-8")
    check("signal", json.dumps(told(run)))
    name = listed(run)[0]["suspicion"]["id"]
    run("signals", "promote", name, "--why", "ours")
    case = run("case", "open", name).out.strip()
    run("case", "close", case, "--why", "done")
    for command, schemas in (
        (("signals", "list", "--all"), ["inbox-item"]),
        (("signals", "show", name), ["inbox-item", "inbox-act", "inbox-act", "signal"]),
        (("signals", "stats"), ["rule-noise"]),
        (("case", "list", "--all"), ["case"]),
        (("case", "show", case), ["case", *["inbox-act"] * 3]),
    ):
        lines = run(*command, "--json").out.splitlines()
        assert len(lines) == len(schemas)
        for schema, line in zip(schemas, lines, strict=True):
            check(schema, line)
