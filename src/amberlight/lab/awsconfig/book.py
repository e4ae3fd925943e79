"""Every configuration item of an account and Region, by resource, and what is known to exist."""

from __future__ import annotations

from collections.abc import Iterator

from amberlight.lab.awsconfig.item import Item, Reading


class Book:
    """Items as they were recorded; nothing is ever taken out."""

    def __init__(self, account: str, region: str) -> None:
        self.place = (account, region)
        self._items: dict[tuple[str, str], list[Item]] = {}
        self._by_reference: dict[tuple[str, str], str] = {}

    def find(self, kind: str, reference: str) -> Item | None:
        """The last item of the resource with that id, name or ARN."""
        found = self._items.get((kind, self._by_reference.get((kind, reference), reference)))
        return found[-1] if found else None

    def history(self, kind: str, ident: str) -> list[Item]:
        """All items of a resource, oldest first."""
        return self._items.get((kind, ident), [])

    def latest(self) -> Iterator[Item]:
        """The last item of each resource, deleted ones too."""
        return (items[-1] for items in self._items.values())

    def add(self, kind: str, reading: Reading | None, now: float, *, last: Item | None, found: bool = False) -> Item:
        """Write the next item after *last*; without a reading the resource is gone.

        Raises:
            RuntimeError: There is neither.
        """
        if reading is None and last is None:
            raise RuntimeError(f"nothing is known of a {kind} that is gone")
        status = "ResourceDeleted" if reading is None else "ResourceDiscovered"
        if reading is not None and last is not None and not last.deleted:
            status = "OK"
        state = max(int(now * 1000), last.state_id + 1 if last else 0)
        kept = reading or (last.reading if last else None)
        item = Item(
            account=self.place[0],
            type=kind,
            status=status,
            captured=now,
            state_id=state,
            reading=_known(kept),
            found=found,
        )
        self._items.setdefault(item.key, []).append(item)
        for reference in (item.reading.name, item.reading.arn):
            if reference:
                self._by_reference[kind, reference] = item.reading.id
        return item


def _known(reading: Reading | None) -> Reading:
    assert reading is not None  # noqa: S101 (checked by the caller)
    return reading
