"""Ctrl-C that cannot get lost.

Python drops an exception that is raised within a destructor or the callback of a weak reference, an interrupt as well: the
run would go on as if nobody had asked. So the wish is remembered, and raised again where the story is told next.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType


class Stopping:
    """Whether somebody asked to stop: by Ctrl-C or SIGTERM, which end a run the same way."""

    def __init__(self) -> None:
        self._asked = False

    def listen(self) -> None:
        """Take over both signals; on the main thread only, as Python wants it."""
        for which in (signal.SIGINT, signal.SIGTERM):
            signal.signal(which, self.ask)

    def ask(self, _number: int = signal.SIGINT, _frame: FrameType | None = None) -> None:
        """Ask to stop.

        Raises:
            KeyboardInterrupt: always.
        """
        self._asked = True
        raise KeyboardInterrupt

    def check(self) -> None:
        """Go on, unless a wish to stop was lost.

        Raises:
            KeyboardInterrupt: it was. Not on other threads, and not while an exception is on its way already.
        """
        main = threading.current_thread() is threading.main_thread()
        if self._asked and main and sys.exc_info()[0] is None:
            raise KeyboardInterrupt
