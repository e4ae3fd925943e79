"""The folder is the catalogue."""

import sys
import textwrap

import pytest
from click.testing import CliRunner

from amberlight.capture import catalogue
from amberlight.cli.capture import command
from amberlight.model.errors import ConfigError

GOOD = """
    from amberlight.model.evidence import Cost, Source

    SOURCE = Source(
        id="disk.one", title="t", takes=(), capture=iter, calls=(), seen=0, seen_text="", gone_after=None,
        reaches_back=None, cost=Cost(usd=0, basis=""), needs=(), yields=(), leaves=(), references=(),
    )
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    place = tmp_path / "sources_of_a_test" / "disk"
    place.mkdir(parents=True)
    for init in (place, place.parent):
        (init / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield place
    for name in [name for name in sys.modules if name.startswith("sources_of_a_test")]:
        del sys.modules[name]


def load(folder):
    return catalogue.load(folder.parent, "sources_of_a_test")


def test_a_file_is_a_source_and_helpers_are_not(folder):
    (folder / "one.py").write_text(textwrap.dedent(GOOD))
    (folder / "_helper.py").write_text("")

    assert list(load(folder)) == ["disk.one"]


@pytest.mark.parametrize("text", ["", "SOURCE = 1\n", textwrap.dedent(GOOD).replace("disk.one", "disk.two")])
def test_a_file_without_its_record_is_an_error(folder, text):
    (folder / "one.py").write_text(text)

    with pytest.raises(ConfigError):
        load(folder)


def test_the_command_lists_them():
    listed, as_json = CliRunner().invoke(command, ["sources"]), CliRunner().invoke(command, ["sources", "--json"])

    assert listed.exit_code == as_json.exit_code == 0
    for name in catalogue.load():
        assert name in listed.stdout
        assert f'"id": "{name}"' in as_json.stdout
