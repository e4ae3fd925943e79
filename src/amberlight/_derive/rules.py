"""A page for each rule that judges API calls, and one that lists them all."""

from __future__ import annotations

import importlib

from amberlight._derive.text import banner, bullets, headed, table
from amberlight.aware import catalogue, rules
from amberlight.aware.rule import ATTACK, Rule


def pages(command: str) -> dict[str, str]:
    """`docs/reference/rules/<id>.md` for each rule, and `docs/reference/rules.md`."""
    found = load()
    files = {f"docs/reference/rules/{rule.id}.md": banner(command) + page(rule, text) for rule, text in found}
    rows = [
        (f"[{rule.id}](rules/{rule.id}.md)", rule.title, f"{rule.points:g}", rule.severity, ", ".join(rule.techniques))
        for rule, _ in found
    ]
    head = ("rule", "what it notices", "points", "severity", f"ATT&CK {ATTACK}")
    files["docs/reference/rules.md"] = f"{banner(command)}# Rules\n\n{len(rows)} rules.\n\n{table(head, rows)}"
    return files


def load() -> list[tuple[Rule, str]]:
    """Each rule's record with its module's docstring."""
    return [
        (rule, (importlib.import_module(f"{rules.__name__}.{name}").__doc__ or "").strip())
        for name, rule in catalogue.load().items()
    ]


def page(rule: Rule, text: str) -> str:
    """One rule's page: its docstring, then what it declares."""
    first, rest = headed(text)
    facts = [
        ("id", f"`{rule.id}`"),
        ("tactic", rule.tactic),
        (f"techniques (ATT&CK {ATTACK})", ", ".join(rule.techniques)),
        ("points", f"{rule.points:g} of 100"),
        ("severity", rule.severity),
        ("pages alone", "yes" if rule.may_page_alone else "no"),
        ("looks at", ", ".join(rule.events) or "all that is known of a principal"),
        ("harmless causes", rule.false_triggers),
    ]
    return (
        f"# {rule.title}\n\n{first}\n\n{rest + chr(10) * 2 if rest else ''}{table(('fact', ''), facts)}\n"
        f"## References\n\n{bullets(rule.references, none='None.')}"
    )
