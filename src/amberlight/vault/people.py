"""Two people's word over one statement, given with the keys that they have: `ssh-keygen -Y sign`, or minisign.

Who may sign stands in a text of `ssh-keygen`'s own form, one line a person (`name namespaces="…" ssh-ed25519 AAAA…`, or
`name namespaces="…" minisign RWQ…`, see `minisign`). `ssh-keygen` checks signature, name, namespace and period of its own;
here it is seen that two *different* people signed: two names with one key are one person, and so is one name with two,
of one kind or of both.

References:
    ssh-keygen(1), OpenSSH 9: "-Y verify", ALLOWED SIGNERS.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amberlight.model.errors import ApprovalMissing, ConfigError, NotPossible
from amberlight.vault import minisign

NAMESPACE = "amberlight-hold-release"
PEOPLE = 2
VERIFY_S = 20
GOOD = re.compile(r'^Good "(?P<namespace>[^"]+)" signature for (?P<name>\S+) with \S+ key (?P<key>SHA256:\S+)$')
NAME = re.compile(r"[A-Za-z0-9][\w.@+-]{0,127}")


@dataclass(frozen=True, kw_only=True)
class Signature:
    """Somebody's signature: who it is said to be, and what `ssh-keygen -Y sign` or `minisign -S` wrote."""

    name: str
    armored: bytes


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody whose signature is good: name, and fingerprint of the key as ssh-keygen writes it."""

    name: str
    key: str


def agreed(
    statement: bytes, signatures: Sequence[Signature], allowed: bytes, *, run: Callable[..., Any] = subprocess.run
) -> tuple[Person, ...]:
    """The people whose word this is; at least two.

    Args:
        statement: The exact bytes that were signed.
        signatures: What was handed in.
        allowed: The allowed-signers text.
        run: Starts a program.

    Raises:
        ApprovalMissing: a signature is not good, or fewer than two different people signed.
        ConfigError: a name is none, or a line about minisign in the list cannot be read.
        NotPossible: there is no ssh-keygen here, and a signature of its kind.
    """
    people = tuple(_good(statement, each, allowed, run) for each in signatures)
    names, keys = {each.name.lower() for each in people}, {each.key for each in people}
    if min(len(names), len(keys)) < PEOPLE:
        raise ApprovalMissing(
            f"{min(len(names), len(keys))} of {PEOPLE} people signed.",
            f"Let another person sign the same file: ssh-keygen -Y sign -n {NAMESPACE} -f KEY FILE, or "
            f"minisign -S -t {NAMESPACE} -m FILE.",
        )
    return people


def _good(statement: bytes, signature: Signature, allowed: bytes, run: Callable[..., Any]) -> Person:
    if not NAME.fullmatch(signature.name):
        raise ConfigError("A signer's name has characters that no name has.", "Name the person as the list does.")
    others, keys = minisign.split(allowed, NAMESPACE)
    if signature.armored.startswith(minisign.START):
        return _good_minisign(statement, signature, keys)
    return _good_ssh(statement, signature, others, run)


def _good_minisign(statement: bytes, signature: Signature, keys: tuple[minisign.Key, ...]) -> Person:
    try:
        key = minisign.signer(statement, signature.armored, signature.name, keys, NAMESPACE)
    except minisign.NotGood as problem:
        raise ApprovalMissing(
            f"The signature of {signature.name} over this statement is not good: {problem}.",
            f"Look whether it was made over exactly these bytes, with minisign -S -t {NAMESPACE}, by a key of the list.",
        ) from problem
    return Person(name=key.name, key=key.fingerprint)


def _good_ssh(statement: bytes, signature: Signature, allowed: bytes, run: Callable[..., Any]) -> Person:
    with tempfile.TemporaryDirectory() as folder:
        signers, armored = Path(folder) / "allowed", Path(folder) / "signature"
        signers.write_bytes(allowed)
        armored.write_bytes(signature.armored)
        argv = ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-I", signature.name]
        try:
            done = run(
                [*argv, "-f", str(signers), "-s", str(armored)],
                input=statement,
                capture_output=True,
                timeout=VERIFY_S,
                check=False,
            )
        except (FileNotFoundError, subprocess.TimeoutExpired) as problem:
            raise NotPossible(
                "ssh-keygen does not run here.", "Install OpenSSH; it checks the signatures."
            ) from problem
    said = GOOD.match(done.stdout.decode(errors="replace").strip())
    if done.returncode or said is None or (said["namespace"], said["name"]) != (NAMESPACE, signature.name):
        raise ApprovalMissing(
            f"The signature of {signature.name} over this statement is not good.",
            "Look whether it was made over exactly these bytes, by a key and within a period that the list allows.",
        )
    return Person(name=signature.name, key=said["key"])
