"""The policies as documents: complete, reasoned, and with nobody of the subject account in them."""

import dataclasses
import json

import pytest

from amberlight.vault.policies import (
    ROLES,
    VaultNames,
    bucket_policy,
    bucket_statements,
    key_policy,
    key_statements,
    role_policy,
    role_statements,
    trust_policy,
    trust_statement,
)

NAMES = VaultNames(
    bucket="evidence", account="222233334444", region="eu-central-1", hub="arn:aws:iam::333344445555:role/Hub",
    key_arn="arn:aws:kms:eu-central-1:222233334444:key/k",
)  # fmt: skip
WITH_KMS = dataclasses.replace(NAMES, data_key_arn="arn:aws:kms:eu-central-1:222233334444:key/d")
S3_POLICY_BYTES_MAX = 20 * 1024


def statements(names):
    yield from bucket_statements(names)
    yield from key_statements(names)
    for role in ROLES:
        yield from role_statements(role, names)
        yield trust_statement(role, names)


@pytest.mark.parametrize("names", [NAMES, WITH_KMS])
def test_every_statement_has_its_reason(names):
    for each in statements(names):
        assert len(each.why) > 15
        assert each.sid.isalnum()


@pytest.mark.parametrize("names", [NAMES, WITH_KMS])
def test_sids_are_unique_and_the_bucket_takes_the_policy(names):
    for policy in (bucket_policy(names), key_policy(names), *(role_policy(role, names) for role in ROLES)):
        sids = [each["Sid"] for each in policy["Statement"]]
        assert len(set(sids)) == len(sids)
    assert len(json.dumps(bucket_policy(names))) < S3_POLICY_BYTES_MAX
    assert {each["Effect"] for each in bucket_policy(names)["Statement"]} == {"Deny"}


def actions(policy):
    for each in policy["Statement"]:
        listed = each["Action"]
        yield from [listed] if isinstance(listed, str) else listed


def test_no_role_deletes_and_nobody_bypasses():
    for role in ROLES:
        assert not [each for each in actions(role_policy(role, NAMES)) if "Delete" in each or "Bypass" in each]
    nobody = next(each for each in bucket_policy(NAMES)["Statement"] if each["Sid"] == "NobodyDeletes")
    assert "Condition" not in nobody
    assert {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"} <= set(nobody["Action"])


def test_the_writer_creates_and_nothing_else():
    assert set(actions(role_policy("writer", NAMES))) == {"s3:PutObject", "s3:AbortMultipartUpload"}
    assert set(actions(role_policy("writer", WITH_KMS))) >= {"kms:GenerateDataKey", "kms:Decrypt"}
    assert not {each for each in actions(role_policy("examiner", WITH_KMS)) if "Put" in each}
    assert set(actions(role_policy("signer", NAMES))) == {"kms:Sign", "kms:GetPublicKey"}


def test_only_the_hub_takes_on_the_working_roles():
    for role in ROLES:
        trust = trust_policy(role, NAMES)["Statement"][0]
        if role == "deployer":
            assert trust["Principal"]["AWS"] == "arn:aws:iam::222233334444:root"
            assert trust["Condition"]["Bool"] == {"aws:MultiFactorAuthPresent": "true"}
        else:
            assert trust["Principal"]["AWS"] == NAMES.hub


def test_plain_http_is_refused_unless_the_endpoint_is_this_machine():
    assert bucket_policy(NAMES)["Statement"][0]["Sid"] == "OnlyOverTls"
    assert "OnlyOverTls" not in json.dumps(bucket_policy(dataclasses.replace(NAMES, tls=False)))


def test_the_kms_key_that_is_taken_is_ours_or_none():
    def condition(names):
        return next(e for e in bucket_policy(names)["Statement"] if e["Sid"] == "OnlyOurKmsKey")["Condition"]

    assert list(condition(NAMES)) == ["Null"]
    assert list(condition(WITH_KMS)["StringNotEquals"].values()) == [WITH_KMS.data_key_arn]
