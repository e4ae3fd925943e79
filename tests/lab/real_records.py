"""Real CloudTrail records beside the checkout, and whether our spelling could have made their parameters.

For a record of AWS's, those members of the operation's model are chosen whose spelling is in it; spelled together they must give
exactly its key paths. So every kind of record that somebody published tests the rules, also of operations that the lab has not.
"""

import datetime as dt
import gzip
import json

from amberlight.lab import hooks
from amberlight.lab.recorder import names, shape
from amberlight.lab.recorder.requests import Call, Request

RECORDED = ("cloudtrail-stratus-detonations/raw", "cloudtrail-otrf-ec2-proxy", "cloudtrail-opensearch-benign", "traildiscover",
            "formats")  # fmt: skip
"""Folders whose records AWS wrote; those of rule tests were cut and mended by hand."""

NOTHING = Request("POST", "/", {}, {}, b"")
VALUES = {"boolean": True, "integer": 1, "long": 1, "float": 1.0, "double": 1.0, "blob": b"x",
          "timestamp": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}  # fmt: skip


def paths(value, prefix=""):
    """Every key path of a record."""
    found = set()
    if isinstance(value, dict):
        for key, inner in value.items():
            path = f"{prefix}.{key}" if prefix else key
            found |= {path} | paths(inner, path)
    elif isinstance(value, list):
        for inner in value:
            found |= paths(inner, prefix + "[]")
    return found


def records(data):
    """All records of the folders, in whatever envelope they came."""
    for folder in RECORDED:
        for path in sorted((data / folder).rglob("*.json*")):
            raw = path.read_bytes()
            text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode()
            for document in documents(text):
                yield from within(document)


def documents(text):
    """One JSON document, or one a line; a line that is none is one of the data's own traps."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]


def within(value):
    """Records anywhere in a document."""
    if isinstance(value, dict):
        if {"eventSource", "eventName", "userIdentity"} <= set(value):
            yield value
            return
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from within(inner)
    elif isinstance(value, str) and value.startswith("{") and '"eventSource"' in value:
        yield from within(json.loads(value))


def operations(record):
    """The operations whose records have this source and name."""
    return [Call(service, name, {}) for service, name in _index().get((record["eventSource"], record["eventName"]), ())]


def _index(found={}):  # noqa: B006 (made once)
    if not found:
        for service in hooks._session().get_available_services():
            for name in hooks.model(service).operation_names:
                call = Call(service, name, {})
                found.setdefault((names.event_source(call), names.event_name(call)), []).append((service, name))
    return found


def differences(record, call):
    """What of the record's parameters and answer our spelling has not, and what it has beyond."""
    model = hooks.model(call.service).operation_model(call.operation)
    denied = shape.is_denial(record.get("errorCode", ""))
    found = set()
    if record.get("requestParameters"):
        found |= _compared(
            "requestParameters", record, model.input_shape,
            lambda params: shape.request_parameters(Call(call.service, call.operation, params), NOTHING, denied=denied),
        )  # fmt: skip
    if record.get("responseElements") and not denied:
        found |= _compared(
            "responseElements", record, model.output_shape, lambda out: shape.response_elements(call, out, {}, "r")
        )
    elif record.get("responseElements"):
        said = shape.error(call, "AccessDenied", "x").get("responseElements")
        found |= paths(record["responseElements"]) ^ paths(said)
    return found


def _compared(part, record, model, make):
    real, keys = paths(record[part]), sorted(_keys(record[part]))
    base = paths(make({}))
    leaves = _leaves(model, keys) if model is not None else ()
    chosen = [leaf for leaf in leaves if leaf and paths(make(_value(model, [leaf]))) - base <= real]
    return {f"{part}.{path}" for path in real ^ paths(make(_value(model, chosen) if chosen else {}))}


def _keys(value):
    """Keys of the record that may be a map's own."""
    if isinstance(value, list):
        return set().union(*map(_keys, value))
    return set(value).union(*map(_keys, value.values())) if isinstance(value, dict) else set()


def _leaves(model, keys, path=(), seen=()):
    kind = model.type_name
    if kind == "structure" and model.name not in seen:
        yield path
        for name, member in model.members.items():
            yield from _leaves(member, keys, (*path, name), (*seen, model.name))
    elif kind == "list":
        yield from _leaves(model.member, keys, (*path, "*"), seen)
    elif kind == "map":
        for key in keys:
            yield from _leaves(model.value, keys, (*path, key), seen)
    elif kind != "structure":
        yield path


def _value(model, leaves, at=0):
    """A value of the model with the chosen leaves."""
    here = {leaf[at]: None for leaf in leaves if len(leaf) > at}
    inside = {name: [leaf for leaf in leaves if len(leaf) > at and leaf[at] == name] for name in here}
    if model.type_name == "structure":
        return {name: _value(model.members[name], inside[name], at + 1) for name in here}
    if model.type_name == "list":
        return [_value(model.member, leaves, at + 1)]
    if model.type_name == "map":
        return {name: _value(model.value, inside[name], at + 1) for name in here}
    return VALUES.get(model.type_name, "x")


def sent(record, call):
    """Parameters whose spelling is what the record has of its request; parts of the path are there anyhow."""
    model = hooks.model(call.service).operation_model(call.operation).input_shape
    if model is None:
        return {}
    path = {name: "x" for name, member in model.members.items() if member.serialization.get("location") == "uri"}
    if not record.get("requestParameters"):
        return path
    real, keys = paths(record["requestParameters"]), sorted(_keys(record["requestParameters"]))

    def make(params):
        return shape.request_parameters(Call(call.service, call.operation, params), NOTHING)

    base = paths(make({}))
    chosen = [leaf for leaf in _leaves(model, keys) if leaf and paths(make(_value(model, [leaf]))) - base <= real]
    return {**path, **(_value(model, chosen) if chosen else {})}
