"""All rules: the folder `rules/` is the catalogue."""

from __future__ import annotations

import copyreg
import importlib
import pkgutil
from functools import cache

from amberlight.aware import rules
from amberlight.aware.rule import Rule


@cache
def load() -> dict[str, Rule]:
    """Rules by id, in the order of their names."""
    names = sorted(m.name for m in pkgutil.iter_modules(rules.__path__) if not m.name.startswith("_"))
    found = [importlib.import_module(f"{rules.__name__}.{name}").RULE for name in names]
    return {rule.id: rule for rule in found}


def of_name(name: str) -> Rule:
    """The rule of that name."""
    return load()[name]


# A rule holds functions, which cannot be pickled: between processes it travels by its name, or by what made it.
copyreg.pickle(Rule, lambda rule: rule.remake or (of_name, (rule.id,)))
