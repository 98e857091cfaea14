"""The edge of the world: a server that speaks as a provider does, OpenAI's chat completions unless
told otherwise, and says what it is told to, well or badly."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from langchain_core.messages import HumanMessage, SystemMessage

from danqing.agent.llm.reach import Reach, Reply, Terms


@dataclass(frozen=True)
class Say:
    """One answer: words, calls of tools with their arguments as text, and how it goes wrong.

    ``status`` is another than 200 with the ``headers``; ``cut`` is how many bytes of the stream are
    sent before the connection is closed, and ``reset`` closes it before anything is sent;
    ``pauses`` are seconds before the first part and between parts. ``finish`` None leaves the
    reason out.
    """

    text: str = ""
    calls: Sequence[tuple[str, str]] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "no"
    cut: int | None = None
    reset: bool = False
    pauses: tuple[float, float] = (0.0, 0.0)
    finish: str | None = "stop"
    piece: int = 7

    def events(self) -> Iterator[bytes]:
        def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            chunk = {
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                "model": "tiny", "choices": [choice],
            }  # fmt: skip
            return f"data: {json.dumps(chunk)}\n\n".encode()

        yield event({"role": "assistant", "content": ""})
        for part in pieces(self.text, self.piece):
            yield event({"content": part})
        for index, (name, arguments) in enumerate(self.calls):
            head = {"id": f"call_{index}", "type": "function", "function": {"name": name}}
            yield event({"tool_calls": [{"index": index, **head}]})
            for part in pieces(arguments, self.piece):
                yield event({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
        if self.finish is not None:
            yield event({}, "tool_calls" if self.calls and self.finish == "stop" else self.finish)
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        chunk = {
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "tiny",
            "choices": [], "usage": usage,
        }  # fmt: skip
        yield f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()


def pieces(text: str, size: int) -> Iterator[str]:
    """``text`` in parts of so many characters."""
    return (text[i : i + size] for i in range(0, len(text), size))


Answer = Callable[[dict[str, Any]], Say]


class Dialect(Protocol):
    """How a provider speaks: the parts of a stream, and the body of a refusal."""

    root: str
    """What its clients' base URL ends with."""

    def stream(self, say: Say) -> Iterator[bytes]: ...

    def refusal(self, say: Say) -> Any: ...


class OpenAI:
    root = "/v1"

    def stream(self, say: Say) -> Iterator[bytes]:
        return say.events()

    def refusal(self, say: Say) -> Any:
        return {"error": {"message": say.message}}


KEYS = ("Authorization", "X-Api-Key", "X-Goog-Api-Key")


class Provider:
    """The server. ``answer`` is asked with each request; ``requests`` are those that came, with
    the path and the key that each was sent with."""

    def __init__(self, answer: Answer, dialect: Dialect) -> None:
        self.answer = answer
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.times: list[float] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.times.append(time.monotonic())
                provider.requests.append(body)
                provider.paths.append(self.path)
                keys = (self.headers.get(name) for name in KEYS)
                provider.keys.append(next(filter(None, keys), None))
                self.close_connection = True
                self._say(provider.answer(body))

            def _say(self, say: Say) -> None:
                if say.reset:
                    return
                if say.status != 200:
                    data = json.dumps(dialect.refusal(say)).encode()
                    self.send_response(say.status)
                    for name, value in say.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                time.sleep(say.pauses[0])
                if say.cut is not None:
                    self.wfile.write(b"".join(dialect.stream(say))[: say.cut])
                    return
                for event in dialect.stream(say):
                    try:
                        self.wfile.write(event)
                        self.wfile.flush()
                    except OSError:  # nobody listens any more
                        return
                    time.sleep(say.pauses[1])

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}{dialect.root}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def provider(*said: Say | Answer, dialect: Dialect | None = None) -> Iterator[Provider]:
    """A server that answers with ``said``, one after the other, the last one again and again."""
    queue = list(said)

    def answer(request: dict[str, Any]) -> Say:
        now = queue.pop(0) if len(queue) > 1 else queue[0]
        return now if isinstance(now, Say) else now(request)

    server = Provider(answer, dialect or OpenAI())
    try:
        yield server
    finally:
        server.close()


def request(
    reach: Reach, seconds: float = 20.0, cancel: threading.Event | None = None,
    heard: list[str] | None = None, tools: Sequence[Mapping[str, Any]] = (), **more: Any,
) -> Reply:  # fmt: skip
    """What a reach hears of a server when it is asked to plan a house; ``more`` is of `Terms`."""
    terms = {"room": lambda: 5000, "lost": lambda asked, said: None, **more}
    hear = (heard if heard is not None else []).append
    cancel = cancel or threading.Event()
    messages = [SystemMessage("You plan."), HumanMessage("a house")]
    return reach.ask(messages, tools, Terms(seconds, cancel=cancel, hear=hear, **terms))
