"""minisign's signatures: vectors that minisign 0.11 made, the program itself, and people with keys of two kinds."""

import base64
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from amberlight.model.errors import ApprovalMissing, ConfigError
from amberlight.vault.people import NAMESPACE, Signature, agreed

STATEMENT = b'{"case":"c"}'
ADA = "RWS1zGdv7zK9/HnChvoI9nXLDHtJHz6lslqTcRxncBvPFcGCWdgOBcPF"
LEO = "RWRb4G0W84+9FygczXNZpUJNk9VJQ3wOGCAviNEhfyoaT2l1JttIhx4E"
BY_ADA = b"""untrusted comment: signature from minisign secret key
RUS1zGdv7zK9/ApEj148JkcOok47/cFPDvJJ2Z/OmZyNBhBV5Ia9HOrt/yfIprMPqOR/1N1J/Y8IPieU5WiTuMa1XPf/TSpOPgw=
trusted comment: amberlight-hold-release
G1szKmHHBlAlANZWeH7G71ykVworPqoAFsVvywHSt6uKs+1Dgmwr5tbkzqQd04twynGo8WSy2zcKNNKI+mudAw==
"""  # minisign -S: hashed first (ED)
BY_LEO = b"""untrusted comment: signature from minisign secret key
RWRb4G0W84+9FzHz/dU6APGvRMvBt7ydSgw9LBuZhoUiks3asmOhqR87ZVBUBBXU0Wavg0gj8BHVs7Y10hWEY4YxUY1RjebdQAI=
trusted comment: amberlight-hold-release 2026-11-24
cbvzvJQE0ibwD35qObFcp1NRzo0ahInERWL98YODHQrr82vwh4v+MQmmPGPsHrSR1sBsxXhPlYCZJ4HawmPgAg==
"""  # minisign -S -l: legacy (Ed)
BY_LEO_FOR_ANYTHING = b"""untrusted comment: signature from minisign secret key
RURb4G0W84+9F5vZYgZe465YBdonQR4BUfwDPNX4Em4AiHhQLO3JtZRldyWIe78FP8l/lZuJbty2cSMmd8EfoGaBNHa0evvFpQA=
trusted comment: timestamp:1795520280\tfile:st\thashed
3t6lgiRGaXuyH9d/jV8+OiXn1cSup+ExK+N1edFCLzjJINbXIBXMByqY4gxby1cuE4gzykd5FUCSd0g3dI8MBw==
"""
LIST = f'ada@x namespaces="{NAMESPACE}" minisign {ADA}\n# leo@x minisign {ADA}\n\nleo@x minisign {LEO} his laptop\n'.encode()
needs_ssh = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="no ssh-keygen")
needs_minisign = pytest.mark.skipif(not shutil.which("minisign"), reason="no minisign")


def by(name, armored):
    return Signature(name=name, armored=armored)


def no_program(*args, **kwargs):
    raise FileNotFoundError


def test_two_people_agree_without_any_program():
    people = agreed(STATEMENT, [by("ada@x", BY_ADA), by("leo@x", BY_LEO)], LIST, run=no_program)
    assert [each.name for each in people] == ["ada@x", "leo@x"]
    assert all(each.key.startswith("SHA256:") for each in people)
    windows = [
        by(each.name, each.armored.replace(b"\n", b"\r\n")) for each in (by("ada@x", BY_ADA), by("leo@x", BY_LEO))
    ]
    assert agreed(STATEMENT, windows, LIST) == people


@pytest.mark.parametrize("second", [
    by("leo@x", BY_ADA),  # Ada's under Leo's name
    by("eve@x", BY_LEO),  # a name that is not in the list
    by("leo@x", BY_LEO_FOR_ANYTHING),  # given for another purpose
    by("leo@x", BY_LEO.replace(b"2026-11-24", b"2026-11-25")),  # the comment changed
    by("leo@x", BY_LEO.replace(b"RWRb", b"RURb")),  # the algorithm changed
    by("leo@x", b"".join([*BY_LEO.splitlines(keepends=True)[:3], *BY_ADA.splitlines(keepends=True)[3:]])),
    by("leo@x", b"\n".join(BY_LEO.splitlines()[:2])),
    by("leo@x", BY_LEO + b"\n"),
    by("leo@x", BY_LEO + b"x" * 9000),
    by("leo@x", b"untrusted comment: \n"),
    by("leo@x", BY_LEO.replace(b"\ntrusted comment: ", b"\ncomment: ", 1)),
    by("leo@x", BY_LEO.replace(b"RWRb", b"RXRb")),
], ids=["borrowed", "stranger", "purpose", "comment", "algorithm", "global", "half", "line more", "large", "nothing", "third line",
       "no algorithm"])  # fmt: skip
def test_a_signature_that_is_not_good_does_not_count(second):
    with pytest.raises(ApprovalMissing, match="not good"):
        agreed(STATEMENT, [by("ada@x", BY_ADA), second], LIST, run=no_program)


def test_another_statement_is_not_what_was_signed():
    for name, armored in (("ada@x", BY_ADA), ("leo@x", BY_LEO)):
        with pytest.raises(ApprovalMissing, match="not good"):
            agreed(STATEMENT + b" ", [by(name, armored)], LIST, run=no_program)


@pytest.mark.parametrize("line", [1, 3])
def test_no_character_of_what_is_signed_is_free(line):
    lines = BY_LEO.splitlines(keepends=True)
    for at in range(len(lines[line]) - 1):
        other = b"A" if lines[line][at : at + 1] != b"A" else b"B"
        changed = lines[line][:at] + other + lines[line][at + 1 :]
        whole = b"".join([*lines[:line], changed, *lines[line + 1 :]])
        with pytest.raises(ApprovalMissing, match="not good"):
            agreed(STATEMENT, [by("leo@x", whole)], LIST, run=no_program)


@pytest.mark.parametrize("text", [
    f"leo@x valid-before=20200101 minisign {LEO}\n", f"leo@x cert-authority minisign {LEO}\n", "leo@x minisign RWQ\n",
    f"leo@x minisign {LEO[:-4]}\n", f"leo@x minisign {LEO}=\n", "leo@x minisign " + "A" * 56,
])  # fmt: skip
def test_a_line_that_is_not_understood_is_an_error(text):
    with pytest.raises(ConfigError):
        agreed(STATEMENT, [by("ada@x", BY_ADA), by("leo@x", BY_LEO)], LIST + text.encode())


def test_a_key_for_another_purpose_does_not_count():
    other = LIST.replace(NAMESPACE.encode(), b"file,git")
    with pytest.raises(ApprovalMissing, match="not good"):
        agreed(STATEMENT, [by("ada@x", BY_ADA)], other)
    both = LIST.replace(NAMESPACE.encode(), f"file,{NAMESPACE}".encode())
    assert len(agreed(STATEMENT, [by("ada@x", BY_ADA), by("leo@x", BY_LEO)], both)) == 2


def test_two_names_with_one_key_are_one_person():
    shared = LIST + f"leo@x minisign {ADA}\n".encode()
    with pytest.raises(ApprovalMissing, match="1 of 2"):
        agreed(STATEMENT, [by("ada@x", BY_ADA), by("leo@x", BY_ADA)], shared)


def ssh_pair(folder, name, key=None):
    """A new SSH key's file and public line, or those of a given Ed25519 key."""
    if key is None:
        key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    (folder / name).write_bytes(private)
    (folder / name).chmod(0o600)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return folder / name, public


def ssh_sign(path, name):
    argv = ["ssh-keygen", "-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(path)]
    return by(name, subprocess.run(argv, input=STATEMENT, capture_output=True, check=True, timeout=20).stdout)


@needs_ssh
def test_one_with_ssh_and_one_with_minisign_are_two(tmp_path):
    path, public = ssh_pair(tmp_path, "leo")
    people = agreed(STATEMENT, [by("ada@x", BY_ADA), ssh_sign(path, "leo@x")], LIST + b"leo@x " + public + b"\n")
    assert [each.name for each in people] == ["ada@x", "leo@x"]


@needs_ssh
@pytest.mark.parametrize("name", ["ada@x", "ADA@x"])
def test_one_person_with_two_kinds_of_key_is_one(tmp_path, name):
    path, public = ssh_pair(tmp_path, "ada")
    allowed = LIST + name.encode() + b" " + public + b"\n"
    with pytest.raises(ApprovalMissing, match="1 of 2"):
        agreed(STATEMENT, [by("ada@x", BY_ADA), ssh_sign(path, name)], allowed)


@needs_ssh
def test_one_key_in_both_forms_is_one_person(tmp_path):
    key = Ed25519PrivateKey.generate()
    path, public = ssh_pair(tmp_path, "both", key)
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    made, comment = key.sign(STATEMENT), NAMESPACE.encode()
    lines = [b"untrusted comment: x", base64.b64encode(b"Ed" + bytes(8) + made), b"trusted comment: " + comment,
             base64.b64encode(key.sign(made + comment)), b""]  # fmt: skip
    allowed = b"ada@x minisign " + base64.b64encode(b"Ed" + bytes(8) + raw) + b"\nleo@x " + public + b"\n"
    with pytest.raises(ApprovalMissing, match="1 of 2"):
        agreed(STATEMENT, [by("ada@x", b"\n".join(lines)), ssh_sign(path, "leo@x")], allowed)


@needs_minisign
@pytest.mark.parametrize("legacy", [[], ["-l"]], ids=["hashed", "legacy"])
def test_what_the_program_signs_is_good_here(tmp_path, legacy):
    def do(*argv):
        subprocess.run(["minisign", *argv], cwd=tmp_path, check=True, capture_output=True, timeout=20)

    (tmp_path / "statement").write_bytes(STATEMENT)
    given, lines = [], b""
    for name in ("ada", "leo"):
        do("-G", "-W", "-p", f"{name}.pub", "-s", f"{name}.key")
        do("-S", *legacy, "-s", f"{name}.key", "-m", "statement", "-x", f"{name}.sig", "-t", NAMESPACE)
        do("-V", "-p", f"{name}.pub", "-m", "statement", "-x", f"{name}.sig")
        given.append(by(name, (tmp_path / f"{name}.sig").read_bytes()))
        lines += f"{name} minisign {(tmp_path / f'{name}.pub').read_text().splitlines()[1]}\n".encode()
    assert [each.name for each in agreed(STATEMENT, given, lines)] == ["ada", "leo"]
    with pytest.raises(ApprovalMissing, match="not good"):
        agreed(STATEMENT + b"x", given, lines)
