"""A stand-in of the Hugging Face hub: enough of its HTTP for one upload and one download."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

COMMIT = "a" * 40


class _Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self, body, status=200, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_POST(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, hub = urlsplit(self.path).path, self.server
        if path == "/api/repos/create":
            wanted = json.loads(sent)
            hub.created.append(wanted)
            self._answer({"url": f"{hub.url}/{wanted['organization']}/{wanted['name']}"})
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = [f["path"] for f in json.loads(sent)["files"]]
            rows = [{"path": f, "uploadMode": "regular", "shouldIgnore": False} for f in files]
            self._answer({"files": rows})
        elif "/commit/" in path:
            for line in sent.decode().splitlines():
                row = json.loads(line)
                if row["key"] == "file":
                    content = base64.b64decode(row["value"]["content"])
                    hub.files[row["value"]["path"]] = content
            self._answer(
                {
                    "commitUrl": f"{hub.url}/org/news/commit/{COMMIT}",
                    "commitOid": COMMIT,
                    "success": True,
                }
            )
        else:
            self._answer({"error": path}, 404)

    def do_GET(self):
        path, hub = urlsplit(self.path).path, self.server
        hub.asked.append(path)
        if "/resolve/" in path:
            name = path.split("/resolve/")[1].partition("/")[2]
            content = hub.files.get(name)
            if content is None:
                self._answer({"error": name}, 404, X_Error_Code="EntryNotFound")
                return
            etag = hashlib.sha1(content).hexdigest()
            self._answer(content, X_Repo_Commit=COMMIT, ETag=f'"{etag}"')
        elif "/tree/" in path:
            self._answer(
                [
                    {"type": "file", "path": n, "size": len(c), "oid": hashlib.sha1(c).hexdigest()}
                    for n, c in hub.files.items()
                ]
            )
        elif path.startswith("/api/models/"):
            rows = [{"rfilename": name} for name in hub.files]
            self._answer({"id": "org/news", "sha": COMMIT, "siblings": rows, "private": True,
                          "tags": [], "downloads": 0})  # fmt: skip
        else:
            self._answer({"error": path}, 404)

    do_HEAD = do_GET


@contextmanager
def local_hub():
    """A hub on this machine: ``.url``, ``.files`` (name to bytes), ``.created``, ``.asked``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    server.files, server.created, server.asked = {}, [], []
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
