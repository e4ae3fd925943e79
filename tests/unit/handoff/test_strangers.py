"""What a stranger sees of both checks: the report on the screen, the report as JSON, and the exit status."""

import json
import re
import shutil
from pathlib import Path

import pytest
from making import World

from amberlight.vault import check_exhibit, verify
from amberlight.vault.exhibit import export

MEMORY = "data/memory/i-0abc/42.lime"


class Given:
    """A package and an exhibit of one case."""

    def __init__(self, folder, kind):
        made = World(folder, kind=kind)
        self.key, self.package = made.signer.fingerprint, Path(made.build().path)
        self.exhibit = folder / "exhibit"
        export(self.package, MEMORY, self.exhibit)


@pytest.fixture(scope="module", params=["drill", "incident"])
def given(request, tmp_path_factory):
    made = Given(tmp_path_factory.mktemp("given"), request.param)
    made.kind = request.param
    return made


@pytest.fixture
def call(monkeypatch, capsysbinary):
    def call(module, *arguments):
        monkeypatch.setattr("sys.argv", ["check", *map(str, arguments)])
        try:
            status = module.main()
        except SystemExit as end:
            status = end.code
        return status, capsysbinary.readouterr().out.decode()

    return call


def rows(text):
    """The report's rows by their first word; a row that goes on is joined."""
    joined = re.sub(r"\n {9}", " ", text)
    return [(each[:9].rstrip(), re.sub(r"\s+", " ", each[9:])) for each in joined.splitlines()]


CONFIRMED = "confirmed: it is the one that you named"
UNCONFIRMED = ("unconfirmed: whoever re-signs everything has a key, too. Ask the sender for its fingerprint by another way, "
               "and give it with --key")  # fmt: skip


@pytest.mark.parametrize("named", [True, False])
def test_a_package_in_order_is_told_in_eight_rows(given, call, named):
    status, text = call(verify, given.package, *(["--key", given.key] if named else []))
    report = verify.verify(str(given.package))
    marked = "DRILL - an exercise, no real case" if given.kind == "drill" else "INCIDENT"
    assert (status, rows(text)[:5]) == (0, [
        ("Package", str(given.package)), ("Marked", marked), ("Files", f"{report['files']}, {report['bytes']} bytes"),
        ("Ledger", "6 entries, checkpoint ok"), ("Key", f"{CONFIRMED if named else UNCONFIRMED} {given.key}"),
    ])  # fmt: skip
    assert text.splitlines()[-2:] == ["Corroborated by AWS: 0 of 3 acts", "OK: whole and unchanged."]


@pytest.mark.parametrize("named", [True, False])
def test_an_exhibit_in_order_is_told_in_eight_rows(given, call, named):
    status, text = call(check_exhibit, given.exhibit, *(["--key", given.key] if named else []))
    report = check_exhibit.Exhibit(str(given.exhibit)).run()
    marked = "DRILL - an exercise, no real case" if given.kind == "drill" else "INCIDENT"
    assert (status, rows(text)[:-1]) == (0, [
        ("Exhibit", "exhibit/42.lime, 10240 bytes"), ("Taken as", "memory/i-0abc/42.lime"), ("Marked", marked),
        ("SHA-256", report["sha256"]), ("Ledger", "entry 3 of 6, case c-1"),
        ("Key", f"{CONFIRMED if named else UNCONFIRMED} {given.key}"),
    ])  # fmt: skip
    assert text.splitlines()[-1] == "OK: as it was acquired."


@pytest.mark.parametrize("module,what", [(verify, "package"), (check_exhibit, "exhibit")], ids=["package", "exhibit"])
class TestBoth:
    """What is alike for both."""

    def test_another_key_is_called_wrong(self, given, call, module, what):
        status, text = call(module, getattr(given, what), "--key", "ab" * 32)
        assert status == 4
        assert ("Key", f"WRONG: it is not the one that you named {given.key}") in rows(text)
        assert [row for row in rows(text) if row[0] == "PROBLEM"]
        assert text.splitlines()[-1] == "NOT OK: 1 problems."

    def test_as_json_it_is_the_report(self, given, call, module, what):
        status, text = call(module, getattr(given, what), "--json", "--key", given.key)
        assert status == 0
        report = json.loads(text)
        assert (report["ok"], report["key"], report["problems"], report["kind"]) == (True, "confirmed", [], given.kind)

    def test_each_problem_is_shown_with_its_file_and_moves_no_cursor(self, given, call, module, what, tmp_path):
        bent = Path(shutil.copytree(getattr(given, what), tmp_path / "bent\x1b[2J"))
        (bent / "added\x1b[2J").write_text("x")
        status, text = call(module, bent)
        assert status == 4
        assert "\x1b" not in text
        assert [row for row in rows(text) if row[0] == "PROBLEM" and row[1].startswith("added\\x1b[2J was added")]
        assert text.splitlines()[-1].startswith("NOT OK: ")

    def test_without_a_key_it_is_called_unreadable(self, given, call, module, what, tmp_path):
        bent = Path(shutil.copytree(getattr(given, what), tmp_path / "bent"))
        for each in bent.rglob("signing-key.pem"):
            each.unlink()
        assert ("Key", f"{UNCONFIRMED} unreadable") in rows(call(module, bent)[1])

    @pytest.mark.parametrize("wrong", [["/nowhere"], ["--key", "abc"], ["--bogus"], ["--js"], ["a", "b"]])
    def test_a_wrong_command_is_neither_well_nor_bad(self, given, call, module, what, wrong):
        assert call(module, *wrong) == (2, "")

    def test_alone_it_checks_the_folder_that_it_lies_in(self, given, call, module, what, monkeypatch):
        monkeypatch.setattr(module, "__file__", str(getattr(given, what) / "check.py"))
        assert call(module)[0] == 0


def test_of_many_problems_the_first_are_shown(given, call, tmp_path):
    bent = Path(shutil.copytree(given.package, tmp_path / "bent"))
    for number in range(60):
        (bent / f"added{number:02d}").write_text("x")
    _, text = call(verify, bent)
    everything = json.loads(call(verify, bent, "--json")[1])["problems"]
    shown = [row for row in rows(text) if row[0] == "PROBLEM"]
    assert len(shown) == verify.SHOWN_MAX < len(everything)
    assert ("MORE", f"{len(everything) - len(shown)} more problems; --json lists them all") in rows(text)
    assert text.splitlines()[-1] == f"NOT OK: {len(everything)} problems."
