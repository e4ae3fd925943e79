"""Faults and delays of the lab: what AWS does to its callers on a bad day, on order and repeatable.

A fault is a record (`fault`): where it applies, when, and what it does. `kinds/` has one file per kind, found by being
there; `reading` takes a list of faults from YAML, JSON or a control and says what is wrong with it; `board` holds those
that are in force and counts how often each has struck; `points` are the places in the way of a call at which a kind may
act; `answers` writes refusals in the shapes of AWS's protocols.

Rules: a call that is refused after its signature and policy were checked is recorded in CloudTrail with its error code; one
that never reached AWS is recorded nowhere. What is drawn follows from the lab's seed.
"""
