"""A symbol table out of a hand-made kernel: a dozen types and symbols, each with what the reader has to get right."""

import base64
import io
import json
import struct
import tarfile

import pytest

from amberlight.handoff.kernel import btf, isf, kallsyms, known
from amberlight.model.errors import NotPossible

VERSION = b"Linux version 6.1.0-1 (a@b) (gcc) #1 SMP\n"
MOVED = 0x1A00000
STRUCT_FLAG = 1 << 31


class Blob:
    """BTF under construction: types are numbered from 1 in the order in which they are added."""

    def __init__(self):
        self.strings, self.types, self.count = b"\0", b"", 0

    def text(self, name):
        if not name:
            return 0
        self.strings += name.encode() + b"\0"
        return len(self.strings) - len(name) - 1

    def add(self, kind, name="", number=0, after=b"", *, members=0, flag=0):
        self.types += struct.pack("<III", self.text(name), kind << 24 | members | flag, number) + after
        self.count += 1
        return self.count

    def structure(self, name, size, *fields, kind=btf.STRUCT, flag=0):
        after = b"".join(struct.pack("<III", self.text(field), number, where) for field, number, where in fields)
        return self.add(kind, name, size, after, members=len(fields), flag=flag)

    def done(self):
        head = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(self.types), len(self.types), len(self.strings))
        return head + self.types + self.strings


def integer(blob, name, size, encoding=0):
    return blob.add(btf.INT, name, size, struct.pack("<I", encoding << 24 | size * 8))


@pytest.fixture
def blob():
    """What `made` describes."""
    made = Blob()
    number = integer(made, "int", 4, 1)  # 1
    char = integer(made, "char", 1, 1)  # 2
    integer(made, "_Bool", 1, 4)  # 3
    integer(made, "long unsigned int", 8)  # 4
    task = 9
    to_task = made.add(btf.PTR, number=task)  # 5
    const = made.add(btf.CONST, number=char)  # 6
    name = made.add(btf.ARRAY, after=struct.pack("<III", const, number, 16))  # 7
    alias = made.add(btf.TYPEDEF, "pid_t", number)  # 8
    assert task == made.structure(
        "task_struct", 48, ("pid", alias, 0), ("parent", to_task, 64), ("comm", name, 128), ("", 10, 320)
    )
    made.structure("", 8, ("low", number, 0), ("whole", 4, 0), kind=btf.UNION)  # 10
    bits = (("on", number, 1 << 24 | 33), ("level", number, 3 << 24 | 34), ("plain", number, 64))
    made.structure("flags", 12, *bits, flag=STRUCT_FLAG)  # 11
    states = struct.pack("<IiIi", made.text("DEAD"), -1, made.text("ALIVE"), 1)
    made.add(btf.ENUM, "state", 4, states, members=2, flag=STRUCT_FLAG)  # 12
    wide = struct.pack("<III", made.text("HIGH"), 5, 1)
    made.add(btf.ENUM64, "wide", 8, wide, members=1)  # 13
    made.add(btf.VAR, "current_task", to_task, struct.pack("<I", 1))  # 14
    made.structure("taint_flag", 3, ("c_true", char, 0))  # 15
    made.structure("", 16, ("seq", number, 0), ("timekeeper", number, 32))  # 16
    made.structure("gate_struct", 16, ("bits", number, 0))  # 17
    made.add(btf.FLOAT, "double", 8)  # 18
    made.add(btf.FWD, "elsewhere")  # 19
    return made


def listed(*more, moved=MOVED):
    symbols = {
        "_text": 0xFFFFFFFF81000000, "init_task": 0xFFFFFFFF81100000, "linux_banner": 0xFFFFFFFF81200000,
        "taint_flags": 0xFFFFFFFF81200100, "tk_core": 0xFFFFFFFF81200200, "idt_table": 0xFFFFFFFF81300000,
        "nothing_known": 0xFFFFFFFF81300040, "_end": 0xFFFFFFFF81400000,
    }  # fmt: skip
    lines = ["0000000000001234 A current_task"]
    lines += [f"{address + moved:016x} T {name}" for name, address in symbols.items()]
    return "\n".join([*lines, *more, ""]).encode()


@pytest.fixture
def made(blob):
    return isf.table(blob.done(), listed(), VERSION)


def test_members_have_their_places_and_types(made):
    fields = made["user_types"]["task_struct"]["fields"]
    assert made["user_types"]["task_struct"]["size"] == 48
    assert fields["pid"] == {"offset": 0, "type": {"kind": "base", "name": "int"}}
    task = {"kind": "struct", "name": "task_struct"}
    assert fields["parent"] == {"offset": 8, "type": {"kind": "pointer", "subtype": task}}
    char = {"kind": "base", "name": "char"}
    assert fields["comm"] == {"offset": 16, "type": {"kind": "array", "count": 16, "subtype": char}}


def test_a_union_without_a_name_can_be_looked_through(made):
    field = made["user_types"]["task_struct"]["fields"]["unnamed_field_3"]
    assert (field["offset"], field["anonymous"], field["type"]["kind"]) == (40, True, "union")
    inner = made["user_types"][field["type"]["name"]]
    assert (inner["kind"], sorted(inner["fields"])) == ("union", ["low", "whole"])


def test_bits_lie_in_the_word_of_their_type(made):
    fields = made["user_types"]["flags"]["fields"]
    number = {"kind": "base", "name": "int"}
    assert fields["on"] == {
        "offset": 4, "type": {"kind": "bitfield", "bit_position": 1, "bit_length": 1, "type": number}
    }  # fmt: skip
    assert fields["level"]["type"]["bit_position"] == 2
    assert fields["plain"] == {"offset": 8, "type": number}


def test_numbers_and_constants_have_sign_and_size(made):
    assert made["base_types"]["int"] == {"kind": "int", "size": 4, "signed": True, "endian": "little"}
    assert made["base_types"]["long unsigned int"]["signed"] is False
    kinds = {name: made["base_types"][name]["kind"] for name in ("char", "_Bool", "double", "void")}
    assert kinds == {"char": "char", "_Bool": "bool", "double": "float", "void": "void"}
    assert made["enums"]["state"]["constants"] == {"DEAD": -1, "ALIVE": 1}
    assert made["enums"]["wide"]["constants"] == {"HIGH": (1 << 32) + 5}


def test_addresses_are_those_of_a_kernel_that_was_not_moved(made):
    assert made["symbols"]["_text"]["address"] == 0xFFFFFFFF81000000
    assert made["symbols"]["init_task"]["address"] == 0xFFFFFFFF81100000
    assert made["symbols"]["current_task"]["address"] == 0x1234, "an offset into a processor's memory does not move"


def test_variables_have_the_types_that_are_known(made):
    symbols = made["symbols"]
    assert symbols["init_task"]["type"] == {"kind": "struct", "name": "task_struct"}
    assert symbols["current_task"]["type"]["kind"] == "pointer"
    assert symbols["taint_flags"]["type"] == {
        "kind": "array", "count": 18, "subtype": {"kind": "struct", "name": "taint_flag"}
    }  # fmt: skip
    assert symbols["idt_table"]["type"]["count"] == 4, "as many as fit up to the next symbol"
    assert sorted(made["user_types"][symbols["tk_core"]["type"]["name"]]["fields"]) == ["seq", "timekeeper"]
    assert symbols["nothing_known"]["type"] == {"kind": "base", "name": "void"}


def test_the_banner_is_the_version_to_the_last_byte(made):
    symbol = made["symbols"]["linux_banner"]
    assert base64.b64decode(symbol["constant_data"]) == VERSION + b"\0"
    assert symbol["type"]["count"] == len(VERSION) + 1


def test_of_two_symbols_with_one_name_the_visible_one_counts_and_modules_do_not(blob):
    more = (f"{0xFFFFFFFF81300100 + MOVED:x} d modules", f"{0xFFFFFFFF81300200 + MOVED:x} D modules",
            "ffffffffc0000000 t inner\t[evil]", "ffffffffc0000001 T modules\t[evil]")  # fmt: skip
    symbols = isf.table(blob.done(), listed(*more), VERSION)["symbols"]
    assert symbols["modules"]["address"] == 0xFFFFFFFF81300200
    assert "inner" not in symbols


def test_of_two_structures_with_one_name_the_one_with_more_members_counts(blob):
    blob.structure("taint_flag", 9)
    assert isf.table(blob.done(), listed(), VERSION)["user_types"]["taint_flag"]["size"] == 3


def test_every_known_type_is_a_declaration():
    numbers = {"int", "unsigned int", "char", "long unsigned int", "void"}
    for name, declared in known.TYPES.items():
        matched = isf._DECLARED.fullmatch(declared)
        assert matched, name
        assert matched.group(1) or matched.group(2) in numbers, f"{name}: no compiler calls a number {declared!r}"
    assert known.UNNAMED.keys() <= known.TYPES.keys()


def chain(kind):
    made = Blob()
    made.add(btf.VAR, "endless", 2, struct.pack("<I", 1))
    made.add(kind, "", 2, struct.pack("<III", 2, 2, 1) if kind == btf.ARRAY else b"")
    return made.done()


def one(kind, after=b"", *, number=0, members=0, name=0, flag=0):
    types = struct.pack("<III", name, kind << 24 | members | flag, number) + after
    return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), 1) + types + b"\0"


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "too short"),
        (b"\xeb\x9f" + bytes(30), "magic 0x9feb"),
        (struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 1 << 31, 0, 1), "behind its end"),
        (struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 0, 0, 0), "strings"),
        (struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 5, 5, 1) + bytes(6), "type 1 is cut off"),
        (one(btf.STRUCT, bytes(12), members=2), "type 1 is cut off"),
        (one(31), "unknown kind 31"),
        (one(0), "unknown kind 0"),
        (one(btf.PTR, name=77), "no string at 77"),
        (one(btf.VAR, bytes(4), number=9), "no type 9"),
        (one(btf.ENUM, number=3), "an enumeration of 3 bytes"),
        (one(btf.STRUCT, struct.pack("<III", 0, 0, 1 << 24), members=1, number=1, flag=STRUCT_FLAG), "is no number"),
        (chain(btf.PTR), "a chain of types without end"),
        (chain(btf.ARRAY), "a chain of types without end"),
        (chain(btf.TYPEDEF), "stands for itself"),
        (chain(btf.CONST), "stands for itself"),
    ],
)  # fmt: skip
def test_types_that_contradict_themselves_are_refused_in_words(data, reason):
    with pytest.raises(NotPossible, match=reason):
        isf.table(data, listed(), VERSION)


def test_no_cut_and_no_flipped_byte_gives_anything_but_a_table_or_a_refusal(blob):
    whole, ended = blob.done(), set()
    for at in range(len(whole)):
        for data in (whole[:at], whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]):
            try:
                ended.add(type(isf.table(data, listed(), VERSION)))
            except NotPossible:
                ended.add(NotPossible)
    assert ended == {dict, NotPossible}


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"0000000000000000 T _text\n0000000000000000 T x\n", "every address is zero"),
        (b"ffffffff81000000 T x\n", "no _text"),
        (b"zz T _text\n", "line 1 is none"),
        (b"ffffffff81000000 T _text\nffffffff81000000\n", "line 2 is none"),
        (b"1ffffffff81000000f T _text\n", "line 1 is none"),
        (b"", "every address is zero"),
    ],
)
def test_symbols_that_say_nothing_are_refused_in_words(data, reason):
    with pytest.raises(NotPossible, match=reason):
        kallsyms.read(data)


@pytest.mark.parametrize("version", [b"", b"Linux\n", b"Linux version " + bytes(5000)])
def test_a_version_that_is_none_is_refused(blob, version):
    with pytest.raises(NotPossible, match="version does not look like one"):
        isf.table(blob.done(), listed(), version)


def packed(path, **files):
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_the_archive_of_a_capture_becomes_a_table(blob, tmp_path):
    path = packed(tmp_path / "symbols.tar", sys__kernel__btf__vmlinux=blob.done(), proc__kallsyms=listed(),
                  proc__version=VERSION, proc__iomem=b"")  # fmt: skip
    assert json.loads(isf.of_archive(path)) == isf.table(blob.done(), listed(), VERSION)


def test_an_archive_that_lacks_something_says_what(blob, tmp_path):
    path = packed(tmp_path / "symbols.tar", sys__kernel__btf__vmlinux=blob.done(), proc__version=VERSION)
    with pytest.raises(NotPossible, match="lacks proc/kallsyms"):
        isf.of_archive(path)
    (tmp_path / "none.tar").write_bytes(b"\x1f\x8b" + bytes(600))
    with pytest.raises(NotPossible, match="cannot be read"):
        isf.of_archive(tmp_path / "none.tar")
