"""`amberlight verify`: the contract of its output and its exit codes."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent.parent / "handoff"))

from making import StillClock, World
from msgspec import structs

from amberlight.cli import main
from amberlight.cli.verify import command
from amberlight.model.codec import canonical, loads
from amberlight.model.custody import Checkpoint
from amberlight.model.delivery import VerifyReport
from amberlight.model.errors import ConfigError
from amberlight.vault import FolderStore, witness
from amberlight.vault.check_exhibit import PROOF


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("world"))
    made.package = Path(made.build().path)
    return made


def run(*arguments):
    return CliRunner().invoke(command, [str(each) for each in arguments], standalone_mode=False)


def test_a_whole_package(world):
    done = run(world.package, "--json", "--key", world.signer.fingerprint)
    report = json.loads(done.output)
    assert done.return_value == 0
    assert set(report) == {"schema", "ok", "key", "kind", "files", "bytes", "ledger", "problems", "corroborated"}
    assert (report["ok"], report["key"], report["kind"]) == (True, "confirmed", "drill")
    told = run(world.package)
    assert told.return_value == 0
    assert "DRILL" in told.output
    assert "unconfirmed" in told.output
    assert "Corroborated by AWS: 0 of 3 acts" in told.output


def test_a_wrong_key_and_a_touched_file(world, tmp_path):
    assert run(world.package, "--key", "0" * 64).return_value == 4
    page = world.package / "START-HERE.md"
    before = page.read_bytes()
    page.write_bytes(before + b"x")
    done = run(world.package)
    page.write_bytes(before)
    assert done.return_value == 4
    assert "START-HERE.md" in done.output


@pytest.mark.parametrize("count", [39, 40, 41, 300])
def test_of_many_problems_people_see_the_first_and_how_many_more(tmp_path, count):
    # What is no package at all lacks its five fixed parts besides, so those are counted first.
    lacking = len(json.loads(run(tmp_path, "--json").output)["problems"]) - 1  # without "is an empty folder"
    for number in range(count - lacking):
        (tmp_path / f"file{number}").symlink_to("nowhere")
    told, listed = run(tmp_path).output, json.loads(run(tmp_path, "--json").output)["problems"]
    assert len(listed) == count
    assert told.count("PROBLEM") == min(count, 40)
    assert (f"{count - 40} more problems" in told) == (count > 40)
    assert f"NOT OK: {count} problems." in told


@pytest.fixture
def kept(world, tmp_path):
    """A witness that has the case's heads."""
    witness.copy("c-1", world.store, FolderStore(tmp_path / "witness", StillClock()))
    return tmp_path / "witness"


def test_a_witness_that_agrees(world, kept):
    before = sorted(kept.rglob("*"))
    told = run(world.package, "--witness", kept)
    report = json.loads(run(world.package, "--witness", kept, "--json").output)
    assert told.return_value == 0
    assert report["ok"]
    assert report["witness"] == {
        "heads": len(list((kept / "cases/c-1/checkpoints").iterdir())),
        "problems": [],
    }
    assert report["witness"]["heads"] > 1
    assert f"Witness  {report['witness']['heads']} heads, all fit" in told.output
    assert sorted(kept.rglob("*")) == before
    loads(json.dumps(report).encode(), VerifyReport)


def test_a_witness_that_disagrees_ends_with_four(world, kept):
    last = max((kept / "cases/c-1/checkpoints").iterdir())
    head = loads(last.read_bytes(), Checkpoint)
    last.chmod(0o644)
    last.write_bytes(canonical(structs.replace(head, root="0" * 64, key="\u202e")))
    told = run(world.package, "--witness", kept)
    done = run(world.package, "--witness", kept, "--json")
    report = json.loads(done.output)
    assert (told.return_value, done.return_value, report["ok"], report["problems"]) == (4, 4, False, [])
    assert any("Another history" in each for each in report["witness"]["problems"])
    assert "NOT OK" in told.output
    assert "Another history" in told.output
    assert "\u202e" not in told.output


def test_a_witness_that_knows_nothing_is_no_agreement(world, tmp_path):
    (tmp_path / "empty").mkdir()
    assert run(world.package, "--witness", tmp_path / "empty").return_value == 4
    assert list((tmp_path / "empty").iterdir()) == []


def test_the_wrong_witness(world, tmp_path):
    assert isinstance(run(world.package, "--witness", tmp_path / "none").exception, ConfigError)
    (tmp_path / "exhibit").mkdir()
    (tmp_path / "exhibit" / PROOF).write_text("{}")
    done = run(tmp_path / "exhibit", "--witness", tmp_path)
    assert isinstance(done.exception, ConfigError)
    assert "exhibit" in str(done.exception)


def test_the_wrong_command(world, tmp_path, capsys):
    assert isinstance(run(tmp_path / "none").exception, ConfigError)
    assert isinstance(run(world.package, "--key", "short").exception, ConfigError)
    with pytest.raises(SystemExit) as end:
        main(["verify", str(tmp_path / "none")])
    assert end.value.code == 2
    assert "no package" in capsys.readouterr().err
