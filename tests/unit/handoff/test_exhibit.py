"""One exhibit given away: it proves itself with plain tools, holds nothing of others, and no bit of it is free."""

import ast
import hashlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from making import World, resign, write

from amberlight.cli.vault import command as vault_command
from amberlight.cli.verify import command as verify_command
from amberlight.model.codec import canonical
from amberlight.model.errors import ConfigError, DeliveryError, IntegrityError, NotPossible
from amberlight.model.exhibit import ExhibitReport
from amberlight.vault import LocalSigner, check_exhibit, proofs, tree, verify
from amberlight.vault.check_exhibit import Exhibit
from amberlight.vault.exhibit import _read, export, steps

MEMORY, HISTORY = "data/memory/i-0abc/42.lime", "data/native/1/history.jsonl"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("world"))
    made.package = Path(made.build().path)
    made.exhibit = made.folder / "exhibit"
    export(made.package, MEMORY, made.exhibit)
    made.other = made.folder / "other"
    export(made.package, HISTORY, made.other)
    return made


@pytest.fixture
def exhibit(world, tmp_path):
    return Path(shutil.copytree(world.exhibit, tmp_path / "given"))


def files(folder):
    return sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file())


def resum(folder):
    """What an intruder without the key can do: the list of hashes, freshly computed."""
    rows = (f"{hashlib.sha256((folder / path).read_bytes()).hexdigest()}  {path}\n"
            for path in files(folder) if path != "SHA256SUMS")  # fmt: skip
    (folder / "SHA256SUMS").write_text("".join(rows))


def check(folder, key=None):
    return Exhibit(str(folder), key).run()


def named(folder, key=None):
    report = check(folder, key)
    assert report["ok"] is False
    return {each["path"] for each in report["problems"]}


def run(command, *arguments):
    return CliRunner().invoke(command, [str(each) for each in arguments], standalone_mode=False)


def test_it_is_whole_and_says_what_it_is(world, exhibit):
    report = check(exhibit, world.signer.fingerprint)
    body = (world.package / MEMORY).read_bytes()
    assert report == {
        "schema": "amberlight.exhibit-report/1", "ok": True, "key": "confirmed", "kind": "drill", "case": "c-1",
        "entry": 3, "path": "exhibit/42.lime", "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(),
        "problems": [],
    }  # fmt: skip
    assert msgspec.convert(report, ExhibitReport, strict=True).ok
    assert (exhibit / "exhibit/42.lime").read_bytes() == body
    assert check(exhibit)["key"] == "unconfirmed"
    resum(exhibit)
    assert check(exhibit)["ok"]  # what the tests below recompute is what stood there


def test_nothing_of_other_items_is_in_it(world, exhibit):
    entries = [json.loads(line) for line in (world.package / "custody/ledger.jsonl").read_text().splitlines()]
    given = b"\n".join((exhibit / path).read_bytes() for path in files(exhibit) if path != "exhibit/42.lime")
    others = {
        e["what"][name] for e in entries if e["act"] == "acquired" and e["seq"] != 3 for name in ("path", "sha256")
    }
    sealed = {word for pair in entries[-1]["what"]["files"].items() for word in pair}
    own = {MEMORY, hashlib.sha256((exhibit / "exhibit/42.lime").read_bytes()).hexdigest()}
    key = hashlib.sha256((exhibit / "signing-key.pem").read_bytes()).hexdigest()
    words = (others | sealed) - own - {key, "verify.py"}  # the check says where it has its arithmetic from
    assert len(words) > 20
    assert [word for word in words if word.encode() in given] == []
    assert b'"sealed"' not in given.replace((exhibit / "check_exhibit.py").read_bytes(), b"")
    hashes = json.loads((exhibit / "proof.json").read_text())["hashes"]
    assert len(hashes) == 3  # of a ledger of 6 entries: hashes, not entries


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_flipped_bit_in_any_file_is_found(exhibit, place):
    for path in files(exhibit):
        whole = (exhibit / path).read_bytes()
        at = {"first": 0, "middle": len(whole) // 2, "last": len(whole) - 1}[place]
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[at] ^= 1 << bit
            (exhibit / path).write_bytes(flipped)
            assert check(exhibit)["ok"] is False, (path, at, bit)
        (exhibit / path).write_bytes(whole)
    assert check(exhibit)["ok"]


@pytest.mark.parametrize("path", ["entry.json", "proof.json", "checkpoint.json", "checkpoint.sig", "signing-key.pem",
                                  "exhibit/42.lime"])  # fmt: skip
def test_recomputed_sums_help_nobody(exhibit, path):
    whole = (exhibit / path).read_bytes()
    for at in (0, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        flipped = bytearray(whole)
        flipped[at] ^= 1
        (exhibit / path).write_bytes(flipped)
        resum(exhibit)
        assert check(exhibit)["ok"] is False, at


@pytest.mark.parametrize("parts", [
    ("proof.json",), ("entry.json",), ("exhibit/42.lime",), ("entry.json", "proof.json"), ("exhibit/42.lime", "proof.json"),
    ("exhibit/42.lime", "entry.json"),
])  # fmt: skip
def test_parts_of_another_exhibit_of_the_same_case_are_refused(world, exhibit, parts):
    for part in parts:
        there = world.other / part
        there = there if there.exists() else world.other / "exhibit/history.jsonl"
        shutil.copyfile(there, exhibit / part)
    resum(exhibit)
    assert named(exhibit) & {"proof.json", "exhibit"}


@pytest.mark.parametrize("change", [
    lambda proof: {**proof, "index": 2},
    lambda proof: {**proof, "size": 5},
    lambda proof: {**proof, "hashes": proof["hashes"][:-1]},
    lambda proof: {**proof, "hashes": [*proof["hashes"], "0" * 64]},
    lambda proof: {**proof, "hashes": proof["hashes"][::-1]},
    lambda proof: {**proof, "hashes": [7]},
    lambda proof: {**proof, "hashes": []},
    lambda proof: {**proof, "more": 1},
    lambda proof: {**proof, "schema": "x"},
])  # fmt: skip
def test_another_proof_is_refused(exhibit, change):
    proof = json.loads((exhibit / "proof.json").read_text())
    (exhibit / "proof.json").write_bytes(canonical(change(proof)))
    resum(exhibit)
    assert named(exhibit) == {"proof.json"}


def test_an_entry_of_another_act_proves_nothing(world, exhibit):
    line = (world.package / "custody/ledger.jsonl").read_bytes().splitlines()[0]
    (exhibit / "entry.json").write_bytes(line)
    resum(exhibit)
    assert "entry.json" in named(exhibit)


def test_a_thief_who_signs_anew_has_another_key(world, exhibit):
    thief = LocalSigner.create(exhibit.parent / "thief.pem")
    head = json.loads((exhibit / "checkpoint.json").read_text())
    data = canonical({**head, "key": thief.fingerprint})
    (exhibit / "checkpoint.json").write_bytes(data)
    (exhibit / "checkpoint.sig").write_bytes(thief.sign(data))
    (exhibit / "signing-key.pem").write_bytes(thief.public_pem)
    resum(exhibit)
    assert check(exhibit)["key"] == "unconfirmed"
    report = check(exhibit, world.signer.fingerprint)
    assert (report["ok"], report["key"]) == (False, "wrong")


@pytest.mark.parametrize("harm", ["added", "second", "missing", "none", "link", "folder", "linked folder", "huge"])
def test_files_that_have_no_place_are_named(exhibit, harm):
    if harm == "added":
        (exhibit / "note.txt").write_text("x")
    elif harm == "second":
        (exhibit / "exhibit/another").write_text("x")
    elif harm == "missing":
        (exhibit / "README.txt").unlink()
    elif harm == "none":
        (exhibit / "exhibit/42.lime").unlink()
    elif harm == "link":
        (exhibit / "README.txt").rename(exhibit.parent / "away")
        (exhibit / "README.txt").symlink_to(exhibit.parent / "away")
    elif harm == "folder":
        (exhibit / "entry.json").unlink()
        (exhibit / "entry.json").mkdir()
    elif harm == "linked folder":
        (exhibit / "exhibit").rename(exhibit.parent / "away")
        (exhibit / "exhibit").symlink_to(exhibit.parent / "away")
    else:
        (exhibit / "checkpoint.json").write_bytes(b"[" * 100_000)
    assert named(exhibit)


def test_the_copy_runs_alone(world, exhibit):
    def alone(*more):
        return subprocess.run([sys.executable, "-I", "-S", exhibit / "check_exhibit.py", *more], capture_output=True,
                              text=True, check=False, timeout=60)  # fmt: skip

    done = alone("--key", world.signer.fingerprint, "--json")
    assert (done.returncode, json.loads(done.stdout)["key"]) == (0, "confirmed")
    assert "DRILL" in alone().stdout
    (exhibit / "README.txt").write_text("x")
    assert alone().returncode == 4
    assert alone("--key", "abc").returncode == 2
    assert alone("/nowhere").returncode == 2


def code(module, name):
    """A function's code, whatever its docstring says."""
    made = ast.parse(inspect.getsource(getattr(module, name))).body[0]
    return ast.dump(ast.Module(body=made.body[1:], type_ignores=[])), ast.dump(made.args)


def test_what_it_shares_with_the_packages_verifier_is_the_same_code():
    shared = ("once", "integer", "no_fraction", "parse", "take", "double", "add", "key_point", "signature_numbers",
              "signed", "fingerprint_of", "shown")  # fmt: skip
    for name in shared:
        assert code(check_exhibit, name) == code(verify, name), name
    for name in ("P", "N", "B", "G", "SPKI", "ENTRY_FIELDS", "HEAD_FIELDS", "KINDS"):
        assert getattr(check_exhibit, name) == getattr(verify, name)


@pytest.mark.skipif(not shutil.which("openssl") or not shutil.which("sha256sum"), reason="no openssl or sha256sum")
@pytest.mark.parametrize("which", ["exhibit", "other"])
def test_the_commands_of_the_page_prove_it_without_us(world, which):
    folder = getattr(world, which)
    commands = re.findall(r"^    (.*)$", (folder / "README.txt").read_text(), re.MULTILINE)
    commands = [each for each in commands if not each.startswith(("python3", "openssl ts"))]
    done = subprocess.run(["sh", "-e", "-c", "\n".join(commands)], cwd=folder, capture_output=True, text=True, check=True,
                          timeout=60)  # fmt: skip
    said = done.stdout.splitlines()
    assert all(line.endswith(": OK") for line in said[:8])
    assert said[8].split()[0] == world.signer.fingerprint
    assert said[9] == "Verified OK"
    assert said[10].split()[0] == json.loads((folder / "entry.json").read_text())["what"]["sha256"]
    assert said[11] == json.loads((folder / "checkpoint.json").read_text())["root"]


def test_every_item_can_be_given_by_path_or_number(tmp_path):
    items = [("s", f"native/{n}/a file;$(touch x)`'\"", f"bytes {n}".encode()) for n in range(9)]
    world = World(tmp_path, files=items)
    package = Path(world.build().path)
    for row in json.loads((package / "report/evidence.json").read_text()):
        made = export(package, row["package_path"], tmp_path / row["id"], world.signer.fingerprint)
        assert (made["ok"], made["sha256"]) == (True, row["sha256"])
        again = export(package, str(made["entry"]), tmp_path / f"{row['id']}-again")
        assert again == {**made, "key": again["key"]}
        assert files(tmp_path / row["id"]) == files(tmp_path / f"{row['id']}-again")


@pytest.mark.parametrize("which, error", [
    ("report/evidence.json", NotPossible), ("custody/ledger.jsonl", NotPossible), ("data/nothing", ConfigError),
    ("../vault", ConfigError), ("0", ConfigError), ("99", ConfigError), ("", ConfigError),
])  # fmt: skip
def test_what_has_no_entry_of_its_own_is_not_given(world, tmp_path, which, error):
    with pytest.raises(error):
        export(world.package, which, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_is_not_in_order_gives_nothing(world, tmp_path):
    package = Path(shutil.copytree(world.package, tmp_path / "package"))
    with pytest.raises(IntegrityError):
        export(package, MEMORY, tmp_path / "out", "0" * 64)
    (package / HISTORY).write_bytes(b"x")
    with pytest.raises(IntegrityError):
        export(package, MEMORY, tmp_path / "out")
    with pytest.raises(ConfigError):
        export(world.package, MEMORY, package)
    with pytest.raises(ConfigError):
        export(world.package, MEMORY, tmp_path / "out", "abc")
    assert not (tmp_path / "out").exists()


def test_the_commands(world, tmp_path):
    out = tmp_path / "given"
    done = run(vault_command, "exhibit", world.package, MEMORY, "-o", out, "--key", world.signer.fingerprint)
    assert done.exception is None
    assert hashlib.sha256((world.package / MEMORY).read_bytes()).hexdigest() in done.output
    checked = run(verify_command, out, "--json", "--key", world.signer.fingerprint)
    assert (checked.return_value, json.loads(checked.stdout)["schema"]) == (0, "amberlight.exhibit-report/1")
    (out / "exhibit/42.lime").write_bytes(b"x")
    checked = run(verify_command, out)
    assert checked.return_value == 4
    assert "PROBLEM" in checked.output
    assert isinstance(run(verify_command, out, "--key", "abc").exception, ConfigError)
    assert isinstance(run(vault_command, "exhibit", tmp_path / "no", MEMORY, "-o", out).exception, ConfigError)


@pytest.mark.parametrize("stamped,size", [((4,), 4), ((4, 6), 6), ((1,), 6), ((), 6)])
def test_the_last_head_with_a_timestamp_is_given_with_it(tmp_path, stamped, size):
    made = World(tmp_path)
    tokens = {number: b"token %d" % number for number in stamped}
    extras = {f"custody/timestamps/{number:08d}.tsr": data for number, data in tokens.items()}
    package, out = Path(made.build(extras=extras).path), tmp_path / "far" / "away" / "exhibit"
    out.parent.mkdir(parents=True)
    (out.parent / ".exhibit.partial").mkdir()  # left by a run that was killed
    assert export(package, MEMORY, out)["ok"]
    assert json.loads((out / "checkpoint.json").read_text())["size"] == size
    assert (out / "checkpoint.json").read_bytes() == (package / f"custody/checkpoints/{size:08d}.json").read_bytes()
    given = out / "checkpoint.tsr"
    assert (given.read_bytes() if given.exists() else None) == tokens.get(size)
    assert [each.name for each in out.parent.iterdir()] == ["exhibit"]
    assert ("checkpoint.tsr" in (out / "README.txt").read_text()) or not given.exists()
    if given.exists():
        given.write_bytes(b"another")
        assert named(out) == {"SHA256SUMS"}


def test_an_exhibit_is_written_where_no_folder_is_yet(world, tmp_path):
    out = tmp_path / "new" / "place" / "exhibit"
    assert export(world.package, MEMORY, out)["ok"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(DeliveryError, match="could not be written"):
        export(world.package, MEMORY, tmp_path / "file" / "exhibit")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="there already"):
        export(world.package, MEMORY, tmp_path / "link")


def test_what_is_wrong_is_said_of_the_file_that_it_is_wrong_with(exhibit):
    def said():
        return {each["path"]: each["problem"] for each in check(exhibit)["problems"]}

    (exhibit / "note.txt").write_text("x")
    assert said() == {"note.txt": "was added: no exhibit has it"}
    (exhibit / "note.txt").unlink()
    (exhibit / "README.txt").unlink()
    assert said()["README.txt"] == "is missing"
    shutil.rmtree(exhibit / "exhibit")
    assert "cannot be listed: No such file" in check(exhibit)["problems"][0]["problem"]
    assert check(exhibit)["problems"][0]["path"] == "exhibit"
    (exhibit / "exhibit").write_text("x")
    assert check(exhibit)["problems"][0] == {"path": "exhibit", "problem": "cannot be listed: is no folder"}
    assert check(exhibit.parent / "nowhere")["problems"][0]["path"] == "."


def test_of_very_many_files_only_some_are_looked_at(exhibit):
    for number in range(300):
        (exhibit / f"exhibit/{number:03d}").write_text("x")
    report = check(exhibit)
    assert next(each["problem"] for each in report["problems"] if each["path"] == "exhibit").endswith("and holds 101")


def test_a_file_of_another_size_than_the_entry_says_is_refused(world, tmp_path):
    """Where the entry has a size, it counts; where it has none, the hash is enough."""
    whole = Exhibit(str(world.exhibit))
    assert whole.run()["ok"]
    for size, good in ((whole.bytes, True), (whole.bytes + 1, False), (True, False)):
        whole.entry["what"]["size_bytes"] = size
        if good:
            whole.check_file()
        else:
            with pytest.raises(check_exhibit.Bad, match="as many bytes"):
                whole.check_file()


def test_what_changes_between_hashing_and_reading_is_named(world, exhibit):
    opened = Exhibit(str(exhibit))
    opened.walk()
    (exhibit / "entry.json").write_bytes(b"{}")
    with pytest.raises(check_exhibit.Bad, match="changed while"):
        opened.read("entry.json")
    with pytest.raises(check_exhibit.Bad, match="missing"):
        opened.read("more.json")
    with pytest.raises(check_exhibit.Bad, match="too large"):
        opened.read("README.txt", 10)
    size = (exhibit / "README.txt").stat().st_size
    assert len(opened.read("README.txt", size)) == size


def test_what_does_not_check_out_is_not_left_there(world, tmp_path, monkeypatch):
    monkeypatch.setattr(Exhibit, "run", lambda _: {"ok": False})
    with pytest.raises(IntegrityError):
        export(world.package, MEMORY, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_of_what_cannot_be_read_nothing_is_claimed(exhibit):
    for path in ("entry.json", "checkpoint.json"):
        (exhibit / path).write_bytes(b"{}")
    report = check(exhibit)
    assert (report["entry"], report["case"], report["kind"]) == (-1, "", "unknown")
    shutil.rmtree(exhibit / "exhibit")
    assert (check(exhibit)["path"], check(exhibit)["bytes"], check(exhibit)["sha256"]) == ("", 0, "")


def test_pipes_and_links_are_named_and_never_read(exhibit):
    (exhibit / "README.txt").unlink()
    os.mkfifo(exhibit / "README.txt")
    assert {"path": "README.txt", "problem": "is no file"} in check(exhibit)["problems"]
    (exhibit / "README.txt").unlink()
    (exhibit / "README.txt").symlink_to(exhibit / "entry.json")
    said = next(each["problem"] for each in check(exhibit)["problems"] if each["path"] == "README.txt")
    assert said.startswith("cannot be read: ")


def test_a_name_that_is_no_text_is_checked_like_any_other(exhibit):
    (exhibit / "exhibit/42.lime").rename(os.fsdecode(os.fsencode(exhibit / "exhibit") + b"/\xff.lime"))
    report = check(exhibit)
    assert named(exhibit) == {"SHA256SUMS"}
    assert report["path"] == "exhibit/\udcff.lime"
    rows = (exhibit / "SHA256SUMS").read_bytes().replace(b"42.lime", b"\xff.lime").splitlines(keepends=True)
    (exhibit / "SHA256SUMS").write_bytes(b"".join(sorted(rows, key=lambda row: row[66:])))
    assert check(exhibit)["ok"]


def test_a_package_that_changes_while_it_is_read_gives_nothing(world, tmp_path):
    package = Path(shutil.copytree(world.package, tmp_path / "package"))
    source = verify.Verifier(str(package))
    assert source.run()["ok"]
    assert _read(source, "custody/signing-key.pem") == world.signer.public_pem
    (package / "custody/signing-key.pem").write_bytes(b"x")
    with pytest.raises(IntegrityError, match="changed while"):
        _read(source, "custody/signing-key.pem")


def forged(exhibit, **change):
    """An exhibit of a ledger with one entry, signed by somebody: consistent in itself."""
    thief = LocalSigner(exhibit.parent / "thief.pem")
    entry = {**json.loads((exhibit / "entry.json").read_text()), "seq": 0, **change}
    (exhibit / "entry.json").write_bytes(canonical(entry))
    top = hashlib.sha256(b"\0" + canonical(entry)).hexdigest()
    head = {**json.loads((exhibit / "checkpoint.json").read_text()), "size": 1, "root": top, "key": thief.fingerprint}
    head |= {name: entry[name] for name in ("case", "kind")}
    (exhibit / "checkpoint.json").write_bytes(canonical(head))
    (exhibit / "checkpoint.sig").write_bytes(thief.sign(canonical(head)))
    (exhibit / "signing-key.pem").write_bytes(thief.public_pem)
    proof = {"schema": "amberlight.exhibit/1", "index": 0, "size": 1, "hashes": []}
    (exhibit / "proof.json").write_bytes(canonical(proof))
    resum(exhibit)


def test_an_entry_of_a_kind_that_is_none_is_refused_though_all_is_signed(exhibit):
    LocalSigner.create(exhibit.parent / "thief.pem")
    for change, good in (
        ({}, True),
        ({"kind": "incident"}, True),
        ({"kind": "other"}, False),
        ({"act": "sealed"}, False),
    ):
        forged(exhibit, **{"kind": "drill", "act": "acquired", **change})
        if good:
            assert check(exhibit)["ok"]
        else:
            assert named(exhibit) == {"entry.json", "proof.json", "exhibit"}


def test_the_steps_of_the_page_lead_to_the_root_in_every_ledger():
    hashes = [tree.leaf(b"%d" % number) for number in range(20)]
    for size in range(1, 21):
        for index in range(size):
            top = hashes[index]
            for left, sibling in steps(index, size, proofs.inclusion(hashes[:size], index)):
                top = tree.node(sibling, top) if left else tree.node(top, sibling)
            assert top == proofs.root(hashes[:size])


@pytest.mark.parametrize(
    "rows", ["{", "7", "[7]", '[{"path": "x"}]', '[{"package_path": [], "path": "x", "sha256": "y"}]']
)
def test_a_list_of_items_that_is_none_is_named_though_somebody_signed_it(world, tmp_path, rows):
    package = Path(shutil.copytree(world.package, tmp_path / "p"))
    write(package / "report/evidence.json", rows)
    resign(package, LocalSigner.create(tmp_path / "key.pem"))
    with pytest.raises(IntegrityError, match="is no list of the package's items"):
        export(package, MEMORY, tmp_path / "out")
    assert not (tmp_path / "out").exists()
