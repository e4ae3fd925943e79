"""Whose access key an id is, and when it was last used: asked as soon as somebody reports one.

Both calls are reads that the account's own trail records; they name the key, so an attacker who reads the trail sees that
somebody asked. GetAccessKeyInfo tells the account of any key of anybody; GetAccessKeyLastUsed tells the user of a key of the
account that asks.

References:
    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from amberlight._aws import Door
from amberlight.aware.envelope import KEY
from amberlight.model.errors import AmberlightError
from amberlight.model.signals import Signal

CALLS = frozenset({"sts.GetAccessKeyInfo", "iam.GetAccessKeyLastUsed"})
NO_DOOR = "not looked up: no response plan with an account was given"


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a key; `problem` says what was not, and why."""

    key: str
    account: str = ""
    user: str = ""
    last_used: datetime | None = None
    service: str = ""
    region: str = ""
    problem: str = ""

    @property
    def words(self) -> str:
        """All of it in a line."""
        used = "never used" if self.user else ""
        if self.last_used:
            used = f"last used {self.last_used:%Y-%m-%d %H:%M} UTC for {self.service} in {self.region}"
        said = [f"account {self.account}" if self.account else "", f"user {self.user}" if self.user else "", used]
        return f"key {self.key}: {', '.join(filter(None, [*said, self.problem]))}"


def look_up(door: Door | None, key: str) -> Owner:
    """Ask for a key's account, user and last use; without a door nothing is asked, and that is said."""
    if door is None:
        return Owner(key=key, problem=NO_DOOR)
    account, unknown = account_of(door, key)
    if account and account != door.account:
        return Owner(
            key=key, account=account, problem=f"its user is not known: {door.account} was asked, not {account}"
        )
    try:
        answer = door.call("iam.GetAccessKeyLastUsed", AccessKeyId=key)
    except AmberlightError as problem:
        both = "; ".join(filter(None, [unknown, f"its user is not known: {problem.cause}"]))
        return Owner(key=key, account=account, problem=both)
    used = answer.get("AccessKeyLastUsed", {})
    return Owner(
        key=key,
        # IAM answers for keys of the account that asks alone.
        account=account or door.account,
        user=answer.get("UserName", ""),
        last_used=used.get("LastUsedDate"),
        service=used.get("ServiceName", ""),
        region=used.get("Region", ""),
        problem=unknown,
    )


def account_of(door: Door, key: str) -> tuple[str, str]:
    """The account of a key, or empty and why it is not known: the user may be known all the same."""
    try:
        return str(door.call("sts.GetAccessKeyInfo", AccessKeyId=key)["Account"]), ""
    except AmberlightError as problem:
        return "", f"STS did not say its account: {problem.cause}"


def keys_of(signal: Signal) -> tuple[str, ...]:
    """Ids of access keys among a signal's resources."""
    return tuple(dict.fromkeys(key for one in signal.resources if one.startswith("key/") for key in KEY.findall(one)))


def with_owners(signal: Signal, owners: Iterable[Owner]) -> Signal:
    """The signal with what was found of its keys: the users join its principals, so that triage finds their calls."""
    found = tuple(owners)
    users = [f"arn:aws:iam::{one.account}:user/{one.user}" for one in found if one.user]
    named = [f"user/{one.user}@us-east-1" for one in found if one.user]
    return msgspec.structs.replace(
        signal,
        principals=tuple(dict.fromkeys([*signal.principals, *users])),
        resources=tuple(dict.fromkeys([*signal.resources, *named])),
        account=signal.account or next((one.account for one in found if one.account), ""),
        reason="; ".join([signal.reason, *(one.words for one in found)]),
    )
