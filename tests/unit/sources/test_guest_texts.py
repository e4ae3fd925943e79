"""The texts that are sent to hosts: for old Pythons, small enough for a command, and at peace with the common part."""

import ast

import pytest

from amberlight.capture import slots
from amberlight.capture.catalogue import guest

SCRIPTS = ("linux_process_memory", "packets", "linux_triage", "kcore_lime", "kernel_symbols")


def names(text):
    """What a text defines at its top, and the modules it imports."""
    defined, modules = set(), set()
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined |= {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    return defined, modules


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_replaces_nothing_of_the_common_part(name):
    ours, modules = names(guest(name))
    theirs, their_modules = names(guest("common"))
    assert ours & (theirs | their_modules) <= {"TYPE_CHECKING"}
    assert modules & theirs == set()


@pytest.mark.parametrize("name", SCRIPTS)
def test_python_3_6_can_read_it(name):
    ast.parse(guest("common") + guest(name), feature_version=(3, 6))


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_fits_into_one_command_with_room_for_the_grant(name):
    sealed = {"box": "x" * 4000, "public": "f" * 512, "tag": "0" * 64}
    text = slots.command(guest(name), {"arguments": {"max_bytes": 1 << 30}, "sealed": sealed}, "E0123456789ab")
    assert len(text.encode()) < slots.COMMAND_BYTES


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_says_nothing_of_what_it_is_for(name):
    text = guest(name).lower()
    assert not any(word in text for word in ("incident", "forensic", "evidence", "attacker"))
