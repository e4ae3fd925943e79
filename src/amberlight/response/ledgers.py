"""The custody ledger of a case, as a response opens it: for a case that begins, or one that is in the vault already."""

from __future__ import annotations

from amberlight import __version__
from amberlight._aws import Clock
from amberlight.model.custody import Entry
from amberlight.model.errors import ConfigError
from amberlight.model.signals import Kind
from amberlight.vault import Ledger, Signer, Store
from amberlight.vault.ledger import decoded


def opened(
    store: Store, signer: Signer, *, case_id: str, kind: Kind, clock: Clock, authority: str, actor: str = "amberlight"
) -> Ledger:
    """The ledger of a case of that kind; what is there already is gone on with."""
    return Ledger(
        store,
        signer,
        case_id=case_id,
        kind=kind,
        clock=clock,
        actor=actor,
        authority=authority,
        tool=f"amberlight {__version__}",
    )


def reopened(store: Store, signer: Signer, case_id: str, clock: Clock, authority: str) -> Ledger:
    """The ledger of a case that is there already; its first entry says whether it is a drill.

    Raises:
        ConfigError: there is no such case.
        IntegrityError: its first entry cannot be read.
    """
    found = store.look(f"cases/{case_id}/ledger/{0:08d}.json")
    if found is None:
        raise ConfigError(f"The vault has no case {case_id}.", "Name it as `report/` and START-HERE do.")
    first: Entry = decoded(b"".join(store.read(found)), Entry, found.key)
    return opened(store, signer, case_id=case_id, kind=first.kind, clock=clock, authority=authority)
