"""What a file of `kinds/` declares: a resource type, how calls name its resources, and how one is read back."""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib
import pkgutil
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.awsconfig.item import Reading
from amberlight.lab.recorder.history import Event


@dataclasses.dataclass(frozen=True)
class Place:
    """An account and a Region, and its API without record and authentication."""

    account: str
    region: str

    async def ask(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """The answer of the emulator; an error raises RuntimeError."""
        answer = await hooks.call(self.account, self.region, service, operation, **params)
        answer.pop("ResponseMetadata", None)
        return answer

    def arn(self, service: str, rest: str, *, regional: bool = True) -> str:
        """An ARN in this place."""
        return f"arn:aws:{service}:{self.region if regional else ''}:{self.account}:{rest}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """A resource type."""

    name: str
    """For example `AWS::EC2::Volume`."""
    service: str
    """botocore's name of the service whose calls change it."""
    touched: Callable[[Event], Iterable[str]]
    """Ids, names or ARNs that a call of that service names; names that are none do no harm."""
    read: Callable[[Place, str], Awaitable[Reading | None]]
    """The resource as it is now, from id, name or ARN; None when it is not there."""
    every: Callable[[Place], Awaitable[Iterable[str]]]
    """Ids of all that there are."""
    everywhere: bool = False
    """Whether a call in any Region may change it (IAM, S3)."""
    neighbours: frozenset[str] = frozenset()
    """Types of related resources that change with it, without being named."""
    settling: Callable[[Mapping[str, Any]], bool] = lambda _: False
    """Whether it will change by itself, and is looked at again."""

    @property
    def worldwide(self) -> bool:
        """Whether it is one of the IAM types that a recorder records only when asked for."""
        return self.service == "iam"


def catalogue() -> dict[str, Kind]:
    """The files of `kinds/`, by resource type."""
    package = importlib.import_module("amberlight.lab.awsconfig.kinds")
    modules = (
        importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    )
    kinds = {module.KIND.name: module.KIND for module in modules if hasattr(module, "KIND")}
    return dict(sorted(kinds.items()))


_LEADING = re.compile(r"^[A-Z]{2,}|^[A-Z]")


def camel(value: Any) -> Any:
    """An answer of an API as AWS Config writes it: small first letters, times in ISO 8601 with milliseconds."""
    if isinstance(value, Mapping):
        return {_LEADING.sub(lambda found: found[0].lower(), name): camel(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [camel(each) for each in value]
    return moment(value) if isinstance(value, dt.datetime) else value


def moment(value: dt.datetime | str) -> str:
    """A time of an API, or of the emulator's stores."""
    found = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def tag_map(tags: Iterable[Mapping[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    """A list of tags as a map."""
    return {each[key]: each[value] for each in tags}


def strings(value: Any) -> Iterable[str]:
    """All texts in a structure."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def named(event: Event, *members: str) -> list[str]:
    """The values of these parameters of a call, the answer's `arn`-like ones being left to `strings`."""
    params = event.call.params if event.call else {}
    return [value for name in members if isinstance(value := params.get(name), str) and value]
