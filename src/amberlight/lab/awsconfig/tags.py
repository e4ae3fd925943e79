"""Tags of recorders and rules.

References:
    TagResource, UntagResource, ListTagsForResource, AWS Config API Reference, 2026-11: at most 50 tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.awsconfig.serving import Operation, page
from amberlight.lab.own import Refused

_MOST = 50


class Tags:
    """Tags by ARN; what was never put has none and takes none."""

    def __init__(self) -> None:
        self._tags: dict[str, dict[str, str]] = {}

    def begin(self, arn: str, tags: Iterable[Mapping[str, str]] | None) -> None:
        """Note that there is such a resource; tags that come with a later change of it do not count."""
        if arn not in self._tags:
            self._tags[arn] = {}
            self._add(self._tags[arn], tags or ())

    def end(self, arn: str) -> None:
        """Note that it is gone."""
        self._tags.pop(arn, None)

    def operations(self) -> Mapping[str, Operation]:
        """The operations on tags."""

        def untag(asked: dict[str, Any]) -> None:
            tags = self._of(asked["ResourceArn"])
            for key in asked["TagKeys"]:
                tags.pop(key, None)

        return {
            "TagResource": lambda asked: self._add(self._of(asked["ResourceArn"]), asked["Tags"]),
            "UntagResource": untag,
            "ListTagsForResource": lambda asked: page(
                "Tags", [{"Key": key, "Value": value} for key, value in self._of(asked["ResourceArn"]).items()], asked, _MOST),
        }  # fmt: skip

    def _of(self, arn: str) -> dict[str, str]:
        if arn not in self._tags or arn.split(":")[4] != hooks.current_account():
            raise Refused("ResourceNotFoundException", f"The resource {arn} does not exist.")
        return self._tags[arn]

    def _add(self, tags: dict[str, str], more: Iterable[Mapping[str, str]]) -> None:
        found = {each["Key"]: each.get("Value", "") for each in more}
        if len({**tags, **found}) > _MOST:
            raise Refused("TooManyTagsException", f"A resource has at most {_MOST} tags.")
        tags.update(found)
