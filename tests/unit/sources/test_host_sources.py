"""What a source makes of a host's report: gaps where the report says so, and no trust in its length."""

import pytest
from source_fakes import ACCOUNT, Context

from amberlight.capture.sources.host import linux_triage
from amberlight.capture.sources.memory import linux_process
from amberlight.capture.sources.packets import tcpdump
from amberlight.model.errors import NotPossible
from amberlight.model.evidence import Delivered
from amberlight.model.signals import Target

HOST = Target(type="instance", account=ACCOUNT, region="us-east-1", name="i-1")
MODULES = (linux_process, tcpdump, linux_triage)


class Slot:
    """Implements `Slot`: the host reports what the test says."""

    def __init__(self, facts, problem=None):
        self.key, self.facts, self.problem, self.asked = "cases/C-1/evidence/x", facts, problem, []

    def run(self, script, arguments, *, timeout):
        self.asked.append((script, arguments, timeout))
        if self.problem:
            raise self.problem
        return {"ok": True, "sha256": "a" * 64, "size_bytes": 7, "facts": self.facts, "changed": ["c"], "error": ""}


def took(module, facts, problem=None):
    context, slot = Context({}, target=HOST), Slot(facts, problem)
    context.slot = lambda _: slot
    first, *gaps = module.capture(context)
    return first, [(gap.state, gap.what) for gap in gaps], slot


@pytest.mark.parametrize("module", MODULES)
def test_what_was_delivered_is_yielded_with_the_hosts_word(module):
    first, gaps, slot = took(module, {"delivered_before": True})
    assert isinstance(first, Delivered)
    assert (first.key, first.sha256, first.size_bytes) == (slot.key, "a" * 64, 7)
    assert first.facts == {"delivered_before": True, "changed": ["c"]}
    assert gaps == []
    assert slot.asked[0][1]["media_type"] == first.media_type
    assert slot.asked[0][2].total_seconds() < 15 * 60  # the host's credential lives no longer


@pytest.mark.parametrize("module", MODULES)
def test_a_host_that_cannot_is_left_to_the_runner(module):
    with pytest.raises(NotPossible):
        took(module, {}, NotPossible("The script on the host failed: PermissionError", ""))


@pytest.mark.parametrize(
    "module, facts, gaps",
    [
        (linux_process, {"processes": []}, [("empty", "process-memory.tar")]),
        (linux_process, {"processes": [{"pid": 7, "error": "x", "ended": True}]}, [("gone", "memory of process 7")]),
        (linux_process, {"processes": [{"pid": 7, "error": "x"}]}, [("not-possible", "memory of process 7")]),
        (linux_process, {"facts_left_out": 20000}, []),
        (tcpdump, {"captured": 9, "kernel_dropped": 3}, [("failed", "packets.pcap (dropped packets)")]),
        (tcpdump, {"captured": 0, "kernel_dropped": 0}, [("empty", "packets.pcap")]),
        (tcpdump, {"captured": 9, "kernel_dropped": 0}, []),
        (linux_triage, {"processes": 0}, [("empty", "triage.tar (processes)")]),
        (linux_triage, {"processes": 3}, []),
    ],
)
def test_what_the_report_lacks_is_a_gap(module, facts, gaps):
    assert took(module, facts)[1] == gaps


@pytest.mark.parametrize("rows", [[{"error": "no pid"}], ["text"], [None], [7]])
def test_a_report_of_an_intruder_does_no_harm(rows):
    first, gaps, _ = took(linux_process, {"processes": rows})
    assert isinstance(first, Delivered)
    assert all(state in {"not-possible", "gone"} for state, _ in gaps)
