"""A raw image of what a package holds; parts that do not fit leave none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from amberlight.handoff import assemble_disk
from amberlight.handoff.assemble_disk import BLOCK, Unfit, assemble

DISK = 64 * BLOCK


def part(number):
    return bytes([number + 1]) * BLOCK


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "vol-a"
    made.mkdir()
    describe(made, [("000000.blocks", [0, 1, 7]), ("000003.blocks", [40])])
    (made / "000000.blocks").write_bytes(part(0) + part(1) + part(7))
    (made / "000003.blocks").write_bytes(part(40))
    return made


def describe(folder, segments, size=DISK, block=BLOCK):
    listed = [{"file": name, "blocks": blocks} for name, blocks in segments]
    described = {"volume": "v", "snapshot": "s", "size_bytes": size, "block_bytes": block, "segments": listed}
    (folder / "blocks.json").write_text(json.dumps(described))


def test_every_block_lies_where_it_lay_and_the_rest_are_holes(folder, tmp_path):
    image = tmp_path / "disk.raw"
    assert assemble(folder, image) == {"size_bytes": DISK, "blocks": 4, "missing": []}
    expected = bytearray(DISK)
    for number in (0, 1, 7, 40):
        expected[number * BLOCK : (number + 1) * BLOCK] = part(number)
    assert image.read_bytes() == expected
    assert image.stat().st_blocks * 512 < DISK / 2


def test_it_runs_alone_without_any_package(folder, tmp_path):
    program = tmp_path / "assemble_disk.py"
    program.write_bytes(Path(assemble_disk.__file__).read_bytes())
    argv = [sys.executable, "-I", "-S", program, folder, tmp_path / "disk.raw"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["blocks"] == 4
    again = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "File exists" in again.stderr


def test_a_segment_that_was_not_captured_is_said_and_left_out_on_request(folder, tmp_path, capsys):
    (folder / "000003.blocks").unlink()
    image = tmp_path / "disk.raw"
    assert assemble_disk.main([str(folder), str(image)]) == 1
    assert "000003.blocks was not captured" in capsys.readouterr().err
    assert not image.exists()
    assert assemble_disk.main([str(folder), str(image), "--missing-as-zeros"]) == 3
    assert json.loads(capsys.readouterr().out)["missing"] == [40]
    assert image.stat().st_size == DISK


@pytest.mark.parametrize("content", [part(40)[:-1], part(40) + b"x", b""])
def test_a_segment_of_another_size_leaves_no_image(folder, tmp_path, content):
    (folder / "000003.blocks").write_bytes(content)
    with pytest.raises(Unfit, match=r"000003.blocks does not have the size"):
        assemble(folder, tmp_path / "disk.raw")
    assert not (tmp_path / "disk.raw").exists()


def test_a_link_is_not_followed(folder, tmp_path):
    (folder / "000003.blocks").rename(tmp_path / "elsewhere")
    (folder / "000003.blocks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        assemble(folder, tmp_path / "disk.raw")
    assert not (tmp_path / "disk.raw").exists()


@pytest.mark.parametrize("segments", [
    [("../../etc/passwd", [0])], [("000000.blocks\n", [0])], [("0.blocks", [0])], [(7, [0])], [("000000.blocks", "01")],
    [("000000.blocks", [-1])], [("000000.blocks", [64])], [("000000.blocks", [1, 0])], [("000000.blocks", [1, 1])],
    [("000000.blocks", [True])], [("000000.blocks", [1.0])], [("000000.blocks", [5]), ("000001.blocks", [5])],
])  # fmt: skip
def test_a_map_that_cannot_be_one_is_refused(folder, tmp_path, segments):
    describe(folder, segments)
    with pytest.raises(Unfit):
        assemble(folder, tmp_path / "disk.raw")
    assert not (tmp_path / "disk.raw").exists()


@pytest.mark.parametrize("size, block", [(0, BLOCK), (-BLOCK, BLOCK), (BLOCK + 1, BLOCK), (1 << 60, BLOCK), (DISK, 512),
                                         ("1", BLOCK), (True, BLOCK), (None, BLOCK)])  # fmt: skip
def test_a_disk_that_cannot_be_one_is_refused(folder, tmp_path, size, block):
    describe(folder, [], size, block)
    with pytest.raises(Unfit, match="describes no disk"):
        assemble(folder, tmp_path / "disk.raw")


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"segments": 3}', "[" * 100_000, "\xff"])
def test_a_map_that_is_no_map_is_refused(folder, tmp_path, text):
    (folder / "blocks.json").write_text(text)
    with pytest.raises(Unfit, match="cannot be read"):
        assemble(folder, tmp_path / "disk.raw")
