"""What gets through when a statement is taken away: the reason that it is there, as a fact that the tests hold.

A statement that nothing here speaks for is not needed, and goes. `how` says where the fact is proved: `lab` by the attempt
itself on the embedded lab, `mistake` by the same with an allowance for the subject account added to the bucket's policy (which
somebody adds by mistake one day), `offline` by evaluating the policies, where the lab cannot pose the question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

How = Literal["lab", "mistake", "offline"]


@dataclass(frozen=True, kw_only=True)
class Needed:
    """Who then does what; `action` is an attack's name on the lab, an IAM action offline."""

    who: str
    action: str
    how: How = "lab"

    @property
    def words(self) -> str:
        """The fact in a sentence."""
        more = {"lab": "", "mistake": ", once a statement allows that account by mistake", "offline": " (offline)"}
        return f"{self.who}: {self.action}{more[self.how]}"


def _offline(who: str, action: str) -> Needed:
    return Needed(who=who, action=action, how="offline")


NEEDED: dict[tuple[str, str], Needed] = {
    ("bucket", "OnlyOverTls"): _offline("examiner over plain HTTP", "s3:GetObject"),
    ("bucket", "NobodyFromElsewhere"): Needed(who="prod admin", action="read the bucket's policy", how="mistake"),
    ("bucket", "OnlyTheWriterPuts"): Needed(who="vault admin", action="plant an object"),
    ("bucket", "OnlyTheExaminerReads"): Needed(who="vault admin", action="read it"),
    ("bucket", "CreateOnly"): Needed(who="vault writer", action="overwrite it"),
    ("bucket", "NoForeignKey"): Needed(who="vault writer", action="store under a key that only the caller has"),
    ("bucket", "OnlyOurKmsKey"): Needed(who="vault writer", action="store under a KMS key of another account"),
    ("bucket", "OnlyTheDefaultLocks"): Needed(who="vault writer", action="store with a shorter lock than the bucket's"),
    ("bucket", "NobodyDeletes"): Needed(who="vault admin", action="hide it under a delete marker"),
    ("bucket", "OnlyTheCustodianHolds"): Needed(who="vault admin", action="place a hold"),
    ("bucket", "HoldsAreNotLifted"): Needed(who="vault custodian", action="lift its legal hold"),
    ("bucket", "NoEndlessLock"): Needed(who="vault custodian", action="lock it for a century"),
    ("bucket", "OnlyTheDeployerConfigures"): Needed(who="vault admin", action="let it expire by lifecycle"),
    ("bucket", "NobodyRemovesTheBucket"): _offline("vault admin, of an empty bucket", "s3:DeleteBucket"),
    ("signing-key", "OnlyTheSignerSigns"): Needed(who="vault admin", action="sign with the signing key"),
    ("signing-key", "OnlyTheDeployerChangesTheKey"): Needed(
        who="vault admin", action="lend the signing key by a grant"
    ),
    ("data-key", "OnlyThroughTheStores"): _offline("vault admin, not through S3", "kms:Decrypt"),
    ("data-key", "GrantsOnlyForAwsItself"): _offline("vault admin, for himself", "kms:CreateGrant"),
    ("data-key", "OnlyTheDeployerChangesTheKey"): _offline("vault admin", "kms:TagResource"),
    ("scp", "BucketPolicyStays"): Needed(who="vault root", action="remove the bucket's policy"),
    ("scp", "KeysStay"): Needed(who="vault root", action="disable the evidence key"),
    ("scp", "SnapshotsStay"): _offline("vault root", "ec2:DeleteSnapshot"),
    ("scp", "SnapshotsAreNotShared"): _offline("vault root", "ec2:ModifySnapshotAttribute"),
    ("scp", "RolesStay"): Needed(who="vault root", action="give a role more to do"),
    ("scp", "NoNewWaysIn"): Needed(who="vault root", action="make a user that stays"),
    ("scp", "TrailStays"): Needed(who="vault root", action="stop the vault's own trail"),
    ("scp", "AccountStays"): _offline("vault root", "account:CloseAccount"),
    ("scp", "OneRegion"): _offline("vault root in another Region", "ec2:RunInstances"),
    ("rcp", "OnlyVaultAndHub"): _offline("prod root, once a policy allows him", "s3:GetBucketPolicy"),
    ("rcp", "ObjectsStay"): _offline("vault root, once the bucket's policy is gone", "s3:DeleteObject"),
    ("rcp", "NoForeignKey"): _offline("vault writer, once the bucket's policy is gone", "s3:PutObject"),
    ("rcp", "OnlyOverTls"): _offline("examiner over plain HTTP, once the bucket's policy is gone", "s3:GetObject"),
    **{
        (f"trust-{role}", "TakeOn"): Needed(who="prod admin", action=f"take on Amberlight{role.capitalize()}")
        for role in ("writer", "examiner", "signer", "custodian", "deployer")
    },
}
"""(policy, statement) to the fact; of a trust statement: what gets through when it is open to everybody."""
