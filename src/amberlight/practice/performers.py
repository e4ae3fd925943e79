"""The actors' process as the rehearsal sees it: started, listened to, ended."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from amberlight.lab import RunningLab
from amberlight.model.codec import loads
from amberlight.model.errors import AmberlightError
from amberlight.model.rehearsal import Truth
from amberlight.practice.actors import Deed

WAIT_S = 60.0


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What the actors wrote down beside the truth: every request of the attack, and what can be seen nowhere."""

    acts: tuple[Deed, ...]
    unseen: dict[str, int]


class Performers:
    """A running play.

    Args:
        lab: Where it is played.
        module: The drill's actors.
        scene: The file that tells them what they must know.
        truth: Where they write ground truth.
        tell: Is told each act in words, when it was done.
    """

    def __init__(self, lab: RunningLab, module: str, scene: Path, truth: Path, tell: Callable[[str], None]) -> None:
        self._truth = truth
        self._tell = tell
        self._over = threading.Event()
        self._log = scene.with_suffix(".log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                lab.inside([sys.executable, "-m", module, str(scene)]),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        threading.Thread(target=self._listen, name="performers", daemon=True).start()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            act = json.loads(line)["act"]
            if not act:
                self._over.set()
            else:
                self._tell(act)
        # They ended: whoever waits for the truth looks now, and not only after the longest wait.
        self._over.set()

    def truth(self) -> Truth:
        """The ground truth, once the attack is over.

        Raises:
            AmberlightError: the actors failed or did not end in time.
        """
        told = self._over.wait(WAIT_S)
        if not told or not (self._truth / "truth.json").is_file():
            tail = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            raise AmberlightError(
                f"The drill's actors did not finish: {' '.join(tail) or 'no message'}", "Run the drill again."
            )
        return loads((self._truth / "truth.json").read_bytes(), Truth, "ground truth")

    def played(self) -> Played:
        """Every request of the attack."""
        return loads((self._truth / "acts.json").read_bytes(), Played, "acts")

    def stop(self) -> None:
        """End the play, wherever it is: what the actors had to say is written already, or was not asked for."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
