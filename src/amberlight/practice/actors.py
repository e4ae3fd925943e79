"""People and machines of a drill: each calls AWS from an address of its own and keeps note of every request.

They are not us: their clients are the lab's, their notes are ground truth and never reach the system under test.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from amberlight.lab.accounts import LabCredentials
from amberlight.lab.places import Place


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """An access key as it crosses to the actors' process (in a file that only its owner reads)."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Keys:
        """The key out of an answer of CreateAccessKey or AssumeRole."""
        return cls(
            access_key_id=answer["AccessKeyId"],
            secret_access_key=answer["SecretAccessKey"],
            session_token=answer.get("SessionToken"),
        )


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One request that an actor made, as the actor saw it; `error` is AWS's code, empty where it was let through."""

    who: str
    operation: str
    when: datetime
    request_id: str
    error: str = ""


class Notes:
    """Every deed of every actor. Safe for threads."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self._deeds: list[Deed] = []
        self._lock = threading.Lock()

    def add(self, deed: Deed) -> None:
        """Note a deed."""
        with self._lock:
            self._deeds.append(deed)

    def of(self, who: str) -> tuple[Deed, ...]:
        """The deeds of one actor, in order."""
        with self._lock:
            return tuple(deed for deed in self._deeds if deed.who == who)


class Actor:
    """Somebody with a key at a place."""

    def __init__(self, who: str, place: Place, keys: Keys, region: str, notes: Notes) -> None:
        self.who = who
        self._place = place
        self._keys = keys
        self._region = region
        self._notes = notes
        self._clients: dict[tuple[str, str], Any] = {}

    def call(self, operation: str, *, region: str | None = None, **parameters: Any) -> dict[str, Any] | None:
        """One call such as `iam.CreateUser`; the answer, or None where AWS refused."""
        service, _, name = operation.partition(".")
        method = getattr(self._client(service, region or self._region), str(xform_name(name)))
        when, error, answer = self._notes.now(), "", None
        try:
            answer = method(**parameters)
            metadata = answer["ResponseMetadata"]
        except ClientError as problem:
            metadata, error = problem.response.get("ResponseMetadata", {}), problem.response["Error"]["Code"]
        except BotoCoreError as problem:
            # Nobody answered: the request never became an event, so there is no id to remember.
            metadata, error = {}, type(problem).__name__
        request_id = metadata.get("RequestId", "")
        self._notes.add(Deed(who=self.who, operation=operation, when=when, request_id=request_id, error=error))
        return answer

    def read(self, bucket: str, key: str) -> bytes:
        """An object's bytes; empty where it was refused."""
        answer = self.call("s3.GetObject", Bucket=bucket, Key=key)
        return bytes(answer["Body"].read()) if answer else b""

    def become(self, answer: dict[str, Any] | None) -> Actor | None:
        """The same person with the key out of an answer of CreateAccessKey or AssumeRole."""
        if answer is None:
            return None
        found = answer.get("AccessKey") or answer["Credentials"]
        return Actor(self.who, self._place, Keys.of(found), self._region, self._notes)

    def _client(self, service: str, region: str) -> Any:
        if (service, region) not in self._clients:
            keys = LabCredentials(self._keys.access_key_id, self._keys.secret_access_key, self._keys.session_token)
            self._clients[service, region] = self._place.client(service, keys, region)
        return self._clients[service, region]
