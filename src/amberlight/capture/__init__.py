"""Step 2: take the evidence: plan what to take, then do exactly that plan.

Takes a `Case`, the limits of the response plan and the catalogue of sources; gives a frozen `CapturePlan`, and, when it
is run, `Evidence` and `Gap` for every planned item, sealed in the vault and entered in the custody ledger.

| module | does |
|---|---|
| `catalogue` | finds the sources: one file each below `sources/` |
| `planner` | pure: case and catalogue in, plan out |
| `runner` | executes a plan, and nothing else; the only place that turns any failure into a `Gap` |
| `context` | what a source is given |
| `slots` | lets a host deliver one object into the vault |
| `naming` | paths that cannot lead out, text that is safe to show |
| `policy` | the IAM policies that the declarations ask for |
| `guest/` | texts that run on hosts |

Rules: a source never sees a credential, makes only declared calls, and knows no other source. Most volatile first. Each
planned item ends as evidence or as a gap with its reason.
"""
