"""Guests who mean no good, clients that hang up, and a server that is stopped in the middle."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from running import Running, running

from danqing.agent.home import Home
from danqing.agent.ledger import Ledger
from danqing.agent.planners import BuiltinPlanner
from danqing.server import app, native
from danqing.server.app import Door, hosts_for
from danqing.server.desk import Desk, Job
from danqing.tools.errors import BadInput, Stopped


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("server") / "home"
    with Ledger(Home.open(home)) as ledger:
        return {"home": home, **{name: ledger.keys.make(name)[1] for name in ("ada", "bo")}}


@pytest.fixture(scope="module")
def server(keys: dict[str, Any]) -> Iterator[Running]:
    with running(keys["home"]) as server:
        server.http.close()
        server.http = server.client(keys["ada"])
        yield server


@pytest.fixture
def bo(server: Running, keys: dict[str, Any]) -> Iterator[httpx.Client]:
    with server.client(keys["bo"]) as client:
        yield client


def photo() -> bytes:
    coded = BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((80, 60)).save(coded, "PNG")
    return coded.getvalue()


def done(client: httpx.Client, session: str, words: str) -> dict[str, Any]:
    """What came of a request."""
    asked = client.post(f"/api/v1/sessions/{session}/turns", json={"request": words, "seed": 5})
    while True:
        state = client.get(f"/api/v1/turns/{asked.json()['turn']}").json()
        if state["document"] is not None:
            return dict(state["document"])


def until(so: Any) -> None:
    for _ in range(1000):
        if so():
            return
        time.sleep(0.01)
    raise AssertionError("it never became so")


@pytest.mark.parametrize(
    "words",
    ["make {} brighter", "how many houses are in {}?", "make it in the style of {}",
     "turn {} upside down"],
)  # fmt: skip
def test_anothers_picture_cannot_be_named_nor_told_from_none(
    server: Running, bo: httpx.Client, words: str
) -> None:
    theirs = done(server.http, server.session(), "a red house")["picture"]["handle"]
    told = []
    for handle in (theirs, "img-99999"):
        session = bo.post("/api/v1/sessions").json()["session"]
        done(bo, session, "a blue house")
        turn = done(bo, session, words.format(handle))
        steps = [(step["tool"], [*step["inputs"].values()]) for step in turn["steps"]]
        assert theirs not in str(steps), steps
        brief = {**turn["brief"], "target": (turn["brief"]["target"] or "")[:3]}
        came = turn["reply"], brief, turn["stopped"], len(steps), turn["cost"]["calls"]
        told.append(str(came).replace(handle, "_"))
    for both in (theirs, "img-99999"):
        told = [text.replace(both, "_") for text in told]
    assert told[0] == told[1]


def test_ones_own_picture_of_another_session_can_be_named(bo: httpx.Client) -> None:
    first, second = (bo.post("/api/v1/sessions").json()["session"] for _ in range(2))
    handle = done(bo, first, "a red house")["picture"]["handle"]
    done(bo, second, "a blue house")
    assert done(bo, second, f"make {handle} brighter")["brief"]["target"] == handle


def test_equal_uploads_of_two_keys_are_two_pictures(server: Running, bo: httpx.Client) -> None:
    made = []
    for client in (server.http, bo, bo):
        session = client.post("/api/v1/sessions").json()["session"]
        answer = client.post(f"/api/v1/sessions/{session}/pictures", content=photo())
        made.append(answer.json()["head"])
    assert made[0] != made[1] == made[2]


def test_where_a_file_is_on_the_servers_disk_is_not_told(server: Running, bo: httpx.Client) -> None:
    session = bo.post("/api/v1/sessions").json()["session"]
    turn = done(bo, session, "a red house")
    assert str(server.desk.studio.home.root) not in json.dumps(turn)
    assert bo.get(turn["picture"]["path"]).headers["content-type"] == "image/png"


def test_without_a_key_nothing_is_read_of_a_body(server: Running) -> None:
    where = httpx.URL(server.url)
    with socket.create_connection((where.host, where.port or 0), timeout=5) as line:
        line.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"
        )
        assert line.recv(20).startswith(b"HTTP/1.1 401")


def half_a_body(server: Running, key: str) -> socket.socket:
    """A connection that has sent the beginning of a picture."""
    session = server.session()
    where = httpx.URL(server.url)
    line = socket.create_connection((where.host, where.port or 0), timeout=5)
    head = f"POST /api/v1/sessions/{session}/pictures HTTP/1.1\r\nHost: localhost"
    line.sendall(f"{head}\r\nAuthorization: Bearer {key}\r\nContent-Length: 99\r\n\r\n{{".encode())
    return line


def test_a_body_that_does_not_come_is_not_waited_for(
    server: Running, keys: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "BODY_SECONDS", 0.2)
    with half_a_body(server, keys["ada"]) as line:
        assert line.recv(20).startswith(b"HTTP/1.1 408")


def test_of_who_leaves_in_the_middle_of_a_body_the_log_does_not_tell(
    server: Running, keys: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("uvicorn.error").addHandler(caplog.handler)
    half_a_body(server, keys["ada"]).close()
    time.sleep(0.3)
    assert caplog.text == ""


@pytest.mark.parametrize("url", ["é", "AA\\ud800"])
def test_base64_that_is_none_is_refused(server: Running, url: str) -> None:
    body = '{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url":'
    body += f'"data:image/png;base64,{url}"}}]}}]}}'
    headers = {"Content-Type": "application/json"}
    answer = server.http.post("/v1/chat/completions", content=body.encode(), headers=headers)
    assert answer.status_code == 400
    assert "base64" in answer.json()["error"]["message"]


def test_what_goes_wrong_inside_is_not_told(
    server: Running, bo: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret of the house")

    monkeypatch.setattr(server.desk.studio.ledger, "beginnings", broken)
    answer = bo.get("/api/v1/sessions")
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "server_error"
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_nothing_private_is_kept_on_the_way(server: Running) -> None:
    session = server.session()
    handle = done(server.http, session, "a red house")["picture"]["handle"]
    for path in ("", f"/pictures/{handle}", "/recipe"):
        answer = server.http.get(f"/api/v1/sessions/{session}{path}")
        assert answer.headers["cache-control"] == "no-store"


def test_the_document_of_the_api_tells_of_keys_and_refusals(server: Running) -> None:
    told = httpx.get(f"{server.url}/openapi.json").json()
    for path, ways in told["paths"].items():
        for way in ways.values():
            assert ("security" in way) == (not path.startswith("/files/")), path
            assert way["responses"]["4XX"]
            assert "422" not in way["responses"], "it is one of those"
    for path in ("/v1/images/generations", "/v1/images/edits", "/v1/chat/completions"):
        answers = told["paths"][path]["post"]["responses"]["200"]["content"]
        assert {*answers} == {"application/json", "text/event-stream"}
    form = told["paths"]["/v1/images/edits"]["post"]["requestBody"]["content"]
    assert {"image", "prompt"} <= set(form["multipart/form-data"]["schema"]["required"])


def test_who_asks_in_the_wrong_way_is_told_every_right_one(server: Running) -> None:
    answer = server.http.put("/api/v1/sessions")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"


def test_a_home_key_that_is_empty_opens_nothing(tmp_path: Path) -> None:
    with Ledger(Home.open(tmp_path / "home")) as ledger:
        (ledger.home.root / "server.key").write_text("\n")
        with pytest.raises(BadInput, match=r"server\.key"):
            Door(ledger)


def test_names_to_be_asked_for_by() -> None:
    assert "[fe80::1]" in hosts_for("fe80::1", (), open_to_all=False)
    for host, names in (("127.0.0.1", ("*",)), ("127.0.0.1", ("a*b",)), ("", ())):
        with pytest.raises(BadInput):
            hosts_for(host, names, open_to_all=False)


# -- the desk


def test_a_turn_that_cannot_be_understood_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise BadInput("There are too many claims.")

    monkeypatch.setattr(BuiltinPlanner, "understand", refuse)
    with running(tmp_path / "home") as server:
        turn = server.ask("a red house")["turn"]
        until(lambda: server.desk.job(turn).state == "failed")
        assert server.events(turn)[-1][1] == "failed"


def test_a_disk_that_is_full_does_not_keep_a_turn_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise Stopped("The disk is full.")

    with running(tmp_path / "home") as server:
        monkeypatch.setattr(server.desk.studio.ledger, "end_turn", full)
        turn = server.ask("a red house")["turn"]
        until(lambda: server.desk.job(turn).state == "failed")
        assert server.events(turn)[-1][1] == "failed"


def test_what_failed_is_not_called_cancelled_later(tmp_path: Path) -> None:
    def before(tool: str) -> None:
        raise ZeroDivisionError

    with running(tmp_path / "home", before=before) as server:
        turn = server.ask("a red house")["turn"]
        until(lambda: server.desk.job(turn).state == "failed")
    with running(tmp_path / "home") as server:
        assert server.http.get(f"/api/v1/turns/{turn}").json()["state"] == "failed"


def test_a_server_stops_soon_whoever_watches_and_goes_on_later(tmp_path: Path) -> None:
    """A turn that someone cancelled is not among what it goes on with."""
    drawing, go_on = threading.Event(), threading.Event()
    heard: list[str] = []

    def before(tool: str) -> None:
        drawing.set()
        assert go_on.wait(20)

    def watch(server: Running, turn: int) -> None:
        client = server.client(server.key)
        with client, client.stream("GET", f"/api/v1/turns/{turn}/events") as stream:
            heard.extend(line for line in stream.iter_lines() if line.startswith("event: "))

    with running(tmp_path / "home", before=before, at_once=2) as server:
        kept, gone = (server.ask("a red house")["turn"] for _ in range(2))
        watcher = threading.Thread(target=watch, args=(server, kept))
        watcher.start()
        until(lambda: heard and server.desk.job(gone).state == "running" and drawing.is_set())
        server.http.post(f"/api/v1/turns/{gone}/cancel")
        threading.Timer(0.3, go_on.set).start()
        began = time.monotonic()
    assert time.monotonic() - began < 5
    watcher.join(5)
    assert not watcher.is_alive()
    assert heard[-1] not in ("event: done", "event: cancelled")
    with running(tmp_path / "home") as server:
        assert server.events(kept)[-1][1] == "done"
        assert server.events(gone)[-1][1] == "cancelled"


def test_a_desk_that_closes_takes_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "home") as server:
        session = server.session()
        server.desk.close()
        answer = server.http.post(f"/api/v1/sessions/{session}/turns", json={"request": "a house"})
        assert answer.status_code == 503
        assert server.desk.studio.ledger.turns(1) == []


def test_a_turn_that_is_not_at_the_desk_is_neither_watched_nor_cancelled(tmp_path: Path) -> None:
    with running(tmp_path / "home") as server:
        ledger = server.desk.studio.ledger
        elsewhere = server.desk.studio.begin("a red house", session=ledger.new_session())
        at = f"/api/v1/turns/{elsewhere.id}"
        assert server.http.get(at).json()["state"] == "running"
        assert server.http.get(f"{at}/events").status_code == 409
        assert server.http.post(f"{at}/cancel").status_code == 409


def test_who_reads_slowly_misses_what_passes_by_and_nothing_else() -> None:
    async def heard() -> list[str]:
        job = Job(1, "00000000", "a red house")
        told = native.told(job)
        first = asyncio.ensure_future(anext(told))
        await asyncio.sleep(0)
        for _ in range(10 * native.BEHIND):
            job.tell("preview", {}, passes=True)
        job.tell("judged", {})
        job.tell("done", {})
        found = [await first, *[one async for one in told]]
        return [one.event for one in found if one is not None]

    events = asyncio.run(heard())
    assert events[-2:] == ["judged", "done"]
    assert len(events) <= native.BEHIND + 2


@pytest.mark.parametrize(
    ("path", "asked"),
    [("chat/completions", {"messages": [{"role": "user", "content": "a red house"}]}),
     ("images/generations", {"prompt": "a red house", "n": 2})],
)  # fmt: skip
def test_whoever_hangs_up_without_a_stream_ends_the_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, asked: dict[str, Any]
) -> None:
    monkeypatch.setattr(native, "HEARTBEAT", 0.05)
    go_on = threading.Event()
    with running(tmp_path / "home", before=lambda tool: go_on.wait(10) and None) as server:
        jobs: list[Job] = []
        for patience in (0.5, 2, 8):  # it is to be taken, however busy the machine is
            if not jobs:
                with pytest.raises(httpx.ReadTimeout):
                    server.http.post(f"/v1/{path}", json=asked, timeout=patience)
                jobs = [*server.desk._jobs.values()]
        assert jobs
        until(lambda: all(job.cancel.is_set() for job in jobs))
        go_on.set()


def test_of_several_pictures_none_is_made_where_one_is_not_taken(tmp_path: Path) -> None:
    go_on = threading.Event()
    with running(
        tmp_path / "home", before=lambda tool: go_on.wait(10) and None, at_once=1, each=2
    ) as server:
        answer = server.http.post("/v1/images/generations", json={"prompt": "a house", "n": 9})
        assert answer.status_code == 429
        desk: Desk = server.desk
        assert all(job.cancel.is_set() for job in desk._jobs.values())
        go_on.set()
