"""A staged rule counts, gives no points, and says what it would have done; one word promotes it."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from amberlight.aware import catalogue, ruleset
from amberlight.aware.judge import Judge
from amberlight.aware.sigma.compiling import compiled
from amberlight.cli.scan import command
from amberlight.model.errors import ConfigError
from amberlight.model.response_plan import AwarePlan
from aware.sampling import call, record, user

STOP = call("cloudtrail:StopLogging", user("alice"), 0, {"name": "main"}, sourceIPAddress="198.51.100.1")
ODD = call("odd:Odd", user("bob"), 0, sourceIPAddress="203.0.113.1")
SIGMA = """title: Odd
id: odd
logsource: {{product: aws, service: cloudtrail}}
level: high
amberlight: {{may_page_alone: true, stage: {stage}}}
detection:
  selection: {{eventName: Odd}}
  condition: selection
"""


def sigma(stage, **own):
    document = {
        "title": "Odd", "id": "odd", "logsource": {"product": "aws", "service": "cloudtrail"}, "level": "high",
        "amberlight": {"stage": stage, **own}, "detection": {"s": {"eventName": "Odd"}, "condition": "s"},
    }  # fmt: skip
    return compiled("odd", json.dumps(document).encode())


def test_the_plan_stages_a_rule_of_ours():
    live, staged = Judge(), Judge(AwarePlan(staged=("logging_stopped",)))
    assert [signal.source for signal in live.observe([STOP])] == ["rules.logging_stopped"]
    assert staged.observe([STOP]) == []
    assert [one.page for one in live.suspicions()] == [True]
    assert staged.suspicions() == ()
    assert staged.signals() == ()
    (record_,) = staged.staged()
    assert (record_.rule, record_.matches, record_.would_page, record_.event_ids) == (
        "logging_stopped", 1, 1, (STOP.id,),
    )  # fmt: skip
    assert record_.first == record_.last == STOP.when


@pytest.mark.parametrize("own, pages", [({"may_page_alone": True}, 1), ({}, 0)])
def test_a_sigma_rule_stages_itself(own, pages):
    judges = []
    for stage in ("staged", "live"):
        rules = ruleset.RuleSet((sigma(stage, **own),), frozenset({"sigma.odd"} if stage == "staged" else ()))
        judges.append(Judge(rules=rules))
        judges[-1].observe([ODD])
    staged, live = judges
    assert staged.suspicions() == ()
    assert (staged.staged()[0].matches, staged.staged()[0].would_page) == (1, pages)
    assert sum(one.page for one in live.suspicions()) == pages
    assert len(live.suspicions()) == 1
    assert live.staged() == ()


def test_a_rule_of_ours_stages_itself(monkeypatch):
    rules = dict(catalogue.load())
    rules["logging_stopped"] = replace(rules["logging_stopped"], stage="staged")
    monkeypatch.setattr(catalogue, "load", lambda: rules)
    assert ruleset.builtin().staged == {"logging_stopped"}


def test_what_pages_anyway_is_not_counted_as_a_page_of_the_staged_rule():
    own = ruleset.builtin()
    extra = replace(sigma("live"), id="extra", on_event=catalogue.load()["logging_stopped"].on_event,
                    events=("cloudtrail:StopLogging",), could=None, gate=None, supports=False)  # fmt: skip
    judge = Judge(rules=ruleset.RuleSet((*own.rules, extra), frozenset({"extra"})))
    judge.observe([STOP])
    (found,) = judge.staged()
    assert (found.matches, found.would_page) == (1, 0)
    assert "extra" not in {reason.rule for one in judge.suspicions() for reason in one.reasons}


def test_each_staged_rule_is_judged_without_the_others():
    judge = Judge(AwarePlan(staged=("logging_stopped", "console_login_without_mfa", "admin_granted")))
    judge.observe([STOP])
    assert {one.rule: (one.matches, one.would_page) for one in judge.staged()} == {
        "admin_granted": (0, 0), "console_login_without_mfa": (0, 0), "logging_stopped": (1, 1),
    }  # fmt: skip


def test_a_plan_that_stages_nothing_known_is_an_error():
    with pytest.raises(ConfigError, match="logging_stoped") as problem:
        Judge(AwarePlan(staged=("logging_stoped",)))
    assert "`logging_stopped`" in problem.value.fix


def test_one_word_promotes_a_rule_in_a_folder(tmp_path):
    (tmp_path / "logs").mkdir()
    sample = record({"eventSource": "odd.amazonaws.com", "eventName": "Odd"})
    (tmp_path / "logs" / "a.json").write_text(json.dumps({"Records": [sample]}))
    (tmp_path / "rules").mkdir()
    arguments = [str(tmp_path / "logs"), "--rules", str(tmp_path / "rules")]
    seen = {}
    for stage in ("staged", "live"):
        (tmp_path / "rules" / "odd.yml").write_text(SIGMA.format(stage=stage))
        report = json.loads(CliRunner().invoke(command, [*arguments, "--json"], standalone_mode=False).stdout)
        seen[stage] = ([one["page"] for one in report["incidents"]], [one["would_page"] for one in report["staged"]])
        shown = CliRunner().invoke(command, arguments, standalone_mode=False)
        assert ("staged sigma.odd: 1 matches, would have paged 1 times" in shown.stderr) is (stage == "staged")
    assert seen == {"staged": ([], [1]), "live": ([True], [])}
