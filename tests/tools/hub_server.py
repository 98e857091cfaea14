"""A hub on this machine that speaks as much of the Hugging Face hub's API as a download needs, and
that can be told to fail."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Repositories of files by path. ``faults`` are what happens to the next requests of a path, or
    of "api": a number of bytes after which the line is cut, an HTTP status, or other bytes."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.licenses: dict[str, str] = {}
        self.token: str | None = None
        self.gated = False
        self.faults: dict[str, list[int | bytes]] = defaultdict(list)
        self.asked: list[tuple[str, str | None]] = []
        """The paths that were asked for, with the range."""
        self.ranges = True

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator[Hub]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.answer(self)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            code = "GatedRepo" if self.gated else "RepoNotFound"
            self._refuse(request, 401, {"X-Error-Code": code})
            return
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", path):
            self._describe(request, *match.groups())
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._send(request, *match.groups())
        else:
            self._refuse(request, 404, {"X-Error-Code": "RepoNotFound"})

    def _describe(self, request: BaseHTTPRequestHandler, name: str, revision: str) -> None:
        if self.faults["api"]:
            self._refuse(request, int(self.faults["api"].pop(0)), {})
        elif name not in self.repositories:
            self._refuse(request, 404, {"X-Error-Code": "RepoNotFound"})
        elif revision not in ("main", COMMIT):
            self._refuse(request, 404, {"X-Error-Code": "RevisionNotFound"})
        else:
            siblings = [_told(path, data) for path, data in self.repositories[name].items()]
            card = {"license": self.licenses.get(name)}
            told = {"id": name, "sha": COMMIT, "siblings": siblings, "cardData": card}
            self._reply(request, 200, json.dumps(told).encode(), {})

    def _send(self, request: BaseHTTPRequestHandler, name: str, revision: str, path: str) -> None:
        asked = request.headers.get("Range")
        self.asked.append((path, asked))
        data = self.repositories.get(name, {}).get(path)
        if data is None or revision != COMMIT:
            self._refuse(request, 404, {"X-Error-Code": "EntryNotFound"})
            return
        fault = self.faults[path].pop(0) if self.faults[path] else None
        if isinstance(fault, int) and 400 <= fault < 600:
            self._refuse(request, fault, {"Retry-After": "0"})
            return
        if isinstance(fault, bytes):
            self._reply(request, 200, fault, {})
            return
        begin = 0
        if asked and self.ranges and (match := re.fullmatch(r"bytes=(\d+)-", asked)):
            begin = int(match[1])
        status = 206 if begin else 200
        self._reply(request, status, data[begin:], {}, cut=fault)

    def _refuse(self, request: BaseHTTPRequestHandler, code: int, headers: dict[str, str]) -> None:
        self._reply(request, code, json.dumps({"error": "no"}).encode(), headers)

    @staticmethod
    def _reply(
        request: BaseHTTPRequestHandler, code: int, body: bytes, headers: dict[str, str], *,
        cut: int | None = None,
    ) -> None:  # fmt: skip
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("X-Repo-Commit", COMMIT)
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            request.close_connection = True


def _told(path: str, data: bytes) -> dict[str, Any]:
    large = path.endswith(".safetensors")
    git = hashlib.sha1(f"blob {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()
    told: dict[str, Any] = {"rfilename": path, "size": len(data), "blobId": git}
    if large:
        digest = hashlib.sha256(data).hexdigest()
        told["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 134}
    return told
