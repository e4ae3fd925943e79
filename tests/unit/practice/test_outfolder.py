import pytest

from amberlight.model.errors import ConfigError
from amberlight.practice.outfolder import MARKER, NAMES, WORK, prepared, write


def test_what_an_earlier_run_made_is_replaced_and_nothing_else(tmp_path):
    out = tmp_path / "demo"
    with prepared(out):
        write(out / "report.html", b"old")
        (out / "package").mkdir()
        (out / "package" / "data").write_text("old")
    (out / "mine.txt").write_text("kept")
    with prepared(out):
        assert sorted(path.name for path in out.iterdir()) == [MARKER, WORK, "mine.txt"]
        write(out / "scorecard.json", b"new")
    assert sorted(path.name for path in out.iterdir()) == [MARKER, "mine.txt", "scorecard.json"]


def test_foreign_content_is_refused_and_left(tmp_path):
    (tmp_path / "scorecard.json").write_text("mine")
    with pytest.raises(ConfigError, match="no demo made"), prepared(tmp_path):
        pass
    assert (tmp_path / "scorecard.json").read_text() == "mine"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="not a folder"), prepared(tmp_path / "file"):
        pass


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be"), prepared(tmp_path / "file" / "below"):
        pass


def interrupted(out):
    with prepared(out):
        for name in NAMES:
            (out / name).mkdir(exist_ok=True)
        raise KeyboardInterrupt


def test_what_did_not_end_well_leaves_nothing_that_looks_whole(tmp_path):
    out = tmp_path / "demo"
    with pytest.raises(KeyboardInterrupt):
        interrupted(out)
    assert [path.name for path in out.iterdir()] == [MARKER]


def test_two_runs_do_not_share_a_folder(tmp_path):
    with prepared(tmp_path / "demo"), pytest.raises(ConfigError, match="Another demo"), prepared(tmp_path / "demo"):
        pass


def test_a_link_is_removed_and_not_followed(tmp_path):
    out, precious = tmp_path / "demo", tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    with prepared(out):
        pass
    (out / "package").symlink_to(precious)
    with prepared(out):
        pass
    assert (precious / "file").read_text() == "kept"
