"""The image of a host's disk is like its files after anything that may happen to them, and sound at all times."""

import os
import random
import shutil
import subprocess
from contextlib import suppress

import pytest

from amberlight.lab.disks import ext4
from amberlight.lab.disks.images import Images, blank, copy, extents
from amberlight.lab.disks.mirror import Mirror
from amberlight.lab.disks.watch import Held, Seen

PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
missing = [tool for tool in ("mke2fs", "debugfs", "e2fsck") if shutil.which(tool, path=PATH) is None]
pytestmark = pytest.mark.skipif(bool(missing) or ext4.why_not() is not None, reason=f"not installed: {missing}")


class Disk:
    """A mirror of a directory and what its image says."""

    def __init__(self, folder, size=1 << 30):
        self.root, self.limits, self.seen = folder / "host", [], Seen()
        self.root.mkdir()
        self.images = Images(folder)
        image = folder / "image"
        blank(image, size)
        ext4.make(image)
        self.mirror = Mirror(self.root, image, self.limits.append, self.take)

    def take(self):
        seen, self.seen = self.seen, Seen()
        return seen

    def write(self, name, content):
        path = self.root / name
        path.write_bytes(content)
        return path

    def snapshot(self):
        frozen = self.mirror.freeze(self.images).path
        checked = subprocess.run(["e2fsck", "-fn", str(frozen)], capture_output=True, text=True, env={"PATH": PATH})  # noqa: PLW1510
        assert checked.returncode == 0, checked.stdout
        return frozen


def ask(image, request):
    done = subprocess.run(["debugfs", "-R", request, str(image)], capture_output=True, check=True, env={"PATH": PATH})
    return done.stdout


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


def inode(image, path):
    return int(ask(image, f"stat {path}").split()[1])


def differences(disk, image, out):
    out.mkdir()
    ask(image, f"rdump / {out}")
    shutil.rmtree(out / "lost+found", ignore_errors=True)
    done = subprocess.run(["diff", "-r", "--no-dereference", disk.root, out], capture_output=True, text=True)  # noqa: PLW1510
    return done.stdout + done.stderr


def scribble(rnd, file):
    with file.open("r+b") as opened:
        opened.seek(rnd.randrange(300_000))
        opened.write(b"x" * rnd.randrange(9000))


ACTS = [
    lambda rnd, new, file, folder: new.mkdir(),
    lambda rnd, new, file, folder: new.write_bytes(rnd.randbytes(rnd.choice([0, 10, 5000, 200_000]))),
    lambda rnd, new, file, folder: new.symlink_to("x/" * rnd.choice([5, 200])),
    lambda rnd, new, file, folder: file.unlink(),
    lambda rnd, new, file, folder: file.rename(new),
    lambda rnd, new, file, folder: scribble(rnd, file),
    lambda rnd, new, file, folder: shutil.rmtree(folder),
    lambda rnd, new, file, folder: os.link(file, new),
]


def happen(rnd, root):
    """One thing that happens to a tree, or nothing where the name is taken by something else."""
    inside = sorted(root.rglob("*"))
    files = [path for path in inside if path.is_file() and not path.is_symlink()]
    folders = [path for path in inside if path.is_dir() and not path.is_symlink()]
    new = rnd.choice([root, *folders]) / f"n{rnd.randrange(40)}"
    with suppress(OSError):
        rnd.choice(ACTS)(rnd, new, rnd.choice(files or [root / "no"]), rnd.choice(folders or [root / "no"]))


def has(image, content):
    """Whether the content is anywhere on the disk."""
    with image.open("rb") as file:
        return any(content in os.pread(file.fileno(), end - start, start) for start, end in extents(file.fileno()))


@pytest.mark.skipif(shutil.which("diff") is None, reason="diff is not installed")
@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_the_image_is_like_the_tree_and_sound(tmp_path, seed):
    disk, rnd = Disk(tmp_path), random.Random(seed)  # noqa: S311
    for number in range(4):
        for _ in range(60):
            happen(rnd, disk.root)
        assert differences(disk, disk.snapshot(), tmp_path / f"out{number}") == ""
    assert disk.limits == []


def test_what_was_deleted_keeps_inode_and_bytes_whatever_is_written_later(disk):
    disk.write("evil", b"A" * 10_000)
    first = disk.snapshot()
    number = inode(first, "/evil")
    (disk.root / "evil").unlink()
    for each in range(50):
        disk.write(f"later{each}", b"B" * 10_000)
    disk.snapshot()
    disk.write("more", b"C" * 100_000)
    image = disk.snapshot()
    assert b"/evil" not in ask(image, "ls -p /")
    assert ask(image, f"cat <{number}>") == b"A" * 10_000
    assert b"is marked in use" not in ask(image, f"testi <{number}>")


def test_a_file_that_came_and_went_between_two_rounds_is_kept(disk):
    disk.mirror.update()
    path = disk.write("ghost", b"short life")
    disk.seen.held.append(Held(b"ghost", os.open(path, os.O_RDONLY)))
    path.unlink()
    disk.write("ghost", b"another")
    image = disk.snapshot()
    assert ask(image, "cat /ghost") == b"another\n"[:-1]
    assert has(image, b"short life")


def test_a_file_that_is_replaced_under_its_name_leaves_the_old_one(disk):
    disk.write("tool", b"malicious")
    old = inode(disk.snapshot(), "/tool")
    disk.write("clean", b"harmless")
    (disk.root / "clean").rename(disk.root / "tool")
    image = disk.snapshot()
    assert ask(image, "cat /tool") == b"harmless"
    assert ask(image, f"cat <{old}>") == b"malicious"


def test_a_file_written_anew_takes_other_blocks_and_keeps_its_inode(disk):
    disk.write("log", b"traces of a login\n" * 20)
    first = disk.snapshot()
    disk.write("log", b"nothing\n")
    image = disk.snapshot()
    assert inode(image, "/log") == inode(first, "/log")
    assert ask(image, "cat /log") == b"nothing\n"
    assert has(image, b"traces of a login")


def test_owner_mode_and_times_are_the_hosts(disk):
    path = disk.write("file", b"x")
    path.chmod(0o4751)
    os.utime(path, ns=(1_700_000_000_123_456_789, 1_600_000_000_987_654_321))
    said = ask(disk.snapshot(), "stat /file").decode()
    assert "Mode:  04751" in said
    assert "mtime: 0x5f5e1000" in said
    assert "User:     0" in said


@pytest.mark.parametrize(
    "name", [b"a\nrm keep", b"<2>", b'"', b" -w x", b"#", b"!touch pwned", b"\xff\xfe", b"n" * 255]
)
def test_names_that_an_intruder_chose_are_names(disk, name):
    disk.write("keep", b"kept")
    (disk.root / os.fsdecode(name)).write_bytes(b"named")
    image = disk.snapshot()
    with ext4.opened(image) as fs:
        number = fs.lookup(ext4.ROOT, name)
        with fs.file(number) as file:
            assert file.read(0, 100) == b"named"
    assert ask(image, "cat /keep") == b"kept"


def test_links_do_not_lead_out_of_the_host(disk, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("of the developer")
    (disk.root / "in").symlink_to(tmp_path / "outside")
    os.mkfifo(disk.root / "pipe")
    image = disk.snapshot()
    assert not has(image, b"of the developer")
    assert b"Type: FIFO" in ask(image, "stat /pipe")


def test_a_full_disk_takes_the_room_of_what_was_deleted_and_says_what_it_lacks(tmp_path):
    disk, part = Disk(tmp_path, 32 << 20), 9 << 20
    for name in ("one", "two", "three"):
        with (disk.root / name).open("wb") as file:
            file.write(b"x" * part)
        disk.mirror.update()
        if name == "one":
            (disk.root / name).unlink()
    assert disk.limits == []
    disk.write("four", b"y" * part)
    disk.mirror.update()
    assert disk.limits == []
    disk.write("five", b"z" * part)
    image = disk.snapshot()
    assert disk.limits == ["a host's files do not fit on its root volume: its disk image lacks some of their content"]
    assert ask(image, "cat /four")[:1] == b"y"


def test_a_sparse_copy_has_the_data_and_not_the_holes(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        for at in (0, 5 << 20, 900 << 20):
            file.seek(at)
            file.write(b"data%d" % at)
        file.truncate(1 << 30)
    copy(source, target, 1 << 30)
    assert target.stat().st_size == 1 << 30
    assert target.stat().st_blocks * 512 < 1 << 20
    with source.open("rb") as one, target.open("rb") as two:
        found = list(extents(one.fileno()))
        assert [start for start, _ in found] == [0, 5 << 20, 900 << 20]
        for start, end in found:
            assert os.pread(one.fileno(), end - start, start) == os.pread(two.fileno(), end - start, start)


def test_a_file_of_terabytes_of_nothing_takes_no_time_and_keeps_its_end(disk):
    with (disk.root / "hole").open("wb") as file:
        file.write(b"begin")
        file.truncate(8 << 40)
    disk.mirror.update()
    with (disk.root / "hole").open("r+b") as file:
        file.seek((8 << 40) - 3)
        file.write(b"end")
    number = inode(disk.snapshot(), "/hole")
    image = disk.snapshot()
    with ext4.opened(image) as fs, fs.file(number) as file:
        assert (file.read(0, 5), file.read((8 << 40) - 3, 3)) == (b"begin", b"end")
    assert disk.limits == []


def test_a_file_that_grew_is_compared_whole_before_a_snapshot(disk):
    path = disk.write("database", b"a" * (3 << 20))
    disk.mirror.update()
    with path.open("r+b") as file:
        file.seek(1 << 20)
        file.write(b"changed in the middle")
        file.seek(0, os.SEEK_END)
        file.write(b"grown")
    disk.mirror.update()
    assert ask(disk.snapshot(), "cat /database") == path.read_bytes()


def test_more_files_than_the_disk_has_inodes_leave_the_others_and_are_said(tmp_path):
    disk = Disk(tmp_path, 4 << 20)
    disk.write("first", b"kept")
    disk.mirror.update()
    (disk.root / "many").mkdir()
    for number in range(2000):
        (disk.root / "many" / str(number)).touch()
    image = disk.snapshot()
    assert ask(image, "cat /first") == b"kept"
    assert disk.limits == [
        "a host's files do not fit on its root volume: its disk image lacks some of their content"
    ] * len(disk.limits)
    assert disk.limits


def test_what_is_too_deep_is_said(disk):
    deep = disk.root
    for _ in range(103):
        deep = deep / "d"
    deep.mkdir(parents=True)
    disk.snapshot()
    assert disk.limits == ["files more than 100 directories deep are not in disk images"]
