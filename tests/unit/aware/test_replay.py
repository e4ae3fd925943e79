"""What a change of rules would have paged, on one pass over a history."""

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from amberlight.aware import ruleset, scanning
from amberlight.aware.replay import replay
from amberlight.cli.scan import command
from amberlight.model.response_plan import AwarePlan
from aware.sampling import record, user

ROOT = Path(__file__).parents[3]
RULE = """title: {title}
id: {id}
logsource: {{product: aws, service: cloudtrail}}
level: {level}
amberlight: {{may_page_alone: {pages}, points: {points}}}
detection:
  selection: {{eventName: {name}}}
  condition: selection
"""


def write(folder, id_, name, *, title="T", level="high", pages="true", points=75):
    folder.mkdir(exist_ok=True)
    text = RULE.format(id=id_, name=name, title=title, level=level, pages=pages, points=points)
    (folder / f"{id_}.yml").write_text(text)


def act(service, name, who, number, request=None):
    return record(
        {
            "eventSource": f"{service}.amazonaws.com",
            "eventName": name,
            "requestParameters": request,
            "userIdentity": user(who),
            "sourceIPAddress": f"203.0.113.{number}",
        },
        number,
    )


@pytest.fixture
def history(tmp_path):
    """Four people, one act each; the last is one that our own rules page."""
    place = tmp_path / "logs"
    place.mkdir()
    rows = [
        act("one", "One", "ann", 1),
        act("two", "Two", "bob", 2),
        act("three", "Three", "eve", 3),
        act("cloudtrail", "StopLogging", "mallory", 4, {"name": "main"}),
    ]
    for number, row in enumerate(rows):
        (place / f"{number}.json").write_text(json.dumps({"Records": [row]}))
    return place


@pytest.fixture
def sides(tmp_path):
    """One rule goes, one comes, one gets graver; one is the same."""
    old, new = tmp_path / "old", tmp_path / "new"
    write(old, "gone", "One")
    write(new, "come", "Two", title="A new rule")
    write(old, "graver", "Three")
    write(new, "graver", "Three", level="critical", points=96)
    return str(old), str(new)


def people(changes):
    return [next(iter((one.after or one.before).principals)).rpartition("/")[2] for one in changes]


@pytest.mark.parametrize("workers", [1, 2])
def test_gained_lost_and_changed(history, sides, workers, monkeypatch):
    monkeypatch.setattr(scanning, "WORTH_BYTES", 0)
    found = replay([history], AwarePlan(), sides, workers=workers)
    difference = found.comparison
    assert people(difference.gained) == ["bob"]
    assert people(difference.lost) == ["ann"]
    assert people(difference.changed) == ["eve"]
    assert [(one.before.severity, one.after.severity) for one in difference.changed] == [("high", "critical")]
    assert difference.same == 1
    assert (found.old.pages, found.new.pages, found.reading.count) == (3, 3, 4)


def test_each_side_is_what_a_scan_by_it_alone_says(history, sides):
    found = replay([history], AwarePlan(), sides)
    for side, name in ((found.old, sides[0]), (found.new, sides[1])):
        judge, _ = scanning.scan([history], AwarePlan(), 1, ruleset.gathered([Path(name)]))
        assert sum(one.page for one in judge.suspicions()) == side.pages


def test_against_ours_alone(history, sides):
    found = replay([history], AwarePlan(), ("builtin", sides[1]))
    assert sorted(people(found.comparison.gained)) == ["bob", "eve"]
    assert found.comparison.lost == ()
    back = replay([history], AwarePlan(), (sides[1], "builtin"))
    assert sorted(people(back.comparison.lost)) == ["bob", "eve"]
    same = replay([history], AwarePlan(), ("builtin", "builtin"))
    assert (same.comparison.gained, same.comparison.lost, same.comparison.same) == ((), (), 1)


def test_promoting_a_staged_rule_is_a_gain(history, tmp_path):
    old, new = tmp_path / "a", tmp_path / "b"
    write(old, "r", "One")
    write(new, "r", "One")
    text = (old / "r.yml").read_text().replace("points: 75", "points: 75, stage: staged")
    (old / "r.yml").write_text(text)
    assert people(replay([history], AwarePlan(), (str(old), str(new))).comparison.gained) == ["ann"]
    # What the plan stages is silent on both sides, where it exists.
    staged = replay([history], AwarePlan(staged=("sigma.r", "logging_stopped")), ("builtin", str(new))).comparison
    assert (staged.gained, staged.same) == ((), 0)


def test_the_command_prints_both_forms(history, sides):
    arguments = [str(history), "--replay-rules", *sides]
    report = json.loads(CliRunner().invoke(command, [*arguments, "--json"], standalone_mode=False).stdout)
    schema = json.loads((ROOT / "docs" / "reference" / "schemas" / "replay-report.json").read_text())
    jsonschema.validate(report, schema)
    assert [len(report[name]) for name in ("gained", "lost", "changed")] == [1, 1, 1]
    assert report["gained"][0]["before"] is None
    assert report["gained"][0]["after"]["reasons"][0]["text"] == "A new rule: Two"
    shown = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert {"GAINED", "LOST", "CHANGED"} <= set(shown.stdout.replace("│", " ").split())
    assert "1 gained, 1 lost, 1 of another severity, 1 the same" in shown.stderr
    assert shown.return_value == 0


def test_both_options_at_once_are_a_usage_error(history, sides):
    result = CliRunner().invoke(command, [str(history), "--replay-rules", *sides, "--rules", sides[0]])
    assert result.exit_code == 2
    missing = CliRunner().invoke(command, [str(history), "--replay-rules", "builtin", "none"], standalone_mode=False)
    assert "no folder" in str(missing.exception)


def test_hostile_titles_are_neutralised(history, tmp_path):
    write(tmp_path / "evil", "evil", "One", title='"[red]x\\e[2J"')
    shown = CliRunner().invoke(
        command, [str(history), "--replay-rules", "builtin", str(tmp_path / "evil")], standalone_mode=False
    )
    assert "GAINED" in shown.stdout
    assert "\x1b" not in shown.stdout + shown.stderr
    assert "[red]x" in shown.stdout
