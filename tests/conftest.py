"""What all tests share: no credentials of the person who runs them, and in CI no test that quietly does not run."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
NO_CREDENTIALS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
SKIPPED = []


def pytest_configure():
    """Before anything makes a client: forget the keys, profile and endpoint of this shell."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(NO_CREDENTIALS)


def pytest_runtest_logreport(report):
    """Remember what was skipped, but for data that lies outside the checkout."""
    if report.skipped and "shared data" not in str(report.longrepr):
        SKIPPED.append(report.nodeid)


def pytest_sessionfinish(session):
    """In CI a skipped test is a failed run: a tool is missing that `.ci/run` should have installed."""
    if SKIPPED and os.environ.get("CI") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    """Say so in words."""
    if SKIPPED and os.environ.get("CI"):
        terminalreporter.write_line(f"{len(SKIPPED)} tests were skipped in CI: {', '.join(SKIPPED)}", red=True)


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real AWS logs beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("shared data is not beside this checkout")
    return SHARED
