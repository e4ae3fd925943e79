"""Every statement has a fact that speaks for it, and every fact can be tried: by an attack of that name, or offline."""

from amberlight.model.custody import Stored
from amberlight.vault import policies
from amberlight.vault.attack import Target
from amberlight.vault.needed import NEEDED, Needed
from amberlight.vault.policies import ROLES, VaultNames
from amberlight.vault.prove import attacks

ACCOUNT = "222233334444"
NAMES = VaultNames(bucket="b", account=ACCOUNT, region="r", hub="arn:aws:iam::333344445555:role/Hub",
                   key_arn=f"arn:aws:kms:r:{ACCOUNT}:key/1", data_key_arn=f"arn:aws:kms:r:{ACCOUNT}:key/2")  # fmt: skip


def test_there_is_a_fact_for_every_denial_and_every_trust_and_for_nothing_else():
    made = {
        "bucket": policies.bucket_policy(NAMES), "signing-key": policies.key_policy(NAMES),
        "data-key": policies.data_key_policy(NAMES), "scp": policies.service_control_policy(NAMES),
        "rcp": policies.resource_control_policy(NAMES),
        **{f"trust-{role}": policies.trust_policy(role, NAMES) for role in ROLES},
    }  # fmt: skip
    assert set(NEEDED) == {
        (name, each["Sid"]) for name, policy in made.items() for each in policy["Statement"]
        if each["Effect"] == "Deny" or name.startswith("trust-")
    }  # fmt: skip


def test_what_is_tried_on_the_lab_is_an_attack_that_nobody_does_by_right():
    from datetime import UTC, datetime

    canary = Stored(key="cases/c/canary/x", version="v", size_bytes=1, sha256="", sha512="",
                    retain_until=datetime(2026, 12, 1, tzinfo=UTC))  # fmt: skip
    target = Target(
        bucket="b", stored=canary, account=ACCOUNT, signing_key=NAMES.key_arn, data_key=NAMES.data_key_arn,
        trail="arn:trail", roles=tuple(NAMES.role_arn(role) for role in ROLES if role != "deployer"),
        deployer=NAMES.role_arn("deployer"),
    )  # fmt: skip
    known = {each.action: each for each in attacks(target)}
    for fact in NEEDED.values():
        if fact.how != "offline":
            assert fact.who.split()[-1] not in known[fact.action].lawful
            assert fact.who.split()[0] in ("vault", "prod")


def test_a_fact_says_how_it_is_known():
    assert Needed(who="w", action="a").words == "w: a"
    assert Needed(who="w", action="a", how="offline").words == "w: a (offline)"
    assert Needed(who="w", action="a", how="mistake").words.startswith("w: a, once ")
