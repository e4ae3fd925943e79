"""CloudTrail files and digests, proved offline."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from amberlight.trail.prove import Source

S3 = "s3://"


@click.group("trail")
def command() -> None:
    """The API-call history itself: is it what CloudTrail delivered, and is it all there?"""


@command.command("prove")
@click.argument("place", metavar="PATH|s3://BUCKET/PREFIX")
@click.option("--from", "since", metavar="TIME", help="Prove from here on, in UTC; digests are expected from here on.")
@click.option("--until", metavar="TIME", help="Prove up to here, in UTC; digests are expected up to here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def prove(place: str, since: str | None, until: str | None, as_json: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Check copied CloudTrail log files and digests against the signatures of AWS, without AWS.

    PATH is a folder with the files below their keys, sidecars (FILE.meta.json) beside them and the public keys in
    cloudtrail-keys/REGION.json, as a capture leaves them; a package will do.

    Exit 0 if everything is there and proved, 4 if something is not what was signed, else 3.
    """
    from amberlight.model.codec import dumps
    from amberlight.model.errors import ConfigError
    from amberlight.trail.prove import prove, window_time
    from amberlight.trail.prove.words import words

    start = window_time(since, "--from") if since else None
    end = window_time(until, "--until") if until else None
    if start and end and start >= end:
        raise ConfigError("--from is not before --until.", "Swap them, or leave one out.")
    proof = prove(source(place), since=start, until=end)
    click.echo(dumps(proof).decode().rstrip() if as_json else words(proof))
    return proof.exit_code


def source(place: str) -> Source:
    """The folder, or the bucket behind a door with the credentials of the environment."""
    from amberlight.trail.prove import Bucket, Folder

    if not place.startswith(S3):
        return Folder(Path(place))
    from amberlight._aws import Sessions
    from amberlight.model.errors import ConfigError

    bucket, _, prefix = place[len(S3) :].partition("/")
    if not bucket:
        raise ConfigError(f"{place} names no bucket.", "Write it like s3://bucket/prefix.")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    sessions = Sessions(region=region)
    allowed = frozenset({"s3.ListObjectsV2", "s3.HeadObject", "s3.GetObject", "cloudtrail.ListPublicKeys"})
    return Bucket(sessions.door("", allowed=allowed), bucket, prefix)
