"""API-call history: every shape that CloudTrail records come in, read as a stream, never in silence.

Takes paths, gives typed events, and names what it could not read. A broken member, a decompression bomb, a malformed
date or an unreadable file is counted and named, and the rest goes on.

| module | holds |
|---|---|
| `event` | Event: one CloudTrail record, typed |
| `identity` | who made a call: the user or role behind a session |
| `opening` | files as bytes: gzip by content, with limits |
| `splitting` | JSON values out of a stream of bytes, with places where it broke |
| `shapes` | the record inside a shipper's, a bus's or an API answer's envelope |
| `reading` | paths to events, and the list of what was unreadable |
| `prove` | a copy of a trail's files against AWS's own signatures, offline |
"""

from amberlight.trail.event import Event
from amberlight.trail.reading import Reading, read
from amberlight.trail.shapes import event_from_lookup

__all__ = ["Event", "Reading", "event_from_lookup", "read"]
