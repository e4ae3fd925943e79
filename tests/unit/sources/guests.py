"""Runs a guest script as a host would, but for the upload: what it would send goes into a file."""

import base64
import json
import os
import subprocess
import sys

from amberlight.capture.catalogue import guest

INTO_A_FILE = """
def upload(chunks, size=None):
    whole, sent = hashlib.sha256(), 0
    with open(arguments["into"], "wb") as stream:
        for chunk in chunks:
            whole.update(chunk)
            sent += len(chunk)
            stream.write(chunk)
    return {"sha256": whole.hexdigest(), "size_bytes": sent}

"""


def run(name, into, *, root, text="", **arguments):
    """The report of the script; `root` is the folder that stands for the host: nothing outside it is read."""
    parameter = base64.b64encode(json.dumps({"arguments": {**arguments, "into": str(into)}}).encode()).decode()
    script = guest("common") + INTO_A_FILE + text + guest(name)
    environment = {"PATH": os.environ["PATH"], "HOST_ROOT": str(root)}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-", parameter],
        input=script.encode(),
        capture_output=True,
        timeout=60,
        check=True,
        env=environment,
    )
    assert done.stderr == b""
    (line,) = done.stdout.decode().splitlines()
    return json.loads(line)
