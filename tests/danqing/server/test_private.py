"""What is said, shown and let in by is in no log, whichever way it came; what went wrong is."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import signal
import socket
import sys
import threading
import time
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from PIL import Image, PngImagePlugin
from running import running

from danqing import Options, mcp_server
from danqing.bots.talk import Answer, Talk
from danqing.server import faults
from danqing.tools.errors import DanqingError

sys.path.insert(0, str(Path(__file__).parents[1]))
from commandline import call, process

CANARY = "xanadu-canary"
NUMBER = re.compile(r"fault ([0-9a-f]{8})")


def photo() -> bytes:
    """A picture that says the canary in its metadata, and has it in its bytes."""
    told = PngImagePlugin.PngInfo()
    told.add_text("prompt", CANARY)
    coded = BytesIO()
    Image.effect_noise((40, 40), 90).convert("RGB").save(coded, "PNG", pnginfo=told)
    return coded.getvalue()


def talk(words: str, url: str = "") -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "text", "text": words}]
    if url:
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return {"messages": [{"role": "user", "content": parts}]}


def everywhere(client: httpx.Client) -> list[httpx.Response]:
    """The canary by every way in over HTTP: as words, as a picture, as what cannot be read."""
    session = client.post("/api/v1/sessions").json()["session"]
    data = f"data:image/png;base64,{base64.b64encode(photo()).decode()}"
    headers = {"content-type": "application/json", "user-agent": CANARY}
    form = {"image": (f"{CANARY}.png", photo(), "image/png")}
    return [
        client.post(f"/api/v1/sessions/{session}/turns", json={"request": f"draw {CANARY}"}),
        client.post(f"/api/v1/sessions/{session}/pictures", content=photo()),
        client.post(f"/api/v1/sessions/{session}/pictures", content=CANARY.encode()),
        client.post("/v1/chat/completions", json=talk(f"what is {CANARY}?")),
        client.post("/v1/chat/completions", json=talk(f"turn it around, {CANARY}", data)),
        client.post("/v1/chat/completions", json=talk("a house", f"https://{CANARY}/a.png")),
        client.post("/v1/chat/completions", content=f"{{{CANARY}", headers=headers),
        client.post("/v1/images/generations", json={"prompt": CANARY, "size": CANARY}),
        client.post("/v1/images/generations", json={"prompt": f"a red house, {CANARY}"}),
        client.post("/v1/images/edits", files=form, data={"prompt": f"darker {CANARY}"}),
        client.post(f"/{CANARY}", json={"request": CANARY}),
        client.get(f"/files/00000000/img-1.png?expires=1&sig={CANARY}"),
        client.get("/api/v1/sessions", params={"limit": CANARY}),
        client.get("/api/v1/sessions", headers={"authorization": f"Bearer dq-{CANARY}"}),
    ]


class Silent:
    """A chat whose answers nobody reads."""

    async def tell(self, text: str) -> None:
        pass

    async def give(self, answer: Answer) -> None:
        assert NUMBER.search(answer.words)


def test_nothing_that_was_said_is_logged_and_what_went_wrong_is_found_by_its_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every tool failing by an error that repeats what it was given, and a route, too."""
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.WARNING, "httpx")  # the client's own

    def fail(tool: str) -> None:
        raise RuntimeError(f"{tool}: {CANARY}")

    def broken(*_: Any) -> None:
        raise KeyError(CANARY) from ValueError(CANARY)

    with running(tmp_path / "home", before=fail) as server:
        everywhere(server.http)
        turn = server.ask(f"a red house, {CANARY}")["turn"]
        assert server.events(turn)[-1][1] == "failed"
        told = server.http.get(f"/api/v1/turns/{turn}").json()["document"]["reply"]
        monkeypatch.setattr(server.desk.studio.ledger, "beginnings", broken)
        answer = server.http.get("/api/v1/sessions")
        assert answer.status_code == 500
        clients = mcp_server.Clients(server.desk.studio, Options(1, size=(64, 64)))
        for arguments in ({"request": f"a red house, {CANARY}"}, {"request": 7, CANARY: CANARY}):
            refused = asyncio.run(
                clients.call(SimpleNamespace(request=None), "draw", arguments,
                             lambda event: None, threading.Event())
            )  # fmt: skip
            assert refused.is_error
        chat = Talk(server.desk, "telegram", frozenset({1}), threading.Event())
        asyncio.run(chat.say(1, f"a red house, {CANARY}", Silent()))
        secret = server.key.removeprefix("dq-")
    [number] = NUMBER.findall(answer.text)
    assert answer.json()["error"]["code"] == number
    log = caplog.text
    assert f"fault {number}: GET /sessions: KeyError at " in log
    assert "after ValueError at no place of its own" in log
    assert f"turn {turn}: RuntimeError at " in log and "test_private.py" in log
    [line] = [line for line in log.splitlines() if f"turn {turn}: " in line]
    assert NUMBER.findall(line) == NUMBER.findall(told)
    for hidden in (CANARY, secret, base64.b64encode(photo()).decode()[:80]):
        assert hidden not in log


def test_what_libraries_log_of_an_error_has_no_words_either() -> None:
    line = logging.LogRecord(
        "uvicorn.error", logging.ERROR, "", 0, "Exception in %s", ("it",), None
    )
    try:
        try:
            raise ValueError(CANARY)
        except ValueError as error:
            raise DanqingError(CANARY) from error
    except DanqingError:
        line.exc_info = sys.exc_info()
    logging.Formatter().format(line)
    assert CANARY in (line.exc_text or ""), "as it would be, and as another handler leaves it"
    told = faults.Quiet("%(message)s").format(line)
    assert told.startswith("Exception in it\nDanqingError at server/test_private.py:")
    assert "after ValueError at server/test_private.py:" in told
    assert CANARY not in told


@pytest.mark.parametrize("command", ["serve", "mcp"])
def test_the_commands_say_where_they_are_and_nothing_of_what_came(
    tmp_path: Path, command: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = ("--home", str(tmp_path / "home"))
    secret = call(*home, "keys", "add", "ada").stdout.strip()
    how = ("--http",) if command == "mcp" else ()
    with process(*home, command, *how, "--port", str(port)) as served:
        assert served.stderr is not None
        first = served.stderr.readline().decode()
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30
        ) as client:
            until_there(client)
            if command == "serve":
                client.post("/v1/chat/completions", json=talk(f"what is {CANARY}?"))
                client.post("/v1/chat/completions", content=f"{{{CANARY}".encode())
                client.get(f"/{CANARY}", headers={"authorization": f"Bearer dq-{CANARY}"})
            else:
                ask = {"name": "draw", "arguments": {"request": f"what is {CANARY}?", CANARY: 7}}
                for content in (f"{{{CANARY}", ask):
                    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": content}
                    client.post("/mcp", json=message, headers={"accept": "application/json"})
        served.send_signal(signal.SIGTERM)
        _, rest = served.communicate(timeout=20)
    assert first.startswith(f"http://127.0.0.1:{port}")
    assert secret not in first
    assert CANARY not in rest.decode() and secret not in rest.decode()
    named = [path.name for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert not [name for name in named if "log" in name]


def test_on_the_command_line_only_the_ledger_has_what_was_said(tmp_path: Path) -> None:
    home = tmp_path / "home"
    said = call("--home", str(home), "draw", f"what can you draw, {CANARY}?")
    assert said.exit_code == 0 and CANARY not in said.stderr
    having = {path.name for path in home.rglob("*") if path.is_file() and has_it(path)}
    assert having and all(name.startswith("ledger") for name in having), having


def has_it(path: Path) -> bool:
    return CANARY.encode() in path.read_bytes()


def until_there(client: httpx.Client) -> None:
    for _ in range(1000):
        try:
            client.get("/")
        except httpx.TransportError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("it never came")
