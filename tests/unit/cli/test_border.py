"""The border: errors become words and exit codes; help is fast because nothing is imported for it."""

import subprocess
import sys

import pytest

from amberlight import cli


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "amberlight.cli", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_help_lists_every_command_with_its_first_line(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "plan" in text
    assert "Check the response plan" in text


def test_help_imports_no_heavy_library():
    code = (
        "import sys\nfrom amberlight import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'boto3', 'botocore', 'dbos', 'sqlalchemy', 'msgspec', 'rich', 'jinja2', 'cryptography', 'ministack'}\n"
        "sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_command_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["nonsense"])
    assert end.value.code == 2
    assert "nonsense" in capsys.readouterr().err


def test_an_unknown_key_in_a_plan_ends_with_cause_and_fix(tmp_path, capsys):
    path = tmp_path / "amberlight.yaml"
    path.write_text("shema: amberlight.response-plan/1\n")
    with pytest.raises(SystemExit) as end:
        cli.main(["plan", "check", str(path)])
    assert end.value.code == 2
    cause, fix = capsys.readouterr().err.splitlines()
    assert "shema" in cause
    assert fix == "Did you mean `schema`?"


def test_a_defect_of_ours_is_not_hidden(monkeypatch):
    import amberlight.cli.plan as module

    def broken(*_args, **_kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(module.command, "main", broken)
    monkeypatch.setattr(module.command, "make_context", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["plan", "check", "x"])


def test_an_interrupt_ends_with_130(monkeypatch, capsys):
    import amberlight.cli.plan as module

    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.command, "make_context", interrupted)
    with pytest.raises(SystemExit) as end:
        cli.main(["plan", "check", "x"])
    assert end.value.code == 130
    assert "Interrupted" in capsys.readouterr().err


def test_a_full_disk_is_one_sentence_and_one_fix(monkeypatch, capsys):
    import errno

    import amberlight.cli.plan as module

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device", "out/x")

    monkeypatch.setattr(module.command, "make_context", full)
    with pytest.raises(SystemExit) as end:
        cli.main(["plan", "check", "x"])
    assert end.value.code == 1
    assert "No space left on device: out/x" in capsys.readouterr().err
