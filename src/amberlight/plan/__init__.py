"""The response plan as data: `amberlight.yaml`, read strictly.

Takes a path or text, gives a `ResponsePlan`. An unknown key is an error that names the key and what it may have meant,
since a misspelt limit is no limit. Nothing is filled in from the environment.
"""

from amberlight.plan.reading import load, parse
from amberlight.plan.writing import dump

__all__ = ["dump", "load", "parse"]
