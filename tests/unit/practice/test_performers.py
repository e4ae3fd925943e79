from types import SimpleNamespace

import pytest

from amberlight.model.codec import dumps
from amberlight.model.errors import AmberlightError
from amberlight.practice.performers import Performers

LAB = SimpleNamespace(inside=lambda argv: argv)
PLAY = """
import json, pathlib, sys
folder = pathlib.Path({folder!r})
print(json.dumps({{"when": "now", "act": "a key leaks"}}), flush=True)
(folder / "truth.json").write_bytes((folder / "prepared.json").read_bytes())
print(json.dumps({{"when": "now", "act": ""}}), flush=True)
sys.stdin.read()
"""


def performers(tmp_path, monkeypatch, text):
    (tmp_path / "made_up_play.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    told = []
    return Performers(LAB, "made_up_play", tmp_path / "scene.json", tmp_path, told.append), told


def test_acts_are_told_and_the_truth_waits_for_the_end(tmp_path, monkeypatch, truth):
    (tmp_path / "prepared.json").write_bytes(dumps(truth))
    play, told = performers(tmp_path, monkeypatch, PLAY.format(folder=str(tmp_path)))
    try:
        assert play.truth() == truth
        assert told == ["a key leaks"]
    finally:
        play.stop()


def test_actors_that_fail_say_why(tmp_path, monkeypatch):
    play, _ = performers(tmp_path, monkeypatch, "raise SystemExit('the stage is on fire')")
    try:
        with pytest.raises(AmberlightError, match="the stage is on fire"):
            play.truth()
    finally:
        play.stop()
