"""The response plan (`amberlight.yaml`) as records: four sections named after the four steps, and the people.

Unknown keys are errors, since a misspelt limit is no limit.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

import msgspec

from amberlight.model.readiness import (
    Access,
    Authority,
    Channel,
    Clock,
    CrownJewel,
    Duty,
    Learning,
    LogStore,
    Partner,
    PlannedDrill,
    Playbook,
    Role,
)
from amberlight.model.signals import Severity

BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/?")
WITNESS_EVIDENCE_BYTES = 1 << 20


class Contact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who can be reached: at 3 a.m. by `reach`, in a way that the affected estate does not carry.

    `also` are further ways; `reviewed` is the day on which somebody last tried them.
    """

    name: str
    role: str
    reach: str
    reviewed: str
    also: tuple[str, ...] = ()


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An AWS account and what it is for. `id` has twelve digits; `use` is `subject`, `security` or `vault`.

    Attributes:
        purpose: What runs in it, in words.
        owner: The role or person that answers for it.
        regions: Regions in use.
        domains: Domains whose mail, chat or names hang on this account: who is only reached by them is not reached.
    """

    id: str
    name: str
    use: str
    purpose: str = ""
    owner: str = ""
    regions: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()


class Suppression(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What need not be shown as alarming until a day: every key is required, and nothing that it matches is lost.

    Attributes:
        who: The principal as suspicions name it; `*` stands for any text.
        what: The rule's id; `*` stands for any text.
        where: An account, `account/Region`, or a network as in `192.0.2.0/24`; `*` for everywhere.
        reason: Why it is harmless, in words.
        owner: Who answers for it.
        until: The last day on which it holds (UTC).
    """

    who: str
    what: str
    where: str
    reason: str
    owner: str
    until: date


class AwarePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What pages, what matters most, and what may be promoted without a person.

    `rules` are folders of Sigma rules, seen from the plan's place; `staged` are ids of rules that only count silently.
    """

    page_at: float = 70.0
    crown_jewels: tuple[str, ...] = ()
    auto_promote: tuple[str, ...] = ()
    alarm_queue: str = ""
    rules: tuple[str, ...] = ()
    staged: tuple[str, ...] = ()
    suppressions: tuple[Suppression, ...] = ()


class CaptureLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a capture may go: `max_seen` 0 to 4, money, and which Regions."""

    max_seen: int = 2
    max_usd: float = 50.0
    regions: tuple[str, ...] = ()
    capture_role: str = "AmberlightCapture"
    workers: int = 8


class TimestampPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether an RFC 3161 authority may be asked to stamp the ledger's checkpoints: only a hash leaves, but it leaves.

    Attributes:
        url: The authority's address, `http://` or `https://`.
        when: `never`; `after-case`, once the package is sealed; `always`, during a case as well.
    """

    url: str = ""
    when: Literal["never", "after-case", "always"] = "never"

    def __post_init__(self) -> None:
        if (self.url or self.when != "never") and not self.url.startswith(("http://", "https://")):
            raise ValueError("vault.timestamps.url has to be an http or https address")


class WitnessPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A second place that gets the ledger's signed heads, best under another organisation or in a drawer.

    Attributes:
        place: A folder that is there, or `s3://bucket`.
        role: ARN of the role that writes and reads that bucket; empty lets the hub itself do it.
        evidence_bytes: Evidence up to this size is copied, too, at most 1 MiB; 0 copies heads alone.
    """

    place: str
    role: str = ""
    evidence_bytes: int = 0

    def __post_init__(self) -> None:
        if not self.place or (self.place.startswith("s3:") and not BUCKET.fullmatch(self.place)):
            raise ValueError("vault.witness.place has to be a folder or s3://bucket")
        if self.role and not self.bucket:
            raise ValueError("vault.witness.role is for a bucket; a folder needs none")
        if not 0 <= self.evidence_bytes <= WITNESS_EVIDENCE_BYTES:
            raise ValueError("vault.witness.evidence_bytes has to be 0 to 1048576")

    @property
    def bucket(self) -> str:
        """The bucket's name; empty where the witness is a folder."""
        found = BUCKET.fullmatch(self.place)
        return found[1] if found else ""


class VaultPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where evidence goes, and the roles that touch it; `retention_days` is how long a declared case is kept at least."""

    bucket: str
    region: str
    signing_key: str
    retention_days: int = 400
    writer_role: str = "AmberlightWriter"
    examiner_role: str = "AmberlightExaminer"
    signer_role: str = "AmberlightSigner"
    custodian_role: str = "AmberlightCustodian"
    receiver_role: str = "AmberlightReceiver"
    witness: WitnessPlan | None = None
    timestamps: TimestampPlan = TimestampPlan()


class HandoffPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who gets the package, and how long it waits for CloudTrail's events of our own calls; 0 does not ask for them."""

    partner: str = ""
    partner_contact: str = ""
    corroborate_s: float = 300.0


class PracticePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which drills, how often; `calendar` says for each when it last ran and who sees to it."""

    drills: tuple[str, ...] = ()
    every_days: int = 90
    calendar: tuple[PlannedDrill, ...] = ()


class ResponsePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole plan. `event_is` says in words what is looked at here, `incident_is` when it becomes an incident.

    `revision` names this state of the plan, `reviewed` is the day on which its owner last read all of it. `severities`
    say in words what each means, `clocks` how soon what is done.
    """

    schema: str
    organisation: str
    revision: str = ""
    reviewed: date | None = None
    owner: str = ""
    event_is: str = ""
    incident_is: str
    severities: dict[Severity, str]
    clocks: dict[Severity, Clock] = msgspec.field(default_factory=dict)
    roles: tuple[Role, ...] = ()
    contacts: tuple[Contact, ...]
    out_of_band: Channel = Channel()
    authority: tuple[Authority, ...] = ()
    partners: tuple[Partner, ...] = ()
    duties: tuple[Duty, ...] = ()
    accounts: tuple[Account, ...]
    crown_jewels: tuple[CrownJewel, ...] = ()
    logs: tuple[LogStore, ...] = ()
    access: Access = Access()
    playbooks: tuple[Playbook, ...] = ()
    aware: AwarePlan = AwarePlan()
    capture: CaptureLimits = CaptureLimits()
    vault: VaultPlan
    handoff: HandoffPlan = HandoffPlan()
    practice: PracticePlan = PracticePlan()
    learning: Learning = Learning()

    def account(self, use: str) -> Account:
        """The first account of that use.

        Raises:
            KeyError: the plan names none.
        """
        for account in self.accounts:
            if account.use == use:
                return account
        raise KeyError(use)
