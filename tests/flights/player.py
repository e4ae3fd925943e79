"""Replays recorded conversations with AWS: a door, a vault door and slots that answer what was recorded, in that order.

A flight is `<source id>.jsonl`. Its first line says where the answers come from. A line with `scenario` opens a
conversation (`full...`, `denied...`, `empty...`) with the context that it was recorded in; every line after it is one
step of it: `call`, `page` (and `end`) of a paged call, `stream`, `body`, or `slot`, each with the answer or the error.

The player is strict: another operation, other parameters, another account or another order fails the test, and so does
a conversation that is not heard to its end.
"""

import base64
import json
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from amberlight.capture.catalogue import guest, load
from amberlight.model import errors
from amberlight.model.evidence import Held, Missing, Stream
from amberlight.model.signals import Target

HERE = Path(__file__).parent
VAULT = "444455556666"
LONG = 1 << 16
"""Bytes beyond it are written compressed."""
SLOT_CALLS = ("ssm.SendCommand", "ssm.GetCommandInvocation")


def plain(value):
    """The value as JSON: times and bytes marked."""
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, bytes) and len(value) > LONG:
        return {"$zlib": base64.b64encode(zlib.compress(value, 9)).decode()}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def revive(value):
    """The value that `plain` made JSON of."""
    if isinstance(value, dict) and set(value) == {"$time"}:
        return datetime.fromisoformat(value["$time"])
    if isinstance(value, dict) and set(value) == {"$bytes"}:
        return base64.b64decode(value["$bytes"])
    if isinstance(value, dict) and set(value) == {"$zlib"}:
        return zlib.decompress(base64.b64decode(value["$zlib"]))
    if isinstance(value, dict):
        return {key: revive(item) for key, item in value.items()}
    return [revive(item) for item in value] if isinstance(value, list) else value


def raised(error):
    """The error that was recorded."""
    kind = getattr(errors, error["kind"])
    return kind(error["cause"], error["fix"], aws_code=error["code"])


@dataclass
class Scenario:
    """One conversation."""

    name: str
    header: dict
    lines: list = field(default_factory=list)


def scenarios(source_id):
    """The flight's first line, and its conversations by name."""
    lines = (HERE / f"{source_id}.jsonl").read_text(encoding="utf-8").splitlines()
    first, *rest = (json.loads(line) for line in lines)
    found = {}
    for line in rest:
        if "scenario" in line:
            current = found[line["scenario"]] = Scenario(line["scenario"], revive(line))
        else:
            current.lines.append(line)
    return first, found


class Tape:
    """The steps of a conversation, taken one by one."""

    def __init__(self, lines):
        self.left = list(lines)
        self.made = set()

    def step(self, kind, operation, account, region, parameters):
        """The next step, which has to be this one."""
        asked = {kind: operation, "account": account, "region": region, "parameters": plain(parameters)}
        assert self.left, f"the conversation is over, and yet: {asked}"
        line = self.left.pop(0)
        recorded = {key: line.get(key) for key in asked}
        assert asked == recorded, f"asked {asked}, recorded {line}"
        if kind != "slot":
            self.made.add((operation, account))
        if "error" in line:
            raise raised(line["error"])
        return revive(line.get("answer"))


class Door:
    """Implements `amberlight.model.evidence.Aws`."""

    def __init__(self, tape, which, account, region):
        self.account, self.region = account, region
        self._tape, self._which = tape, which

    def call(self, operation, *, region=None, **parameters):
        return self._tape.step("call", operation, self._which, region, parameters)

    def pages(self, operation, *, region=None, **parameters):
        while not (self._tape.left and self._tape.left[0].get("end") == operation):
            yield self._tape.step("page", operation, self._which, region, parameters)
        self._tape.left.pop(0)

    def stream(self, operation, *, region=None, **parameters):
        yield from self._tape.step("stream", operation, self._which, region, parameters)

    def bodies(self, operation, member, asked, *, region=None):
        for parameters in asked:
            answer = self._tape.step("body", operation, self._which, region, parameters)
            yield answer["answer"], answer[member]


@dataclass
class Slot:
    """Implements `amberlight.model.evidence.Slot`: the host's report was recorded."""

    tape: Tape
    path: str

    @property
    def key(self):
        return f"cases/C-flight/evidence/{self.path}"

    def run(self, script, arguments, *, timeout):
        assert isinstance(timeout, timedelta)
        name = next(name for name in SCRIPTS if guest(name) == script)
        self.tape.made.update((call, "subject") for call in SLOT_CALLS)
        return self.tape.step("slot", self.path, "subject", name, arguments)


SCRIPTS = ("linux_process_memory", "packets", "linux_triage")


class Context:
    """Implements `amberlight.model.evidence.Context` with a clock that only waiting moves."""

    case_id, step_id, vault_account = "C-flight", "step-1", VAULT

    def __init__(self, header, tape):
        self.target, self.kind = Target(**header["target"]), header["kind"]
        self.since, self.until, self.regions = header["since"], header["until"], tuple(header["regions"])
        self.aws = Door(tape, "subject", self.target.account, self.target.region)
        self.vault_aws = Door(tape, "vault", VAULT, self.target.region)
        self.tape, self.slept, self._now = tape, 0.0, self.until
        self._earlier = header.get("earlier", {})

    def token(self):
        return "t0ken5eed"

    def slot(self, path):
        return Slot(self.tape, path)

    def earlier(self, source):
        yield from (SimpleNamespace(facts=facts) for facts in self._earlier.get(source, ()))

    def sleep(self, seconds):
        self.slept += seconds
        self._now += timedelta(seconds=seconds)

    def now(self):
        return self._now


@dataclass
class Flown:
    """What came of a flight. `taken` holds bytes by path, `held` descriptions, `facts` by path."""

    taken: dict = field(default_factory=dict)
    held: dict = field(default_factory=dict)
    facts: dict = field(default_factory=dict)
    missing: list = field(default_factory=list)
    made: set = field(default_factory=set)
    slept: float = 0.0
    error: Exception = None


def fly(source_id, scenario):
    """Run a source through a conversation, as the runner would: errors of AWS end it, everything else is a defect."""
    tape = Tape(scenario.lines)
    context, flown = Context(scenario.header, tape), Flown(made=tape.made)
    try:
        for artifact in load()[source_id].capture(context):
            keep(flown, artifact)
    except (errors.Denied, errors.NotPossible, errors.Unreachable) as problem:
        flown.error = problem
    assert not tape.left, f"not asked for: {tape.left[0]}"
    flown.slept = context.slept
    return flown


def keep(flown, artifact):
    """One artifact, read as the vault would read it; facts are final only after that."""
    if isinstance(artifact, Missing):
        flown.missing.append(artifact)
        return
    assert artifact.path not in flown.facts, f"{artifact.path} is yielded twice"
    if isinstance(artifact, Stream):
        flown.taken[artifact.path] = b"".join(artifact.chunks)
    elif isinstance(artifact, Held):
        flown.held[artifact.path] = artifact
    else:
        flown.taken[artifact.path] = getattr(artifact, "data", None)
    flown.facts[artifact.path] = artifact.facts
