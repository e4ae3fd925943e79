"""Timestamps beside a case: under the seal if they came in time, in the vault if not, and never in the way."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "handoff"))

from making import World

from amberlight.model.errors import ConfigError, DeliveryError, Denied, IntegrityError, NotPossible, Unreachable
from amberlight.model.response_plan import TimestampPlan
from amberlight.response.ledgers import reopened
from amberlight.response.stamping import Stamping, settled
from amberlight.vault import timestamps
from amberlight.vault.timestamps import Token
from amberlight.vault.verify import verify
from authority import Authority

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def stamping(world, when="always", ask=None, url="http://127.0.0.1:9/"):
    told = []
    made = Stamping(
        TimestampPlan(url=url, when=when), world.ledger, world.store, clock=world.clock,
        tell=lambda *what: told.append(what), ask=ask or (lambda url, data: Token(data=b"token of " + data, said="now")),
    )  # fmt: skip
    made.told = told
    return made


def acts(world, act):
    return [entry.what for entry in world.ledger.entries() if entry.act == act]


def answered(made):
    """Wait until the threads have answered."""
    while made._answers.qsize() < made._open:
        threading.Event().wait(0.01)


def test_a_token_in_time_is_under_the_seal(world):
    made = stamping(world)
    head = world.ledger.checkpoints()[-1]
    made.begin(head)
    answered(made)
    extras = made.arrived()
    assert list(extras) == [f"custody/timestamps/{head.size:08d}.tsr"]
    package = Path(world.build(extras=extras).path)
    assert verify(str(package), world.signer.fingerprint)["ok"]
    signed = package / f"custody/checkpoints/{head.size:08d}.json"
    token = package / next(iter(extras))
    assert token.read_bytes() == b"token of " + signed.read_bytes()
    [what] = acts(world, "timestamped")
    assert (what["checkpoint"], what["after_seal"], what["said"]) == (head.size, False, "now")
    token.write_bytes(b"x")
    assert not verify(str(package))["ok"]


def test_a_token_after_the_seal_is_the_next_packages(world):
    made = stamping(world, "after-case")
    made.begin(world.ledger.checkpoints()[-1])
    assert made.arrived() == {}
    package = Path(world.build().path)
    before = {path: path.read_bytes() for path in package.rglob("*") if path.is_file()}
    owed = [head.size for head in timestamps.owed(world.ledger)]
    made.after()
    assert {path: path.read_bytes() for path in package.rglob("*") if path.is_file()} == before
    assert verify(str(package), world.signer.fingerprint)["ok"]
    entered = acts(world, "timestamped")
    assert [what["checkpoint"] for what in entered] == owed
    assert all(what["after_seal"] for what in entered)
    assert timestamps.owed(world.ledger) == ()  # the head over the acts themselves is not owed one
    assert world.ledger.checkpoints()[-1].size == len(world.ledger.entries())
    second = Path(world.build("second", extras=stamping(world, "never").arrived()).path)
    assert verify(str(second), world.signer.fingerprint)["ok"]
    assert [each.name for each in sorted((second / "custody/timestamps").iterdir())] == [f"{n:08d}.tsr" for n in owed]


def test_the_delay_is_entered(world):
    head = world.ledger.checkpoints()[-1]
    world.clock.sleep(90)
    made = stamping(world)
    made.begin(head)
    answered(made)
    made.arrived()
    assert acts(world, "timestamped")[0]["delay_s"] == 90


def test_nobody_is_asked_unless_the_plan_says_so(world):
    def ask(url, data):
        raise AssertionError

    for when in ("never", "after-case"):
        made = stamping(world, when, ask)
        made.begin(world.ledger.checkpoints()[-1])
        assert made.arrived() == {}
    stamping(world, "never", ask).after()
    assert acts(world, "timestamp-missed") == []


@pytest.mark.parametrize("problem", [Unreachable("Nobody answers."), NotPossible("It lies."), OSError(28, "No space")])
def test_what_goes_wrong_is_entered_and_stays_owed(world, problem):
    def ask(url, data):
        raise problem

    made = stamping(world, "always", ask)
    head = world.ledger.checkpoints()[-1]
    made.begin(head)
    answered(made)
    assert made.arrived() == {}
    [missed] = acts(world, "timestamp-missed")
    assert missed["checkpoints"] == [head.size]
    assert str(getattr(problem, "cause", "No space")) in missed["problem"]
    assert made.told == [("timestamp-missed", missed["problem"])]
    package = world.build()
    assert verify(package.path)["ok"]
    made.after()
    assert head.size in [each.size for each in timestamps.owed(world.ledger)]
    assert stamping(world, "always").after() is None
    assert timestamps.owed(world.ledger) == ()


def test_an_authority_that_never_answers_blocks_nothing(world):
    free = threading.Event()

    def ask(url, data):
        free.wait(30)
        raise Unreachable("late")

    made = stamping(world, "always", ask)
    made.begin(world.ledger.checkpoints()[-1])
    assert made.arrived() == {}
    entries = len(world.ledger.entries())
    made.after(limit_s=0.05)
    free.set()
    assert len(world.ledger.entries()) == entries


@pytest.mark.parametrize("problem", [Denied("No."), Unreachable("No."), DeliveryError("No.")])
def test_a_vault_that_takes_no_token_fails_no_case(world, problem):
    def refuse(key, data, **more):
        if "timestamps" in key:
            raise problem
        return type(world.store).create(world.store, key, data, **more)

    world.store.create = refuse
    made = stamping(world)
    made.begin(world.ledger.checkpoints()[-1])
    answered(made)
    assert made.arrived() == {}
    assert acts(world, "timestamp-missed")[0]["problem"] == "No."


def test_after_the_seal_even_a_broken_ledger_is_only_told(world):
    def broken():
        raise IntegrityError("The ledger is not what it was.")

    made = stamping(world, "after-case")
    world.ledger.checkpoints = broken
    made.after()
    assert made.told == [("timestamp-missed", "The ledger is not what it was.")]


def test_a_token_that_was_changed_in_the_vault_stops_the_work(world):
    made = stamping(world, "after-case")
    made.after()
    place = next((world.folder / "vault/cases/c-1/timestamps").iterdir())
    place.chmod(0o644)
    place.write_bytes(b"x")
    with pytest.raises(IntegrityError):
        made.arrived()


@needs_openssl
def test_a_real_authority_and_a_run_that_was_killed(tmp_path):
    authority = Authority(tmp_path)
    try:
        world = World(tmp_path)
        made = stamping(world, "always", timestamps.stamp, authority.url)
        first, second = world.ledger.checkpoints()[:2]
        # Killed between keeping and entering: the token is there, the act is not.
        kept = timestamps.stamp(authority.url, timestamps.signed_bytes(first))
        world.store.create(f"cases/c-1/timestamps/{first.size:08d}.tsr", kept.data)
        # A stolen writer was faster than the authority.
        world.store.create(f"cases/c-1/timestamps/{second.size:08d}.tsr", kept.data)
        made.after()
        assert [what["sha256"] for what in acts(world, "timestamped")] == [
            world.store.find(f"cases/c-1/timestamps/{first.size:08d}.tsr").sha256
        ]
        assert "not good" in acts(world, "timestamp-missed")[0]["problem"]
        package = Path(world.build(extras=made.arrived()).path)
        assert verify(str(package), world.signer.fingerprint)["ok"]
        argv = ["openssl", "ts", "-verify", "-CAfile", str(tmp_path / "ca.pem"), "-in",
                f"custody/timestamps/{first.size:08d}.tsr", "-data", f"custody/checkpoints/{first.size:08d}.json"]  # fmt: skip
        subprocess.run(argv, cwd=package, check=True, capture_output=True, timeout=30)
    finally:
        authority.close()


def test_another_process_settles_what_is_owed(world):
    again = reopened(world.store, world.signer, "c-1", world.clock, "duty")
    assert again.kind == world.kind
    owed = timestamps.owed(again)
    assert [head.size for head in owed] == [head.size for head in world.ledger.checkpoints()]
    plan = TimestampPlan(url="http://127.0.0.1:9/", when="after-case")

    def half(url, data):
        if data == timestamps.signed_bytes(owed[0]):
            raise Unreachable("Not now.")
        return Token(data=data, said="now")

    for ask, left in ((half, owed[:1]), (lambda url, data: Token(data=data, said="now"), ())):
        made = Stamping(plan, again, world.store, clock=world.clock, tell=lambda *what: None, ask=ask)
        assert settled(made, again, plan) == left
    assert verify(world_package(world, again), world.signer.fingerprint)["ok"]


def world_package(world, ledger):
    world.ledger = ledger
    return world.build(extras=timestamps.held(ledger, world.store)).path


def test_nothing_is_settled_where_the_plan_or_the_case_is_not(world):
    with pytest.raises(ConfigError, match="lets nobody be asked"):
        settled(stamping(world, "never"), world.ledger, TimestampPlan())
    with pytest.raises(ConfigError, match="no case"):
        reopened(world.store, world.signer, "c-2", world.clock, "duty")
