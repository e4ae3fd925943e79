"""`amberlight vault prove`: on a lab of its own, and on the accounts of a response plan."""

import base64
import hashlib
import json
import os
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from amberlight._aws import SystemClock
from amberlight.model.codec import canonical, loads
from amberlight.model.custody import Checkpoint
from amberlight.model.proof import VaultProof
from amberlight.practice import proving
from amberlight.vault import policies
from amberlight.vault.ledger import signed_bytes

pytestmark = pytest.mark.lab
ROLES = {"prod admin", "prod root", "capture", "hub", "vault admin", "vault root", "vault writer", "vault examiner",
         "vault custodian", "vault signer", "vault deployer", "vault receiver"}  # fmt: skip


def prove(*argv, **environment):
    command = [sys.executable, "-m", "amberlight.cli", "vault", "prove", *map(str, argv)]
    keep = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=100, check=False, env={**keep, **environment}
    )  # fmt: skip


def report_of(document):
    own = {name: document[name] for name in VaultProof.__struct_fields__}
    return canonical(loads(json.dumps(own).encode(), VaultProof))


def test_on_a_lab_of_its_own_everything_is_refused_and_signed(tmp_path):
    done = prove("--lab", "--json", "--out", tmp_path / "proof.json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert json.loads((tmp_path / "proof.json").read_text()) == document
    assert document["schema"] == "amberlight.vault-proof/1"
    assert {each["role"] for each in document["attempts"]} == ROLES
    assert all(each["refused"] and each["answer"] for each in document["attempts"])
    assert len(document["attempts"]) > 600
    assert document["unsettled"] == []
    assert all(each["risk"] and each["remedy"] for each in document["residual"])

    # A stranger checks it without anything of ours: report, entry, head, signature.
    assert document["entry"]["what"]["report"]["sha256"] == hashlib.sha256(report_of(document)).hexdigest()
    assert document["checkpoint"]["last"] == hashlib.sha256(canonical(document["entry"])).hexdigest()
    head = loads(json.dumps(document["checkpoint"]).encode(), Checkpoint)
    key = serialization.load_pem_public_key(document["public_key"].encode())
    key.verify(base64.b64decode(head.signature), signed_bytes(head), ec.ECDSA(hashes.SHA256()))


@pytest.fixture(scope="module")
def hold(tmp_path_factory):
    from amberlight.lab import LabOptions, start

    folder = tmp_path_factory.mktemp("plan")
    with start(LabOptions(workdir=folder / "lab", seed=7, hosts="processes")) as lab:
        yield proving.build(lab, folder, SystemClock(), "first"), folder / "amberlight.yaml"


def as_hub(made):
    return {
        "AWS_ACCESS_KEY_ID": made.hub.access_key_id,
        "AWS_SECRET_ACCESS_KEY": made.hub.secret_access_key,
        "AWS_ENDPOINT_URL": made.ground.lab.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_the_accounts_of_a_plan_are_attacked_with_the_callers_credentials(hold):
    made, plan = hold
    done = prove(plan, "--json", "--capture-role", "--trail", made.target.trail, **as_hub(made))
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    ours = {each for each in ROLES if not each.startswith("prod") and each not in ("vault admin", "vault root")}
    assert {each["role"] for each in document["attempts"]} == ours - {"vault deployer"}
    assert all(each["refused"] for each in document["attempts"])
    assert ("hub", "take on AmberlightDeployer") in {(each["role"], each["action"]) for each in document["attempts"]}


def test_a_hole_is_said_and_ends_with_four(hold):
    made, plan = hold
    policy = policies.bucket_policy(made.names)
    broken = {**policy, "Statement": [each for each in policy["Statement"] if each["Sid"] != "CreateOnly"]}
    deployer = made.doors["vault deployer"]
    deployer.call("s3.PutBucketPolicy", Bucket=made.names.bucket, Policy=json.dumps(broken))
    try:
        done = prove(plan, **as_hub(made))
    finally:
        deployer.call("s3.PutBucketPolicy", Bucket=made.names.bucket, Policy=json.dumps(policy))
    assert done.returncode == 4
    assert "LET THROUGH      vault writer: overwrite it" in done.stdout
    assert "remains          " in done.stdout


def test_without_credentials_nothing_is_attacked(hold, tmp_path):
    made, plan = hold
    environment = {**as_hub(made), "AWS_ACCESS_KEY_ID": "AKIAAAAAAAAAAAAAAAAA"}
    assert prove(plan, **environment).returncode == 6
    assert prove(tmp_path / "none.yaml", **environment).returncode == 2
