"""Sample events of rules as real events: what a sample does not say is an ordinary user's call."""

import json
from datetime import UTC, datetime, timedelta

import msgspec

from amberlight.trail import Event
from amberlight.trail.shapes import events

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ALICE = {
    "type": "IAMUser",
    "principalId": "AIDAEXAMPLE",
    "arn": "arn:aws:iam::111122223333:user/alice",
    "accountId": "111122223333",
    "accessKeyId": "AKIAEXAMPLEALICE0001",
    "userName": "alice",
}


def user(name, key=None, account="111122223333"):
    return {
        "type": "IAMUser",
        "arn": f"arn:aws:iam::{account}:user/{name}",
        "accountId": account,
        "accessKeyId": key or f"AKIA{name.upper()}",
        "userName": name,
    }


def role(name, session, key, account="111122223333"):
    return {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        "accountId": account,
        "accessKeyId": key,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{account}:role/{name}"}},
    }


def record(sample, number=0):
    """A whole record, one second after the one before."""
    moment = START + timedelta(seconds=number)
    full = {
        "eventID": f"id-{number:06d}",
        "eventTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "userIdentity": ALICE,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "some-client",
        "recipientAccountId": "111122223333",
        **sample,
    }
    return {name: value for name, value in full.items() if value is not None or name == "requestParameters"}


def made(sample, start=0) -> list[Event]:
    """Events of a sample, which may be one or several."""
    rows = sample.get("events", (sample,))
    return [events(json.dumps(record(row, start + n)).encode())[0] for n, row in enumerate(rows)]


def call(name, who, at, request=None, **fields):
    """One call at so many seconds after the start."""
    service, _, operation = name.partition(":")
    sample = {
        "eventSource": f"{service}.amazonaws.com",
        "eventName": operation,
        "requestParameters": request,
        "userIdentity": who,
        **fields,
    }
    found = record(sample, at)
    found["eventID"] = fields.get("eventID", f"{operation}-{at}-{msgspec.json.encode(who)[-30:].hex()[:12]}-{at}")
    return events(json.dumps(found).encode())[0]
