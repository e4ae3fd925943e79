"""Keeps a list of fonts in step with a server."""

import hashlib
import json
import socket
import sys
import time

SETTINGS = json.loads(sys.argv[1])


def talk() -> None:
    """One connection: agree on a key that only this process holds, then report at a steady beat."""
    # Bound to the host's own address: where hosts share one machine, that address is what tells them apart.
    address = (SETTINGS["host"], SETTINGS["port"])
    with socket.create_connection(address, timeout=10, source_address=(SETTINGS["source"], 0)) as line:
        nonce = line.makefile("r").readline().strip()
        key = "bk-" + hashlib.sha256((SETTINGS["token"] + ":" + nonce).encode()).hexdigest()
        count = 0
        while True:
            count += 1
            proof = hashlib.sha256((key + str(count)).encode()).hexdigest()[:16]
            line.sendall(f"SYNC {SETTINGS['payload']} {count} {proof}\n".encode())
            time.sleep(0.3)  # noqa: TID251


if __name__ == "__main__":
    while True:
        try:
            talk()
        except OSError:
            time.sleep(1.0)  # noqa: TID251
