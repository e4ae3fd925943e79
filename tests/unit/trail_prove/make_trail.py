"""Makes signed trails as CloudTrail delivers them, from the documentation alone: nothing here is imported from us.

A trail is made in memory (`Trail`), may be damaged there, and is then written with sidecars and keys, as a capture does.
"""

import base64
import functools
import gzip
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
BUCKET = "the-logs"
ACCOUNT = "123456789012"


@functools.cache
def key_of(name):
    """A Region's private key; made once, as that takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def der_of(name, form="PKCS1"):
    formats = {"PKCS1": serialization.PublicFormat.PKCS1, "SPKI": serialization.PublicFormat.SubjectPublicKeyInfo}
    return key_of(name).public_key().public_bytes(serialization.Encoding.DER, formats[form])


def fingerprint_of(name):
    return hashlib.md5(der_of(name), usedforsecurity=False).hexdigest()


def iso(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def compact(when):
    return when.strftime("%Y%m%dT%H%M%SZ")


def key_list(name, form="PKCS1", since=START - timedelta(days=30), until=START + timedelta(days=60)):
    return {"PublicKeyList": [{
        "Value": base64.b64encode(der_of(name, form)).decode(), "ValidityStartTime": iso(since),
        "ValidityEndTime": iso(until), "Fingerprint": fingerprint_of(name),
    }]}  # fmt: skip


def packed(plain):
    return gzip.compress(plain, mtime=0)


@dataclass
class Stored:
    """An object: its bytes and its user metadata."""

    body: bytes
    metadata: dict = field(default_factory=dict)


@dataclass
class Made:
    """A digest that was made: its key, what stands in it, and its signature."""

    key: str
    content: dict
    signature: str
    sha256: str
    logs: list

    def start_of(self):
        """When its interval starts."""
        return datetime.fromisoformat(self.content["digestStartTime"])


class Trail:
    """Objects of a bucket: one chain of digests after another, with their log files."""

    def __init__(self, bucket=BUCKET):
        self.bucket = bucket
        self.objects = {}
        self.keys = {}
        self.chains = {}

    def chain(self, hours=6, *, account=ACCOUNT, region="us-east-1", name="main", home="us-east-1", start=START,
              logs=2, organisation="", prefix="", starting=(0,), step=HOUR, skip=(), backfill=False, signer=None,
              edit=None):  # fmt: skip
        """A chain: one digest for each hour, those of `starting` without a predecessor, those of `skip` not made.

        `edit(number, content)` may change a digest before it is signed.
        """
        signer = signer or region
        self.keys.setdefault(region, key_list(signer))
        base = f"{prefix}AWSLogs/{organisation}{'/' if organisation else ''}{account}"
        made, before = [], None
        for number in range(hours):
            since, end = start + number * step, start + (number + 1) * step
            if number in skip:
                continue
            if number in starting:
                before = None
            mine = [self.log(base, account, region, since + step * (n + 1) / (logs + 1), n) for n in range(logs)]
            tail = f"{compact(end)}{'_backfill' if backfill else ''}.json.gz"
            digest_key = (
                f"{base}/CloudTrail-Digest/{region}/{end:%Y/%m/%d}/"
                f"{account}_CloudTrail-Digest_{region}_{name}_{home}_{tail}"
            )
            content = {
                "awsAccountId": account, "digestStartTime": iso(since), "digestEndTime": iso(end),
                "digestS3Bucket": self.bucket, "digestS3Object": digest_key,
                "digestPublicKeyFingerprint": fingerprint_of(signer), "digestSignatureAlgorithm": "SHA256withRSA",
                "newestEventTime": iso(end), "oldestEventTime": iso(since),
                "previousDigestS3Bucket": before and self.bucket, "previousDigestS3Object": before and before.key,
                "previousDigestHashValue": before and before.sha256,
                "previousDigestHashAlgorithm": before and "SHA-256",
                "previousDigestSignature": before and before.signature,
                "logFiles": [
                    {"s3Bucket": self.bucket, "s3Object": key, "hashValue": sha256, "hashAlgorithm": "SHA-256",
                     "newestEventTime": iso(end), "oldestEventTime": iso(since)}
                    for key, sha256 in mine
                ],
            }  # fmt: skip
            if edit:
                edit(number, content)
            before = self.digest(digest_key, content, signer, end + 2 * HOUR if backfill else None)
            before.logs = [key for key, _ in mine]
            made.append(before)
        self.chains[account, region, name] = made
        return made

    def log(self, base, account, region, when, number):
        tag = hashlib.sha256(f"{base}{region}{when}{number}".encode()).hexdigest()[:16]
        name = f"{account}_CloudTrail_{region}_{when:%Y%m%dT%H%MZ}_{tag}.json.gz"
        plain = json.dumps({"Records": [{"eventID": f"{tag}-{n}", "eventTime": iso(when)} for n in range(3)]}).encode()
        key = f"{base}/CloudTrail/{region}/{when:%Y/%m/%d}/{name}"
        self.objects[key] = Stored(packed(plain))
        return key, hashlib.sha256(plain).hexdigest()

    def digest(self, key, content, signer, backfill=None):
        plain = json.dumps(content, separators=(",", ":")).encode()
        sha256 = hashlib.sha256(plain).hexdigest()
        text = "\n".join([
            content["digestEndTime"], f"{content['digestS3Bucket']}/{content['digestS3Object']}", sha256,
            "null" if content["previousDigestSignature"] is None else content["previousDigestSignature"],
        ])  # fmt: skip
        signature = key_of(signer).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()
        metadata = {"signature": signature, "signature-algorithm": "SHA256withRSA"}
        if backfill:
            metadata["backfill-generation-timestamp"] = iso(backfill)
        self.objects[key] = Stored(packed(plain), metadata)
        return Made(key, content, signature, sha256, [])

    def write(self, root, *, keys=True):
        """The copy: every object with its sidecar, and the public keys."""
        root = Path(root)
        root.mkdir(parents=True, exist_ok=True)
        for key, stored in self.objects.items():
            place = root / key
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(stored.body)
            head = {"ContentLength": len(stored.body), "Metadata": stored.metadata}
            sidecar = {**head, "Bucket": self.bucket, "Key": key, "VersionId": None}
            place.with_name(f"{place.name}.meta.json").write_text(json.dumps(sidecar, indent=1))
        for region, answer in self.keys.items() if keys else ():
            place = root / "cloudtrail-keys" / f"{region}.json"
            place.parent.mkdir(exist_ok=True)
            place.write_text(json.dumps(answer))
        return root


def flip(body, position=-1, bit=0):
    """The bytes with one bit turned; by default in the middle."""
    position = len(body) // 2 if position < 0 else position
    return body[:position] + bytes([body[position] ^ (1 << bit)]) + body[position + 1 :]


def plain_of(stored):
    return gzip.decompress(stored.body)


def states(proof):
    """States by hour of the day, for one account and Region."""
    return {row.hour.hour: row.state for row in proof.hours}
