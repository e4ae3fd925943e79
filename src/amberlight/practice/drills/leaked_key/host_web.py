"""The shop's web server, as it runs on the drill's host: standard library alone, one argument (JSON).

It answers HTTP, and every second it puts a line of its access log into the artifact bucket with the credentials of the
instance's role, which it gets from the metadata service (IMDSv2): a service that works as services do.
"""

import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time
import urllib.parse
import urllib.request

SETTINGS = json.loads(sys.argv[1])
METADATA = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254").rstrip("/")
SEEN = [0]


def fetch(url: str, method: str = "GET", headers: dict[str, str] | None = None, data: bytes | None = None) -> bytes:
    """One HTTP request of the server itself."""
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return bytes(answer.read())


def metadata(path: str) -> str:
    """A value of the instance metadata service."""
    token = fetch(METADATA + "/latest/api/token", "PUT", {"X-aws-ec2-metadata-token-ttl-seconds": "300"}).decode()
    return fetch(METADATA + "/latest/meta-data/" + path, headers={"X-aws-ec2-metadata-token": token}).decode()


def put(keys: dict[str, str], key: str, body: bytes) -> None:
    """PutObject, signed with Signature Version 4."""
    endpoint = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = "/" + SETTINGS["bucket"] + "/" + key
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "host": endpoint.netloc,
        "x-amz-content-sha256": digest,
        "x-amz-date": stamp,
        "x-amz-security-token": keys["Token"],
    }
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        ["PUT", path, "", *(name + ":" + headers[name] for name in sorted(headers)), "", names, digest]
    )
    scope = stamp[:8] + "/" + SETTINGS["region"] + "/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    secret = ("AWS4" + keys["SecretAccessKey"]).encode()
    for part in scope.split("/"):
        secret = hmac.new(secret, part.encode(), "sha256").digest()
    signature = hmac.new(secret, text.encode(), "sha256").hexdigest()
    headers["authorization"] = (
        ("AWS4-HMAC-SHA256 Credential=" + keys["AccessKeyId"] + "/" + scope)
        + ", SignedHeaders="
        + names
        + ", Signature="
        + signature
    )
    del headers["host"]
    fetch(urllib.parse.urlunsplit((endpoint.scheme, endpoint.netloc, path, "", "")), "PUT", headers, body)


def report() -> None:
    """Ship the access log, for ever; a failure is tried again later, as log shippers do."""
    number = 0
    while True:
        try:
            role = metadata("iam/security-credentials/").split()[0]
            keys = json.loads(metadata("iam/security-credentials/" + role))
            while True:
                number += 1
                put(keys, f"access/{number:06d}.log", f"requests {SEEN[0]}\n".encode())
                time.sleep(1.0)  # noqa: TID251
        except (OSError, IndexError, ValueError):
            time.sleep(1.0)  # noqa: TID251


class Shop(http.server.BaseHTTPRequestHandler):
    """One page."""

    def do_GET(self) -> None:
        """Answer."""
        SEEN[0] += 1
        page = b"<!doctype html><title>Shop</title><p>Lamps, candles, matches.\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    threading.Thread(target=report, daemon=True).start()
    http.server.ThreadingHTTPServer((metadata("local-ipv4"), SETTINGS["port"]), Shop).serve_forever()
