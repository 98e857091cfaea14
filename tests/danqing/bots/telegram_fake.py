"""Telegram's Bot API as far as a bot needs it, on this machine: what people send, and what the bot
does, call by call. https://core.telegram.org/bots/api"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

TOKEN = "123456:a-token-that-is-nowhere-else"


class Telegram:
    """The service. ``calls`` are what the bot did: the method's name, and its fields."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.files: dict[str, bytes] = {}
        self.no_photos = False
        self.url = ""
        self._updates: list[dict[str, Any]] = []
        self._sent = 0
        self._news = threading.Condition()

    def send(self, text: str = "", *, chat: int = 7, photo: bytes = b"", **more: Any) -> None:
        """A person sends something to the bot."""
        self._sent = number = self._sent + 1
        message: dict[str, Any] = {
            "message_id": number, "date": 1, "chat": {"id": chat, "type": "private"},
            "from": {"id": chat, "is_bot": False, "first_name": "A", "language_code": "en"},
        }  # fmt: skip
        if photo:
            self.files |= {} if "lost" in more else {f"file{number}": photo}
            size = {"file_id": f"file{number}", "file_unique_id": str(number), "width": 9}
            message["photo"] = [{**size, "height": 9, "file_size": len(photo)}]
            message["caption"] = text
        else:
            message["text"] = text
        if "language" in more:
            message["from"]["language_code"] = more["language"]
        if "size" in more:
            message["photo"][0]["file_size"] = more["size"]
        with self._news:
            self._updates.append({"update_id": number, "message": message})
            self._news.notify_all()

    def until(self, method: str, n: int = 1, **fields: str) -> list[dict[str, Any]]:
        """Wait for ``n`` calls of a method with these fields; they are returned."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.those(method, **fields)) >= n, 15), (
                self.calls
            )
            return self.those(method, **fields)

    def those(self, method: str, **fields: str) -> list[dict[str, Any]]:
        """The calls of a method with these fields so far."""
        calls = [told for name, told in self.calls if name == method]
        return [told for told in calls if fields.items() <= told.items()]

    def answer(self, method: str, told: dict[str, Any]) -> Any:
        """What a method returns."""
        if method == "getMe":
            return {"id": 1, "is_bot": True, "first_name": "Danqing", "username": "danqing_bot"}
        if method == "getUpdates":
            with self._news:
                after = int(told.get("offset", 0))
                self._updates = [u for u in self._updates if u["update_id"] >= after]
                self._news.wait_for(lambda: self._updates, min(0.3, float(told["timeout"])))
                return list(self._updates)
        if method == "deleteWebhook":
            return True
        if method == "getFile":
            return {
                "file_id": told["file_id"], "file_unique_id": "1", "file_path": told["file_id"]
            }  # fmt: skip
        with self._news:
            self.calls.append((method, told))
            self._news.notify_all()
            number = int(told.get("message_id", 1000 + len(self.calls)))
        if method == "sendPhoto" and self.no_photos:
            raise ValueError("PHOTO_INVALID_DIMENSIONS")
        if method in ("sendMessage", "editMessageText", "sendPhoto", "sendDocument"):
            chat = {"id": int(told["chat_id"]), "type": "private"}
            return {"message_id": number, "date": 1, "chat": chat, "text": told.get("text", "")}
        return True


@contextmanager
def telegram() -> Iterator[Telegram]:
    """The service, listening."""
    fake = Telegram()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            if not self.path.startswith(f"/bot{TOKEN}/"):
                self._say(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
                return
            told = _fields(self.headers["Content-Type"] or "", body)
            try:
                result = fake.answer(self.path.rpartition("/")[2], told)
            except ValueError as error:
                self._say(400, {"ok": False, "error_code": 400, "description": str(error)})
            else:
                self._say(200, {"ok": True, "result": result})

        def do_GET(self) -> None:
            data = fake.files.get(self.path.rpartition("/")[2])
            self._send(404 if data is None else 200, data or b"{}", "application/octet-stream")

        def _say(self, status: int, data: Any) -> None:
            self._send(status, json.dumps(data).encode(), "application/json")

        def _send(self, status: int, data: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with suppress(ConnectionError):  # whoever waited for news has left
                self.wfile.write(data)

        def log_message(self, format: str, *values: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _fields(kind: str, body: bytes) -> dict[str, Any]:
    """The fields of a form; files as bytes."""
    if not kind.startswith("multipart/"):
        return dict(parse_qsl(body.decode()))
    form = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    fields: dict[str, Any] = {}
    for part in form.get_payload():
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        data = part.get_payload(decode=True)  # type: ignore[union-attr]
        assert isinstance(name, str) and isinstance(data, bytes)
        is_file = part.get_filename() is not None  # type: ignore[union-attr]
        fields[name] = data if is_file else data.decode()
    return fields
