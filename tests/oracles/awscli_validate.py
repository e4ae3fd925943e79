"""AWS's own `cloudtrail validate-logs` over buckets that are files: run with the Python of an environment that has awscli.

Reads one JSON object a line (`objects`: key to [body in base64, metadata], `bucket`, `keys`, `arn`, `region`, `account`,
`prefix`, `organisation`, `start`, `end`) and writes one a line: counts, and what the command printed.
"""

import base64
import contextlib
import io
import json
import sys

from awscli.customizations.cloudtrail.validation import CloudTrailValidateLogs, normalize_date, parse_date
from botocore.exceptions import ClientError


class Body:
    """The body of an object, as far as the validator reads it."""

    def __init__(self, data):
        self._file = io.BytesIO(data)

    def read(self, size=-1):
        """Some bytes, or all."""
        return self._file.read(size)


class Bucket:
    """The S3 client, its provider and its paginator."""

    def __init__(self, case):
        self._objects = {key: (base64.b64decode(body), metadata) for key, (body, metadata) in case["objects"].items()}
        self._keys = []

    def get_client(self, bucket):
        """All buckets are this one."""
        return self

    def get_paginator(self, name):
        """Lists are short."""
        return self

    def paginate(self, Bucket, Marker, Prefix):  # noqa: N803 - AWS's names
        """Keys after the marker, in order."""
        self._keys = sorted(key for key in self._objects if key.startswith(Prefix) and key > Marker)
        return self

    def search(self, expression):
        """`Contents[*].Key`."""
        return iter(self._keys or [None])

    def get_object(self, Bucket, Key):  # noqa: N803 - AWS's names
        """An object, or NoSuchKey."""
        if Key not in self._objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "gone"}}, "GetObject")
        body, metadata = self._objects[Key]
        return {"Body": Body(body), "Metadata": metadata}


class Account:
    """The CloudTrail and Organizations clients."""

    def __init__(self, case):
        self._case = case

    def describe_trails(self):
        """The one trail."""
        case = self._case
        return {"trailList": [{
            "TrailARN": case["arn"], "S3BucketName": case["bucket"], "S3KeyPrefix": case["prefix"] or None,
            "IsOrganizationTrail": bool(case["organisation"]),
        }]}  # fmt: skip

    def describe_organization(self):
        """Its id."""
        return {"Organization": {"Id": self._case["organisation"]}}

    def list_public_keys(self, StartTime, EndTime):  # noqa: N803 - AWS's names
        """The Region's keys that were valid at some time in between."""
        return {"PublicKeyList": [
            key for key in self._case["keys"]
            if parse_date(key["ValidityStartTime"]) <= EndTime and parse_date(key["ValidityEndTime"]) >= StartTime
        ]}  # fmt: skip


def validate(case):
    """Run the command on one case."""
    command = CloudTrailValidateLogs.__new__(CloudTrailValidateLogs)
    CloudTrailValidateLogs.__init__(command, session=None)
    command.trail_arn, command.account_id, command.is_verbose = case["arn"], case["account"], True
    command.start_time, command.end_time = (normalize_date(parse_date(case[name])) for name in ("start", "end"))
    command._source_region = case["region"]
    command.s3_client_provider = Bucket(case)
    command.cloudtrail_client = command.organization_client = Account(case)
    said = io.StringIO()
    error = ""
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            command._call()
        except RuntimeError as problem:  # no public keys at all: the command ends without a verdict
            error = str(problem)
    return {
        "error": error,
        "digests": [command._valid_digests + command._valid_backfill_digests,
                    command._invalid_digests + command._invalid_backfill_digests],
        "logs": [command._valid_logs, command._invalid_logs],
        "gap": "No log files were delivered" in said.getvalue(),
        "said": said.getvalue(),
    }  # fmt: skip


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(validate(json.loads(line))), flush=True)
