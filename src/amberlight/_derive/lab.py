"""What of AWS the product uses, what stands behind it in the lab, and the test that shows it.

Read from the code without running it: operations are named `service.Operation` wherever they are called or declared; a file
of the lab that makes something real lists it in `REAL`, with what is real about it; what is used and the lab lacks stands in
`ABSENT` of `lab/services`; tests say what they show with the mark `proves`, and its fixture checks that the call worked.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from amberlight._derive.text import banner, table
from amberlight.capture import catalogue

OPERATION = re.compile(r"[a-z][a-z0-9-]*\.[A-Z][A-Za-z0-9]+")
PACKAGE = Path(__file__).parents[1]
TESTS = PACKAGE.parents[1] / "tests"
STATES = {
    "real": "its effect on this machine is what AWS's would be: bytes, packets, processes, denials",
    "emulated": "state and answers as AWS documents them, with nothing behind them",
    "absent": "refused by the lab",
}


def pages(command: str) -> dict[str, str]:
    """`docs/reference/lab.md`."""
    behind, lacking, proofs, users = real(), absent(), proving(), used()
    words = "\n".join(f"- **{name}**: {text}" for name, text in STATES.items())
    ours = [(_code(name), *_state(name, behind, lacking), ", ".join(sorted(users[name])), proofs.get(name, ""))
            for name in sorted(users)]  # fmt: skip
    beyond = [(_code(name), *_state(name, behind, lacking), proofs.get(name, ""))
              for name in sorted({*behind, *proofs} - set(users))]  # fmt: skip
    return {
        "docs/reference/lab.md": f"{banner(command)}# What the lab does of AWS\n\n{words}\n\n"
        f"## What the product uses\n\nEvery operation that a source, a drill, the vault or another part uses: {len(ours)}.\n\n"
        f"{table(('operation', 'state', 'what stands behind it', 'used by', 'shown by'), ours)}\n"
        f"## Beyond that\n\n{len(beyond)} operations more that a test shows. The emulator answers others, which nothing here vouches "
        f"for.\n\n{table(('operation', 'state', 'what stands behind it', 'shown by'), beyond)}"
    }


def _code(name: str) -> str:
    return f"`{name}`"


def _state(name: str, behind: dict[str, str], lacking: dict[str, str]) -> tuple[str, str]:
    if name in lacking:
        return "absent", lacking[name]
    return ("real", behind[name]) if name in behind else ("emulated", "")


def used() -> dict[str, set[str]]:
    """Operations, and the parts of the product that use them."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part not in ("lab", "_derive"):
            for name in _strings(path):
                if OPERATION.fullmatch(name):
                    found.setdefault(name, set()).add(part)
    for source in catalogue.load().values():
        for call in source.calls:
            found.setdefault(call.operation, set()).add("capture")
    return found


def real() -> dict[str, str]:
    """From the `REAL` of the lab's files: operation, and what is real about it."""
    return _declared("REAL", sorted((PACKAGE / "lab").rglob("*.py")))


def absent() -> dict[str, str]:
    """Operations that are used and that the lab lacks, with the reason."""
    return _declared("ABSENT", [PACKAGE / "lab/services/__init__.py"])


def proving() -> dict[str, str]:
    """The test for each operation: `file.py: test_name`."""
    found: dict[str, str] = {}
    for path in sorted((TESTS / "lab").glob("test_*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                found.update({
                    name: f"[{function.name}](../../tests/lab/{path.name})"
                    for mark in function.decorator_list if isinstance(mark, ast.Call)
                    and ast.unparse(mark.func) == "pytest.mark.proves" for name in _constants(mark)
                })  # fmt: skip
    return found


def _declared(variable: str, paths: list[Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in paths:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                found.update(ast.literal_eval(node.value) if ast.unparse(target) == variable else {})
    return found


def _strings(path: Path) -> Iterator[str]:
    """Whole strings only: what is put together at run time is in full in the catalogue of sources."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {id(part) for made in ast.walk(tree) if isinstance(made, ast.JoinedStr) for part in made.values}
    return (text for node, text in _texts(tree) if id(node) not in parts)


def _constants(tree: ast.AST) -> Iterator[str]:
    return (text for _, text in _texts(tree))


def _texts(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    return (
        (node, node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
