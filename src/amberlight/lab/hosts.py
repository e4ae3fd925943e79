"""Instances made real: one host per instance, with processes, files and an address of its own."""

from __future__ import annotations

import base64
import dataclasses
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from amberlight.lab import netns, rootfs
from amberlight.lab.network import WITH_US, NamespaceNetwork, Network, Spawner


@dataclasses.dataclass(frozen=True)
class Finished:
    """How a command on a host ended."""

    code: int
    stdout: str
    stderr: str
    timed_out: bool = False
    cancelled: bool = False


@dataclasses.dataclass
class Host:
    """A running (or stopped) instance with a body."""

    instance_id: str
    account: str
    region: str
    number: int
    address: str
    root: Path
    environment: dict[str, str]
    holder: subprocess.Popen[bytes] | None = None
    pid: int | None = None
    ready: threading.Event = dataclasses.field(default_factory=threading.Event)


class Hosts:
    """All hosts of a lab."""

    def __init__(self, network: Network, spawner: Spawner, workdir: Path, port: int, max_hosts: int) -> None:
        self._network = network
        self._spawner = spawner
        self._workdir = workdir
        self._port = port
        self._hosts: dict[str, Host] = {}
        self._free = set(range(max_hosts))
        self._mark = "AMBERLIGHT_LAB=" + secrets.token_hex(8)
        self._janitor = None if isinstance(network, NamespaceNetwork) else _janitor(self._mark)
        self.built: list[Callable[[Host], None]] = []
        """Told in a thread when the files of a host are there and nothing runs on it yet; at each start."""

        self.heard: list[Callable[[Host, str], None]] = []
        """Told what a host's console says of its start, its user data and its end."""

    def _say(self, host: Host, text: str) -> None:
        for hear in self.heard:
            hear(host, text)

    def reserve(self) -> tuple[int, str] | None:
        """Number and address for one more host, or None when the lab has as many as it may."""
        if not self._free:
            return None
        number = min(self._free)
        self._free.remove(number)
        return number, self._network.instance_address(number)

    def boot(self, instance_id: str, account: str, region: str, place: tuple[int, str], user_data: str) -> None:
        """Bring up the host of a new instance in the background; its user data runs once, as cloud-init does it."""
        number, address = place
        endpoint = self._network.instance_endpoint(number, self._port)
        environment = {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        if self._janitor is not None:
            environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = endpoint
        root = self._workdir / "hosts" / instance_id
        host = Host(instance_id, account, region, number, address, root, environment)
        self._hosts[instance_id] = host
        threading.Thread(target=self._boot, args=(host, user_data), name=f"boot-{instance_id}", daemon=True).start()

    def _boot(self, host: Host, user_data: str) -> None:
        name = f"ip-{host.address.replace('.', '-')}"
        rootfs.build(host.root, name, host.address, host.environment)
        for tell in self.built:
            tell(host)
        if isinstance(self._network, NamespaceNetwork):
            script = rootfs.enter_script(host.root)
            host.holder, host.pid = self._spawner.hold(script, unshare=("--uts", "--ipc"))
            self._network.attach(host.number, host.pid)
        kernel = os.uname()
        self._say(host, f"Linux {kernel.release} {kernel.machine}\n{name}: eth0 has {host.address}, {host.region}")
        host.ready.set()
        text = base64.b64decode(user_data or "").decode(errors="replace")
        if text.startswith("#!"):
            self._first_boot(host, text)

    def _first_boot(self, host: Host, text: str) -> None:
        scripts = host.root / "var/lib/cloud/instance"
        scripts.mkdir(parents=True, exist_ok=True)
        (scripts / "user-data.txt").write_text(text, encoding="utf-8")
        (scripts / "user-data.txt").chmod(0o700)
        inner = "/var/lib/cloud/instance/user-data.txt"
        done = self.run(host.instance_id, [inner if host.pid else str(host.root) + inner], timeout=600)
        self._say(host, f"user data:\n{done.stdout}{done.stderr}\nuser data ended with {done.code}")
        log = host.root / "var/log/cloud-init-output.log"
        log.write_text(done.stdout + done.stderr, encoding="utf-8")

    def managed(self, instance_id: str) -> bool:
        """Whether the host is up, so that an SSM agent would answer."""
        host = self._hosts.get(instance_id)
        return host is not None and host.ready.is_set()

    def at(self, address: str) -> Host | None:
        """The host with that address."""
        return next((host for host in self._hosts.values() if host.address == address), None)

    def get(self, instance_id: str) -> Host | None:
        """The host of an instance, if it has one."""
        return self._hosts.get(instance_id)

    def all(self) -> list[Host]:
        """Every host, running or not."""
        return list(self._hosts.values())

    def halt(self, instance_id: str) -> None:
        """Cut the power: every process of the host ends, its files stay."""
        host = self._hosts.get(instance_id)
        if host is None:
            return
        if host.ready.is_set():
            self._say(host, "power down")
        host.ready.clear()
        if host.holder is not None:
            self._spawner.release(host.holder)
            host.holder = host.pid = None
        elif self._janitor is not None:
            _kill_marked(f"HOST_ROOT={host.root}")

    def remove(self, instance_id: str) -> None:
        """End a terminated instance's host for good; another instance may have its address."""
        self.halt(instance_id)
        host = self._hosts.pop(instance_id, None)
        if host is not None:
            self._free.add(host.number)

    def start(self, instance_id: str) -> None:
        """Power the host on again; user data does not run a second time."""
        host = self._hosts.get(instance_id)
        if host is not None and not host.ready.is_set():
            threading.Thread(target=self._boot, args=(host, ""), daemon=True).start()

    def run(
        self,
        instance_id: str,
        argv: list[str],
        timeout: float = 3600.0,
        cwd: str | None = None,
        stop: Callable[[], bool] = lambda: False,
        *,
        keep: Callable[[IO[bytes], IO[bytes]], None] = lambda *_: None,
    ) -> Finished:
        """Run a program on the host as root and wait for it; *keep* may read the whole of its output."""
        host = self._hosts[instance_id]
        temporary = self._workdir / "tmp"
        temporary.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=temporary) as out, tempfile.TemporaryFile(dir=temporary) as err:
            process = subprocess.Popen(
                self._argv(host, argv, cwd), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env=self._environment(host), cwd=None if host.pid else cwd or host.root, start_new_session=True,
                umask=0o022,
            )  # fmt: skip
            ended, cancelled = _wait(process, timeout, stop)
            texts = []
            for stream in (out, err):
                stream.seek(0)
                texts.append(stream.read(200_000).decode(errors="replace"))
                stream.seek(0)
            keep(out, err)
        return Finished(_shell_code(process.returncode), texts[0], texts[1], not ended and not cancelled, cancelled)

    def _argv(self, host: Host, argv: list[str], cwd: str | None) -> list[str]:
        if host.pid is None:
            return [*WITH_US, *argv] if not netns.missing_tools() else argv
        target = str(host.pid)
        enter = ["nsenter", "-t", target, "--net", "--pid", "--mount", "--uts", "--ipc", "--root"]
        return [*WITH_US, *enter, "/usr/bin/env", "-C", cwd or "/", *argv]

    def _environment(self, host: Host) -> dict[str, str]:
        common = {**host.environment, "LANG": "C.UTF-8", "HOME": "/root", "USER": "root", "LOGNAME": "root"}
        if host.pid is not None:
            return {**common, "PATH": rootfs.PATH + (":/opt/python" if rootfs.python_outside_usr() else "")}
        key, value = self._mark.split("=")
        own = {key: value, "HOST_ROOT": str(host.root), "TMPDIR": str(host.root / "tmp")}
        path = netns.with_sbin("/usr/local/bin:/usr/bin:/bin") + f":{sys.base_prefix}/bin"
        return {**common, **own, "HOME": str(host.root / "root"), "PATH": path}

    def close(self) -> None:
        """Stop every host."""
        for instance_id in list(self._hosts):
            self.halt(instance_id)
        if self._janitor is not None and self._janitor.stdin is not None:
            self._janitor.stdin.close()
            self._janitor.wait()


def _wait(process: subprocess.Popen[bytes], timeout: float, stop: Callable[[], bool]) -> tuple[bool, bool]:
    """Wait for the end; (ended by itself, was told to stop). Kills the command's process group otherwise."""
    left = timeout
    while True:
        step = 0.05
        try:
            process.wait(min(step, max(left, 0.001)))
        except subprocess.TimeoutExpired:
            left -= step
        else:
            return True, False
        if left <= 0 or stop():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return False, left > 0


def _shell_code(code: int) -> int:
    """The exit code as a shell says it: 128 plus the signal."""
    return 128 - code if code < 0 else code


def _janitor(mark: str) -> subprocess.Popen[bytes]:
    """A process that outlives a killed lab just long enough to end the plain processes of its hosts."""
    script = (
        'read _; for round in 1 2 3; do for file in $(grep -ls -- "$1" /proc/[0-9]*/environ); do '
        'pid="${file#/proc/}"; kill -9 "${pid%/environ}" 2>/dev/null; done; done; exit 0'
    )
    return subprocess.Popen(
        ["/bin/sh", "-c", script, "janitor", mark], stdin=subprocess.PIPE, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def _kill_marked(mark: str) -> None:
    """Kill every process that has *mark* in its environment."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            marked = mark.encode() in (entry / "environ").read_bytes().split(b"\0")
            if marked and int(entry.name) != os.getpid():
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue
