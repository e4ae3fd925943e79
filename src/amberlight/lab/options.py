"""What a lab is started with; crosses to the child process as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

REGION = "us-east-1"
"""Home Region: where global services (IAM, STS) write their events."""

REGIONS = (REGION, "eu-west-1")
"""The enabled Regions; every other one refuses the caller's keys, as a Region that was not opted into does."""

CONTROL = "control.token"
"""The file in the lab's directory that opens the owner's door."""


@dataclasses.dataclass(frozen=True)
class LabOptions:
    """How the lab behaves. Delays are AWS's own, scaled down so that a drill fits into a minute."""

    workdir: Path
    """Everything that the lab writes lives below it."""
    seed: int = 7
    """Account and key ids follow from it; secrets never do."""
    hosts: str = "auto"
    """`auto`, `namespaces` or `processes`."""
    lookup_delay_s: float = 0.5
    """How late LookupEvents sees a call (AWS: minutes)."""
    delivery_interval_s: float = 2.0
    """How often a trail writes files to S3 (AWS: about 5 minutes)."""
    digest_interval_s: float = 5.0
    """How often a trail writes digest files (AWS: 1 hour)."""
    snapshot_pending_s: float = 1.0
    """How long a snapshot stays `pending`."""
    lookup_rate_per_s: float = 2.0
    """LookupEvents quota per account and Region."""
    access_log_delay_s: float = 3.0
    """How late S3 writes server access logs (AWS: hours)."""
    access_advisor_delay_s: float = 1.0
    """How late Access Advisor sees a call (AWS: usually within 4 hours)."""
    ssm_time_scale: float = 0.05
    """Which part of TimeoutSeconds a command waits for a host that is not there, and `aws:sleep` sleeps (AWS: all)."""
    flow_log_scale: float = 0.01
    """Which part of its aggregation interval a flow log waits before it delivers (AWS: all of 1 or 10 minutes)."""
    max_hosts: int = 6
    """Instances beyond it are metadata only."""
    faults: Sequence[Mapping[str, Any]] = ()
    """In force from the start; see `amberlight.lab.faults`."""
    guest: str = ""
    """The directory of an image (`lab/guest/image.py`): a machine with a kernel of its own beside the lab; empty: none."""

    def __post_init__(self) -> None:
        if self.hosts not in ("auto", "namespaces", "processes"):
            raise ValueError(f"hosts must be auto, namespaces or processes, not {self.hosts!r}")
        for name in ("lookup_delay_s", "delivery_interval_s", "digest_interval_s", "snapshot_pending_s", "ssm_time_scale",
                     "flow_log_scale", "access_advisor_delay_s", "access_log_delay_s", "max_hosts"):  # fmt: skip
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        if self.lookup_rate_per_s <= 0:
            raise ValueError("lookup_rate_per_s must be above zero")

    def to_json(self) -> str:
        """The options as one line of JSON."""
        return json.dumps({**dataclasses.asdict(self), "workdir": str(self.workdir)})

    @classmethod
    def from_json(cls, text: str) -> LabOptions:
        """The options that `to_json` wrote."""
        data = json.loads(text)
        return cls(**{**data, "workdir": Path(data["workdir"])})
