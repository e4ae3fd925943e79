"""What the resource types of IAM have in common.

They are read from the emulator's stores, which is as exact and ten times as fast as five calls for each.

References:
    Items of IAM look like the lists of GetAccountAuthorizationDetails, documents percent-encoded; real answers of
    SelectResourceConfig, 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from amberlight.lab import hooks
from amberlight.lab.awsconfig.item import GLOBAL, Reading, Relation
from amberlight.lab.awsconfig.kind import Kind, Place, moment, named, tag_map
from amberlight.lab.recorder.history import Event


def kind(
    name: str, store: str, members: tuple[str, ...], make: Callable[[Place, Mapping[str, Any]], Reading]
) -> Kind:  # fmt: skip
    """A resource type.

    Args:
        name: For example `AWS::IAM::User`.
        store: The emulator's, by name, or by ARN.
        members: Parameters whose value names one.
        make: The reading of a stored record.
    """

    def records(place: Place) -> dict[str, Any]:
        with hooks.acting_for(place.account, place.region):
            return dict(getattr(hooks.service("iam"), store).items())

    async def read(place: Place, reference: str) -> Reading | None:
        with hooks.acting_for(place.account, place.region):
            found = getattr(hooks.service("iam"), store).get(reference)
            return make(place, found) if found and ":aws:policy/" not in found["Arn"] else None

    async def every(place: Place) -> Iterable[str]:
        return [name for name in records(place) if not name.startswith("arn:aws:iam::aws:")]

    def touched(event: Event) -> Iterable[str]:
        made = (event.record.get("responseElements") or {}).get("policy")
        arns = [str(made["arn"])] if isinstance(made, dict) and "PolicyArn" in members and "arn" in made else []
        return [*named(event, *members), *arns]

    return Kind(name=name, service="iam", touched=touched, read=read, every=every, everywhere=True)


def reading(record: Mapping[str, Any], what: str, configuration: Mapping[str, Any], *relations: Relation) -> Reading:
    """The reading of a stored record of a `what`: `User`, `Role`, `Group` or `Policy`."""
    return Reading(
        id=record[f"{what}Id"], arn=record["Arn"], name=record[f"{what}Name"], region=GLOBAL,
        created=moment(record["CreateDate"]), configuration=configuration, tags=tag_map(record.get("Tags") or []),
        relations=tuple(sorted(relations, key=lambda each: (each.type, each.resource_name or ""))),
    )  # fmt: skip


def head(record: Mapping[str, Any], what: str) -> dict[str, Any]:
    """What begins the configuration of a user, role or group."""
    small = what.lower()
    return {"path": record["Path"], f"{small}Name": record[f"{what}Name"], f"{small}Id": record[f"{what}Id"],
            "arn": record["Arn"], "createDate": moment(record["CreateDate"])}  # fmt: skip


def inline(policies: Mapping[str, str] | None) -> list[dict[str, str]]:
    """Inline policies."""
    return [{"policyName": name, "policyDocument": encoded(text)} for name, text in (policies or {}).items()]


def attached(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """Attached managed policies."""
    return [{"policyName": arn.rsplit("/", 1)[-1], "policyArn": arn} for arn in record.get("AttachedPolicies") or []]


def customer_managed(record: Mapping[str, Any]) -> list[Relation]:
    """Relations to the account's own policies; AWS's are no resources of the account."""
    policies = hooks.service("iam")._policies
    found = [policies.get(arn) for arn in record.get("AttachedPolicies") or []]
    return [
        Relation("Is attached to CustomerManagedPolicy", "AWS::IAM::Policy", each["PolicyId"], each["PolicyName"])
        for each in found if each
    ]  # fmt: skip


def encoded(document: Any) -> str:
    """A policy document as IAM answers it."""
    return quote(str(document), safe="-_.~")


def extras(record: Mapping[str, Any]) -> dict[str, Any]:
    """What newer items have besides."""
    boundary = record.get("PermissionsBoundary")
    tags = [{"key": each["Key"], "value": each["Value"]} for each in record.get("Tags") or []]
    limit = {"permissionsBoundaryType": "Policy", "permissionsBoundaryArn": boundary}
    return {**({"permissionsBoundary": limit} if boundary else {}), "tags": tags}
