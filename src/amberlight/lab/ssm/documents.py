"""SSM documents: made, versioned, shared with other accounts, and found by name or ARN.

References:
    CreateDocument, GetDocument, UpdateDocument, DeleteDocument, ListDocuments, ModifyDocumentPermission, AWS Systems Manager
    API Reference, 2026-11. A document of another account is named by its ARN ("Using shared SSM documents", User Guide).
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from amberlight.lab import clock, hooks
from amberlight.lab.own import Operation, Refused, paged
from amberlight.lab.ssm import content, owned, runbook

_MOST = 50
_MOST_SHARED = 1000
_MADE = 1_420_070_400.0
"""When the documents of AWS were made, as far as the lab is concerned: 2015-01-01."""


@dataclasses.dataclass(frozen=True)
class Version:
    """One version of a document; it never changes."""

    number: int
    text: str
    form: str
    content: content.Content
    created: float
    name: str | None = None

    @property
    def hash(self) -> str:
        """SHA-256 of its text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclasses.dataclass
class Document:
    """A document with its versions."""

    name: str
    owner: str
    region: str
    kind: str
    versions: list[Version]
    default: int = 1
    shared: dict[str, str] = dataclasses.field(default_factory=dict)
    """Account (or `all`) to the version that it may use."""
    tags: list[dict[str, str]] = dataclasses.field(default_factory=list)
    target_type: str | None = None
    display_name: str | None = None

    def version(self, wanted: str | None) -> Version:
        """A version by number, `$DEFAULT` or `$LATEST`."""
        number = {None: self.default, "$DEFAULT": self.default, "$LATEST": self.versions[-1].number}.get(wanted)
        number = number or (int(wanted) if wanted and wanted.isdigit() else 0)
        found = next((each for each in self.versions if each.number == number), None)
        if found is None:
            raise Refused("InvalidDocumentVersion", f"The document version {wanted} is not valid or does not exist.")
        return found


class Documents:
    """All documents, by account and Region."""

    def __init__(self) -> None:
        self._own: dict[tuple[str, str], dict[str, Document]] = {}
        self._amazon = {
            name: Document(name, "Amazon", "", "Command",
                           [Version(1, text, "JSON", content.read(text, "JSON", "Command"), _MADE)])
            for name, text in owned.CONTENTS.items()
        }  # fmt: skip

    def mine(self) -> dict[str, Document]:
        """The documents of the current account and Region."""
        return self._own.setdefault((hooks.current_account(), hooks.current_region()), {})

    def visible(self) -> Iterable[Document]:
        """Those, the ones of AWS, and the ones that are shared with the current account."""
        foreign = [
            document
            for (owner, region), documents in self._own.items()
            if owner != hooks.current_account() and region == hooks.current_region()
            for document in documents.values()
            if self._share(document) is not None
        ]
        return [*self.mine().values(), *foreign, *self._amazon.values()]

    def find(self, name: str, wanted: str | None = None) -> tuple[Document, Version]:
        """A document by name or ARN, and its version.

        Raises:
            Refused: There is none that the current account may use.
        """
        document = self._by_arn(name) if name.startswith("arn:") else self.mine().get(name) or self._amazon.get(name)
        if document is None:
            raise Refused("InvalidDocument", f"Document with name {name} does not exist.")
        granted = self._granted(document)
        version = document.version(wanted or granted)
        if granted and version is not document.version(granted):
            raise Refused("InvalidDocumentVersion", f"The document version {wanted} is not shared.")
        return document, version

    def _by_arn(self, arn: str) -> Document | None:
        _, _, _, region, account, resource = [*arn.split(":", 5), "", "", "", "", ""][:6]
        name = resource.removeprefix("document/")
        if not account:
            return self._amazon.get(name)
        document = self._own.get((account, region), {}).get(name)
        if document is None or (account != hooks.current_account() and self._share(document) is None):
            return None
        return document

    @staticmethod
    def _share(document: Document) -> str | None:
        return document.shared.get(hooks.current_account()) or document.shared.get("all")

    def _granted(self, document: Document) -> str | None:
        """The one version that the current account may use; None for every version."""
        share = None if document.owner == hooks.current_account() else self._share(document)
        return None if share == "$ALL" else share

    def own(self, name: str) -> Document:
        """A document of the current account, to be changed."""
        document = self.mine().get(name)
        if document is None:
            raise Refused("InvalidDocument", f"Document with name {name} does not exist.")
        return document


def arn_of(document: Document) -> str:
    """A document's ARN; those of AWS belong to no account."""
    account = "" if document.owner == "Amazon" else document.owner
    return f"arn:aws:ssm:{document.region or hooks.current_region()}:{account}:document/{document.name}"


def resource(_: str, asked: Mapping[str, Any]) -> str:
    """The ARN that a policy is asked about for an operation on a document."""
    name = str(asked.get("Name") or asked.get("DocumentName") or "")
    if not name or name.startswith("arn:"):
        return name or "*"
    account = "" if name in owned.CONTENTS else hooks.current_account()
    return f"arn:aws:ssm:{hooks.current_region()}:{account}:document/{name}"


def operations(documents: Documents) -> dict[str, Operation]:
    """The API over documents."""
    found: dict[str, Callable[[Documents, dict[str, Any]], dict[str, Any]]] = {
        "CreateDocument": _create, "UpdateDocument": _update, "DeleteDocument": _delete, "GetDocument": _get,
        "DescribeDocument": _describe, "ListDocuments": _list, "ListDocumentVersions": _list_versions,
        "UpdateDocumentDefaultVersion": _set_default, "ModifyDocumentPermission": _share,
        "DescribeDocumentPermission": _describe_shares,
    }  # fmt: skip
    return {name: partial(each, documents) for name, each in found.items()}


def _create(documents: Documents, asked: dict[str, Any]) -> dict[str, Any]:
    name, kind = str(asked["Name"]), asked.get("DocumentType") or "Command"
    if name.lower().startswith(("aws-", "amazon", "amzn")):
        raise Refused("ValidationException", "A document's name cannot begin with aws-, amazon or amzn.")
    if kind not in content.SCHEMAS:
        raise Refused("ValidationException", f"The lab has no documents of type {kind}.")
    if asked.get("Attachments") or asked.get("Requires"):
        raise Refused("ValidationException", "The lab has no attachments of documents and no required documents.")
    if name in documents.mine():
        raise Refused("DocumentAlreadyExists", f"Document with same name {name} already exists.")
    made = Document(
        name, hooks.current_account(), hooks.current_region(), kind, [_version(asked, kind, 1)],
        tags=list(asked.get("Tags") or []), target_type=asked.get("TargetType"), display_name=asked.get("DisplayName"),
    )  # fmt: skip
    documents.mine()[name] = made
    return {"DocumentDescription": description(made, made.versions[0])}


def _version(asked: Mapping[str, Any], kind: str, number: int) -> Version:
    text, form = str(asked["Content"]), asked.get("DocumentFormat") or "JSON"
    if form not in ("JSON", "YAML"):
        raise Refused("ValidationException", f"The lab has no documents in {form}.")
    found = content.read(text, form, kind)
    if kind == "Automation":
        runbook.read(found.raw)
    return Version(number, text, form, found, clock.now(), asked.get("VersionName"))


def _update(documents: Documents, asked: dict[str, Any]) -> dict[str, Any]:
    document = documents.own(asked["Name"])
    latest = document.versions[-1]
    if asked.get("DocumentVersion") not in ("$LATEST", str(latest.number)):
        raise Refused("InvalidDocumentVersion", "The document version is not valid or does not exist.")
    made = _version({"DocumentFormat": latest.form, **asked}, document.kind, latest.number + 1)
    if made.hash in {each.hash for each in document.versions}:
        raise Refused("DuplicateDocumentContent", "The content of the document is the same as that of another version.")
    if made.name and made.name in {each.name for each in document.versions}:
        raise Refused("DuplicateDocumentVersionName", "The version name has already been used in this document.")
    document.versions.append(made)
    return {"DocumentDescription": description(document, made)}


def _delete(documents: Documents, asked: dict[str, Any]) -> dict[str, Any]:
    document = documents.own(asked["Name"])
    if document.shared:
        raise Refused("InvalidDocumentOperation", "You attempted to delete a document while it is still shared. You "
                      "must stop sharing the document before you can delete it.")  # fmt: skip
    if asked.get("DocumentVersion") or asked.get("VersionName"):
        raise Refused("InvalidDocumentOperation", "The lab deletes documents with all their versions.")
    del documents.mine()[document.name]
    return {}


def _get(documents: Documents, asked: dict[str, Any]) -> dict[str, Any]:
    document, version = documents.find(asked["Name"], asked.get("DocumentVersion"))
    form = asked.get("DocumentFormat") or version.form
    text = version.text if form == version.form else content.dump(version.content.raw, form)
    return {
        "Name": document.name, "CreatedDate": version.created, "DisplayName": document.display_name,
        "VersionName": version.name, "DocumentVersion": str(version.number), "Status": "Active", "Content": text,
        "DocumentType": document.kind, "DocumentFormat": form,
    }  # fmt: skip


def _describe(documents: Documents, asked: dict[str, Any]) -> dict[str, Any]:
    return {"Document": description(*documents.find(asked["Name"], asked.get("DocumentVersion")))}


def description(document: Document, version: Version) -> dict[str, Any]:
    """`DocumentDescription` of a version."""
    return {
        **_identifier(document, version), "Hash": version.hash, "HashType": "Sha256", "Status": "Active",
        "Description": version.content.description, "LatestVersion": str(document.versions[-1].number),
        "DefaultVersion": str(document.default), "Parameters": [_shown(p) for p in version.content.parameters.values()],
    }  # fmt: skip


def _shown(parameter: content.Parameter) -> dict[str, Any]:
    default = parameter.default
    return {
        "Name": parameter.name, "Type": "StringList" if parameter.kind == "StringList" else "String",
        "Description": parameter.description,
        "DefaultValue": default if default is None or isinstance(default, str) else content.compact(default),
    }  # fmt: skip


def _identifier(document: Document, version: Version) -> dict[str, Any]:
    foreign = document.owner not in ("Amazon", hooks.current_account())
    return {
        "Name": arn_of(document) if foreign else document.name, "CreatedDate": version.created,
        "DisplayName": document.display_name, "Owner": document.owner, "VersionName": version.name,
        "PlatformTypes": version.content.platforms, "DocumentVersion": str(version.number),
        "DocumentType": document.kind, "SchemaVersion": version.content.schema, "DocumentFormat": version.form,
        "TargetType": document.target_type, "Tags": document.tags,
    }  # fmt: skip


def _list(documents: Documents, asked: dict[str, Any]) -> dict[str, Any]:
    old = [{"Key": each["key"], "Values": [each["value"]]} for each in asked.get("DocumentFilterList") or []]
    wanted = [*old, *(asked.get("Filters") or [])]
    found = [each for each in documents.visible() if all(_matches(each, one) for one in wanted)]
    if not any(each["Key"] == "Owner" for each in wanted):
        # A document of another account is listed only when asked for; its ARN is what one has to know.
        found = [each for each in found if each.owner in ("Amazon", hooks.current_account())]
    rows = [_identifier(each, each.version(None)) for each in sorted(found, key=lambda each: each.name)]
    page, following = paged(rows, asked.get("NextToken"), asked.get("MaxResults"), most=_MOST, code="InvalidNextToken")
    return {"DocumentIdentifiers": page, "NextToken": following}


def _matches(document: Document, wanted: Mapping[str, Any]) -> bool:
    values, mine = wanted.get("Values") or [], document.owner == hooks.current_account()
    match wanted["Key"]:
        case "Name":
            return any(document.name.startswith(value) for value in values)
        case "Owner":
            kinds = {"Self": mine, "Amazon": document.owner == "Amazon", "All": True,
                     "Public": document.owner == "Amazon" or "all" in document.shared,
                     "Private": not mine and document.owner != "Amazon" and "all" not in document.shared}  # fmt: skip
            return any(kinds.get(value, document.owner == value) for value in values)
        case "DocumentType":
            return document.kind in values
        case "PlatformTypes":
            return bool(set(values) & set(document.version(None).content.platforms))
        case str(key) if key.startswith("tag:"):
            return any(tag["Key"] == key[4:] and tag["Value"] in values for tag in document.tags)
    raise Refused("InvalidFilterKey", f"The lab does not filter documents by {wanted['Key']}.")


def _list_versions(documents: Documents, asked: dict[str, Any]) -> dict[str, Any]:
    document, _ = documents.find(asked["Name"])
    rows = [
        {"Name": document.name, "DocumentVersion": str(each.number), "VersionName": each.name, "Status": "Active",
         "CreatedDate": each.created, "IsDefaultVersion": each.number == document.default, "DocumentFormat": each.form}
        for each in reversed(document.versions)
    ]  # fmt: skip
    page, following = paged(rows, asked.get("NextToken"), asked.get("MaxResults"), most=_MOST, code="InvalidNextToken")
    return {"DocumentVersions": page, "NextToken": following}


def _set_default(documents: Documents, asked: dict[str, Any]) -> dict[str, Any]:
    document = documents.own(asked["Name"])
    version = document.version(asked["DocumentVersion"])
    document.default = version.number
    return {"Description": {"Name": document.name, "DefaultVersion": str(version.number),
                            "DefaultVersionName": version.name}}  # fmt: skip


def _share(documents: Documents, asked: dict[str, Any]) -> dict[str, Any]:
    document = documents.own(asked["Name"])
    add = [str(each).lower() for each in asked.get("AccountIdsToAdd") or []]
    remove = [str(each).lower() for each in asked.get("AccountIdsToRemove") or []]
    setting = hooks.service("ssm")._service_setting_out("/ssm/documents/console/public-sharing-permission")
    if "all" in add and setting["SettingValue"] == "Disable":
        raise Refused("InvalidDocumentOperation", "Public sharing of documents is blocked in this account and Region.")
    shared = {**document.shared, **dict.fromkeys(add, asked.get("SharedDocumentVersion") or "$DEFAULT")}
    if len(shared) > _MOST_SHARED:
        raise Refused("DocumentPermissionLimit", "The document cannot be shared with more accounts.")
    document.shared = {account: version for account, version in shared.items() if account not in remove}
    return {}


def _describe_shares(documents: Documents, asked: dict[str, Any]) -> dict[str, Any]:
    document = documents.own(asked["Name"])
    page, following = paged(
        sorted(document.shared), asked.get("NextToken"), asked.get("MaxResults"), most=200, code="InvalidNextToken"
    )
    rows = [{"AccountId": each, "SharedDocumentVersion": document.shared[each]} for each in page]
    return {"AccountIds": page, "AccountSharingInfoList": rows, "NextToken": following}
