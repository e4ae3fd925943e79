"""Step 1: notice and judge.

Takes API-call history and raw notices, gives signals; groups them into suspicions by who and when, scored, with a reason in
words for every point; turns a suspicion into a decision, and a decision into a case.

| part | holds |
|---|---|
| `intake/` | one file for each way to be told |
| `envelope`, `telling` | what AWS wraps round a notice; whatever is received becomes signals, unreadable or not |
| `rules/` | one file for each rule; the folder is the catalogue |
| `sigma/` | a user's own Sigma rules, compiled to rules of ours |
| `ruleset` | the rules that judge, and which of them only count silently |
| `rule` | what a rule declares, and what it gives |
| `memory` | what was seen of each principal: first and last uses, networks, denials; mergeable |
| `links` | who made, assumed or received whom |
| `judge` | events and signals in, signals and suspicions out |
| `triage`, `scoring` | hits to suspicions |
| `suppressing` | what the plan holds back until a day |
| `naming` | ids of suspicions, which stay |
| `comparing`, `replay` | two judgements of one history by different rules |
| `decide` | a suspicion to a decision, a decision to a case |
| `merging` | suspicions that a person found to be one |

No score grows with volume: each rule counts once in a suspicion, and the more rules there are the less each adds.
"""
