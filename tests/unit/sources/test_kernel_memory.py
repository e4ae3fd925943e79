"""The scripts that take a kernel's memory and symbols, on folders that stand for a machine."""

import hashlib
import struct
import tarfile

import guests
import pytest

PAGE = 4096
NOWHERE = (1 << 64) - 1
IOMEM = """00000000-00000fff : Reserved
00001800-0000afff : System RAM
  00002000-00002fff : Kernel code
0000b000-0000bfff : Reserved
00010000-000137ff : System RAM
00020000-00020fff : System RAM
"""
"""Memory from an odd address, with something inside; up to the middle of a page; and a page that no segment has."""


def page(number):
    """Bytes by which a page is known."""
    return hashlib.sha256(b"%d" % number).digest() * (PAGE // 32)


def kcore(segments):
    """An ELF core as the kernel shows itself: (virtual, physical, first page, pages) each."""
    table, data = [], b""
    start = 64 + 56 * len(segments)
    for virtual, physical, first, count in segments:
        held = b"".join(page(first + number) for number in range(count))
        offset = start + len(data)
        table.append(struct.pack("<IIQQQQQQ", 1, 7, offset, virtual, physical, len(held), len(held), PAGE))
        data += held
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    return head + b"".join(table) + data


SEGMENTS = [
    (0xFFFFC90000000000, NOWHERE, 900, 2),
    (0xFFFF888000000000, 0, 0, 6),
    (0xFFFF888000006000, 0x6000, 6, 5),
    (0xFFFF888000010000, 0x10000, 16, 4),
]


@pytest.fixture
def machine(tmp_path):
    """A folder with the files of a running kernel."""
    files = {
        "proc/kcore": kcore(SEGMENTS), "proc/iomem": IOMEM.encode(), "proc/version": b"Linux version 6.1.0-1 (x)\n",
        "proc/kallsyms": b"ffffffff81000000 T _text\nffffffff81000040 t inner\t[module]\n", "proc/modules": b"",
        "sys/kernel/btf/vmlinux": b"\x9f\xeb" + bytes(40), "sys/kernel/btf/virtio": b"\x9f\xeb" + bytes(30),
    }  # fmt: skip
    for name, data in files.items():
        path = tmp_path / "machine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "machine"


def ranges(data):
    """What a LiME file holds, read to its very end: (first, last, bytes) each."""
    found, place = [], 0
    while place < len(data):
        magic, version, first, last, reserved = struct.unpack_from("<IIQQQ", data, place)
        assert (magic, version, reserved) == (0x4C694D45, 1, 0)
        place += 32
        held = data[place : place + last - first + 1]
        assert len(held) == last - first + 1
        found.append((first, last, held))
        place += len(held)
    return found


def test_every_mapped_page_of_memory_is_in_the_file_at_its_address(machine, tmp_path):
    report = guests.run("kcore_lime", tmp_path / "out", root=machine)
    data = (tmp_path / "out").read_bytes()
    assert report["ok"], report
    assert ranges(data) == [
        (0x2000, 0x5FFF, b"".join(map(page, range(2, 6)))),
        (0x6000, 0xAFFF, b"".join(map(page, range(6, 11)))),
        (0x10000, 0x12FFF, b"".join(map(page, range(16, 19)))),
    ]
    facts = report["facts"]
    assert report["size_bytes"] == len(data)
    assert report["sha256"] == hashlib.sha256(data).hexdigest()
    assert facts["ranges"] == [[0x2000, 0x5FFF], [0x6000, 0xAFFF], [0x10000, 0x12FFF]]
    assert (facts["memory_bytes"], facts["not_mapped_bytes"]) == (12 * PAGE, PAGE)
    assert (facts["unreadable_bytes"], facts["left_out_bytes"]) == (0, 0)
    assert facts["kernel"] == "Linux version 6.1.0-1 (x)"


def test_what_is_over_the_limit_is_left_out_and_counted(machine, tmp_path):
    report = guests.run("kcore_lime", tmp_path / "out", root=machine, max_bytes=5 * PAGE + 17)
    held = ranges((tmp_path / "out").read_bytes())
    assert [(first, last) for first, last, _ in held] == [(0x2000, 0x5FFF), (0x6000, 0x6FFF)]
    assert report["facts"]["left_out_bytes"] == 7 * PAGE


def test_a_page_that_cannot_be_read_is_zeros_and_counted(machine, tmp_path):
    whole = (machine / "proc/kcore").read_bytes()
    (machine / "proc/kcore").write_bytes(whole[: -2 * PAGE])
    report = guests.run("kcore_lime", tmp_path / "out", root=machine)
    assert ranges((tmp_path / "out").read_bytes())[-1][2] == page(16) + page(17) + bytes(PAGE)
    assert report["facts"]["unreadable_bytes"] == PAGE


@pytest.mark.parametrize(
    "name, data, reason",
    [
        ("proc/kcore", None, "there is no /proc/kcore"),
        ("proc/kcore", b"", "is not what it is on 64-bit Linux"),
        ("proc/kcore", kcore(SEGMENTS[:1]), "does not say at which physical addresses"),
        ("proc/kcore", kcore([(one[0], 0, *one[2:]) for one in SEGMENTS]), "does not say at which physical addresses"),
        ("proc/kcore", kcore(SEGMENTS)[:54] + b"\x20\0\xff\xff", "is not what it is"),
        ("proc/kcore", kcore(SEGMENTS)[:54] + b"\x20\0\xff\xff" + bytes(9), "65535 segments of 32 bytes"),
        ("proc/iomem", b"00000000-00000000 : System RAM\n", "does not say where memory is"),
    ],
)
def test_a_machine_whose_memory_cannot_be_read_says_why(machine, tmp_path, name, data, reason):
    if data is None:
        (machine / name).unlink()
    else:
        (machine / name).write_bytes(data)
    report = guests.run("kcore_lime", tmp_path / "out", root=machine)
    assert not report["ok"]
    assert reason in report["error"]


def test_types_symbols_and_version_come_under_their_paths(machine, tmp_path):
    report = guests.run("kernel_symbols", tmp_path / "out.tar", root=machine)
    with tarfile.open(tmp_path / "out.tar") as archive:
        held = {one.name: archive.extractfile(one).read() for one in archive}
    assert list(held)[:2] == ["sys/kernel/btf/vmlinux", "sys/kernel/btf/virtio"]
    assert held == {name: (machine / name).read_bytes() for name in held}
    assert {"proc/kallsyms", "proc/version", "proc/iomem", "proc/modules"} <= held.keys()
    facts = report["facts"]
    assert (facts["members"], facts["missing"], facts["addresses_hidden"]) == (len(held), {}, False)


def test_a_kernel_without_types_and_with_hidden_addresses_is_told(machine, tmp_path):
    (machine / "sys/kernel/btf/vmlinux").unlink()
    (machine / "proc/kallsyms").write_bytes(b"0000000000000000 T _text\n")
    facts = guests.run("kernel_symbols", tmp_path / "out.tar", root=machine)["facts"]
    assert facts["missing"].keys() == {"/sys/kernel/btf/vmlinux"}
    assert facts["addresses_hidden"]
