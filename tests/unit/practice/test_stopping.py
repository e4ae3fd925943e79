"""A wish to stop is heard at the latest when the story is told next."""

import contextlib
import io
import threading

import pytest

from amberlight.practice.stopping import Stopping
from amberlight.practice.story import Story


@pytest.fixture
def stopping():
    return Stopping()


@pytest.fixture
def story(stopping):
    return Story(io.StringIO(), lambda: 0.0, {}, stopping.check)


def lose(stopping):
    """What happens to an interrupt that hits a destructor."""
    with contextlib.suppress(KeyboardInterrupt):
        stopping.ask()


def test_nobody_asked(story):
    story.tell("lab", "goes on")
    assert [line.text for line in story.lines()] == ["goes on"]


def test_asking_interrupts_at_once(stopping):
    with pytest.raises(KeyboardInterrupt):
        stopping.ask()


def test_a_lost_wish_is_heard_at_the_next_line(stopping, story):
    lose(stopping)
    with pytest.raises(KeyboardInterrupt):
        story.tell("aware", "would go on")
    assert story.lines() == ()


def test_cleaning_up_is_not_interrupted_again(stopping, story):
    try:
        stopping.ask()
    except KeyboardInterrupt:
        story.tell("lab", "goes down")
    assert [line.text for line in story.lines()] == ["goes down"]


def test_other_threads_finish_their_line(stopping, story):
    lose(stopping)
    teller = threading.Thread(target=story.tell, args=("attack", "an act"))
    teller.start()
    teller.join()
    assert [line.text for line in story.lines()] == ["an act"]
