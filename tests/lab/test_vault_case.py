"""`amberlight vault hold | statement | release | verify` on the lab, as a person types them, and what an intruder may leave."""

import contextlib
import json
import shutil
import subprocess

import pytest
from click.testing import CliRunner
from msgspec import structs

from amberlight import plan as plans
from amberlight._aws import Sessions, SystemClock
from amberlight.cli.vault import command
from amberlight.model.case_check import CaseCheck
from amberlight.model.codec import loads, to_builtins
from amberlight.model.errors import ApprovalMissing, ConfigError, CredentialsError, NotPossible
from amberlight.model.evidence import Evidence, Target
from amberlight.model.response_plan import TimestampPlan, WitnessPlan
from amberlight.practice import proving, stage
from amberlight.response.doors import open_doors
from amberlight.response.keeping import Keeping
from amberlight.response.ledgers import reopened
from amberlight.vault import KmsSigner, Ledger, S3Store, retention
from amberlight.vault.people import NAMESPACE
from authority import Authority

pytestmark = pytest.mark.lab
CLOCK = SystemClock()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A vault on the lab; its plan is `amberlight.yaml` in `folder`."""
    from amberlight.lab import LabOptions, start

    folder = tmp_path_factory.mktemp("case")
    with start(LabOptions(workdir=folder / "lab", seed=7, hosts="processes")) as lab:
        made = proving.build(lab, folder, CLOCK, "first")
        lock = retention.default_lock("incident")
        made.doors["vault deployer"].call(
            "s3.PutObjectLockConfiguration", Bucket=made.names.bucket, ObjectLockConfiguration=lock
        )
        yield made, folder


@pytest.fixture
def run(place, monkeypatch, tmp_path):
    """Run a command with the hub's keys; `person` is a profile with the deployer's."""
    made, folder = place
    keys = made.doors["vault deployer"]._credentials
    config = tmp_path / "config"
    config.write_text(
        f"[profile person]\naws_access_key_id={keys.access_key_id}\n"
        f"aws_secret_access_key={keys.secret_access_key}\naws_session_token={keys.session_token}\n"
    )
    for name, value in {
        "AWS_ACCESS_KEY_ID": made.hub.access_key_id,
        "AWS_SECRET_ACCESS_KEY": made.hub.secret_access_key,
        "AWS_ENDPOINT_URL": made.ground.lab.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(config),
    }.items():
        monkeypatch.setenv(name, value)

    def run(*argv, plan=folder / "amberlight.yaml"):
        given = [*map(str, argv), "--plan", str(plan)]
        return CliRunner().invoke(command, given, standalone_mode=False)

    return run


def vault_of(made):
    doors = made.doors
    store = S3Store(doors["vault writer"], doors["vault examiner"], made.names.bucket, CLOCK)
    return store, KmsSigner(doors["vault signer"], made.target.signing_key)


def ledger_of(made, case, kind="incident"):
    store, signer = vault_of(made)
    return store, Ledger(store, signer, case_id=case, kind=kind, clock=CLOCK, actor="a", authority="b", tool="c")


def case_with_two_items(place, case, kind="incident"):
    store, ledger = ledger_of(place[0], case, kind)
    ledger.append("opened", {})
    for name in ("one", "two"):
        stored = store.put(f"cases/{case}/evidence/{name}", [name.encode()])
        item = Evidence(
            id=name, case=case, kind=kind, step="s", source="x.y", path=name, key=stored.key, version=stored.version,
            target=Target(type="account", account="1" * 12, region="us-east-1", name="1" * 12),
            size_bytes=stored.size_bytes, sha256=stored.sha256, sha512=stored.sha512, media_type="text/plain",
            started=CLOCK.now(), sealed=CLOCK.now(), retain_until=stored.retain_until,
        )  # fmt: skip
        ledger.append("acquired", to_builtins(item))
    ledger.checkpoint()
    return store, ledger


def report_of(run, case):
    done = run("verify", case, "--json")
    assert done.exception is None, done.exception
    return done.return_value, loads(done.output.encode(), CaseCheck)


def evidence(report):
    return [each for each in report.objects if "/evidence/" in each.key]


@contextlib.contextmanager
def walls_down(made):
    """The bucket without its policy, as after somebody with the deployer's keys; put back afterwards."""
    door, bucket = made.doors["vault deployer"], made.names.bucket
    standing = door.call("s3.GetBucketPolicy", Bucket=bucket)["Policy"]
    kept = [each for each in json.loads(standing)["Statement"] if each["Sid"] == "NobodyRemovesTheBucket"]
    door.call("s3.PutBucketPolicy", Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": kept}))
    try:
        yield
    finally:
        door.call("s3.PutBucketPolicy", Bucket=bucket, Policy=standing)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_timestamps_that_are_owed_are_asked_for_once_more(place, run, tmp_path):
    _, ledger = case_with_two_items(place, "owed")
    assert isinstance(run("timestamps", "owed").exception, ConfigError)  # the plan lets nobody be asked

    authority = Authority(tmp_path)
    plan = plans.load(place[1] / "amberlight.yaml")
    asks = structs.replace(plan.vault, timestamps=TimestampPlan(url=authority.url, when="after-case"))
    path = tmp_path / "amberlight.yaml"
    path.write_text(plans.dump(structs.replace(plan, vault=asks)))
    authority.mode = "garbage"
    refused = run("timestamps", "owed", plan=path)
    assert (refused.return_value, refused.stdout.count("owed: checkpoint")) == (3, 1)
    authority.mode = "honest"
    assert run("timestamps", "owed", plan=path).return_value == 0
    authority.close()
    assert run("timestamps", "owed", plan=path).return_value == 0  # nothing is owed, so nobody is asked

    acts = [each.act for each in reopened(*vault_of(place[0]), "owed", CLOCK, "test").entries()]
    assert acts[len(ledger.entries()) :] == ["timestamp-missed", "timestamped"]
    assert report_of(run, "owed")[0] == 0


def test_a_case_is_held_once_checked_and_let_go_by_two_people(place, run, tmp_path):
    case_with_two_items(place, "whole")
    held = run("hold", "whole")
    assert held.output == "6 objects were held or locked longer.\n"  # two items, three entries, a head
    assert run("hold", "whole").output.startswith("0 objects")
    code, report = report_of(run, "whole")
    assert (code, report.ok, report.kind, report.problems) == (0, True, "incident", ())
    assert (report.entries, report.heads, report.unsigned) == (5, 2, 0)
    assert [(each.state, each.held, each.lock) for each in evidence(report)] == [("ok", True, "COMPLIANCE")] * 2
    assert all((each.retain_until - CLOCK.now()).days >= 398 for each in evidence(report))
    told = run("verify", "whole")
    assert told.return_value == 0
    assert "evidence/two" in told.output
    assert "OK: whole and unchanged." in told.output

    if not shutil.which("ssh-keygen"):
        pytest.skip("ssh-keygen is not installed")
    paper = tmp_path / "statement.json"
    assert run("statement", "whole", "--reason", "closed", "-o", paper).exception is None
    assert isinstance(run("statement", "whole", "--reason", "other", "-o", paper).exception, FileExistsError)
    allowed, given = tmp_path / "allowed", []
    for name in ("ada", "leo"):
        key = tmp_path / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=20)
        argv = ["ssh-keygen", "-Y", "sign", "-q", "-n", NAMESPACE, "-f", key]
        word = subprocess.run(argv, input=paper.read_bytes(), capture_output=True, check=True, timeout=20).stdout
        (tmp_path / f"{name}.sig").write_bytes(word)
        with allowed.open("a") as file:
            file.write(f"{name} {key.with_suffix('.pub').read_text()}")
        given += ["--signature", f"{name}={tmp_path / f'{name}.sig'}"]
    usual = ("release", "whole", "--statement", paper, "--allowed", allowed)
    assert isinstance(run(*usual, *given[:2], "--deployer-profile", "person").exception, ApprovalMissing)
    assert isinstance(run(*usual, *given).exception, CredentialsError)  # the hub has no second factor
    assert isinstance(run(*usual, *given, "--deployer-profile", "nobody").exception, CredentialsError)
    assert isinstance(run(*usual, "--signature", "ada").exception, ConfigError)
    assert all(each.held for each in evidence(report_of(run, "whole")[1]))
    done = run(*usual, *given, "--deployer-profile", "person")
    assert (done.exception, done.output) == (None, "2 objects were let go; their locks stay.\n")
    code, report = report_of(run, "whole")
    assert (code, report.unsigned) == (0, 0)
    assert not any(each.held for each in evidence(report))


def test_a_drill_is_not_held_and_can_be_checked(place, run, tmp_path):
    case_with_two_items(place, "practice", "drill")
    assert isinstance(run("hold", "practice").exception, NotPossible)
    assert isinstance(
        run("statement", "practice", "--reason", "r", "-o", tmp_path / "s").exception, NotPossible
    )  # fmt: skip
    code, report = report_of(run, "practice")
    assert (code, report.kind) == (0, "drill")
    assert not any(each.held for each in report.objects)


def test_there_is_no_such_case(run):
    assert isinstance(run("verify", "nothing").exception, NotPossible)
    assert isinstance(run("hold", "nothing").exception, ConfigError)
    for name in ("", "whole/evidence"):
        assert isinstance(run("verify", name).exception, ConfigError)
        assert isinstance(run("hold", name).exception, ConfigError)


def test_what_no_entry_speaks_of_is_named_and_no_problem(place, run):
    store, ledger = case_with_two_items(place, "between")
    store.put("cases/between/evidence/three", [b"written, and then the process was killed"])
    ledger.append("acquired", {})
    code, report = report_of(run, "between")
    assert (code, report.unsigned) == (0, 1)
    assert [each.state for each in evidence(report)] == ["ok", "not-entered", "ok"]


def test_a_delete_marker_is_an_alarm_and_the_bytes_are_read_all_the_same(place, run):
    made, _ = place
    case_with_two_items(place, "hidden")
    with walls_down(made):
        made.doors["vault admin"].call(
            "s3.DeleteObject", Bucket=made.names.bucket, Key="cases/hidden/evidence/one"
        )  # fmt: skip
    code, report = report_of(run, "hidden")
    assert (code, report.ok) == (4, False)
    ((path, problem),) = ((each.path, each.problem) for each in report.problems)
    assert (path, "delete marker" in problem) == ("cases/hidden/evidence/one", True)
    assert [each.state for each in evidence(report)] == ["bad", "ok"]
    told = run("verify", "hidden")
    assert told.return_value == 4
    assert "PROBLEM  cases/hidden/evidence/one" in told.output
    assert "NOT OK: 1 problems." in told.output


def test_what_was_written_over_is_read_as_it_was_first(place, run):
    made, _ = place
    case_with_two_items(place, "over")
    with walls_down(made):
        for part in ("evidence/two", "ledger/00000001.json"):
            made.doors["vault admin"].call(
                "s3.PutObject", Bucket=made.names.bucket, Key=f"cases/over/{part}", Body=b"{}", ChecksumAlgorithm="SHA256"
            )  # fmt: skip
    code, report = report_of(run, "over")
    assert code == 4
    assert [(each.path[11:], "2 versions" in each.problem) for each in report.problems] == [
        ("evidence/two", True),
        ("ledger/00000001.json", True),
    ]
    assert report.entries == 3
    assert next(each for each in evidence(report) if each.key.endswith("two")).size_bytes == 3


WITNESS = "heads-of-the-vault"


@pytest.fixture(scope="module")
def elsewhere(place):
    """A bucket of another account, and a role with exactly what the guide says; the plan's part."""
    ground = place[0].ground
    security, where = ground.security, f"arn:aws:s3:::{WITNESS}"
    security.call("s3.CreateBucket", Bucket=WITNESS)
    security.call("s3.PutBucketVersioning", Bucket=WITNESS, VersioningConfiguration={"Status": "Enabled"})
    allowed = (
        {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObjectVersion"], "Resource": f"{where}/*"},
        {"Effect": "Allow", "Action": "s3:ListBucketVersions", "Resource": where},
    )
    stage.make_role(
        security, "Witness", stage.trusting(place[0].names.hub), json.loads(stage.text(*allowed))
    )  # fmt: skip
    return WitnessPlan(place=f"s3://{WITNESS}", role=f"arn:aws:iam::{security.account}:role/Witness", evidence_bytes=3)


def keeping_of(place, case, **vault):
    """What keeps a real case, with the doors that the hub opens."""
    made = place[0]
    plan = structs.replace(made.plan, vault=structs.replace(made.plan.vault, **vault))
    sessions = Sessions(
        region=made.ground.region, credentials=made.hub, endpoint=made.ground.lab.endpoint, clock=CLOCK
    )  # fmt: skip
    store, ledger = case_with_two_items(place, case)
    told = []
    return Keeping(
        plan=plan,
        doors=open_doors(sessions, plan, "maintenance"),
        sessions=sessions,
        store=store,
        ledger=ledger,
        clock=CLOCK,
        tell=lambda *what: told.append(what),
    ), told


def test_a_real_case_is_held_and_its_heads_lie_in_a_bucket_elsewhere(place, run, elsewhere):
    keeping, told = keeping_of(place, "real", witness=elsewhere)
    for phase in ("opened", "captured", "packaged"):
        keeping.phase(phase)
    assert keeping.gaps == ()
    assert [what for what, _ in told] == ["witnessed"] * 3
    answer = place[0].ground.security.call("s3.ListObjectVersions", Bucket=WITNESS)
    kept = [each["Key"].removeprefix("cases/real/") for each in answer["Versions"]]
    assert kept == ["checkpoints/00000003.json", "checkpoints/00000005.json", "evidence/one", "evidence/two"]
    code, report = report_of(run, "real")
    assert (code, [each.held for each in evidence(report)]) == (0, [True, True])


def test_a_custodian_and_a_witness_that_are_shut_are_gaps_of_the_case(place, run, elsewhere):
    shut = structs.replace(elsewhere, role=elsewhere.role + "x")
    keeping, told = keeping_of(place, "shut", witness=shut, custodian_role="Nobody")
    keeping.phase("captured")
    assert [each.source for each in keeping.gaps] == ["vault.hold", "vault.witness"]
    assert all("cannot be assumed" in each.reason for each in keeping.gaps)
    assert [what for what, _ in told] == ["missed", "missed"]
    code, report = report_of(run, "shut")
    assert (code, report.unsigned) == (0, 0)  # the gaps are under a head, too
    assert not any(each.held for each in report.objects)
