"""Several keys: each has sessions of its own, and sees no others."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import Running, running

from danqing.agent.home import Home
from danqing.agent.keys import Limits
from danqing.agent.ledger import Ledger
from danqing.server.app import Door

sys.path.insert(0, str(Path(__file__).parents[1]))
from commandline import call


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("server") / "home"
    with Ledger(Home.open(home)) as ledger:
        made = {name: ledger.keys.make(name)[1] for name in ("ada", "bo")}
        made["eye"] = ledger.keys.make("eye", "read")[1]
    return {"home": home, **made}


@pytest.fixture(scope="module")
def server(keys: dict[str, Any]) -> Iterator[Running]:
    with running(keys["home"]) as server:
        yield server


def asked(client: httpx.Client, words: str = "a red house", **more: Any) -> tuple[str, int, str]:
    """A finished turn: its session, its number and its picture."""
    session = client.post("/api/v1/sessions").json()["session"]
    turn = client.post(f"/api/v1/sessions/{session}/turns", json={"request": words, **more}).json()
    while (state := client.get(f"/api/v1/turns/{turn['turn']}").json())["state"] != "done":
        pass
    return session, turn["turn"], state["document"]["picture"]["handle"]


def named(path: str, names: dict[str, str]) -> str:
    """A path with other names in it."""
    for name, other in names.items():
        path = path.replace(name, other)
    return path


def test_nothing_of_one_key_is_there_for_another(server: Running, keys: dict[str, Any]) -> None:
    ada, bo = server.client(keys["ada"]), server.client(keys["bo"])
    session, turn, handle = asked(ada)
    at = f"/api/v1/sessions/{session}"
    everything: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", at, {}), ("GET", f"{at}/pictures/{handle}", {}), ("GET", f"{at}/recipe", {}),
        ("POST", f"{at}/turns", {"json": {"request": "a red house"}}),
        ("POST", f"{at}/stand", {"json": {"picture": None}}),
        ("POST", f"{at}/pictures", {"content": b"x"}), ("POST", f"{at}/masks", {"content": b"x"}),
        ("POST", f"{at}/recipe", {"content": b"x"}),
        ("POST", f"{at}/acts", {"json": {"words": "a"}}),
        ("GET", f"/api/v1/turns/{turn}", {}), ("GET", f"/api/v1/turns/{turn}/events", {}),
        ("POST", f"/api/v1/turns/{turn}/cancel", {}),
    ]  # fmt: skip
    routes = ada.get("/openapi.json").json()["paths"]
    listed = {path for path in routes if "{session}" in path or "{turn}" in path}
    names = {session: "{session}", handle: "{handle}", f"turns/{turn}": "turns/{turn}"}
    tried = {named(path, names) for _, path, _ in everything}
    assert tried == listed - {"/files/{session}/{handle}.png"}, "every route but links"
    nobody = {session: "0" * 8, f"turns/{turn}": "turns/999"}
    for method, path, how in everything:
        foreign = bo.request(method, path, **how)
        assert foreign.status_code == 404, path
        missing = bo.request(method, named(path, nobody), **how)
        assert missing.status_code == 404
        same = foreign.text.replace(session, "_").replace(f" {turn}", "_")
        assert same == missing.text.replace("0" * 8, "_").replace(" 999", "_"), "nor told of"
    assert session not in bo.get("/api/v1/sessions").text
    assert session in ada.get("/api/v1/sessions").text
    for client in (ada, bo):
        client.close()


def test_another_keys_link_begins_a_session_of_ones_own(
    server: Running, keys: dict[str, Any]
) -> None:
    ada, bo = server.client(keys["ada"]), server.client(keys["bo"])
    messages = [{"role": "user", "content": "a red house"}]
    answer = ada.post("/v1/chat/completions", json={"messages": messages}).json()
    messages += [answer["choices"][0]["message"], {"role": "user", "content": "a red house"}]
    mine = ada.post("/v1/chat/completions", json={"messages": messages}).json()["danqing"]
    theirs = bo.post("/v1/chat/completions", json={"messages": messages}).json()["danqing"]
    assert mine["session"] == answer["danqing"]["session"] != theirs["session"]
    for client in (ada, bo):
        client.close()


def test_equal_requests_of_two_keys_are_made_twice(server: Running, keys: dict[str, Any]) -> None:
    """A picture that was made for one must not tell another of its request."""
    made: list[str] = []
    for name in ("ada", "bo", "bo"):
        with server.client(keys[name]) as client:
            made.append(asked(client, "a red house at dawn", seed=11)[2])
    ran = server.engine.ran("text_to_image")
    assert made[0] != made[1]
    with server.client(keys["bo"]) as client:
        asked(client, "a red house at dawn", seed=11)
    assert server.engine.ran("text_to_image") == ran, "one's own are not made twice"


def test_a_key_for_looking_only_looks(server: Running, keys: dict[str, Any]) -> None:
    with server.client(keys["eye"]) as eye:
        assert eye.get("/api/v1/sessions").json() == []
        for path in ("/api/v1/sessions", "/v1/images/generations", "/v1/chat/completions"):
            assert eye.post(path, json={}).status_code == 403


def test_a_revoked_key_is_shut_out_at_once_and_the_homes_own_is_none(
    server: Running, keys: dict[str, Any]
) -> None:
    home = (keys["home"] / "server.key").read_text().strip()
    with server.client(home) as client:
        assert client.get("/v1/models").status_code == 401
    _, text = server.desk.studio.ledger.keys.make("gone")
    with server.client(text) as client:
        assert client.get("/v1/models").status_code == 200
        server.desk.studio.ledger.keys.revoke("gone")
        assert client.get("/v1/models").status_code == 401


def test_who_asks_for_much_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Ledger(Home.open(home)) as ledger:
        greedy, modest = (ledger.keys.make(name)[1] for name in ("greedy", "modest"))
    go_on = threading.Event()

    def wait(tool: str) -> None:
        assert go_on.wait(20)

    def ask(client: httpx.Client) -> Any:
        session = client.post("/api/v1/sessions").json()["session"]
        return client.post(f"/api/v1/sessions/{session}/turns", json={"request": "a red house"})

    with running(home, before=wait, at_once=1, each=4) as server:
        many, few = server.client(greedy), server.client(modest)
        running_now = ask(many).json()["turn"]
        while many.get(f"/api/v1/turns/{running_now}").json()["state"] != "running":
            pass
        taken = [ask(many) for _ in range(4)]
        assert [one.status_code for one in taken] == [202] * 4
        full = ask(many)
        assert full.status_code == 429
        assert "You have 4 requests waiting" in full.json()["error"]["message"]
        assert ask(few).json()["position"] == 0, "before all that came earlier"
        second = ask(few).json()
        assert second["position"] == 2, "then by turns"
        go_on.set()
        for client in (many, few):
            client.close()


def test_keys_are_made_listed_and_revoked_on_the_command_line(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    made = call(*home, "keys", "add", "ada", "--days", "30").stdout.strip()
    assert made.startswith("dq-")
    call(*home, "keys", "add", "eye", "--read")
    listed = call(*home, "keys", "list").stdout
    assert [line.split("\t")[2] for line in listed.splitlines()] == ["ada", "eye"]
    assert made.split("-", 2)[2] not in listed
    assert "opens nothing any more" in call(*home, "keys", "revoke", "ada").stdout
    assert call(*home, "keys", "list").stdout.splitlines()[0].startswith("–")
    assert call(*home, "keys", "revoke", "nobody").exit_code == 2


def test_others_are_served_only_with_keys_and_by_name(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    refused = call(*home, "serve", "--host", "0.0.0.0")
    assert refused.exit_code == 2
    assert "without keys" in refused.stderr
    call(*home, "keys", "add", "ada")
    refused = call(*home, "serve", "--host", "0.0.0.0")
    assert refused.exit_code == 2
    assert "--name HOST" in refused.stderr
    call(*home, "keys", "revoke", "ada")
    refused = call(*home, "serve", "--host", "0.0.0.0")
    assert "without keys" in refused.stderr, "one that opens nothing is none"
    with Ledger(Home.open(tmp_path / "home")) as ledger:
        assert Door(ledger).key


def test_another_keys_picture_is_no_mask_and_goes_into_no_recipe(
    server: Running, keys: dict[str, Any]
) -> None:
    recipe = (
        "version: 1\ninputs: {photo: {type: image}}\nsteps:\n  - id: dark\n    uses: adjust\n"
        "    with: {image: ${{ inputs.photo }}, brightness: 0.5}\n"
        "outputs: {dark: ${{ steps.dark.image }}}"
    )
    with server.client(keys["ada"]) as ada, server.client(keys["bo"]) as bo:
        *_, theirs = asked(ada, "a blue house")
        session, _, _ = asked(bo, "a blue house")
        at = f"/api/v1/sessions/{session}"
        for handle in (theirs, "img-9999"):
            told = bo.post(f"{at}/recipe?input=photo={handle}", content=recipe)
            assert (told.status_code, "a picture here" in told.text) == (400, True), told.text
            told = bo.post(f"{at}/turns", json={"request": "remove this", "mask": handle})
            assert told.status_code == 404


def test_what_a_recipe_draws_is_counted_once(server: Running) -> None:
    ledger = server.desk.studio.ledger
    key, text = ledger.keys.make("eve", limits=Limits(pictures_a_day=24))
    recipe = (
        "version: 1\nsteps:\n  - id: house\n    uses: draw\n"
        "    with: {request: a brown house, size: [64, 64]}\n"
        "outputs: {house: '${{ steps.house.image }}'}"
    )
    with server.client(text) as eve:
        session = eve.post("/api/v1/sessions").json()["session"]
        turn = eve.post(f"/api/v1/sessions/{session}/recipe", content=recipe).json()["turn"]
        while (state := eve.get(f"/api/v1/turns/{turn}").json())["state"] in ("queued", "running"):
            pass
    assert state["state"] == "done", "what is set aside for the recipe is there for its steps"
    assert ledger.quota.usage(key.id).pictures_a_day == state["document"]["cost"]["pictures"] > 0


def test_what_a_recipe_draws_belongs_to_the_key_that_runs_it(
    server: Running, keys: dict[str, Any]
) -> None:
    recipe = (
        "version: 1\nsteps:\n  - id: house\n    uses: draw\n"
        "    with: {request: a pink house, size: [64, 64]}\n"
        "outputs: {house: '${{ steps.house.image }}'}"
    )
    with server.client(keys["ada"]) as ada, server.client(keys["bo"]) as bo:
        session = bo.post("/api/v1/sessions").json()["session"]
        turn = bo.post(f"/api/v1/sessions/{session}/recipe", content=recipe).json()["turn"]
        while (state := bo.get(f"/api/v1/turns/{turn}").json())["state"] in ("queued", "running"):
            pass
        assert state["state"] == "done", state
        handle = state["document"]["picture"]["handle"]
        assert bo.get(f"/api/v1/sessions/{session}/pictures/{handle}").status_code == 200
        for whose, there in ((bo, True), (ada, False)):
            titles = {one["title"] for one in whose.get("/api/v1/sessions").json()}
            assert ("a pink house" in titles) == there
