"""Our proof and AWS's own validator on 200 generated trails, half of them damaged: where they differ is listed here."""

import base64
import gzip
import json
import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit/trail_prove"))
sys.path.insert(0, str(Path(__file__).parent))

from environment import python_of
from make_trail import ACCOUNT, HOUR, START, Stored, Trail, flip, iso, key_list, packed

from amberlight.trail.prove import Folder, prove

CASES = 200
DRIVER = Path(__file__).parent / "awscli_validate.py"

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def validate():
    """Run AWS's validator on cases."""
    try:
        python = python_of("awscli")
    except (OSError, subprocess.TimeoutExpired) as problem:
        pytest.skip(f"no environment with awscli: {problem}")

    def run(cases):
        lines = "\n".join(json.dumps(case) for case in cases)
        done = subprocess.run(
            [python, DRIVER], input=lines, stdout=subprocess.PIPE, text=True, check=True, timeout=300
        )  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


class Case:
    """One trail, and what was done to it."""

    def __init__(self, number):
        self.chance = random.Random(number)  # noqa: S311 - the same trails each time
        self.region = self.chance.choice(["us-east-1", "eu-west-1"])
        self.organisation = self.chance.choice(["", "", "o-abc123def4"])
        self.prefix = self.chance.choice(["", "", "some/prefix/"])
        self.trail, self.until = Trail(), None
        self.damage = list(DAMAGES)[number // 2 % len(DAMAGES)] if number % 2 else "none"
        self.hours, edit = self.chance.randrange(5, 9), None
        if self.damage.startswith("signed wrong"):
            field, value = ("HashValue", "0" * 64) if "hash" in self.damage else ("Signature", "ab" * 256)
            edit = lambda number, content: number == 2 and content.update({f"previousDigest{field}": value})  # noqa: E731
        self.made = self.trail.chain(
            self.hours, region=self.region, organisation=self.organisation, prefix=self.prefix, name="the_trail-1",
            logs=self.chance.randrange(1, 4), start=START + timedelta(minutes=self.chance.randrange(60)), edit=edit,
            starting=(0, 3) if self.damage == "starting digest" else (0,), skip=(2,) if self.damage == "starting digest" else (),
        )  # fmt: skip
        self.keys = dict(self.trail.keys)
        self.backfill = self.chance.random() < 0.3 and self.damage != "starting digest"
        if self.backfill:
            self.trail.chain(2, region=self.region, organisation=self.organisation, prefix=self.prefix,
                             name="the_trail-1", logs=1, start=self.made[0].start_of() + timedelta(minutes=7), backfill=True)  # fmt: skip
        DAMAGES.get(self.damage, lambda case: None)(self)

    @property
    def middle(self):
        return self.made[2]

    def stored(self, key):
        return self.trail.objects[key]

    def for_aws(self):
        return {
            "objects": {
                key: [base64.b64encode(one.body).decode(), one.metadata] for key, one in self.trail.objects.items()
            },
            "bucket": self.trail.bucket, "keys": self.trail.keys.get(self.region, {"PublicKeyList": []})["PublicKeyList"],
            "arn": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/the_trail-1", "region": self.region, "account": ACCOUNT,
            "prefix": self.prefix.rstrip("/"), "organisation": self.organisation, "start": iso(START),
            "end": iso(self.made[0].start_of() + self.hours * HOUR),
        }  # fmt: skip


def none_of(case, *keys):
    for key in keys:
        del case.trail.objects[key]


def put(case, key, body):
    case.stored(key).body = body


def moved(case):
    case.trail.objects[case.middle.key.replace("/2026/", "/2027/")] = case.trail.objects.pop(case.middle.key)


def other_key(case):
    attacker = key_list("attacker")["PublicKeyList"][0]
    attacker["Fingerprint"] = case.trail.keys[case.region]["PublicKeyList"][0]["Fingerprint"]
    case.trail.keys[case.region] = {"PublicKeyList": [attacker]}


def cut(case):
    for made in case.made[-2:]:
        none_of(case, made.key, *made.logs)
    case.until = case.made[0].start_of() + case.hours * HOUR


def planted(case):
    case.trail.objects[case.middle.logs[0].replace(".json.gz", "x.json.gz")] = Stored(packed(b'{"Records":[]}'))


DAMAGES = {
    "flipped log": lambda case: put(case, case.middle.logs[0], flip(case.stored(case.middle.logs[0]).body)),
    "removed record": lambda case: put(case, case.middle.logs[0], packed(b'{"Records":[]}')),
    "data after log": lambda case: put(case, case.middle.logs[0], case.stored(case.middle.logs[0]).body + b"x"),
    "deleted log": lambda case: none_of(case, case.middle.logs[0]),
    "flipped digest": lambda case: put(case, case.middle.key, flip(case.stored(case.middle.key).body)),
    "deleted digest": lambda case: none_of(case, case.middle.key),
    "moved digest": moved,
    "replaced signature": lambda case: case.stored(case.middle.key).metadata.update(signature=case.made[3].signature),
    "lost last signature": lambda case: case.stored(case.made[-1].key).metadata.clear(),
    "another key": other_key,
    "other Region's log": lambda case: put(case, case.middle.logs[0], packed(b'{"Records":[{"awsRegion":"x"}]}')),
    "key expired": lambda case: case.trail.keys.update(
        {case.region: key_list(case.region, until=START - timedelta(days=9))}
    ),
    "deleted neighbours": lambda case: none_of(case, case.middle.key, case.made[3].key),
    "cut tail": cut,
    "signed wrong hash": lambda case: None,
    "signed wrong signature": lambda case: None,
    "planted log": planted,
    "data after digest": lambda case: put(case, case.middle.key, case.stored(case.middle.key).body + b"x"),
    "starting digest": lambda case: None,
    "lost signature": lambda case: case.stored(case.middle.key).metadata.clear(),
}
MORE = {
    "cut tail",
    "signed wrong hash",
    "signed wrong signature",
    "planted log",
    "data after digest",
    "starting digest",
}
"""What AWS's validator ends with 0 on, and ours does not."""
RECOVERED = {"lost signature"}
"""What AWS's validator calls invalid, and ours proves by the signature that the next digest repeats."""
CONTRADICTIONS = {
    "flipped log", "removed record", "data after log", "flipped digest", "moved digest", "replaced signature", "another key",
    "other Region's log", "signed wrong hash", "signed wrong signature", "data after digest",
}  # fmt: skip


def test_awss_validator_agrees(validate, tmp_path):
    cases = [Case(number) for number in range(CASES)]
    theirs = validate(case.for_aws() for case in cases)
    assert len(theirs) == CASES
    for number, (case, said) in enumerate(zip(cases, theirs, strict=True)):
        proof = prove(Folder(case.trail.write(tmp_path / str(number))), until=case.until)
        what = f"{number}: {case.damage}: {said['error']}{said['said']}\n{proof.findings}"
        passed = not said["error"] and not said["digests"][1] and not said["logs"][1]
        assert passed == (case.damage == "none" or case.damage in MORE), what
        assert proof.ok == (case.damage == "none" or case.damage in RECOVERED), what
        assert (proof.exit_code == 4) == (case.damage in CONTRADICTIONS), what
        if case.damage == "none":
            assert [proof.digests.valid, proof.logs.valid] == [said["digests"][0], said["logs"][0]], what
        if case.damage == "deleted neighbours":
            assert (said["digests"][1], proof.digests.missing) == (1, 2), what
        if case.damage == "starting digest":
            assert said["gap"], what
    assert {case.damage for case in cases} == {"none", *DAMAGES}
    assert gzip.decompress(cases[0].stored(cases[0].made[0].key).body).startswith(b"{")
