import io

from amberlight.practice.story import WIDTH, Story, wrap


def story(environment=None):
    stream, times = io.StringIO(), iter([0.04, 12.34, 99.0])
    return stream, Story(stream, lambda: next(times), environment or {})


def test_lines_carry_the_real_time_and_speak_once():
    stream, tale = story()
    tale.tell("lab", "up")
    tale.tell("lab", "three accounts")
    tale.tell("attack", "a key leaks")
    assert stream.getvalue().splitlines() == [
        "[  0.0 s] lab      up",
        "[ 12.3 s]          three accounts",
        "[ 99.0 s] attack   a key leaks",
    ]


def test_nothing_is_wider_than_the_terminal():
    stream, tale = story()
    tale.tell("capture", "word " * 60 + "x" * 200)
    assert max(map(len, stream.getvalue().splitlines())) <= WIDTH


def test_hostile_text_cannot_move_the_cursor():
    stream, tale = story()
    tale.tell("aware", "user \x1b[2J\u202eevil\n[red]x[/red]")
    assert "\x1b" not in stream.getvalue()
    assert "\u202e" not in stream.getvalue()
    assert "[red]x[/red]" in stream.getvalue()


def test_no_colour_away_from_a_terminal():
    stream, tale = story({"TERM": "xterm-256color"})
    tale.tell("lab", "up")
    assert "\x1b" not in stream.getvalue()


def test_wrap_keeps_an_empty_line():
    assert wrap("", 10) == [""]
