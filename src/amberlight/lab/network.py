"""The lab's network: one cloud, a few places outside of it, and room for instances.

Two kinds with one face. `NamespaceNetwork` makes real network namespaces which nobody names: each lives exactly as long
as the process that holds it, and that process dies with the lab. `LoopbackNetwork` uses addresses of 127.77.0.0/16.
"""

from __future__ import annotations

import itertools
import shlex
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from amberlight.lab import clock, netlink, netns
from amberlight.lab.wire import Wires

CLOUD = "10.77.0.1"
"""The router of the cloud; the AWS endpoint inside the lab's network."""

METADATA = "169.254.169.254"
"""Where an instance finds its metadata service. From: EC2 User Guide, "Use IMDS"."""

PLACES = {"office": "203.0.113.10", "pipeline": "203.0.113.40", "attacker": "198.51.100.23"}
"""Vantage points outside the cloud, in the ranges which RFC 5737 reserves for documentation."""

_GATEWAYS = ("203.0.113.1/24", "198.51.100.1/24")
_MINIMAL = {"PATH": netns.with_sbin("/usr/local/bin:/usr/bin:/bin"), "LANG": "C.UTF-8"}
_HOLD = "ip link set lo up; echo up; while :; do sleep 86400 & wait $!; done"

WIRE = "i-"
"""How the cloud's ends of the instances' wires begin."""

_KERNEL = {
    "ipv4/ip_forward": 1, "ipv4/conf/default/proxy_arp": 1,
    # An instance cannot send with another one's address. From: EC2 User Guide, source/destination checks, 2026-11.
    "ipv4/conf/default/rp_filter": 1,
}  # fmt: skip

MTU = 9001
"""Of an instance's wire. From: EC2 User Guide, "Network maximum transmission unit", 2026-11."""

WITH_US = ["setpriv", "--pdeathsig", "KILL", "--"]
"""Argv prefix: the kernel kills the program when the thread that started it ends."""


class Network(Protocol):
    """What hosts and the server need from either kind of network."""

    isolation: str
    wires: Wires | None
    """Where packets between hosts, places and endpoint are let pass and counted, if they can be."""
    limits: tuple[str, ...]
    places: dict[str, dict[str, object]]

    def instance_address(self, number: int) -> str:
        """The private address of the instance with this running number."""
        ...

    def instance_endpoint(self, number: int, port: int) -> str:
        """The AWS endpoint as that instance reaches it."""
        ...

    def place_endpoint(self, port: int) -> str:
        """The AWS endpoint as the places reach it."""
        ...

    def listeners(self, port: int, instances: int) -> list[socket.socket]:
        """Sockets, bound and not yet listening, on which the lab is to be reached."""
        ...

    def caller(self, server: str, client: str) -> str:
        """The true source address of a call that came to *server* from *client*."""
        ...

    def close(self) -> None:
        """Take the network down."""
        ...


class Spawner:
    """Starts the processes that hold namespaces, always from one thread that lives as long as the lab.

    The kernel ties "die with your parent" to the parent's *thread*.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lab-spawner")
        self._held: list[subprocess.Popen[bytes]] = []

    def hold(self, script: str, *args: str, unshare: tuple[str, ...] = ()) -> tuple[subprocess.Popen[bytes], int]:
        """Run a shell script as first process of new namespaces; gives the holder and that process's id.

        The script says `up` once it is ready.
        """
        return self._thread.submit(self._hold, script, args, unshare).result()

    def _hold(
        self, script: str, args: tuple[str, ...], unshare: tuple[str, ...]
    ) -> tuple[subprocess.Popen[bytes], int]:
        argv = [*WITH_US, "unshare", "--net", "--pid", "--mount", "--fork", "--kill-child", *unshare]
        argv += ["sh", "-c", script, "lab", *args]
        holder = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_MINIMAL
        )
        if holder.stdout is None or holder.stdout.readline() != b"up\n":
            _, said = holder.communicate()
            raise OSError("cannot make namespaces: " + said.decode(errors="replace").strip())
        self._held.append(holder)
        inner = netns.only_child(holder.pid)
        if inner is None:
            raise OSError("the first process of a new namespace ended at once")
        return holder, inner

    def release(self, holder: subprocess.Popen[bytes]) -> None:
        """End what *holder* holds, and wait until it is gone."""
        holder.kill()
        holder.wait()
        for pipe in (holder.stdout, holder.stderr):
            if pipe is not None:
                pipe.close()
        if holder in self._held:
            self._held.remove(holder)

    def close(self) -> None:
        """End everything that was started here."""
        for holder in list(self._held):
            self.release(holder)
        self._thread.shutdown()


def ip(script: str, pid: int) -> None:
    """Run lines of `ip` commands in the network namespace of process *pid*."""
    done = subprocess.run(
        ["nsenter", "--net", f"--target={pid}", "ip", "-batch", "-"],
        input=script, text=True, capture_output=True, env=_MINIMAL, check=False,
    )  # fmt: skip
    if done.returncode:
        raise OSError(f"ip: {done.stderr.strip()}")


def _address(address: str, pid: int) -> None:
    """Give `eth0` of a namespace its address; its gateway is the first address of its network."""
    gateway = address.rsplit(".", 1)[0] + ".1"
    ip(f"addr add {address}/24 dev eth0\nlink set eth0 up\nroute add default via {gateway}", pid)


class NamespaceNetwork:
    """Real namespaces: a cloud that routes between the instances and the places outside; no way out of it.

    An instance has a wire of its own to the cloud and none to another instance, as in a VPC: the cloud answers its
    question for a neighbour's hardware address itself, and every packet passes the filter.
    """

    isolation = "namespaces"
    limits: tuple[str, ...] = ()

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._serial = itertools.count()
        self._holder, self.cloud = spawner.hold(_HOLD, unshare=("--mount-proc",))
        ip(
            f"addr add {CLOUD}/32 dev lo\naddr add {METADATA}/32 dev lo\nlink add outside type bridge\n"
            + "".join(f"addr add {gateway} dev outside\n" for gateway in _GATEWAYS)
            + "link set outside up",
            self.cloud,
        )
        self._set_up(_KERNEL)
        self.wires = self._make_wires()
        self.places: dict[str, dict[str, object]] = {}
        for name, address in PLACES.items():
            _, pid = spawner.hold(_HOLD, unshare=("--mount-proc",))
            ip(
                f"link add p-{name} type veth peer name eth0 netns {pid}\nlink set p-{name} master outside up",
                self.cloud,
            )
            _address(address, pid)
            self.places[name] = {"address": address, "pid": pid}

    def _make_wires(self) -> Wires | None:
        try:
            made = Wires(lambda: netns.at_network_of(self.cloud, netlink.connect), METADATA)
            made.apply({})
        except OSError as error:
            self.limits = (f"security groups do not filter packets: the kernel refused ({error})",)
            return None
        return made

    def sender(self, mark: int) -> socket.socket:
        """A socket that sends whole IP packets into the cloud, with a mark for the filter."""
        made = netns.at_network_of(
            self.cloud, lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        )
        made.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        return made

    def copies(self) -> socket.socket:
        """A socket at which the filter's copies of packets can be read; see `packets.py`."""
        return netns.at_network_of(self.cloud, netlink.connect)

    def _set_up(self, values: dict[str, int]) -> None:
        script = "\n".join(f"echo {value} > {shlex.quote('/proc/sys/net/' + name)}" for name, value in values.items())
        subprocess.run(
            ["nsenter", "--net", "--mount", "--pid", f"--target={self.cloud}", "sh", "-ec", script],
            check=True, capture_output=True, env=_MINIMAL,
        )  # fmt: skip

    def attach(self, number: int, pid: int) -> None:
        """Plug the instance whose first process is *pid* into the cloud."""
        # A number may be used again while the kernel still takes its last interface down.
        device = f"{WIRE}{next(self._serial)}"
        mine, its = hardware_address(CLOUD), hardware_address(self.instance_address(number))
        ip(
            f"link add {device} address {mine} mtu {MTU} type veth peer name eth0 address {its} mtu {MTU} netns {pid}\n"
            f"link set {device} up\n"
            f"ntable change name arp_cache dev {device} proxy_delay 0\n"
            f"route replace {self.instance_address(number)}/32 dev {device}",
            self.cloud,
        )
        _address(self.instance_address(number), pid)

    def instance_address(self, number: int) -> str:
        """See `Network`."""
        return f"10.77.0.{10 + number}"

    def instance_endpoint(self, number: int, port: int) -> str:
        """See `Network`."""
        return f"http://{CLOUD}:{port}" if number >= 0 else ""

    def place_endpoint(self, port: int) -> str:
        """See `Network`."""
        return f"http://{CLOUD}:{port}"

    def listeners(self, port: int, instances: int) -> list[socket.socket]:
        """See `Network`."""
        del instances
        return netns.at_network_of(self.cloud, lambda: [bound(CLOUD, port), bound(METADATA, 80)])

    def caller(self, server: str, client: str) -> str:
        """See `Network`."""
        del server
        return client

    def close(self) -> None:
        """See `Network`."""
        self._spawner.close()


class LoopbackNetwork:
    """No namespaces: every place and instance has an address of its own on this machine's loopback."""

    isolation = "processes"
    wires: Wires | None = None

    def __init__(self, reason: str, port: int) -> None:
        # Two labs at once must not share addresses; their ports differ, so the third octet follows the port.
        self._net = f"127.77.{port % 250}"
        self.limits: tuple[str, ...] = (
            (
                f"hosts are plain processes of this machine ({reason}): they share its network, process list and files, "
                "so packets cannot be captured per host and a host can be told apart only by its directory"
            ),
            "security groups do not filter packets",
            "a host's source address is known by the endpoint address that it calls",
        )
        self.places: dict[str, dict[str, object]] = {
            name: {"address": f"{self._net}.{200 + int(address.rsplit('.', 1)[1])}", "pid": None}
            for name, address in PLACES.items()
        }

    def instance_address(self, number: int) -> str:
        """See `Network`."""
        return f"{self._net}.{10 + number}"

    def instance_endpoint(self, number: int, port: int) -> str:
        """See `Network`."""
        return f"http://{self._net}.{110 + number}:{port}"

    def place_endpoint(self, port: int) -> str:
        """See `Network`."""
        return f"http://127.0.0.1:{port}"

    def listeners(self, port: int, instances: int) -> list[socket.socket]:
        """See `Network`."""
        return [bound(f"{self._net}.{110 + number}", port) for number in range(instances)]

    def caller(self, server: str, client: str) -> str:
        """See `Network`."""
        prefix, last = server.rsplit(".", 1)
        if prefix == self._net and int(last) >= 110:  # noqa: PLR2004 (see instance_endpoint)
            return f"{self._net}.{int(last) - 100}"
        return client

    def close(self) -> None:
        """See `Network`."""


def hardware_address(address: str) -> str:
    """The hardware address of an interface in the cloud, by its address."""
    return "02:4d:" + ":".join(f"{int(part):02x}" for part in address.split("."))


def bound(address: str, port: int) -> socket.socket:
    """A TCP socket bound in the calling thread's network."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    deadline = time.monotonic() + 1
    while True:
        try:
            made.bind((address, port))
        except OSError:
            if time.monotonic() > deadline:
                raise
            clock.wait(0.01)
        else:
            return made
