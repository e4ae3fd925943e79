"""`amberlight plan`: exit codes, the table at 80 columns, days of drills out of the folders that they left."""

import json
from pathlib import Path

import pytest

from amberlight import cli
from amberlight.cli import _drafting, _plan
from amberlight.model.errors import ConfigError
from amberlight.plan import dump, load

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "response-plan.yaml"
DAY = "2026-11-24"


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        cli.main([str(each) for each in arguments])
    told = capsys.readouterr()
    return end.value.code, told.out, told.err


def test_the_guides_plan_is_complete(capsys):
    code, out, err = run(capsys, "plan", "check", GUIDE, "--on", DAY)
    assert code == 0
    assert "0 open points" in err
    assert "clear, 7 checks" in out
    assert "needs --live" in out


def test_a_year_later_it_is_not(capsys):
    code, out, err = run(capsys, "plan", "check", GUIDE, "--on", "2027-11-24")
    assert code == 3
    assert "19 open points" in err
    assert "contacts[0].reviewed" in out
    assert max(len(line) for line in out.splitlines()) <= 80


def test_json_names_requirement_risk_and_what_to_do(capsys):
    code, out, _ = run(capsys, "plan", "check", GUIDE, "--on", "2027-11-24", "--json")
    assert code == 3
    document = json.loads(out)
    point = next(each for each in document["open"] if each["check"] == "practised.due")
    assert point["reference"] == "SEC10-BP07"
    assert point["also"] == ["ID.IM-02", "IRG-07"]
    assert point["risk"]
    assert point["todo"]
    assert {each["id"]: each["open"] for each in document["requirements"]}["SEC10-BP07"] == 2


def test_a_hostile_name_does_not_move_the_cursor(tmp_path, capsys):
    text = GUIDE.read_text().replace("name: Sam Fell", 'name: "\\e[2J[red]Sam\\u202e"').replace(
        'reach: "+00 555 0103"', 'reach: ""'
    )  # fmt: skip
    (tmp_path / "p.yaml").write_text(text)
    code, out, _ = run(capsys, "plan", "check", tmp_path / "p.yaml", "--on", DAY)
    assert code == 3
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[red]Sam" in out.replace("│", "").replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("text", ["a: [", "schema: amberlight.response-plan/2\n", "", "\x00"])
def test_what_cannot_be_read_ends_with_2(tmp_path, capsys, text):
    (tmp_path / "p.yaml").write_text(text)
    code, out, err = run(capsys, "plan", "check", tmp_path / "p.yaml")
    assert (code, out) == (2, "")
    assert "p.yaml" in err


def test_a_drills_folder_says_when_it_last_ran(tmp_path, capsys):
    left(tmp_path / "one", "leaked_key", "2026-11-20T01:02:03Z")
    left(tmp_path / "two", "leaked_key", "2026-11-21T01:02:03Z")
    code, _, err = run(capsys, "plan", "check", GUIDE, "--on", "2027-02-15")
    assert code == 3
    assert "2 open points" in err
    folders = ("--results", tmp_path / "two", "--results", tmp_path / "one")
    _, out, err = run(capsys, "plan", "check", GUIDE, "--on", "2027-02-15", *folders)
    assert "1 open points" in err
    assert "table exercise" in out
    assert {drill: str(day) for drill, day in _plan.ran((tmp_path / "two", tmp_path / "one")).items()} == {
        "leaked_key": "2026-11-21"
    }


def test_a_folder_without_a_finished_rehearsal_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="no finished rehearsal"):
        _plan.ran((tmp_path,))
    (tmp_path / "scorecard.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"scorecard\.json"):
        _plan.ran((tmp_path,))


def left(folder, drill, started):
    """What a rehearsal leaves, as far as it says which drill ran when."""
    folder.mkdir()
    card = {
        "schema": "amberlight.scorecard/1", "kind": "drill", "drill": drill, "seed": 7, "case": "c",
        "clocks": dict.fromkeys(("detect_s", "decide_s", "preserve_first_s", "preserve_last_s", "handoff_s", "total_s"), 1.0),
        "triage": {"signals": 1, "suspicions": 1, "proposed": 1, "true": 1, "false": 0},
        "evidence": {"expected": 0, "present": 0, "gaps": []}, "vault": {"attempts": []},
        "package": {"path": "p", "verified": True}, "key_fingerprint": "f",
        "quietness": {"calls_in_subject_trail": 0, "mutating_calls": [], "telltale_names": [], "highest_seen": 0},
        "capture_gaps": [], "lab_limits": [], "gaps": [],
    }  # fmt: skip
    truth = {
        "drill": drill, "seed": 7, "started": started, "first_attack": started, "last_attack": started,
        "principals": [], "addresses": [], "attack_requests": [], "benign_principals": [], "expected": [],
    }  # fmt: skip
    (folder / "scorecard.json").write_text(json.dumps(card))
    (folder / "ground-truth.json").write_text(json.dumps(truth))


def test_a_plan_that_is_written_again_is_as_complete(tmp_path, capsys):
    (tmp_path / "p.yaml").write_text(dump(load(GUIDE)))
    assert run(capsys, "plan", "check", tmp_path / "p.yaml", "--on", DAY)[0] == 0


def test_the_document_goes_to_stdout_or_to_a_file(tmp_path, capsys):
    code, page, _ = run(capsys, "plan", "render", GUIDE, "--on", DAY)
    assert code == 0
    assert page.startswith("<!doctype html>")
    code, out, err = run(capsys, "plan", "render", GUIDE, "--on", DAY, "--out", tmp_path / "p.html")
    assert (code, out) == (0, "")
    assert "0 open points" in err
    assert (tmp_path / "p.html").read_text() == page
    _, text, _ = run(capsys, "plan", "render", GUIDE, "--on", DAY, "--format", "markdown")
    assert text.startswith("# Incident response plan: Lantern Works")


def test_a_document_of_no_plan_ends_with_2(tmp_path, capsys):
    assert run(capsys, "plan", "render", tmp_path / "none.yaml")[0] == 2


def test_a_plan_out_of_answers(tmp_path, capsys):
    (tmp_path / "a.yaml").write_text("organisation: O\nduties: [{name: d, within_hours: 72}]\n")
    path = tmp_path / "p.yaml"
    code, out, err = run(capsys, "plan", "init", path, "--answers", tmp_path / "a.yaml")
    assert (code, out) == (0, "")
    assert "plan check" in err
    assert load(path).duties[0].within_hours == 72
    assert run(capsys, "plan", "check", path)[0] == 3
    before = path.read_bytes()
    code, _, err = run(capsys, "plan", "init", path, "--answers", tmp_path / "a.yaml")
    assert code == 2
    assert "is there already" in err
    assert path.read_bytes() == before
    assert run(capsys, "plan", "init", "-", "--answers", tmp_path / "a.yaml")[1] == before.decode()


@pytest.mark.parametrize("text", ["- a\n", "", "organization: O\n", "a: [", "a: &x [*x]\n", "1: 2\n"])
def test_answers_that_are_no_part_of_a_plan_end_with_2(tmp_path, capsys, text):
    (tmp_path / "a.yaml").write_text(text)
    code, _, err = run(capsys, "plan", "init", tmp_path / "p.yaml", "--answers", tmp_path / "a.yaml")
    assert code == 2
    assert err
    assert not (tmp_path / "p.yaml").exists()


def test_without_a_terminal_nothing_is_asked(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_drafting, "on_terminal", lambda: False)
    code, _, err = run(capsys, "plan", "init", tmp_path / "p.yaml")
    assert code == 2
    assert "--answers" in err


def test_on_a_terminal_questions_make_the_plan(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_drafting, "on_terminal", lambda: True)
    monkeypatch.setattr(
        _drafting, "ask", lambda question, default: "Lantern" if question == "Organisation" else default
    )
    assert run(capsys, "plan", "init", tmp_path / "p.yaml")[0] == 0
    assert load(tmp_path / "p.yaml").organisation == "Lantern"
