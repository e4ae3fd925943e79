"""The vault on the lab under load: twenty writers in processes and threads, and an upload that is killed."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from lab_tools import client, unique

from amberlight._aws import Credentials, Sessions
from amberlight.vault import Ledger, LocalSigner, S3Store

pytestmark = pytest.mark.lab
PROCESSES, THREADS, ACTS = 4, 5, 5
MIB = 1 << 20
SIZE = 40 * MIB

COMMON = """
import json, sys, threading
from pathlib import Path
from amberlight._aws import Credentials, Sessions
from amberlight.vault import Ledger, LocalSigner, S3Store
place = json.loads(sys.argv[1])
keys = Credentials(access_key_id=place["id"], secret_access_key=place["secret"])
sessions = Sessions(region=place["region"], endpoint=place["endpoint"], credentials=keys)
door = sessions.door("1")
def store(**more):
    return S3Store(door, door, place["bucket"], sessions.clock, must_lock=False, **more)
"""
WRITER = """
signer = LocalSigner(Path(place["key"]))
def write(actor):
    book = Ledger(store(), signer, case_id="load", kind="drill", clock=sessions.clock, actor=actor, authority="p", tool="t")
    for n in range(place["acts"]):
        done.append([book.append("acquired", {"n": n}).seq, actor, n])
done = []
threads = [threading.Thread(target=write, args=(f"{sys.argv[2]}.{n}",)) for n in range(place["threads"])]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(done))
"""
UPLOAD = """
import os, signal
def chunks():
    for number in range(40):
        if number == 30 and sys.argv[2] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        yield bytes([number]) * (1 << 20)
stored = store(notes=Path(place["notes"])).put("big", chunks())
sent = [call for call in sessions.journal.calls() if call.operation == "s3.UploadPart"]
print(json.dumps([len(sent), stored.sha256]))
"""


@pytest.fixture
def place(lab, vault, tmp_path):
    bucket = unique("load")
    client(lab, "s3", vault.admin).create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    LocalSigner.create(tmp_path / "key")
    return {"endpoint": lab.endpoint, "region": lab.region, "id": vault.admin.access_key_id, "bucket": bucket,
            "secret": vault.admin.secret_access_key, "key": str(tmp_path / "key"), "notes": str(tmp_path / "notes"),
            "acts": ACTS, "threads": THREADS}  # fmt: skip


def child(code, place, word):
    return subprocess.Popen([sys.executable, "-c", COMMON + code, json.dumps(place), word], stdout=subprocess.PIPE)


@pytest.mark.proves("s3.ListObjectVersions")
def test_twenty_writers_at_once_lose_nothing_and_fork_nothing(place):
    children = [child(WRITER, place, f"p{number}") for number in range(PROCESSES)]
    answers = [each.communicate()[0] for each in children]
    assert [each.returncode for each in children] == [0] * PROCESSES
    done = {(seq, actor, n) for answer in answers for seq, actor, n in json.loads(answer)}
    assert len(done) == PROCESSES * THREADS * ACTS
    keys = Credentials(access_key_id=place["id"], secret_access_key=place["secret"])
    sessions = Sessions(region=place["region"], endpoint=place["endpoint"], credentials=keys)
    door = sessions.door("1")
    store = S3Store(door, door, place["bucket"], sessions.clock, must_lock=False)
    book = Ledger(store, LocalSigner(Path(place["key"])), case_id="load", kind="drill",
                  clock=sessions.clock, actor="reader", authority="p", tool="t")  # fmt: skip
    entries = book.entries()
    assert [entry.seq for entry in entries] == list(range(len(done)))
    assert {(entry.seq, entry.actor, entry.what["n"]) for entry in entries} == done


def test_an_upload_that_was_killed_goes_on_where_it_was(place):
    killed = child(UPLOAD, place, "kill")
    killed.communicate()
    assert killed.returncode == -9
    resumed = child(UPLOAD, place, "go on")
    sent, sha256 = json.loads(resumed.communicate()[0])
    # Five parts of 8 MiB: of the three that were begun before the kill at least the first had to be confirmed.
    assert 2 <= sent <= 4
    whole = hashlib.sha256()
    for number in range(SIZE // MIB):
        whole.update(bytes([number]) * MIB)
    assert sha256 == whole.hexdigest()
