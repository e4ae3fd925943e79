"""What is changed in a module, one thing at a time.

Comparisons, and/or, not, arithmetic, numbers, truth values, words (not sentences: what an error says is for people),
conditions, returned values, calls whose value is not used, break, raise. Annotations, docstrings and the texts of errors
stay.
"""

import ast
import re
from dataclasses import dataclass

WORD = re.compile(r"[\w.:/%+-]{1,60}")
SWAPS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In,  # codespell:ignore notin
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.Mod: ast.Mult,
}  # fmt: skip
WAYS = {
    ast.If: ("never", "always"), ast.IfExp: ("never", "always"), ast.While: ("never",), ast.Return: ("return nothing",),
    ast.Expr: ("leave out",), ast.Break: ("go on",), ast.Raise: ("raise nothing",),
}  # fmt: skip


def places(tree):
    """Every place that can be changed: (node, how, the nodes around it), in a fixed order.

    Without annotations, docstrings, errors' texts.
    """
    found, todo = [], [(tree, ())]
    while todo:
        node, around = todo.pop()
        found += [(node, how, (*around, node)) for how in ways(node)]
        todo += [(child, (*around, node)) for name, value in ast.iter_fields(node)
                 if name not in ("annotation", "returns", "type_params")
                 for child in (value if isinstance(value, list) else [value])
                 if isinstance(child, ast.AST) and not left_alone(node, name, child)]  # fmt: skip
    return sorted(found, key=lambda each: (getattr(each[0], "lineno", 0), getattr(each[0], "col_offset", 0), each[1]))


def left_alone(node, name, child):
    """What is no behaviour that tests should pin: imports, docstrings, texts of errors, `if TYPE_CHECKING`."""
    if isinstance(child, ast.Import | ast.ImportFrom):
        return True
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return True
    if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "__name__ == '__main__'"):
        return True
    return isinstance(node, ast.Raise)


def ways(node):
    """How a node can be changed."""
    operator = node.ops[0] if isinstance(node, ast.Compare) else getattr(node, "op", None)
    if type(operator) in SWAPS:
        return ["swap"]
    if isinstance(operator, ast.Not):
        return ["drop not"]
    if isinstance(node, ast.Constant):
        return constant_ways(node.value)
    if isinstance(node, ast.Return) and (node.value is None or is_none(node.value)):
        return []
    if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call):
        return []
    return next((list(known) for kind, known in WAYS.items() if isinstance(node, kind)), [])


def is_none(node):
    """Whether it is the constant None."""
    return isinstance(node, ast.Constant) and node.value is None


def constant_ways(value):
    """How a constant can be changed."""
    if isinstance(value, bool):
        return ["flip"]
    if isinstance(value, int):
        return ["one more"]
    return ["other word"] if isinstance(value, str | bytes) and word(value) else []


def word(value):
    """Whether a text is a word of some format, and no sentence for people."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return bool(WORD.fullmatch(text))


def swap(node):
    """Another operator."""
    if isinstance(node, ast.Compare):
        node.ops[0] = SWAPS[type(node.ops[0])]()
    else:
        node.op = SWAPS[type(node.op)]()


def double_not(node):
    """Take the negation back."""
    node.operand = ast.UnaryOp(op=ast.Not(), operand=node.operand)


def constant(field, value):
    """Put a constant into a field."""
    return lambda node: setattr(node, field, ast.Constant(value=value))


def valued(function):
    """Change a constant's value."""
    return lambda node: setattr(node, "value", function(node.value))


CHANGES = {
    "swap": swap,
    "drop not": double_not,
    "never": constant("test", value=False),
    "always": constant("test", value=True),
    "return nothing": constant("value", value=None),
    "leave out": constant("value", value=0),
    "flip": valued(lambda value: not value),
    "one more": valued(lambda value: value + 1),
    "other word": valued(lambda value: value + (b"!" if isinstance(value, bytes) else "!")),
}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A place to change: its number in the module, what stands around it, the lines of its statement, what is done."""

    module: str
    number: int
    where: str
    lines: range
    line: int
    change: str

    @property
    def name(self):
        """The same while lines above it come and go."""
        return f"{self.module}: {self.where}: {self.change}"

    def __str__(self):
        return f"{self.module}.py:{self.line}: {self.where}: {self.change}"


def mutants(module, source):
    """Every mutant of a module."""
    return [described(module, number, *place) for number, place in enumerate(places(ast.parse(source)))]


def described(module, number, node, how, around):
    """The mutant that one place makes."""
    named = [each.name for each in around if isinstance(each, ast.FunctionDef | ast.ClassDef)]
    statement = [each for each in around if isinstance(each, ast.stmt)][-1]
    return Mutant(module=module, number=number, where=".".join(named) or "module", lines=lines_of(statement),
                  line=node.lineno, change=f"{how}: {ast.unparse(node).splitlines()[0][:90]}")  # fmt: skip


def changed(source, number):
    """The module's tree with its place of that number changed."""
    tree = ast.parse(source)
    node, how, _ = places(tree)[number]
    if how in ("go on", "raise nothing"):
        instead(tree, node, ast.Continue() if how == "go on" else ast.Pass())
    else:
        CHANGES[how](node)
    return ast.fix_missing_locations(tree)


def lines_of(statement):
    """The lines of which one is executed with the statement; of a compound one its head."""
    body = getattr(statement, "body", None)
    last = max(statement.lineno, body[0].lineno - 1) if body else statement.end_lineno
    return range(min([statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", ()))]), last + 1)


def instead(tree, node, other):
    """Another statement in the place of one."""
    for parent in ast.walk(tree):
        for _, value in ast.iter_fields(parent):
            if isinstance(value, list) and node in value:
                value[value.index(node)] = ast.copy_location(other, node)
