"""Sent in front of every script that runs on a host: opens the sealed grant, signs, uploads, reports.

Runs on the host's own Python 3.6 or newer with nothing but its standard library, isolated (`python3 -I -S`). A script
that follows uses `arguments`, `at`, `upload`, `say` and ends with `run(function)`.

References:
    RFC 3526 section 3 (the 2048-bit group), RFC 5869 (HKDF), RFC 2104 (HMAC).
    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html (signing)
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html (If-None-Match)
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import socket
import ssl
import sys
import time
import urllib.parse
from http import HTTPStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
SIZE = 256
PART_BYTES = 8 << 20
REPORT_CHARACTERS = 16_000
AGAIN = (409, 429)
OWN_PORTS = (61000, 61199)  # above Linux's usual range for clients (32768-60999), so that a recording can leave us out
ROOT = os.environ.get("HOST_ROOT", "")

arguments = {}  # type: dict[str, Any]
grant = {}  # type: dict[str, Any]
facts = {}  # type: dict[str, Any]
changed = []  # type: list[str]
STARTED = time.monotonic()


def at(path: str) -> str:
    """The path on this host: below another root where one is set."""
    return ROOT + path


def say(**more: "Any") -> None:
    """Add facts to the report."""
    facts.update(more)


def did(what: str) -> None:
    """Add something that this run changed on the host to the report."""
    changed.append(what)


def stretch(shared: int, salt: bytes) -> "tuple[bytes, bytes]":
    """Two keys out of the shared number: HKDF-SHA256, one to encrypt, one to authenticate."""
    secret = hmac.new(salt, shared.to_bytes(SIZE, "big"), hashlib.sha256).digest()
    first = hmac.new(secret, b"seal\x01", hashlib.sha256).digest()
    return first, hmac.new(secret, first + b"seal\x02", hashlib.sha256).digest()


def masked(key: bytes, data: bytes) -> bytes:
    """The data under the key's stream: HMAC-SHA256 in counter mode. The same call undoes it."""
    blocks = (len(data) + 31) // 32
    stream = b"".join(hmac.new(key, n.to_bytes(8, "big"), hashlib.sha256).digest() for n in range(blocks))
    return bytes(a ^ b for a, b in zip(data, stream))  # noqa: B905 - `strict` came with 3.10


def opened(sealed: "dict[str, str]", private: int) -> "dict[str, Any]":
    """The grant inside the box; ValueError when a single bit of it was changed."""
    theirs, ours = int(sealed["public"], 16), pow(2, private, PRIME)
    if not 1 < theirs < PRIME - 1:
        raise ValueError("the other side's public number is out of range")
    salt = hashlib.sha256(ours.to_bytes(SIZE, "big") + theirs.to_bytes(SIZE, "big")).digest()
    encrypting, authenticating = stretch(pow(theirs, private, PRIME), salt)
    box = base64.b64decode(sealed["box"])
    tag = hmac.new(authenticating, salt + box, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(tag, sealed["tag"]):
        raise ValueError("the sealed parameter was changed on its way")
    return dict(json.loads(masked(encrypting, box).decode()))


def private_number(path: str) -> int:
    """The private half that the handover left; it is removed at once."""
    with open(path) as kept:
        number = int(kept.read(), 16)
    os.unlink(path)
    return number


def stamp() -> str:
    """The time by the clock of who sent us, so that a host with a wrong clock can deliver too."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(grant["now"] + time.monotonic() - STARTED))


def signed(method: str, url: str, headers: "dict[str, str]", body: bytes, when: str) -> "dict[str, str]":
    """The headers with AWS Signature Version 4 for S3."""
    parts = urllib.parse.urlsplit(url)
    headers = dict(headers, Host=parts.netloc)
    headers["x-amz-date"], headers["x-amz-content-sha256"] = when, hashlib.sha256(body).hexdigest()
    headers["x-amz-security-token"] = grant["session_token"]
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    names = ";".join(sorted(lower))
    lines = "".join(f"{name}:{lower[name]}\n" for name in sorted(lower))
    query = "&".join(sorted(parts.query.split("&"))) if parts.query else ""
    request = "\n".join([method, parts.path, query, lines, names, headers["x-amz-content-sha256"]])
    scope = "/".join([when[:8], grant["region"], "s3", "aws4_request"])
    text = "\n".join(["AWS4-HMAC-SHA256", when, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = ("AWS4" + grant["secret_access_key"]).encode()
    for piece in scope.split("/"):
        key = hmac.new(key, piece.encode(), hashlib.sha256).digest()
    headers["Authorization"] = "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}".format(
        grant["access_key_id"], scope, names, hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    )
    return headers


def own_port() -> int:
    """A free local port of the range that deliveries use."""
    ports = list(range(OWN_PORTS[0], OWN_PORTS[1] + 1))
    random.shuffle(ports)
    for port in ports:
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
    return 0


def exchange(method: str, url: str, headers: "dict[str, str]", body: bytes) -> "tuple[int, dict[str, str], bytes]":
    """One request and its answer: status, headers with lower-case names, body."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https":
        secure = ssl.create_default_context()
        link = http.client.HTTPSConnection(parts.netloc, timeout=60, context=secure, source_address=("", own_port()))
    else:
        link = http.client.HTTPConnection(  # type: ignore[assignment]
            parts.netloc, timeout=60, source_address=("", own_port())
        )
    target = parts.path + ("?" + parts.query if parts.query else "")
    try:
        link.request(method, target, body, signed(method, url, headers, body, stamp()))
        answer = link.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        link.close()


def send(
    method: str, query: str, body: bytes, headers: "dict[str, str] | None" = None
) -> "tuple[dict[str, str], bytes]":
    """A request to the granted object, tried again where trying again can help. OSError when it was refused."""
    problem = ""
    for attempt in range(4):
        if attempt:
            time.sleep(0.3 * 3**attempt)  # noqa: TID251 - a host has no clock of ours
        try:
            status, got, text = exchange(method, grant["url"] + query, headers or {}, body)
        except (OSError, http.client.HTTPException) as error:
            problem = f"{type(error).__name__}: {error}"
            continue
        if (
            status < HTTPStatus.MULTIPLE_CHOICES
            and not text.lstrip().startswith(b"<Error")
            and b"<Error>" not in text[:400]
        ):
            return got, text
        problem = "S3 answered {}: {}".format(status, text[:300].decode("utf-8", "replace"))
        if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in AGAIN:
            break
    raise OSError(problem)


def checksum(data: bytes) -> str:
    """SHA-256 as S3 wants it in headers."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def parts_of(chunks: "Iterable[bytes]", whole: "Any") -> "Iterator[bytes]":
    """The chunks regrouped into parts of 8 MiB, growing with their number so that 10,000 are always enough."""
    held, count = bytearray(), 0
    for chunk in chunks:
        whole.update(chunk)
        held += chunk
        size = PART_BYTES * (1 + count // 1000)
        while len(held) > size:
            yield bytes(held[:size])
            del held[:size]
            count += 1
    yield bytes(held)


def found(tag: str, text: bytes) -> str:
    """The text of one XML element."""
    match = re.search(f"<{tag}>([^<]*)</{tag}>", text.decode("utf-8", "replace"))
    if match is None:
        raise OSError(f"S3's answer has no {tag}")
    return match.group(1)


def upload(chunks: "Iterable[bytes]", size: "int | None" = None) -> "dict[str, Any]":
    """Pipe the chunks into the one granted object, hashed on the way; create-only. Returns sha256 and size_bytes.

    One PutObject up to 8 MiB, else parts, each with its SHA-256. `size` is only compared with what really came.
    """
    whole, sent = hashlib.sha256(), 0
    parts = parts_of(chunks, whole)
    first, kind = next(parts), arguments.get("media_type", "application/octet-stream")
    second = next(parts, None)
    if second is None:
        sent = len(first)
        once = {"x-amz-checksum-sha256": checksum(first), "If-None-Match": "*", "Content-Type": kind}
        send("PUT", "", first, once)
    else:
        sent = upload_parts(first, second, parts, kind)
    say(size_as_announced=size is None or size == sent)
    return {"sha256": whole.hexdigest(), "size_bytes": sent}


def upload_parts(first: bytes, second: bytes, rest: "Iterator[bytes]", kind: str) -> int:
    """A multipart upload; returns how many bytes went."""
    start = {"x-amz-checksum-algorithm": "SHA256", "Content-Type": kind}
    name = urllib.parse.quote(found("UploadId", send("POST", "?uploads=", b"", start)[1]), safe="")
    listed, sent = [], 0
    for number, part in enumerate(several(first, second, rest), 1):
        query = f"?partNumber={number}&uploadId={name}"
        got, _ = send("PUT", query, part, {"x-amz-checksum-sha256": checksum(part)})
        listed.append(
            "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag><ChecksumSHA256>{}</ChecksumSHA256></Part>".format(
                number, got["etag"].replace("&", "&amp;").replace("<", "&lt;"), checksum(part)
            )
        )
        sent += len(part)
    body = "<CompleteMultipartUpload>{}</CompleteMultipartUpload>".format("".join(listed))
    send("POST", "?uploadId=" + name, body.encode(), {"If-None-Match": "*", "Content-Type": "application/xml"})
    return sent


def several(first: bytes, second: bytes, rest: "Iterator[bytes]") -> "Iterator[bytes]":
    """First, second and the rest as one."""
    yield first
    yield second
    yield from rest


def report(**fields: "Any") -> None:
    """The one line that the other side reads."""
    line = {"ok": True, "sha256": "", "size_bytes": 0, "facts": facts, "changed": changed, "error": ""}
    line.update(fields)
    text = json.dumps(line, ensure_ascii=True, default=repr)
    if len(text) > REPORT_CHARACTERS:
        line.update(facts={"facts_left_out": len(text)}, changed=[item[:200] for item in changed[:20]])
        text = json.dumps(line, ensure_ascii=True, default=repr)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(function: "Callable[[], Any]") -> None:
    """Open the parameter, call the function, report what it returned, or the error that it ended with.

    The function returns what `upload` returned, or a dictionary of fields of the report.
    """
    try:
        given = json.loads(base64.b64decode(sys.argv[1]).decode())
        arguments.update(given["arguments"])
        if given.get("sealed"):
            grant.update(opened(given["sealed"], private_number(at(given["private"]))))
            say(clock_offset_s=round(time.time() - grant["now"], 3))  # noqa: TID251 - the host's own clock is the fact
        report(**(function() or {}))
    except Exception as error:  # noqa: BLE001 - nobody else is on the host to say what went wrong
        report(ok=False, error=f"{type(error).__name__}: {error}"[:2000])
