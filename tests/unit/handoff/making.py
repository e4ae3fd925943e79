"""A small case with evidence in a folder store, and a package of it."""

import gzip
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import structs, to_builtins

from amberlight.handoff.package import build
from amberlight.model.codec import canonical
from amberlight.model.custody import Attempt
from amberlight.model.evidence import ApiCall, CapturePlan, Evidence, Gap
from amberlight.model.signals import Case, Decision, Reason, Suspicion, Target
from amberlight.vault import FolderStore, Ledger, LocalSigner
from amberlight.vault.verify import Tree

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ACCOUNT = "111122223333"
INSTANCE = Target(type="instance", account=ACCOUNT, region="eu-central-1", name="i-0abc")


class StillClock:
    """Every look at it is a millisecond later."""

    def __init__(self):
        self.ticks = 0

    def now(self):
        self.ticks += 1
        return NOW + timedelta(milliseconds=self.ticks)

    def monotonic(self):
        return self.ticks / 1000

    def sleep(self, seconds):
        self.ticks += int(seconds * 1000)


def record(number, **more):
    return {
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/ci", "accessKeyId": "AKIAEXAMPLE"},
        "eventTime": f"2026-11-24T02:00:{number % 60:02d}Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateAccessKey",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "=cmd|' /C calc'!A0",
        "requestParameters": {"userName": "admin"},
        "eventID": f"e{number}",
        "readOnly": False,
        **more,
    }


def trail_file(records):
    return gzip.compress(json.dumps({"Records": records}).encode(), mtime=0)


def history(records):
    items = ({"EventId": r["eventID"], "Username": "ci", "Resources": [{"ResourceType": "AWS::IAM::User"}],
              "CloudTrailEvent": json.dumps(r)} for r in records)  # fmt: skip
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def case_of(kind="drill"):
    suspicion = Suspicion(
        id="s1",
        page=True,
        severity="high",
        score=80.0,
        principals=(f"arn:aws:iam::{ACCOUNT}:user/<script>alert(1)</script>",),
        addresses=("198.51.100.7",),
        first=NOW,
        last=NOW,
        techniques=("T1078",),
        reasons=(Reason(points=40.0, text="a key was made | [x](javascript:1)", rule="new-key"),),
        event_ids=("e1",),
    )
    decision = Decision(suspicion="s1", verdict="promoted", by="ada", authority="plan", when=NOW, reason="real")
    return Case(
        id="c-1", kind=kind, severity="high", opened=NOW, suspicion=suspicion, decision=decision, targets=(INSTANCE,)
    )


def plan_of(kind="drill"):
    return CapturePlan(
        schema="amberlight.capture-plan/1", case="c-1", kind=kind, hash="0" * 64, made=NOW, since=NOW, until=NOW,
        regions=("eu-central-1",), max_seen=2, steps=(), visible=(), gaps=(),
    )  # fmt: skip


CALL = ApiCall(operation="ec2.DescribeInstances", principal="p", account=ACCOUNT, region="r", when=NOW, took_ms=1.5,
               status=200, request_id="r1")  # fmt: skip


class World:
    """A store, a signer, a ledger with some acts, and evidence."""

    def __init__(self, folder: Path, files=None, kind="drill", case="c-1"):
        self.clock = StillClock()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.kind = kind
        self.store = FolderStore(folder / "vault", self.clock)
        self.signer = LocalSigner.create(folder / "key.pem")
        self.ledger = Ledger(self.store, self.signer, case_id=case, kind=kind, clock=self.clock, actor="ada",
                             authority="plan", tool="amberlight 0.1.0")  # fmt: skip
        self.ledger.append("opened", {"suspicion": "s1"})
        self.ledger.checkpoint()
        self.evidence = []
        for source, path, data in files if files is not None else self.usual():
            self.take(source, path, data)
        self.ledger.checkpoint()

    @staticmethod
    def usual():
        yield "api_calls.trail_files", "native/1/AWSLogs/x.json.gz", trail_file([record(n) for n in range(5)])
        yield "api_calls.event_history", "native/1/history.jsonl", history([record(n) for n in range(3)])
        yield "memory.linux_process", "memory/i-0abc/42.lime", bytes(range(256)) * 40

    def take(self, source, path, data):
        stored = self.store.put(f"cases/c-1/evidence/{path}", [data])
        number = len(self.evidence) + 1
        self.evidence.append(Evidence(
            id=f"E{number}", case="c-1", kind=self.kind, step="s", source=source, target=INSTANCE, path=path,
            key=stored.key, version=stored.version, size_bytes=stored.size_bytes, sha256=stored.sha256,
            sha512=stored.sha512, media_type="application/octet-stream", started=NOW, sealed=NOW, retain_until=None,
            facts={"took_s": 1.5}, calls=(structs.replace(CALL, request_id=f"r{number}"),),
        ))  # fmt: skip
        what = {"item": f"E{number}", "id": f"E{number}", "path": path, "sha256": stored.sha256}
        self.ledger.append("acquired", what | {"calls": to_builtins(self.evidence[-1].calls)})

    def build(self, name="package", **more):
        gap = Gap(source="packets.tcpdump", target="instance/i-0abc", account=ACCOUNT, region="r", state="denied",
                  reason="no <b>rights</b>")  # fmt: skip
        attempt = Attempt(role="prod root", action="delete", refused=True, answer="AccessDenied: no", request_id="r2")
        usual = {
            "case": case_of(self.kind), "plan": plan_of(self.kind), "evidence": tuple(self.evidence), "gaps": (gap,),
            "attempts": (attempt,), "store": self.store, "ledger": self.ledger, "signer": self.signer,
            "clock": self.clock, "extras": {},
        }  # fmt: skip
        return build(self.folder / name, **usual | more)


def files(package):
    return sorted(each.relative_to(package).as_posix() for each in package.rglob("*") if each.is_file())


def write(place, text):
    """Write a file anew: the copies share their bytes with the original."""
    place.unlink(missing_ok=True)
    place.write_text(text)


def remake_manifests(package):
    """What an intruder without the key can do: every manifest, freshly computed."""
    for name in ("sha256", "sha512"):
        lines = [f"{hashlib.new(name, (package / path).read_bytes()).hexdigest()}  {path}\n"
                 for path in files(package) if path.startswith("data/")]  # fmt: skip
        write(package / f"manifest-{name}.txt", "".join(lines))
    tags = [path for path in files(package) if not path.startswith("data/") and path != "tagmanifest-sha256.txt"]
    lines = [f"{hashlib.sha256((package / path).read_bytes()).hexdigest()}  {path}\n" for path in tags]
    write(package / "tagmanifest-sha256.txt", "".join(lines))


def resign(package, signer, change=lambda entry: entry):
    """What an intruder with a key of their own can do: everything."""
    entries = [json.loads(line) for line in (package / "custody/ledger.jsonl").read_bytes().splitlines()]
    write(package / "custody/signing-key.pem", signer.public_pem.decode())
    tree, previous, out, made = Tree(), "0" * 64, [], {}
    for number, entry in enumerate(entries, 1):
        if entry["act"] == "sealed":
            for path in entry["what"]["files"]:
                entry["what"]["files"][path] = hashlib.sha256((package / path).read_bytes()).hexdigest()
            entry["what"]["checkpoints"] = {f"{n:08d}": hashlib.sha256(made[n]).hexdigest() for n in made}
            entry = change(entry)  # noqa: PLW2901 - the change is the point
        line = canonical(entry | {"previous": previous})
        previous = hashlib.sha256(line).hexdigest()
        tree.add(line)
        out.append(line + b"\n")
        place = package / f"custody/checkpoints/{number:08d}.json"
        if place.exists():
            head = json.loads(place.read_bytes())
            head |= {"root": tree.root(), "last": previous, "key": signer.fingerprint}
            made[number] = canonical(head)
            write(place, made[number].decode())
            place.with_suffix(".sig").unlink()
            place.with_suffix(".sig").write_bytes(signer.sign(made[number]))
    write(package / "custody/ledger.jsonl", b"".join(out).decode())
    remake_manifests(package)
