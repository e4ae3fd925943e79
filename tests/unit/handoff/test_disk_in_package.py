"""Disk images in a package: the program that makes raw files of them goes along, and the page says how."""

import json
import subprocess
import sys
from pathlib import Path

from making import World

from amberlight.handoff.assemble_disk import BLOCK
from amberlight.vault.verify import verify

FOLDER = "disk.ebs_image/instance/i-0abc/vol-a"


def test_a_receiver_makes_the_raw_disk_with_what_is_in_the_package(tmp_path):
    data = b"\x53\xef" * (BLOCK // 2)
    described = {"volume": "vol-a", "snapshot": "snap-b", "size_bytes": 8 * BLOCK, "block_bytes": BLOCK,
                 "segments": [{"file": "000000.blocks", "blocks": [3]}]}  # fmt: skip
    world = World(tmp_path, files=[
        ("disk.ebs_image", f"{FOLDER}/000000.blocks", data),
        ("disk.ebs_image", f"{FOLDER}/blocks.json", json.dumps(described).encode()),
    ])  # fmt: skip
    package = Path(world.build().path)
    for page in ("START-HERE.md", "START-HERE.html"):
        text = (package / page).read_text()
        assert "python3 -I -S assemble_disk.py FOLDER IMAGE" in text
        assert f"data/{FOLDER}" in text
    image = tmp_path / "disk.raw"
    subprocess.run([sys.executable, "-I", "-S", "assemble_disk.py", f"data/{FOLDER}", image], cwd=package, check=True)
    assert image.read_bytes() == bytes(3 * BLOCK) + data + bytes(4 * BLOCK)
    assert verify(package)["ok"]


def test_without_disks_there_is_no_program(tmp_path):
    package = Path(World(tmp_path).build().path)
    assert not (package / "assemble_disk.py").exists()
    assert "assemble_disk" not in (package / "START-HERE.md").read_text()
