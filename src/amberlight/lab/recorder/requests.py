"""Which AWS operation an HTTP request is, and its parameters with the types of the service's model.

Works from the botocore models for all their protocols: query, ec2, json, rest-json, rest-xml, rpc-v2-cbor.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree as ET

import botocore.parsers
from botocore.exceptions import DataNotFoundError

from amberlight.lab import hooks
from amberlight.lab.options import REGION

_SIGNING = {
    "monitoring": ("cloudwatch",), "states": ("stepfunctions",), "email": ("ses",), "ses": ("ses", "sesv2"),
    "elasticloadbalancing": ("elbv2", "elb"), "tagging": ("resourcegroupstaggingapi",), "bedrock": ("bedrock",),
    "access-analyzer": ("accessanalyzer",), "airflow": ("mwaa",), "aoss": ("opensearchserverless",),
    "apigateway": ("apigateway", "apigatewayv2"), "appconfig": ("appconfig", "appconfigdata"),
    "cloudcontrolapi": ("cloudcontrol",), "dynamodb": ("dynamodb", "dynamodbstreams"), "elasticfilesystem": ("efs",),
    "elasticmapreduce": ("emr",), "es": ("opensearch", "es"), "geo": ("location",), "iotdata": ("iot-data",),
    "kinesisanalytics": ("kinesisanalyticsv2", "kinesisanalytics"), "servicequotas": ("service-quotas",),
}  # fmt: skip
"""Which models a signing name may stand for, where that is not the one of its name."""

_SCOPE = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_CBOR_PATH = re.compile(r"/service/[^/]+/operation/(\w+)$")
_LABEL = re.compile(r"\{(\w+)(\+?)\}")


@dataclasses.dataclass(frozen=True)
class Scope:
    """What a signature says about itself."""

    access_key_id: str
    region: str
    signing_name: str
    presigned: bool
    version: str = "SigV4"


@dataclasses.dataclass(frozen=True)
class Call:
    """An operation with its parameters, named as in the model."""

    service: str
    operation: str
    params: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Request:
    """An HTTP request as the lab received it."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes


def scope_of(headers: Mapping[str, str], query: Mapping[str, list[str]]) -> Scope | None:
    """The credential scope of a signed request, or None for an unsigned one."""
    match = _SCOPE.search(headers.get("authorization", ""))
    if match:
        return Scope(match[1], match[2], match[3], presigned=False)
    credential = (query.get("X-Amz-Credential") or [""])[0]
    match = _SCOPE.search("Credential=" + credential)
    if match:
        return Scope(match[1], match[2], match[3], presigned=True)
    return _old_scope(headers, query)


def _old_scope(headers: Mapping[str, str], query: Mapping[str, list[str]]) -> Scope | None:
    """Signature version 2, which S3 still takes; it names no Region."""
    key = (query.get("AWSAccessKeyId") or [""])[0]
    if key and "Signature" in query:
        return Scope(key, REGION, "s3", presigned=True, version="SigV2")
    header = headers.get("authorization", "")
    if header.startswith("AWS ") and ":" in header:
        return Scope(header[4:].split(":")[0], REGION, "s3", presigned=False, version="SigV2")
    return None


def identify(scope: Scope, request: Request) -> Call | None:
    """The operation behind a request; None when no model knows it."""
    for name in _SIGNING.get(scope.signing_name, (scope.signing_name,)):
        try:
            model = hooks.model(name)
        except DataNotFoundError:  # no such service; the middleware says in the log that the call was not recorded
            continue
        found = _named(name, model, request) or _routed(name, model, request)
        if found is not None:
            return found
    return None


def _named(service: str, model: Any, request: Request) -> Call | None:
    """Protocols whose requests name the operation: json, cbor, query and ec2."""
    target = request.headers.get("x-amz-target", "")
    if target:
        return _checked(service, model, target.rsplit(".", 1)[-1], lambda _: json.loads(request.body or b"{}"))
    match = _CBOR_PATH.search(request.path)
    if match:
        return _checked(service, model, match.group(1), lambda shape: _cbor(request.body, shape))
    if model.protocol not in ("query", "ec2") and "Action" not in request.query:
        return None
    form = {**request.query, **parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)}
    flat = {key: values[0] for key, values in form.items()}
    if flat.get("Action") is None:
        return None
    return _checked(service, model, flat["Action"], lambda shape: _structure(flat, "", shape, model.protocol))


def _checked(service: str, model: Any, operation: str, parse: Any) -> Call | None:
    if operation not in model.operation_names:
        return None
    shape = model.operation_model(operation).input_shape
    params = parse(shape) if shape is not None else {}
    return Call(service, operation, params if isinstance(params, dict) else {})


def _cbor(body: bytes, shape: Any) -> Any:
    if not body:
        return {}
    parser = botocore.parsers.create_parser("smithy-rpc-v2-cbor")
    return parser.parse({"status_code": 200, "headers": {"smithy-protocol": "rpc-v2-cbor"}, "body": body}, shape)


# --- query and ec2 ------------------------------------------------------------------------------------------------


def _value(flat: Mapping[str, str], prefix: str, shape: Any, protocol: str) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return _structure(flat, prefix + ".", shape, protocol) or None
    if kind == "list":
        return _list(flat, prefix, shape, protocol) or None
    if kind == "map":
        return _map(flat, prefix, shape, protocol) or None
    return scalar(flat[prefix], shape) if prefix in flat else None


def _structure(flat: Mapping[str, str], prefix: str, shape: Any, protocol: str) -> dict[str, Any]:
    found = {}
    for name, member in shape.members.items():
        value = _value(flat, prefix + _wire_name(name, member, protocol), member, protocol)
        if value is not None:
            found[name] = value
    return found


def _wire_name(name: str, member: Any, protocol: str) -> str:
    serialization = member.serialization
    if protocol != "ec2":
        return str(serialization.get("name", name))
    if "queryName" in serialization:
        return str(serialization["queryName"])
    wire = str(serialization.get("name", name))
    return wire[0].upper() + wire[1:]


def _list(flat: Mapping[str, str], prefix: str, shape: Any, protocol: str) -> list[Any]:
    flattened = protocol == "ec2" or shape.serialization.get("flattened")
    item = "" if flattened else "." + shape.member.serialization.get("name", "member")
    if flattened and protocol != "ec2" and shape.member.serialization.get("name"):
        prefix = ".".join([*prefix.split(".")[:-1], shape.member.serialization["name"]])
    found = []
    for number in range(1, 2000):
        value = _value(flat, f"{prefix}{item}.{number}", shape.member, protocol)
        if value is None:
            break
        found.append(value)
    return found


def _map(flat: Mapping[str, str], prefix: str, shape: Any, protocol: str) -> dict[str, Any]:
    base = prefix if shape.serialization.get("flattened") else prefix + ".entry"
    key_name, value_name = (
        part.serialization.get("name", d) for part, d in ((shape.key, "key"), (shape.value, "value"))
    )
    found = {}
    for number in range(1, 500):
        key = flat.get(f"{base}.{number}.{key_name}")
        if key is None:
            break
        found[key] = _value(flat, f"{base}.{number}.{value_name}", shape.value, protocol)
    return found


def scalar(text: Any, shape: Any) -> Any:
    """A string of the wire with the type of its shape."""
    kind = shape.type_name
    if kind == "boolean":
        return text if isinstance(text, bool) else str(text).lower() == "true"
    if kind in ("integer", "long"):
        return int(text) if str(text).lstrip("-").isdigit() else text
    if kind in ("float", "double"):
        return float(text)
    return text


# --- rest-json and rest-xml ---------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Route:
    operation: str
    method: str
    pattern: re.Pattern[str]
    constants: Mapping[str, str]
    required: frozenset[str]
    weight: int


@lru_cache(maxsize=16)
def _routes(service: str) -> list[_Route]:
    model = hooks.model(service)
    routes = [_route(model, name) for name in model.operation_names]
    return sorted(routes, key=lambda route: -route.weight)


def _route(model: Any, name: str) -> _Route:
    operation = model.operation_model(name)
    path, _, constants = operation.http["requestUri"].partition("?")
    members = operation.input_shape.members if operation.input_shape else {}
    required = {
        members[member].serialization["name"]
        for member in (operation.input_shape.required_members if operation.input_shape else [])
        if members[member].serialization.get("location") in ("querystring", "header")
    }
    pattern = re.escape(path).replace(r"\{", "{").replace(r"\}", "}").replace(r"\+", "+")
    pattern = _LABEL.sub(lambda m: f"(?P<{m[1]}>.+)" if m[2] else f"(?P<{m[1]}>[^/]+)", pattern)
    fixed = {key: values[0] for key, values in parse_qs(constants, keep_blank_values=True).items()}
    # More fixed parts make a closer match: PutObjectTagging before PutObject, CopyObject before PutObject.
    # Of two names of one request the newer one.
    weight = 100 * len(fixed) + 10 * len(required) + len(_LABEL.sub("", path)) - operation.deprecated
    return _Route(name, operation.http["method"], re.compile(pattern + "/?$"), fixed, frozenset(required), weight)


def _routed(service: str, model: Any, request: Request) -> Call | None:
    if not model.protocol.startswith("rest"):
        return None
    given = {*request.query, *request.headers}
    lowered = {name.lower() for name in given}
    for route in _routes(service):
        match = route.pattern.match(request.path) if route.method == request.method else None
        if match is None or not all(name.lower() in lowered for name in route.required):
            continue
        if all(value in request.query.get(name, ()) for name, value in route.constants.items()):
            shape = model.operation_model(route.operation).input_shape
            labels = {key: unquote(value) for key, value in match.groupdict().items()}
            return Call(service, route.operation, _rest_params(shape, labels, request, model.protocol))
    return None


def _rest_params(shape: Any, labels: Mapping[str, str], request: Request, protocol: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, member in (shape.members if shape else {}).items():
        value = _located(member, labels, request)
        if value is not None:
            found[name] = value
    found.update(_payload(shape, request.body, protocol) if shape else {})
    return found


def _located(member: Any, labels: Mapping[str, str], request: Request) -> Any:
    wire, where = member.serialization.get("name", ""), member.serialization.get("location")
    if where == "uri" and wire in labels:
        return scalar(labels[wire], member)
    if where == "querystring" and wire in request.query:
        values = request.query[wire]
        return values if member.type_name == "list" else scalar(values[0], member)
    if where == "header" and wire.lower() in request.headers:
        return scalar(request.headers[wire.lower()], member)
    return None


def _payload(shape: Any, body: bytes, protocol: str) -> dict[str, Any]:
    name = shape.serialization.get("payload")
    if not body or (name and shape.members[name].type_name in ("blob", "string")):
        return {}
    target = shape.members[name] if name else shape
    try:
        # The caller is on this machine, and the emulator parses the same bytes.
        parsed = xml_value(ET.fromstring(body), target) if protocol == "rest-xml" else json.loads(body)  # noqa: S314
    except (ET.ParseError, ValueError):
        return {}
    return {name: parsed} if name else (parsed if isinstance(parsed, dict) else {})


def xml_value(node: ET.Element, shape: Any) -> Any:
    """An XML element with the structure of its shape."""
    if shape.type_name == "structure":
        return _xml_structure(node, shape)
    if shape.type_name == "list":
        return [xml_value(child, shape.member) for child in node]
    if shape.type_name == "map":
        return {child[0].text or "": xml_value(child[1], shape.value) for child in node}
    if shape.type_name == "blob":
        return base64.b64decode(node.text or "")
    return scalar(node.text or "", shape)


def _xml_structure(node: ET.Element, shape: Any) -> dict[str, Any]:
    children: dict[str, list[ET.Element]] = {}
    for child in node:
        children.setdefault(child.tag.rsplit("}", 1)[-1], []).append(child)
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        flat = member.type_name == "list" and member.serialization.get("flattened")
        wire = member.serialization.get("name", name)
        wire = member.member.serialization.get("name", wire) if flat else wire
        nodes = children.get(wire) or children.get(member.serialization.get("name", name)) or []
        if flat and nodes:
            found[name] = [xml_value(each, member.member) for each in nodes]
        elif nodes:
            found[name] = xml_value(nodes[0], member)
    return found
