"""A page for each evidence source, and one that lists them all."""

from __future__ import annotations

from amberlight._derive.text import banner, bullets, headed, span, table
from amberlight.capture import catalogue
from amberlight.capture.planner import volatility
from amberlight.model.evidence import SEEN, Source


def pages(command: str) -> dict[str, str]:
    """`docs/reference/sources/<id>.md` for each source, and `docs/reference/sources.md`."""
    found = catalogue.load()
    files = {f"docs/reference/sources/{name}.md": banner(command) + page(source) for name, source in found.items()}
    files["docs/reference/sources.md"] = banner(command) + overview(found)
    return files


def overview(found: dict[str, Source]) -> str:
    """All sources in one table, most volatile first as in a plan."""
    ordered = sorted(found.values(), key=lambda one: (volatility(one), one.seen, one.id))
    rows = [
        (
            f"[{one.id}](sources/{one.id}.md)",
            one.title,
            ", ".join(one.takes),
            f"{one.seen}: {SEEN[one.seen]}",
            span(one.gone_after, none="stays", zero="at once"),
            span(one.reaches_back, none="as far as it was kept", zero="now only"),
        )
        for one in ordered
    ]
    head = ("source", "what", "takes", "seen", "gone after", "reaches back")
    return f"# Evidence sources\n\n{len(rows)} sources, most volatile first.\n\n{table(head, rows)}"


def page(source: Source) -> str:
    """One source's page: its docstring, then what it declares."""
    first, rest = headed(catalogue.page(source))
    facts = [
        ("id", f"`{source.id}`"),
        ("takes", ", ".join(source.takes)),
        ("seen", f"{source.seen}: {SEEN[source.seen]}; {source.seen_text}"),
        ("gone after", span(source.gone_after, none="stays", zero="at once")),
        ("reaches back", span(source.reaches_back, none="as far as it was kept", zero="now only")),
        ("lasts about", span(source.lasts, none="unknown")),
        ("cost", f"{source.cost.usd:.2f} USD: {source.cost.basis}"),
        ("yields", ", ".join(source.yields)),
    ]
    calls = [
        (
            call.operation,
            ", ".join(call.actions),
            "yes" if call.mutates else "no",
            ", ".join(call.resources),
            call.account,
        )
        for call in source.calls
    ]
    return (
        f"# {source.title}\n\n{first}\n\n{rest + chr(10) * 2 if rest else ''}{table(('fact', ''), facts)}\n"
        f"## Calls\n\n{table(('operation', 'IAM actions', 'changes', 'resources', 'account'), calls)}\n"
        f"## Needs\n\n{bullets((f'{need.text} {need.fix}' for need in source.needs), none='Nothing beyond the calls.')}\n"
        f"## Leaves behind\n\n{bullets(source.leaves, none='Nothing.')}\n"
        f"## References\n\n{bullets(source.references, none='None.')}"
    )
