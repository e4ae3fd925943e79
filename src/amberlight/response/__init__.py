"""The way of a case through the steps, one code for drills and real cases.

Takes a response plan, doors and a judge; gives a sealed, verified package. It watches the event history and the alarm
queue, proposes, has the plan or a person decide, captures, attacks its own vault, hands off. It tells every phase to a
listener and knows nothing of rehearsals: whether a case is a drill is one word that it is given.

| module | does |
|---|---|
| `watch` | polls event history in every Region and the alarm queue, within AWS's quotas |
| `corroborating` | pairs our requests with the events that AWS itself noted of them |
| `stamping` | has an authority timestamp checkpoints, beside the other work |
| `keeping`, `witnessing` | hold what a case has, bring its heads to a second place |
| `capturing` | a capture by itself: its plan made, run as that file, gone on with |
| `holding` | holds, releases and checks of a case that is in the vault |
| `ledgers` | opens the ledger of a case that begins, or of one that is there |
| `respond` | decide, scope, plan, run, prove, package, verify, receipt |
"""
