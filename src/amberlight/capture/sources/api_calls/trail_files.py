"""What did the account's trails deliver, and can it be proved that nothing was changed or removed since?

For every trail that covers the account: how it is set up, whether it logs now, and the objects of its bucket below the
standard layout for the account, the Regions and the days of the window: log files and digest files, bytes as stored,
with the key as path. Beside each lies `<file>.meta.json`: the HeadObject answer with `Bucket`, `Key` and `VersionId`; a
digest's signature lives only there. An object that is itself named `<file>.meta.json` lies at `<file>.meta%2Ejson`.
`cloudtrail-keys/<region>.json` holds the public keys, as ListPublicKeys gave them. With the three, `trail prove` checks
the chain offline. `cloudtrail-listed.json` says of every folder when it was listed and whether to its end, so that a
digest that could not be there yet is told from one that was removed.

Only the day prefixes are listed, never the whole bucket. A trail whose logging was stopped, whose delivery fails or which
does not record management events is said so as a gap, and what it delivered before is taken all the same.

Nothing stays behind. Reads of the bucket appear in the trail only where it records data events of that bucket.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Any

from amberlight.capture.answers import PROBLEMS, merged, missing, path_of, received
from amberlight.capture.object_paths import SIDECAR, ObjectPaths
from amberlight.model.errors import NotPossible
from amberlight.model.evidence import Artifact, Bytes, Call, Context, Cost, Missing, Need, Source, Stream

LATE = timedelta(hours=2)  # digests come hourly, log files within about 15 minutes: the next day's folder may hold some
KINDS = ("CloudTrail-Digest", "CloudTrail")
"""Digests first: a log file that a listed digest names was there before, and so is there when its folder is listed."""
KEYS_EARLY = timedelta(hours=1)  # a digest that ends in the first folder's first minutes began an hour before
KEYS_LATE = timedelta(hours=2)  # From: aws-cli, `awscli/customizations/cloudtrail/validation.py`, 2026-11
OBJECTS = (
    "arn:{partition}:s3:::*AWSLogs/*"  # what lies below the standard layout, in whichever bucket, and nothing else
)
KEYS = "arn:{partition}:kms:*:*:key/*"


def capture(context: Context) -> Iterator[Artifact]:
    """Yield the set-up of the trails, the files with their sidecars, when they were listed, and the public keys."""
    trails, problems = _trails(context)
    yield from problems
    if not trails and not problems:
        yield Missing(what="trails", state="disabled", reason="No trail covers this account in the Regions asked.")
    if not trails:
        return
    taken, listed = ObjectPaths(), list[dict[str, Any]]()
    for trail in trails:
        yield from _state(context, trail)
        for prefix in _prefixes(context, trail):
            row = {
                "trail": trail["TrailARN"],
                "validated": bool(trail.get("LogFileValidationEnabled")),
                "prefix": prefix,
            }
            listed.append(row)
            yield from _files(context, trail["S3BucketName"], row, taken)
    if not taken:
        yield Missing(what="trail files", state="empty", reason="The trails' buckets hold no file of this window.")
    yield Bytes(path="cloudtrail-listed.json", data=received({"Listed": listed}), facts={"folders": len(listed)})
    yield from _public_keys(context)


def _trails(context: Context) -> tuple[list[dict[str, Any]], list[Artifact]]:
    """Every trail once, whichever Regions show it."""
    found: dict[str, dict[str, Any]] = {}
    problems: list[Artifact] = []
    for region in context.regions:
        try:
            answer = context.aws.call("cloudtrail.DescribeTrails", region=region, includeShadowTrails=True)
        except PROBLEMS as problem:
            problems.append(missing(f"trails of {region}", problem))
            continue
        found.update({trail["TrailARN"]: trail for trail in answer["trailList"]})
    return [found[arn] for arn in sorted(found)], problems


def _public_keys(context: Context) -> Iterator[Artifact]:
    """Every key that may have signed a digest of the listed folders, per Region.

    Asked last, from before the first digest's start to after the last one's end and to now: keys change, also during a
    capture, and a backfill digest is signed by the key of the day that it was made on.
    """
    first, last = _days(context)
    since = datetime.combine(first, time(), UTC) - KEYS_EARLY
    until = max(datetime.combine(last, time(), UTC) + timedelta(days=1), context.now()) + KEYS_LATE
    for region in context.regions:
        path = f"cloudtrail-keys/{region}.json"
        pages: list[dict[str, Any]] = []
        try:
            pages += context.aws.pages("cloudtrail.ListPublicKeys", region=region, StartTime=since, EndTime=until)
        except PROBLEMS as problem:
            yield missing(path, problem)
        if pages:
            answer = merged(pages)
            yield Bytes(path=path, data=received(answer), facts={"keys": len(answer.get("PublicKeyList", []))})


def _state(context: Context, trail: dict[str, Any]) -> Iterator[Artifact]:
    """How the trail is set up, and what is wrong with it."""
    arn, home = trail["TrailARN"], trail.get("HomeRegion", context.regions[0])
    path = f"cloudtrail/{path_of(home)}/{path_of(trail['Name'])}.json"
    whole: dict[str, Any] = {"trail": trail}
    for name, operation, argument in (
        ("status", "cloudtrail.GetTrailStatus", "Name"),
        ("selectors", "cloudtrail.GetEventSelectors", "TrailName"),
    ):
        try:
            whole[name] = context.aws.call(operation, region=home, **{argument: arn})
        except PROBLEMS as problem:
            yield missing(f"{path} ({name})", problem)
    yield Bytes(path=path, data=received(whole), facts={"trail": arn})
    yield from _faults(path, whole)


def _faults(path: str, whole: dict[str, Any]) -> Iterator[Missing]:
    """Why this trail's files may not tell everything."""
    status, selectors = whole.get("status", {}), whole.get("selectors", {})
    if status.get("IsLogging") is False:
        stopped = status.get("StopLoggingTime", "a time that is not known")
        when = stopped.isoformat() if isinstance(stopped, datetime) else stopped
        yield Missing(what=path, state="disabled", reason=f"Logging stopped at {when}.")
    if status.get("LatestDeliveryError"):
        reason = f"CloudTrail cannot deliver: {status['LatestDeliveryError']}."
        yield Missing(what=path, state="failed", reason=reason)
    basic = selectors.get("EventSelectors") or []
    if basic and not any(one.get("IncludeManagementEvents") and one.get("ReadWriteType") == "All" for one in basic):
        yield Missing(what=path, state="disabled", reason="The trail does not record all management events.")


def _prefixes(context: Context, trail: dict[str, Any]) -> Iterator[str]:
    """The folders of account, Region and day that can hold files of the window."""
    base = "/".join(part for part in (trail.get("S3KeyPrefix", ""), "AWSLogs") if part) + "/"
    owners = [base]
    if trail.get("IsOrganizationTrail"):
        owners = _organisations(context, trail["S3BucketName"], base) or owners
    regions = context.regions if trail.get("IsMultiRegionTrail") else (trail.get("HomeRegion", ""),)
    first, last = _days(context)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    for owner in owners:
        for region in (region for region in context.regions if region in regions):
            for kind in KINDS:
                for day in days:
                    yield f"{owner}{context.target.account}/{kind}/{region}/{day:%Y/%m/%d}/"


def _days(context: Context) -> tuple[date, date]:
    """The first and the last day whose folders are listed."""
    return context.since.date(), (context.until + LATE).date()


def _organisations(context: Context, bucket: str, base: str) -> list[str]:
    """The folders of organisations (`o-...`) in the bucket: an organisation trail keeps the accounts below them."""
    try:
        answer = context.aws.call("s3.ListObjectsV2", Bucket=bucket, Prefix=f"{base}o-", Delimiter="/")
    except PROBLEMS:
        return []  # the day prefixes are asked next, and say why they are not to be had
    return [item["Prefix"] for item in answer.get("CommonPrefixes", [])]


def _files(context: Context, bucket: str, row: dict[str, Any], taken: ObjectPaths) -> Iterator[Artifact]:
    """The objects below one day's prefix, each with its sidecar; the row gets when they were listed, and how far."""
    prefix = row["prefix"]
    row |= {"bucket": bucket, "when": context.now(), "objects": 0, "complete": False}
    try:
        for page in context.aws.pages("s3.ListObjectsV2", Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                row["objects"] += 1
                path = None if item["Key"].endswith("/") else taken.of(bucket, item["Key"])
                if path is not None:
                    yield from _file(context, bucket, item["Key"], path)
    except PROBLEMS as problem:
        yield missing(f"s3://{bucket}/{prefix}", problem)
    else:
        row["complete"] = True


def _file(context: Context, bucket: str, key: str, path: str) -> Iterator[Artifact]:
    """One object as stored, and its HeadObject answer."""
    try:
        head = context.aws.call("s3.HeadObject", Bucket=bucket, Key=key)
        version = head.get("VersionId")
        pinned = {"VersionId": version} if version and version != "null" else {}
        body = context.aws.stream("s3.GetObject", Bucket=bucket, Key=key, **pinned)
        first = next(body, b"")  # a refusal comes here and not while the store already writes
    except NotPossible as problem:
        yield missing(path, problem)
        return
    yield Stream(
        path=path,
        chunks=chain([first], body),
        media_type=head.get("ContentType", "application/octet-stream"),
        facts={"bucket": bucket, "etag": head.get("ETag", ""), "size_said": head.get("ContentLength", 0)},
    )
    yield Bytes(path=f"{path}{SIDECAR}", data=received({**head, "Bucket": bucket, "Key": key, "VersionId": version}))


SOURCE = Source(
    id="api_calls.trail_files",
    title="CloudTrail log and digest files",
    takes=("account",),
    capture=capture,
    calls=(
        Call(operation="cloudtrail.DescribeTrails", actions=("cloudtrail:DescribeTrails",)),
        Call(operation="cloudtrail.GetTrailStatus", actions=("cloudtrail:GetTrailStatus",)),
        Call(operation="cloudtrail.GetEventSelectors", actions=("cloudtrail:GetEventSelectors",)),
        Call(operation="cloudtrail.ListPublicKeys", actions=("cloudtrail:ListPublicKeys",)),
        Call(operation="s3.ListObjectsV2", actions=("s3:ListBucket",)),
        Call(operation="s3.HeadObject", actions=("s3:GetObject",), resources=(OBJECTS, KEYS)),
        Call(
            operation="s3.GetObject",
            actions=("s3:GetObject", "s3:GetObjectVersion", "kms:Decrypt"),
            resources=(OBJECTS, KEYS),
        ),
    ),
    seen=1,
    seen_text="reads of the trails' set-up are logged; reads of the files only where data events of the bucket are",
    gone_after=None,
    reaches_back=None,
    cost=Cost(usd=0.01, basis="about 10,000 S3 requests at USD 0.0004 to 0.005 a thousand (us-east-1, 2026-11)"),
    needs=(
        Need(
            text="The role may read the trail's bucket, which often belongs to a log account.",
            fix="Allow s3:ListBucket, s3:GetObject and kms:Decrypt for the role in the bucket's and the key's policy.",
        ),
    ),
    yields=("application/gzip", "application/json"),
    leaves=(),
    references=(
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html",
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html",
        "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListPublicKeys.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html",
    ),
    lasts=timedelta(seconds=20),
)
