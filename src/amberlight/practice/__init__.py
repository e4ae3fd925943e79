"""Step 4: rehearse the other three.

Takes a drill (a folder below `drills/`), stages it in the lab, lets `response` work on it unchanged, and scores what
came of it against ground truth that the scenario wrote where the system under test never looks.

| module | does |
|---|---|
| `stage` | builds the accounts as an administrator would, and writes the response plan |
| `run` | one rehearsal from the lab's start to the scorecard |
| `score` | completeness, integrity, quietness, clocks: only from ground truth and captured bytes |
| `gaps` | what failed, with owner, due date and re-test |
| `report`, `story`, `recording` | the same run for a browser, for a terminal, as a picture |

Rules: a drill is marked as one inside every record; an expectation without evidence is a failure, not a skip.
"""
