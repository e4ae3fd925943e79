import msgspec
import pytest

from amberlight.cli.demo import exit_code
from amberlight.model.custody import Attempt
from amberlight.model.evidence import Gap
from amberlight.model.rehearsal import (
    Clocks,
    EvidenceScore,
    MissingEvidence,
    PackageScore,
    Quietness,
    Scorecard,
    TriageScore,
    VaultScore,
)

GOOD = Scorecard(
    schema="amberlight.scorecard/1",
    kind="drill",
    drill="leaked_key",
    seed=7,
    case="c-1",
    clocks=Clocks(detect_s=1, decide_s=1, preserve_first_s=1, preserve_last_s=1, handoff_s=1, total_s=1),
    triage=TriageScore(signals=1, suspicions=1, proposed=1, true=1, false=0),
    evidence=EvidenceScore(expected=1, present=1, gaps=()),
    vault=VaultScore(attempts=(Attempt(role="r", action="a", refused=True, answer="AccessDenied"),)),
    package=PackageScore(path="p", verified=True),
    key_fingerprint="ab" * 32,
    quietness=Quietness(calls_in_subject_trail=1, mutating_calls=(), telltale_names=(), highest_seen=3),
    capture_gaps=(),
    lab_limits=(),
    gaps=(),
)
MISSING = EvidenceScore(expected=1, present=0, gaps=(MissingEvidence(source="s", target="t", reason="r"),))


def gap(state):
    return Gap(source="s", target="t", account="1", region="r", state=state, reason="r")


@pytest.mark.parametrize(
    "change, code",
    [
        ({}, 0),
        ({"capture_gaps": (gap("empty"), gap("disabled"))}, 0),
        ({"capture_gaps": (gap("denied"),)}, 3),
        ({"evidence": MISSING}, 3),
        ({"triage": TriageScore(signals=1, suspicions=2, proposed=2, true=1, false=1)}, 3),
        ({"triage": TriageScore(signals=1, suspicions=0, proposed=0, true=0, false=0)}, 3),
        ({"vault": VaultScore(attempts=(Attempt(role="r", action="a", refused=False, answer="let through"),))}, 3),
        ({"package": PackageScore(path="p", verified=False)}, 4),
    ],
)
def test_exit_code_says_how_it_ended(change, code):
    assert exit_code(msgspec.structs.replace(GOOD, **change)) == code
