"""`amberlight capture plan | run | resume` as a person runs them, on accounts of a response plan in a lab of its own."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime

import pytest

from amberlight._aws import SystemClock
from amberlight.casebook import Casebook
from amberlight.model.signals import Case, Decision, Suspicion, Target
from amberlight.practice import proving
from amberlight.response import holding

pytestmark = pytest.mark.lab
QUIET = ("--skip", "disk", "--skip", "host", "--skip", "memory", "--skip", "packets")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The accounts, the plan's folder, and the environment of who responds."""
    from amberlight.lab import LabOptions, start

    folder = tmp_path_factory.mktemp("capture")
    with start(LabOptions(workdir=folder / "lab", seed=7, hosts="processes")) as lab:
        made = proving.build(lab, folder, SystemClock(), "first")
        keep = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        yield (
            made,
            folder,
            {
                **keep,
                "AWS_ACCESS_KEY_ID": made.hub.access_key_id,
                "AWS_SECRET_ACCESS_KEY": made.hub.secret_access_key,
                "AWS_ENDPOINT_URL": lab.endpoint,
                "AWS_EC2_METADATA_DISABLED": "true",
            },
        )


@pytest.fixture
def case(place, request):
    """A case in the casebook; its id is the test's own."""
    made, folder, _ = place
    now = datetime(2026, 11, 24, tzinfo=UTC)
    case_id = f"c-{abs(hash(request.node.name)) % 10**9}"
    suspicion = Suspicion(
        id="s", page=True, severity="high", score=90.0, principals=(), addresses=(), first=now, last=now,
        techniques=(), reasons=(), event_ids=(),
    )  # fmt: skip
    decision = Decision(suspicion="s", verdict="promoted", by="ada", authority="plan", when=now, reason="y")
    account = Target(type="account", account=made.ground.prod.account, region="us-east-1", name="all")
    book = Casebook(f"sqlite:///{folder}/casebook.sqlite")
    book.record_case(
        Case(id=case_id, kind="drill", severity="high", opened=now, suspicion=suspicion, decision=decision,
             targets=(account,))
    )  # fmt: skip
    book.close()
    return case_id


@pytest.fixture
def command(place):
    _, folder, environment = place

    def call(*argv):
        words = [sys.executable, "-m", "amberlight.cli", "capture", *argv]
        return subprocess.run(
            words, capture_output=True, text=True, cwd=folder, env=environment, timeout=100, check=False
        )

    return call


def planned(command, folder, case, *more):
    done = command("plan", case, *QUIET, *more, "-o", f"{case}.json", "--json")
    assert (done.returncode, done.stderr[:300]) == (0, done.stderr[:300])
    assert json.loads(done.stdout) == json.loads((folder / f"{case}.json").read_text())
    return json.loads(done.stdout)


def acquired(place, case, monkeypatch):
    """How often the ledger in the vault has each item, after the whole case was read and checked there."""
    _, folder, environment = place
    for name, value in environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    assert holding.check(folder / "amberlight.yaml", case).problems == ()
    vault = holding.Vault.of(folder / "amberlight.yaml")
    keeper = vault.keeper(case, "test")
    return Counter(entry.what["path"] for entry in keeper.ledger.entries() if entry.act == "acquired")


def test_exactly_the_written_plan_is_run_and_a_second_run_takes_nothing_again(place, case, command, monkeypatch):
    plan = planned(command, place[1], case)
    assert {step["source"].split(".")[0] for step in plan["steps"]} == {"api_calls", "config", "identity"}

    first = command("run", f"{case}.json", "--json")
    told = json.loads(first.stdout)
    assert first.returncode == (3 if told["gaps"] else 0)
    assert told["evidence"] > 0
    assert told["bytes"] > 0
    assert told["complete"] + len({(gap["source"], gap["target"]) for gap in told["gaps"]} - left_out(plan)) == len(
        plan["steps"]
    )
    items = acquired(place, case, monkeypatch)
    assert len(items) == told["evidence"]

    done = command("resume", case, "--json")
    assert done.stdout, done.stderr
    again = json.loads(done.stdout)
    assert again["resumed"] == len(plan["steps"])
    assert again["evidence"] == told["evidence"]
    assert acquired(place, case, monkeypatch) == items


def left_out(plan):
    return {(gap["source"], gap["target"]) for gap in plan["gaps"]}


def test_a_killed_run_is_resumed_with_every_item_once(place, case, command, monkeypatch):
    plan = planned(command, place[1], case)
    words = [sys.executable, "-m", "amberlight.cli", "capture", "run", f"{case}.json"]
    process = subprocess.Popen(
        words, cwd=place[1], env=place[2], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    for line in process.stderr:
        if line.startswith("acquired"):
            break
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stderr.close()

    told = json.loads(command("resume", case, "--json").stdout)
    items = acquired(place, case, monkeypatch)
    assert set(items.values()) == {1}
    assert len(items) == told["evidence"]
    assert told["complete"] > 0
    assert len(plan["steps"]) > told["resumed"]


def test_a_plan_that_was_changed_is_not_run(place, case, command):
    plan = planned(command, place[1], case)
    plan["steps"][0]["calls"] = ["ec2.TerminateInstances"]
    (place[1] / f"{case}.json").write_text(json.dumps(plan))
    done = command("run", f"{case}.json")
    assert done.returncode == 4
    assert "changed after it was made" in done.stderr


def test_a_plan_beyond_the_limits_needs_somebodys_name(place, case, command, monkeypatch):
    loud = ("--target", "instance/i-00000000000000000@us-east-1", "--max-seen", "3")
    done = command("plan", case, *loud, "--only", "host", "-o", f"{case}.json")
    assert done.returncode == 0
    assert "needs --approved-by" in done.stderr
    refused = command("run", f"{case}.json")
    assert refused.returncode == 5
    assert "--approved-by" in refused.stderr

    told = json.loads(command("run", f"{case}.json", "--approved-by", "Ada", "--json").stdout)
    assert [gap["source"] for gap in told["gaps"] if gap["state"] != "skipped"] == ["host.linux_triage"]
    assert acquired(place, case, monkeypatch) == {}


@pytest.mark.parametrize(
    "argv,code,word",
    [
        (("plan", "c-none"), 2, "no case"),
        (("resume", "c-none"), 2, "No capture"),
        (("run", "nowhere.json"), 2, "cannot be read"),
    ],
)
def test_what_is_not_there_is_said(command, argv, code, word):
    done = command(*argv)
    assert (done.returncode, word in done.stderr) == (code, True), done.stderr


def test_a_target_of_no_type_is_said(command, case):
    done = command("plan", case, "--target", "planet/earth")
    assert done.returncode == 2
    assert "planet/earth" in done.stderr
