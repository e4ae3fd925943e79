"""A host and a store's front that tests can run: commands really run in a shell, requests really travel over HTTP."""

import http.server
import itertools
import os
import subprocess
import threading
import urllib.parse


class Host:
    """Answers the two SSM operations by running the command text on this machine, below a folder of its own."""

    def __init__(self, root):
        (root / "dev/shm").mkdir(parents=True)
        self.root, self.sent, self.done, self.numbers = root, [], {}, itertools.count()
        self.answers = []

    def __call__(self, operation, parameters):
        if operation == "ssm.GetCommandInvocation":
            return self.answers.pop(0) if self.answers else self.done[parameters["CommandId"]]
        name = f"command-{next(self.numbers)}"
        self.sent.append(parameters)
        (text,) = parameters["Parameters"]["commands"]
        ended = subprocess.run(
            ["/bin/sh", "-c", text],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"], "HOST_ROOT": str(self.root)},
        )
        status = "Success" if ended.returncode == 0 else "Failed"
        self.done[name] = {
            "Status": status,
            "StatusDetails": status,
            "StandardOutputContent": ended.stdout[:24000],
            "StandardErrorContent": ended.stderr[:8000],
        }
        return {"Command": {"CommandId": name}}


class Front(http.server.BaseHTTPRequestHandler):
    """As much of S3 as one upload needs; keeps every request, and refuses to replace an object."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        """Quiet."""

    def handle_all(self):
        server, body = self.server, self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        server.requests.append((self.command, self.path, dict(self.headers), body))
        key = urllib.parse.unquote(parts.path)
        if server.failures:
            return self.answer(server.failures.pop(0), b"<Error><Code>SlowDown</Code></Error>")
        if "uploads" in query:
            return self.answer(200, b"<X><UploadId>u/1+2</UploadId></X>")
        if "partNumber" in query:
            server.parts[int(query["partNumber"])] = body
            return self.answer(200, b"", etag=f'"{query["partNumber"]}"')
        if key in server.objects:
            return self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        whole = b"".join(server.parts[n] for n in sorted(server.parts)) if "uploadId" in query else body
        server.objects[key] = whole
        return self.answer(200, b"")

    do_PUT = do_POST = handle_all  # noqa: N815 - the library's names

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    """The front on a port of its own."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Front)
        self.requests, self.objects, self.parts, self.failures = [], {}, {}, []
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_port}"
