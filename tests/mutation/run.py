"""Mutation testing of the vault: change one thing in its code at a time, and see whether a test fails.

Run: `python tests/mutation/run.py [--modules s3 ledger ...] [--sample 200] [--seed 7] [--workers 2] [--out FILE]`; `make
mutate` runs all. What is changed stands in `changes.py`. Nothing is written into the source. First every test runs alone
under coverage.py, which says the lines that it executes; then each mutant gets the tests that execute its statement, those
first that found earlier mutants of the function, until one fails:

- in a function, its code is exchanged in a child that is forked after the tests were collected;
- in what runs at import, a child that is forked before anything of the vault was imported loads the mutant in the module's
  place, and runs every test that executes something of the module, or of a module that imports it.

A mutant that ends the child or outruns its time is killed. One that no test executes survives, and is named apart. The run
proves itself first, both ways: all modules unchanged have to pass every test, and modules with their functions emptied have
to fail; one that nobody misses is named. Exit status 1 when fewer than `--least` per cent of all are killed, equivalent ones included.
"""

import argparse
import ast
import gc
import importlib.abc
import importlib.util
import json
import multiprocessing
import os
import random
import resource
import signal
import sys
import time
import types
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from changes import changed, mutants
from children import in_children

ROOT = Path(__file__).resolve().parents[2]
VAULT = ROOT / "src" / "amberlight" / "vault"
TESTS = ("tests/unit/vault", "tests/unit/handoff", "tests/unit/response", "tests/unit/cli", "tests/fuzz/test_fuzz.py",
         "tests/oracles/test_pymerkle.py")  # fmt: skip
PYTEST = ("-q", "-s", "--tb=short", "-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider", "--timeout=0",
          "-W", "ignore::pytest.PytestAssertRewriteWarning")  # fmt: skip
EQUIVALENT: dict[str, str] = {
    "verify: key_point: swap: y >= P": "the order of P-256 is odd, so that it has no point with y = 0, as which y = P counts",
    "check_exhibit: key_point: swap: y >= P": "the same",
    "verify: signature_numbers: one more: 72": "longer ones are refused below by the range of the numbers",
    "check_exhibit: signature_numbers: one more: 72": "the same",
    "verify: integer: one more: 17": "numbers of 17 digits are refused by their value",
    "check_exhibit: integer: one more: 17": "the same",
    "verify: Verifier.open: other word: 'O_BINARY'": "a flag that only Windows has",
    "check_exhibit: Exhibit.open: other word: 'O_BINARY'": "the same",
    "multipart: parts_of: swap: len(buffer) >= PART_BYTES": "a full buffer is then given one turn later, as the rest",
    "witness: _roots: always: if tree.size in sizes:": "roots that nobody asks for are reckoned and left alone",
}
"""Mutants that no test can kill, as what they change makes no difference: name (as printed, without line) and reason."""
UNTESTED, ANEW = "no test executes it", "has to be imported anew"


@dataclass(kw_only=True)
class Test:
    """What one test did when it ran alone: processor and real seconds, and the lines of each module."""

    cpu_s: float
    real_s: float
    lines: dict[str, set[int]]


@dataclass(kw_only=True)
class Known:
    """Sources, tests by name, the lines that run at import, and who killed mutants so far, by function."""

    sources: dict[str, str]
    at_import: dict[str, set[int]] = field(default_factory=dict)
    tests: dict[str, Test] = field(default_factory=dict)
    killers: dict[tuple[str, str], Counter] = field(default_factory=dict)

    def executing(self, mutant):
        """The tests that execute the mutant's statement."""
        return [
            name
            for name, test in self.tests.items()
            if not test.lines.get(mutant.module, set()).isdisjoint(mutant.lines)
        ]

    def of_module(self, module):
        """All tests of each file of which one executes anything of a module or of what imports it."""
        modules = importers(module, self.sources)
        files = {name.partition("::")[0] for name, test in self.tests.items() if any(map(test.lines.get, modules))}
        return [name for name in self.tests if name.partition("::")[0] in files]

    def runs(self, module, *, anew):
        """Whether any test executes anything of a module; that did not run at import, where that is not done anew."""
        before = set() if anew else self.at_import.get(module, set())
        return any(test.lines.get(module, set()) - before for test in self.tests.values())

    def ordered(self, tests, mutant):
        """Those that failed for the function before, then file by file, since tests of one share what was set up."""
        killed = self.killers.get((mutant.module, mutant.where), Counter())
        files = {each.partition("::")[0]: [] for each in tests}
        for each in tests:
            files[each.partition("::")[0]].append(self.tests[each].real_s)

        def rank(name):
            """Files that are quick by the test come first; what only imports the module comes last."""
            file, test = name.partition("::")[0], self.tests[name]
            own = bool(test.lines.get(mutant.module))
            return -killed[name], not own, sum(files[file]) / len(files[file]), file, test.real_s

        return sorted(tests, key=rank)

    def likeliest_file(self, module, tests):
        """The test file that killed most mutants of a module; where none did, that with most tests that execute it."""
        killed = Counter()
        for (of, _), names in self.killers.items():
            for name, times in names.items():
                killed[name.partition("::")[0]] += times if of == module else 0
        executing = Counter(each.partition("::")[0] for each in tests if self.tests[each].lines.get(module))
        return max(
            sorted({each.partition("::")[0] for each in tests}), key=lambda each: (killed[each], executing[each])
        )

    def limits(self, tests):
        """Of each test the processor and real seconds beyond which it counts as endless, on a busy machine too."""
        return [(2 + 5 * self.tests[each].cpu_s, 60 + 20 * self.tests[each].real_s) for each in tests]


def importers(module, sources):
    """A module's name and those of all that import it, at whatever distance."""
    found = {module}
    while more := {name for name, text in sources.items() if imported(text) & found} - found:
        found |= more
    return found


def imported(source):
    """The modules of the vault that a module imports."""
    froms = [each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.ImportFrom)]
    ours = [each for each in froms if (each.module or "").startswith("amberlight.vault")]
    names = {alias.name for each in ours for alias in each.names} | {each.module.rpartition(".")[2] for each in ours}
    return names | {"__init__"} if ours else set()


class StoppedError(Exception):
    """Nothing can be told about mutants."""


# ---- tests ----


class Loop:
    """A pytest plugin in the place of pytest's own loop: hands the collected tests to a function, and keeps its answer."""

    def __init__(self, function):
        self.function, self.answer, self.failed, self.why = function, None, "", ""

    def pytest_runtestloop(self, session):
        """Ours alone."""
        if not session.testsfailed:  # there may be errors in collection
            try:
                self.answer = self.function({item.nodeid: item for item in session.items}, self)
            except StoppedError as problem:
                self.answer = problem
        return True

    def pytest_runtest_logreport(self, report):
        """Note what failed."""
        if report.failed and not self.failed:
            self.failed, self.why = report.nodeid, report.longreprtext

    def first_failure(self, items, limits):
        """Run tests until one fails: its name, or an empty text. One that outruns its time ends this process."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        for item, following, (cpu_s, real_s) in zip(items, [*items[1:], None], limits, strict=True):
            # Processor time above all, so that a busy machine kills no mutant; real time for what waits for ever.
            most = int(time.process_time() + cpu_s) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
            signal.setitimer(signal.ITIMER_REAL, real_s)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                break
        signal.setitimer(signal.ITIMER_REAL, 0)
        return self.failed


def collected(function, tests):
    """What a function makes of the collected tests; None where they cannot be collected."""
    import pytest

    loop = Loop(function)
    pytest.main([*PYTEST, *tests], plugins=[loop])
    if isinstance(loop.answer, StoppedError):
        raise loop.answer
    return loop.answer


def covering():
    """A measurement of the vault's lines that reads and writes no file."""
    import coverage

    cov = coverage.Coverage(data_file=None, config_file=False, include=[f"{VAULT}/*"])
    cov.set_option("run:disable_warnings", ["no-data-collected"])  # a test may well execute nothing of the vault
    return cov


def lines_in(cov):
    """The measured lines by module."""
    data = cov.get_data()
    return {Path(path).stem: set(data.lines(path)) for path in data.measured_files()}


def recorded(item, loop):
    """A test alone under coverage: why it failed, if it did, and what it did."""
    cov, cpu_s, real_s = covering(), time.process_time(), time.monotonic()
    cov.start()
    loop.first_failure([item], [(300, 600)])
    cov.stop()
    return loop.why, Test(cpu_s=time.process_time() - cpu_s, real_s=time.monotonic() - real_s, lines=lines_in(cov))


# ---- mutants ----


def living():
    """The vault's functions as they were imported, by file; what is here now is no child's to look through or to copy."""
    found = {}
    for each in gc.get_objects():
        if isinstance(each, types.FunctionType) and each.__code__.co_filename.startswith(str(VAULT)):
            found.setdefault(each.__code__.co_filename, []).append(each)
    gc.freeze()
    return found


def exchange(module, tree, functions):
    """Give the module's functions the code that the tree has for them; whether one of them is changed by that."""
    path = str(VAULT / f"{module}.py")
    new, todo, different = {}, [compile(tree, path, "exec")], False
    while todo:
        code = todo.pop()
        new[code.co_qualname, code.co_firstlineno] = code
        todo += [each for each in code.co_consts if isinstance(each, types.CodeType)]
    for each in functions.get(path, ()):
        old = each.__code__
        code = new.get((old.co_qualname, old.co_firstlineno), old)
        if code != old and code.co_freevars == old.co_freevars:
            each.__code__, different = code, True
    return different


class Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the mutant where the module is asked for."""

    def __init__(self, module, tree):
        self.name = f"amberlight.vault.{module}".removesuffix(".__init__")
        self.path, self.tree = str(VAULT / f"{module}.py"), tree

    def find_spec(self, name, path=None, target=None):
        """Ours, for one name."""
        if name != self.name:
            return None
        inside = [str(VAULT)] if name == "amberlight.vault" else None
        return importlib.util.spec_from_file_location(name, self.path, loader=self, submodule_search_locations=inside)

    def create_module(self, spec):
        """The usual kind."""

    def exec_module(self, module):
        """The changed code."""
        exec(compile(self.tree, self.path, "exec"), module.__dict__)  # noqa: S102 - that is the point


def exchanged(trees, tests, limits, *, items, loop, functions):
    """The test that fails with that code in the modules' functions."""
    different = [exchange(*each, functions) for each in trees.items()]
    return loop.first_failure([items[each] for each in tests], limits) if any(different) or len(trees) > 1 else ANEW


def imported_anew(trees, tests, limits):
    """The test that fails where that is imported in the modules' places; None where not even that succeeds."""
    sys.meta_path[:0] = [Instead(*each) for each in trees.items()]
    files = sorted({each.partition("::")[0] for each in tests})
    return collected(lambda items, loop: loop.first_failure([items[each] for each in tests], limits), files)


def emptied(source):
    """A module whose functions all return nothing."""
    tree = ast.parse(source)
    for each in ast.walk(tree):
        if isinstance(each, ast.FunctionDef):
            each.body = [ast.Return(value=None)]
    return ast.fix_missing_locations(tree)


def prove(modules, known, workers, work, *, anew):
    """Stop unless all modules unchanged pass every test, and one fails once its functions are emptied.

    A module that nobody misses when it is emptied is named: no test calls for what it does.
    """
    trees, every = {module: ast.parse(source) for module, source in known.sources.items()}, sorted(known.tests)
    jobs = [("unchanged", partial(work, trees, every, known.limits(every)))]
    for module, tree in ((each, trees[each]) for each in sorted(modules)):
        # What runs at import only is not undone by an exchange.
        if any(isinstance(each, ast.FunctionDef) for each in ast.walk(tree)) and known.runs(module, anew=anew):
            tests, empty = known.of_module(module), {module: emptied(known.sources[module])}
            jobs.append((module, partial(work, empty, tests, known.limits(tests))))
    came = dict(in_children(jobs, workers))
    if came.pop("unchanged") != "":
        raise StoppedError("nothing can be told: a test fails without any change")
    missed = sorted(name for name, failed in came.items() if failed == "")
    if came and len(missed) == len(came):
        raise StoppedError(f"nothing can be told: no test fails when {missed} are emptied")
    print(
        f"controls: unchanged passes, {len(came) - len(missed)} of {len(came)} emptied fail; not missed: {missed}",
        flush=True,
    )


def work_on(work, mutant, known, tests):
    """Make the mutant, in the child alone: many trees are large."""
    return work({mutant.module: changed(known.sources[mutant.module], mutant.number)}, tests, known.limits(tests))


def tried(chosen, known, workers, work):
    """Each mutant of (mutant, tests), with what came of it: the test that failed, "" for none, None for a bad end."""

    def jobs():
        for mutant, tests in chosen:
            ordered = known.ordered(tests, mutant)
            yield mutant, partial(work_on, work, mutant, known, ordered)

    for number, (mutant, failed) in enumerate(in_children(jobs(), workers), 1):
        if failed and failed != ANEW:
            known.killers.setdefault((mutant.module, mutant.where), Counter())[failed] += 1
        if failed == "":
            print(f"SURVIVED {mutant}", flush=True)
        if number % 100 == 0:
            print(f"{number} of {len(chosen)}", flush=True)
        yield mutant, failed


def in_functions(known, chosen, workers):
    """In a process of its own, which imports the vault: record the tests, and try what can be tried by exchange.

    Gives what is known then, what came of each mutant, and those that have to be imported anew.
    """
    at_import = covering()
    at_import.start()

    def all_of_it(items, loop):
        at_import.stop()
        known.at_import = lines_in(at_import)
        work = partial(exchanged, items=items, loop=loop, functions=living())
        record(items, known, workers, loop)
        prove({each.module for each in chosen}, known, workers, work, anew=False)
        now, later = [], []
        for each in chosen:
            at_once = known.at_import.get(each.module, set()).isdisjoint(each.lines)
            (now if at_once else later).append((each, known.executing(each)) if at_once else each)
        results = [(each, UNTESTED) for each, tests in now if not tests]
        results += tried([(each, tests) for each, tests in now if tests], known, workers, work)
        later += [each for each, failed in results if failed == ANEW]
        return known, [(each, failed) for each, failed in results if failed != ANEW], later

    return collected(all_of_it, TESTS)


def record(items, known, workers, loop):
    """Run every test alone under coverage."""
    jobs = [(name, partial(recorded, item, loop)) for name, item in items.items()]
    for name, answer in in_children(jobs, workers):
        if answer is None or answer[0]:
            raise StoppedError(
                f"{name} fails alone and without any change, so nothing can be told: {answer and answer[0]}"
            )
        known.tests[name] = answer[1]
    print(f"{len(items)} tests recorded", flush=True)


def anew(later, known, workers):
    """Import mutants in their modules' places: first with the test file that killed most of the module, then with the rest."""
    results, first, rest = [], [], {}
    for mutant in later:
        tests = known.of_module(mutant.module)
        likely = known.likeliest_file(mutant.module, tests) if tests else ""
        first.append((mutant, [each for each in tests if each.startswith(f"{likely}::")]))
        rest[mutant] = [each for each in tests if not each.startswith(f"{likely}::")]
    results += [(mutant, UNTESTED) for mutant, tests in first if not tests]
    once = list(tried([(mutant, tests) for mutant, tests in first if tests], known, workers, imported_anew))
    results += [(mutant, failed) for mutant, failed in once if failed != "" or not rest[mutant]]
    again = [(mutant, rest[mutant]) for mutant, failed in once if failed == "" and rest[mutant]]
    print(f"{len(again)} of {len(later)} need further test files", flush=True)
    return results + list(tried(again, known, workers, imported_anew))


def outcome(results):
    """Figures for all and for each module, and what survived."""
    alive = [(each, failed) for each, failed in results if failed in ("", UNTESTED)]
    equivalent = [each for each, _ in alive if each.name in EQUIVALENT]
    modules = {module: [(each, failed) for each, failed in results if each.module == module]
               for module in sorted({each.module for each, _ in results})}  # fmt: skip
    without = len(results) - len(equivalent)
    killed = len(results) - len(alive)
    return {
        **figures(results),
        "equivalent": len(equivalent),
        "per_cent_without_equivalent": round(100 * killed / max(1, without), 1),
        "modules": {module: figures(own) for module, own in modules.items()},
        "survivors": [
            str(each) for each, failed in sorted(alive, key=place) if each not in equivalent and failed == ""
        ],
        "untested": [
            str(each) for each, failed in sorted(alive, key=place) if each not in equivalent and failed == UNTESTED
        ],
        "excluded": {str(each): EQUIVALENT[each.name] for each in equivalent},
        "wrongly_excluded": sorted(set(EQUIVALENT) - {each.name for each in equivalent}),
    }


def write(path, found):
    """The outcome as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def place(result):
    """To sort by module and line."""
    return result[0].module, result[0].number


def figures(results):
    """How many, how many killed, and of how many no test executes the statement."""
    count = Counter("killed" if failed not in ("", UNTESTED) else failed for _, failed in results)
    per_cent = round(100 * count["killed"] / max(1, len(results)), 1)
    return {"mutants": len(results), "killed": count["killed"], "untested": count[UNTESTED], "per_cent": per_cent}


def warm():
    """What every child needs and no mutant touches, imported once; property tests draw the same examples each time."""
    import boto3  # noqa: F401
    from hypothesis import Phase, settings

    settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate), database=None, deadline=None,
                              derandomize=True)  # fmt: skip
    settings.load_profile("mutants")


def options():
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modules", nargs="*", default=sorted(each.stem for each in VAULT.glob("*.py")))
    parser.add_argument("--sample", type=int, default=0, help="so many of all, drawn by the seed; 0 is every one")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--least", type=float, default=90.0)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "out" / "mutants.json")
    return parser.parse_args()


def main():
    """All mutants, or a fair sample of them."""
    given = options()
    os.chdir(ROOT)
    os.nice(15)
    sys.path.insert(0, str(ROOT / "src"))
    sources = {each.stem: each.read_text(encoding="utf-8") for each in sorted(VAULT.glob("*.py"))}
    every = [each for name in given.modules for each in mutants(name, sources[name])]
    chance = random.Random(given.seed)  # noqa: S311
    chosen = chance.sample(every, min(given.sample or len(every), len(every)))
    warm()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        known, results, later = pool.submit(in_functions, Known(sources=sources), chosen, given.workers).result()
    print(f"{len(results)} tried by exchange, {len(later)} are to be imported anew", flush=True)
    write(given.out, outcome(results))  # so that a run that is ended early has told something
    prove({each.module for each in later}, known, given.workers, imported_anew, anew=True)
    results += anew(later, known, given.workers)
    found = outcome(results)
    write(given.out, found)
    print(json.dumps({name: value for name, value in found.items() if name not in ("survivors", "untested")}, indent=1))
    if any(
        each.read_text(encoding="utf-8") != sources[each.stem] for each in VAULT.glob("*.py") if each.stem in sources
    ):
        raise SystemExit("the vault's code was changed meanwhile: run it again")
    sys.exit(0 if found["per_cent"] >= given.least else 1)


if __name__ == "__main__":
    main()
