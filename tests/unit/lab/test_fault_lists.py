"""Lists of faults: what is read out of a file, and how a mistake in it is told."""

import json

import pytest

from amberlight.lab.faults import reading
from amberlight.lab.faults.board import Board
from amberlight.lab.faults.fault import Facts
from amberlight.lab.faults.kinds.latency import drawn

GOOD = """\
# A bad day.
- fault: throttle
  account: prod
  service: ec2
  operation: [DescribeInstances, Create*]
  rate_per_s: 5
- fault: latency
  begins: 2026-11-24T12:00:00+01:00
  ends: 2026-11-24T12:00:00
  between: [0.1, 0.2]
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="faults.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_file_becomes_the_list_that_the_control_takes(written):
    found = reading.load(written(GOOD))
    assert found == [
        {"fault": "throttle", "account": "prod", "service": "ec2", "operation": ["DescribeInstances", "Create*"],
         "rate_per_s": 5},
        {"fault": "latency", "begins": "2026-11-24T12:00:00+01:00", "ends": "2026-11-24T12:00:00Z", "between": [0.1, 0.2]},
    ]  # fmt: skip
    assert json.loads(json.dumps(found)) == found
    assert [type(each) for _, each in reading.parse(found)] == [
        reading.catalogue()[name].FAULT for name in ("throttle", "latency")
    ]


def test_a_json_file_is_read_too_whatever_indents_it(written):
    text = json.dumps([{"fault": "small-pages", "size": 3}], indent="\t")
    assert reading.load(written(text, "faults.json")) == [{"fault": "small-pages", "size": 3}]


@pytest.mark.parametrize("text,line,said", [
    ("- fault: throtle\n", 1, "There is no fault 'throtle'. Did you mean throttle?"),
    ("- fault: latency\n  seconds: 1\n- service: ec2\n", 3, "It does not say which fault it is. Choose one of: answered"),
    ("- fault: latency\n  second: 1\n", 2, "latency has no parameter 'second'. Did you mean seconds?"),
    ("- fault: latency\n  zzz: 1\n", 2, "latency has no parameter 'zzz'. It takes: account, region"),
    ("- fault: latency\n  region: us-east-1\n  seconds: quick\n", 3, "Expected `float"),
    ("- fault: latency\n\n  account: 123456789012\n  seconds: 1\n", 3, "Put account ids in quotes."),
    ("- fault: latency\n  account: staging\n  seconds: 1\n", 2, "There is no account 'staging'. Give twelve digits"),
    ("- fault: latency\n  seconds: 1\n  region: mars-north-1\n", 3, "The lab has no Region 'mars-north-1'. The lab has: us-"),
    ("- fault: throttle\n  service: cloudtrial\n", 2, "There is no service 'cloudtrial'. Did you mean cloudtrail?"),
    ("- fault: throttle\n  service: ec2\n  operation: DescribInstances\n", 3, "Did you mean DescribeInstances?"),
    ("- fault: throttle\n  burst: 3\n", 1, "throttle: burst needs rate_per_s."),
    ("- fault: latency\n", 1, "latency needs exactly one of seconds, between and median_s."),
    ("- fault: latency\n  between: [2, 1]\n", 1, "between names the least first"),
    ("- fault: latency\n  seconds: 1\n  probability: 1.5\n", 3, "<= 1"),
    ("- fault: slow-snapshots\n", 1, "missing required field `seconds`"),
    ("- fault: latency\n  begins: 2026-11-24\n  seconds: 1\n", 2, "begins"),
    ("fault: latency\n", 1, "Faults are a list of mappings"),
    ("- fault: latency\n  seconds: [1\n", 3, "this is no YAML"),
    ("- &a\n  fault: latency\n  seconds: *a\n", 1, "nested too deeply"),
    ("- fault: !!python/object/apply:os.system [true]\n", 1, "There is no fault"),
])  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_what_to_do(written, text, line, said):
    path = written(text)
    with pytest.raises(ValueError, match="line") as caught:
        reading.load(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert said in str(caught.value)


def test_what_is_no_file_of_text_is_told(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        reading.load(tmp_path / "absent.yaml")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="Name a readable text file"):
        reading.load(tmp_path / "bytes")
    (tmp_path / "long").write_text("#" * (1 << 20) + "##")
    with pytest.raises(ValueError, match="larger than 1 MiB"):
        reading.load(tmp_path / "long")


HERE = Facts("111111111111", "us-east-1", "ec2", "DescribeVolumes")


def board(*faults, seed=7):
    made = Board(seed, {"prod": "111111111111"})
    made.set(list(faults))
    return made


def waits(made, count=20):
    return [drawn(made.strike("latency", HERE)) for _ in range(count)]


@pytest.mark.parametrize("how", [{"between": [0.5, 2]}, {"median_s": 0.5, "sigma": 0.8}])
def test_waits_are_drawn_from_the_seed(how):
    made = [waits(board({"fault": "latency", **how}, seed=seed)) for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
    assert len(set(made[0])) == 20
    assert all(0 < each < 3600 for each in made[0])
    if "between" in how:
        assert all(0.5 <= each <= 2 for each in made[0])
    else:
        assert 0 < sum(each < 0.5 for each in made[0]) < 20


def test_an_account_is_known_by_its_name_and_several_patterns_are_one_of_them():
    made = board({"fault": "latency", "seconds": 1, "account": "prod", "operation": ["Create*", "DescribeV*"]})
    assert made.strike("latency", HERE) is not None
    assert made.strike("latency", Facts("222222222222", "us-east-1", "ec2", "DescribeVolumes")) is None
    assert made.strike("latency", Facts("111111111111", "us-east-1", "ec2", "DeleteVolume")) is None
    assert made.strike("throttle", HERE) is None
    (told,) = made.told()
    assert (told["seen"], told["struck"], told["account"]) == (1, 1, ("111111111111",))


def test_a_kind_may_spare_what_fits_without_counting_it():
    made = board({"fault": "latency", "seconds": 1, "every": 2})
    assert made.strike("latency", HERE, lambda _: False) is None
    assert [made.strike("latency", HERE) is not None for _ in range(4)] == [False, True, False, True]
