"""What all resource types of EC2 have in common: ids with a prefix, and a Describe operation that takes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from amberlight.lab.awsconfig.item import Reading, Relation
from amberlight.lab.awsconfig.kind import Kind, Place, camel, strings, tag_map
from amberlight.lab.recorder.history import Event

Shape = Callable[[Place, dict[str, Any]], "Facts"]


class Facts:
    """What differs from type to type, of one resource in its camel-case form."""

    def __init__(
        self, *relations: Relation, zone: str = "Not Applicable", created: str | None = None, name: str | None = None
    ) -> None:
        self.relations, self.zone, self.created, self.name = relations, zone, created, name


def kind(
    name: str, prefix: str, describe: tuple[str, str, str, str], facts: Shape, **more: Any
) -> Kind:  # fmt: skip
    """A resource type.

    Args:
        name: For example `AWS::EC2::Volume`.
        prefix: Of its ids.
        describe: The operation, its parameter of ids, the list in its answer, and the id's member in camel case.
        facts: What is particular to the type.
        more: See `Kind`.
    """
    operation, parameter, listed, ident = describe
    pattern = re.compile(rf"{prefix}-[0-9a-f]+")

    async def read(place: Place, reference: str) -> Reading | None:
        if not pattern.fullmatch(reference):
            return None
        try:
            answer = await place.ask("ec2", operation, **{parameter: [reference]})
        except RuntimeError as error:
            if "NotFound" in str(error):
                return None
            raise
        found = [each for each in _listed(answer, listed) if each.get(ident[0].upper() + ident[1:]) == reference]
        return _reading(place, found[0], ident, prefix, facts) if found and not _gone(found[0]) else None

    async def every(place: Place) -> Iterable[str]:
        answer = await place.ask("ec2", operation)
        return [each[ident[0].upper() + ident[1:]] for each in _listed(answer, listed) if not _gone(each)]

    def touched(event: Event) -> Iterable[str]:
        parts = ((event.call.params if event.call else {}), event.record.get("responseElements"))
        return {text for part in parts for text in strings(part) if pattern.fullmatch(text)}

    return Kind(name=name, service="ec2", touched=touched, read=read, every=every, **more)


def _listed(answer: Mapping[str, Any], path: str) -> list[dict[str, Any]]:
    first, _, rest = path.partition(".")
    found = answer.get(first, [])
    return [inner for each in found for inner in _listed(each, rest)] if rest else list(found)


def _gone(described: Mapping[str, Any]) -> bool:
    state = described.get("State")
    return isinstance(state, dict) and state.get("Name") == "terminated"


def _reading(place: Place, described: dict[str, Any], ident: str, prefix: str, facts: Shape) -> Reading:
    configuration = camel(described)
    configuration.setdefault("tags", [])
    found = facts(place, configuration)
    path = {"i": "instance", "vol": "volume", "sg": "security-group", "eni": "network-interface"}.get(prefix, prefix)
    return Reading(
        id=configuration[ident], arn=place.arn("ec2", f"{path}/{configuration[ident]}"), name=found.name,
        region=place.region, zone=found.zone, created=found.created, configuration=configuration,
        tags=tag_map(configuration["tags"], "key", "value"), relations=tuple(sorted(found.relations, key=_order)),
    )  # fmt: skip


def _order(relation: Relation) -> tuple[str, str]:
    return relation.type, relation.id


def related(name: str, kind_name: str, *idents: str | None) -> list[Relation]:
    """Relations of one name to resources of one type; None stands for no resource."""
    return [Relation(name, f"AWS::EC2::{kind_name}", ident) for ident in dict.fromkeys(idents) if ident]
