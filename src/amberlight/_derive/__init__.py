"""Generated files: reference pages, IAM policies and JSON Schemas, out of the catalogues and the records.

`python -m amberlight._derive` writes them, `--check` names those that are stale and ends with 1. Generated files are
committed and never edited. Each producer is a function that gives paths (from the checkout's root) and contents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from amberlight._derive import intakes, lab, policies, rules, schemas, sources

COMMAND = "make derive"
PRODUCERS: tuple[Callable[[str], Mapping[str, str]], ...] = (
    sources.pages,
    rules.pages,
    intakes.pages,
    lab.pages,
    policies.documents,
    schemas.documents,
)
FOLDERS = ("docs/reference/sources", "docs/reference/rules", "docs/reference/schemas")


def wanted() -> dict[str, str]:
    """Every generated file: path from the checkout's root, and its text."""
    return {path: text for producer in PRODUCERS for path, text in producer(COMMAND).items()}


def stale(root: Path, files: Mapping[str, str]) -> list[str]:
    """Paths that are missing, that differ, or that nothing generates any more."""
    differing = [path for path, text in files.items() if read(root / path) != text]
    there = (path for folder in FOLDERS for path in (root / folder).glob("**/*") if path.is_file())
    left = [relative for path in there if (relative := path.relative_to(root).as_posix()) not in files]
    return sorted(differing + left)


def read(path: Path) -> str | None:
    """The text of a file; None where there is none."""
    return path.read_text(encoding="utf-8") if path.is_file() else None


def write(root: Path, files: Mapping[str, str]) -> list[str]:
    """Write what is stale and remove what nothing generates; the paths that changed."""
    changed = stale(root, files)
    for path in changed:
        place = root / path
        if path in files:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(files[path], encoding="utf-8")
        else:
            place.unlink()
    return changed
