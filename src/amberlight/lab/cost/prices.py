"""A small price table: US dollars for a unit of a usage type.

From: the price lists of Amazon EC2 (on demand, Linux), EBS, S3, KMS and Cost Explorer for us-east-1 and eu-west-1, as known in 2025. They
make a drill's bill plausible; a real account's bill is AWS's.
"""

from __future__ import annotations

from collections.abc import Mapping

COMPUTE = "Amazon Elastic Compute Cloud - Compute"
OTHER = "EC2 - Other"
S3 = "Amazon Simple Storage Service"
KMS = "AWS Key Management Service"
EXPLORER = "AWS Cost Explorer"

PREFIX: Mapping[str, str] = {"us-east-1": "", "eu-west-1": "EU-"}
"""Before the usage types of a Region."""

_US_HOURS = {
    "t2.micro": 0.0116, "t2.small": 0.023, "t2.medium": 0.0464, "t3.nano": 0.0052, "t3.micro": 0.0104, "t3.small": 0.0208,
    "t3.medium": 0.0416, "t3.large": 0.0832, "t3.xlarge": 0.1664, "t3.2xlarge": 0.3328, "m5.large": 0.096,
    "m5.xlarge": 0.192, "m5.2xlarge": 0.384, "m5.4xlarge": 0.768, "c5.large": 0.085, "c5.xlarge": 0.17,
    "c5.2xlarge": 0.34, "c5.4xlarge": 0.68, "c5.9xlarge": 1.53, "c5.18xlarge": 3.06, "c5.24xlarge": 4.08,
    "r5.large": 0.126, "r5.xlarge": 0.252, "g4dn.xlarge": 0.526, "g4dn.12xlarge": 3.912, "g5.xlarge": 1.006,
    "g5.48xlarge": 16.288, "p3.2xlarge": 3.06, "p3.8xlarge": 12.24, "p3.16xlarge": 24.48,
}  # fmt: skip
_EU_HOURS = {
    "t2.micro": 0.0126, "t2.small": 0.025, "t2.medium": 0.05, "t3.nano": 0.0057, "t3.micro": 0.0114, "t3.small": 0.0228,
    "t3.medium": 0.0456, "t3.large": 0.0912, "t3.xlarge": 0.1824, "t3.2xlarge": 0.3648, "m5.large": 0.107,
    "m5.xlarge": 0.214, "m5.2xlarge": 0.428, "m5.4xlarge": 0.856, "c5.large": 0.096, "c5.xlarge": 0.192,
    "c5.2xlarge": 0.384, "c5.4xlarge": 0.768, "c5.9xlarge": 1.728, "c5.18xlarge": 3.456, "c5.24xlarge": 4.608,
    "r5.large": 0.141, "r5.xlarge": 0.282, "g4dn.xlarge": 0.587, "g4dn.12xlarge": 4.366, "g5.xlarge": 1.123,
    "p3.2xlarge": 3.305, "p3.8xlarge": 13.22, "p3.16xlarge": 26.44,
}  # fmt: skip
_US = {
    "EBS:VolumeUsage": 0.05, "EBS:VolumeUsage.gp2": 0.10, "EBS:VolumeUsage.gp3": 0.08, "EBS:VolumeUsage.piops": 0.125,
    "EBS:VolumeUsage.io2": 0.125, "EBS:VolumeUsage.st1": 0.045, "EBS:VolumeUsage.sc1": 0.015, "EBS:SnapshotUsage": 0.05,
    "EBS:directAPI.snapshot.Get": 0.003e-3, "EBS:directAPI.snapshot.List": 0.0006e-3,
    "EBS:directAPI.snapshot.Put": 0.006e-3, "Requests-Tier1": 0.005e-3, "Requests-Tier2": 0.0004e-3,
    "KMS-Keys": 1.0, "KMS-Requests": 0.03e-4, "APIRequest": 0.01,
}  # fmt: skip
_EU = {
    **_US, "EBS:VolumeUsage": 0.055, "EBS:VolumeUsage.gp2": 0.11, "EBS:VolumeUsage.gp3": 0.088,
    "EBS:VolumeUsage.piops": 0.138, "EBS:VolumeUsage.io2": 0.138, "EBS:VolumeUsage.st1": 0.05,
    "EBS:VolumeUsage.sc1": 0.0168,
}  # fmt: skip
TABLE: Mapping[str, Mapping[str, float]] = {
    "us-east-1": {**_US, **{f"BoxUsage:{name}": usd for name, usd in _US_HOURS.items()}},
    "eu-west-1": {**_EU, **{f"BoxUsage:{name}": usd for name, usd in _EU_HOURS.items()}},
}
"""By Region and usage type without its prefix."""

_UNITS = {"BoxUsage": "Hrs", "EBS:VolumeUsage": "GB-Mo", "EBS:SnapshotUsage": "GB-Mo", "KMS-Keys": "Keys",
          "LabHistory": "N/A"}  # fmt: skip


def unit(usage_type: str) -> str:
    """The unit of a usage type's quantity."""
    return next((each for part, each in _UNITS.items() if part in usage_type), "Requests")
