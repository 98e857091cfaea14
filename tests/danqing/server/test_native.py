"""The studio's own API, and what all routes share."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image
from running import Running, running

from danqing.agent.studio import Options
from danqing.server.bodies import MAX_BYTES
from danqing.server.desk import LAST


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server") / "home") as server:
        yield server


def photo() -> bytes:
    coded = BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((80, 60)).save(coded, "PNG")
    return coded.getvalue()


def test_a_turn_is_taken_told_and_kept(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def watched(tool: str) -> None:
        while not any(job._watchers for job in server.desk._jobs.values()):
            time.sleep(0.01)

    monkeypatch.setattr(server.engine, "before", watched)
    turn = server.ask("a red house", seed=7, size=[64, 64])
    told = server.events(turn["turn"])
    assert [name for _, name, _ in told][:2] == ["phase", "understood"]
    assert [*told[1][2]["asked"].values()] == ["house", "house is red"]
    numbers = [number for number, _, _ in told if number is not None]
    assert numbers == [*range(1, len(numbers)), LAST]
    passing = {name: data for number, name, data in told if number is None}
    assert set(passing) == {"working", "preview"}
    assert passing["preview"]["image"].startswith("data:image/jpeg;base64,")
    _, name, data = told[-1]
    assert name == "done"
    document = data["turn"]
    assert document["satisfied"]
    state = server.http.get(f"/api/v1/turns/{turn['turn']}").json()
    assert (state["state"], state["position"], state["document"]) == ("done", None, document)
    assert state["asked"] == {"c1": "house", "c2": "house is red"}
    session = server.http.get(f"/api/v1/sessions/{turn['session']}").json()
    handle = document["picture"]["handle"]
    assert session["head"] == handle
    whole = f"/api/v1/sessions/{turn['session']}/pictures/{handle}"
    for path, told in ((whole, False), (f"{whole}?metadata=true", True)):
        file = Image.open(BytesIO(server.http.get(path).content))
        assert ("danqing" in file.info) == told
    assert {node["handle"] for node in session["pictures"]} >= {handle}
    assert [kept["turn"] for kept in session["turns"]] == [turn["turn"]]
    titles = server.http.get("/api/v1/sessions").json()
    assert {"session": turn["session"], "title": "a red house"} in titles
    picture = server.http.get(f"/api/v1/sessions/{turn['session']}/pictures/{handle}?side=32")
    assert picture.headers["content-type"] == "image/png"
    assert Image.open(BytesIO(picture.content)).size == (32, 32)
    recipe = server.http.get(f"/api/v1/sessions/{turn['session']}/recipe")
    assert "text_to_image" in recipe.text
    assert not [*server.desk.studio.home.pictures.iterdir()], "nobody looks for it there"


def test_whoever_comes_back_misses_nothing_and_sees_nothing_twice(server: Running) -> None:
    turn = server.ask("a red house")["turn"]
    whole = [told for told in server.events(turn) if told[0] is not None]
    for number, _, _ in whole:
        assert number is not None
        rest = [told for told in server.events(turn, after=number) if told[0] is not None]
        assert rest == [told for told in whole if told[0] is not None and told[0] > number]


def test_a_later_process_tells_the_same_of_a_turn_that_has_ended(tmp_path: Path) -> None:
    def before(tool: str) -> None:
        if tool == "caption":
            raise ZeroDivisionError

    colors = ("red", "blue", "green", "white", "black")
    things = [f"a {color} {thing}" for color in colors for thing in ("house", "tree", "cat", "dog")]
    rules = f"{', '.join(things)}. From now on always add {', '.join(things).replace('a ', '2 ')}."
    with running(tmp_path / "home", before=before) as server:
        turns = [server.ask(request)["turn"] for request in ("a red house", "hello", rules)]
        told = [[one for one in server.events(turn) if one[0]] for turn in turns]
    ends = [kept[-1][1] for kept in told]
    assert ends == ["failed", "done", "failed"]
    with running(tmp_path / "home") as server:
        assert [[one for one in server.events(turn) if one[0]] for turn in turns] == told
        assert [server.http.get(f"/api/v1/turns/{turn}").json()["state"] for turn in turns] == ends


def test_a_picture_that_was_being_taken_in_is_not_waited_for(tmp_path: Path) -> None:
    with running(tmp_path / "home") as server:
        session = server.session()
        server.desk.studio.ledger.begin_turn(
            session, "picture", {"upload": True, **Options(0).as_json()}
        )
    with running(tmp_path / "home") as server:
        [turn] = server.http.get(f"/api/v1/sessions/{session}").json()["turns"]
        assert turn["state"] == "failed"
        assert server.http.get(f"/api/v1/sessions/{session}").json()["head"] is None


def test_a_session_goes_on_from_where_it_stands(server: Running) -> None:
    session = server.session()
    first = server.events(server.ask("a red house", session)["turn"])[-1][2]["turn"]
    handle = first["picture"]["handle"]
    second = server.events(server.ask("how many houses are there?", session)["turn"])[-1][2]
    assert second["turn"]["brief"]["target"] == handle
    third = server.events(server.ask("a green tree", session)["turn"])[-1][2]["turn"]["picture"]
    nodes = server.http.get(f"/api/v1/sessions/{session}").json()["pictures"]
    assert {node["handle"]: (node["parent"], node["base"]) for node in nodes} == {
        handle: (None, None), third["handle"]: (None, handle),
    }  # fmt: skip
    stood = server.http.post(f"/api/v1/sessions/{session}/stand", json={"picture": None}).json()
    assert stood["head"] is None
    back = server.http.post(f"/api/v1/sessions/{session}/stand", json={"picture": handle})
    assert back.json()["head"] == handle
    assert server.http.post(
        f"/api/v1/sessions/{session}/stand", json={"picture": "img-9999"}
    ).status_code == 404  # fmt: skip


def test_a_picture_of_ones_own_is_taken_in_by_the_one_door(server: Running) -> None:
    session = server.session()
    answer = server.http.post(f"/api/v1/sessions/{session}/pictures", content=photo())
    assert answer.status_code == 201
    handle = answer.json()["head"]
    kept = server.http.get(f"/api/v1/sessions/{session}/pictures/{handle}").content
    assert Image.open(BytesIO(kept)).tobytes() == Image.open(BytesIO(photo())).tobytes()
    bad = server.http.post(f"/api/v1/sessions/{session}/pictures", content=b"GIF89a")
    assert bad.status_code == 400
    assert "PNG" in bad.json()["error"]["message"]


def test_what_is_another_sessions_is_not_there(server: Running) -> None:
    turn = server.ask("a red house")
    handle = server.events(turn["turn"])[-1][2]["turn"]["picture"]["handle"]
    other = server.session()
    for path in (
        f"/api/v1/sessions/{other}/pictures/{handle}", "/api/v1/sessions/00000000",
        "/api/v1/turns/999999", "/api/v1/turns/999999/events", "/nothing",
    ):  # fmt: skip
        answer = server.http.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["error"]["message"]


def test_only_who_has_the_key_is_let_in_and_only_by_this_machines_names(server: Running) -> None:
    for headers in ({}, {"Authorization": "Bearer dq-wrong"}, {"Authorization": server.key}):
        for path in ("/v1/models", "/api/v1/sessions", "/api/v1/turns/1/events"):
            answer = httpx.get(server.url + path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["x-content-type-options"] == "nosniff"
    right = {"Authorization": f"Bearer {server.key}"}
    assert httpx.get(server.url + "/v1/models", headers=right).status_code == 200
    foreign = httpx.get(server.url + "/v1/models", headers={**right, "Host": "evil.example"})
    assert foreign.status_code == 400
    for origin in ("https://evil.example", "null", "http://[::1", "http://127.0.0.1.evil.example"):
        crossed = server.http.get("/v1/models", headers={"Origin": origin})
        assert crossed.status_code == 403, origin
    for origin in (server.url, "http://localhost:3000", "http://[::1]:1"):
        crossed = server.http.get("/v1/models", headers={"Origin": origin})
        assert crossed.status_code == 200, origin
    assert "access-control-allow-origin" not in crossed.headers


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422), ({"request": ""}, 422), ({"request": "a", "path": "/etc"}, 422),
        ({"request": "a", "size": [1, 64]}, 422), ({"request": "a", "seed": -1}, 422),
        ({"request": "a" * 4001}, 422), ({"request": "   "}, 400), ("{", 422),
    ],
)  # fmt: skip
def test_bad_requests_are_told_what_is_wrong(server: Running, body: object, status: int) -> None:
    session = server.session()
    how = {"content": body} if isinstance(body, str) else {"json": body}
    answer = server.http.post(f"/api/v1/sessions/{session}/turns", **how)  # type: ignore[arg-type]
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert "Traceback" not in answer.text


def test_what_is_too_large_is_not_read(server: Running) -> None:
    session = server.session()
    answer = server.http.post(
        f"/api/v1/sessions/{session}/pictures", content=b"\0" * (MAX_BYTES + 1)
    )
    assert answer.status_code == 413

    def in_pieces() -> Iterator[bytes]:
        for _ in range(MAX_BYTES // 2**20 + 2):
            yield b"\0" * 2**20

    answer = server.http.post(f"/api/v1/sessions/{session}/pictures", content=in_pieces())
    assert answer.status_code == 413


def test_turns_wait_are_cancelled_and_are_too_many(tmp_path: Path) -> None:
    go_on = threading.Event()

    def wait(tool: str) -> None:
        assert go_on.wait(10)

    with running(tmp_path / "home", before=wait, at_once=1, most=2) as server:
        first = server.ask("a red house")
        while server.http.get(f"/api/v1/turns/{first['turn']}").json()["state"] != "running":
            time.sleep(0.01)
        busy = server.http.post(
            f"/api/v1/sessions/{first['session']}/turns", json={"request": "a red house"}
        )
        assert busy.status_code == 409
        assert str(first["turn"]) in busy.json()["error"]["message"]
        waiting = [server.ask("a red house") for _ in range(2)]
        assert [turn["position"] for turn in waiting] == [0, 1]
        full = server.http.post(
            f"/api/v1/sessions/{server.session()}/turns", json={"request": "a red house"}
        )
        assert (full.status_code, full.headers["retry-after"]) == (429, "5")
        ended = server.http.post(f"/api/v1/turns/{waiting[0]['turn']}/cancel").json()
        assert ended["state"] == "cancelled"
        moved = server.http.get(f"/api/v1/turns/{waiting[1]['turn']}").json()
        assert moved["position"] == 0
        server.http.post(f"/api/v1/turns/{first['turn']}/cancel")
        go_on.set()
        assert server.events(first["turn"])[-1][1] == "cancelled"
        assert server.events(waiting[0]["turn"])[-1][1] == "cancelled"
        assert server.events(waiting[1]["turn"])[-1][1] == "done"
        assert not server.desk.studio.cut_short(), "what was cancelled is not taken up again"


def test_what_fails_is_told_and_the_next_turn_goes_on(tmp_path: Path) -> None:
    failing = [True]

    def before(tool: str) -> None:
        if failing and failing.pop():
            raise ZeroDivisionError("secret of the house")

    with running(tmp_path / "home", before=before) as server:
        failed = server.events(server.ask("a red house")["turn"])[-1]
        assert failed[1] == "failed"
        assert "secret" not in str(failed[2])
        assert server.events(server.ask("a red house")["turn"])[-1][1] == "done"


def test_a_killed_server_goes_on_where_it_was(tmp_path: Path) -> None:
    """Twice: nothing that was taken is lost, nothing is made twice, what was cancelled does not go
    on, and who watched misses nothing and sees nothing twice."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    @contextmanager
    def started(pause: float) -> Iterator[subprocess.Popen[str]]:
        path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("running.py")), str(tmp_path / "home"),
             str(port), str(pause)],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        with process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                yield process
            finally:
                process.kill()

    def events(client: httpx.Client, turn: int, after: int, most: int) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        headers = {"Last-Event-ID": str(after)}
        with client.stream("GET", f"/api/v1/turns/{turn}/events", headers=headers) as stream:
            number = 0
            for line in stream.iter_lines():
                if line.startswith("id: "):
                    number = int(line[4:])
                if line.startswith("event: ") and number:
                    found.append((number, line[7:]))
                    number = 0
                    if len(found) == most:
                        break
        return found

    with started(0.3):
        key = (tmp_path / "home" / "server.key").read_text().strip()
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"},
            timeout=20,
        )  # fmt: skip
        turns = []
        for _ in range(4):
            session = client.post("/api/v1/sessions").json()["session"]
            asked = client.post(
                f"/api/v1/sessions/{session}/turns", json={"request": "a red house", "seed": 3}
            )
            turns.append(asked.json()["turn"])
        seen = events(client, turns[0], 0, 4)
        assert client.get(f"/api/v1/turns/{turns[1]}").json()["state"] == "running"
        assert client.post(f"/api/v1/turns/{turns[1]}/cancel").status_code == 202
    with started(0.0):
        seen += events(client, turns[0], seen[-1][0], 100)
        numbers = [number for number, _ in seen]
        assert numbers == [*range(1, len(numbers)), LAST]
        assert events(client, turns.pop(1), 0, 100)[-1] == (LAST, "cancelled")
        for turn in turns:
            assert events(client, turn, 0, 100)[-1] == (LAST, "done")
            document = client.get(f"/api/v1/turns/{turn}").json()["document"]
            assert document["satisfied"]
    client.close()
