"""What policies are made of: the names, a statement with its reason, and conditions that come up again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["writer", "examiner", "signer", "custodian", "deployer"]
ROLES: tuple[Role, ...] = ("writer", "examiner", "signer", "custodian", "deployer")
Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class VaultNames:
    """The names that the policies are made of.

    Args:
        bucket: The evidence bucket.
        account: The vault account, twelve digits.
        region: Its Region.
        hub: ARN of the principal of the security account that may take on the vault's working roles.
        key_arn: ARN of the KMS key that signs checkpoints.
        data_key_arn: ARN of the KMS key of the objects; empty for SSE-S3.
        deployer: ARN of who may take on the deployer role: people of the vault account, not the hub.
        max_days: The longest retention that the custodian may set, from the day of the act.
        tls: Whether the endpoint speaks TLS; false only where it is this machine.
    """

    bucket: str
    account: str
    region: str
    hub: str
    key_arn: str
    data_key_arn: str = ""
    deployer: str = ""
    writer_role: str = "AmberlightWriter"
    examiner_role: str = "AmberlightExaminer"
    signer_role: str = "AmberlightSigner"
    custodian_role: str = "AmberlightCustodian"
    deployer_role: str = "AmberlightDeployer"
    max_days: int = 3650
    tls: bool = True

    @property
    def bucket_arn(self) -> str:
        """The bucket itself."""
        return f"arn:aws:s3:::{self.bucket}"

    @property
    def objects_arn(self) -> str:
        """Every object in it."""
        return f"{self.bucket_arn}/*"

    def role_arn(self, role: Role) -> str:
        """The ARN of one of the five roles."""
        return f"arn:aws:iam::{self.account}:role/{getattr(self, f'{role}_role')}"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement and why it is there; `body` lacks only the Sid."""

    sid: str
    why: str
    body: Document


def document(statements: tuple[Statement, ...]) -> Document:
    """The policy document of some statements."""
    return {"Version": "2012-10-17", "Statement": [{"Sid": each.sid, **each.body} for each in statements]}


def deny(
    sid: str, why: str, actions: str | list[str], resources: list[str], condition: Document | None = None
) -> Statement:
    """A denial to everybody, under a condition or under none."""
    body: Document = {"Effect": "Deny", "Principal": "*", "Action": actions, "Resource": resources}
    return Statement(sid=sid, why=why, body=body | ({"Condition": condition} if condition else {}))


def allow(sid: str, why: str, actions: list[str], resources: list[str], condition: Document | None = None) -> Statement:
    """A permission of the role that the policy belongs to."""
    body: Document = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return Statement(sid=sid, why=why, body=body | ({"Condition": condition} if condition else {}))


def unless(names: VaultNames, role: Role) -> Document:
    """For everybody but one role."""
    return {"StringNotEquals": {"aws:PrincipalArn": names.role_arn(role)}}


def via_s3(names: VaultNames) -> Document:
    """Only where S3 asks for it."""
    return {"StringEquals": {"kms:ViaService": f"s3.{names.region}.amazonaws.com"}}
