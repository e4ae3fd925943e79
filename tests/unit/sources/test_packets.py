"""The packet script on loopback traffic of this test: really sent, really in the recording."""

import os
import shutil
import socket
import struct
import subprocess
import threading

import guests
import pytest

ADDRESS = "127.77.0.5"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a raw socket needs root")
WITHOUT_TCPDUMP = "import shutil\nshutil.which = lambda *_, **__: None\n"
ONLY_TCPDUMP = "import socket\nsocket.AF_PACKET = None\n"


@pytest.fixture
def traffic():
    """Datagrams with a mark, from and to the host's address, and others between other addresses."""
    stop = threading.Event()
    lines = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    lines[0].bind((ADDRESS, 0))
    lines[1].bind(("127.0.0.9", 0))

    def send():
        while not stop.wait(0.02):
            lines[0].sendto(b"ember-5eed", lines[0].getsockname())
            lines[1].sendto(b"of-somebody-else", lines[1].getsockname())

    thread = threading.Thread(target=send)
    thread.start()
    yield
    stop.set()
    thread.join()
    for line in lines:
        line.close()


def packets(data):
    """The packets of a pcap file in host order."""
    assert struct.unpack_from("<I", data)[0] == 0xA1B2C3D4
    place = 24
    while place < len(data):
        size, real = struct.unpack_from("<II", data, place + 8)
        assert size == real
        yield data[place + 16 : place + 16 + size]
        place += 16 + size
    assert place == len(data)


@needs_root
@pytest.mark.parametrize(
    "tool",
    [
        pytest.param(
            ONLY_TCPDUMP, marks=pytest.mark.skipif(not shutil.which("tcpdump"), reason="tcpdump is not installed")
        ),
        WITHOUT_TCPDUMP,
    ],
    ids=["tcpdump", "raw socket"],
)
def test_the_hosts_packets_are_in_the_recording_and_no_others(host, traffic, tmp_path, tool, request):
    report = guests.run("packets", tmp_path / "p.pcap", root=host, text=tool, seconds=0.7)
    found = list(packets((tmp_path / "p.pcap").read_bytes()))
    assert report["facts"]["tool"] in request.node.name
    assert sum(b"ember-5eed" in one for one in found) >= 10
    assert not any(b"of-somebody-else" in one for one in found)
    assert report["facts"]["captured"] == len(found)
    # Others use loopback too, and heavily: the number is theirs. That it is zero on a quiet host is tested in the lab.
    assert report["facts"]["kernel_dropped"] >= 0
    assert report["facts"]["filter"] == f"(host {ADDRESS})"
    assert 0.5 < report["facts"]["seconds"] < 5


STORE = "127.77.0.88"


@pytest.fixture
def deliveries():
    """Lines to the store: one from a port of our deliveries, one from any other; and one of our ports to elsewhere."""
    stop, servers, lines = threading.Event(), [], []
    for address, port, mark in ((STORE, 61007, b"ours-1"), (STORE, 0, b"theirs-2"), (ADDRESS, 61008, b"theirs-3")):
        server = socket.create_server((address, 0))
        line = socket.create_connection(server.getsockname(), source_address=(ADDRESS, port))
        servers.append(server)
        lines.append((line, mark))

    def send():
        while not stop.wait(0.02):
            for line, mark in lines:
                line.sendall(mark)

    thread = threading.Thread(target=send)
    thread.start()
    yield
    stop.set()
    thread.join()
    for line, _ in lines:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()
    for server in servers:
        server.close()


@needs_root
@pytest.mark.parametrize("tool", [ONLY_TCPDUMP, WITHOUT_TCPDUMP], ids=["tcpdump", "raw socket"])
def test_only_our_deliveries_to_the_store_are_left_out(host, deliveries, tmp_path, tool):
    if tool == ONLY_TCPDUMP and not shutil.which("tcpdump"):
        pytest.skip("tcpdump is not installed")
    to_the_store = f'grant["url"] = "http://{STORE}:9/b/k"\n'
    report = guests.run("packets", tmp_path / "p.pcap", root=host, text=tool + to_the_store, seconds=0.7)
    data = (tmp_path / "p.pcap").read_bytes()
    assert (b"ours-1" in data, b"theirs-2" in data, b"theirs-3" in data) == (False, True, True)
    words = f"not (tcp portrange 61000-61199 and (host {STORE}))"
    assert report["facts"]["filter"] == f"(host {ADDRESS}) and {words}"


@needs_root
@pytest.mark.parametrize("tool", [ONLY_TCPDUMP, WITHOUT_TCPDUMP], ids=["tcpdump", "raw socket"])
def test_bytes_end_the_recording_at_a_whole_packet(host, traffic, tmp_path, tool):
    if tool == ONLY_TCPDUMP and not shutil.which("tcpdump"):
        pytest.skip("tcpdump is not installed")
    report = guests.run("packets", tmp_path / "p.pcap", root=host, text=tool, seconds=20, max_bytes=600)
    assert report["facts"]["full"] is True
    assert report["facts"]["seconds"] < 10
    assert len(list(packets((tmp_path / "p.pcap").read_bytes()))) >= 3


@needs_root
@pytest.mark.skipif(not shutil.which("tcpdump"), reason="tcpdump is not installed")
def test_tcpdump_reads_what_the_raw_socket_wrote(host, traffic, tmp_path):
    guests.run("packets", tmp_path / "p.pcap", root=host, text=WITHOUT_TCPDUMP, seconds=0.4)
    done = subprocess.run(["tcpdump", "-nr", tmp_path / "p.pcap"], capture_output=True, text=True, check=True)
    assert f"IP {ADDRESS}." in done.stdout
    assert "UDP, length 10" in done.stdout


def test_without_the_right_to_a_raw_socket_the_script_reports_the_failure(host, tmp_path):
    refuse = (
        "import socket\n"
        "class Refused(socket.socket):\n"
        "    def __init__(self, family=-1, *rest):\n"
        "        raise PermissionError(1, 'Operation not permitted')\n"
        "socket.socket = Refused\n"
    )
    report = guests.run("packets", tmp_path / "p.pcap", root=host, text=WITHOUT_TCPDUMP + refuse, seconds=0.1)
    assert report["ok"] is False
    assert report["error"] == "PermissionError: [Errno 1] Operation not permitted"
    assert not (tmp_path / "p.pcap").exists()
