"""One contract over all rules: each says what it is, matches its examples, and stays silent on what looks alike."""

import importlib
import inspect
import re
import sys
from pathlib import Path

import pytest

from amberlight.aware import catalogue
from amberlight.aware.judge import Judge

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from aware.sampling import made

RULES = catalogue.load()
FOLDER = Path(inspect.getfile(catalogue)).parent / "rules"
TELLTALES = ("stratus", "pacu", "grimoire", "mordor", "nimbus", "cloudfox", "scoutsuite", "prowler", "kali")
ACCOUNTS_OF_OURS = ("111122223333", "999988887777")


def hits(rule, sample):
    judge = Judge()
    judge.observe(made(sample))
    return [hit for hit in judge.all_hits() if hit.rule is rule]


def full(rule, sample):
    return [hit for hit in hits(rule, sample) if hit.points > rule.below]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_rule_says_what_it_is(rule):
    module = importlib.import_module(f"amberlight.aware.rules.{rule.id}")
    lines = module.__doc__.strip().splitlines()
    assert module.RULE is rule
    assert lines[0].endswith((".", ":")) or ":" in lines[0]
    assert len(module.__doc__) > 80
    assert rule.false_triggers
    assert rule.references
    assert all(reference.startswith("https://") for reference in rule.references)
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", technique) for technique in rule.techniques)
    assert rule.techniques
    assert 0 < rule.points <= 100
    assert (rule.on_event is None) != (rule.on_activity is None)
    assert bool(rule.events) == (rule.on_event is not None)
    assert all(re.fullmatch(r"[a-z0-9-]+:[A-Z]\w+", name) for name in rule.events)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_rule_matches_its_examples(rule):
    assert rule.examples
    for sample in rule.examples:
        found = full(rule, sample)
        assert found, f"no match: {sample}"
        assert all(hit.reason and hit.event_ids for hit in found)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_rule_is_silent_on_near_misses(rule):
    assert rule.near_misses
    for sample in rule.near_misses:
        assert not full(rule, sample), f"matches: {sample}"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_no_rule_knows_a_tool_or_a_data_set(path):
    text = path.read_text(encoding="utf-8").lower()
    assert not [word for word in TELLTALES if word in text]
    assert "agent" not in re.sub(r"agent (on|calls)|\.agent\b|its agent", "", text)
    assert set(re.findall(r"\b\d{12}\b", text)) <= set(ACCOUNTS_OF_OURS)


def test_examples_survive_hostile_names():
    """Odd types where texts are expected never stop the judge."""
    for rule in RULES.values():
        for name in rule.events:
            for junk in ({"name": ["x"]}, {"userName": 7, "policyDocument": "{", "instancesSet": "x"}, {"items": None}):
                judge = Judge()
                service, _, operation = name.partition(":")
                sample = {"eventSource": f"{service}.amazonaws.com", "eventName": operation}
                judge.observe(made({**sample, "requestParameters": junk, "responseElements": {"accessKey": "x"}}))
                judge.suspicions()


def test_the_guides_example_is_a_rule_of_ours():
    """What the guide tells people to write is what we run."""
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "writing-rules.md").read_text(encoding="utf-8")
    code = guide.partition("```python\n")[2].partition("```")[0]
    assert code == (FOLDER / "password_policy_weakened.py").read_text(encoding="utf-8")
