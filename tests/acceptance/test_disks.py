"""Disk images: assembled with what is in the package, they open in the tools that examine disks."""

import json
import os
import sys

import pytest

BLOCK = 512 * 1024


@pytest.fixture(scope="module")
def disks(package, evidence, tmp_path_factory):
    """Raw images: place on disk, and what the package says of it."""
    folder, found = tmp_path_factory.mktemp("disks"), []
    for place, item in evidence("disk.ebs_image"):
        if place.name == "blocks.json":
            image = folder / f"{place.parent.name}.raw"
            found.append((image, item, json.loads(place.read_bytes()), place.parent))
    assert found
    return found


@pytest.fixture(scope="module")
def images(disks, package, run):
    for image, _, _, folder in disks:
        run(sys.executable, "-I", "-S", package / "assemble_disk.py", folder, image)
    return [image for image, *_ in disks]


def listed(run, image, *flags):
    """Regular files of an image by their paths: the sleuth kit's address of each."""
    lines = [line for line in run("fls", "-r", "-p", *flags, image).stdout.splitlines() if line.startswith("r/r ")]
    return {line.partition(":\t")[2]: line.partition(":")[0].split()[-1] for line in lines}


def test_an_image_has_the_blocks_that_were_stored_and_nothing_else(images, disks):
    for image, (_, item, described, _) in zip(images, disks, strict=True):
        assert image.stat().st_size == described["size_bytes"]
        stored = {block for segment in described["segments"] for block in segment["blocks"]}
        assert len(stored) == item["facts"]["blocks"]
        assert set(written(image)) <= stored


def written(image):
    """Blocks of the file that are not holes."""
    with image.open("rb") as disk:
        start, size = 0, image.stat().st_size
        while start < size:
            try:
                start = os.lseek(disk.fileno(), start, os.SEEK_DATA)
            except OSError:  # nothing but a hole is left
                return
            end = os.lseek(disk.fileno(), start, os.SEEK_HOLE)
            yield from range(start // BLOCK, -(-end // BLOCK))
            start = end


def test_the_sleuth_kit_knows_the_file_system_and_lists_its_files(run, images):
    for image in images:
        assert "File System Type: Ext4" in run("fsstat", image).stdout
        assert {"etc/passwd", "etc/hostname"} <= set(listed(run, image))


def test_the_intruders_program_is_on_the_disk_as_it_was(run, images, truth):
    """Where the drill says that it lies, with the bytes that it has."""
    (path,) = {each["contains"] for each in truth["expected"] if each["id"] == "host-1"}
    found = [(image, files[path[1:]]) for image in images if path[1:] in (files := listed(run, image))]
    ((image, address),) = found
    program = run("icat", image, address).stdout
    assert program.startswith('"""')
    assert "socket.create_connection" in program


def test_dissect_knows_the_host_of_each_disk(run, images):
    for image in images:
        told = run("target-query", "-q", "-f", "os,hostname", image, tool="dissect").stdout
        (line,) = [line for line in told.splitlines() if line.strip()]
        name = run("icat", image, listed(run, image)["etc/hostname"]).stdout.strip()
        assert "linux" in line
        assert name in line


def test_a_file_that_the_intruder_deleted_is_recovered(run, images, truth):
    """No directory of the host names it; its content is what the drill's author wrote."""
    (loader,) = {each["contains"] for each in truth["expected"] if each["id"] == "disk-2"}
    deleted = [(image, path, address) for image in images for path, address in listed(run, image, "-d").items()]
    ((image, path),) = {
        (image, path) for image, path, address in deleted if loader in run("icat", image, address).stdout
    }
    assert path not in listed(run, image, "-u")
