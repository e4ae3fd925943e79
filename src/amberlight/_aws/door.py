"""One principal's way to AWS: allow-list, journal, typed errors."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

from amberlight._aws.clock import Clock
from amberlight._aws.credentials import Credentials
from amberlight.model.errors import (
    AmberlightError,
    CredentialsError,
    Denied,
    NotPossible,
    Undeclared,
    Unreachable,
)
from amberlight.model.evidence import ApiCall

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "AuthorizationError"})
EXPIRED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "AuthFailure",
    }
)
THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown", "TooManyRequestsException", "503"}
)
CHUNK_BYTES = 1 << 20
AT_ONCE = 8
"""Calls of `bodies` under way at once."""


class Answer(dict[str, Any]):
    """What AWS answered, without its HTTP metadata; `request_id` is AWS's own id of the request, empty if it gave none."""

    request_id = ""


class Journal:
    """Every call that the doors made, in order of their ends. Safe for threads."""

    def __init__(self, listener: Callable[[ApiCall], None] | None = None) -> None:
        self._calls: list[ApiCall] = []
        self._lock = threading.Lock()
        self._listener = listener

    def add(self, call: ApiCall) -> None:
        """Note a call."""
        with self._lock:
            self._calls.append(call)
        if self._listener:
            self._listener(call)

    def calls(self) -> tuple[ApiCall, ...]:
        """All calls so far."""
        with self._lock:
            return tuple(self._calls)


class Clients(Protocol):
    """Where a door gets its clients, its clock and the common journal from: `Sessions`."""

    clock: Clock
    journal: Journal

    def client(self, service: str, region: str, credentials: Credentials | None) -> Any:
        """A boto3 client."""


class Door:
    """Calls AWS as one principal.

    Args:
        sessions: Where clients come from.
        account: The account that the calls run in.
        region: Region of calls that name none.
        principal: Whose calls they are, for the journal.
        allowed: Operations (`ec2.DescribeInstances`) that may be called; None allows all.
        credentials: Keys, where they differ from the session's own.
        journal: Where calls are noted, where it differs from the session's own.
    """

    def __init__(
        self,
        sessions: Clients,
        *,
        account: str,
        region: str,
        principal: str = "",
        allowed: frozenset[str] | None = None,
        credentials: Credentials | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.account = account
        self.region = region
        self.principal = principal
        self._sessions = sessions
        self._allowed = allowed
        self._credentials = credentials
        self._journal = journal
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def narrowed(self, allowed: frozenset[str], journal: Journal | None = None) -> Door:
        """The same principal with fewer operations, and a journal of its own beside the common one."""
        door = Door(
            self._sessions,
            account=self.account,
            region=self.region,
            principal=self.principal,
            allowed=allowed,
            credentials=self._credentials,
            journal=journal,
        )
        door._clients, door._lock = self._clients, self._lock
        return door

    def call(self, operation: str, *, region: str | None = None, **parameters: Any) -> Answer:
        """One call; the answer without its HTTP metadata, but for the request's id.

        Raises:
            Undeclared, Denied, CredentialsError, Unreachable, NotPossible: see `amberlight.model.errors`.
        """
        answer = Answer(self._perform(operation, region or self.region, parameters))
        answer.request_id = answer.pop("ResponseMetadata", {}).get("RequestId", "")
        return answer

    def pages(self, operation: str, *, region: str | None = None, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All pages of a call that AWS pages; raises as `call` does, also between pages."""
        where = region or self.region
        method = self._method(operation, where)
        client = self._client(operation.partition(".")[0], where)
        if not client.can_paginate(method):
            yield self.call(operation, region=region, **parameters)
            return
        paginator = client.get_paginator(method)
        # Each page goes through `_perform`, so that it is paced, journalled and typed like any other call.
        paginator._method = lambda **more: self._perform(operation, where, more)  # noqa: SLF001 - no public way in
        for page in paginator.paginate(**parameters):
            page.pop("ResponseMetadata", None)
            yield page

    def stream(self, operation: str, *, region: str | None = None, **parameters: Any) -> Iterator[bytes]:
        """The body of a call that answers with one, in pieces of a mebibyte."""
        body = self._perform(operation, region or self.region, parameters)["Body"]
        try:
            yield from body.iter_chunks(CHUNK_BYTES)
        except BotoCoreError as problem:
            raise Unreachable(f"{operation} broke off: {problem}", "Try again; nothing was stored.") from problem
        finally:
            body.close()

    def bodies(
        self, operation: str, member: str, asked: Iterable[dict[str, Any]], *, region: str | None = None
    ) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Many calls that answer with a small body each, `AT_ONCE` of them under way: answer and body, in the order asked.

        At most twice as many bodies are held as calls are under way.
        """

        def one(parameters: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
            answer = self._perform(operation, region or self.region, parameters)
            answer.pop("ResponseMetadata", None)
            body = answer.pop(member)
            try:
                return answer, bytes(body.read())
            except BotoCoreError as problem:
                raise Unreachable(f"{operation} broke off: {problem}", "Try again; nothing was stored.") from problem
            finally:
                body.close()

        waiting: deque[Future[tuple[dict[str, Any], bytes]]] = deque()
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="bodies") as pool:
            try:
                for parameters in asked:
                    waiting.append(pool.submit(one, parameters))
                    if len(waiting) >= 2 * AT_ONCE:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                # Whoever stops reading waits for the calls under way, and for no others.
                for each in waiting:
                    each.cancel()

    def _method(self, operation: str, region: str) -> str:
        service, _, name = operation.partition(".")
        if self._allowed is not None and operation not in self._allowed:
            raise Undeclared(f"{operation} is not declared by the unit that called it.", "Add it to its `calls`.")
        self._client(service, region)
        return str(xform_name(name))

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._sessions.client(service, region, self._credentials)
            return self._clients[service, region]

    def _perform(self, operation: str, region: str, parameters: dict[str, Any]) -> dict[str, Any]:
        method = getattr(self._client(operation.partition(".")[0], region), self._method(operation, region))
        clock = self._sessions.clock
        when, start = clock.now(), clock.monotonic()
        status, code, request_id = 0, "", ""
        try:
            answer: dict[str, Any] = method(**parameters)
            status = answer["ResponseMetadata"]["HTTPStatusCode"]
            request_id = answer["ResponseMetadata"].get("RequestId", "")
        except ClientError as problem:
            metadata = problem.response.get("ResponseMetadata", {})
            status, request_id = metadata.get("HTTPStatusCode", 0), metadata.get("RequestId", "")
            code = problem.response.get("Error", {}).get("Code", "")
            raise typed(operation, problem, code, request_id) from problem
        except NoCredentialsError as problem:
            code = "NoCredentials"
            raise CredentialsError("No AWS credentials were found.", "Sign in, or name a profile.") from problem
        except ParamValidationError:
            code = "ParamValidation"
            raise  # a defect of the caller, not an answer of AWS
        except BotoCoreError as problem:
            code = type(problem).__name__
            raise Unreachable(f"{operation} in {region} got no answer: {problem}", "Check the endpoint.") from problem
        finally:
            self._note(
                ApiCall(
                    operation=operation,
                    principal=self.principal,
                    account=self.account,
                    region=region,
                    when=when,
                    took_ms=round((clock.monotonic() - start) * 1000, 3),
                    status=status,
                    error=code,
                    request_id=request_id,
                )
            )
        return answer

    def _note(self, call: ApiCall) -> None:
        self._sessions.journal.add(call)
        if self._journal is not None:
            self._journal.add(call)


def typed(operation: str, problem: ClientError, code: str, request_id: str) -> AmberlightError:
    """Our error for one of AWS's."""
    service, _, name = operation.partition(".")
    message = problem.response.get("Error", {}).get("Message", "") or str(problem)
    if code in DENIED:
        return Denied(
            f"{operation} was denied: {message}",
            f'Allow "{service}:{name}" in the policy of the role that calls.',
            action=f"{service}:{name}",
            aws_code=code,
            request_id=request_id,
        )
    if code in EXPIRED:
        return CredentialsError(f"{operation}: {code}: {message}", "Renew the credentials and resume.")
    if code in THROTTLED:
        return Unreachable(
            f"{operation} was throttled for longer than we wait: {message}", "Resume later.", aws_code=code
        )
    if code.startswith("5") or code in {"InternalError", "ServiceUnavailable", "InternalFailure"}:
        return Unreachable(f"{operation}: {code}: {message}", "Resume later.", aws_code=code)
    fix = "Look at the message of AWS; the item is left as a gap."
    retries = int(problem.response.get("ResponseMetadata", {}).get("RetryAttempts", 0))
    return NotPossible(f"{operation}: {code}: {message}", fix, aws_code=code, request_id=request_id, retries=retries)
