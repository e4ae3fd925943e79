"""Evidence: what a source declares, what it yields, the plan of a capture, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import msgspec

from amberlight.model.signals import Kind, Target

Seen = Literal[0, 1, 2, 3, 4]
SEEN = {
    0: "nothing in the account",
    1: "the read is logged",
    2: "a new resource can be listed",
    3: "the host is touched",
    4: "the service is disturbed",
}
GapState = Literal[
    "empty", "disabled", "denied", "throttled", "unreachable", "skipped", "gone", "not-possible", "failed"
]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One AWS operation that a source makes, with the IAM actions that it needs.

    `operation` is `service.Operation`: the boto3 client name and the operation as AWS writes it, such as
    `ec2.DescribeInstances`. `account` says in whose account it runs: `subject` (where the incident is) or `vault`.
    """

    operation: str
    actions: tuple[str, ...]
    mutates: bool = False
    resources: tuple[str, ...] = ("*",)
    account: Literal["subject", "vault"] = "subject"


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a step costs, as one figure for planning; `basis` says how it was reckoned and of what date the price is."""

    usd: float
    basis: str


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """Something that must hold beforehand, and what to do where it does not."""

    text: str
    fix: str


@dataclass(frozen=True, kw_only=True)
class Bytes:
    """An artifact that is in memory: small answers, kept as received. `path` is its place below the target's folder."""

    path: str
    data: bytes
    media_type: str = "application/json"
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stream:
    """An artifact that is piped into the vault without being held; `chunks` is read once."""

    path: str
    chunks: Iterable[bytes]
    media_type: str = "application/octet-stream"
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """An artifact that the host itself put into the vault through a `Slot`; the runner re-reads and checks it.

    `sha256` and `size_bytes` are what the host says that it sent. `facts` hold what the host reported beside it
    (bytes it could not read, packets the kernel dropped, what it changed).
    """

    path: str
    key: str
    sha256: str
    size_bytes: int
    media_type: str = "application/octet-stream"
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Held:
    """An AWS-side thing that now belongs to the vault account, such as a copied snapshot; its description is sealed."""

    path: str
    arn: str
    description: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A part of what the source takes that could not be had (one Region denied, one volume gone): becomes a Gap."""

    what: str
    state: GapState
    reason: str


Artifact = Bytes | Stream | Delivered | Held | Missing


class Aws(Protocol):
    """The door to AWS as a source sees it: declared calls only, typed errors, every call journalled."""

    account: str
    region: str

    def call(self, operation: str, *, region: str | None = None, **parameters: Any) -> dict[str, Any]:
        """One call; the answer without its HTTP metadata."""

    def pages(self, operation: str, *, region: str | None = None, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All pages of a call that AWS pages."""

    def stream(self, operation: str, *, region: str | None = None, **parameters: Any) -> Iterator[bytes]:
        """The body of a call that answers with one, in pieces."""

    def bodies(
        self, operation: str, member: str, asked: Iterable[dict[str, Any]], *, region: str | None = None
    ) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Many calls that answer with a small body each, several at once: answer and body (`member`), in the order asked."""


class Slot(Protocol):
    """A place in the vault for one object, that a host may fill once within minutes. Holds no secret in plain sight."""

    key: str

    def run(self, script: str, arguments: dict[str, Any], *, timeout: timedelta) -> dict[str, Any]:
        """Run a guest script on the host of the step; it delivers into this slot. Returns the script's report.

        The script is the text of a file in `capture/guest/`; the credential reaches the host encrypted to a key that
        lives only in the host's memory, never as a parameter.

        Raises:
            NotPossible: the host is not managed, lacks what the script needs, or the script reported a failure.
            Unreachable: the command was not delivered, or did not end in time.
        """


class Context(Protocol):
    """What a source is given: the doors, the target, the window of time, and the case."""

    aws: Aws
    vault_aws: Aws
    target: Target
    case_id: str
    kind: Kind
    step_id: str
    since: datetime
    until: datetime
    regions: tuple[str, ...]
    vault_account: str

    def token(self) -> str:
        """An idempotency token derived from case and step: the same at every attempt."""

    def slot(self, path: str) -> Slot:
        """A one-object, create-only place for the host to deliver into, below this target's folder."""

    def earlier(self, source: str) -> Iterator[Evidence]:
        """The items of another source on the same target, as they are sealed; ends when that step has.

        Only for sources that are named in `goes_on_from`. Waits; nothing comes where the plan has no such step.
        """

    def sleep(self, seconds: float) -> None:
        """Wait; the only way to wait, so that tests need not."""

    def now(self) -> datetime:
        """The time, aware, UTC."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One evidence source: declared facts and the function that takes it. Stands at the end of its file as `SOURCE`."""

    id: str
    title: str
    takes: tuple[str, ...]
    capture: Callable[[Context], Iterator[Artifact]]
    calls: tuple[Call, ...]
    seen: Seen
    seen_text: str
    gone_after: timedelta | None
    reaches_back: timedelta | None
    cost: Cost
    needs: tuple[Need, ...]
    yields: tuple[str, ...]
    leaves: tuple[str, ...]
    references: tuple[str, ...]
    lasts: timedelta = timedelta(seconds=5)
    goes_on_from: tuple[str, ...] = ()
    """Sources whose items on the same target this one needs: it is planned only with them, and after them."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One source on one target. `order` counts from 1, most volatile first; steps run in parallel in that order."""

    id: str
    source: str
    target: Target
    order: int
    seen: int
    seen_text: str
    calls: tuple[str, ...]
    mutates: bool
    cost_usd: float
    needs: tuple[dict[str, Any], ...]
    leaves: tuple[str, ...]
    token: str


class Visible(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the suspect account or host will be able to see, and until when."""

    where: str
    what: str
    until: str


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be taken, and why."""

    source: str
    target: str
    account: str
    region: str
    state: GapState
    reason: str


class CapturePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What will be done, exactly; `hash` is the SHA-256 over the canonical form with an empty hash."""

    schema: str
    case: str
    kind: Kind
    hash: str
    made: datetime
    since: datetime
    until: datetime
    regions: tuple[str, ...]
    max_seen: int
    steps: tuple[Step, ...]
    visible: tuple[Visible, ...]
    gaps: tuple[Gap, ...]


class ApiCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call that the door made, as its journal keeps it. `status` is the HTTP status, 0 when nobody answered."""

    operation: str
    principal: str
    account: str
    region: str
    when: datetime
    took_ms: float
    status: int
    error: str = ""
    request_id: str = ""


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of AWS for something: `calls` may list fewer reads than were made, `calls_made` counts them all."""

    calls: tuple[ApiCall, ...] = ()
    calls_made: int = 0


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed item: where it came from, how, when, and where it lies. `path` is its path in the package's `data/`.

    `calls` and `calls_made` are as in `Called`. `write_request_id` is AWS's id of the request that wrote it into the
    vault; empty where the host itself, or an attempt before, did.
    """

    id: str
    case: str
    kind: Kind
    step: str
    source: str
    target: Target
    path: str
    key: str
    version: str
    size_bytes: int
    sha256: str
    sha512: str
    media_type: str
    started: datetime
    sealed: datetime
    retain_until: datetime | None
    held_arn: str = ""
    facts: dict[str, Any] = msgspec.field(default_factory=dict)
    calls: tuple[ApiCall, ...] = ()
    calls_made: int = 0
    write_request_id: str = ""
