"""A package, and the real tools that it must open in: each a program of its own, never a library of ours."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent
TOOLS = CHECKOUT / ".venv-acceptance"


def pytest_collection_modifyitems(items):
    """Everything in this folder is an acceptance test."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.acceptance)
            item.add_marker(pytest.mark.timeout(300))


def find(program, tool=None):
    """Where a program is; one that is missing fails the test, because what was not opened is not accepted."""
    place = TOOLS / tool / "bin" / program if tool else shutil.which(program)
    if place is None or not Path(place).exists():
        pytest.fail(f"{program} is not here; `make acceptance` installs what Debian does not have", pytrace=False)
    return str(place)


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Runs a program of the system, or of the environment `tool`; fails where it does not end well."""
    home = tmp_path_factory.mktemp("home")
    # A receiver's machine is in a zone of its own: a time without offset would be misread there.
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "TZ": "Asia/Tokyo"}

    def start(*words, tool=None, cwd=home, status=0):
        command = [find(words[0], tool), *map(str, words[1:])]
        done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=surroundings, check=False)
        assert done.returncode == status, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done

    return start


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The package that AMBERLIGHT_PACKAGE names, else the one of a drill that runs now."""
    if named := os.environ.get("AMBERLIGHT_PACKAGE"):
        return Path(named).absolute()
    out = tmp_path_factory.mktemp("drill") / "demo"
    command = [sys.executable, "-m", "amberlight.cli", "demo", "--out", str(out), "--seed", "7", "--no-open"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})
    assert done.returncode in (0, 3), done.stdout + done.stderr
    return out / "package"


@pytest.fixture(scope="session")
def truth(package):
    """What the drill's author planted; a package of a real case has nobody who knows."""
    place = package.parent / "ground-truth.json"
    if not place.exists():
        pytest.skip("no ground truth lies beside this package: it is not a drill's")
    return json.loads(place.read_text())


@pytest.fixture(scope="session")
def evidence(package):
    """The items of a source: (place on disk, record)."""
    listed = json.loads((package / "report/evidence.json").read_text())

    def of(source):
        found = [(package / each["package_path"], each) for each in listed if each["source"] == source]
        assert found, f"the package has nothing of {source}"
        return found

    return of


@pytest.fixture(scope="session")
def derived(package):
    """The derived files of a receiver, as the package's own report counts them."""
    listed = json.loads((package / "report/derived.json").read_text())

    def of(form):
        found = [(package / each["path"], each) for each in listed if each["format"] == form]
        assert found, f"the package has nothing for {form}"
        return found

    return of
