"""The line of a plan's text that an error is about: validation knows the path into the data, people want the line.

msgspec says `at `$.contacts[1].reach``, and `[...]` for a key of a mapping that it does not name; then the first place
that can be meant is taken, and none where nothing fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

WHERE = re.compile(r" - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`$")
STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")
NAMED = re.compile(r"(?P<how>unknown|missing required) field `(?P<name>[^`]*)`")
WRONG_KEY = re.compile(r"value '(?P<name>[^']*)' - at `key` in ")
GOT = re.compile(r"got `(?P<tag>[a-z]+)`")
TAGS = {"int": "int", "str": "str", "float": "float", "bool": "bool", "null": "null", "array": "seq", "object": "map"}


def line_of(text: str, problem: str) -> int | None:
    """The line, from 1; None where the text has no such place.

    Args:
        text: YAML that can be read.
        problem: What msgspec said of it.
    """
    try:
        root = YAML(typ="safe", pure=True).compose(StringIO(text))
    except YAMLError:
        return None
    where = WHERE.search(problem)
    steps = [match["key"] or match["index"] for match in STEP.finditer(where["path"] if where else "")]
    fitting = (line for node in reached(root, steps) for line in fits(node, problem))
    return next(fitting, None)


def reached(node: Node | None, steps: list[str]) -> Iterator[Node]:
    """Every node at the end of a path."""
    if node is None:
        return
    if not steps:
        yield node
        return
    for child in children(node, steps[0]):
        yield from reached(child, steps[1:])


def children(node: Node, step: str) -> list[Node]:
    """What one step of a path leads to: a key, an index, or all for `...`."""
    if isinstance(node, MappingNode):
        return [value for key, value in node.value if step in ("...", key.value)]
    if not isinstance(node, SequenceNode):
        return []
    if step == "...":
        return list(node.value)
    return list(node.value[int(step) : int(step) + 1]) if step.isdigit() else []


def fits(node: Node, problem: str) -> Iterator[int]:
    """The line that is meant in a node, where the node can have the problem."""
    keys = {key.value: key for key, _ in node.value} if isinstance(node, MappingNode) else {}
    named, got = NAMED.search(problem), GOT.search(problem)
    wrong = WRONG_KEY.search(problem) or (named if named and named["how"] == "unknown" else None)
    if wrong:
        if wrong["name"] in keys:
            yield line(keys[wrong["name"]])
    elif named:
        if named["name"] not in keys:
            yield line(node)
    elif not got or node.tag == f"tag:yaml.org,2002:{TAGS.get(got['tag'], '')}":
        yield line(node)


def line(node: Node) -> int:
    """Where a node begins, from 1."""
    return int(node.start_mark.line) + 1
