"""What the actors know: names, addresses and keys, as the stage built them; crosses to their process in one file."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import msgspec

from amberlight.practice.actors import Keys

WEB_PORT = 8080
LISTENER_PORT = 8443
BEACON_PATH = "/var/tmp/.font-unix/fontsync"  # noqa: S108 - a path on the drill's host, chosen as intruders choose
LOADER_PATH = "/var/tmp/.font-unix/.fc-cache"  # noqa: S108 - deleted as soon as it has run
FIRST_NAMES = ("Ada", "Bela", "Chidi", "Dilan", "Edda", "Farid", "Greta", "Hiro", "Ida", "Jonas", "Kaia", "Luis")
LAST_NAMES = ("Aldermann", "Brook", "Castell", "Dunmore", "Eklund", "Falk", "Greer", "Holm", "Ivarsen", "Jarvi")
STREETS = ("Mill Lane", "Harbour Road", "Birch Street", "Station Square", "Old Market")


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that attack and background need."""

    seed: int
    lab: dict[str, Any]
    account: str
    region: str
    other_region: str
    customer_bucket: str
    artifact_bucket: str
    trail: str
    web_instance: str
    web_address: str
    image: str
    leaked: Keys
    deployer: Keys
    administrator: Keys
    automation_role: str
    truth: str

    @property
    def leaked_user(self) -> str:
        """The ARN whose key leaked."""
        return f"arn:aws:iam::{self.account}:user/build-agent"


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What only this run's intruder knows: looked for in the evidence afterwards."""

    user: str
    payload: str
    token: str
    nonce: str

    @property
    def session_key(self) -> str:
        """What the beacon computes when it connects; it is in no file and never on the wire, only in memory."""
        return session_key(self.token, self.nonce)

    @property
    def loader(self) -> str:
        """What the beacon's loader holds: made on the host, so that no command and no record has it, only the deleted file."""
        return "kindling-" + hashlib.sha256(f"loader:{self.token}".encode()).hexdigest()[:16]


def session_key(token: str, nonce: str) -> str:
    """The key that beacon and listener agree on; `host_beacon.py` computes the same."""
    return "bk-" + hashlib.sha256(f"{token}:{nonce}".encode()).hexdigest()


def invent(seed: int, chance: random.Random) -> Secrets:
    """Names follow from the seed so that runs compare; what is searched for in evidence is fresh in every run."""
    plausible = random.Random(f"leaked-key-{seed}")  # noqa: S311 - a name, not a secret
    return Secrets(
        user=plausible.choice(("svc-backup-sync", "support-sync", "metrics-relay")),
        payload=f"ember-{chance.getrandbits(64):016x}",
        token=f"{chance.getrandbits(96):024x}",
        nonce=f"{chance.getrandbits(96):024x}",
    )


def customers(seed: int, count: int = 48) -> dict[str, bytes]:
    """Invented customer records by key; nobody's data."""
    chance = random.Random(f"customers-{seed}")  # noqa: S311 - invented people
    found = {}
    for number in range(count):
        record = {
            "customer": number + 1,
            "name": f"{chance.choice(FIRST_NAMES)} {chance.choice(LAST_NAMES)}",
            "street": f"{chance.choice(STREETS)} {chance.randrange(1, 99)}",
            "mail": f"customer{number + 1}@shop.example",
            "invented": True,
        }
        found[f"customers/{number + 1:05d}.json"] = msgspec.json.encode(record)
    return found


def host_script(name: str) -> str:
    """The text of a program that runs on a host of the drill."""
    return (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")


def and_gone(path: str, token: str) -> str:
    """Shell text that writes a file (see `Secrets.loader`) on a host and deletes it again, as a loader that has done its work."""
    place = f'"$HOST_ROOT{path}"'
    program = "import hashlib, sys; print(hashlib.sha256(sys.argv[1].encode()).hexdigest()[:16])"
    made = f"kindling-$(python3 -c '{program}' 'loader:{token}')"
    return f"printf '%s\\n' '#!/bin/sh' \"# {made}\" > {place}\nsync {place}\nrm -f {place}\n"


def on_host(name: str, path: str, argument: str) -> str:
    """Shell text that writes a program to *path* on a host and starts it there, away from this shell."""
    folder, _, _ = path.rpartition("/")
    return (
        f'mkdir -p "$HOST_ROOT{folder}" && cd "$HOST_ROOT{folder}"\n'
        f"cat > \"$HOST_ROOT{path}\" <<'END-OF-PROGRAM'\n{host_script(name)}END-OF-PROGRAM\n"
        f"setsid python3 \"$HOST_ROOT{path}\" '{argument}' </dev/null >/dev/null 2>&1 &\n"
    )
