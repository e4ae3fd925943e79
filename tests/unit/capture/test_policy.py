"""Policies hold exactly what the sources declare."""

from amberlight.capture import policy
from amberlight.model.evidence import Call

from .conftest import make_source

CALLS = (
    Call(operation="ec2.B", actions=("ec2:B", "kms:X")),
    Call(operation="ec2.A", actions=("ec2:A",)),
    Call(operation="s3.C", actions=("s3:C",), resources=("arn:{partition}:s3:::x-{account}",)),
    Call(operation="ec2.D", actions=("ec2:D",), account="vault"),
)
CATALOGUE = {"api_calls.trail_files": make_source("api_calls.trail_files", calls=CALLS)}


def test_one_statement_for_each_source_and_set_of_resources():
    assert policy.subject_policy(CATALOGUE, "111111111111", "aws-cn") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ApiCallsTrailFiles",
                "Effect": "Allow",
                "Action": ["ec2:A", "ec2:B", "kms:X"],
                "Resource": ["*"],
            },
            {
                "Sid": "ApiCallsTrailFiles2",
                "Effect": "Allow",
                "Action": ["s3:C"],
                "Resource": ["arn:aws-cn:s3:::x-111111111111"],
            },
        ],
    }


def test_the_vaults_side_is_apart():
    (statement,) = policy.vault_policy(CATALOGUE)["Statement"]
    assert statement["Action"] == ["ec2:D"]
