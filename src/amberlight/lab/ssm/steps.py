"""Runs the steps of a Command document on one host, as its agent does.

References:
    "Command document plugin reference" and "Cross-platform SSM document", AWS Systems Manager User Guide, 2026-11. A step that
    failed does not keep the next ones from running, unless it says `onFailure: exit`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from amberlight.lab import clock
from amberlight.lab.hosts import Finished
from amberlight.lab.ssm.content import PLUGINS, Step
from amberlight.lab.ssm.parameters import fill, lines

_LONGEST = 172_800
STOPPED = 137
"""The exit code that the agent reports for what it had to stop."""


@dataclasses.dataclass(frozen=True)
class Script:
    """What one step runs."""

    plugin: str
    text: str
    seconds: float
    directory: str | None
    place: str = ""
    """Where the agent keeps it, below its own directory on the host; empty for what is no command."""


@dataclasses.dataclass
class Done:
    """How a step ended, or stands."""

    step: Step
    number: str = ""
    """The command's."""
    status: str = "Pending"
    details: str = "Pending"
    code: int = -1
    stdout: str = ""
    stderr: str = ""
    whole: tuple[bytes, bytes] = (b"", b"")
    """All of its output; kept only where it goes to S3."""
    started: float | None = None
    ended: float | None = None


class Machine(Protocol):
    """A host to a command."""

    platform: str
    """`Linux` or `Windows`."""
    name: str
    release: str
    """Of the operating system."""
    computer: str
    """Its name for itself, where that is not its name in the network."""

    def run(self, script: Script, stop: Callable[[], bool], *, whole: bool) -> tuple[Finished, tuple[bytes, bytes]]:
        """Run a script; with *whole*, give all of its output too."""


def run(
    machine: Machine, values: Mapping[str, Any], results: list[Done], stop: Callable[[], bool], *, whole: bool
) -> None:
    """Run the steps in order and write into *results* how each of them ends; blocks."""
    leaving = False
    for done in results:
        if stop() or (leaving and not done.step.finally_):
            _end(done, "Cancelled", "Cancelled", done.code)
            continue
        _run_step(machine, done, values, stop, whole=whole)
        leaving = leaving or (done.code != 0 and done.step.on_failure != "")
        if done.code != 0 and done.step.on_failure == "successAndExit":
            _end(done, "Success", "Success", 0)


def _run_step(
    machine: Machine, done: Done, values: Mapping[str, Any], stop: Callable[[], bool], *, whole: bool
) -> None:
    step = done.step
    done.started = clock.now()
    done.status = done.details = "InProgress"
    if machine.platform not in PLUGINS[step.action] or step.platform not in ("", machine.platform):
        done.stdout = _skipped(step)
        _end(done, "Success", "Success", 0)
        return
    inputs = fill(step.inputs, values)
    seconds = str(inputs.get("timeoutSeconds") or "3600")
    if not re.fullmatch(r"[0-9]{1,6}", seconds):
        done.stderr = f"Invalid timeoutSeconds: {seconds}"
        _end(done, "Failed", "Failed", 1)
        return
    text = "\n".join(lines(inputs.get("runCommand")))
    directory = str(inputs.get("workingDirectory") or "") or None
    script = Script(step.action, text, min(float(seconds), _LONGEST), directory,
                    f"{done.number}/{step.action.replace(':', '')}/{step.folder}")  # fmt: skip
    finished, done.whole = machine.run(script, stop, whole=whole)
    done.stdout, done.stderr = finished.stdout, finished.stderr
    _end(done, *_outcome(finished))


def _skipped(step: Step) -> str:
    if step.platform:
        reason = f"unsatisfied preconditions: '\"StringEquals\": [platformType, {step.platform}]'"
    else:
        reason = "incompatible platform"
    return f"Step execution skipped due to {reason}. Step name: {step.name}"


def _outcome(finished: Finished) -> tuple[str, str, int]:
    if finished.timed_out:
        return "TimedOut", "ExecutionTimedOut", STOPPED
    if finished.cancelled:
        return "Cancelled", "Cancelled", STOPPED
    status = "Success" if finished.code == 0 else "Failed"
    return status, status, finished.code


def _end(done: Done, status: str, details: str, code: int) -> None:
    done.ended = clock.now()
    done.code, done.details = code, details
    # Status flips last: whoever sees the end must also see the output.
    done.status = status
