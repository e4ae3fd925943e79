"""The folder itself: bagit, sha256sum and openssl agree with its seal, and every report is what it claims to be."""

import csv
import hashlib
import json
import shutil
from pathlib import Path

import jsonschema
import pytest

SCHEMAS = Path(__file__).parent.parent.parent / "docs/reference/schemas"


def no_number(text):
    raise ValueError(f"{text} is no JSON")


def once(pairs):
    """An object in which no name stands twice: readers differ on which of them counts."""
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), names
    return dict(pairs)


def strict(text):
    return json.loads(text, parse_constant=no_number, object_pairs_hook=once)


def schema(name):
    document = strict((SCHEMAS / f"{name}.json").read_text())
    return jsonschema.Draft202012Validator(document)


def test_bagit_finds_the_bag_valid(run, package):
    done = run("bagit.py", "--validate", package, tool="bagit")
    assert "is valid" in done.stdout + done.stderr


@pytest.mark.parametrize("harm", ["changed", "added", "removed"])
def test_bagit_refuses_the_bag_when_one_file_is(harm, run, package, tmp_path):
    bag = tmp_path / "bag"
    shutil.copytree(package, bag)
    victim = next(path for path in sorted(bag.glob("data/**/*")) if path.is_file())
    if harm == "changed":
        victim.write_bytes(victim.read_bytes()[:-1] + b"\x00")
    elif harm == "removed":
        victim.unlink()
    else:
        (victim.parent / "more.json").write_text("{}")
    told = run("bagit.py", "--validate", bag, tool="bagit", status=1)
    assert "is invalid" in told.stdout + told.stderr


def test_coreutils_agree_with_every_manifest(run, package):
    for program, name in (
        ("sha256sum", "manifest-sha256.txt"),
        ("sha512sum", "manifest-sha512.txt"),
        ("sha256sum", "tagmanifest-sha256.txt"),
    ):
        told = run(program, "--strict", "-c", name, cwd=package).stdout.splitlines()
        assert len(told) == len((package / name).read_text().splitlines()) > 0
        assert all(line.endswith(": OK") for line in told)


def test_openssl_accepts_every_checkpoint_and_no_other_bytes(run, package, tmp_path):
    heads = sorted((package / "custody/checkpoints").glob("*.json"))
    key = package / "custody/signing-key.pem"
    assert heads
    for head in heads:
        words = ("openssl", "dgst", "-sha256", "-verify", key, "-signature", head.with_suffix(".sig"))
        assert run(*words, head).stdout == "Verified OK\n"
        (tmp_path / "other.json").write_bytes(head.read_bytes().replace(b'"size":', b'"size": '))
        run(*words, tmp_path / "other.json", status=1)


def test_openssl_and_the_last_checkpoint_name_one_key_and_one_ledger(run, package, tmp_path):
    run(
        "openssl",
        "pkey",
        "-pubin",
        "-in",
        package / "custody/signing-key.pem",
        "-outform",
        "DER",
        "-out",
        tmp_path / "k",
    )
    fingerprint = hashlib.sha256((tmp_path / "k").read_bytes()).hexdigest()
    head = strict(max((package / "custody/checkpoints").glob("*.json")).read_text())
    ledger = (package / "custody/ledger.jsonl").read_bytes().splitlines()
    assert head["key"] == fingerprint
    assert head["size"] == len(ledger)
    assert head["last"] == hashlib.sha256(ledger[-1]).hexdigest()


def test_every_report_is_json_that_all_readers_take_alike(package):
    read = 0
    for folder in ("report", "custody", "data"):
        for place in sorted((package / folder).rglob("*.json*")):
            if place.suffix == ".json":
                strict(place.read_text(encoding="utf-8"))
            elif place.suffix == ".jsonl":
                for line in place.read_text(encoding="utf-8").split("\n")[:-1]:
                    strict(line)
            else:
                continue
            read += 1
    assert read


def test_records_keep_to_their_published_schemas(package):
    schema("capture-plan").validate(strict((package / "report/capture-plan.json").read_text()))
    for line in (package / "custody/ledger.jsonl").read_text().splitlines():
        schema("ledger-entry").validate(strict(line))
    for place in (package / "custody/checkpoints").glob("*.json"):
        schema("checkpoint").validate(strict(place.read_text()))
    for item in strict((package / "report/evidence.json").read_text()):
        assert item.pop("package_path") == f"data/{item['path']}"
        schema("evidence").validate(item)


def test_the_table_of_custody_has_a_row_for_every_entry(package):
    with (package / "custody/chain-of-custody.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    entries = [strict(line) for line in (package / "custody/ledger.jsonl").read_text().splitlines()]
    listed = [entry for entry in entries if entry["act"] != "sealed"]
    assert [(row["no"], row["act"]) for row in rows] == [(str(entry["seq"]), entry["act"]) for entry in listed]
