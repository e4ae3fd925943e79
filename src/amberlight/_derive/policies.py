"""IAM policies: the capture roles' out of the sources' declarations, the vault's out of `amberlight.vault.policies`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from amberlight._derive.text import banner, table
from amberlight.capture import catalogue, policy
from amberlight.vault import policies as vault
from amberlight.vault.needed import NEEDED
from amberlight.vault.statements import ROLES, Document, Statement, VaultNames

FILES = {
    "capture-subject.json": (policy.subject_policy, "the capture role in an account where incidents are"),
    "capture-vault.json": (policy.vault_policy, "the role that receives snapshots in the vault account"),
}
NAMES = VaultNames(
    bucket="VAULT_BUCKET",
    account="VAULT_ACCOUNT",
    region="VAULT_REGION",
    hub="arn:aws:iam::HUB_ACCOUNT:role/HUB_ROLE",
    key_arn="arn:aws:kms:VAULT_REGION:VAULT_ACCOUNT:key/SIGNING_KEY",
    data_key_arn="arn:aws:kms:VAULT_REGION:VAULT_ACCOUNT:key/DATA_KEY",
)
"""Words in capitals stand for what differs from account to account."""


INTRODUCTION = (
    "# The vault's statements\n\nWhy each is there, and what gets through without it. The last column is proved on the "
    "embedded lab by `tests/lab/test_vault_mutation.py`, which takes each statement away in turn, or offline by "
    "`tests/unit/vault/test_policy_proof.py` where it says so. An allowance has nothing in it: without it a role cannot "
    "work.\n"
)


def documents(command: str) -> dict[str, str]:
    """`deploy/policies/*.json`, and pages that say what they are: policies allow no comments of their own."""
    found = catalogue.load()
    files = {f"deploy/policies/{name}": json.dumps(make(found), indent=2) + "\n" for name, (make, _) in FILES.items()}
    rows = [(f"`{name}`", text) for name, (_, text) in FILES.items()]
    for name, (text, made, _) in vault_policies().items():
        files[f"deploy/policies/{name}"] = json.dumps(made, indent=2) + "\n"
        rows.append((f"`{name}`", text))
    files["deploy/policies/vault-lifecycle.json"] = json.dumps(vault.LIFECYCLE, indent=2) + "\n"
    rows.append(("`vault-lifecycle.json`", "the evidence bucket: ends uploads that nobody goes on with"))
    files["deploy/policies/README.md"] = (
        f"{banner(command)}# Policies\n\nGenerated. The capture roles': one statement per evidence source, exactly the "
        "actions that the sources declare. The vault's: each statement's reason stands in "
        "[vault-statements](../../docs/reference/vault-statements.md); words in capitals are to be replaced.\n\n"
        f"{table(('file', 'for'), rows)}"
    )
    files["docs/reference/vault-statements.md"] = banner(command) + page()
    return files


def vault_policies() -> dict[str, tuple[str, Document, tuple[Statement, ...]]]:
    """File name to what it is for, the document, and its statements."""
    scp = vault.service_control_statements(NAMES), vault.service_control_policy(NAMES)
    rcp = vault.resource_control_statements(NAMES), vault.resource_control_policy(NAMES)
    files = {
        "vault-bucket.json": ("the evidence bucket", vault.bucket_policy(NAMES), vault.bucket_statements(NAMES)),
        "vault-signing-key.json": ("the key that signs", vault.key_policy(NAMES), vault.key_statements(NAMES)),
        "vault-data-key.json": (
            "the key of the objects, without which SSE-S3 encrypts",
            vault.data_key_policy(NAMES),
            vault.data_key_statements(NAMES),
        ),
        "vault-scp.json": ("the vault's organisational unit: its principals", scp[1], scp[0]),
        "vault-rcp.json": ("the vault's organisational unit: its resources", rcp[1], rcp[0]),
    }
    for role in ROLES:
        made, statements = vault.role_policy(role, NAMES), vault.role_statements(role, NAMES)
        trust, trusted = vault.trust_policy(role, NAMES), (vault.trust_statement(role, NAMES),)
        files[f"vault-role-{role}.json"] = (f"what the {role} may do", made, statements)
        files[f"vault-trust-{role}.json"] = (f"who may take on the {role}", trust, trusted)
    return files


def page() -> str:
    """Every statement with its reason, and what gets through without it."""
    parts = [INTRODUCTION]
    for name, (text, _, statements) in vault_policies().items():
        parts.append(f"\n## {text[0].upper()}{text[1:]} (`{name}`)\n\n{table(HEAD, rows_of(name, statements))}")
    return "".join(parts)


HEAD = ("statement", "why", "without it")


def rows_of(name: str, statements: tuple[Statement, ...]) -> Iterator[tuple[str, str, str]]:
    """One row per statement."""
    policy_name = name.removeprefix("vault-").removesuffix(".json")
    for each in statements:
        needed = NEEDED.get((policy_name, each.sid))
        yield each.sid, each.why, needed.words if needed else ""
