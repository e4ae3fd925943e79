"""Threat lists and trusted lists of a GuardDuty detector: addresses in a file of a bucket, read when the list is activated.

A call from an address of an active threat list is a finding; no call from an address of the trusted list is one, whatever it does.

References:
    "Working with trusted IP lists and threat lists" (a list is read when it is activated and when it is updated; one trusted list, six
    threat lists; plaintext has one address or CIDR block a line) and "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom",
    "Recon:IAMUser/MaliciousIPCaller.Custom", GuardDuty User Guide, 2026-11.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from amberlight.lab import hooks
from amberlight.lab.detection import seen as parts
from amberlight.lab.detection.guardduty import Detector, Made
from amberlight.lab.detection.seen import Seen
from amberlight.lab.own import Operation, Refused, paged
from amberlight.lab.recorder import shape

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LOCATION = re.compile(r"(?:s3://|https://s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com/)([a-z0-9.-]+)/(.+)$")
_MOST_LINES, _MOST_BYTES, _MOST_SETS = 250_000, 4 * 1024 * 1024, {"ThreatIntelSet": 6, "IPSet": 1}
_MEDIUM = 5.0


@dataclasses.dataclass
class AddressList:
    """A list, and what was read when it was last activated."""

    kind: str
    name: str
    location: str
    tags: Mapping[str, str]
    active: bool = False
    networks: tuple[Network, ...] = ()
    id: str = dataclasses.field(default_factory=lambda: secrets.token_hex(16))

    def has(self, address: str) -> bool:
        """Whether the address is on it while it is active."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return self.active and any(found in network for network in self.networks)


class Lists:
    """The lists of all detectors."""

    def __init__(self) -> None:
        self._known: dict[str, list[AddressList]] = {}

    def of(self, detector: Detector, kind: str) -> list[AddressList]:
        """A detector's lists of a kind: `ThreatIntelSet` or `IPSet`."""
        return [each for each in self._known.get(detector.id, []) if each.kind == kind]

    def trusted(self, detector: Detector, seen: Seen) -> bool:
        """Whether nothing that comes from there is a finding."""
        return any(each.has(seen.record["sourceIPAddress"]) for each in self.of(detector, "IPSet"))

    def judge(self, detector: Detector, seen: Seen) -> Iterable[Made]:
        """The finding of a call from an address of a threat list."""
        for each in self.of(detector, "ThreatIntelSet"):
            if each.has(seen.record["sourceIPAddress"]):
                yield _made(each, seen)
                return

    # --- what callers ask ---

    def create(self, detector: Detector, kind: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """CreateThreatIntelSet and CreateIPSet."""
        if asked["format"] != "TXT":
            raise _bad("because the lab reads lists of the format TXT alone.")
        if len(self.of(detector, kind)) >= _MOST_SETS[kind]:
            raise _bad("because the maximum number of lists is reached.")
        if any(each.name == asked["name"] for each in self._known.get(detector.id, [])):
            raise _bad("because a list with the same name exists.")
        made = AddressList(kind, asked["name"], asked["location"], asked.get("tags", {}))
        _activate(made, detector, active=bool(asked["activate"]))
        self._known.setdefault(detector.id, []).append(made)
        return {_id(kind): made.id}

    def named(self, detector: Detector, kind: str, asked: Mapping[str, Any]) -> AddressList:
        """The list that a call names."""
        for each in self.of(detector, kind):
            if each.id == asked[_id(kind)]:
                return each
        raise _bad("because the input list id is not owned by the current account.")

    def get(self, detector: Detector, kind: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """GetThreatIntelSet and GetIPSet."""
        one = self.named(detector, kind, asked)
        return {"Name": one.name, "Format": "TXT", "Location": one.location, "Tags": one.tags,
                "Status": "ACTIVE" if one.active else "INACTIVE"}  # fmt: skip

    def ids(self, detector: Detector, kind: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """ListThreatIntelSets and ListIPSets."""
        found = [each.id for each in self.of(detector, kind)]
        token, size = asked.get("NextToken"), asked.get("MaxResults")
        page, following = paged(found, token, size, most=50, code="BadRequestException")
        return {_id(kind) + "s": page, "NextToken": following}

    def update(self, detector: Detector, kind: str, asked: Mapping[str, Any]) -> None:
        """UpdateThreatIntelSet and UpdateIPSet."""
        one = self.named(detector, kind, asked)
        changed = dataclasses.replace(
            one, name=asked.get("name", one.name), location=asked.get("location", one.location)
        )
        _activate(changed, detector, active=bool(asked.get("activate", one.active)))
        one.name, one.location, one.active, one.networks = (
            changed.name,
            changed.location,
            changed.active,
            changed.networks,
        )

    def delete(self, detector: Detector, kind: str, asked: Mapping[str, Any]) -> None:
        """DeleteThreatIntelSet and DeleteIPSet."""
        self._known[detector.id].remove(self.named(detector, kind, asked))


def operations(lists: Lists, of_caller: Callable[[Mapping[str, Any]], Detector]) -> dict[str, Operation]:
    """The API's operations on both kinds of lists."""

    def on(kind: str, work: Callable[[Detector, str, Mapping[str, Any]], Any]) -> Operation:
        return lambda asked: work(of_caller(asked), kind, asked)

    return {
        name: on(kind, work)
        for kind in _MOST_SETS
        for name, work in (
            (f"Create{kind}", lists.create), (f"Get{kind}", lists.get), (f"List{kind}s", lists.ids),
            (f"Update{kind}", lists.update), (f"Delete{kind}", lists.delete),
        )
    }  # fmt: skip


def _id(kind: str) -> str:
    return {"ThreatIntelSet": "ThreatIntelSetId", "IPSet": "IpSetId"}[kind]


def _bad(reason: str) -> Refused:
    return Refused("BadRequestException", f"The request is rejected {reason}")


def _activate(one: AddressList, detector: Detector, *, active: bool) -> None:
    """Read the file of a list that is to be active; it has to be there and to be a list."""
    one.active = active
    if active:
        one.networks = _networks(_text(one.location, detector))


def _text(location: str, detector: Detector) -> str:
    match = _LOCATION.match(location)
    if match is None or hooks.service("s3")._bucket_owner_account(match[1]) != detector.account:
        raise _bad("because the specified location is not a file in a bucket of the account.")
    with hooks.acting_for(*detector.place):
        found = hooks.service("s3")._buckets[match[1]]["objects"].get(match[2])
        if found is None or found["size"] > _MOST_BYTES:
            raise _bad("because the specified file does not exist or is too large.")
        return str(hooks.service("s3")._get_object_data(match[1], match[2]).decode("utf-8", "replace"))


def _networks(text: str) -> tuple[Network, ...]:
    lines = [line.split("#")[0].strip() for line in text.splitlines()[: _MOST_LINES + 1]]
    if len(lines) > _MOST_LINES:
        raise _bad("because the list has too many entries.")
    try:
        return tuple(ipaddress.ip_network(line, strict=False) for line in lines if line)
    except ValueError as error:
        raise _bad("because the list is not in the specified format.") from error


def _made(one: AddressList, seen: Seen) -> Made:
    words = seen.words()
    purpose = "Recon" if shape.is_read(seen.call) else "UnauthorizedAccess"
    resource = {"resourceType": "AccessKey", "accessKeyDetails": parts.key_details(seen)}
    evidence = {"threatIntelligenceDetails": [{"threatListName": one.name, "threatNames": []}]}
    return Made(
        type=f"{purpose}:IAMUser/MaliciousIPCaller.Custom", severity=_MEDIUM, when=seen.event.time, resource=resource,
        title="API {api} was invoked from an IP address on a custom threat list.".format(**words),
        description="API {api} was invoked by {principal} from the IP address {address} on a custom threat list.".format(**words),
        action=parts.api_call(seen), subject=json.dumps([words["principal"], words["address"]]), evidence=evidence,
        additional={"threatListName": one.name, "value": json.dumps({"threatListName": one.name})},
    )  # fmt: skip
