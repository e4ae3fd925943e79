"""A bucket lets outsiders in.

A bucket lets in another account or everybody, by policy or access list.

A website's bucket is public to read single objects, and meant so; that counts little.
"""

from __future__ import annotations

from amberlight.aware.rule import Match, Rule
from amberlight.aware.rules._common import EVERYONE, event, listed, shown, statements, text, trusted
from amberlight.trail import Event


def match(found: Event) -> Match | None:
    """Policies that allow outsiders without a narrowing condition; access lists for everybody."""
    asked = found.request
    bucket = text(asked.get("bucketName"))
    if found.name == "PutBucketAcl":
        public = "AllUsers" in str(asked) or "AuthenticatedUsers" in str(asked) or "public-" in str(asked)
        return Match(reason=f"the bucket {shown(bucket)} is open to everybody", points=45) if public else None
    policy = asked.get("bucketPolicy") or asked.get("policy")
    outside = [who for who, narrowed in trusted(policy, found.account) if not narrowed]
    if not outside:
        return None
    website = set(outside) == {EVERYONE} and actions(policy) <= {"s3:GetObject"}
    return Match(
        reason=f"the bucket {shown(bucket)} lets in {', '.join(sorted(set(outside)))}",
        points=25 if website else None,
        resources=(f"bucket/{bucket}",),
    )


def actions(policy: object) -> set[str]:
    """Every action that the policy allows."""
    return {action for one in statements(policy) for action in listed(one.get("Action"))}


RULE = Rule(
    id="bucket_opened",
    title="A bucket lets outsiders in",
    tactic="exfiltration",
    techniques=("T1537", "T1530"),
    points=75,
    severity="high",
    false_triggers="partners and log services of other accounts; public websites",
    references=("https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html",),
    events=(
        "s3:PutBucketPolicy",
        "s3:PutBucketAcl",
    ),
    on_event=match,
    examples=(
        event(
            "s3:PutBucketPolicy",
            {
                "bucketName": "b",
                "bucketPolicy": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"AWS": "arn:aws:iam::999988887777:root"},
                            "Action": ["s3:GetObject", "s3:ListBucket"],
                            "Resource": "*",
                        }
                    ]
                },
            },
        ),
    ),
    near_misses=(
        event(
            "s3:PutBucketPolicy",
            {
                "bucketName": "b",
                "bucketPolicy": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "cloudtrail.amazonaws.com"},
                            "Action": "s3:PutObject",
                            "Resource": "*",
                        }
                    ]
                },
            },
        ),
        event(
            "s3:PutBucketPolicy",
            {
                "bucketName": "b",
                "bucketPolicy": {
                    "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}]
                },
            },
        ),
    ),
)
