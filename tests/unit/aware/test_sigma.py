"""Sigma rules of a user's own: what they match, what they are worth, and what is said of those that do not run."""

import json
import pickle
import random
import re
import string
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from amberlight.aware import ruleset, scanning, sigma
from amberlight.aware.judge import Judge
from amberlight.aware.sigma.compiling import compiled
from amberlight.aware.sigma.logic import CannotRun
from amberlight.aware.sigma.patterns import MOST_CHARACTERS, expression
from amberlight.aware.wildcards import pieces, wildcard
from amberlight.cli.scan import command
from amberlight.model.errors import ConfigError
from amberlight.model.response_plan import AwarePlan
from aware.sampling import made, record

STOP = {"eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging", "requestParameters": {"name": "main"}}
SHARE = {
    "eventSource": "ec2.amazonaws.com",
    "eventName": "ModifyImageAttribute",
    "userAgent": "Boto3/1.26 (EXEC-env)",
    "readOnly": False,
    "requestParameters": {
        "imageId": "ami-7",
        "launchPermission": {"add": {"items": [{"userId": "999988887777"}, {"userId": "555566667777"}]}},
        "size": 20,
        "note": None,
        "tag.name": "dotted",
    },
    "responseElements": {"_return": True, "text": "aGVsbG8gd29ybGQ="},
    "errorCode": "Client.Odd",
}


def rule(detection, **more):
    document = {"title": "T", "logsource": {"product": "aws", "service": "cloudtrail"}, "detection": detection, **more}
    return compiled("t", json.dumps(document).encode())


def matches(detection, sample):
    (event,) = made(sample)
    return rule(detection).on_event(event) is not None


def one(fields):
    return {"selection": fields, "condition": "selection"}


@pytest.mark.parametrize(
    "fields",
    [
        {"eventName": "modifyimageattribute"},
        {"eventName": ["Other", "ModifyImageAttribute"]},
        {"eventName": ["Other", "Modify*Attribute"]},
        {"eventName": "Modify?mageAttribute"},
        {"eventName|startswith": "Modify", "eventName|endswith": "Attribute"},
        {"eventName|contains": ["xyz", "IMAGE"]},
        {"userAgent|contains|all": ["boto3", "exec-env"]},
        {"userAgent|contains": "exec*env"},
        {"eventName|cased": "ModifyImageAttribute"},
        {"eventName|re": "^Modify.*Attribute$"},
        {"eventName|re|i": "^MODIFY"},
        {"eventName|neq": "Other"},
        {"sourceIPAddress|cidr": "198.51.100.0/24"},
        {"sourceIPAddress|cidr": ["10.0.0.0/8", "198.51.100.0/24"]},
        {"requestParameters.imageId": "ami-7"},
        {"requestParameters.launchPermission.add.items.userId": "555566667777"},
        {"requestParameters.launchPermission.add.items.userId|contains|all": ["9999", "5555"]},
        {"requestParameters.launchPermission|contains": '"userId":"9999'},
        {"requestParameters|contains|all": ["ami-7", "launchPermission"]},
        {"requestParameters.size": 20},
        {"requestParameters.size|gte": 20, "requestParameters.size|lt": 20.5},
        {"requestParameters.tag.name": "dotted"},
        {"requestParameters.note": None},
        {"requestParameters.absent": None},
        {"requestParameters.imageId|exists": True},
        {"requestParameters.absent|exists": False},
        {"requestParameters.note|exists": False},
        {"responseElements._return": True},
        {"responseElements._return": "TRUE"},
        {"readOnly": False},
        {"responseElements.text|base64": "hello world"},
        {"responseElements.text|base64offset|contains": "world"},
        {"userIdentity.type": "IAMUser", "userIdentity.userName": "alice"},
        {"userIdentity.arn|endswith|fieldref": "userIdentity.userName"},
        {"userIdentity.sessionContext.sessionIssuer.type|exists": False},
        {"errorCode|startswith": "Client."},
        {"eventTime|startswith": "2026-11-20T09:00:00Z"},
        [{"eventName": "Other"}, {"eventName": "ModifyImageAttribute"}],
        ["nothing", "ami-7"],
        "boto3",
        {"|all": ["ami-7", "boto3"]},
    ],
    ids=str,
)
def test_matches(fields):
    assert matches(one(fields), SHARE)
    assert not matches({"selection": fields, "condition": "not selection"}, SHARE)


@pytest.mark.parametrize(
    "fields",
    [
        {"eventName": "Modify"},
        {"eventName": ["ModifyImage", "Attribute"]},
        {"eventName": r"Modify\*Attribute"},
        {"eventName": "Modify?Attribute"},
        {"eventName|cased": "modifyimageattribute"},
        {"eventName|contains|cased": "image"},
        {"eventName|re": "^modify"},
        {"eventName|neq": ["Other", "ModifyImageAttribute"]},
        {"userAgent|contains|all": ["boto3", "absent"]},
        {"sourceIPAddress|cidr": "198.51.101.0/24"},
        {"requestParameters.launchPermission.add.items.userId": "9999"},
        {"requestParameters.imageId.deeper": "ami-7"},
        {"requestParameters.size|gt": 20},
        {"requestParameters.imageId|gt": 1},
        {"requestParameters.imageId": None},
        {"requestParameters.imageId": ""},
        {"requestParameters.note|exists": True},
        {"responseElements.text|base64": "hello"},
        {"responseElements._return": 1},
        {"userIdentity.arn|fieldref": "userIdentity.userName"},
        ["nothing", "ami-8"],
        {"|all": ["ami-7", "absent"]},
    ],
    ids=str,
)
def test_does_not_match(fields):
    assert not matches(one(fields), SHARE)


TRUE, FALSE = {"eventName": "StopLogging"}, {"eventName": "Other"}


@pytest.mark.parametrize(
    "condition, expected",
    [
        ("a", True),
        ("not a", False),
        ("not not a", True),
        ("a and b", False),
        ("a or b", True),
        ("b and a or a", True),
        ("a or a and b", True),
        ("(a or a) and b", False),
        ("not b and a", True),
        ("not (b and a)", True),
        ("NOT b AND a", True),
        ("1 of b*", False),
        ("1 of *", True),
        ("any of them", True),
        ("all of them", False),
        ("all of a*", True),
        ("not 1 of b*", True),
        ("a and not 1 of b*", True),
        ("1 of _*", True),
        (["b", "a"], True),
        (["b", "b2"], False),
    ],
)
def test_conditions(condition, expected):
    detection = {"a": TRUE, "a2": TRUE, "b": FALSE, "b2": FALSE, "_hidden": TRUE, "condition": condition}
    assert matches(detection, STOP) is expected


def test_them_leaves_out_what_begins_with_an_underscore():
    assert not matches({"b": FALSE, "_a": TRUE, "condition": "1 of them"}, STOP)


@pytest.mark.parametrize(
    "detection, reason",
    [
        ({"a": TRUE}, "no condition"),
        ({"a": TRUE, "condition": "b"}, "'b'"),
        ({"a": TRUE, "condition": "a and"}, "ends"),
        ({"a": TRUE, "condition": "(a"}, "parenthesis"),
        ({"a": TRUE, "condition": "a)"}, "should end"),
        ({"a": TRUE, "condition": "2 of a*"}, "2 of"),
        ({"a": TRUE, "condition": "1 of c*"}, "'c*'"),
        ({"a": TRUE, "condition": "a | count() > 5"}, "counts"),
        ({"a": TRUE, "condition": "(" * 60 + "a" + ")" * 60}, "deeply"),
        ({"a": TRUE, "condition": "not " * 600 + "a"}, "too long"),
        ({"a": TRUE, "timeframe": "5m", "condition": "a"}, "timeframe"),
        (one({"status": "x"}), "`status`"),
        (one({"tlsDetails.tlsVersion": "x"}), "`tlsDetails.tlsVersion`"),
        (one({"userIdentity.onBehalfOf.userId": "x"}), "`userIdentity.onBehalfOf.userId`"),
        (one({"eventName|windash": "-x"}), "`windash`"),
        (one({"eventName|expand": "%x%"}), "`expand`"),
        (one({"eventName|contains|startswith": "x"}), "exclude"),
        (one({"eventName|contains": None}), "null"),
        (one({"eventName|cidr": "office"}), "network"),
        (one({"eventName|gt": "many"}), "number"),
        (one({"eventName|exists": "yes"}), "true or false"),
        (one({"eventName": {"a": "b"}}), "mapping"),
        (one({"eventName": []}), "empty"),
        (one({"eventName|re|fieldref": "userAgent"}), "fieldref"),
        (one({"eventName": "x"} | {"eventName|re": "("}), "is none"),
        (one({}), "empty"),
        (one(7), "neither"),
    ],
    ids=str,
)
def test_what_cannot_run_is_said(detection, reason):
    with pytest.raises(CannotRun, match=re.escape(reason)):
        rule(detection)


@pytest.mark.parametrize(
    "more, reason",
    [
        ({"logsource": {"product": "windows", "category": "process_creation"}}, "product windows"),
        ({"logsource": {}}, "no log"),
        ({"level": "urgent"}, "'urgent'"),
        ({"status": "deprecated"}, "deprecated"),
        ({"correlation": {}}, "correlation"),
        ({"amberlight": {"may_page": True}}, "may_page"),
        ({"amberlight": {"points": 700}}, "100"),
        ({"amberlight": {"stage": "later"}}, "later"),
        ({"title": 7}, "title"),
    ],
)
def test_what_is_no_rule_for_us_is_said(more, reason):
    with pytest.raises(CannotRun, match=reason):
        rule(one(TRUE), **more)


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|a)*b", "(a|ab)*c", "([a-z]+)*x", "a.*b.*c", r"(.*?,){11}P", "(x+x+)+y", r"(a)\1", r"(\w+\s?)+$",
     ".*a.*b.*c.*", "[a-z]+.*[0-9]+", "x" * 1001, "("],
)  # fmt: skip
def test_expressions_that_could_run_away_are_refused(pattern):
    with pytest.raises(CannotRun):
        expression(pattern, 0)


@pytest.mark.parametrize(
    "pattern, text",
    [
        (".*foo.*bar.*", "a foo b bar c"),
        ("^arn:aws:iam::[0-9]{12}:user/.+$", "arn:aws:iam::111122223333:user/x"),
        (r"(\d{1,3}\.){3}\d{1,3}", "at 10.0.0.1"),
        (".+:assumed-role/aws:.+", "x:assumed-role/aws:y"),
        ("[a-z]+-[0-9]+-[a-z]+", "ab-12-cd"),
        (r"(?:foo|bar){1,3}$", "foobar"),
        ("(?i)STOP.*", "stoplogging"),
        ("a(?=b)", "ab"),
    ],
)
def test_usual_expressions_run(pattern, text):
    assert expression(pattern, 0).search(text)


def test_only_the_beginning_of_a_long_text_is_searched():
    detection = one({"userAgent|re": "needle$"})
    assert matches(detection, {**STOP, "userAgent": " " * 100 + "needle"})
    assert not matches(detection, {**STOP, "userAgent": " " * MOST_CHARACTERS + "needle"})


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_wildcards_mean_what_they_mean(pattern, value):
    plain = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    assert wildcard(pieces(pattern))(value) is bool(re.fullmatch(plain, value, re.DOTALL))


@given(st.recursive(st.sampled_from("abcd"), lambda part: st.one_of(
    part.map("not ({})".format), st.tuples(part, part).map(lambda two: "({} and {})".format(*two)),
    st.tuples(part, part).map(lambda two: "({} or {})".format(*two))), max_leaves=8), st.lists(st.booleans(), min_size=4, max_size=4))  # fmt: skip
def test_conditions_are_what_python_makes_of_them(condition, truths):
    facts = dict(zip("abcd", truths, strict=True))
    # Half of the selections pin the name, so that what the index is told beforehand is tried as well.
    selections = {
        name: ({"eventName": "StopLogging" if true else "No"} if name in "ab" else {"userAgent": "*" if true else "no"})
        for name, true in facts.items()
    }
    expected = eval(condition, {}, dict(facts))  # noqa: S307 - letters and operators from above
    made_rule = rule({**selections, "condition": condition})
    (event,) = made(STOP)
    assert (made_rule.on_event(event) is not None) is expected
    assert made_rule.could(event.source, event.name) or not expected


def test_a_rule_is_asked_only_about_events_that_it_could_match():
    pinned = rule({"a": {"eventSource": "iam.amazonaws.com", "eventName|startswith": "Create"}, "f": {"userAgent": "x"},
                   "condition": "a and not f"})  # fmt: skip
    open_ = rule({"a": {"eventName": "StopLogging"}, "b": {"userAgent": "x"}, "condition": "a or b"})
    gated = rule({"a": {"userAgent|contains": "evil", "eventName|contains": "e"}, "condition": "a"})
    rules = ruleset.RuleSet((pinned, open_, gated))

    def asked(service, name, **fields):
        (event,) = made({"eventSource": f"{service}.amazonaws.com", "eventName": name, **fields})
        found = rules.asked(event.source, event.name, event.action)
        return [*found.always, *(one for door in found.doors for one in door.lets_in(event))]

    assert asked("iam", "CreateUser") == [pinned, open_]
    assert asked("iam", "DeleteUser") == [open_]
    assert asked("s3", "CreateBucket") == [open_]
    for _ in range(2):
        assert asked("s3", "CreateBucket", userAgent="An Evil tool") == [open_, gated]
        assert asked("s3", "CopyIt", userAgent="An Evil tool") == [open_]
        assert asked("s3", "CreateBucket", userAgent=None) == [open_]


@pytest.fixture
def folder(tmp_path):
    """A rule that runs, and five files that do not hold one."""
    place = tmp_path / "rules" / "aws"
    place.mkdir(parents=True)
    (place / "stop.yml").write_text(
        "title: Trail stopped\nid: 0f0f\nlogsource: {product: aws, service: cloudtrail}\nlevel: critical\n"
        "tags: [attack.defense-evasion, attack.t1562.008]\nfalsepositives: [maintenance]\n"
        "detection:\n  selection:\n    eventSource: cloudtrail.amazonaws.com\n    eventName: StopLogging\n"
        "  condition: selection\n"
    )
    (place / "twice.yaml").write_text((place / "stop.yml").read_text())
    (place / "broken.yml").write_text("title: [\n")
    (place / "two.yml").write_text("title: A\n---\ntitle: B\nlogsource: {}\ndetection: {}\n")
    (place / "bomb.yml").write_text("a: &a [x]\nb: [*a, *a]\n")
    (place / "code.py").write_text("raise SystemExit")
    (place / "latin.yml").write_bytes(b"title: \xe9\n")
    (place / "README.md").write_text("not a rule")
    return place.parent


def test_a_folder_gives_rules_and_reasons(folder):
    rules, problems = sigma.read([folder])
    assert [(found.id, found.points, found.severity, found.tactic, found.techniques) for found in rules] == [
        ("sigma.0f0f", 60, "critical", "defense-evasion", ("T1562.008",))
    ]
    reasons = {found.rule: found.reason for found in problems}
    assert sorted(reasons) == [
        *("aws/bomb.yml", "aws/broken.yml", "aws/code.py", "aws/latin.yml", "aws/twice.yaml"),
        *("aws/two.yml#1", "aws/two.yml#2"),
    ]
    assert "anchors" in reasons["aws/bomb.yml"]
    assert "sigma.0f0f" in reasons["aws/twice.yaml"]
    with pytest.raises(ConfigError, match="no folder"):
        sigma.read([folder / "none"])


def test_a_document_with_too_many_values_is_refused(tmp_path):
    (tmp_path / "a.yml").write_text("a: [" + "1," * 30_000 + "]")
    assert "20000 values" in sigma.read([tmp_path])[1][0].reason


def test_rules_travel_between_processes(folder):
    (found,), _ = sigma.read([folder])
    again = pickle.loads(pickle.dumps(found))  # noqa: S301 - our own
    (event,) = made(STOP)
    assert again.on_event(event) == found.on_event(event)
    assert again.revision == found.revision


def imported(*samples, aware=None, **more):
    judge = Judge(aware, ruleset.RuleSet((rule(one({"eventName": ["Odd", "Odder"]}), **more),)))
    for sample in samples:
        judge.observe(made(sample))
    return judge.suspicions()


ODD = {"eventSource": "odd.amazonaws.com", "eventName": "Odd"}


def test_an_imported_rule_alone_never_pages():
    for aware in (AwarePlan(), AwarePlan(page_at=10)):
        (found,) = imported(ODD, level="critical", aware=aware, amberlight={"points": 100})
        assert not found.page
    assert imported(ODD, level="low")[0].score == 12


def test_several_imported_rules_never_page_without_one_of_ours():
    rules = [rule(one({"eventName": "StopLogging"}), title=f"R{n}", id=f"r{n}", level="critical") for n in range(6)]
    alone = Judge(rules=ruleset.RuleSet(tuple(rules)))
    alone.observe(made(STOP))
    assert [one.page for one in alone.suspicions()] == [False]
    beside = Judge(rules=ruleset.builtin().joined(ruleset.RuleSet(tuple(rules))))
    beside.observe(made(STOP))
    (found,) = beside.suspicions()
    assert found.page
    assert {"logging_stopped", "sigma.r0"} <= {reason.rule for reason in found.reasons}


def test_its_author_may_let_it_page():
    (found,) = imported(ODD, level="low", amberlight={"may_page_alone": True})
    assert found.page
    assert found.reasons[0].text == "T: Odd"


def test_volume_adds_nothing():
    once, often = (
        imported(ODD, level="high"),
        imported(*[{**ODD, "eventID": f"e{n}"} for n in range(300)], level="high"),
    )
    assert once[0].score == often[0].score


def test_calls_of_services_and_refused_calls_count():
    (found,) = imported({**ODD, "errorCode": "AccessDenied", "sourceIPAddress": "cloudformation.amazonaws.com"})
    assert "AWS service" in found.reasons[0].text


def test_the_command_runs_rules_and_names_those_that_do_not(folder, tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.json").write_text(json.dumps({"Records": [record(STOP)]}))
    arguments = [str(tmp_path / "logs"), "--rules", str(folder)]
    result = CliRunner().invoke(command, [*arguments, "--json"], standalone_mode=False)
    report = json.loads(result.stdout)
    assert "sigma.0f0f" in {reason["rule"] for reason in report["incidents"][0]["reasons"]}
    assert len(report["rules_not_run"]) == 7
    assert all(one["rule"] and one["reason"] for one in report["rules_not_run"])
    shown = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert "7 imported rules do not run" in shown.stderr
    assert "rules_not_run" in shown.stderr


def test_a_plan_names_folders_from_its_own_place(folder):
    aware = AwarePlan(rules=("rules",))
    rules = ruleset.of_plan(aware, folder.parent)
    assert "sigma.0f0f" in {found.id for found in rules.rules}
    with pytest.raises(ConfigError):
        ruleset.of_plan(aware, folder)


def test_several_processes_judge_imported_rules_as_one(folder, tmp_path, monkeypatch):
    for number in range(6):
        (tmp_path / f"{number}.json").write_text(json.dumps(record({**STOP, "eventID": f"e{number}"}, number)))
    rules, paths = ruleset.of_plan(AwarePlan(), more=[folder]), [tmp_path]
    alone, _ = scanning.scan(paths, AwarePlan(), 1, rules)
    monkeypatch.setattr(scanning, "WORTH_BYTES", 0)
    together, _ = scanning.scan(paths, AwarePlan(), 2, rules)
    assert alone.suspicions() == together.suspicions()
    assert any(reason.rule == "sigma.0f0f" for reason in together.suspicions()[0].reasons)


def test_hostile_documents_never_stop_the_reading(tmp_path):
    chance = random.Random(3)  # noqa: S311
    for number in range(60):
        junk = "".join(chance.choice(string.printable) for _ in range(200))
        (tmp_path / f"{number}.yml").write_text(f"title: {junk}")
    (tmp_path / "deep.yml").write_text("a: " + "[" * 5000)
    rules, problems = sigma.read([tmp_path])
    assert rules == []
    assert len(problems) >= 61


def test_the_guides_example_runs_as_it_stands(tmp_path):
    guide = (Path(__file__).parents[3] / "docs" / "guide" / "writing-rules.md").read_text(encoding="utf-8")
    (tmp_path / "trail_touched.yml").write_text(guide.partition("```yaml\n")[2].partition("```")[0])
    rules, problems = sigma.read([tmp_path])
    assert problems == []
    (event,), (pipeline,) = (
        made(STOP),
        made({**STOP, "userIdentity": {"sessionContext": {"sessionIssuer": {"userName": "deploy-pipeline"}}}}),
    )
    assert rules[0].on_event(event)
    assert not rules[0].on_event(pipeline)
    assert rules[0].stage == "staged"
