"""`amberlight lab up` as a new user would try it."""

import json
import signal
import socket
import subprocess
import sys

import pytest
from lab_tools import client, eventually

from amberlight.lab import LabAccount, LabCredentials

pytestmark = pytest.mark.lab
UP = [sys.executable, "-c", "from amberlight.cli.lab import command; command(prog_name='amberlight lab')", "up"]


class Seen:
    """What a running lab's first line says, as far as `client` needs it."""

    def __init__(self, told):
        self.endpoint = told["endpoint"]


def test_json_is_the_first_line_and_ctrl_c_ends_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = subprocess.Popen([*UP, "--json"], stdout=subprocess.PIPE, text=True)
    try:
        told = json.loads(process.stdout.readline())
        assert set(told) >= {"endpoint", "region", "accounts", "isolation", "limits", "places"}
        account = LabAccount.from_dict(told["accounts"]["security"])
        assert isinstance(account.admin, LabCredentials)
        assert client(Seen(told), "sts", account.admin).get_caller_identity()["Account"] == account.id
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0
        process.stdout.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(told["endpoint"].rsplit(":", 1)[1])), 1)


def test_the_table_can_be_copied_into_a_shell(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = subprocess.Popen([*UP, "--hosts", "processes"], stdout=subprocess.PIPE, text=True)
    lines = []
    try:
        while not lines or not lines[-1].startswith("Ctrl-C"):
            lines.append(process.stdout.readline())
    finally:
        process.terminate()
        assert process.wait(5) == 0
        process.stdout.close()
    text = "".join(lines)
    assert text.count("export AWS_ACCESS_KEY_ID=AKIA") == 3
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:" in text
    assert "plain processes" in text
    eventually(lambda: not list(tmp_path.iterdir()))
