"""What AWS answered, turned into artifacts: JSON as received, paths that cannot lead out, errors as missing parts."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from amberlight.model.errors import AmberlightError, Denied, NotPossible, Unreachable
from amberlight.model.evidence import Aws, Bytes, Context, GapState, Missing

PROBLEMS = (Denied, NotPossible, Unreachable)
GONE = re.compile(r"NoSuchEntity|NoSuchBucket|NoSuchKey|NotFound|^404$")
THROTTLED = re.compile(r"Throttl|RequestLimitExceeded|SlowDown|TooManyRequests|^503$")
_UNSAFE = re.compile(r"[^A-Za-z0-9._=@+,/-]|(?<![^/])\.{1,2}(?![^/])|(?<=/)/|^/|/$")


def received(answer: Any) -> bytes:
    """The answer as JSON with sorted names: times as ISO 8601 in UTC, binary values in base64, as the AWS CLI has them."""
    return (json.dumps(answer, sort_keys=True, default=_plain, ensure_ascii=False, indent=1) + "\n").encode()


def line(item: Any) -> bytes:
    """The same on one line, for JSON Lines."""
    return (json.dumps(item, sort_keys=True, default=_plain, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is no answer of AWS")


def path_of(name: str) -> str:
    """A name from the account as a path: kept where it is plain, percent-encoded where it could mislead.

    An attacker chooses names of users, buckets and objects; `../` and control characters must not act here.
    """
    return _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)


def state_of(problem: AmberlightError) -> GapState:
    """Which kind of gap an error of AWS makes."""
    if isinstance(problem, Denied):
        return "denied"
    if isinstance(problem, Unreachable):
        return "throttled" if THROTTLED.search(problem.aws_code) else "unreachable"
    return "gone" if GONE.search(problem.aws_code) else "not-possible"


def missing(what: str, problem: AmberlightError) -> Missing:
    """The part that could not be had because of an error of AWS."""
    return Missing(what=what, state=state_of(problem), reason=f"{problem.cause} {problem.fix}".strip())


def ask(aws: Aws, path: str, operation: str, **parameters: Any) -> Bytes | Missing:
    """One call as one artifact: its answer, or why there is none."""
    try:
        answer = aws.call(operation, **parameters)
    except PROBLEMS as problem:
        return missing(path, problem)
    return Bytes(path=path, data=received(answer), facts={"call": operation})


def ask_pages(
    aws: Aws, path: str, operation: str, **parameters: Any
) -> tuple[tuple[Bytes | Missing, ...], list[dict[str, Any]]]:
    """All pages of a call as one artifact, and the pages; what was had before an error is kept, and the rest is named."""
    pages: list[dict[str, Any]] = []
    gap: tuple[Missing, ...] = ()
    try:
        for page in aws.pages(operation, **parameters):
            pages.append(page)  # noqa: PERF402 - pages had before an error stay
    except PROBLEMS as problem:
        gap = (missing(path, problem),)
    if not pages:
        return gap, pages
    facts = {"call": operation, "pages": len(pages), "complete": not gap}
    return (Bytes(path=path, data=received(merged(pages)), facts=facts), *gap), pages


def merged(pages: list[dict[str, Any]]) -> dict[str, Any]:
    """Pages as one answer: lists joined in order; tokens and marks of paging left out, as the AWS CLI does."""
    whole: dict[str, Any] = {}
    for page in pages:
        for name, value in page.items():
            if name in {"NextToken", "Marker", "IsTruncated"}:
                continue
            whole[name] = whole[name] + value if isinstance(value, list) and name in whole else value
    return whole


def wait_until(context: Context, seconds: float, pause: float = 1.0) -> Iterator[int]:
    """Count the attempts of waiting: once at once, then after pauses that grow, until the time is over."""
    spent, attempt = 0.0, 0
    while True:
        yield attempt
        if spent >= seconds:
            return
        context.sleep(pause)
        spent, attempt, pause = spent + pause, attempt + 1, min(pause * 1.5, 15.0)


def partition(region: str) -> str:
    """The AWS partition of a Region, as ARNs name it."""
    return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rpartition("-")[0].rpartition("-")[0], "aws")
