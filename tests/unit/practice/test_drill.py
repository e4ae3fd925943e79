import os
import random
import subprocess
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from amberlight.model.errors import ConfigError
from amberlight.practice.actors import Deed
from amberlight.practice.drill import load
from amberlight.practice.drills.leaked_key import background, ground_truth, scene

START = datetime(2026, 3, 1, tzinfo=UTC)


def deed(operation, number, error=""):
    return Deed(
        who="attacker",
        operation=operation,
        when=START + timedelta(seconds=number),
        request_id=f"req-{number}",
        error=error,
    )


def attack(miners=("i-1", "i-2"), disks="ext4"):
    place = SimpleNamespace(address="198.51.100.23")
    about = SimpleNamespace(
        seed=7,
        account="111122223333",
        leaked_user="arn:aws:iam::111122223333:user/build-agent",
        automation_role="arn:aws:iam::111122223333:role/platform-automation",
        web_instance="i-web",
        lab={"disks": disks},
    )
    secrets = scene.invent(7, random.SystemRandom())
    return SimpleNamespace(scene=about, secrets=secrets, place=place, miners=list(miners))


def test_drill_is_found_by_its_folder():
    assert load("leaked_key").id == "leaked_key"
    with pytest.raises(ConfigError, match="no drill"):
        load("unheard_of")


def test_names_follow_from_the_seed_and_secrets_do_not():
    one, other = scene.invent(7, random.SystemRandom()), scene.invent(7, random.SystemRandom())
    assert one.user == other.user
    assert {one.payload, one.token, one.nonce}.isdisjoint({other.payload, other.token, other.nonce})
    assert one.session_key != other.session_key


def test_session_key_is_in_nothing_that_the_beacon_is_given():
    secrets = scene.invent(7, random.SystemRandom())
    text = scene.on_host("host_beacon", scene.BEACON_PATH, "{}") + secrets.payload + secrets.token + secrets.nonce
    assert secrets.session_key not in text
    assert secrets.session_key.removeprefix("bk-") not in text


def test_customers_are_invented_and_the_same_for_a_seed():
    assert scene.customers(7) == scene.customers(7)
    assert scene.customers(7) != scene.customers(8)
    assert all(b'"invented":true' in record for record in scene.customers(7).values())


def test_truth_names_the_requests_that_were_made():
    deeds = [deed("sts.GetCallerIdentity", 0), deed("iam.CreateUser", 1, "AccessDenied"), deed("iam.CreateUser", 2)]
    truth = ground_truth.truth(attack(), deeds, START, "leaked_key")
    wanted = {one.id: one.contains for one in truth.expected}
    assert (wanted["history-1"], wanted["history-3"], wanted["trail-1"]) == ("req-1", "req-2", "req-0")
    assert truth.first_attack == START
    assert not set(truth.principals) & set(truth.benign_principals)


def test_an_act_that_did_not_come_off_is_still_expected():
    truth = ground_truth.truth(attack(miners=()), [deed("sts.GetCallerIdentity", 0)], START, "leaked_key")
    wanted = {one.why: one.contains for one in truth.expected}
    assert wanted["cloudtrail.StopLogging: the blinding of the trail"] == "cloudtrail.StopLogging was never answered"


@pytest.mark.parametrize("disks, expected", [("ext4", True), ("none", False)])
def test_a_deleted_file_is_expected_only_where_disks_hold_files(disks, expected):
    truth = ground_truth.truth(attack(disks=disks), [deed("sts.GetCallerIdentity", 0)], START, "leaked_key")
    assert any(one.source == "disk.ebs_image" for one in truth.expected) is expected


def test_the_loader_is_gone_when_it_has_run(tmp_path):
    secrets = scene.invent(7, random.SystemRandom())
    text = scene.and_gone("/tmp/x", secrets.token)
    assert secrets.loader not in text
    (tmp_path / "tmp").mkdir()
    seen = subprocess.run(
        ["sh", "-c", text.replace("rm -f", 'cat "$HOST_ROOT/tmp/x"\nrm -f')], env={"HOST_ROOT": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert seen.stdout == f"#!/bin/sh\n# {secrets.loader}\n"
    assert not (tmp_path / "tmp/x").exists()


def test_background_stops_when_told():
    import threading

    stop, done = threading.Event(), []

    def act():
        done.append(1)
        if len(done) == 3:
            stop.set()

    background.keep(iter([act] * 10), stop, random.SystemRandom(), 0.0)
    assert len(done) == 3
