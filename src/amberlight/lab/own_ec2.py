"""Operations of EC2 that the emulator lacks or fakes, answered by functions as in `own.py`: parameters and answer by botocore's model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from amberlight.lab import hooks
from amberlight.lab.own import Refused
from amberlight.lab.recorder import requests

Operation = Callable[[dict[str, Any]], Mapping[str, Any] | None]
_SCOPE = requests.Scope("", "", "ec2", presigned=False)


def serve(operations: Mapping[str, Operation]) -> None:
    """Answer these operations of EC2.

    Raises:
        RuntimeError: The model has no such operation.
    """
    model, table = hooks.model("ec2"), hooks.service("ec2")._ACTION_MAP
    if strange := set(operations) - set(model.operation_names):
        raise RuntimeError(f"ec2 has no operations {sorted(strange)}")
    table.update({name: _handler(name, work) for name, work in operations.items()})


def _handler(name: str, work: Operation) -> Callable[[dict[str, Any]], Any]:
    def handle(params: dict[str, Any]) -> Any:
        ec2 = hooks.service("ec2")
        call = requests.identify(_SCOPE, requests.Request("POST", "/", params, {}, b""))
        asked = call.params if call is not None else {}
        if asked.get("DryRun"):
            return ec2._error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
        try:
            given = work(asked) or {}
        except Refused as refused:
            return ec2._error(refused.code, escape(refused.message), refused.status)
        return ec2._xml(200, f"{name}Response", xml(name, given))

    return handle


def xml(operation: str, members: Mapping[str, Any]) -> str:
    """The members of an operation's output as EC2 writes them; a member that is None is left out."""
    return _structure(members, hooks.model("ec2").operation_model(operation).output_shape)


def _structure(members: Mapping[str, Any], shape: Any) -> str:
    if strange := set(members) - set(shape.members):
        raise RuntimeError(f"an answer has {sorted(strange)}, which {shape.name} does not have")
    return "".join(
        _element(shape.members[name].serialization.get("name", name), value, shape.members[name])
        for name, value in members.items()
        if value is not None
    )


def _element(name: str, value: Any, shape: Any) -> str:
    if shape.type_name == "structure":
        inner = _structure(value, shape)
    elif shape.type_name == "list":
        inner = "".join(_element(shape.member.serialization.get("name", "item"), each, shape.member) for each in value)
    elif shape.type_name == "timestamp":
        inner = datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    else:
        inner = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"<{name}>{inner}</{name}>"


def tagged(asked: Mapping[str, Any], kind: str, ident: str) -> list[dict[str, str]]:
    """Store the tags that a request gives to a new resource of this kind; gives them."""
    tags = [
        {"Key": tag["Key"], "Value": tag.get("Value", "")}
        for one in asked.get("TagSpecifications") or []
        if one.get("ResourceType") == kind
        for tag in one.get("Tags") or []
    ]
    if tags:
        hooks.service("ec2")._tags[ident] = tags
    return tags


def tags_of(ident: str) -> list[dict[str, str]]:
    """The tags that a resource has now."""
    return list(hooks.service("ec2")._tags.get(ident) or [])


def matches(item: Mapping[str, Any], filters: Any, fields: Mapping[str, str], ident: str) -> bool:
    """Whether an item passes the filters of a request.

    Args:
        item: Members by name.
        filters: `Filters` of the request.
        fields: The member behind each filter's name; others than these, `tag:KEY` and `tag-key` are refused.
        ident: Whose tags count.
    """
    tags = {tag["Key"]: tag["Value"] for tag in tags_of(ident)}
    for each in filters or []:
        name, wanted = each["Name"], each.get("Values") or []
        if name.startswith("tag:"):
            found = [tags[name[4:]]] if name[4:] in tags else []
        elif name == "tag-key":
            found = list(tags)
        elif name in fields:
            found = [str(item.get(fields[name], ""))]
        else:
            raise Refused("InvalidParameterValue", f"The filter '{name}' is invalid")
        if not set(found) & set(wanted):
            return False
    return True
