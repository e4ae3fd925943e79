"""CloudTrail, proved without AWS: log files and digests of a copy against the Regions' signatures.

Takes a copy with sidecars and public keys, as a capture leaves it, and says for every UTC hour and every file whether it
is what CloudTrail signed, and what is not there. Nothing that it reads is trusted: names in digests only select among the
files that a walk has found, everything is streamed and bounded, and keys below a bucket's own layout are refused.

| module | holds |
|---|---|
| `places` | Folder and Bucket: where a copy lies |
| `layout` | what a path says: account, Region, trail, time |
| `content` | gzip, hashes, strict JSON |
| `copy` | the files sorted; sidecars |
| `keys` | public keys by Region, fingerprint and moment |
| `digests` | digests, their signatures, their links |
| `chain` | holes in chains, and their ends |
| `logs` | log files against the digests that list them |
| `hours` | the worst state of each hour, and findings |
| `proving` | all of it in order |
| `words` | the report for people |
"""

from amberlight.trail.prove.places import Bucket, Folder, Source, window_time
from amberlight.trail.prove.proving import prove

__all__ = ["Bucket", "Folder", "Source", "prove", "window_time"]
