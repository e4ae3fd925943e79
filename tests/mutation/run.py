"""Mutation testing of the vault: change one thing in its code at a time, and see whether a test fails.

Run: `python tests/mutation/run.py [--modules s3 ledger ...] [--sample 200] [--seed 7] [--out FILE]`; `make mutate` runs all.
Each mutant is loaded in place of its module in a child that only then imports the tests, so that nothing is written into
the source. What is changed: comparisons, and/or, not, arithmetic, numbers, truth values, words (not sentences: what an
error says is for people), conditions, returned values, calls whose value is not used, break. Annotations, docstrings and
the texts of errors stay. Exit status 1 when fewer are killed than `--least` per cent.
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import json
import os
import random
import re
import resource
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VAULT = ROOT / "src" / "amberlight" / "vault"
UNIT = "tests/unit/vault"
TESTS = {
    "verify": [f"{UNIT}/test_verify_arithmetic.py", "tests/fuzz/test_fuzz.py", "tests/unit/handoff/test_tampering.py"],
    "tree": ["tests/oracles/test_pymerkle.py", f"{UNIT}/test_ledger.py"],
    "signing": [f"{UNIT}/test_ledger.py"],
    "ledger": [f"{UNIT}/test_ledger.py", f"{UNIT}/test_faults.py"],
}
STORES = [f"{UNIT}/test_stores.py", f"{UNIT}/test_faults.py", f"{UNIT}/test_ledger.py"]
MODULES = ("store", "s3", "multipart", "notes", "folder", "ledger", "tree", "signing", "verify")
LONGEST_S = 150
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
    """Every place that can be changed: (node, how), in a fixed order; without annotations, docstrings, errors' texts."""
    found, todo = [], [tree]
    while todo:
        node = todo.pop()
        found += [(node, how) for how in ways(node)]
        todo += [child for name, value in ast.iter_fields(node) if name not in ("annotation", "returns", "type_params")
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


def mutant(source, number):
    """The module's tree with its place of that number changed, and a line that says so."""
    tree = ast.parse(source)
    node, how = places(tree)[number]
    before = ast.unparse(node).splitlines()[0][:90]
    if how in ("go on", "raise nothing"):
        instead(tree, node, ast.Continue() if how == "go on" else ast.Pass())
    else:
        CHANGES[how](node)
    ast.fix_missing_locations(tree)
    return tree, f"{node.lineno}: {how}: {before}"


def instead(tree, node, other):
    """Another statement in the place of one."""
    for parent in ast.walk(tree):
        for _, value in ast.iter_fields(parent):
            if isinstance(value, list) and node in value:
                value[value.index(node)] = ast.copy_location(other, node)


class Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the mutant where the module is asked for."""

    def __init__(self, name, tree):
        self.name, self.tree = f"amberlight.vault.{name}", tree
        self.path = str(VAULT / f"{name}.py")

    def find_spec(self, name, path=None, target=None):
        """Ours, for one name."""
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def create_module(self, spec):
        """The usual kind."""

    def exec_module(self, module):
        """The changed code."""
        exec(compile(copy.deepcopy(self.tree), self.path, "exec"), module.__dict__)  # noqa: S102 - that is the point


def survives(name, tree, tests):
    """Whether all tests pass with the mutant: in a child that is forked before anything of the vault is imported."""
    child = os.fork()
    if not child:
        os.setsid()
        # Processor time, so that a busy machine kills no mutant.
        resource.setrlimit(resource.RLIMIT_CPU, (LONGEST_S, LONGEST_S))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nowhere, number)
        sys.meta_path.insert(0, Instead(name, tree))
        import pytest

        code = 99
        try:
            options = [
                "-x",
                "-q",
                "-p",
                "no:randomly",
                "-p",
                "no:cacheprovider",
                "--tb=no",
                "-W",
                "ignore::pytest.PytestAssertRewriteWarning",
            ]
            code = int(pytest.main([*options, *(each for each in tests if (ROOT / each).exists())]))
        finally:
            os._exit(code)
    until = time.monotonic() + 5 * LONGEST_S
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.02)  # noqa: TID251 - a real process
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def warm():
    """What every child needs and no mutant touches, imported once."""
    import boto3  # noqa: F401
    import pytest  # noqa: F401
    from hypothesis import Phase, settings

    import amberlight._aws
    import amberlight.model.codec  # noqa: F401

    settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate), database=None, deadline=None,
                              derandomize=True)  # fmt: skip
    settings.load_profile("mutants")


def main():
    """All mutants, or a fair sample of them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--modules", nargs="*", default=list(MODULES))
    options.add_argument("--sample", type=int, default=0, help="so many of all, drawn by the seed; 0 is every one")
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--least", type=float, default=90.0)
    options.add_argument("--out", type=Path, default=ROOT / "bench" / "out" / "mutants.json")
    given = options.parse_args()
    os.chdir(ROOT)
    sources = {name: (VAULT / f"{name}.py").read_text(encoding="utf-8") for name in given.modules}
    every = [(name, number) for name, text in sources.items() for number in range(len(places(ast.parse(text))))]
    chance = random.Random(given.seed)  # noqa: S311
    chosen = sorted(chance.sample(every, min(given.sample or len(every), len(every))))
    chance.shuffle(chosen)
    warm()
    suites = {tuple(TESTS.get(name, STORES)): name for name in sources}
    for tests, name in suites.items():
        if not survives(name, ast.parse(sources[name]), tests):
            raise SystemExit(f"the tests of {name} fail without any change: nothing can be told")
    survivors = []
    for tried, (name, number) in enumerate(chosen, 1):
        tree, said = mutant(sources[name], number)
        if survives(name, tree, TESTS.get(name, STORES)):
            survivors.append(f"{name}.py:{said}")
            print(f"SURVIVED {survivors[-1]}", flush=True)
        score = 100 * (1 - len(survivors) / tried)
        found = {"mutants": len(every), "tried": tried, "killed": tried - len(survivors), "per_cent": round(score, 1)}
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps({**found, "survivors": survivors}, indent=2) + "\n", encoding="utf-8")
        if tried % 20 == 0:
            print(json.dumps(found), flush=True)
    print(json.dumps(found))
    sys.exit(0 if score >= given.least else 1)


if __name__ == "__main__":
    main()
