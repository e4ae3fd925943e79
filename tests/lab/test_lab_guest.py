"""The lab's guest: a machine with a kernel of its own, beside the lab, that ends with it; its memory in Volatility 3."""

import base64
import contextlib
import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lab_tools import eventually

from amberlight.capture.catalogue import guest as script
from amberlight.handoff.kernel import isf
from amberlight.lab import LabError, LabOptions, start
from amberlight.lab.guest import cpio, machine, packages
from amberlight.lab.guest.image import PACKAGES, cache, ensure
from amberlight.lab.guest.reach import Guest, GuestError, connected

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(400)]
PARENT = """
import json, sys, time
from pathlib import Path
from amberlight.lab import LabOptions, start
print(json.dumps(start(LabOptions(workdir=Path(sys.argv[1]), hosts="processes", guest=sys.argv[2])).describe()), flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="session")
def image():
    """What the guest boots; made once, and kept in the user's cache."""
    if reason := machine.why_not():
        pytest.skip(reason)
    try:
        return ensure(cache()).directory
    except packages.PackageError as error:
        pytest.skip(f"no image: {error}")


@pytest.fixture(scope="session")
def told(image, tmp_path_factory):
    """What a lab with a guest says of itself."""
    options = LabOptions(workdir=tmp_path_factory.mktemp("guest-lab"), hosts="processes", guest=str(image))
    with start(options) as running:
        yield running.describe()


@pytest.fixture(scope="session")
def guest(told):
    return Guest.load(told)


def emulators(directory):
    """Processes of QEMU that run in that directory."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == directory and "qemu" in (entry / "comm").read_text():
                found.add(int(entry.name))
    return found


def test_it_has_a_kernel_of_its_own_and_the_processes_of_a_small_host(guest, image):
    kernel = guest.run("uname -r").stdout.decode().strip()
    assert kernel != os.uname().release
    assert f"linux-image-{kernel}" in json.loads((image / "image.json").read_text())["packages"]
    assert {"init", "lab-agent", "crond", "httpd", "bash"} <= {
        line.rsplit("/", 1)[-1] for line in guest.run("cat /proc/[0-9]*/comm").stdout.decode().splitlines()
    } | set(re.findall(r"\w+", guest.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout.decode()))
    assert guest.run("wget -qO- http://127.0.0.1/").stdout == b"The guest of the lab.\n"


def test_it_has_no_network_but_its_own_loopback(guest):
    assert guest.run("ls /sys/class/net").stdout == b"lo\n"
    assert guest.run("ip route").stdout == b""


def test_a_script_gives_its_exit_code_and_both_streams(guest):
    done = guest.run("echo out; echo problem >&2; exit 3")
    assert (done.code, done.stdout, done.stderr) == (3, b"out\n", b"problem\n")


def test_a_script_is_stopped_when_its_time_is_over_and_the_next_one_runs(guest):
    assert guest.run("echo begun; sleep 3000", timeout_s=0.5).code == 124
    assert guest.run("ps | grep -c '[s]leep 3000'").stdout == b"0\n"


def test_more_than_a_pipe_holds_comes_whole(guest):
    into = io.BytesIO()
    done = guest.run("seq 1 200000", into=into)
    assert (done.code, done.stdout) == (0, b"")
    assert into.getvalue() == b"".join(b"%d\n" % number for number in range(1, 200_001))


def test_somebody_who_goes_in_the_middle_does_not_disturb_the_next(guest, told):
    link = connected(Path(told["guest"]["agent"]), 60)
    link.sendall(b'\n{"token": "ffff", "scr')
    link.close()
    assert guest.run("echo still").stdout == b"still\n"


def test_the_console_is_a_shell_of_root(guest, told):
    guest.run("true")
    with contextlib.closing(connected(guest.console, 60)) as link:
        link.settimeout(60)
        link.sendall(b"\necho $((6 * 7)) $(id -un)\n")
        seen = b""
        while b"42 root" not in seen:
            seen += link.recv(4096)
    assert b"Linux version" in Path(told["guest"]["console_log"]).read_bytes() or b"42 root" in seen


@pytest.mark.parametrize("victim", ["parent", "lab"])
def test_it_dies_with_the_lab_however_the_lab_ends(image, tmp_path, victim):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "lab"), str(image)], stdout=subprocess.PIPE, text=True
    )
    try:
        said = json.loads(parent.stdout.readline())
        directory = Path(said["guest"]["qmp"]).parent
        assert len(emulators(directory)) == 1
        os.kill(parent.pid if victim == "parent" else said["pid"], signal.SIGKILL)
        eventually(lambda: not emulators(directory))
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()


def test_a_guest_that_ends_before_its_lab_is_told(image, tmp_path):
    with start(LabOptions(workdir=tmp_path / "lab", hosts="processes", guest=str(image))) as lab:
        Guest.load(lab.describe())
        (ident,) = emulators(Path(lab.describe()["guest"]["qmp"]).parent)
        os.kill(ident, signal.SIGKILL)
        eventually(lambda: any("guest ended" in limit for limit in lab.limits))


def test_a_machine_without_qemu_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="Debian has it in qemu-system-x86"):
        start(LabOptions(workdir=tmp_path / "lab", hosts="processes", guest=str(tmp_path)))


UP = [sys.executable, "-m", "amberlight.cli", "lab", "up", "--hosts", "processes", "--guest", "--json"]


def test_the_command_starts_one_and_says_where_it_is(image, tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(UP, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    try:
        said = json.loads(process.stdout.readline())
        assert said["guest"]["image"] == str(image)
        assert Guest.load(said).run("cat /etc/hostname").stdout == b"guest\n"
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        process.stdout.close()
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_to_install(tmp_path):
    done = subprocess.run(UP, capture_output=True, text=True, check=False, env={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 2
    assert "Debian has it in qemu-system-x86" in done.stderr
    assert "without --guest" in done.stderr


def test_a_machine_without_apt_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(packages.PackageError, match="apt-cache is not here"):
        ensure(tmp_path)


def test_a_lab_without_a_guest_says_how_to_get_one():
    with pytest.raises(GuestError, match="--guest"):
        Guest.load({"endpoint": "http://127.0.0.1:1"})


@pytest.mark.skipif(shutil.which("apt-cache") is None, reason="no apt-cache")
def test_a_package_that_the_lists_do_not_have_is_named():
    with pytest.raises(packages.PackageError, match="no package amberlight-there-is-none"):
        packages.closure([*PACKAGES, "amberlight-there-is-none"])


@pytest.mark.skipif(shutil.which("cpio") is None, reason="no cpio")
def test_cpio_reads_our_archive_and_the_same_tree_gives_the_same_bytes(tmp_path):
    tree = {
        "etc/deep/file": cpio.file(b"content", 0o640), "run": cpio.directory(0o1777), "bin": cpio.link("usr/bin"),
    }  # fmt: skip
    made = b"".join(cpio.archive(tree))
    assert made == b"".join(cpio.archive(dict(reversed(tree.items()))))
    subprocess.run(["cpio", "-id", "--quiet"], input=made, cwd=tmp_path, check=True)
    assert (tmp_path / "etc/deep/file").read_bytes() == b"content"
    assert (tmp_path / "etc/deep/file").stat().st_mode & 0o7777 == 0o640
    assert (tmp_path / "run").stat().st_mode & 0o7777 == 0o1777
    assert str((tmp_path / "bin").readlink()) == "usr/bin"


TO_STDOUT = """
def upload(chunks, size=None):
    whole, sent, out = hashlib.sha256(), 0, sys.stdout.buffer
    for chunk in chunks:
        whole.update(chunk)
        sent += len(chunk)
        out.write(chunk)
    out.flush()
    sys.stdout = sys.stderr
    return {"sha256": whole.hexdigest(), "size_bytes": sent}
"""
STARTED = "cp /bin/busybox /tmp/sleep && setsid /tmp/sleep 98765 </tmp/opened-by-it >/dev/null 2>&1 &"


def taken(guest, name, into):
    """Run a script for hosts in the guest, with what it would upload on stdout; gives its report."""
    parameter = base64.b64encode(json.dumps({"arguments": {}}).encode()).decode()
    text = f"{script('common')}\n{TO_STDOUT}\n{script(name)}"
    with into.open("wb") as stream:
        done = guest.run(f"python3 -I -S - {parameter} <<'END'\n{text}\nEND\n", into=stream, timeout_s=200)
    report = json.loads(done.stderr.decode().splitlines()[-1])
    assert report["ok"], report
    assert report["size_bytes"] == into.stat().st_size
    assert report["sha256"] == hashlib.sha256(into.read_bytes()).hexdigest()
    return report["facts"]


@pytest.fixture(scope="session")
def images(guest, tmp_path_factory):
    """The guest's memory from outside and from inside, with a process in it and a command that somebody typed."""
    place = tmp_path_factory.mktemp("memory")
    assert guest.run(f"touch /tmp/opened-by-it; {STARTED}").code == 0
    eventually(lambda: b"98765" in guest.run("ps").stdout)
    with connected(guest.console, 60) as link:
        link.settimeout(60)
        link.sendall(b"\necho typed-by-$((600 + 66))\n")
        seen = b""
        while b"typed-by-666" not in seen:
            seen += link.recv(4096)
    guest.dump_memory(place / "memory.elf")
    facts = taken(guest, "kernel_symbols", place / "symbols.tar")
    assert (facts["missing"], facts["addresses_hidden"]) == ({}, False)
    facts = taken(guest, "kcore_lime", place / "memory.lime")
    assert (facts["unreadable_bytes"], facts["not_mapped_bytes"]) == (0, 0)
    assert facts["memory_bytes"] > machine.MEMORY_MIB * 0.99 * 2**20
    (place / "symbols/linux").mkdir(parents=True)
    (place / "symbols/linux/guest.json").write_bytes(isf.of_archive(place / "symbols.tar"))
    (place / "cache").mkdir()
    return place


@pytest.fixture(scope="session")
def volatility(images):
    """Runs a plugin on an image in an environment of its own (its licence is the VSL); gives its rows."""
    spec = importlib.util.spec_from_file_location(
        "environment_of_guest", Path(__file__).parents[1] / "oracles/environment.py"
    )
    environment = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(environment)
    try:
        program = environment.python_of("volatility3").parent / "vol"
    except OSError as error:
        pytest.skip(f"no volatility3: {error}")

    def rows(image, plugin):
        done = subprocess.run(
            [program, "-q", "--offline", "--cache-path", images / "cache", "--symbol-dirs", images / "symbols",
             "-f", images / image, "-r", "json", plugin],
            capture_output=True, text=True, check=False, timeout=200, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    return rows


def test_volatility_opens_both_images_with_the_symbols_of_the_kernel_itself(volatility):
    """One test, because what it needs takes most of a minute, and workers share nothing."""
    for image in ("memory.elf", "memory.lime"):
        listed = volatility(image, "linux.pslist.PsList")
        assert [each["PPID"] for each in listed if each["COMM"] == "sleep"] == [1]
        assert {"init", "lab-agent", "bash", "kthreadd"} <= {each["COMM"] for each in listed}
        assert all(each["CREATION TIME"] for each in listed)
        typed = [each["Command"] for each in volatility(image, "linux.bash.Bash")]
        assert "echo typed-by-$((600 + 66))" in typed
    opened = volatility("memory.elf", "linux.lsof.Lsof")
    assert "/tmp/opened-by-it" in {each["Path"] for each in opened if each["Process"] == "sleep"}
    sockets = volatility("memory.elf", "linux.sockstat.Sockstat")
    found = {(each["Source Addr"], each["Source Port"], each["State"]) for each in sockets}
    assert ("127.0.0.1", "80", "LISTEN") in found
    modules = volatility("memory.elf", "linux.lsmod.Lsmod")
    assert {"virtio_console", "virtio_pci"} <= {each["Module Name"] for each in modules}
    assert {each["Taints"] for each in modules} == {""}
