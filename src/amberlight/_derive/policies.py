"""IAM policies of the capture role and of its counterpart in the vault account, out of the sources' declarations."""

from __future__ import annotations

import json

from amberlight._derive.text import banner, table
from amberlight.capture import catalogue, policy

FILES = {
    "capture-subject.json": (policy.subject_policy, "the capture role in an account where incidents are"),
    "capture-vault.json": (policy.vault_policy, "the role that receives snapshots in the vault account"),
}


def documents(command: str) -> dict[str, str]:
    """`deploy/policies/*.json`, and a page that says what they are: policies allow no comments of their own."""
    found = catalogue.load()
    files = {f"deploy/policies/{name}": json.dumps(make(found), indent=2) + "\n" for name, (make, _) in FILES.items()}
    rows = [(f"`{name}`", text) for name, (_, text) in FILES.items()]
    files["deploy/policies/README.md"] = (
        f"{banner(command)}# Policies\n\nGenerated, one statement per evidence source, exactly the actions that the "
        f"sources declare.\n\n{table(('file', 'for'), rows)}"
    )
    return files
