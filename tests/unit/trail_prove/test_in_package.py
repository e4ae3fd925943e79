"""A captured trail is proved while its package is built, and the proof is part of what is sealed."""

import json
import sys
from pathlib import Path

import pytest
from make_trail import ACCOUNT, HOUR, START, iso

sys.path.insert(0, str(Path(__file__).parents[1] / "handoff"))

from making import World

from amberlight.vault.verify import verify

SOURCE = "api_calls.trail_files"


def build(trail, root, *, beside=()):
    copy = trail.write(root / "copy")
    files = [
        (SOURCE, f"{ACCOUNT}/us-east-1/{SOURCE}/account-{ACCOUNT}/{path.relative_to(copy)}", path.read_bytes())
        for path in sorted(copy.rglob("*"))
        if path.is_file()
    ]
    world = World(root / "world", files=[*files, *beside])
    return Path(world.build().path)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "world").mkdir()
    return tmp_path


def test_a_whole_trail(trail, root):
    package = build(trail, root)
    proof = json.loads((package / "report/trail-proof.json").read_text())
    assert (proof["ok"], proof["files"]["valid"]) == (True, 18)
    assert "6 digests and 12 log files proved" in (package / "START-HERE.html").read_text()
    assert "6 digests and 12 log files proved" in (package / "START-HERE.md").read_text()
    assert verify(str(package))["ok"]


def test_a_damaged_trail_is_handed_over_and_said_to_be(trail, root):
    trail.objects[trail.chains[ACCOUNT, "us-east-1", "main"][2].logs[0]].body = b"{}"
    package = build(trail, root)
    proof = json.loads((package / "report/trail-proof.json").read_text())
    assert (proof["ok"], proof["files"]["altered"]) == (False, 1)
    assert "1 ALTERED" in (package / "START-HERE.md").read_text()


def test_long_names_and_other_sources_make_no_difference(trail, root):
    trail.chain(name="n" * 110)
    keys = "cloudtrail-keys/us-east-1.json"  # as a host could have it
    planted = json.dumps({"PublicKeyList": [{"Value": "AAAA"}]}).encode()
    package = build(trail, root, beside=[("host.linux_triage", f"x/{keys}", planted)])
    proof = json.loads((package / "report/trail-proof.json").read_text())
    assert (proof["findings"], proof["digests"]["valid"], proof["logs"]["valid"]) == ([], 12, 12)


def test_without_a_trail_there_is_no_proof(root):
    world = World(root / "world", files=[("memory.linux_process", "m/1.lime", b"x")])
    assert not (Path(world.build().path) / "report/trail-proof.json").exists()


def test_a_live_trails_newest_hour_is_not_called_absent(trail, root):
    trail.log(f"AWSLogs/{ACCOUNT}", ACCOUNT, "us-east-1", START + 6 * HOUR, 0)
    rows = json.dumps({"Listed": [{
        "trail": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/main", "validated": True, "complete": True,
        "when": iso(START + 6.5 * HOUR), "prefix": f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/{START:%Y/%m/%d}/",
    }]})  # fmt: skip
    place = f"{ACCOUNT}/us-east-1/{SOURCE}/account-{ACCOUNT}/cloudtrail-listed.json"
    package = build(trail, root, beside=[(SOURCE, place, rows.encode())])
    proof = json.loads((package / "report/trail-proof.json").read_text())
    assert (proof["ok"], proof["pending"], proof["findings"]) == (True, 1, [])
    assert "1 too new to be proved" in (package / "START-HERE.md").read_text()
