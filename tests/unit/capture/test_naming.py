"""Names that an attacker chose stay inside their folder, unique and visible."""

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amberlight.capture import naming
from amberlight.model.signals import Target


@pytest.mark.parametrize(
    "path",
    [
        "AWSLogs/111111111111/CloudTrail/us-east-1/2026/11/24/111111111111_CloudTrail_us-east-1_20261124T0000Z_a1B2.json.gz",
        "cloudtrail-keys/us-east-1.json",
        "i-0123456789abcdef0.tar",
    ],
)
def test_harmless_paths_are_kept(path):
    assert naming.artifact(path) == path


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "/etc/passwd", "a//b", "a/../b", "a/./b", "", ".", "CON", "a\x00b", "a\u202eb", "x/.ssh"],
)
def test_hostile_paths_are_changed_and_marked(path):
    safe = naming.artifact(path)

    assert safe != path
    assert "~" in safe
    assert ".." not in pathlib.PurePosixPath(safe).parts
    assert not safe.startswith("/")


@given(st.text(max_size=2000))
def test_any_text_becomes_a_short_plain_path(path):
    safe = naming.artifact(path)

    assert safe.isascii()
    assert safe.isprintable()
    assert len(safe) <= naming.LONGEST + naming.SEGMENT + 40
    parts = safe.split("/")
    assert all(part and part.strip(".") and len(part) <= naming.LONGEST for part in parts)


@given(st.text(max_size=50), st.text(max_size=50))
def test_two_names_are_two_paths(one, other):
    assert (naming.artifact(one) == naming.artifact(other)) == (one == other)


def test_a_target_with_a_hostile_name_has_a_plain_folder():
    target = Target(type="bucket", account="111111111111", region="../us-east-1", name="../../x\n")

    folder = naming.folder("config.inventory", target)

    assert folder.count("/") == 3
    assert ".." not in folder.split("/")


def test_invisible_characters_are_written_out():
    assert naming.printable("a\x1b[31m\u202eb\n") == "a\\u001b[31m\\u202eb\\u000a"
    assert naming.printable("x" * 400).endswith("…")


def test_short_names_know_where_a_part_ends():
    assert naming.short("ab", "c") != naming.short("a", "bc")


def test_digests_and_their_sidecars_keep_their_names():
    name = f"123456789012_CloudTrail-Digest_ap-southeast-2_{'t' * 80}_ap-southeast-2_20260301T010000Z_backfill.json.gz"
    for path in (name, f"{name}.meta.json"):
        assert naming.artifact(f"AWSLogs/{path}") == f"AWSLogs/{path}"
