"""When something is recorded: after each call that changed something, and everything when a recorder starts.

A resource is read back as soon as the call is answered; changes that come while others wait become one item, as with AWS. What
changes by itself (an instance that starts) is read until it has settled. A stopped recorder records nothing, and what happened
meanwhile shows as one difference when it starts again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from amberlight.lab import clock
from amberlight.lab.awsconfig.book import Book
from amberlight.lab.awsconfig.item import GLOBAL, Item, Reading
from amberlight.lab.awsconfig.kind import Kind, Place, catalogue
from amberlight.lab.awsconfig.line import Line
from amberlight.lab.awsconfig.recorders import Setting, Settings, why_not
from amberlight.lab.recorder.history import Event

_LOOK_AGAIN_S = 0.5


class Engine:
    """Reads, compares, writes items, and tells others of them."""

    def __init__(self) -> None:
        self.kinds = catalogue()
        self.settings = Settings()
        self.told: list[Callable[[Setting, Item, Item | None], None]] = []
        """Called with each item and the one before it."""
        self._books: dict[tuple[str, str], Book] = {}
        self._line = Line("record")
        self._by_service: dict[str, list[Kind]] = {}
        for kind in self.kinds.values():
            self._by_service.setdefault(kind.service, []).append(kind)
        self._moving: dict[tuple[str, str, str, str], float] = {}

    def book(self, account: str, region: str) -> Book:
        """The items of an account and Region."""
        return self._books.setdefault((account, region), Book(account, region))

    def take(self, event: Event) -> None:
        """Read what an event changed."""
        call, record = event.call, event.record
        if event.data or call is None or record["readOnly"] or record.get("errorCode"):
            return
        running = self.settings.running(event.account)
        for kind in self._by_service.get(call.service, ()) if running else ():
            touched = list(dict.fromkeys(kind.touched(event)))
            for setting in running:
                if kind.everywhere or setting.region == event.region:
                    for reference in touched:
                        self._want(setting, kind, reference)

    def discover(self, setting: Setting) -> None:
        """Read all that there is, and all that was known."""
        for kind in self.kinds.values():
            self._line.add((setting.account, setting.region, kind.name), partial(self._find, setting, kind))

    async def settle(self) -> None:
        """Wait until everything that is known to have changed was read."""
        await self._line.idle()

    def tick(self) -> None:
        """Look again at what moves."""
        now = clock.now()
        for key, since in list(self._moving.items()):
            if now - since >= _LOOK_AGAIN_S:
                del self._moving[key]
                account, region, kind, ident = key
                self._want(self.settings.of(account, region), self.kinds[kind], ident)
        self._line.wake()

    def _want(self, setting: Setting, kind: Kind, reference: str, *, found: bool = False) -> None:
        if setting.recorder is not None and setting.recorder.records(kind):
            key = (setting.account, setting.region, kind.name, reference)
            self._line.add(key, partial(self._read, setting, kind, reference, found=found))

    async def _find(self, setting: Setting, kind: Kind) -> None:
        if not setting.running or setting.recorder is None or not setting.recorder.records(kind):
            return
        known = [item.reading.id for item in self.book(setting.account, setting.region).latest()
                 if item.type == kind.name and not item.deleted]  # fmt: skip
        for reference in [*await kind.every(Place(setting.account, setting.region)), *known]:
            self._want(setting, kind, reference, found=True)

    async def _read(self, setting: Setting, kind: Kind, reference: str, *, found: bool) -> None:
        recorder = setting.recorder
        if recorder is None or not recorder.recording:
            return
        problem = why_not(setting)
        recorder.note(clock.now(), problem)
        if problem is not None:
            return
        book = self.book(setting.account, setting.region)
        last = book.find(kind.name, reference)
        reading = await self._again(setting, kind, reference, last)
        if reading is not None and reading.region not in (GLOBAL, setting.region):
            return
        if reading is not None:
            last = book.find(kind.name, reading.id)
        if _differs(last, reading):
            item = book.add(kind.name, reading, clock.now(), last=last, found=found)
            for tell in self.told:
                tell(setting, item, last)
            self._follow(setting, kind, item, last)

    async def _again(self, setting: Setting, kind: Kind, reference: str, last: Item | None) -> Reading | None:
        place = Place(setting.account, setting.region)
        reading = await kind.read(place, reference)
        if reading is None and last is not None and kind.service == "iam":
            # IAM finds by name alone, what is known is its id.
            reading = await kind.read(place, last.reading.name or "") or await kind.read(place, last.reading.arn)
        # A name that was given to another resource: what had it is gone.
        if reading is not None and last is not None and reading.id != last.reading.id and not last.deleted:
            self._gone(setting, kind, last)
        return reading

    def _gone(self, setting: Setting, kind: Kind, last: Item) -> None:
        item = self.book(setting.account, setting.region).add(kind.name, None, clock.now(), last=last)
        for tell in self.told:
            tell(setting, item, last)

    def _follow(self, setting: Setting, kind: Kind, item: Item, last: Item | None) -> None:
        """Read what changed with it, and itself again while it moves."""
        related = [*item.reading.relations, *(last.reading.relations if last else ())]
        for each in related:
            if each.type in kind.neighbours and each.id:
                self._want(setting, self.kinds[each.type], each.id)
        if not item.deleted and kind.settling(item.reading.configuration):
            self._moving[setting.account, setting.region, kind.name, item.reading.id] = clock.now()


def _differs(last: Item | None, reading: Reading | None) -> bool:
    if last is None or last.deleted:
        return reading is not None
    return reading is None or reading != last.reading
