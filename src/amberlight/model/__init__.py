"""The records that all steps share, and the errors; imports nothing of ours.

Records are frozen `msgspec.Struct`s: typed, validated when decoded, and the source of the published JSON Schemas.
Times are aware UTC datetimes; units stand in the type or in the name. `kind` (`drill` or `incident`) is inside every
record that leaves the process, so that a drill can never be mistaken for a case.

| module | holds |
|---|---|
| `errors` | one root with a cause, a fix, a stable code and an exit code |
| `signals` | Signal, Suspicion, Decision, Case, Target |
| `evidence` | Source and what it declares, artifacts, CapturePlan, Evidence, Gap |
| `custody` | Entry, Checkpoint |
| `delivery` | Package, Receipt, VerifyReport |
| `scan` | ScanReport, Incident |
| `trail_proof` | TrailProof |
| `rehearsal` | Truth, Attempt, Scorecard |
| `response_plan` | `amberlight.yaml` as records |
| `readiness` | the parts of it that people agree on |
| `listings` | the catalogue, a plan's open points, a running lab, as commands print them |
| `codec` | JSON in and out, canonical form, hashes of records |
"""
