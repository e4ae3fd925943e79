"""A vantage point on the lab's network, used from another process than the lab's."""

from __future__ import annotations

import functools
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.awsrequest import AWSHTTPConnection, AWSHTTPConnectionPool
from botocore.config import Config

from amberlight.lab import netns
from amberlight.lab.accounts import LabCredentials
from amberlight.lab.options import REGION


class Place:
    """An office, a pipeline, an attacker's machine: an address from which to call, listen and run code.

    Usable in the process that `RunningLab.inside` starts (for root that is any process).
    """

    def __init__(self, name: str, address: str, pid: int | None, endpoint: str) -> None:
        self.name = name
        self.address = address
        self._pid = pid
        self._endpoint = endpoint

    @classmethod
    def load(cls, description: Mapping[str, Any], name: str) -> Place:
        """The place of that name in what `RunningLab.describe` gave."""
        found = description["places"][name]
        return cls(name, found["address"], found["pid"], found["endpoint"])

    def client(self, service: str, credentials: LabCredentials, region: str = REGION) -> Any:
        """A botocore client whose calls arrive at the lab from this address, whatever thread uses it."""
        core = botocore.session.get_session()
        core.register_component("data_loader", _models())
        session = boto3.session.Session(botocore_session=core)
        made = session.client(
            service, region_name=region, endpoint_url=self._endpoint, aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key, aws_session_token=credentials.session_token,
            config=Config(s3={"addressing_style": "path"}, proxies={}, retries={"max_attempts": 2}),
        )  # fmt: skip
        made._endpoint.http_session._manager.pool_classes_by_scheme = {"http": _pool_at(self)}
        return made

    def thread(self, fn: Callable[..., object], *args: object, name: str | None = None) -> threading.Thread:
        """A started daemon thread that runs `fn(*args)` with this place's network.

        Without namespaces only sockets that this place makes (`connect`, `listen`) have its address.
        """

        def run() -> None:
            if self._pid is not None:
                netns.enter_network_of(self._pid)
            fn(*args)

        made = threading.Thread(target=run, name=name or f"{self.name}-thread", daemon=True)
        made.start()
        return made

    def connect(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        """A TCP connection from this address."""
        made = self._here(lambda: socket.create_connection((host, port), timeout, source_address=(self.address, 0)))
        # As urllib3 has it: botocore sends head and body apart, and each call would wait 40 ms for an acknowledgement.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def listen(self, port: int) -> socket.socket:
        """A TCP socket that listens on this address."""
        return self._here(lambda: socket.create_server((self.address, port)))

    def _here(self, make: Callable[[], socket.socket]) -> socket.socket:
        return make() if self._pid is None else netns.at_network_of(self._pid, make)


@functools.cache
def _models() -> Any:
    """The service descriptions, read once a process and not once a client."""
    return botocore.session.get_session().get_component("data_loader")


def _pool_at(place: Place) -> type[AWSHTTPConnectionPool]:
    """The connection pool of a botocore session, with sockets made at *place*."""
    endpoint = urlsplit(place._endpoint)
    host, port = cast("str", endpoint.hostname), cast("int", endpoint.port)

    class Connection(AWSHTTPConnection):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            return place.connect(host, port, timeout=60.0)

    class Pool(AWSHTTPConnectionPool):  # type: ignore[misc]
        ConnectionCls = Connection

    return Pool
