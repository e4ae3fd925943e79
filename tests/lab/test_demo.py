"""The whole story, run as a user runs it; killed first, so that the run after a crash is the one that is judged."""

import base64
import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from amberlight.vault.verify import verify

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(240)]
COMMAND = [sys.executable, "-m", "amberlight.cli", "demo"]
ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "CI": "1"}


def start(out, *more):
    return subprocess.Popen(
        [*COMMAND, "--out", str(out), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=ENVIRONMENT,
        text=True,
        start_new_session=True,
    )


def until(process, text):
    """Read the story until it says something."""
    said = []
    for line in process.stdout:
        said.append(line)
        if text in line:
            return
    pytest.fail(f"{text!r} was never said:\n{''.join(said)}")


def left_over(out):
    """Processes that still name the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(out).encode() in words:
                found.append(words)
    return found


def wait_for_nobody(out):
    end = time.monotonic() + 10
    while left_over(out) and time.monotonic() < end:
        time.sleep(0.05)  # noqa: TID251
    assert left_over(out) == []


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("story") / "demo"
    killed = start(out)
    until(killed, "attack")
    killed.kill()
    killed.wait()
    killed.stdout.close()
    wait_for_nobody(out)
    done = subprocess.run(
        [*COMMAND, "--out", str(out), "--json", "--no-open"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
        timeout=180,
    )
    assert done.returncode in (0, 3), done.stderr
    return out, json.loads(done.stdout), done.stderr


def test_one_true_proposal_and_the_rest_is_noise(demo):
    _, score, _ = demo
    assert (score["schema"], score["kind"]) == ("amberlight.scorecard/1", "drill")
    assert (score["triage"]["proposed"], score["triage"]["true"], score["triage"]["false"]) == (1, 1, 0)
    assert score["triage"]["suspicions"] > 1


def test_everything_expected_is_in_the_captured_bytes(demo):
    out, score, _ = demo
    missing = score["evidence"]["gaps"]
    # Where hosts are plain processes and the user is not root, nobody may record packets: that, and only that, is missing.
    may_lack = {"packets.tcpdump"} if score["lab_limits"] and os.geteuid() else set()
    assert {gap["source"] for gap in missing} <= may_lack
    assert score["evidence"]["present"] == score["evidence"]["expected"] - len(missing) > 15
    truth = json.loads((out / "ground-truth.json").read_text())
    memory = next(one["contains"] for one in truth["expected"] if one["source"] == "memory.linux_process")
    tars = list((out / "package" / "data").rglob("process-memory.tar"))
    assert any(memory.encode() in tar.read_bytes() for tar in tars)


def test_every_attempt_on_the_vault_was_refused_by_the_store(demo):
    _, score, _ = demo
    attempts = score["vault"]["attempts"]
    assert {"prod admin", "prod root", "capture role"} <= {one["role"] for one in attempts}
    assert len(attempts) >= 50
    assert all(one["refused"] and one["answer"] for one in attempts)


def test_cloudtrail_bears_witness_to_what_it_can(demo):
    out, score, _ = demo
    report = verify(str(out / "package"), score["key_fingerprint"])["corroborated"]
    with (out / "package/custody/corroborated-by-aws.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["standing"] != "vault write"]
    stands = Counter(row["standing"] for row in rows)
    assert (len(rows), stands["corroborated"]) == (report["acts"], report["by_cloudtrail"])
    assert stands["corroborated"] > report["acts"] / 2
    assert {row["operation"].split(".")[0] for row in rows if row["standing"] == "data-event"} <= {"s3", "ebs"}
    assert len({row["account"] for row in rows if row["standing"] == "corroborated"}) == 1
    assert len({row["CloudTrail event id"] for row in rows}) == stands["corroborated"] + 1


def test_package_verifies_alone_and_not_after_a_change(demo):
    out, score, _ = demo
    package = out / "package"
    argv = [sys.executable, "-I", "-S", str(package / "verify.py"), str(package), "--key", score["key_fingerprint"]]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 0
    victim = package / "report" / "vault-attempts.json"
    before = victim.read_bytes()
    victim.write_bytes(before.replace(b"AccessDenied", b"accessDenied", 1))
    try:
        assert subprocess.run(argv, capture_output=True, check=False).returncode == 4
    finally:
        victim.write_bytes(before)


def test_the_witness_has_the_heads_of_the_package(demo):
    out, score, _ = demo
    argv = [sys.executable, "-m", "amberlight.cli", "verify", out / "package", "--witness", out / "witness", "--json"]
    done = subprocess.run([*argv, "--key", score["key_fingerprint"]], capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    heads = len(list((out / "package/custody/checkpoints").glob("*.json")))
    assert (done.returncode, report["witness"]) == (0, {"heads": heads, "problems": []})
    assert heads >= 4


def test_quiet_and_within_the_minute(demo):
    _, score, _ = demo
    assert score["quietness"]["telltale_names"] == []
    assert score["quietness"]["calls_in_subject_trail"] > 50
    assert set(score["quietness"]["mutating_calls"]) == {"CreateSnapshots", "ModifySnapshotAttribute", "SendCommand"}
    clocks = score["clocks"]
    assert all(seconds >= 0 for seconds in clocks.values())
    assert clocks["preserve_first_s"] < clocks["preserve_last_s"] < clocks["total_s"]


def test_what_could_not_be_seen_is_said(demo):
    _, score, _ = demo
    assert any("StopLogging" in text for text in score["not_shown"])
    assert all(gap["owner"] and gap["due"] and gap["retest"] for gap in score["gaps"])


def test_story_and_files_agree(demo):
    out, score, story = demo
    assert max(map(len, story.splitlines())) <= 80
    assert "\x1b" not in story
    assert score["key_fingerprint"] in story
    assert {"report.html", "scorecard.json", "story.svg", "amberlight.yaml", "package"} <= {
        path.name for path in out.iterdir()
    }
    assert not (out / ".work").exists()
    assert json.loads((out / "scorecard.json").read_text()) == score
    pem = (out / "package" / "custody" / "signing-key.pem").read_text()
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    assert hashlib.sha256(der).hexdigest() == score["key_fingerprint"]


def test_report_asks_nobody_for_anything(demo):
    page = (demo[0] / "report.html").read_text()
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "DRILL" in page


def test_nothing_is_left_after_it(demo):
    wait_for_nobody(demo[0])


def test_interrupt_takes_everything_down(tmp_path):
    out = tmp_path / "demo"
    process = start(out)
    until(process, "aware")
    os.killpg(process.pid, signal.SIGINT)
    _, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    wait_for_nobody(out)
    assert [path.name for path in out.iterdir()] == [".amberlight-demo"]


def test_foreign_folder_is_a_usage_error(tmp_path):
    (tmp_path / "mine").write_text("mine")
    process = start(tmp_path)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "holds files that no demo made" in said
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
