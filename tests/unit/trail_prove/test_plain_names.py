"""Files whose names say nothing but their folders do: then the digests themselves tell the times."""

import pytest
from make_trail import ACCOUNT, HOUR, START, Trail, states

WHOLE = dict.fromkeys(range(6), "valid")
BASE = f"AWSLogs/{ACCOUNT}/CloudTrail"


@pytest.fixture
def plain():
    """Six digests d0 to d5, a log file in each."""
    trail, before = Trail(), None
    trail.chain(hours=1, logs=0)
    trail.objects.clear()
    for hour in range(6):
        key, sha256 = trail.log(BASE.removesuffix("/CloudTrail"), ACCOUNT, "us-east-1", START + hour * HOUR, 0)
        renamed = f"{BASE}/us-east-1/2026/03/01/log{hour}.json.gz"
        trail.objects[renamed] = trail.objects.pop(key)
        since, until = (f"2026-03-01T{hour + n:02d}:00:00Z" for n in (0, 1))
        digest_key = f"{BASE}-Digest/us-east-1/2026/03/01/d{hour}.json.gz"
        content = {
            "digestStartTime": since, "digestEndTime": until, "digestS3Bucket": "b", "digestS3Object": digest_key,
            "digestPublicKeyFingerprint": trail.keys["us-east-1"]["PublicKeyList"][0]["Fingerprint"],
            "previousDigestS3Bucket": before and "b", "previousDigestS3Object": before and before.key,
            "previousDigestHashValue": before and before.sha256, "previousDigestSignature": before and before.signature,
            "logFiles": [{"s3Bucket": "b", "s3Object": renamed, "hashValue": sha256, "hashAlgorithm": "SHA-256"}],
        }  # fmt: skip
        before = trail.digest(digest_key, content, "us-east-1")
    return trail


def digest(hour):
    return f"{BASE}-Digest/us-east-1/2026/03/01/d{hour}.json.gz"


def test_all_is_proved(plain, proved):
    proof = proved(plain)
    assert (proof.ok, states(proof), proof.files.valid) == (True, WHOLE, 12)


@pytest.mark.parametrize("hour", range(6))
def test_a_broken_digest_is_put_where_its_neighbours_say(plain, proved, hour):
    plain.objects[digest(hour)].body = b"\x1f\x8bbroken"
    proof = proved(plain)
    assert (states(proof), proof.exit_code) == ({**WHOLE, hour: "altered"}, 4)


@pytest.mark.parametrize("gone, wanted", [((2,), {2: "missing"}), ((2, 3), {2: "missing", 3: "missing"})])
def test_missing_digests(plain, proved, gone, wanted):
    for hour in gone:
        del plain.objects[digest(hour)]
    proof = proved(plain)
    assert (states(proof), proof.exit_code, proof.logs.unsigned) == ({**WHOLE, **wanted}, 3, len(gone))


def test_a_cut_end_is_not_proved(plain, proved):
    for hour in (4, 5):
        del plain.objects[digest(hour)]
    assert (proved(plain).ok, proved(plain).logs.unsigned) == (False, 2)
    assert states(proved(plain, until=START + 6 * HOUR)) == {**WHOLE, 4: "absent", 5: "absent"}
    assert proved(plain, since=START + HOUR, until=START + 4 * HOUR).logs.unsigned == 2  # who knows when they are from
