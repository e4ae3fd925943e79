"""One contract over all kinds of faults: each says what it is, has an example that is read, is in the guide, and strikes in a test."""

import ast
import re
from pathlib import Path

import pytest

from amberlight.lab.faults import reading
from amberlight.lab.faults.fault import CallFault, Fault, TrailFault

KINDS = reading.catalogue()
TESTS = Path(__file__).parents[1] / "lab"
GUIDE = Path(__file__).parents[2] / "docs/guide/lab.md"


def seen_to_strike():
    """The kinds that a lab's test asks about by `struck(lab, KIND)` within an assertion or a wait."""
    found = set()
    for path in TESTS.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "struck" and len(node.args) == 2:
                found.add(ast.literal_eval(node.args[1]))
    return found


@pytest.mark.parametrize("name,kind", KINDS.items(), ids=KINDS)
def test_a_kind_says_what_it_is(name, kind):
    assert len(kind.__doc__) > 60
    assert kind.__doc__.splitlines()[0].rstrip().endswith((".", ",", ":", "`", "t"))
    assert issubclass(kind.FAULT, Fault)
    assert kind.FAULT.__doc__
    assert callable(kind.install)


@pytest.mark.parametrize("name,kind", KINDS.items(), ids=KINDS)
def test_its_example_is_read(name, kind, tmp_path):
    path = tmp_path / "example.yaml"
    path.write_text(kind.EXAMPLE, encoding="utf-8")
    assert {each["fault"] for each in reading.load(path)} == {name}


@pytest.mark.parametrize("name,kind", KINDS.items(), ids=KINDS)
def test_it_is_seen_to_strike_and_told_in_the_guide(name, kind):
    assert name in seen_to_strike()
    (row,) = [line for line in GUIDE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{name}` |")]
    own = set(kind.FAULT.__struct_fields__) - set(CallFault.__struct_fields__) - set(TrailFault.__struct_fields__)
    assert [field for field in sorted(own) if not re.search(rf"`{field}[`:]", row)] == []


def test_the_guide_tells_what_every_fault_takes():
    text = GUIDE.read_text(encoding="utf-8")
    common = {*Fault.__struct_fields__, *CallFault.__struct_fields__, *TrailFault.__struct_fields__}
    assert [field for field in sorted(common) if f"`{field}`" not in text] == []


def test_the_guide_s_example_is_read(tmp_path):
    (example,) = re.findall(r"```yaml\n(# bad-day.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "bad-day.yaml"
    path.write_text(example, encoding="utf-8")
    assert len(reading.load(path)) == 4
