"""Durable steps: order, parallel, errors, and going on after a kill."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from amberlight._engine import Engine


@pytest.fixture
def engine(tmp_path):
    return Engine(f"sqlite:///{tmp_path}/engine.sqlite")


def test_results_come_back_in_order_and_no_thread_stays(engine):
    before = set(threading.enumerate())

    results = engine.run("case/plan", ["a", "b", "c"], str.encode, 2)

    assert list(results.items()) == [("a", b"a"), ("b", b"b"), ("c", b"c")]
    assert set(threading.enumerate()) == before


def test_what_is_done_is_not_done_again(engine):
    engine.run("case/plan", ["a", "b"], str.encode)
    calls = []

    def perform(step):
        calls.append(step)
        return b"new"

    assert engine.run("case/plan", ["a", "b", "c"], perform) == {"a": b"a", "b": b"b", "c": b"new"}
    assert calls == ["c"]


def test_another_piece_of_work_is_another(engine):
    engine.run("case/plan", ["a"], str.encode)

    assert engine.run("case/plan2", ["a"], lambda step: b"other") == {"a": b"other"}


def test_steps_start_in_order_and_side_by_side(engine):
    started, together = [], threading.Barrier(3, timeout=10)

    def perform(step):
        started.append(step)
        if step in "abc":
            together.wait()  # passes only when three run at once
        return b""

    engine.run("work", list("abcdef"), perform, 3)

    assert set(started[:3]) == set("abc")
    assert sorted(started) == list("abcdef")


def test_an_error_ends_the_run_and_the_rest_goes_on_later(engine):
    def perform(step):
        if step == "b":
            raise ValueError("no")
        return step.encode()

    with pytest.raises(ValueError, match="no"):
        engine.run("work", list("abc"), perform, 1)
    seen = []
    results = engine.run("work", list("abc"), lambda step: (seen.append(step), b"late")[1], 1)

    assert results == {"a": b"a", "b": b"late", "c": b"late"}
    assert seen == ["b", "c"]


def test_an_interruption_stops_new_steps(engine):
    ran = []

    def perform(step):
        ran.append(step)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.run("work", list("abcdef"), perform, 1)
    assert ran == ["a"]


def test_the_database_holds_no_pickle(engine, tmp_path):
    engine.run("work", ["a"], lambda step: b"\x80\x04 result")

    text = "\n".join(sqlite3.connect(tmp_path / "engine.sqlite").iterdump())
    assert "amberlight-json" in text
    assert "py_pickle" not in text


def test_a_failure_on_one_thread_stops_the_others_from_starting_more(engine):
    ran = []

    def perform(step):
        ran.append(step)
        if step == "a":
            raise ValueError("no")
        assert engine.stopping.wait(10)
        return b""

    with pytest.raises(ValueError, match="no"):
        engine.run("work", list("abcdef"), perform, 2)
    assert sorted(ran) in (["a"], ["a", "b"])


WORKER = """
    import sys, time
    from pathlib import Path
    from amberlight._engine import Engine

    folder = Path(sys.argv[1])

    def perform(step):
        with open(folder / "log", "a") as log:
            log.write(step + "\\n")
        if step in sys.argv[2]:
            time.sleep(60)
        return step.encode()

    print(Engine(f"sqlite:///{folder}/engine.sqlite").run("work", list("abcdef"), perform, 2))
"""


def test_kill_9_and_go_on(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(textwrap.dedent(WORKER))
    log = tmp_path / "log"
    process = subprocess.Popen([sys.executable, script, tmp_path, "cd"])
    for _ in range(300):
        if log.exists() and set(log.read_text().split()) == set("abcd"):
            break
        time.sleep(0.05)  # noqa: TID251 - another process works meanwhile
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    ended = subprocess.run(
        [sys.executable, "-W", "error", script, tmp_path, "-"], check=True, capture_output=True, text=True
    )

    assert ended.stderr == ""
    assert "'f': b'f'" in ended.stdout
    ran = log.read_text().split()
    assert {step: ran.count(step) for step in "abcdef"} == {"a": 1, "b": 1, "c": 2, "d": 2, "e": 1, "f": 1}


def test_a_record_that_cannot_be_kept_is_a_delivery_error_and_not_a_trace(tmp_path):
    from amberlight.model.errors import DeliveryError

    (tmp_path / "folder").mkdir()
    with pytest.raises(DeliveryError, match="record of steps"):
        Engine(f"sqlite:///{tmp_path}/folder/none/steps.sqlite").run("case", ["a"], lambda _: b"1")
    # And the next one in this process does not inherit the broken record.
    assert Engine(f"sqlite:///{tmp_path}/steps.sqlite").run("case", ["a"], lambda _: b"1") == {"a": b"1"}


def test_a_record_that_is_lost_on_the_way_is_a_delivery_error(tmp_path):
    import sqlite3

    from amberlight.model.errors import DeliveryError

    path = tmp_path / "steps.sqlite"

    def lose(step_id):
        with sqlite3.connect(path) as other:
            for (name,) in other.execute("select name from sqlite_master where type = 'table'").fetchall():
                if name.startswith("workflow_"):
                    other.execute(f'drop table "{name}"')
        return step_id.encode()

    with pytest.raises(DeliveryError, match="no such table"):
        Engine(f"sqlite:///{path}").run("case", ["a"], lose)
