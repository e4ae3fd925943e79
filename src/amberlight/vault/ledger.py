"""The custody ledger: one create-only object per act, a hash chain, a tree, and signed checkpoints.

Which act comes first is decided by the store: the next number belongs to whoever creates its object. A writer that loses
reads the winner's entry, checks that it continues the chain, and takes the number after it.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from typing import Any

import msgspec

from amberlight._aws import Clock
from amberlight.model.codec import canonical, loads, to_builtins
from amberlight.model.custody import Act, Checkpoint, Entry
from amberlight.model.errors import AmberlightError, ConfigError, IntegrityError, NotPossible
from amberlight.model.signals import Kind
from amberlight.vault.store import Exists, Found, Listed, Signer, Store
from amberlight.vault.tree import Tree

ENTRY_SCHEMA = "amberlight.ledger-entry/1"
CHECKPOINT_SCHEMA = "amberlight.checkpoint/1"
FIRST = "0" * 64
SAFE_INTEGER = 2**53 - 1
"""From: RFC 8785 section 3.2.2.3; larger numbers are written as text."""
DEPTH_MAX = 64
LAST_SORTED_ALIKE = "\ud7ff"


def plain(value: Any, depth: int = 0) -> Any:
    """The value in a form that every reader of canonical JSON writes alike.

    Fractions, numbers beyond its range, and text that is none become plain text.
    An act may quote what an intruder wrote; it must not be able to keep the act out of the ledger.
    """
    if depth > DEPTH_MAX:
        return "nested too deeply"
    if isinstance(value, dict):
        return {name(str(key)): plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, depth + 1) for each in value]
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > SAFE_INTEGER):
        return str(value)
    return value


def name(text: str) -> str:
    """A field's name; without characters that sort differently in UTF-8 and in UTF-16."""
    return "".join(each if each <= LAST_SORTED_ALIKE else ascii(each)[1:-1] for each in text)


class Ledger:
    """The ledger of one case. Safe for threads; safe beside other writers of the same case.

    Nothing is read or written before the first use. `store` must be able to read for that and after a lost race.
    """

    def __init__(
        self,
        store: Store,
        signer: Signer,
        *,
        case_id: str,
        kind: Kind,
        clock: Clock,
        actor: str,
        authority: str,
        tool: str,
    ) -> None:
        self.case_id = case_id
        self.kind = kind
        self._store = store
        self._signer = signer
        self._clock = clock
        self._words = {"actor": plain(actor), "authority": plain(authority), "tool": plain(tool)}
        self._lock = threading.RLock()
        self._entries: list[Entry] = []
        self._checkpoints: dict[int, Checkpoint] = {}
        self._tree = Tree()
        self._last = FIRST
        # Entries of which nobody heard whether the store took them; and those of them that were then found there.
        self._unsure: list[Entry] = []
        self._landed: list[Entry] = []
        self._opened = False

    def append(self, act: Act, what: dict[str, Any]) -> Entry:
        """Enter an act; returns when it is in the store.

        After an error the act may be in the store all the same: entered again, it is then found and not doubled.

        Raises:
            IntegrityError: another writer's entry does not continue the chain.
            Denied, Unreachable, DeliveryError: the store does not take it.
        """
        body = plain(to_builtins(what))
        with self._lock:
            self._open()
            while True:
                if known := self._heard_of(act, body):
                    return known
                entry = self._next(act, body)
                data = canonical(entry)
                try:
                    self._store.create(self._entry_key(entry.seq), data)
                except AmberlightError as problem:
                    self._unsure.append(entry)
                    if not isinstance(problem, Exists):
                        raise
                    self._take_other(entry.seq)
                    continue
                self._take(entry, data)
                return entry

    def checkpoint(self) -> Checkpoint:
        """Sign the head as it is now, and store it; the one that is there already if nothing was entered since.

        Raises:
            NotPossible: nothing was entered yet.
            IntegrityError: a checkpoint of this size says something else.
        """
        with self._lock:
            self._open()
            size = self._tree.size
            if not size:
                raise NotPossible("The ledger is empty.", "Enter an act first.")
            if size not in self._checkpoints:
                self._checkpoints[size] = self._store_checkpoint(self._sign(size))
            return self._checkpoints[size]

    def seal(self, what: dict[str, Any]) -> tuple[Entry, Checkpoint]:
        """Enter `sealed` and sign the head over exactly that entry, with no other of ours between."""
        with self._lock:
            return self.append("sealed", what), self.checkpoint()

    def entries(self) -> tuple[Entry, ...]:
        """All entries that this writer has written or met, in order."""
        with self._lock:
            self._open()
            return tuple(self._entries)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """All checkpoints that this writer has made or met, by size."""
        with self._lock:
            self._open()
            return tuple(self._checkpoints[size] for size in sorted(self._checkpoints))

    def _next(self, act: Act, body: dict[str, Any]) -> Entry:
        return Entry(
            schema=ENTRY_SCHEMA,
            case=self.case_id,
            kind=self.kind,
            seq=self._tree.size,
            previous=self._last,
            act=act,
            when=self._clock.now(),
            what=body,
            **self._words,
        )

    def _take(self, entry: Entry, data: bytes) -> None:
        self._entries.append(entry)
        self._tree.add(data)
        self._last = hashlib.sha256(data).hexdigest()

    def _open(self) -> None:
        if self._opened:
            return
        # Begun anew at each try, so that an opening that broke off leaves nothing half-known.
        self._entries, self._checkpoints, self._tree, self._last = [], {}, Tree(), FIRST
        for found in self._store.listing(f"cases/{self.case_id}/checkpoints/"):
            head = self._read_checkpoint(found)
            self._checkpoints[head.size] = head
        for found in self._store.listing(f"cases/{self.case_id}/ledger/"):
            self._take_up_to(found.key)
            self._take_found(found)
        longest = max(self._checkpoints, default=0)
        self._take_up_to(self._entry_key(longest))
        if longest > self._tree.size:
            raise broken(f"cases/{self.case_id}/ledger", "is shorter than its last checkpoint says")
        self._opened = True

    def _take_up_to(self, key: str) -> None:
        """Take what a listing beside busy writers left out: it may show a later entry and miss an earlier one."""
        while (expected := self._entry_key(self._tree.size)) < key and (there := self._store.look(expected)):
            self._take_found(there)

    def _heard_of(self, act: Act, body: dict[str, Any]) -> Entry | None:
        """An entry of ours that is there though we were not told; it answers for one repetition."""
        found = next((each for each in self._landed if (each.act, each.what) == (act, body)), None)
        if found is not None:
            self._landed.remove(found)
        return found

    def _take_other(self, seq: int) -> None:
        key = self._entry_key(seq)
        found = self._store.look(key)
        if found is None:
            raise broken(key, "was refused as existing and is not there")
        self._take_found(found)
        self._landed += [each for each in self._unsure if each == self._entries[-1]]
        self._unsure = [each for each in self._unsure if each.seq > seq]

    def _take_found(self, found: Listed) -> None:
        seq = self._tree.size
        if found.key != self._entry_key(seq):
            raise broken(found.key, f"stands where entry {seq} was expected")
        data = b"".join(self._store.read(found))
        entry = decoded(data, Entry, found.key)
        wanted = (ENTRY_SCHEMA, self.case_id, self.kind, seq, self._last)
        same = (entry.schema, entry.case, entry.kind, entry.seq, entry.previous) == wanted
        # What the verifier would refuse must not get as far as a package.
        if not same or plain(entry.what) != entry.what or canonical(entry) != data:
            raise broken(found.key, "does not continue the ledger")
        self._take(entry, data)
        head = self._checkpoints.get(self._tree.size)
        if head is not None and head.root != self._tree.root().hex():
            raise broken(found.key, "is not what a checkpoint was signed over")

    def _sign(self, size: int) -> Checkpoint:
        head = Checkpoint(
            schema=CHECKPOINT_SCHEMA,
            case=self.case_id,
            kind=self.kind,
            size=size,
            root=self._tree.root().hex(),
            last=self._last,
            when=self._clock.now(),
            key=self._signer.fingerprint,
        )
        signature = base64.b64encode(self._signer.sign(signed_bytes(head))).decode()
        return msgspec.structs.replace(head, signature=signature)

    def _store_checkpoint(self, head: Checkpoint) -> Checkpoint:
        key = f"cases/{self.case_id}/checkpoints/{head.size:08d}.json"
        try:
            self._store.create(key, canonical(head))
        except Exists:
            found = self._store.look(key)
            other = self._read_checkpoint(found) if found else head
            if found is None or (other.root, other.last, other.key) != (head.root, head.last, head.key):
                raise broken(key, "is another head of the same size") from None
            return other
        return head

    def _read_checkpoint(self, found: Found) -> Checkpoint:
        head: Checkpoint = decoded(b"".join(self._store.read(found)), Checkpoint, found.key)
        if (head.case, head.kind) != (self.case_id, self.kind):
            raise broken(found.key, "belongs to another case")
        return head

    def _entry_key(self, seq: int) -> str:
        return f"cases/{self.case_id}/ledger/{seq:08d}.json"


def signed_bytes(head: Checkpoint) -> bytes:
    """What a checkpoint's signature is over: its canonical form without the field `signature`."""
    fields = to_builtins(head)
    del fields["signature"]
    return canonical(fields)


def decoded(data: bytes, kind: type[Any], key: str) -> Any:
    """A record of the ledger.

    Raises:
        IntegrityError: it is none.
    """
    try:
        return loads(data, kind, key)
    except ConfigError as problem:
        raise broken(key, "cannot be read") from problem


def broken(key: str, what: str) -> IntegrityError:
    """The error for a ledger that is not what it should be."""
    return IntegrityError(f"{key} {what}.", "Stop, keep the vault as it is, and compare with the last checkpoint.")
