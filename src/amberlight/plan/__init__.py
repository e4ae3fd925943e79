"""The response plan as data: `amberlight.yaml`, read strictly, checked by carrying things out, printed for people.

Takes a path or text, gives a `ResponsePlan`. An unknown key is an error that names the line, the key and what it may have
meant, since a misspelt limit is no limit. Nothing is filled in from the environment.

| module | does |
|---|---|
| `reading`, `lines`, `writing` | YAML to records and back; the line of an error |
| `survey`, `asking`, `drafting` | a first plan out of an account, questions and answers |
| `check`, `checks`, `requirements`, `checking` | what is open, and for which requirement; `live` tries roles |
| `document`, `rendering` | the plan in the order of the night, as HTML or Markdown |
"""

from amberlight.plan.reading import load, parse
from amberlight.plan.writing import dump

__all__ = ["dump", "load", "parse"]
