"""Every operation that the product uses is one of AWS's, and a test on the lab shows what the lab makes of it."""

import botocore.session
import pytest

from amberlight._derive import lab

USED = lab.used()


@pytest.fixture(scope="module")
def aws():
    session = botocore.session.get_session()
    return lambda service: session.get_service_model(service).operation_names


def test_operations_are_found_where_they_are_called_and_where_they_are_declared():
    assert {"capture", "vault", "practice", "response", "plan"} <= set().union(*USED.values())
    assert {"ec2.CreateSnapshots", "kms.Sign", "cloudtrail.StopLogging", "sqs.DeleteMessage"} <= set(USED)


@pytest.mark.parametrize("operation", sorted(USED))
def test_an_operation_that_is_used_is_shown_on_the_lab(aws, operation):
    service, name = operation.split(".")
    assert name in aws(service)
    if operation in lab.absent():
        assert operation not in lab.proving()
    else:
        assert operation in lab.proving(), "mark a test of tests/lab that shows it: @pytest.mark.proves"


def test_what_is_declared_is_an_operation(aws):
    for operation in {**lab.real(), **lab.absent(), **lab.proving()}:
        service, name = operation.split(".")
        assert name in aws(service), operation


def test_nothing_is_called_absent_that_nobody_uses():
    assert set(lab.absent()) <= set(USED)
