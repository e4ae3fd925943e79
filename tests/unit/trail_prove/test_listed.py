"""How far a copy goes is told by when its folders were listed: what could not be there yet is not called absent."""

import json
from datetime import timedelta

import pytest
from make_trail import ACCOUNT, HOUR, START, iso, states

from amberlight.trail.prove.words import verdict, words

ARN = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/main"
MINUTE = timedelta(minutes=1)


def listing(when, *, first=START, last=None, changes=None):
    """The rows that a capture leaves of one Region: digests and log files of each day."""
    days = ((last or when).date() - first.date()).days + 1
    return [
        {"trail": ARN, "validated": True, "bucket": "the-logs", "when": iso(when), "objects": 1, "complete": True,
         "prefix": f"AWSLogs/{ACCOUNT}/{kind}/us-east-1/{first + number * timedelta(days=1):%Y/%m/%d}/", **(changes or {})}
        for kind in ("CloudTrail-Digest", "CloudTrail") for number in range(days)
    ]  # fmt: skip


def beside(*rows, path="cloudtrail-listed.json"):
    return {path: json.dumps({"Listed": list(rows)})}


def newest(trail, when):
    """A log file that stands in no digest."""
    return trail.log(f"AWSLogs/{ACCOUNT}", ACCOUNT, "us-east-1", when, 0)[0]


def test_without_a_listing_the_newest_hour_is_absent(trail, proved):
    newest(trail, START + 6 * HOUR + 10 * MINUTE)
    proof = proved(trail)
    assert (states(proof)[6], proof.ok, proof.files.unsigned, proof.pending) == ("absent", False, 1, 0)


@pytest.mark.parametrize("after, due", [(30 * MINUTE, False), (120 * MINUTE, False), (121 * MINUTE, True)])
def test_an_hour_is_expected_when_its_digest_had_an_hour_to_be_delivered(trail, proved, after, due):
    newest(trail, START + 6 * HOUR + 10 * MINUTE)
    proof = proved(trail, beside=beside(*listing(START + 6 * HOUR + after)))
    assert (states(proof).get(6), proof.files.unsigned, proof.pending) == (("absent", 1, 0) if due else (None, 0, 1))
    assert (proof.ok, proof.exit_code) == ((False, 3) if due else (True, 0))
    if not due:
        assert "newest log files are not proved" in verdict(proof)
        assert "1 log files are so new" in words(proof)


def test_a_cut_off_end_is_found_though_no_other_chain_goes_on(trail, proved):
    for made in trail.chains[ACCOUNT, "us-east-1", "main"][-2:]:
        for key in (made.key, *made.logs):
            del trail.objects[key]
    assert proved(trail).ok
    proof = proved(trail, beside=beside(*listing(START + 7 * HOUR + MINUTE)))
    assert {hour: state for hour, state in states(proof).items() if state != "valid"} == {4: "absent", 5: "absent"}
    assert "due when the folder was listed" in proof.findings[0].reason


def test_an_old_window_is_complete_up_to_the_last_folder_that_was_listed(trail, proved):
    rows = listing(START + timedelta(days=30), last=START)
    proof = proved(trail, beside=beside(*rows))
    assert [hour for hour, state in states(proof).items() if state == "absent"] == list(range(6, 23))


@pytest.mark.parametrize("changes", [
    {"complete": False}, {"validated": False}, {"trail": ARN + "-other"}, {"when": "soon"}, {"prefix": "x"}, {"prefix": None},
])  # fmt: skip
def test_a_listing_that_says_nothing_of_the_chain_is_as_none(trail, proved, changes):
    late = START + 20 * HOUR
    assert not proved(trail, beside=beside(*listing(late))).ok
    assert proved(trail, beside=beside(*listing(late, changes=changes))).ok


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"Listed": 5}', '{"Listed": [[], null]}', "nonsense", '{"Listed":[],"Listed":[]}']
)
def test_a_broken_listing_says_nothing(trail, proved, text):
    assert proved(trail, beside={"cloudtrail-listed.json": text}).ok


def test_whoever_writes_to_the_bucket_cannot_excuse_what_is_not_there(trail, proved):
    newest(trail, START + 6 * HOUR + 10 * MINUTE)
    rows = listing(START + 6 * HOUR + 30 * MINUTE)
    assert proved(trail, beside=beside(*rows)).ok
    assert not proved(trail, beside=beside(*rows, path="AWSLogs/cloudtrail-listed.json")).ok


def test_a_log_file_from_after_the_listing_is_not_excused(trail, proved):
    newest(trail, START + 6 * HOUR + 40 * MINUTE)
    proof = proved(trail, beside=beside(*listing(START + 6 * HOUR + 30 * MINUTE)))
    assert (proof.ok, proof.files.unsigned, proof.pending) == (False, 1, 0)


def test_an_unlisted_log_file_of_a_proved_hour_is_not_excused(trail, proved):
    newest(trail, START + 5 * HOUR + 10 * MINUTE)
    proof = proved(trail, beside=beside(*listing(START + 6 * HOUR + 30 * MINUTE)))
    assert (proof.ok, proof.files.unsigned, states(proof)[5]) == (False, 1, "unsigned")


def test_the_asked_end_wins(trail, proved):
    rows = listing(START + 6 * HOUR + 30 * MINUTE)
    proof = proved(trail, beside=beside(*rows), until=START + 8 * HOUR)
    assert (states(proof)[6], states(proof)[7]) == ("absent", "absent")


def test_log_files_of_days_before_the_captured_ones_are_not_missing(trail, proved):
    """The first digest of a day lists what was delivered before midnight."""
    trail.objects.clear()
    made = trail.chain(hours=3, start=START - HOUR / 2, logs=3)
    before = [key for key in made[0].logs if "/2026/02/28/" in key]
    for key in before:
        del trail.objects[key]
    assert (len(before), proved(trail).logs.missing) == (1, 1)
    rows = listing(START + 3 * HOUR)
    proof = proved(trail, beside=beside(*rows))
    assert (proof.ok, proof.logs.missing, proof.logs.valid) == (True, 0, 8)
    assert "1 log files that digests list lie before" in words(proof)
    del trail.objects[made[0].logs[-1]]
    assert proved(trail, beside=beside(*rows)).logs.missing == 1
