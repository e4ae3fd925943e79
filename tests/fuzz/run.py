"""Fuzz the verifier and the trail's readers with atheris: `python tests/fuzz/run.py PACKAGE [TARGET ...] [--seconds 60]`, in its own environment.

`make fuzz` makes that environment, builds PACKAGE and the trail beside it, and runs every target; found inputs go to tests/fuzz/corpus/TARGET,
which is read as the seed of the next run. A crash leaves its input in the folder of `--artifacts`.
"""

import argparse
import functools
import gzip
import multiprocessing
import shutil
import sys
from pathlib import Path

import atheris

HERE = Path(__file__).resolve().parent
# The verifier as a stranger has it: one file, nothing of the package around it.
SRC = HERE.parents[1] / "src"
sys.path += [str(HERE), str(SRC / "amberlight" / "vault"), str(SRC)]
with atheris.instrument_imports(include=["verify", "amberlight"]):
    import trail_tools
    import verify
from targets import NAMES, TRAIL_NAMES, Targets, TrailTargets, copied  # noqa: E402

# The arithmetic is the slowest part and always answers alike.
verify.signed = functools.lru_cache(maxsize=4096)(verify.signed)
CORPUS = HERE / "corpus"
LONGEST = {"json": 4096, "key": 512, "signature": 128, "ledger": 16384, "manifest": 8192, "package": 4096,
           "digest": 4096, "log": 2048, "beside_files": 4096}  # fmt: skip


def seeds(targets, name):
    """The good forms, from which damage is grown."""
    if name in TRAIL_NAMES:
        paths = {"digest": targets.digests, "log": targets.logs, "beside_files": targets.beside}[name]
        found = [bytes([number, 0]) + targets.good[path] for number, path in enumerate(paths)]
        if name != "beside_files":
            found += [bytes([row[0], 1]) + gzip.decompress(row[2:]) for row in found]
        return found
    heads = [path for path in targets.names if path.startswith("custody/checkpoints")]
    files = {"json": heads[:1], "key": ["custody/signing-key.pem"], "signature": heads[1:2],
             "ledger": ["custody/ledger.jsonl"]}  # fmt: skip
    found = [targets.good[path] for path in files.get(name, [])]
    if name == "json":
        found += targets.good["custody/ledger.jsonl"].splitlines()
    if name == "manifest":
        rows = ("manifest-sha256.txt", "manifest-sha512.txt", "tagmanifest-sha256.txt")
        found += [bytes([number]) + targets.good[path] for number, path in enumerate(rows)]
    if name == "package":
        found += [bytes([number, way, 0, 9]) + b"x" for number in range(len(targets.names)) for way in range(6)]
    return found


def fuzz(package, name, seconds, artifacts, corpus):
    """One target for some time; in a child, since atheris never comes back."""
    folder = copied(Path(package).with_name("trail") if name in TRAIL_NAMES else package)
    try:
        targets = TrailTargets(trail_tools, folder) if name in TRAIL_NAMES else Targets(verify, folder)
        place = Path(corpus) / name
        place.mkdir(parents=True, exist_ok=True)
        fresh = folder.with_name(folder.name + "-seeds")
        fresh.mkdir()
        for number, data in enumerate(seeds(targets, name)):
            (fresh / str(number)).write_bytes(data)
        Path(artifacts).mkdir(parents=True, exist_ok=True)
        argv = [sys.argv[0], str(place), str(fresh), f"-max_total_time={seconds}", f"-max_len={LONGEST[name]}",
                "-timeout=10", "-rss_limit_mb=1024", f"-artifact_prefix={artifacts}/{name}-",
                "-print_final_stats=1", "-verbosity=0"]  # fmt: skip
        atheris.Setup(argv, getattr(targets, name), enable_python_coverage=True)
        atheris.Fuzz()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    """Every named target in turn; exit status 1 when one found something."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("package")
    options.add_argument("targets", nargs="*", default=[*NAMES, *TRAIL_NAMES])
    options.add_argument("--seconds", type=int, default=60, help="for each target")
    options.add_argument("--artifacts", default=".fuzz")
    options.add_argument("--corpus", default=str(CORPUS), help="read first, and grown")
    given = options.parse_args()
    failed = []
    for name in given.targets or (*NAMES, *TRAIL_NAMES):
        child = multiprocessing.get_context("fork").Process(
            target=fuzz, args=(given.package, name, given.seconds, given.artifacts, given.corpus)
        )
        child.start()
        child.join()
        print(f"{name}: {'held' if child.exitcode == 0 else f'exit {child.exitcode}'}", flush=True)
        failed += [name] if child.exitcode else []
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
