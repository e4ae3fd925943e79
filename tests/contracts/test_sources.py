"""What holds for every evidence source: one rule, one test, over all of them."""

import functools
import json
import re
import sys
from datetime import timedelta
from pathlib import Path

import botocore.session
import pytest

from amberlight.capture import answers, catalogue
from amberlight.capture.naming import artifact
from amberlight.model.evidence import SEEN

ROOT = Path(__file__).parents[2]
SOURCES = catalogue.load()
FLIGHTS = ROOT / "tests" / "flights"
TARGETS = {"account", "instance", "bucket", "user", "role", "key"}
READING = ("Describe", "List", "Get", "Head", "Lookup", "Select", "BatchGet", "Search", "Generate")

every = pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))


@functools.cache
def model(service):
    return botocore.session.Session().get_service_model(service)


def test_the_slice_has_its_sources():
    assert {
        "api_calls.trail_files", "api_calls.event_history", "config.inventory", "identity.authorization",
        "identity.access_advisor", "disk.ebs_snapshot", "memory.linux_process", "packets.tcpdump", "host.linux_triage",
    } <= set(SOURCES)  # fmt: skip


@every
def test_its_page_answers_a_question(source):
    first, _, rest = catalogue.page(source).partition("\n")
    assert len(first) > 20
    assert len(rest.strip()) > 100
    assert source.title
    assert len(source.title) <= 60


@every
def test_its_operations_exist(source):
    assert source.calls
    for call in source.calls:
        service, _, operation = call.operation.partition(".")
        assert operation in model(service).operation_names, call.operation
    pairs = [(call.operation, call.account) for call in source.calls]
    assert len(pairs) == len(set(pairs)), "an operation is declared twice"


@every
def test_its_actions_are_well_formed(source):
    for call in source.calls:
        assert call.actions, call.operation
        for action in call.actions:
            assert re.fullmatch(r"[a-z][a-z0-9-]*:[A-Z][A-Za-z0-9]+", action), action


@every
def test_what_changes_something_is_declared(source):
    for call in source.calls:
        operation = call.operation.partition(".")[2]
        assert call.mutates == (not operation.startswith(READING)), call.operation
    if any(call.mutates and call.account == "subject" for call in source.calls):
        assert source.seen >= 2
        assert source.leaves


@every
def test_its_fields_are_declared(source):
    assert source.takes
    assert set(source.takes) <= TARGETS
    assert source.seen in SEEN
    assert len(source.seen_text) > 10
    assert source.yields
    assert source.cost.usd >= 0
    assert re.search(r"20\d\d-\d\d", source.cost.basis), "a price has a date"
    assert source.lasts > timedelta(0)
    assert source.gone_after is None or source.gone_after >= timedelta(0)
    for need in source.needs:
        assert need.text
        assert need.fix


@every
def test_its_claims_have_references(source):
    assert source.references
    for reference in source.references:
        assert re.match(r"https://|RFC \d+|[A-Z]", reference), reference


@every
def test_who_uses_a_host_says_so(source):
    uses = {call.operation for call in source.calls} & {"ssm.SendCommand", "ssm.GetCommandInvocation"}
    assert len(uses) in (0, 2)
    assert bool(uses) == (source.seen >= 3)


@every
def test_it_has_flights(source):
    flight = FLIGHTS / f"{source.id}.jsonl"
    assert flight.is_file(), f"{flight.relative_to(ROOT)} is missing"
    scenarios = {json.loads(line).get("scenario", "").partition(":")[0] for line in flight.read_text().splitlines()}
    assert scenarios >= {"full", "denied", "empty"}


@every
def test_it_stands_alone(source):
    text = Path(sys.modules[f"{catalogue.PACKAGE}.{source.id}"].__file__).read_text()
    assert not re.search(r"from amberlight\.capture\.sources|import boto|from boto", text)
    assert not re.search(r"except Exception|except:", text)
    assert len(text.splitlines()) <= 400


def test_paths_from_answers_stay_as_they_are():
    assert artifact(answers.path_of("a b/../c:d")) == answers.path_of("a b/../c:d")
