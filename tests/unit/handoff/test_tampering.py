"""A package that was touched anywhere is never found in order, whatever the intruder recomputed."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import World, files, remake_manifests, resign, write

from amberlight.model.codec import canonical
from amberlight.model.delivery import VerifyReport
from amberlight.vault import LocalSigner
from amberlight.vault.ledger import Ledger
from amberlight.vault.verify import Bad, Verifier, verify


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("world"))
    made.package = Path(made.build().path)
    made.thief = LocalSigner.create(made.folder / "thief.pem")
    return made


@pytest.fixture
def package(world, tmp_path):
    return Path(shutil.copytree(world.package, tmp_path / "package"))


def problems(package, key=None):
    report = verify(str(package), key)
    assert report["ok"] is False
    assert report["problems"]
    return {each["path"] for each in report["problems"]}


def test_the_untouched_package_is_in_order(world, package):
    report = verify(str(package), world.signer.fingerprint)
    assert report == {
        "schema": "amberlight.verify-report/1", "ok": True, "key": "confirmed", "kind": "drill",
        "files": len(files(package)), "bytes": sum((package / path).stat().st_size for path in files(package)),
        "ledger": {"entries": 6, "checkpoint": "ok"}, "problems": [],
        "corroborated": {"acts": 3, "by_cloudtrail": 0},
    }  # fmt: skip
    assert msgspec.convert(report, VerifyReport, strict=True).ok
    assert verify(str(package))["key"] == "unconfirmed"
    remake_manifests(package)
    assert verify(str(package))["ok"]  # what the tests below recompute is what stood there


def every_file(world):
    return files(world.package)


@pytest.mark.parametrize("remade", [False, True])
def test_a_flipped_bit_in_any_file_is_found_and_named(world, package, remade):
    for path in every_file(world):
        before = (package / path).read_bytes()
        for at in {0, len(before) // 2, len(before) - 1}:
            bent = bytearray(before)
            bent[at] ^= 1 << at % 8
            (package / path).write_bytes(bent)
            if remade and not path.startswith(("manifest", "tagmanifest")):
                remake_manifests(package)
            named = problems(package)
            assert any(path.rpartition(".")[0] in each for each in named), (path, at, named)
            (package / path).write_bytes(before)
        remake_manifests(package)
        assert verify(str(package))["ok"]


def damaged(body, how, at, other):
    """The file's bytes after some damage; None if it is no longer there."""
    rows = body.splitlines(keepends=True)
    row = at % max(1, len(rows))
    return {
        "flip": body[:at] + bytes([body[at] ^ (1 + at % 255)]) + body[at + 1 :],
        "truncate": body[:at],
        "append": body + other[:9],
        "double a line": b"".join(rows[: row + 1] + rows[row:]),
        "swap lines": b"".join(rows[row:] + rows[:row]),
        "empty": b"",
        "replace": other,
        "remove": None,
    }[how]


WAYS = ("flip", "flip", "truncate", "append", "double a line", "swap lines", "empty", "replace", "remove")


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_any_damage_anywhere_is_found(world, tmp_path_factory, data):
    package = tmp_path_factory.mktemp("t") / "p"
    shutil.copytree(world.package, package, copy_function=os.link)
    path = data.draw(st.sampled_from(every_file(world)))
    body = (package / path).read_bytes()
    other = (package / data.draw(st.sampled_from(every_file(world)))).read_bytes()
    changed = damaged(body, data.draw(st.sampled_from(WAYS)), data.draw(st.integers(0, len(body) - 1)), other)
    (package / path).unlink()
    if changed is not None:
        (package / path).write_bytes(changed)
    if data.draw(st.booleans()) and not path.startswith(("manifest", "tagmanifest")):
        remake_manifests(package)
    if changed != body:
        problems(package)
    shutil.rmtree(package.parent)


@pytest.mark.parametrize("place", ["extra.txt", "data/extra.txt", "custody/extra.json", "custody/checkpoints/extra.json",
                                   "custody/checkpoints/00000099.json", "custody/checkpoints/00000002.sig",
                                   "custody/timestamps/x.tsr", "new/deep/file", "data/derived/x", "fetch.txt",
                                   "manifest-md5.txt", "tagmanifest-sha512.txt", "custody/ledger.jsonl.1"])  # fmt: skip
@pytest.mark.parametrize("remade", [False, True])
def test_an_added_file_is_named(package, place, remade):
    (package / place).parent.mkdir(parents=True, exist_ok=True)
    (package / place).write_text("x")
    if remade:
        remake_manifests(package)
    assert any(place.rpartition(".")[0] in each for each in problems(package))


def test_a_removed_file_is_named(world, package):
    for path in every_file(world):
        body = (package / path).read_bytes()
        (package / path).unlink()
        if not path.startswith(("manifest", "tagmanifest")):
            remake_manifests(package)
        assert any(path.rpartition(".")[0] in each for each in problems(package)), path
        (package / path).parent.mkdir(exist_ok=True, parents=True)
        (package / path).write_bytes(body)


def test_a_removed_last_entry_is_named(package):
    ledger = package / "custody/ledger.jsonl"
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:-1]))
    remake_manifests(package)
    assert "custody/ledger.jsonl" in problems(package)
    (package / "custody/checkpoints/00000006.json").unlink()
    (package / "custody/checkpoints/00000006.sig").unlink()
    remake_manifests(package)
    report = verify(str(package))
    assert not report["ok"]
    assert "custody/ledger.jsonl" in {each["path"] for each in report["problems"]}


def test_a_swapped_checkpoint_is_named(package):
    heads = package / "custody/checkpoints"
    for end in ("json", "sig"):
        shutil.copy(heads / f"00000004.{end}", heads / f"00000006.{end}")
    remake_manifests(package)
    report = verify(str(package))
    assert report["ledger"]["checkpoint"] == "bad"
    assert "custody/checkpoints/00000006.json" in {each["path"] for each in report["problems"]}


def test_a_checkpoint_of_another_case_is_named(package, world, tmp_path):
    other = Ledger(
        world.store, world.signer, case_id="c-2", kind="drill", clock=world.clock, actor="", authority="", tool=""
    )
    for _ in range(6):
        other.append("opened", {})
    from amberlight.handoff.custody import checkpoint_files

    for path, data in checkpoint_files(other.checkpoint()):
        (package / path).write_bytes(data)
    remake_manifests(package)
    assert "custody/checkpoints/00000006.json" in problems(package)


def test_a_missing_checkpoint_is_said_so(package):
    for end in ("json", "sig"):
        (package / f"custody/checkpoints/00000006.{end}").unlink()
    remake_manifests(package)
    report = verify(str(package))
    assert (report["ok"], report["ledger"]["checkpoint"]) == (False, "missing")
    for end in ("json", "sig"):
        (package / f"custody/checkpoints/00000004.{end}").unlink()
    remake_manifests(package)
    assert any("00000004" in each for each in problems(package))


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(st.characters(max_codepoint=0xD7FF), max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "verify.py", "00000001"]), inner),
    max_leaves=4,
)


@given(st.sampled_from(["files", "checkpoints", "what", "kind", "case", "act", "seq", "when", "verify.py"]), ODD)
@settings(max_examples=60, deadline=None)
def test_a_seal_of_any_form_that_is_truly_signed_never_crashes(world, tmp_path_factory, field, value):
    package = tmp_path_factory.mktemp("t") / "p"
    shutil.copytree(world.package, package, copy_function=os.link)

    def change(entry):
        if field in entry:
            return entry | {field: value}
        if field == "verify.py":
            entry["what"]["files"][field] = value
        else:
            entry["what"][field] = value
        return entry

    resign(package, world.thief, change)
    report = verify(str(package))
    assert not report["ok"] or field == "when"
    with (package / "tagmanifest-sha256.txt").open("a") as file:
        file.write("x\n")
    problems(package)
    shutil.rmtree(package.parent)


def test_a_package_signed_anew_by_another_key_is_consistent_and_unconfirmed(package, world):
    thief = world.thief
    (package / "data/memory/i-0abc/42.lime").write_bytes(b"forged")
    remake_manifests(package)
    resign(package, thief)
    assert verify(str(package)) | {"files": 0, "bytes": 0} == {
        "schema": "amberlight.verify-report/1", "ok": True, "key": "unconfirmed", "kind": "drill", "files": 0,
        "bytes": 0, "ledger": {"entries": 6, "checkpoint": "ok"}, "problems": [],
        "corroborated": {"acts": 3, "by_cloudtrail": 0},
    }  # fmt: skip
    report = verify(str(package), world.signer.fingerprint)
    assert (report["ok"], report["key"]) == (False, "wrong")
    assert report["problems"][0]["path"] == "custody/signing-key.pem"
    assert verify(str(package), thief.fingerprint)["key"] == "confirmed"


def test_a_drill_cannot_become_a_case(package, world):
    line = (package / "custody/ledger.jsonl").read_bytes()
    (package / "custody/ledger.jsonl").write_bytes(line.replace(b'"kind":"drill"', b'"kind":"incident"'))
    page = (package / "START-HERE.md").read_bytes()
    (package / "START-HERE.md").write_bytes(page.replace(b"DRILL", b"INCIDENT"))
    remake_manifests(package)
    assert {"START-HERE.md", "custody/ledger.jsonl"} <= problems(package)


def test_what_is_no_file_is_named_and_never_opened(package):
    secret = package.parent / "secret"
    secret.write_text("outside")
    (package / "data/link").symlink_to(secret)
    (package / "data/away").symlink_to(package.parent)
    (package / "START-HERE.md").unlink()
    (package / "START-HERE.md").symlink_to(secret)
    os.mkfifo(package / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    os.chdir(package)
    listener.bind("socket")
    listener.close()
    (package / "empty").mkdir()
    assert {"data/link", "data/away", "START-HERE.md", "pipe", "socket", "empty"} <= problems(package)


@pytest.mark.parametrize("line", [
    "{h}  ../outside", "{h}  /etc/passwd", "{h}  data/../../x", "{h}  ", "{h} data/x", "{H}  data/x", "{h}  data/%2e%2e/x",
    "{h}  data/x\r", "", "x", "{h}  data/memory/i-0abc/42.lime", "{h}\tdata/x", " {h}  data/x", "{h}  data/\0x",
])  # fmt: skip
@pytest.mark.parametrize("name", ["manifest-sha256.txt", "tagmanifest-sha256.txt"])
def test_hostile_lines_of_manifests_are_named(package, line, name):
    digest = hashlib.sha256((package / "data/memory/i-0abc/42.lime").read_bytes()).hexdigest()
    with (package / name).open("a") as file:
        file.write(line.format(h=digest, H=digest.upper()) + "\n")
    named = problems(package)
    assert named - {"tagmanifest-sha256.txt"} or name == "tagmanifest-sha256.txt"


def with_last_entry(package, change):
    ledger = package / "custody/ledger.jsonl"
    *lines, last = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines) + change(last[:-1]) + b"\n")
    remake_manifests(package)


@pytest.mark.parametrize("change", [
    lambda line: b"", lambda line: b"null", lambda line: b"[]", lambda line: b"[" * 100_000, lambda line: b"{}",
    lambda line: b'{"a":' * 50_000, lambda line: line.replace(b'"seq":5', b'"seq":5.0'), lambda line: line + b" ",
    lambda line: line.replace(b'"seq":5', b'"seq":' + b"9" * 5000), lambda line: line.replace(b'"seq":5', b'"seq":"5"'),
    lambda line: line.replace(b'"seq":5', b'"seq":true'), lambda line: line.replace(b'"seq":5', b'"seq":5,"seq":5'),
    lambda line: line.replace(b'"what":{', b'"what":[{').replace(b'},"when"', b'}],"when"'), lambda line: b"\xff\xfe",
    lambda line: line.replace(b'"files":{', b'"files":[{').replace(b'},"size', b'}],"size'), lambda line: b"\0" * 99,
    lambda line: line.replace(b'"act":"sealed"', b'"act":"closed"'), lambda line: b'{"seq":NaN}',
    lambda line: line.replace(b'"kind":"drill"', b'"kind":"other"'), lambda line: line.replace(b"ada", b"\xc3\x28"),
    lambda line: line[:-1] + b',"zzz":1}', lambda line: line.replace(b'"tool"', b'"tuul"'),
    lambda line: line.replace(b'"checkpoints":{', b'"checkpoints":7,"x":{'),
])  # fmt: skip
def test_hostile_entries_are_named_and_never_crash(package, change):
    with_last_entry(package, change)
    assert "custody/ledger.jsonl" in problems(package)


@pytest.mark.parametrize("what", [b"", b"{}", b"[]", b"x" * 70_000, b'{"size":' * 9000, b"\xff"])
@pytest.mark.parametrize("end", ["json", "sig"])
def test_hostile_checkpoints_are_named(package, what, end):
    (package / f"custody/checkpoints/00000006.{end}").write_bytes(what)
    remake_manifests(package)
    assert "custody/checkpoints/00000006.json" in problems(package)


def test_a_ledger_without_its_last_line_end_is_named(package):
    ledger = package / "custody/ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-1])
    remake_manifests(package)
    assert "custody/ledger.jsonl" in problems(package)


@pytest.mark.parametrize("place", ["nowhere", "file", "empty"])
def test_what_is_no_package_is_not_in_order(tmp_path, place):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    report = verify(str(tmp_path / place))
    assert not report["ok"]
    assert report["ledger"]["checkpoint"] == "missing"
    assert report["kind"] == "unknown"


def test_names_that_are_no_text_are_named(package):
    bad = os.fsencode(str(package)) + b"/data/\xff\xfe\x1b[2J"
    os.close(os.open(bad, os.O_CREAT | os.O_WRONLY))
    json.dumps(verify(str(package)))
    done = run(package)
    assert done.returncode == 4
    assert "\x1b" not in done.stdout
    assert "\\udcff" in done.stdout


def run(package, *arguments, inside=True):
    return subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", *arguments], cwd=package, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip


def test_the_packages_own_verifier_runs_without_any_package(world, package):
    done = run(package, "--json", "--key", world.signer.fingerprint)
    assert done.returncode == 0
    assert json.loads(done.stdout)["key"] == "confirmed"
    plain = run(package)
    assert plain.returncode == 0
    assert "DRILL" in plain.stdout
    assert "unconfirmed" in plain.stdout
    assert world.signer.fingerprint in plain.stdout
    assert max(map(len, plain.stdout.splitlines()[1:])) <= 80
    assert files(package) == files(world.package)  # it wrote nothing
    (package / "bag-info.txt").write_text("x")
    named = run(package)
    assert named.returncode == 4
    assert "bag-info.txt" in named.stdout
    assert run(package, "--key", "abc").returncode == 2
    assert run(package, "nowhere").returncode == 2
    assert run(package, "--bogus").returncode == 2


def test_the_verifier_reads_nothing_outside_the_package(package):
    source = (package / "verify.py").read_text()
    assert source == Path(verify.__code__.co_filename).read_text()


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
needs_sha256sum = pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")


@needs_openssl
def test_openssl_accepts_every_checkpoint(package):
    for head in (package / "custody/checkpoints").glob("*.json"):
        command = ["openssl", "dgst", "-sha256", "-verify", "custody/signing-key.pem", "-signature",
                   str(head.with_suffix(".sig")), str(head)]  # fmt: skip
        assert subprocess.run(command, cwd=package, capture_output=True, check=False).returncode == 0
        head.write_bytes(head.read_bytes().replace(b'"size":', b'"Size":'))
        assert subprocess.run(command, cwd=package, capture_output=True, check=False).returncode != 0


@needs_sha256sum
@pytest.mark.parametrize("name", ["manifest-sha256.txt", "tagmanifest-sha256.txt", "manifest-sha512.txt"])
def test_the_usual_tools_accept_every_manifest(package, name):
    tool = "sha512sum" if "512" in name else "sha256sum"
    done = subprocess.run([tool, "--strict", "--quiet", "-c", name], cwd=package, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_memory_and_time_stay_bounded_on_a_huge_line(package):
    with_last_entry(package, lambda line: b'{"a":"' + b"x" * (33 << 20) + b'"}')
    report = verify(str(package))
    assert any("too long" in each["problem"] for each in report["problems"])


def test_names_from_an_intruder_are_packed_and_verified(tmp_path):
    names = ["../../etc/passwd", "a//b", "=cmd|x", "t\u202etxt.exe", "new\nline", "%41", "back\\slash", "emoji😀", "x" * 250,
             "a:b", "CON ", ".hidden", "A", "a/..", "a./x"]  # fmt: skip
    world = World(tmp_path, files=[("s", name, f"bytes {n}".encode()) for n, name in enumerate(names)])
    package = Path(world.build().path)
    assert verify(str(package), world.signer.fingerprint)["ok"]
    assert len([path for path in files(package) if path.startswith("data/")]) == len(names)
    told = json.loads((package / "report/evidence.json").read_text())
    assert {each["path"] for each in told} == set(names)
    for each in told:
        body = (package / each["package_path"]).read_bytes()
        assert hashlib.sha256(body).hexdigest() == each["sha256"]
    if shutil.which("sha256sum"):
        done = subprocess.run(["sha256sum", "--strict", "-c", "manifest-sha256.txt"], cwd=package, capture_output=True,
                              check=False)  # fmt: skip
        assert done.returncode == 0


def test_too_many_problems_are_cut(package, monkeypatch):
    monkeypatch.setattr("amberlight.vault.verify.PROBLEMS_MAX", 3)
    for number in range(9):
        (package / f"added-{number}").write_text("x")
    assert len(verify(str(package))["problems"]) == 4


def test_an_unreadable_file_is_named(package, monkeypatch):
    opened = os.open

    def refused(path, *rest, **more):
        if str(path).endswith("START-HERE.md"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *rest, **more)

    monkeypatch.setattr(os, "open", refused)
    assert "START-HERE.md" in problems(package)


def said(package):
    return {(each["path"], each["problem"]) for each in verify(str(package))["problems"]}


def test_what_is_missing_is_called_missing_by_every_list(package):
    (package / "data/memory/i-0abc/42.lime").unlink()
    missing = "is missing, though listed in manifest-sha256.txt, manifest-sha512.txt, the seal"
    assert ("data/memory/i-0abc/42.lime", missing) in said(package)
    (package / "manifest-sha512.txt").unlink()
    assert ("manifest-sha512.txt", "is missing") in said(package)


def test_what_is_no_folder_or_has_nothing_in_it_is_named_by_a_dot(tmp_path):
    assert (".", "cannot be listed: No such file or directory") in said(tmp_path / "nowhere")
    assert (".", "is an empty folder, which no package holds") in said(tmp_path)


def test_a_file_is_opened_without_following_a_link_or_waiting(package):
    (package / "link").symlink_to(package / "START-HERE.md")
    os.mkfifo(package / "pipe")
    opened = Verifier(str(package))
    with pytest.raises(OSError, match="symbolic links"):
        opened.open("link")
    assert opened.hash(("pipe", "sha256")) == ("pipe", "sha256", 0, "", "is no longer a file")


def test_a_small_file_is_read_up_to_its_limit(package):
    opened = Verifier(str(package))
    for size, good in ((1 << 16, True), ((1 << 16) + 1, False)):
        (package / "small").write_bytes(b"x" * size)
        opened.sizes = {"small": size}
        if good:
            assert opened.small("small") == b"x" * size
        else:
            with pytest.raises(Bad, match="too large"):
                opened.small("small")
    with pytest.raises(Bad, match="missing"):
        opened.small("other")


def test_a_seal_without_its_checkpoint_or_with_another_is_named(package, world):
    """The seal lists the heads before it: one more, one less and another one are told apart."""

    def heads(change):
        def changed(entry):
            return entry | {"what": entry["what"] | {"checkpoints": change(entry["what"]["checkpoints"])}}

        resign(package, world.thief, changed)
        return {each for each in said(package) if each[0].startswith("custody/checkpoints")}

    one = "custody/checkpoints/00000001.json"
    assert heads(lambda made: made) == set()
    assert heads(lambda made: {k: v for k, v in made.items() if k != "00000001"}) == {
        (one, "was added: the seal does not list it")
    }
    assert heads(lambda made: made | {"00000003": "0" * 64}) == {
        ("custody/checkpoints/00000003.json", "is missing, though the seal lists it")
    }
    assert heads(lambda made: made | {"00000001": "0" * 64}) == {(one, "is not the one that the seal lists")}


def test_a_file_that_cannot_be_read_is_named_once(package, monkeypatch):
    usual = Verifier.open

    def refuse(self, path):
        if path == "data/memory/i-0abc/42.lime":
            raise PermissionError(13, "no")
        return usual(self, path)

    monkeypatch.setattr(Verifier, "open", refuse)
    unread = [each for each in said(package) if each[1].startswith("cannot be read")]
    assert [path for path, _ in unread] == ["data/memory/i-0abc/42.lime"]
    report = verify(str(package))
    assert len([each for each in report["problems"] if each["problem"].startswith("cannot be read")]) == 1


def test_an_entry_of_another_schema_is_named(package):
    with_last_entry(package, lambda line: line.replace(b"ledger-entry/1", b"ledger-entry/2"))
    assert ("custody/ledger.jsonl", "entry 5 is not of the schema amberlight.ledger-entry/1") in said(package)


@pytest.mark.parametrize("change", [{"kind": "incident"}, {"case": "c-2"}])
def test_one_entry_of_another_case_or_kind_is_named_though_all_is_signed(package, world, change):
    resign(package, world.thief, lambda entry: entry | change)
    assert ("custody/ledger.jsonl", "entry 5 is of another case or kind") in said(package)


def test_a_kind_that_is_none_is_named_though_all_is_signed(package, world):
    for place in (package / "custody/ledger.jsonl", *(package / "custody/checkpoints").glob("*.json")):
        write(place, place.read_text().replace('"kind":"drill"', '"kind":"other"'))
    resign(package, world.thief)
    assert said(package) == {("custody/ledger.jsonl", f"entry {n} is of another case or kind") for n in range(6)}


def test_a_head_over_less_than_everything_is_not_enough(package, world):
    for end in ("json", "sig"):
        (package / f"custody/checkpoints/00000006.{end}").unlink()
    resign(package, world.thief)
    assert said(package) == {("custody/ledger.jsonl", "has no checkpoint over its last entry (6 entries)")}


@pytest.mark.parametrize("change", [{"kind": "incident"}, {"case": "c-2"}, {"size": 5}])
def test_a_head_of_another_case_kind_or_size_is_named_though_it_is_signed(package, world, change):
    resign(package, world.thief)
    resign_head(package, world.thief, change)
    name = "custody/checkpoints/00000006.json"
    assert said(package) == {(name, "is of another case, kind or size")}
    assert verify(str(package))["ledger"]["checkpoint"] == "bad"


@pytest.mark.parametrize("change", [{"root": "0" * 64}, {"last": "0" * 64}])
def test_a_head_over_another_ledger_is_named_though_it_is_signed(package, world, change):
    resign(package, world.thief)
    resign_head(package, world.thief, change)
    assert said(package) == {
        ("custody/checkpoints/00000006.json", "was signed over another ledger"),
        ("custody/ledger.jsonl", "is not the ledger that was signed: its first 6 entries were changed"),
    }


def resign_head(package, signer, change):
    place = package / "custody/checkpoints/00000006.json"
    data = canonical(json.loads(place.read_bytes()) | change)
    write(place, data.decode())
    place.with_suffix(".sig").unlink()
    place.with_suffix(".sig").write_bytes(signer.sign(data))
    remake_manifests(package)


def test_of_endless_problems_ten_thousand_are_kept():
    opened = Verifier("/nowhere")
    for number in range(10_005):
        opened.say(f"{number}", "p")
    assert len(opened.problems) == 10_001
    assert opened.problems[0] == {"path": "0", "problem": "p"}
    assert opened.problems[-1] == {"path": ".", "problem": "has more problems than are listed"}


def test_an_empty_file_has_no_bytes_and_a_pipe_is_no_file(package):
    before = verify(str(package))
    (package / "empty").write_bytes(b"")
    os.mkfifo(package / "pipe")
    (package / "link").symlink_to(package / "data")
    after = verify(str(package))
    assert (after["files"], after["bytes"]) == (before["files"] + 1, before["bytes"])
    for name in ("pipe", "link"):
        assert (name, "is a link or a device: neither a file nor a folder") in said(package)


def test_the_line_that_is_wrong_is_told(package):
    whole = (package / "manifest-sha256.txt").read_bytes()
    for rows, text in (
        (b"x\n" + whole, "has a line 1 of another form, or out of order"),
        (whole + b"x\n", f"has a line {len(whole.splitlines()) + 1} of another form, or out of order"),
        (whole[:-1], "ends within a line"),
    ):
        (package / "manifest-sha256.txt").unlink()
        (package / "manifest-sha256.txt").write_bytes(rows)
        assert ("manifest-sha256.txt", text) in said(package)
