"""Three accounts: ids from the seed, secrets from the system's randomness."""

from __future__ import annotations

import dataclasses
import random
import secrets
import string
from typing import Any

from amberlight.lab import hooks

NAMES = ("prod", "security", "vault")
"""Production, the response team's tooling, the evidence vault."""

_KEY_ALPHABET = string.ascii_uppercase + "234567"


@dataclasses.dataclass(frozen=True)
class LabCredentials:
    """An access key; with a session token when it is temporary."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


@dataclasses.dataclass(frozen=True)
class LabAccount:
    """One account of the lab with its administrator (an IAM user) and its root user."""

    id: str
    admin: LabCredentials
    root: LabCredentials

    def to_dict(self) -> dict[str, Any]:
        """The account as `lab up --json` prints it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LabAccount:
        """The account that `to_dict` wrote."""
        return cls(data["id"], LabCredentials(**data["admin"]), LabCredentials(**data["root"]))


def invent(seed: int) -> dict[str, LabAccount]:
    """The accounts of a lab with this seed."""
    # Ids repeat for the same seed so that runs can be compared; they are no secret.
    chance = random.Random(f"amberlight-lab-{seed}")  # noqa: S311
    return {name: _account(chance) for name in NAMES}


def _account(chance: random.Random) -> LabAccount:
    number = str(chance.randrange(1, 10)) + "".join(chance.choices(string.digits, k=11))
    admin, root = ("AKIA" + "".join(chance.choices(_KEY_ALPHABET, k=16)) for _ in range(2))
    return LabAccount(number, _credentials(admin), _credentials(root))


def _credentials(key: str) -> LabCredentials:
    return LabCredentials(key, secrets.token_urlsafe(30))


async def set_up(account: LabAccount, region: str) -> None:
    """Make the administrator of one account inside the emulator; nothing of it is recorded."""

    async def iam(operation: str, **params: str) -> dict[str, Any]:
        return await hooks.call(account.id, region, "iam", operation, **params)

    await iam("CreateUser", UserName="admin")
    await iam("AttachUserPolicy", UserName="admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    made = (await iam("CreateAccessKey", UserName="admin"))["AccessKey"]
    keys = hooks.service("iam")._access_keys
    with hooks.acting_for(account.id, region):
        record = keys.pop(made["AccessKeyId"])
        record["AccessKeyId"], record["SecretAccessKey"] = account.admin.access_key_id, account.admin.secret_access_key
        keys[account.admin.access_key_id] = record
