"""The record of a fault: where it applies and when; each file of `kinds/` adds what it does."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec

Patterns = str | tuple[str, ...]
"""One name or several; `*` and `?` stand for any characters."""
Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Moment = Seconds | Annotated[datetime, msgspec.Meta(tz=True)]
"""Seconds since the fault was set, or a point in time with its zone."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of the thing that a fault may strike; empty where it does not apply."""

    account: str
    region: str
    service: str = ""
    operation: str = ""
    resource: str = ""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where and when any fault applies. Without any of it: everywhere, always."""

    account: Patterns = "*"
    """Account id, or its name in the lab."""
    region: Patterns = "*"
    begins: Moment = 0.0
    ends: Moment | None = None
    skip: Annotated[int, msgspec.Meta(ge=0)] = 0
    """So many that fit are let pass first."""
    every: Count = 1
    """Of those that fit, the n-th, 2n-th, 3n-th …"""
    probability: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """Drawn by the lab's seed."""
    count: Count | None = None
    """It strikes so often and never again."""

    def fits(self, facts: Facts) -> bool:
        """Whether it applies there."""
        return matches(self.account, facts.account) and matches(self.region, facts.region)

    def problem(self) -> str | None:
        """What is wrong with its values taken together, in words; for kinds to say more."""
        return None


class CallFault(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault of calls; the names are botocore's, for example `ec2` and `DescribeInstances`."""

    service: Patterns = "*"
    operation: Patterns = "*"

    def fits(self, facts: Facts) -> bool:
        """Whether it applies there."""
        here = matches(self.service, facts.service) and matches(self.operation, facts.operation)
        return here and super().fits(facts)


class TrailFault(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault of what a trail delivers."""

    trail: Patterns = "*"
    """Its name."""

    def fits(self, facts: Facts) -> bool:
        """Whether it applies there; the resource is the trail."""
        return matches(self.trail, facts.resource) and super().fits(facts)


def matches(patterns: Patterns, name: str) -> bool:
    """Whether a name is among the patterns."""
    return any(fnmatchcase(name, pattern) for pattern in ((patterns,) if isinstance(patterns, str) else patterns))
