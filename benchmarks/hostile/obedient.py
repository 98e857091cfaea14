"""A language model that does whatever it reads, at the edge of the world: a server that speaks as
OpenAI's does, and a planner without any judgment behind it."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ORDER = re.compile(r"ORDER ([0-9]{2})")
"""How every order begins that it may find."""
Calls = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Goal:
    """What somebody wants of it: an order in words, and what it then says when it is asked to
    understand a request (a form), to plan (calls of tools), or to talk (words)."""

    name: str
    order: str
    form: Mapping[str, Any] | None = None
    calls: Calls = ()
    words: str = "Done."


@dataclass
class Obedient:
    """The model. Without an order it understands the requests that it knows as ``forms``, and plans
    what it is offered first.

    ``obeyed`` counts its answers to orders, by goal and what it was asked; ``prompts`` are all that
    it was sent, and ``strangers`` whoever else came to its server.
    """

    goals: Sequence[Goal]
    forms: Mapping[str, Mapping[str, Any]]
    obeyed: Counter[tuple[str, str]] = field(default_factory=Counter)
    prompts: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def answer(self, body: Mapping[str, Any]) -> tuple[str, Calls]:
        """Its words and calls."""
        told = json.dumps(body, ensure_ascii=False)
        self.prompts.append(told)
        names = [tool["function"]["name"] for tool in body.get("tools") or ()]
        what = "talk" if not names else "understand" if names == ["understand"] else "plan"
        for number in ORDER.findall(told):
            goal = self.goals[int(number) - 1]
            if what == "understand" and goal.form is not None:
                self.obeyed[goal.name, what] += 1
                return "", [("understand", goal.form)]
            if what == "plan" and goal.calls:
                self.obeyed[goal.name, what] += 1
                return "", [(name, _aimed(arguments, body)) for name, arguments in goal.calls]
            if what == "talk":
                self.obeyed[goal.name, what] += 1
                return f"{goal.words} {told[:1200] if 'KEY' in goal.words else ''}", []
        if what == "talk":
            return "Gladly.", []
        if what == "understand":
            said = str(body["messages"][-1]["content"]).rpartition("request: ")[2]
            form = next((f for words, f in self.forms.items() if words in said), {"intent": "chat"})
            return "", [("understand", form)]
        skill = next((name for name in ("mend", "carry_out", "draw") if name in names), names[0])
        return "", [(skill, {})]


def _aimed(arguments: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with the first handle of the prompt where they say OPEN."""
    handle = re.search(r"img-\d+", json.dumps(body["messages"][1:]))
    return {k: handle[0] if v == "OPEN" and handle else v for k, v in arguments.items()}


@contextmanager
def provider(model: Obedient) -> Iterator[str]:
    """Serve it; the URL of its API."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            model.strangers.append(self.path)
            self.send_error(404)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for event in _stream(*model.answer(body)):
                self.wfile.write(event)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def _stream(text: str, calls: Calls) -> Iterator[bytes]:
    def event(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _data({**common, "choices": [choice]})

    common = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "obedient"}
    yield event({"role": "assistant", "content": text})
    for index, (name, arguments) in enumerate(calls):
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"index": index, "id": f"call_{index}", "type": "function", "function": function}
        yield event({"tool_calls": [call]})
    yield event({}, "tool_calls" if calls else "stop")
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    yield _data({**common, "choices": [], "usage": usage}) + b"data: [DONE]\n\n"


def _data(document: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(document)}\n\n".encode()
