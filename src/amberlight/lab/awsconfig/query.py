"""SelectResourceConfig: a query over the resources that there are now.

References:
    SelectResourceConfig, AWS Config API Reference, and "Query Components", Developer Guide, 2026-11. Real answers of 2019 to
    2021: each result is JSON in a text with nested properties, and whole numbers of configurations have a point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.awsconfig import sql
from amberlight.lab.awsconfig.engine import Engine
from amberlight.lab.awsconfig.item import Item, dump, iso, seconds
from amberlight.lab.awsconfig.serving import Operation, page
from amberlight.lab.detection.wire import values_at

_MOST = 100
_TOP = ("accountId", "arn", "availabilityZone", "awsRegion", "configuration", "configurationItemCaptureTime",
        "configurationItemStatus", "configurationStateId", "relationships", "resourceCreationTime", "resourceId",
        "resourceName", "resourceType", "supplementaryConfiguration", "tags", "version")  # fmt: skip
_NESTED = ("configuration", "supplementaryConfiguration", "relationships", "tags")
Row = dict[str, Any]


def operations(engine: Engine) -> Mapping[str, Operation]:
    """The operation of this file."""

    def select(asked: dict[str, Any]) -> dict[str, Any]:
        query = sql.read(asked["Expression"])
        _check(query)
        book = engine.book(hooks.current_account(), hooks.current_region())
        rows = [each for item in book.latest() if not item.deleted and query.where(each := _resource(item))]
        found = _grouped(query, rows) if _groups(query) else _plain(query, rows)
        results = [dump(each) for each in found[: query.limit]]
        names = _shorthand() if query.fields[0].path == "*" and not _groups(query) else [f.name for f in query.fields]
        return {**page("Results", results, asked, _MOST), "QueryInfo": {"SelectFields": [{"Name": n} for n in names]}}

    return {"SelectResourceConfig": select}


def _check(query: sql.Query) -> None:
    paths = [field.path for field in query.fields] + [field.path for field, _ in query.order] + list(query.group)
    if strange := sorted({path for path in paths if path != "*" and path.split(".")[0] not in _TOP}):
        raise sql.invalid(f"there is no property {', '.join(strange)}")


def _groups(query: sql.Query) -> bool:
    return bool(query.group) or any(field.function for field in query.fields)


def _resource(item: Item) -> Row:
    """A resource as queries see it."""
    reading = item.reading
    return {
        "version": "1.3", "accountId": item.account, "arn": reading.arn, "availabilityZone": reading.zone,
        "awsRegion": reading.region, "configuration": reading.configuration,
        "configurationItemCaptureTime": iso(item.captured), "configurationItemStatus": item.status,
        "configurationStateId": str(item.state_id), "relationships": [each.api() for each in reading.relations],
        "resourceCreationTime": iso(created) if (created := seconds(reading.created)) else None,
        "resourceId": reading.id, "resourceName": reading.name, "resourceType": item.type,
        "supplementaryConfiguration": reading.supplementary,
        "tags": [{"key": key, "value": value, "tag": f"{key}={value}"} for key, value in reading.tags.items()],
    }  # fmt: skip


def _shorthand() -> list[str]:
    """What `*` stands for: properties that hold one value."""
    return [name for name in _TOP if name not in _NESTED]


def _plain(query: sql.Query, rows: list[Row]) -> list[Row]:
    for field, descends in reversed(query.order):
        rows = sorted(rows, key=partial(_place, field.path), reverse=descends)
    paths = _shorthand() if query.fields[0].path == "*" else [field.path for field in query.fields]
    return [_selected(row, paths) for row in rows]


def _selected(row: Row, paths: Iterable[str]) -> Row:
    found: Row = {}
    for path in paths:
        _copy(row, found, path.split("."))
    return found


def _copy(source: Any, target: Row, path: list[str]) -> None:
    """Copy what stands at a path, with the structures on the way; a list on the way stays a list."""
    name, rest = path[0], path[1:]
    if not isinstance(source, Mapping) or source.get(name) is None:
        return
    value = source[name]
    if not rest:
        target[name] = _pointed(value)
    elif isinstance(value, list):
        members = target.setdefault(name, [{} for _ in value])
        for each, member in zip(value, members, strict=True):
            _copy(each, member, rest)
    else:
        _copy(value, target.setdefault(name, {}), rest)


def _pointed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _pointed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_pointed(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _grouped(query: sql.Query, rows: list[Row]) -> list[Row]:
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(dump(_first(row, path)) for path in query.group), []).append(row)
    if not query.group:
        groups = {(): rows}
    made = [(_selected(members[0], query.group) if members else {}, members) for members in groups.values()]
    answers = [(head, {f.name: _computed(f, members) for f in query.fields if f.function}) for head, members in made]
    for field, descends in reversed(query.order):
        answers.sort(key=partial(_place_of_group, field), reverse=descends)
    plain = [field.path for field in query.fields if not field.function]
    return [{**values, **_selected(head, plain)} for head, values in answers]


def _place(path: str, row: Row) -> tuple[int, float, str]:
    return _rank(_first(row, path))


def _place_of_group(field: sql.Field, group: tuple[Row, Row]) -> tuple[int, float, str]:
    head, values = group
    return _rank(values[field.name] if field.function else _first(head, field.path))


def _computed(field: sql.Field, rows: list[Row]) -> Any:
    if field.path == "*":
        return len(rows)
    values = [value for row in rows for value in values_at(row, field.path) if value is not None]
    if field.function == "COUNT":
        return len(values)
    numbers = [float(each) for each in values if isinstance(each, (int, float)) and not isinstance(each, bool)]
    if not numbers:
        return None
    return {"SUM": sum(numbers), "AVG": sum(numbers) / len(numbers), "MIN": min(numbers), "MAX": max(numbers)}[
        field.function
    ]


def _first(row: Mapping[str, Any], path: str) -> Any:
    return next(iter(values_at(row, path)), None)


def _rank(value: Any) -> tuple[int, float, str]:
    """An order of values of any type: nothing, numbers, texts."""
    if value is None:
        return 0, 0.0, ""
    if isinstance(value, (int, float)):
        return 1, float(value), ""
    return 2, 0.0, value if isinstance(value, str) else dump(value)
