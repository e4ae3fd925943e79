"""What commands print as JSON is what the published schemas say, field by field."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "reference" / "schemas"


def printed(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "amberlight.cli", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    return json.loads(done.stdout)


def check(document):
    name, _, version = document["schema"].removeprefix("amberlight.").partition("/")
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    assert version == "1"
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)


def test_the_catalogue():
    document = printed("capture", "sources", "--json")
    check(document)
    assert len(document["sources"]) >= 9


def test_open_points_of_a_plan(tmp_path):
    from amberlight.model.response_plan import ResponsePlan, VaultPlan
    from amberlight.plan import dump

    plan = ResponsePlan(
        schema="amberlight.response-plan/1",
        organisation="o",
        incident_is="i",
        severities={},
        contacts=(),
        accounts=(),
        vault=VaultPlan(bucket="b", region="r", signing_key="k"),
    )
    (tmp_path / "p.yaml").write_text(dump(plan))
    document = printed("plan", "check", str(tmp_path / "p.yaml"), "--json")
    check(document)
    opened = {each["id"] for each in document["requirements"] if each["state"] == "open"}
    assert {f"SEC10-BP0{number}" for number in range(1, 9)} <= opened
    assert {point["check"] for point in document["open"]} >= {"people.two", "estate.uses", "outside.duties"}


def test_a_scan(tmp_path):
    (tmp_path / "none.json").write_text("{")
    document = printed("scan", str(tmp_path), "--json")
    check(document)
    assert [each["path"] for each in document["unreadable"]] == [str(tmp_path / "none.json")]


def test_a_verification(tmp_path):
    (tmp_path / "bagit.txt").write_text("BagIt-Version: 1.0\n")
    document = printed("verify", str(tmp_path), "--json")
    check(document)
    assert document["ok"] is False


@pytest.mark.lab
def test_a_running_lab(tmp_path):
    from amberlight.lab import LabOptions, start

    with start(LabOptions(workdir=tmp_path)) as lab:
        document = json.loads(json.dumps(lab.describe()))
    check(document)
    assert set(document["accounts"]) == {"prod", "security", "vault"}
