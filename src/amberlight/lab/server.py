"""The lab's process: the emulator with its additions under hypercorn, until the parent lets go of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from amberlight.lab import accounts, clock, netns
from amberlight.lab.disks import disks
from amberlight.lab.guest import machine as guest
from amberlight.lab.network import LoopbackNetwork, NamespaceNetwork, Network, Spawner, bound
from amberlight.lab.options import CONTROL, REGION, REGIONS, LabOptions

_OFF = {
    "SFTP_ENABLED": "0", "IOT_MTLS_ENABLED": "0", "DNS_ENABLED": "0", "DOCKER_HOST": "unix:///nonexistent",
    "CLOUDTRAIL_RECORDING": "0", "PERSIST_STATE": "0", "LOG_LEVEL": "ERROR", "MINISTACK_WORKER_THREADS": "16",
}  # fmt: skip
"""What the emulator would otherwise open, write or say."""

_QUIET_AWS = {
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": REGION,
}  # fmt: skip
"""The developer's own AWS settings stay out of the lab."""

NO_ACCOUNT = "000000000000"
"""The account of callers without one; it owns nothing."""


def main(options_json: str) -> int:
    """Run a lab until its parent goes away or it is told to stop."""
    options = LabOptions.from_json(options_json)
    parent = os.getppid()
    port = _free_port()
    _environment(options, port)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=_watch_parent, args=(parent, stop), name="lab-parent-watch", daemon=True).start()
    code = 0
    lab: _Lab | None = None
    try:
        lab = _Lab(options, port)
        asyncio.run(lab.serve(stop))
    except Exception:  # noqa: BLE001 (the border: the log says why, the parent reads it)
        traceback.print_exc()
        code = 1
    finally:
        if lab is not None:
            lab.close()
        sys.stdout.flush()
        sys.stderr.flush()
        # Worker threads of the emulator may still wait for something; nothing of theirs is worth waiting for.
        os._exit(code)


def _environment(options: LabOptions, port: int) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "MINISTACK_"))]:
        del os.environ[name]
    os.environ.update(_OFF)
    os.environ.update(_QUIET_AWS)
    os.environ.update({
        "AUTH": "true", "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "lab.invalid",
        "MINISTACK_ACCOUNT_ID": NO_ACCOUNT, "MINISTACK_REGION": REGION, "S3_PERSIST": "1",
        "S3_DATA_DIR": str(options.workdir / "s3"), "PATH": netns.with_sbin(), "TMPDIR": str(options.workdir / "tmp"),
    })  # fmt: skip
    (options.workdir / "tmp").mkdir(parents=True, exist_ok=True)
    os.umask(0o077)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _watch_parent(parent: int, stop: threading.Event) -> None:
    """Stop when the parent closes our standard input, or dies while somebody else holds that pipe open."""

    def read() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1024):
                pass
        stop.set()

    threading.Thread(target=read, name="lab-parent-pipe", daemon=True).start()
    while os.getppid() == parent and not stop.is_set():
        clock.wait(0.2)
    stop.set()


class _Lab:
    def __init__(self, options: LabOptions, port: int) -> None:
        self._options = options
        self._port = port
        self._limits: list[str] = []
        self._spawner = Spawner()
        self._network = self._make_network()
        self._accounts = accounts.invent(options.seed)
        # Imported late: the emulator reads its environment when it is imported.
        from amberlight.lab.assemble import assemble

        self._built = assemble(
            options, port, self._accounts, network=self._network, spawner=self._spawner, on_limit=self.limit
        )

    def _make_network(self) -> Network:
        wanted = self._options.hosts
        reason = netns.why_no_namespaces() if wanted in ("auto", "namespaces") else "as asked for"
        if wanted == "namespaces" and reason:
            raise OSError(f"hosts cannot have namespaces: {reason}")
        if reason is None:
            return NamespaceNetwork(self._spawner)
        return LoopbackNetwork(reason, self._port)

    def limit(self, text: str) -> None:
        """Note in words what could not be made real in this run."""
        if text not in self._limits:
            self._limits.append(text)
            self._publish()

    def describe(self) -> dict[str, Any]:
        """See `RunningLab.describe`."""
        endpoint = self._network.place_endpoint(self._port)
        places = {name: {**place, "endpoint": endpoint} for name, place in self._network.places.items()}
        return {
            "schema": "amberlight.lab/1", "endpoint": f"http://127.0.0.1:{self._port}", "region": REGION,
            "regions": list(REGIONS), "accounts": {name: a.to_dict() for name, a in self._accounts.items()},
            "isolation": self._network.isolation, "limits": [*self._network.limits, *self._limits], "places": places,
            "disks": "none" if disks.why_no_ext4() else "ext4", "pid": os.getpid(), "workdir": str(self._options.workdir),
            **guest.describe(self._options.workdir, self._options.guest),
        }  # fmt: skip

    def _publish(self) -> None:
        path = self._options.workdir / "lab.json"
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(self.describe()), encoding="utf-8")
        draft.replace(path)

    async def serve(self, stop: threading.Event) -> None:
        from hypercorn.asyncio import serve
        from hypercorn.config import Config

        from amberlight.lab import packing

        packing.install()
        for account in self._accounts.values():
            await accounts.set_up(account, REGION)
        config = Config()
        sockets = [bound("127.0.0.1", self._port), *self._network.listeners(self._port, self._options.max_hosts)]
        for listening in sockets:
            listening.listen(256)
        config.bind = [f"fd://{each.detach()}" for each in sockets]
        config.accesslog = None
        config.loglevel = "WARNING"
        config.graceful_timeout = 0.2
        config.shutdown_timeout = 0.5
        config.keep_alive_timeout = 60
        config.h11_max_incomplete_size = 65536
        config.include_server_header = False
        (self._options.workdir / CONTROL).write_text(self._built.control_token, encoding="utf-8")
        self._publish()
        jobs = [asyncio.create_task(self._repeat(job)) for job in self._built.jobs]
        trigger = asyncio.create_task(self._until(stop))
        ready = asyncio.create_task(self._announce())
        await serve(self._built.app, config, shutdown_trigger=lambda: trigger)
        for task in (ready, *jobs):
            task.cancel()

    async def _announce(self) -> None:
        """Tell the parent once the lab answers."""
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.close()
                break
            await asyncio.sleep(0.01)
        sys.stdout.write(json.dumps(self.describe()) + "\n")
        sys.stdout.flush()

    async def _until(self, stop: threading.Event) -> None:
        # Signal handlers and threads set it, so it cannot be an event of the loop.
        while not stop.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def _repeat(self, job: Callable[[], None]) -> None:
        # On the loop, like every request: the emulator's stores know no locks.
        while True:
            await asyncio.sleep(0.1)
            try:
                job()
            except Exception:  # noqa: BLE001 (a background job must not die of one failure)
                traceback.print_exc()

    def close(self) -> None:
        """Take down hosts and network."""
        self._built.hosts.close()
        self._network.close()
