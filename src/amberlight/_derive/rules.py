"""A page for each rule that judges API calls, and one that lists them all."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable
from typing import Any

from amberlight._derive.text import banner, bullets, headed, table

PACKAGE = "amberlight.aware.rules"


def pages(command: str) -> dict[str, str]:
    """`docs/reference/rules/<id>.md` for each rule, and `docs/reference/rules.md`."""
    found = load()
    files = {f"docs/reference/rules/{rule.id}.md": banner(command) + page(rule, text) for rule, text in found}
    if found:
        rows = [
            (f"[{rule.id}](rules/{rule.id}.md)", headed(text)[0], ", ".join(listed(rule, "techniques")))
            for rule, text in found
        ]
        files["docs/reference/rules.md"] = (
            f"{banner(command)}# Rules\n\n{len(rows)} rules.\n\n{table(('rule', 'what it notices', 'techniques'), rows)}"
        )
    return files


def load() -> list[tuple[Any, str]]:
    """Each rule's record with its module's docstring; the folder is the catalogue."""
    package = importlib.import_module(PACKAGE) if importlib.util.find_spec(PACKAGE) else None
    modules = pkgutil.iter_modules(package.__path__) if package else ()
    found = []
    for name in sorted(module.name for module in modules):
        module = importlib.import_module(f"{PACKAGE}.{name}")
        if hasattr(module, "RULE"):
            found.append((module.RULE, (module.__doc__ or "").strip()))
    return found


def listed(rule: Any, name: str) -> Iterable[str]:
    """A field of the rule that holds texts, empty where the rule has none."""
    return tuple(str(item) for item in getattr(rule, name, ()))


def page(rule: Any, text: str) -> str:
    """One rule's page: its docstring, then what it declares."""
    first, rest = headed(text)
    return (
        f"# {getattr(rule, 'title', rule.id)}\n\n{first}\n\n{rest + chr(10) * 2 if rest else ''}"
        f"Id: `{rule.id}`\n\n"
        f"## Techniques\n\n{bullets(listed(rule, 'techniques'), none='None named.')}\n"
        f"## References\n\n{bullets(listed(rule, 'references'), none='Those in the text.')}"
    )
