"""Trail files where trails are many, of an organisation, or hostile."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from source_fakes import ACCOUNT, Context, raising

from amberlight.capture.sources.api_calls.trail_files import capture
from amberlight.model.errors import Denied, NotPossible
from amberlight.model.evidence import Missing, Stream

DAY = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/11/24/"


def trail(name, **more):
    return {
        "Name": name,
        "TrailARN": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/{name}",
        "S3BucketName": "logs",
        "HomeRegion": "us-east-1",
        "IsMultiRegionTrail": True,
        **more,
    }


class Buckets:
    """S3 with the objects given as `bucket/key`."""

    def __init__(self, *names):
        self.objects = dict(name.split("/", 1)[::-1] for name in names)
        self.names, self.prefixes = names, []

    def listing(self, *, Bucket, Prefix, Delimiter=""):  # noqa: N803 - AWS's names
        self.prefixes.append(Prefix)
        keys = sorted(name.split("/", 1)[1] for name in self.names if name.startswith(f"{Bucket}/{Prefix}"))
        if Delimiter:
            cut = {Prefix + key[len(Prefix) :].split("/")[0] + "/" for key in keys}
            return {"CommonPrefixes": [{"Prefix": one} for one in sorted(cut)]}
        return {"Contents": [{"Key": key} for key in keys]}


def context(trails, buckets, *, status=None, **more):
    answers = {
        "cloudtrail.DescribeTrails": lambda **_: {"trailList": trails},
        "cloudtrail.ListPublicKeys": lambda **_: {"PublicKeyList": [{"Value": b"key"}]},
        "cloudtrail.GetTrailStatus": lambda **_: status or {"IsLogging": True},
        "cloudtrail.GetEventSelectors": lambda **_: {
            "EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "All"}]
        },
        "s3.ListObjectsV2": buckets.listing,
        "s3.HeadObject": lambda **_: {"ContentLength": 4, "VersionId": "v1", "Metadata": {"signature": "00"}},
        "s3.GetObject": lambda **asked: [f"{asked['Bucket']}/{asked['Key']}".encode()],
    }
    return Context(answers, **more)


def taken(given):
    found = list(capture(given))
    streams = {one.path: b"".join(one.chunks) for one in found if isinstance(one, Stream)}
    return streams, [one for one in found if isinstance(one, Missing)]


def test_an_organisation_trail_is_read_below_the_organisation_and_for_this_account_only():
    day = DAY.replace("AWSLogs/", "AWSLogs/o-abc123/")
    other = day.replace(ACCOUNT, "999999999999")
    buckets = Buckets(f"logs/{day}a.json.gz", f"logs/{other}b.json.gz")
    streams, gaps = taken(context([trail("org", IsOrganizationTrail=True)], buckets))
    assert (list(streams), gaps) == ([f"{day}a.json.gz"], [])


def test_only_day_prefixes_are_listed():
    buckets = Buckets(f"logs/{DAY}a.json.gz")
    taken(context([trail("main", S3KeyPrefix="team")], buckets))
    assert len(buckets.prefixes) == 4  # two kinds, the day before and the day
    assert all(one.startswith(f"team/AWSLogs/{ACCOUNT}/CloudTrail") and one.count("/") == 8 for one in buckets.prefixes)


def test_two_trails_to_one_bucket_give_each_file_once_and_two_buckets_keep_both():
    buckets = Buckets(f"logs/{DAY}a.json.gz", f"copy/{DAY}a.json.gz")
    trails = [trail("one"), trail("two"), trail("zoo", S3BucketName="copy")]
    streams, _ = taken(context(trails, buckets))
    assert streams == {
        f"{DAY}a.json.gz": f"logs/{DAY}a.json.gz".encode(),
        f"copy/{DAY}a.json.gz": f"copy/{DAY}a.json.gz".encode(),
    }


def test_a_hostile_key_cannot_lead_out_and_its_true_name_is_in_the_sidecar():
    key = f"{DAY}../../\x1b[2Jx"
    given = context([trail("main")], Buckets(f"logs/{key}"))
    found = {one.path: one for one in capture(given) if not isinstance(one, Missing)}
    (path,) = [path for path in found if path.startswith("AWSLogs/") and not path.endswith(".meta.json")]
    assert ".." not in path.split("/")
    assert "\x1b" not in path
    assert json.loads(found[f"{path}.meta.json"].data)["Key"] == key


def test_bytes_are_those_of_the_version_that_the_sidecar_names():
    given = context([trail("main")], Buckets(f"logs/{DAY}a.json.gz"))
    taken(given)
    assert [asked["VersionId"] for asked in given.aws.made("s3.GetObject")] == ["v1"]


def test_a_refused_bucket_is_a_gap_per_prefix_and_a_lost_object_one_of_its_own():
    given = context([trail("main")], Buckets(f"logs/{DAY}a.json.gz", f"logs/{DAY}b.json.gz"))
    given.aws.answers["s3.HeadObject"] = raising(NotPossible("gone", aws_code="NoSuchKey"), {"VersionId": None})
    streams, gaps = taken(given)
    assert list(streams) == [f"{DAY}b.json.gz"]
    assert [(gap.what, gap.state) for gap in gaps] == [(f"{DAY}a.json.gz", "gone")]
    given.aws.answers["s3.ListObjectsV2"] = raising(Denied("no", aws_code="AccessDenied"))
    assert {gap.state for gap in taken(given)[1]} == {"denied", "empty"}


@pytest.mark.parametrize(
    "status, state, words",
    [
        (
            {"IsLogging": False, "StopLoggingTime": datetime(2026, 11, 24, 5, tzinfo=UTC)},
            "disabled",
            "2026-11-24T05:00",
        ),
        ({"IsLogging": False}, "disabled", "not known"),
        ({"IsLogging": True, "LatestDeliveryError": "NoSuchBucket"}, "failed", "NoSuchBucket"),
    ],
)
def test_what_is_wrong_with_a_trail_is_named(status, state, words):
    _, gaps = taken(context([trail("main")], Buckets(f"logs/{DAY}a.json.gz"), status=status))
    assert [(gap.state, words in gap.reason) for gap in gaps] == [(state, True)]


def test_a_trail_without_management_events_is_named():
    given = context([trail("main")], Buckets(f"logs/{DAY}a.json.gz"))
    given.aws.answers["cloudtrail.GetEventSelectors"] = lambda **_: {
        "EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "WriteOnly"}]
    }
    assert [gap.state for gap in taken(given)[1]] == ["disabled"]


def test_refused_keys_status_and_organisation_folders_do_not_keep_the_files_back():
    given = context([trail("org", IsOrganizationTrail=True)], Buckets(f"logs/{DAY}a.json.gz"))
    denied = raising(Denied("no", aws_code="AccessDenied"))
    given.aws.answers["cloudtrail.ListPublicKeys"] = given.aws.answers["cloudtrail.GetTrailStatus"] = denied
    listing = given.aws.answers["s3.ListObjectsV2"]
    given.aws.answers["s3.ListObjectsV2"] = lambda **asked: denied() if "Delimiter" in asked else listing(**asked)
    streams, gaps = taken(given)
    assert list(streams) == [f"{DAY}a.json.gz"]
    assert [gap.what for gap in gaps] == ["cloudtrail/us-east-1/org.json (status)", "cloudtrail-keys/us-east-1.json"]


def test_objects_named_like_sidecars_survive_and_so_do_the_sidecars():
    digest = f"{DAY}a.json.gz"
    keys = [
        digest,
        f"{digest}.META.json",
        f"{digest}.meta%2Ejson",
        f"{digest}.meta.json",
        f"{digest}.meta.json.meta.json",
    ]
    given = context([trail("main")], Buckets(*(f"logs/{key}" for key in keys)))
    found = [one for one in capture(given) if not isinstance(one, Missing) and "AWSLogs/" in one.path]
    paths = [one.path for one in found]
    assert len({path.casefold() for path in paths}) == len(paths) == 2 * len(keys)
    streams = {one.path: b"".join(one.chunks).decode() for one in found if isinstance(one, Stream)}
    sidecars = {one.path: json.loads(one.data) for one in found if not isinstance(one, Stream)}
    assert {f"logs/{sidecars[f'{path}.meta.json']['Key']}" for path in streams} == {f"logs/{key}" for key in keys}
    assert all(streams[path] == f"logs/{sidecars[f'{path}.meta.json']['Key']}" for path in streams)
    assert streams[digest] == f"logs/{digest}"


def test_keys_that_differ_in_case_or_look_like_another_buckets_are_all_taken():
    keys = [f"logs/{DAY}a.JSON.GZ", f"logs/{DAY}a.json.gz", f"copy/{DAY}a.json.gz", f"zoo/copy/{DAY}a.json.gz"]
    trails = [trail("a"), trail("b", S3BucketName="copy"), trail("c", S3BucketName="zoo", S3KeyPrefix="copy")]
    streams, _ = taken(context(trails, Buckets(*keys)))
    assert sorted(body.decode() for body in streams.values()) == sorted(keys)
    assert len({path.casefold() for path in streams}) == 4
    assert all(path.endswith(body.decode().split("/", 1)[1]) for path, body in streams.items())


def test_the_listing_says_when_each_folder_was_listed_and_whether_to_its_end():
    given = context([trail("main", LogFileValidationEnabled=True)], Buckets(f"logs/{DAY}a.json.gz"))
    listing = given.aws.answers["s3.ListObjectsV2"]
    denied = raising(Denied("no", aws_code="AccessDenied"))
    given.aws.answers["s3.ListObjectsV2"] = lambda **asked: (
        denied() if "Digest" in asked["Prefix"] and asked["Prefix"].endswith("24/") else listing(**asked)
    )
    (told,) = [one for one in capture(given) if not isinstance(one, Missing) and one.path == "cloudtrail-listed.json"]
    rows = json.loads(told.data)["Listed"]
    assert [("Digest" in row["prefix"], row["objects"], row["complete"]) for row in rows] == [
        (True, 0, True), (True, 0, False), (False, 0, True), (False, 1, True),
    ]  # fmt: skip
    assert {(row["trail"], row["validated"], row["when"]) for row in rows} == {
        (f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/main", True, "2026-11-24T06:00:00Z")
    }


class Rotation:
    """A Region whose key changes at a moment; asked for a time, it names the keys whose validity overlaps."""

    def __init__(self, context, *moments):
        self.context, self.spans = context, list(pairwise(moments))

    def list(self, *, StartTime, EndTime):  # noqa: N803 - AWS's names
        assert StartTime < EndTime
        # Who asks cannot get a key that is not made yet.
        known = [span for span in self.spans if span[0] <= self.context.now()]
        return {"PublicKeyList": [{"Value": b"k", "ValidityStartTime": one, "ValidityEndTime": two}
                                  for one, two in known if one <= EndTime and two >= StartTime]}  # fmt: skip


@pytest.mark.parametrize("signed, made", [
    # The first digest of the first folder began the day before, under a key that ended there.
    (datetime(2026, 11, 22, 23, 30, tzinfo=UTC), datetime(2026, 11, 23, 0, 5, tzinfo=UTC)),
    # The last folder's last digest, where the capture comes later.
    (datetime(2026, 11, 24, 23, 50, tzinfo=UTC), datetime(2026, 11, 26, 6, tzinfo=UTC)),
    # A backfill, made a week after the day that it is for.
    (datetime(2026, 12, 1, 6, tzinfo=UTC), datetime(2026, 12, 1, 7, tzinfo=UTC)),
])  # fmt: skip
def test_a_key_that_was_valid_beside_the_window_is_there(signed, made):
    given = context([trail("main")], Buckets(f"logs/{DAY}a.json.gz"))
    given.time = max(made, given.until)
    edge = timedelta(minutes=20)
    keys = Rotation(
        given, datetime(2026, 1, 1, tzinfo=UTC), signed - edge, signed + edge, datetime(2027, 1, 1, tzinfo=UTC)
    )
    given.aws.answers["cloudtrail.ListPublicKeys"] = keys.list
    (answer,) = [one for one in capture(given) if getattr(one, "path", "") == "cloudtrail-keys/us-east-1.json"]
    spans = [(one["ValidityStartTime"], one["ValidityEndTime"]) for one in json.loads(answer.data)["PublicKeyList"]]
    assert (f"{signed - edge:%FT%TZ}", f"{signed + edge:%FT%TZ}") in spans


def test_a_key_that_is_made_while_files_are_taken_is_there():
    given = context([trail("main")], Buckets(f"logs/{DAY}a.json.gz"))
    change = given.until + timedelta(minutes=10)
    keys = Rotation(given, datetime(2026, 1, 1, tzinfo=UTC), change, datetime(2027, 1, 1, tzinfo=UTC))
    given.aws.answers["cloudtrail.ListPublicKeys"] = keys.list
    listing = given.aws.answers["s3.ListObjectsV2"]
    given.aws.answers["s3.ListObjectsV2"] = lambda **asked: given.sleep(300) or listing(**asked)
    (answer,) = [one for one in capture(given) if getattr(one, "path", "") == "cloudtrail-keys/us-east-1.json"]
    assert len(json.loads(answer.data)["PublicKeyList"]) == 2
