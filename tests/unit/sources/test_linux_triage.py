"""The triage script on a folder that stands for a host, with one process of its own."""

import hashlib
import json
import os
import tarfile
from pathlib import Path

import guests
import pytest


def taken(path):
    """Members by name, and the tables by theirs."""
    with tarfile.open(path) as archive:
        found = {one.name: archive.extractfile(one).read() for one in archive if one.isfile()}
    tables = {
        name[len("triage/") : -len(".jsonl")]: [json.loads(line) for line in data.decode().splitlines()]
        for name, data in found.items()
        if name.endswith(".jsonl") and name.startswith("triage/")
    }
    return found, tables


@pytest.fixture
def report(host, beacon, tmp_path):
    return guests.run("linux_triage", tmp_path / "t.tar", root=host)


def test_the_process_its_program_and_its_connection_are_in_it(report, host, beacon, tmp_path):
    _, tables = taken(tmp_path / "t.tar")
    (row,) = tables["processes"]
    assert row["pid"] == beacon.pid
    assert row["ppid"] == os.getpid()
    assert row["ours"] is False
    assert row["cmdline"][1].endswith("/var/tmp/.font-unix/fontsync")
    assert row["environment"] == ["BEACON_HOME=/var/tmp/.font-unix"]
    with Path(f"/proc/{beacon.pid}/exe").open("rb") as program:
        assert row["exe_sha256"] == hashlib.file_digest(program, "sha256").hexdigest()
    (line,) = [one for one in tables["sockets"] if one["family"] == "tcp"]
    assert line["remote"] == f"127.0.0.1:{beacon.args[-1]}"
    assert line["state"] == 1
    assert line["pids"] == [beacon.pid]
    assert {one["pid"] for one in tables["open_files"]} == {beacon.pid}


def test_files_lie_under_their_real_paths_with_owner_rights_and_times(report, host, tmp_path):
    found, _ = taken(tmp_path / "t.tar")
    for name in ("etc/passwd", "etc/cron.d/sync", "root/.bash_history", "home/ec2-user/.ssh/authorized_keys"):
        assert found[name] == (host / name).read_bytes()
    with tarfile.open(tmp_path / "t.tar") as archive:
        member, about = archive.getmember("etc/passwd"), (host / "etc/passwd").stat()
    assert (member.uid, member.mode) == (about.st_uid, about.st_mode & 0o7777)
    assert member.mtime == int(about.st_mtime)


def test_a_script_that_runs_from_a_writable_place_is_copied_and_listed_with_its_hash(report, host, tmp_path):
    found, tables = taken(tmp_path / "t.tar")
    script = (host / "var/tmp/.font-unix/fontsync").read_bytes()
    assert found["var/tmp/.font-unix/fontsync"] == script
    row = next(one for one in tables["temporary_files"] if one["path"] == "/var/tmp/.font-unix/fontsync")
    assert row["sha256"] == hashlib.sha256(script).hexdigest()


def test_nothing_outside_the_host_is_in_it(report, tmp_path):
    found, tables = taken(tmp_path / "t.tar")
    assert "etc/shadow" not in found
    assert len(tables["processes"]) == report["facts"]["processes"] == 1


def test_the_report_matches_the_archive_and_says_what_changed(report, tmp_path):
    data = (tmp_path / "t.tar").read_bytes()
    assert report["sha256"] == hashlib.sha256(data).hexdigest()
    assert report["size_bytes"] == len(data)
    with tarfile.open(tmp_path / "t.tar") as archive:
        assert report["facts"]["members"] == len(archive.getnames())
    assert any("process of our own" in text for text in report["changed"])


def test_the_time_of_last_access_stays(host, tmp_path):
    place = host / "root/.bash_history"
    os.utime(place, (1_000_000_000, 1_700_000_000))
    guests.run("linux_triage", tmp_path / "t.tar", root=host)
    assert place.stat().st_atime == 1_000_000_000


def test_hostile_names_and_large_files_do_no_harm(host, tmp_path):
    (host / "tmp/\x1b[2Jx\n.sh").write_text("#!/bin/sh\n")
    (host / "tmp/broken-link").symlink_to("/nowhere")
    (host / "etc/cron.d/fifo").unlink(missing_ok=True)
    os.mkfifo(host / "etc/cron.d/fifo")
    with (host / "root/.zsh_history").open("wb") as large:
        large.truncate((4 << 20) + 1)
    report = guests.run("linux_triage", tmp_path / "t.tar", root=host)
    found, tables = taken(tmp_path / "t.tar")
    assert report["facts"]["left_out"] == 1
    assert "root/.zsh_history" not in found
    assert "etc/cron.d/fifo" not in found
    assert {one["path"] for one in tables["temporary_files"]} >= {"/tmp/\x1b[2Jx\n.sh", "/tmp/broken-link"}


def test_a_name_that_is_no_text_is_listed_too(host, tmp_path):
    (host / "tmp" / os.fsdecode(b"\xff\xfe.py")).write_text("#!/usr/bin/python3\n")
    report = guests.run("linux_triage", tmp_path / "t.tar", root=host)
    assert report["ok"] is True
    assert report["facts"]["temporary_files"] == 3


def test_links_are_links_and_none_leads_into_a_folder(host, tmp_path):
    (host / "usr/lib").mkdir()
    (host / "usr/lib/os-release").write_text("ID=debian\n")
    (host / "etc/os-release").symlink_to("../usr/lib/os-release")
    wants = host / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "sync.service").symlink_to("/etc/systemd/system/sync.service")
    (host / "etc/systemd/system/aside.wants").symlink_to("../../cron.d")
    guests.run("linux_triage", tmp_path / "t.tar", root=host)
    with tarfile.open(tmp_path / "t.tar") as archive:
        members = archive.getmembers()
        found = {one.name: one.linkname for one in members if one.issym()}
        assert archive.extractfile("etc/os-release").read() == b"ID=debian\n"
    assert found == {
        "etc/os-release": "../usr/lib/os-release",
        "etc/systemd/system/multi-user.target.wants/sync.service": "/etc/systemd/system/sync.service",
    }
    assert all(one.issym() for one in members[-len(found) :])


def test_the_folders_below_the_root_are_in_it_as_they_are(host, tmp_path):
    (host / "run").mkdir(mode=0o750)
    (host / "bin").symlink_to("usr/bin")
    guests.run("linux_triage", tmp_path / "t.tar", root=host)
    with tarfile.open(tmp_path / "t.tar") as archive:
        folders = {one.name: one.mode for one in archive if one.isdir()}
    assert set(folders) == {"etc", "home", "root", "run", "tmp", "usr", "var"}
    assert folders["run"] == 0o750
