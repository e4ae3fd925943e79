"""One thing done to a trail, and what the proof says of the hour, the files and the whole."""

import gzip
import json
from datetime import timedelta

import pytest
from make_trail import ACCOUNT, HOUR, START, Stored, Trail, flip, key_list, packed, plain_of, states

from amberlight.trail.prove import Folder, prove

DAY = timedelta(days=1)
WHOLE = dict.fromkeys(range(6), "valid")


def chain_of(trail, region="us-east-1", account=ACCOUNT, name="main"):
    return trail.chains[account, region, name]


def test_a_whole_trail_is_proved(trail, proved):
    proof = proved(trail)
    assert (proof.ok, proof.exit_code) == (True, 0)
    assert states(proof) == WHOLE
    assert (proof.logs.valid, proof.digests.valid, proof.files.valid) == (12, 6, 18)
    assert (proof.files.altered, proof.files.missing, proof.files.unsigned) == (0, 0, 0)
    assert [(key.region, key.digests) for key in proof.keys] == [("us-east-1", 6)]
    assert proof.findings == ()


def change(body):
    return packed(b'{"Records":[]}')


def trailing(body):
    return body + b"\0"


def second_member(body):
    return body + packed(b"")


def cut(body):
    return body[:-4]


@pytest.mark.parametrize("damage", [change, trailing, second_member, cut, flip])
def test_a_changed_log_file_is_altered(trail, proved, damage):
    log = trail.objects[chain_of(trail)[2].logs[0]]
    log.body = damage(log.body)
    proof = proved(trail)
    assert states(proof) == {**WHOLE, 2: "altered"}
    assert (proof.ok, proof.exit_code) == (False, 4)
    assert (proof.logs.altered, proof.logs.valid) == (1, 11)
    assert chain_of(trail)[2].logs[0] in proof.findings[0].what


@pytest.mark.parametrize("damage", [trailing, second_member, cut, flip])
def test_a_changed_digest_is_altered_and_its_log_files_are_not_proved(trail, proved, damage):
    digest = trail.objects[chain_of(trail)[2].key]
    digest.body = damage(digest.body)
    proof = proved(trail)
    assert states(proof) == {**WHOLE, 2: "altered"}
    assert proof.exit_code == 4
    assert (proof.digests.altered, proof.logs.valid, proof.logs.unsigned) == (1, 10, 2)


def test_a_removed_log_file_is_missing(trail, proved):
    del trail.objects[chain_of(trail)[1].logs[1]]
    proof = proved(trail)
    assert states(proof) == {**WHOLE, 1: "missing"}
    assert (proof.exit_code, proof.logs.missing) == (3, 1)


def test_two_removed_neighbours_are_both_missing(trail, proved):
    for number in (2, 3):
        del trail.objects[chain_of(trail)[number].key]
    proof = proved(trail)
    assert states(proof) == {**WHOLE, 2: "missing", 3: "missing"}
    assert (proof.exit_code, proof.digests.missing, proof.logs.unsigned) == (3, 2, 4)


@pytest.mark.parametrize("number", range(5))
def test_a_lost_signature_is_recovered_from_the_next_digest(trail, proved, number):
    trail.objects[chain_of(trail)[number].key].metadata = {}
    proof = proved(trail)
    assert (proof.ok, proof.recovered) == (True, 1)


def test_all_signatures_but_the_last_are_recovered(trail, proved):
    for digest in chain_of(trail):
        trail.objects[digest.key].metadata = {}
    proof = proved(trail)
    assert states(proof) == {**WHOLE, 5: "unsigned"}
    assert (proof.exit_code, proof.recovered, proof.digests.unsigned, proof.logs.unsigned) == (3, 5, 1, 2)


def test_a_lost_signature_does_not_hide_a_change(trail, proved):
    digest = trail.objects[chain_of(trail)[2].key]
    digest.metadata, digest.body = {}, packed(plain_of(digest).replace(b'"SHA256withRSA"', b'"SHA256withRSB"'))
    proof = proved(trail)
    assert (states(proof)[2], proof.exit_code) == ("altered", 4)


def test_a_replaced_signature_is_altered(trail, proved):
    trail.objects[chain_of(trail)[2].key].metadata["signature"] = chain_of(trail)[3].signature
    proof = proved(trail)
    assert states(proof) == {**WHOLE, 2: "altered"}


def test_a_digest_signed_by_another_key_is_altered(proved):
    trail = Trail()
    trail.chain(signer="us-east-1")
    trail.chain(name="other", signer="attacker", edit=lambda number, content: content.update(
        digestPublicKeyFingerprint=key_list("us-east-1")["PublicKeyList"][0]["Fingerprint"]
    ))  # fmt: skip
    assert proved(trail).exit_code == 4


@pytest.mark.parametrize("field", ["previousDigestHashValue", "previousDigestSignature"])
def test_a_wrong_link_that_was_truly_signed_is_altered(proved, field):
    trail = Trail()

    def edit(number, content):
        if number == 3:
            content[field] = "ab" * (32 if field.endswith("HashValue") else 256)

    trail.chain(edit=edit)
    proof = proved(trail)
    assert (states(proof)[3], proof.exit_code) == ("altered", 4)


def test_a_moved_digest_is_altered_and_missed_in_its_place(trail, proved):
    key = chain_of(trail)[2].key
    trail.objects[key.replace("/2026/03/01/", "/2026/03/02/")] = trail.objects.pop(key)
    proof = proved(trail)
    assert (states(proof)[2], proof.exit_code) == ("altered", 4)


def test_a_digest_outside_the_layout_is_found_and_moved(trail, proved):
    key = chain_of(trail)[2].key
    trail.objects["elsewhere/notes.json.gz"] = trail.objects.pop(key)
    proof = proved(trail)
    assert (states(proof)[2], proof.exit_code, proof.digests.altered) == ("altered", 4, 1)


def test_a_starting_digest_in_the_middle_is_a_gap(proved):
    trail = Trail()
    trail.chain(hours=8, starting=(0, 5), skip=(3, 4))
    proof = proved(trail)
    assert states(proof) == {0: "valid", 1: "valid", 2: "valid", 3: "gap", 4: "gap", 5: "gap", 6: "valid", 7: "valid"}
    assert (proof.exit_code, proof.digests.valid, proof.files.unsigned) == (3, 6, 0)


def test_a_starting_digest_right_after_another_chain_is_a_gap(proved):
    trail = Trail()
    trail.chain(starting=(0, 3))
    proof = proved(trail)
    assert states(proof) == {**WHOLE, 3: "gap"}


def test_a_predecessor_before_the_first_digest_is_no_gap(trail, proved):
    for number in (0, 1):
        made = chain_of(trail)[number]
        for key in (made.key, *made.logs):
            del trail.objects[key]
    proof = proved(trail)
    assert (proof.ok, states(proof)) == (True, dict.fromkeys(range(2, 6), "valid"))


def test_a_log_file_before_the_first_digest_wants_its_digest(trail, proved):
    del trail.objects[chain_of(trail)[0].key]
    proof = proved(trail)
    assert (states(proof)[0], proof.exit_code, proof.logs.unsigned) == ("absent", 3, 2)


@pytest.mark.parametrize("until, wanted", [(6, {}), (8, {6: "absent", 7: "absent"})])
def test_the_end_is_looked_for_up_to_until(trail, proved, until, wanted):
    proof = proved(trail, until=START + until * HOUR)
    assert states(proof) == {**WHOLE, **wanted}
    assert proof.exit_code == (3 if wanted else 0)


def test_a_cut_end_shows_by_until(trail, proved):
    for made in chain_of(trail)[4:]:
        for key in (made.key, *made.logs):
            del trail.objects[key]
    assert proved(trail).ok  # nothing in the copy can tell
    assert states(proved(trail, until=START + 6 * HOUR)) == {**WHOLE, 4: "absent", 5: "absent"}


def test_a_cut_end_shows_by_its_log_files(trail, proved):
    for made in chain_of(trail)[4:]:
        del trail.objects[made.key]
    proof = proved(trail)
    assert states(proof) == {**WHOLE, 4: "absent", 5: "absent"}
    assert (proof.exit_code, proof.logs.unsigned) == (3, 4)


def test_a_cut_end_shows_by_another_region(trail, proved):
    trail.chain(region="eu-west-1")
    for made in chain_of(trail, "eu-west-1")[4:]:
        for key in (made.key, *made.logs):
            del trail.objects[key]
    proof = proved(trail)
    mine = {row.hour.hour: row.state for row in proof.hours if row.region == "eu-west-1"}
    assert mine == {**WHOLE, 4: "absent", 5: "absent"}
    assert {row.state for row in proof.hours if row.region == "us-east-1"} == {"valid"}


def test_from_before_the_first_digest(trail, proved):
    proof = proved(trail, since=START - 2 * HOUR)
    assert [row.state for row in proof.hours] == ["gap", "gap", *["valid"] * 6]
    del trail.objects[chain_of(trail)[0].key]
    del trail.objects[chain_of(trail)[1].key]
    assert [row.state for row in proved(trail, since=START).hours] == ["absent", "missing", *["valid"] * 4]


def test_a_window_leaves_the_rest_alone(trail, proved):
    trail.objects[chain_of(trail)[0].logs[0]].body = b"other"
    trail.objects[chain_of(trail)[5].logs[0]].body = b"other"
    proof = proved(trail, since=START + HOUR, until=START + 5 * HOUR)
    assert (proof.ok, proof.logs.valid) == (True, 8)
    assert states(proof) == dict.fromkeys(range(1, 5), "valid")


def test_a_planted_log_file_is_not_proved(trail, proved):
    key = chain_of(trail)[2].logs[0].replace(".json.gz", "x.json.gz")
    trail.objects[key] = Stored(packed(b'{"Records":[]}'))
    proof = proved(trail)
    assert (states(proof), proof.exit_code, proof.logs.unsigned) == ({**WHOLE, 2: "unsigned"}, 3, 1)


def test_log_files_without_any_digest(proved):
    trail = Trail()
    for made in trail.chain():
        del trail.objects[made.key]
    proof = proved(trail)
    assert (set(states(proof).values()), proof.exit_code, proof.logs.unsigned) == ({"absent"}, 3, 12)


def test_an_empty_copy_proves_nothing(proved):
    proof = proved(Trail())
    assert (proof.ok, proof.exit_code, proof.hours) == (False, 3, ())
    assert "no digest" in proof.notes[0]


class TestKeys:
    """Which public key may prove which digest."""

    def test_spki_is_as_good_as_pkcs1(self, trail, proved):
        trail.keys["us-east-1"] = key_list("us-east-1", "SPKI")
        assert proved(trail).ok

    def test_epoch_seconds_are_as_good_as_texts(self, trail, proved):
        for key in trail.keys["us-east-1"]["PublicKeyList"]:
            key["ValidityStartTime"], key["ValidityEndTime"] = 1.7e9, 1.8e9
        assert proved(trail).ok

    def test_without_keys_all_is_unsigned(self, trail, proved):
        proof = proved(trail, keys=False)
        assert (set(states(proof).values()), proof.exit_code) == ({"unsigned"}, 3)
        assert proof.files.unsigned == 18

    def test_another_regions_key_proves_nothing(self, trail, proved):
        trail.keys = {"eu-west-1": trail.keys["us-east-1"]}
        proof = proved(trail)
        assert (set(states(proof).values()), proof.exit_code) == ({"unsigned"}, 3)

    def test_a_key_must_be_valid_at_the_digests_end(self, trail, proved):
        trail.keys["us-east-1"] = key_list("us-east-1", since=START - DAY, until=START + 4 * HOUR)
        proof = proved(trail)
        assert states(proof) == {**WHOLE, 4: "unsigned", 5: "unsigned"}

    def test_keys_follow_one_another(self, trail, proved):
        first, then = (
            key_list("us-east-1", since=START + a * HOUR, until=START + b * HOUR)["PublicKeyList"]
            for a, b in ((0, 3), (3, 9))
        )
        trail.keys["us-east-1"] = {"PublicKeyList": [*first, *then]}
        assert proved(trail).ok

    def test_keys_inside_the_buckets_layout_are_refused(self, trail, proved):
        folder = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/03/01/cloudtrail-keys/us-east-1.json"
        trail.objects[folder] = Stored(json.dumps(trail.keys.pop("us-east-1")).encode())
        proof = proved(trail)
        assert proof.digests.valid == 0
        assert any("not taken" in one.reason for one in proof.findings)

    def test_two_keys_of_one_fingerprint_prove_nothing(self, trail, proved):
        planted = key_list("attacker")["PublicKeyList"][0]
        planted["Fingerprint"] = trail.keys["us-east-1"]["PublicKeyList"][0]["Fingerprint"]
        trail.keys["us-east-1"]["PublicKeyList"].append(planted)
        proof = proved(trail)
        assert (proof.digests.valid, proof.exit_code) == (0, 3)


class TestManyChains:
    """Accounts, Regions, trails and organisations at once."""

    def test_each_is_judged_for_itself(self, proved):
        trail = Trail()
        for region in ("us-east-1", "eu-west-1"):
            trail.chain(region=region)
            trail.chain(region=region, account="210987654321", organisation="o-abc123def4", name="org")
        trail.chain(name="second_with_marks", prefix="logs/of/us/")
        assert proved(trail).ok
        del trail.objects[chain_of(trail, "eu-west-1", "210987654321", "org")[3].key]
        proof = proved(trail)
        bad = [(row.account, row.region, row.hour.hour, row.state) for row in proof.hours if row.state != "valid"]
        assert bad == [("210987654321", "eu-west-1", 3, "missing")]

    def test_an_hour_is_as_good_as_the_worst_of_its_digests(self, proved):
        trail = Trail()
        made = trail.chain(hours=30, step=timedelta(minutes=5))
        trail.objects[made[4].logs[0]].body = b"other"
        proof = proved(trail)
        assert states(proof) == {0: "altered", 1: "valid", 2: "valid"}
        assert (proof.hours[0].digests, proof.hours[2].digests) == (12, 6)
        assert proof.hours[0].digest.endswith(made[4].key)

    def test_backfill_digests_stand_under_their_backfill_time(self, trail, proved):
        made = trail.chain(hours=1, start=START + HOUR, backfill=True)
        assert proved(trail).ok
        trail.keys["us-east-1"] = key_list("us-east-1", until=START + 7 * HOUR)
        trail.objects[made[0].key].metadata["backfill-generation-timestamp"] = "2026-03-01T08:00:00Z"
        proof = proved(trail)
        assert states(proof) == {**WHOLE, 1: "unsigned"}
        del trail.objects[made[0].key].metadata["backfill-generation-timestamp"]
        assert states(proved(trail)) == {**WHOLE, 1: "unsigned"}


def test_unpacked_copies_are_as_good(trail, proved):
    for stored in trail.objects.values():
        stored.body = gzip.decompress(stored.body)
    assert proved(trail).ok


@pytest.mark.parametrize("since, wanted", [(None, {}), ("2026-03-01T05:30:00Z", {5: "gap"})])
def test_a_trail_that_does_not_log_is_said(trail, proved, since, wanted):
    status = {
        "trail": {
            "Name": "main",
            "HomeRegion": "us-east-1",
            "TrailARN": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/main",
        },
        "status": {"IsLogging": False, **({"StopLoggingTime": since} if since else {})},
    }
    beside = {"cloudtrail/us-east-1/main.json": json.dumps(status)}
    proof = proved(trail, beside=beside)
    assert (states(proof), proof.exit_code) == ({**WHOLE, **wanted}, 3)
    assert proof.stopped[0].trail == "main"
    later = proved(trail, beside=beside, until=START + 7 * HOUR)
    assert states(later)[6] == ("gap" if since else "absent")


def test_a_digest_of_less_than_a_second_stays_in_its_hour(proved):
    trail = Trail()
    trail.chain(hours=1, logs=0, step=timedelta(0))
    assert states(proved(trail, keys=False)) == {0: "unsigned"}


def test_a_sidecar_that_names_another_key_tells_of_a_move(trail, tmp_path):
    root = trail.write(tmp_path)
    place = root / f"{chain_of(trail)[2].key}.meta.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "Key": "elsewhere/d.json.gz"}))
    proof = prove(Folder(root))
    assert (states(proof), proof.exit_code) == ({**WHOLE, 2: "altered"}, 4)


def test_a_digest_that_changes_under_our_eyes_is_altered(trail, tmp_path):
    class Changing(Folder):
        seen = 0

        def open(self, path):
            self.seen += path == chain_of(trail)[2].key
            if path == chain_of(trail)[2].key and self.seen > 1:
                path = chain_of(trail)[3].key
            return super().open(path)

    proof = prove(Changing(trail.write(tmp_path)))
    assert (states(proof)[2], proof.exit_code) == ("altered", 4)


def test_the_times_of_a_digest_that_nobody_signed_are_those_of_its_name(trail, proved):
    stored = trail.objects[chain_of(trail)[2].key]
    stored.body = packed(plain_of(stored).replace(b"T02:00:00Z", b"T23:00:00Z").replace(b"T03:00:00Z", b"T23:30:00Z"))
    assert states(proved(trail)) == {**WHOLE, 2: "altered"}


def test_a_named_predecessor_without_room_for_it_is_missing(proved):
    trail = Trail()
    trail.chain(
        edit=lambda number, content: number == 3 and content.update(previousDigestS3Object="AWSLogs/none.json.gz")
    )
    assert states(proved(trail)) == {**WHOLE, 2: "missing"}


def test_a_digest_before_a_broken_one_is_missed_by_the_time(trail, proved):
    del trail.objects[chain_of(trail)[2].key]
    after = trail.objects[chain_of(trail)[3].key]
    after.body = after.body[:-9]
    assert states(proved(trail)) == {**WHOLE, 2: "missing", 3: "altered"}


def test_an_hour_that_a_chain_leaps_over_is_a_gap(proved):
    trail = Trail()
    trail.chain(skip=(3,))
    proof = proved(trail)
    assert (states(proof), proof.exit_code) == ({**WHOLE, 3: "gap"}, 3)


def test_what_a_forged_digest_says_of_log_files_is_worth_nothing(trail, proved):
    made, stored = chain_of(trail)[2], trail.objects[chain_of(trail)[2].key]
    stored.body = packed(plain_of(stored).replace(b'"hashValue":"', b'"hashValue":"0'))
    proof = proved(trail)
    assert (proof.logs.altered, proof.logs.unsigned, proof.digests.altered) == (0, len(made.logs), 1)


def test_a_hash_of_another_kind_proves_nothing(proved):
    trail = Trail()
    trail.chain(edit=lambda number, content: number == 1 and content["logFiles"][0].update(hashAlgorithm="MD5"))
    proof = proved(trail)
    assert (states(proof), proof.logs.altered) == ({**WHOLE, 1: "altered"}, 1)


def test_a_log_file_of_the_last_minutes_waits_for_the_next_digest(trail, proved):
    key = chain_of(trail)[5].logs[0].replace("T0520Z", "T0555Z")
    trail.objects[key] = Stored(packed(b'{"Records":[]}'))
    proof = proved(trail)
    assert (states(proof), proof.exit_code) == ({**WHOLE, 6: "absent"}, 3)


def test_another_buckets_object_of_the_same_key_is_another_object(trail, tmp_path):
    root, key = trail.write(tmp_path), chain_of(trail)[2].logs[0]
    other = root / "other-bucket" / key
    other.parent.mkdir(parents=True)
    other.write_bytes(packed(b'{"Records":[]}'))
    assert prove(Folder(root)).logs.altered == 1  # nothing says whose it is, so it may be this one
    other.with_name(f"{other.name}.meta.json").write_text(json.dumps({"Bucket": "other-bucket", "Key": key}))
    proof = prove(Folder(root))
    assert (proof.logs.altered, proof.logs.valid, proof.logs.unsigned, proof.exit_code) == (0, 12, 1, 3)
