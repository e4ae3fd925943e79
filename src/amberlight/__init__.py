"""AWS incident response that you can rehearse.

A case goes one way through the code, and each step is a package named by a verb::

    aware     notice and judge        a Signal becomes a Suspicion becomes a Case
    capture   take the evidence       a Case becomes a CapturePlan becomes Evidence and Gaps
    handoff   deliver                 Evidence becomes a sealed Package, answered by a Receipt
    practice  rehearse the others     a Drill runs all of it and is scored

`response` is that way itself, the same for a drill and a real case. Nouns (`model`, `plan`, `trail`, `vault`,
`casebook`) are used by the steps; `_aws`, `_engine` and `_derive` are plumbing; `lab` is an embedded AWS.
"""

__version__ = "0.1.0"
