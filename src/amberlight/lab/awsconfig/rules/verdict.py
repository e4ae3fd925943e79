"""What a rule says of a resource, and what a file of `managed/` declares."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache

from amberlight.lab.awsconfig.item import Item
from amberlight.lab.awsconfig.kind import Place

COMPLIANT, NON_COMPLIANT = "COMPLIANT", "NON_COMPLIANT"
NOT_APPLICABLE, INSUFFICIENT = "NOT_APPLICABLE", "INSUFFICIENT_DATA"
ACCOUNT = "AWS::::Account"
"""The type of an account as a whole."""

Parameters = Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A rule's word about one resource."""

    type: str
    id: str
    compliance: str
    ordered: float
    """Seconds: of which moment it speaks."""
    annotation: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Managed:
    """One of AWS's rules; it judges items when they change, or looks at the whole from time to time."""

    identifier: str
    types: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    judge: Callable[[Item, Parameters], tuple[bool | None, str | None]] | None = None
    """Whether the resource complies (None: the rule does not apply), and why not."""
    look: Callable[[Place, Parameters], Awaitable[tuple[bool, str | None]]] | None = None
    """The same of the account."""


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Managed]:
    """The files of `managed/`, by identifier."""
    package = importlib.import_module("amberlight.lab.awsconfig.rules.managed")
    names: Iterable[str] = (found.name for found in pkgutil.iter_modules(package.__path__))
    rules = [importlib.import_module(f"{package.__name__}.{name}") for name in names if not name.startswith("_")]
    return {module.RULE.identifier: module.RULE for module in rules}


def of(judged: bool | None) -> str:  # noqa: FBT001
    """The compliance type of a judgement."""
    return NOT_APPLICABLE if judged is None else COMPLIANT if judged else NON_COMPLIANT
