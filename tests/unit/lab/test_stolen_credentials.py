"""Which use of an instance's credentials is a finding: by where it comes from."""

from types import SimpleNamespace

import pytest

from amberlight.lab.detection import rules
from amberlight.lab.detection.seen import look
from amberlight.lab.recorder.history import Event
from amberlight.lab.recorder.identity import Caller
from amberlight.lab.recorder.requests import Call

MINE, OTHER = "111111111111", "222222222222"
HOSTS = {
    "10.77.0.10": SimpleNamespace(instance_id="i-1", account=MINE, region="us-east-1"),
    "10.77.0.11": SimpleNamespace(instance_id="i-2", account=MINE, region="us-east-1"),
    "10.77.0.12": SimpleNamespace(instance_id="i-3", account=OTHER, region="us-east-1"),
}
LAB_HOSTS = SimpleNamespace(
    at=HOSTS.get, get=lambda ident: next((each for each in HOSTS.values() if each.instance_id == ident), None)
)
KIND = "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration"


def made(address, delivered="2.0", instance="i-1"):
    """The findings of a call with an instance's credentials from an address."""
    context = {"sessionIssuer": {"userName": "web"}, **({"ec2RoleDelivery": delivered} if delivered else {})}
    identity = {
        "type": "AssumedRole",
        "principalId": f"AROA:{instance}",
        "accessKeyId": "ASIA",
        "sessionContext": context,
    }
    record = {"userIdentity": identity, "sourceIPAddress": address, "eventName": "ListBuckets", "userAgent": "x",
              "eventSource": "s3.amazonaws.com", "requestParameters": None}  # fmt: skip
    caller = Caller(MINE, "arn", "i-1", "ASIA", identity, role="web")
    event = Event(record, "{}", MINE, "us-east-1", 0.0, False, caller, Call("s3", "ListBuckets", {}), ())  # noqa: FBT003
    return rules.judge(look(event, None, LAB_HOSTS))


@pytest.mark.parametrize(
    "address,kind,severity",
    [("198.51.100.23", f"{KIND}.OutsideAWS", 8.0), ("127.0.0.1", f"{KIND}.OutsideAWS", 8.0), ("10.77.0.12", f"{KIND}.InsideAWS", 5.0)],
)  # fmt: skip
def test_elsewhere_is_a_finding(address, kind, severity):
    (found,) = made(address)
    assert (found.type, found.severity, found.title.split(" were")[0]) == (
        kind, severity, "Credentials for the EC2 instance role web",
    )  # fmt: skip
    assert found.resource["instanceDetails"] == {"instanceId": "i-1"}


def test_another_accounts_instance_is_named():
    (found,) = made("10.77.0.12")
    assert found.action["awsApiCallAction"]["remoteAccountDetails"] == {"accountId": OTHER, "affiliated": True}


def test_an_instance_that_is_gone_is_nowhere_at_home():
    (found,) = made("198.51.100.23", instance="i-9")
    assert found.resource["instanceDetails"] == {"instanceId": "i-9"}


@pytest.mark.parametrize("address,delivered", [("10.77.0.10", "2.0"), ("10.77.0.11", "2.0"), ("198.51.100.23", None)])
def test_at_home_and_other_sessions_are_none(address, delivered):
    assert made(address, delivered) == []
