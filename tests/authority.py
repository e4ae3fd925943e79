"""A timestamp authority for tests: openssl behind a loopback server, honest or lying in a named way."""

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONFIG = """
[req]
distinguished_name=dn
prompt=no
[dn]
CN=test
[ca]
basicConstraints=critical,CA:true
[tsa]
extendedKeyUsage=critical,timeStamping
keyUsage=critical,digitalSignature
[ts]
serial=serial
signer_digest=sha256
digests=sha256
default_policy=1.2.3.4
ess_cert_id_chain=no
"""
EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "ts.cnf"]


def openssl(folder, *argv):
    return subprocess.run(["openssl", *argv], cwd=folder, check=True, capture_output=True, timeout=30).stdout


class Authority:
    """`mode` says how it answers: honest, nonce, imprint, flipped, refused, garbage, empty, cut, huge, status, moved."""

    def __init__(self, folder):
        self.folder, self.mode, self.asked = folder, "honest", 0
        (folder / "ts.cnf").write_text(CONFIG)
        (folder / "serial").write_text("01\n")
        openssl(folder, "req", "-x509", *EC, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "30",
                "-extensions", "ca")  # fmt: skip
        for name, use in (("tsa", ["-extensions", "tsa"]), ("plain", [])):
            openssl(folder, "req", *EC, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
            openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                    "-out", f"{name}.pem", "-days", "30", "-extfile", "ts.cnf", *use)  # fmt: skip
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/tsa?x=1"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def reply(self, query):
        self.asked += 1
        name = f"{self.asked}"
        (self.folder / name).write_bytes(query)
        if self.mode in ("nonce", "imprint"):
            data = self.asked_for if self.mode == "nonce" else b"something else"
            (self.folder / "data").write_bytes(data)
            openssl(self.folder, "ts", "-query", "-data", "data", "-sha256", "-cert", "-out", name)
        if self.mode == "refused":
            (self.folder / "data").write_bytes(self.asked_for)
            openssl(self.folder, "ts", "-query", "-data", "data", "-sha512", "-cert", "-out", name)
        openssl(self.folder, "ts", "-reply", "-config", "ts.cnf", "-section", "ts", "-queryfile", name, "-signer",
                "tsa.pem", "-inkey", "tsa.key", "-out", f"{name}.tsr")  # fmt: skip
        whole = (self.folder / f"{name}.tsr").read_bytes()
        if self.mode == "flipped":
            return whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]
        return {"garbage": b"\x30\x80garbage" * 9, "cut": whole[:-20], "empty": b""}.get(self.mode, whole)

    def handler(self):
        return type("Asked", (Handler,), {"authority": self})


class Handler(BaseHTTPRequestHandler):
    authority = None

    def do_POST(self):
        query = self.rfile.read(int(self.headers["Content-Length"]))
        mode = self.authority.mode
        self.send_response({"status": 500, "moved": 302}.get(mode, 200))
        if mode == "moved":
            self.send_header("Location", self.authority.url)
        self.end_headers()
        if mode == "huge":
            self.huge()
        else:
            self.wfile.write(self.authority.reply(query))

    def huge(self):
        try:
            for _ in range(100):
                self.wfile.write(bytes(1 << 20))
        except OSError:
            self.authority.hung_up = True

    def log_message(self, *what):
        pass
