"""One rehearsal: lab, stage, attack, response, score, report; everything is gone afterwards but the out folder."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from amberlight._aws import Clock, Door, Sessions
from amberlight.aware.judge import Judge
from amberlight.capture import catalogue
from amberlight.casebook import Casebook
from amberlight.handoff import receipt
from amberlight.lab import LabError, LabOptions, RunningLab, start
from amberlight.model.codec import dumps
from amberlight.model.delivery import Receipt
from amberlight.model.errors import AmberlightError
from amberlight.model.rehearsal import Scorecard
from amberlight.practice import audit, card, publishing, stage
from amberlight.practice.drill import Drill, load
from amberlight.practice.narrator import Narrator
from amberlight.practice.outfolder import WORK, prepared, write
from amberlight.practice.performers import Performers
from amberlight.practice.played import Options, Played
from amberlight.practice.story import Story
from amberlight.response.doors import Doors, open_doors
from amberlight.response.respond import Approval, Desk, Response, respond
from amberlight.response.watch import Ears, Listener, Watcher

NOTICE_S = 45.0
"""Longest wait for a suspicion that pages."""


def rehearse(
    options: Options, story: Story, clock: Clock, elapsed: Callable[[], float], chance: random.Random
) -> Scorecard:
    """Run a drill from nothing to the scorecard.

    Args:
        options: Which drill, where to.
        story: Is told what happens.
        clock: Time.
        elapsed: Seconds since the start.
        chance: Randomness for names that must not be guessed.

    Raises:
        ConfigError: the out folder cannot be used.
        AmberlightError: the lab, the drill or the response failed; what was written is removed.
    """
    with prepared(options.out) as out:
        narrator = Narrator(story, clock, out)
        story.tell("lab", "an AWS emulator starts here, with authentication on")
        with running_lab(options, out) as lab:
            played = play(options, lab, story, narrator, clock=clock, chance=chance)
            score = card.scorecard(options, played, elapsed(), clock.now())
            publishing.tell_score(story, score)
            publishing.tell_files(options.out, story, score)
            publishing.publish(out, score, played, story)
        return score


@contextmanager
def running_lab(options: Options, out: Path) -> Iterator[RunningLab]:
    """The lab, as long as it is needed.

    Raises:
        AmberlightError: it did not start.
    """
    work = out.resolve() / WORK / "lab"
    try:
        lab = start(LabOptions(workdir=work, seed=options.seed, hosts=options.hosts))
    except LabError as problem:
        raise AmberlightError(str(problem), "Look at the message; `--hosts processes` needs the least.") from problem
    with lab:
        yield lab


@dataclass(frozen=True, kw_only=True)
class Ready:
    """Accounts that are built, and a response that waits for something to happen."""

    drill: Drill
    ground: stage.Stage
    scene: Path
    built: stage.Built
    sessions: Sessions
    doors: Doors
    token: str


def play(
    options: Options, lab: RunningLab, story: Story, narrator: Narrator, *, clock: Clock, chance: random.Random
) -> Played:
    """Stage, attack and response."""
    out = options.out
    ready = set_up(options, lab, story, clock, f"{chance.getrandbits(48):012x}")
    regions = ready.built.plan.capture.regions
    judge, casebook = Judge(ready.built.plan.aware), Casebook(f"sqlite:///{out / 'casebook.sqlite'}")
    auditor = audit.Auditor(ready.ground.prod, regions, ready.token, clock)

    def tell(name: str, record: Any) -> None:
        narrator(name, record)
        auditor(name, record)

    watcher = Watcher(ears(ready.built, ready.doors), judge, casebook, clock=clock, since=clock.now(), tell=tell)
    tell("watching", regions)
    with closing(casebook), performing(ready, story) as performers:
        suspicion = watcher.until_page(NOTICE_S)
        if suspicion is None:
            raise AmberlightError(f"Nothing paged within {NOTICE_S:.0f} s.", "The rules missed the drill's attack.")
        case_id = f"c-{chance.getrandbits(40):010x}"
        desk = desk_of(ready, out, casebook, case_id, tell=tell, clock=clock)
        response = respond(desk, watcher, suspicion, out / "package")
        received = hand_over(desk, response, out)
        tell("received", received)
        return Played(
            drill=ready.drill,
            ground=ready.ground,
            built=ready.built,
            judge=judge,
            response=response,
            receipt=received,
            truth=performers.truth(),
            performers=performers,
            narrator=narrator,
            ours=auditor.calls(),
        )


def set_up(options: Options, lab: RunningLab, story: Story, clock: Clock, token: str) -> Ready:
    """Build the accounts, and open the hub's doors; `token` names the hub's sessions."""
    work = options.out.resolve() / WORK
    drill, sources = load(options.drill), catalogue.load()
    ground = stage.enter(lab, options.seed, work / "truth", clock)
    accounts = " ".join(f"{name} {account.id}" for name, account in lab.accounts.items())
    story.tell("lab", f"up; accounts {accounts}; every instance is a host ({lab.isolation})")
    scene = drill.dress(ground)
    story.tell("stage", f"web server {scene.web_instance} serves, {scene.trail} records")
    story.tell("stage", f"{scene.customer_bucket} holds invented customers")
    built = stage.build(ground, sources, (scene.customer_bucket,), options.out)
    story.tell("stage", "vault locked, roles and alarm set, response plan written")
    path = work / "scene.json"
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(scene))
    sessions = Sessions(region=lab.region, credentials=built.hub, endpoint=lab.endpoint, clock=clock)
    return Ready(
        drill=drill,
        ground=ground,
        scene=path,
        built=built,
        sessions=sessions,
        doors=open_doors(sessions, built.plan, token),
        token=token,
    )


@contextmanager
def performing(ready: Ready, story: Story) -> Iterator[Performers]:
    """The actors, as long as they are needed."""
    performers = Performers(
        ready.ground.lab,
        ready.drill.actors,
        ready.scene,
        ready.ground.truth,
        lambda act: story.tell("attack", act),
    )
    try:
        yield performers
    finally:
        performers.stop()


def desk_of(ready: Ready, out: Path, casebook: Casebook, case_id: str, *, tell: Listener, clock: Clock) -> Desk:
    """What the response works with."""
    return Desk(
        kind="drill",
        plan=ready.built.plan,
        sessions=ready.sessions,
        doors=ready.doors,
        catalogue=catalogue.load(),
        casebook=casebook,
        clock=clock,
        work=out.resolve() / WORK,
        case_id=case_id,
        tell=tell,
        adversaries=adversaries(ready.ground, ready.doors),
        upload_endpoint=ready.ground.lab.describe()["places"]["office"]["endpoint"],
        approval=Approval(max_seen=3, by="response plan", authority="practice.drills: hosts of the lab may be touched"),
    )


def ears(built: stage.Built, doors: Doors) -> Ears:
    """Where the response listens."""
    return Ears(
        subject=doors.subject,
        regions=built.plan.capture.regions,
        queue=doors.hub,
        queue_url=built.plan.aware.alarm_queue,
    )


def adversaries(ground: stage.Stage, doors: Doors) -> dict[str, Door]:
    """Whoever the intruder could have become in the subject account, our own capture role among them."""
    powerful = {f"prod {who}": stage.door(ground.lab, "prod", who, ground.clock) for who in ("admin", "root")}
    return {**powerful, "capture role": doors.subject}


def hand_over(desk: Desk, response: Response, out: Path) -> Receipt:
    """The invented partner verifies the package as it arrived, with the fingerprint told by another way, and says so."""
    word = receipt.acknowledge(out / "package", desk.plan.handoff.partner, None, desk.clock, key=response.fingerprint)
    write(out / "receipt.json", dumps(word))
    return word
