"""Guests who mean no good, clients that hang up, and a server that is stopped in the middle."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image
from running import Running, running

from danqing.agent.home import Home
from danqing.agent.ledger import Ledger


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("server") / "home"
    with Ledger(Home.open(home)) as ledger:
        return {"home": home, **{name: ledger.keys.make(name)[1] for name in ("ada", "bo")}}


@pytest.fixture(scope="module")
def server(keys: dict[str, Any]) -> Iterator[Running]:
    with running(keys["home"]) as server:
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
        told.append(str((turn["reply"], brief, turn["stopped"], len(steps))).replace(handle, "_"))
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
