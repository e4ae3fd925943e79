"""A user's own Sigma rules, run beside ours: a small compiler of the part of Sigma that CloudTrail rules use.

Takes folders of YAML, gives rules and, for every one that cannot run, the reason. Rules become functions on events; what is
pinned to a source or a name is asked only about events of that name.

| part | holds |
|---|---|
| `reading` | folders and files to documents |
| `compiling` | a document to a `Rule` |
| `condition` | the text after `condition:` to a tree |
| `selecting` | selections to a tree of tests |
| `values` | one value with its modifiers to a test of texts |
| `patterns` | regular expressions that cannot run away |
| `fields` | where in an event a field stands |
| `logic` | the tree, and what it says when only the name of an event is known |

References:
    Sigma specification 2.1.0, https://sigmahq.io/sigma-specification/ (rules, modifiers, conditions), 2026-11.
"""

from amberlight.aware.sigma.reading import read

__all__ = ["read"]
