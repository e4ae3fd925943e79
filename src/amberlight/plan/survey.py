"""Reads from one account what a plan can be begun with, by calls that change nothing.

Whatever is refused or does not answer is named in `unread`, and the rest is read all the same. Names, tags and addresses
are what somebody wrote there: hostile where they are shown.

References:
    https://docs.aws.amazon.com/accounts/latest/reference/API_GetAlternateContact.html (ResourceNotFoundException: none is set).
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html (BucketSizeBytes, once a day, per storage
        class; here the standard class alone).
    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html (trails of other Regions and of the
        organisation are listed too, each under one ARN).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from amberlight.model.errors import Denied, NotPossible, Unreachable

T = TypeVar("T")
CALLS = frozenset(
    {
        "account.GetAlternateContact",
        "cloudtrail.DescribeTrails",
        "cloudwatch.DescribeAlarms",
        "cloudwatch.GetMetricStatistics",
        "ec2.DescribeInstances",
        "ec2.DescribeRegions",
        "iam.ListAccountAliases",
        "s3.GetBucketTagging",
        "s3.ListBuckets",
        "sts.GetCallerIdentity",
    }
)
"""Every operation of the survey; the door refuses all others."""
CONTACT_KINDS = ("SECURITY", "OPERATIONS", "BILLING")
MOST_BUCKETS = 200
"""Each bucket costs two calls; what is left out is said."""
EMPTY = frozenset({"ResourceNotFoundException", "NoSuchTagSet"})
"""Answers that say: there is none. Every other refusal is something that was not read."""


class Asks(Protocol):
    """What a survey needs of a door."""

    region: str

    def call(self, operation: str, *, region: str | None = None, **parameters: Any) -> dict[str, Any]:
        """One call."""

    def pages(self, operation: str, *, region: str | None = None, **parameters: Any) -> Iterator[dict[str, Any]]:
        """All pages of a call."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """An alternate contact of the account; `kind` is `security`, `operations` or `billing`."""

    kind: str
    name: str
    mail: str
    telephone: str


@dataclass(frozen=True, kw_only=True)
class Trail:
    """A CloudTrail trail that covers the account; `region` is empty where it covers all."""

    name: str
    place: str
    region: str


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket with what it holds in the standard class and how many tags it has; None means that nobody knows."""

    name: str
    size_bytes: float | None
    tags: int | None


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was read.

    `exposed` are instances with a public IPv4 address, in words; `alarms` likewise; `unread` is what could not be read.
    """

    account: str
    name: str = ""
    regions: tuple[str, ...] = ()
    trails: tuple[Trail, ...] = ()
    alarms: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    people: tuple[Person, ...] = ()
    unread: tuple[str, ...] = ()


@dataclass
class Survey:
    """One survey through a door; `now` is only the end of the span that sizes are asked for."""

    door: Asks
    now: datetime
    unread: list[str] = field(default_factory=list)

    def run(self) -> Found:
        """Everything.

        Raises:
            CredentialsError: there are no credentials, or they are not good.
            Unreachable: AWS does not even say whose credentials they are.
        """
        account = str(self.door.call("sts.GetCallerIdentity")["Account"])
        every = self.tried("Regions", self.regions) or [self.door.region]
        alarms = [
            (region, one) for region in every for one in self.tried(f"alarms in {region}", self.alarms, region) or ()
        ]
        exposed, inhabited = self.instances(every)
        buckets, homes = self.tried("buckets", self.buckets) or ([], set())
        aliases = self.tried("the account's alias", lambda: self.door.call("iam.ListAccountAliases")["AccountAliases"])
        return Found(
            account=account,
            name=str((aliases or [""])[0]),
            regions=tuple(sorted({region for region, _ in alarms} | inhabited | homes)),
            trails=self.trails(every),
            alarms=tuple(f"{name} in {region}" for region, name in alarms),
            exposed=tuple(exposed),
            buckets=tuple(buckets),
            people=tuple(self.people()),
            unread=tuple(self.unread),
        )

    def tried(self, what: str, read: Callable[..., T], *arguments: Any) -> T | None:
        """What `read` gives; None where there is none, or where it could not be read, which is noted."""
        try:
            return read(*arguments)
        except (Denied, NotPossible, Unreachable) as problem:
            if problem.aws_code not in EMPTY:
                self.unread.append(f"{what}: {problem.cause}")
            return None

    def regions(self) -> list[str]:
        """Regions that the account may use."""
        return sorted(each["RegionName"] for each in self.door.call("ec2.DescribeRegions")["Regions"])

    def alarms(self, region: str) -> list[str]:
        """Names of metric and composite alarms."""
        return [
            str(alarm["AlarmName"])
            for page in self.door.pages("cloudwatch.DescribeAlarms", region=region)
            for alarm in (*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ()))
        ]

    def instances(self, regions: list[str]) -> tuple[list[str], set[str]]:
        """Instances with a public IPv4 address, and Regions that have any instance."""
        exposed, inhabited = [], set()
        for region in regions:
            for one in self.tried(f"instances in {region}", self.instances_of, region) or ():
                inhabited.add(region)
                if one.get("PublicIpAddress"):
                    name = next((tag["Value"] for tag in one.get("Tags", ()) if tag["Key"] == "Name"), "no name")
                    exposed.append(f"{one['InstanceId']} ({name}) at {one['PublicIpAddress']} in {region}")
        return exposed, inhabited

    def instances_of(self, region: str) -> list[dict[str, Any]]:
        """Instances of a Region that are not terminated."""
        return [
            one
            for page in self.door.pages("ec2.DescribeInstances", region=region)
            for reservation in page["Reservations"]
            for one in reservation["Instances"]
            if one["State"]["Name"] not in ("terminated", "shutting-down")
        ]

    def trails(self, regions: list[str]) -> tuple[Trail, ...]:
        """Every trail once."""
        found: dict[str, Trail] = {}
        for region in regions:
            for one in self.tried(f"trails in {region}", self.trails_of, region) or ():
                place = "/".join(part for part in (one.get("S3BucketName", ""), one.get("S3KeyPrefix", "")) if part)
                found[one["TrailARN"]] = Trail(
                    name=str(one.get("Name", "")),
                    place=f"s3://{place}",
                    region="" if one.get("IsMultiRegionTrail") else str(one.get("HomeRegion", region)),
                )
        return tuple(trail for _, trail in sorted(found.items()))

    def trails_of(self, region: str) -> list[dict[str, Any]]:
        """Trails that a Region shows."""
        return list(self.door.call("cloudtrail.DescribeTrails", region=region)["trailList"])

    def buckets(self) -> tuple[list[Bucket], set[str]]:
        """Buckets with size and tags, largest and most tagged first, and the Regions that they are in."""
        named = list(self.door.call("s3.ListBuckets")["Buckets"])
        if len(named) > MOST_BUCKETS:
            self.unread.append(f"buckets: {len(named) - MOST_BUCKETS} of {len(named)} were not looked at")
        found, homes = [], set()
        for each in named[:MOST_BUCKETS]:
            name, home = str(each["Name"]), str(each.get("BucketRegion") or self.door.region)
            tags = self.tried(f"tags of the bucket {name}", self.tags, name)
            found.append(Bucket(name=name, size_bytes=self.tried(f"size of {name}", self.size, name, home), tags=tags))
            homes.add(home)
        return sorted(found, key=lambda one: (-(one.size_bytes or 0), -(one.tags or 0), one.name)), homes

    def tags(self, bucket: str) -> int:
        """How many tags it has."""
        return len(self.door.call("s3.GetBucketTagging", Bucket=bucket)["TagSet"])

    def size(self, bucket: str, region: str) -> float | None:
        """Bytes in the standard class, as CloudWatch last counted them within three days."""
        points = self.door.call(
            "cloudwatch.GetMetricStatistics",
            region=region,
            Namespace="AWS/S3",
            MetricName="BucketSizeBytes",
            Dimensions=[{"Name": "BucketName", "Value": bucket}, {"Name": "StorageType", "Value": "StandardStorage"}],
            StartTime=self.now - timedelta(days=3),
            EndTime=self.now,
            Period=86400,
            Statistics=["Average"],
        )["Datapoints"]
        return max(((one["Timestamp"], float(one["Average"])) for one in points), default=(None, None))[1]

    def people(self) -> Iterator[Person]:
        """Alternate contacts."""
        for kind in CONTACT_KINDS:
            one = self.tried(f"the {kind.lower()} contact", self.contact, kind)
            if one:
                yield Person(
                    kind=kind.lower(),
                    name=str(one.get("Name", "")),
                    mail=str(one.get("EmailAddress", "")),
                    telephone=str(one.get("PhoneNumber", "")),
                )

    def contact(self, kind: str) -> dict[str, Any]:
        """One alternate contact as AWS gives it."""
        return dict(self.door.call("account.GetAlternateContact", AlternateContactType=kind)["AlternateContact"])
