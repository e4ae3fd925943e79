"""Connections between places and hosts of a lab, held open while a test changes what may pass."""

import json
import subprocess
import sys

from lab_tools import eventually

_PLACES = """
import json, socket, sys
from amberlight.lab import Place
description, lines = json.loads(sys.argv[1]), {}
def open_line(name, place, address, port):
    try:
        lines[name] = Place.load(description, place).connect(address, port, 0.7)
    except OSError as error:
        return type(error).__name__
    lines[name].settimeout(0.7)
    return "open"
def say(name, text):
    try:
        lines[name].sendall(text.encode())
        return lines[name].recv(1 << 16).decode()
    except OSError as error:
        return type(error).__name__
print("ready", flush=True)
for asked in sys.stdin:
    action, *rest = json.loads(asked)
    print(json.dumps({"open": open_line, "say": say}[action](*rest)), flush=True)
"""
ECHO = """
import socket, threading
def serve(line):
    while text := line.recv(65536):
        line.sendall(text)
def listen(port):
    server = socket.create_server(("", port))
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
for port in PORTS:
    threading.Thread(target=listen, args=(port,), daemon=PORT_LAST != port).start()
"""


class Lines:
    """TCP connections from a lab's places."""

    def __init__(self, lab):
        argv = lab.inside([sys.executable, "-c", _PLACES, json.dumps(lab.describe())])
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "ready\n"

    def _ask(self, *asked):
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def open(self, name, place, address, port):
        """`open`, or the name of the error."""
        return self._ask("open", name, place, address, port)

    def say(self, name, text="hello"):
        """What comes back, or the name of the error."""
        return self._ask("say", name, text)

    def close(self):
        """End every connection."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def echo(*ports):
    """A shell line that starts servers which send back what they get."""
    code = ECHO.replace("PORTS", repr(ports)).replace("PORT_LAST", str(ports[-1]))
    return f"setsid python3 - >/dev/null 2>&1 <<'PY' &\n{code}\nPY\n"


def shell(ssm, instance, *lines):
    """Run shell lines on a host; what they print."""
    sent = ssm.send_command(
        InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters={"commands": list(lines)}
    )["Command"]["CommandId"]  # fmt: skip

    def finished():
        found = ssm.get_command_invocation(CommandId=sent, InstanceId=instance)
        return found if found["Status"] not in ("Pending", "InProgress") else None

    return eventually(finished)["StandardOutputContent"].strip()
