"""What an attack on the vault is: the target, one way in, and the settings as they stood before.

What would really change something if it were let through is either harmless by itself (a statement that denies, a key that
holds nothing), or can be put back (`Attack.undo`), or is asked for in a form that the service refuses to whoever may ask
(`Attack.through`): a policy that is none. The canary is the only object that is named.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from amberlight._aws import Door
from amberlight.model.custody import Stored

EVERYBODY_INSIDE = "*"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The bucket's settings as they stand: policy text, Object Lock configuration, lifecycle rules, and what else is set."""

    policy: str
    lock: dict[str, Any]
    lifecycle: tuple[dict[str, Any], ...] = ()
    public_access: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is attacked.

    `stored` is the canary. What is empty is not attacked. `roles` are the ARNs of the working roles, which the hub may take
    on; `deployer` is the ARN of the role that nobody may take on without a second factor. `trail` is the ARN of the vault account's own trail, and may be
    deleted only where it is `expendable`: a trail can be switched on again, but not brought back.
    """

    bucket: str
    stored: Stored
    account: str = ""
    signing_key: str = ""
    data_key: str = ""
    trail: str = ""
    roles: tuple[str, ...] = ()
    deployer: str = ""
    expendable: bool = False

    @property
    def prefix(self) -> str:
        """Where new objects of the attack would lie: beside the canary."""
        return self.stored.key.rpartition("/")[0]


Undo = Callable[[Door, Target, Standing, dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One way in.

    Args:
        action: What it is called.
        operation: The call, `service.Operation`.
        parameters: Its parameters.
        undo: Puts back what was let through.
        lawful: Roles whose work this is: nothing is proved by trying. `*` stands for every principal of the vault account.
        inside: Only somebody of the vault account can name the thing at all.
        through: Error codes that are said only to who was let through.
    """

    action: str
    operation: str
    parameters: dict[str, Any]
    undo: Undo | None = None
    lawful: frozenset[str] = field(default_factory=frozenset)
    inside: bool = False
    through: frozenset[str] = field(default_factory=frozenset)


def denial(target: Target) -> str:
    """A policy that takes nothing and gives nothing: it denies what nobody does."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteBucket",
        "Resource": f"arn:aws:s3:::{target.bucket}",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
