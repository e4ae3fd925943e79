"""Counts of calls are kept by the second for a while, by the minute afterwards, and none is lost."""

from amberlight.lab.services.usage import thinned


def points(*moments):
    return [{"Timestamp": moment, "Value": 2.0, "Unit": "None", "Dimensions": {}} for moment in moments]


def test_old_points_are_added_up_by_the_minute():
    now = 10_000.0
    old, new = points(*range(6000, 6180)), points(*(now - 3, now - 2, now - 1))
    found = thinned(old + new, now)
    assert [(each["Timestamp"], each["Value"]) for each in found[:-3]] == [(6059, 120.0), (6119, 120.0), (6179, 120.0)]
    assert found[-3:] == new
    assert sum(each["Value"] for each in found) == sum(each["Value"] for each in old + new)


def test_what_was_thinned_can_be_thinned_again():
    now, before = 10_000.0, points(*range(6000, 6090))
    once = thinned(before, now)
    assert thinned(once, now) == once
    more = thinned([*once, *points(6095)], now)
    assert [each["Value"] for each in more] == [120.0, 62.0]
