"""The actors of the drill in a process of their own: `python -m amberlight.practice.drills.leaked_key SCENE`.

Prints one JSON line for each act that the story tells; writes ground truth when the attack is over, then prints a line
with an empty act; goes on until its standard input closes or its parent dies.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import sys
import threading
from pathlib import Path

import msgspec

from amberlight._aws import SystemClock
from amberlight.lab.places import Place
from amberlight.model.codec import dumps
from amberlight.practice.actors import Actor, Keys, Notes
from amberlight.practice.drills.leaked_key import background, ground_truth
from amberlight.practice.drills.leaked_key.attack import Attack
from amberlight.practice.drills.leaked_key.scene import Scene, invent

DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG. From: prctl(2)."""
WARM_UP_S = 2.0
"""How long the background runs before the attack begins: a judge must have seen what is ordinary."""


def main(path: str) -> None:
    """Play the scene."""
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    scene = msgspec.json.decode(Path(path).read_bytes(), type=Scene)
    clock, stop = SystemClock(), threading.Event()
    notes, started = Notes(clock.now), clock.now()
    places = {name: Place.load(scene.lab, name) for name in ("office", "pipeline", "attacker")}

    def actor(who: str, place: str, keys: Keys) -> Actor:
        return Actor(who, places[place], keys, scene.region, notes)

    run_background(scene, places, actor("pipeline", "pipeline", scene.deployer),
                   actor("administrator", "office", scene.administrator), stop)  # fmt: skip
    stop.wait(WARM_UP_S)
    attack = Attack(
        actor("attacker", "attacker", scene.leaked),
        places["attacker"],
        scene,
        invent(scene.seed, random.SystemRandom()),
        tell=lambda text: print(json.dumps({"when": clock.now().isoformat(), "act": text}), flush=True),  # noqa: T201
        pause=stop.wait,
    )
    attack.run()
    write(Path(scene.truth), attack, notes, started_at=started)
    attack.tell("")
    sys.stdin.read()


def run_background(
    scene: Scene, places: dict[str, Place], pipeline: Actor, administrator: Actor, stop: threading.Event
) -> None:
    """Start the harmless people and machines, each in a thread at its place."""
    chance = random.Random(scene.seed)  # noqa: S311 - paces, not secrets
    for place, acts, pause in (
        ("pipeline", background.pipeline(pipeline, scene), 0.4),
        ("office", background.administrator(administrator, scene), 0.5),
    ):
        places[place].thread(background.keep, acts, stop, random.Random(chance.random()), pause)  # noqa: S311
    for name in ("office", "attacker"):
        visit = background.visitor(places[name], scene)
        places[name].thread(background.keep, iter(lambda visit=visit: visit, None), stop, chance, 0.7)  # type: ignore[misc]


def write(folder: Path, attack: Attack, notes: Notes, started_at: object) -> None:
    """Ground truth, whole or not at all."""
    deeds = notes.of("attacker")
    record = ground_truth.truth(attack, deeds, started_at, "leaked_key")  # type: ignore[arg-type]
    acts = [msgspec.to_builtins(deed) for deed in deeds]
    unseen = {"object reads after StopLogging": len(attack.copied_after_stop)}
    for name, data in (
        ("acts.json", dumps({"acts": acts, "unseen": unseen})),
        ("truth.json", dumps(record)),
    ):
        temporary = folder / f".{name}"
        temporary.write_bytes(data)
        os.replace(temporary, folder / name)  # noqa: PTH105 - atomic by name


if __name__ == "__main__":
    main(sys.argv[1])
