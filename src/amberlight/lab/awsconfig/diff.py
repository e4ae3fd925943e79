"""`configurationItemDiff`: what changed between two items of a resource, as AWS Config's messages say it.

A path names structures with a capital first letter: `Configuration.State.Code`. Lists are compared as sets of whole members, and
numbered by difference: first those that went, then those that came, whatever their places in the list. A created resource has
no changed properties; of a deleted one the whole `Configuration` went.

References:
    "Example Configuration Item Change Notifications", AWS Config Developer Guide; "How do I understand the configurationItemDiff
    field", AWS Knowledge Center; 2026-11. Real messages of 2015 to 2022 (security groups, buckets).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from amberlight.lab.awsconfig.item import Item, dump

Change = tuple[str, Any, Any]


def between(previous: Item | None, current: Item) -> dict[str, Any]:
    """The diff that a message about *current* carries."""
    if previous is None or previous.deleted:
        return {"changedProperties": {}, "changeType": "CREATE"}
    kind = "DELETE" if current.deleted else "UPDATE"
    changes = _deleted(previous) if current.deleted else _updated(previous, current)
    return {"changedProperties": {path: _change(old, new) for path, old, new in changes}, "changeType": kind}


def _change(old: Any, new: Any) -> dict[str, Any]:
    kind = "CREATE" if old is None else "DELETE" if new is None else "UPDATE"
    return {"previousValue": old, "updatedValue": new, "changeType": kind}


def _deleted(previous: Item) -> Iterator[Change]:
    was = previous.document()
    yield from _of_lists("Relationships", was["relationships"], [])
    for name, value in was["supplementaryConfiguration"].items():
        yield f"SupplementaryConfiguration.{name}", value, None
    yield "Configuration", was["configuration"], None


def _updated(previous: Item, current: Item) -> Iterator[Change]:
    was, now = previous.document(), current.document()
    yield from _of_lists("Relationships", was["relationships"], now["relationships"])
    yield from _of_structures("Configuration", was["configuration"], now["configuration"])
    yield from _of_structures(
        "SupplementaryConfiguration", was["supplementaryConfiguration"], now["supplementaryConfiguration"]
    )
    yield from _of_structures("Tags", was["tags"], now["tags"], keep=True)


def _of_structures(
    path: str, old: Mapping[str, Any], new: Mapping[str, Any], *, keep: bool = False
) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        below = f"{path}.{name if keep else name[:1].upper() + name[1:]}"
        if before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _of_structures(below, before, after)
        elif isinstance(before, list) and isinstance(after, list):
            yield from _of_lists(below, before, after)
        else:
            yield below, before, after


def _of_lists(path: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[Change]:
    before, after = {dump(each): each for each in old}, {dump(each): each for each in new}
    gone = [(each, None) for text, each in before.items() if text not in after]
    came = [(None, each) for text, each in after.items() if text not in before]
    for number, (was, now) in enumerate(gone + came):
        yield f"{path}.{number}", was, now
