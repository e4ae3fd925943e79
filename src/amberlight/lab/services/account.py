"""Account Management: the alternate contacts of an account, whom AWS tells of abuse, bills and incidents.

The management account of the organisation (in the lab: `security`) may name a member's account, a member only its own by naming
none.

References:
    GetAlternateContact, PutAlternateContact, DeleteAlternateContact, AWS Account Management API Reference, 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.own import Refused, extend
from amberlight.lab.world import World

KINDS = ("BILLING", "OPERATIONS", "SECURITY")
_FIELDS = {"Name": 64, "Title": 50, "EmailAddress": 254, "PhoneNumber": 25}
"""What a contact has, and how long it may be."""


class Contacts:
    """Contacts by account and kind."""

    def __init__(self, management: str, members: frozenset[str]) -> None:
        self._management = management
        self._members = members
        self._known: dict[tuple[str, str], dict[str, str]] = {}

    def _place(self, asked: Mapping[str, Any]) -> tuple[str, str]:
        caller, named, kind = hooks.current_account(), asked.get("AccountId"), str(asked["AlternateContactType"])
        if kind not in KINDS:
            raise _invalid(f"AlternateContactType must be one of {', '.join(KINDS)}.")
        if named is None:
            return caller, kind
        if caller != self._management or named not in self._members:
            raise Refused("AccessDeniedException", "You don't have the required access to the account that was named.",
                          403)  # fmt: skip
        if named == self._management:
            raise _invalid("The management account names its own account by leaving AccountId out.")
        return str(named), kind

    def get(self, asked: dict[str, Any]) -> dict[str, Any]:
        """GetAlternateContact."""
        place = self._place(asked)
        if place not in self._known:
            raise _missing(place[1])
        return {"AlternateContact": {"AlternateContactType": place[1], **self._known[place]}}

    def put(self, asked: dict[str, Any]) -> None:
        """PutAlternateContact."""
        for name, most in _FIELDS.items():
            if not 1 <= len(str(asked.get(name) or "")) <= most:
                raise _invalid(f"{name} must have 1 to {most} characters.")
        self._known[self._place(asked)] = {name: str(asked[name]) for name in _FIELDS}

    def delete(self, asked: dict[str, Any]) -> None:
        """DeleteAlternateContact."""
        place = self._place(asked)
        if self._known.pop(place, None) is None:
            raise _missing(place[1])


def _invalid(message: str) -> Refused:
    return Refused("ValidationException", message)


def _missing(kind: str) -> Refused:
    return Refused("ResourceNotFoundException", f"No contact of the type {kind} was found.", 404)


def install(world: World) -> None:
    """Serve the API."""
    contacts = Contacts(world.accounts["security"].id, frozenset(each.id for each in world.accounts.values()))
    extend("account", {
        "GetAlternateContact": contacts.get, "PutAlternateContact": contacts.put,
        "DeleteAlternateContact": contacts.delete,
    })  # fmt: skip
