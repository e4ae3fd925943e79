"""Reads a timeline with Timesketch's own reader, in Timesketch's own environment; prints what it would store."""

import json
import sys

from timesketch.lib import utils

with open(sys.argv[1], "rb") as stream:  # noqa: PTH123 - as its server opens it
    for row in utils.read_and_validate_jsonl(stream):
        # What it makes of `datetime` where there is no `timestamp`: both must be one moment.
        bare = {name: row[name] for name in ("message", "datetime", "timestamp_desc")}
        (again,) = utils.read_and_validate_jsonl([json.dumps(bare)])
        print(json.dumps({**row, "timestamp_by_timesketch": again["timestamp"]}))
