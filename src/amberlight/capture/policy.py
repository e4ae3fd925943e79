"""The IAM policies that the sources' declarations ask for, and nothing more; one statement per source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from amberlight.model.evidence import Source

VERSION = "2012-10-17"


def subject_policy(catalogue: Mapping[str, Source], account: str = "*", partition: str = "aws") -> dict[str, Any]:
    """The policy of the capture role in an account where incidents are.

    `account` and `partition` take the place of `{account}` and `{partition}` in the resources that sources declare.
    """
    return policy(catalogue, "subject", {"account": account, "partition": partition})


def vault_policy(catalogue: Mapping[str, Source], account: str = "*", partition: str = "aws") -> dict[str, Any]:
    """The policy of the role that receives AWS-side evidence, such as snapshots, in the vault account."""
    return policy(catalogue, "vault", {"account": account, "partition": partition})


def policy(
    catalogue: Mapping[str, Source], side: Literal["subject", "vault"], names: Mapping[str, str]
) -> dict[str, Any]:
    """A policy document with one statement per source and set of resources, in the order of the catalogue."""
    statements = []
    for name in sorted(catalogue):
        for number, (resources, actions) in enumerate(grouped(catalogue[name], side)):
            statements.append(
                {
                    "Sid": sid(name) + (str(number + 1) if number else ""),
                    "Effect": "Allow",
                    "Action": list(actions),
                    "Resource": [filled(resource, names) for resource in resources],
                }
            )
    return {"Version": VERSION, "Statement": statements}


def grouped(source: Source, side: Literal["subject", "vault"]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The actions that a source declares on one side, by the resources that they are for."""
    groups: dict[tuple[str, ...], set[str]] = {}
    for call in source.calls:
        if call.account == side and call.actions:
            groups.setdefault(call.resources, set()).update(call.actions)
    return [(resources, tuple(sorted(groups[resources]))) for resources in sorted(groups)]


def sid(name: str) -> str:
    """A statement id of letters and digits: `api_calls.trail_files` is `ApiCallsTrailFiles`."""
    return "".join(part.capitalize() for part in name.replace(".", "_").split("_"))


def filled(resource: str, names: Mapping[str, str]) -> str:
    """The resource with the account and the partition filled in."""
    for name, value in names.items():
        resource = resource.replace("{" + name + "}", value)
    return resource
