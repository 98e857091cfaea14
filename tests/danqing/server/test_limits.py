"""What a key may have, and what happens when it has had it or opens nothing any more."""

from __future__ import annotations

import base64
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from PIL import Image
from running import Running, running

from danqing.agent.home import Home
from danqing.agent.keys import USUAL, Limits
from danqing.agent.ledger import Ledger
from danqing.server import app as app_module
from danqing.server import guests
from danqing.server.outline import crowded
from danqing.server.quota import Buckets, TooOften

sys.path.insert(0, str(Path(__file__).parents[1]))
from commandline import call


@contextmanager
def serving(
    tmp_path: Path, *limits: Limits, **how: Any
) -> Iterator[tuple[Running, list[httpx.Client]]]:
    """A server with a key for each of the limits, and a client for each key."""
    home = tmp_path / "home"
    with Ledger(Home.open(home)) as ledger:
        made = [ledger.keys.make(f"key{n}", limits=one)[1] for n, one in enumerate(limits)]
    with running(home, **how) as server:
        clients = [server.client(text) for text in made]
        yield server, clients
        for client in clients:
            client.close()


def post(client: httpx.Client, words: str = "a red house", **more: Any) -> httpx.Response:
    session = client.post("/api/v1/sessions").json()["session"]
    return client.post(f"/api/v1/sessions/{session}/turns", json={"request": words, **more})


def ended(client: httpx.Client, turn: int) -> dict[str, Any]:
    while (state := client.get(f"/api/v1/turns/{turn}").json())["document"] is None:
        time.sleep(0.01)
    return dict(state)


def until(so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if so():
            return
        time.sleep(0.01)
    raise AssertionError("it never became so")


def photo(side: int = 80) -> bytes:
    coded = BytesIO()
    Image.effect_noise((side, side), 90).convert("RGB").save(coded, "PNG")
    return coded.getvalue()


# -- a minute


def test_a_bucket_fills_as_time_goes_by(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("danqing.server.quota.time.monotonic", lambda: now[0])
    buckets, limits = Buckets(), Limits(a_minute=6)
    paces = [buckets.take("ada", limits) for _ in range(6)]
    assert [pace.left for pace in paces if pace] == [5, 4, 3, 2, 1, 0]
    with pytest.raises(TooOften, match="6 requests a minute") as told:
        buckets.take("ada", limits)
    assert told.value.wait == pytest.approx(10)
    buckets.take("bo", limits)
    now[0] += 10.001
    buckets.take("ada", limits)
    with pytest.raises(TooOften):
        buckets.take("ada", limits, 1 / 20)
    now[0] += 3600
    for _ in range(6):
        buckets.take("ada", limits)
    with pytest.raises(TooOften):
        buckets.take("ada", limits)
    assert buckets.take("ada", Limits()) is None


def test_whoever_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(a_minute=4), Limits()) as (server, (often, other)):
        first = often.post("/api/v1/sessions")
        assert first.headers["x-ratelimit-limit-requests"] == "4"
        assert first.headers["x-ratelimit-remaining-requests"] == "3"
        session = first.json()["session"]
        upload = f"/api/v1/sessions/{session}/pictures"
        answers = [often.post(upload, content=photo()) for _ in range(4)]
        assert [one.status_code for one in answers] == [201, 201, 201, 429], "uploads count, too"
        refused = answers[-1]
        assert 1 <= int(refused.headers["retry-after"]) <= 15
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert other.post("/api/v1/sessions").status_code == 201
        with (
            openai.OpenAI(
                base_url=f"{server.url}/v1", max_retries=0,
                api_key=often.headers["authorization"].split()[1],
            ) as client,
            pytest.raises(openai.RateLimitError) as told,
        ):  # fmt: skip
            client.images.generate(model="danqing", prompt="a red house")
        assert told.value.code == "rate_limit_exceeded"


# -- at once


def test_of_one_key_so_many_requests_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "OPEN", 2)
    go_on = threading.Event()

    def wait(tool: str) -> None:
        assert go_on.wait(20)

    with serving(tmp_path, Limits(), Limits(), before=wait) as (_, (many, other)):
        at = f"/api/v1/turns/{post(many).json()['turn']}/events"
        with many.stream("GET", at) as one, many.stream("GET", at) as two:
            assert one.status_code == two.status_code == 200
            refused = many.get("/v1/models")
            assert refused.status_code == 429
            assert "2 requests open" in refused.json()["error"]["message"]
            assert other.get("/v1/models").status_code == 200
            go_on.set()
            for stream in (one, two):
                stream.read()
        until(lambda: many.get("/v1/models").status_code == 200)


def test_of_one_key_so_many_turns_are_at_work_and_so_many_wait(tmp_path: Path) -> None:
    go_on = threading.Event()

    def wait(tool: str) -> None:
        assert go_on.wait(20)

    limits = Limits(at_once=1, waiting=2)
    with serving(tmp_path, limits, Limits(), before=wait, at_once=3) as (server, (few, all_)):
        turns = [post(few).json()["turn"] for _ in range(3)]
        until(lambda: [server.desk.job(turn).state for turn in turns].count("running") == 1)
        refused = post(few)
        assert refused.status_code == 429
        assert "You have 2 requests waiting" in refused.json()["error"]["message"]
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        others = [post(all_).json()["turn"] for _ in range(2)]
        until(lambda: all(server.desk.job(turn).state == "running" for turn in others))
        time.sleep(0.1)
        assert [server.desk.job(turn).state for turn in turns].count("running") == 1
        go_on.set()
        for turn in turns:
            assert ended(few, turn)["state"] == "done"


# -- in a day


def test_a_turn_is_told_what_it_may_use_and_after_that_the_key_has_had_it(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(pictures_a_day=5)) as (server, (client,)):
        asked = post(client).json()
        assert asked["budget"]["pictures"] == 5
        document = ended(client, asked["turn"])["document"]
        used = client.get("/api/v1/usage").json()
        assert used["limits"]["pictures_a_day"] == 5
        assert used["used"]["pictures_a_day"] == document["cost"]["pictures"] > 0
        while (answer := post(client, "a blue house")).status_code == 202:
            ended(client, answer.json()["turn"])
        assert answer.status_code == 429
        error = answer.json()["error"]
        assert error["code"] == error["type"] == "insufficient_quota"
        assert "Of 5 pictures" in error["message"] and "24 hours." in error["message"]
        assert 86_000 < int(answer.headers["retry-after"]) <= 86_400
        assert answer.headers["x-should-retry"] == "false"
        assert server.desk.studio.ledger.unfinished() == []
        server.desk.studio.ledger.keys.limit("key0", {"pictures_a_day": None})
        assert post(client).status_code == 202, "a change is known at once"


def test_what_a_key_may_hold_is_refused_beyond_that_uploads_too(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(megabytes=0.03)) as (_, (client,)):
        session = client.post("/api/v1/sessions").json()["session"]
        upload = f"/api/v1/sessions/{session}/pictures"
        assert client.post(upload, content=photo(80)).status_code == 201
        refused = client.post(upload, content=photo(120))
        assert refused.status_code == 413
        assert refused.json()["error"]["code"] == "storage_full"
        assert "may hold 0.03" in refused.json()["error"]["message"]


# -- revoked


def test_what_a_revoked_key_waits_for_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "NOTICED", 0.05)
    drawing, go_on = threading.Event(), threading.Event()
    heard: list[str] = []

    def before(tool: str) -> None:
        drawing.set()
        assert go_on.wait(20)

    def watch(client: httpx.Client, turn: int) -> None:
        with client.stream("GET", f"/api/v1/turns/{turn}/events") as stream:
            heard.extend(stream.iter_lines())
        heard.append("the end")

    how: dict[str, Any] = {"before": before, "at_once": 1}
    with serving(tmp_path, Limits(), Limits(), **how) as (server, (gone, stays)):
        turns = [post(gone).json()["turn"] for _ in range(2)]
        other = post(stays).json()["turn"]
        until(lambda: server.desk.job(turns[0]).state == "running" and drawing.is_set())
        watchers = [threading.Thread(target=watch, args=(gone, turn)) for turn in turns]
        chat: list[httpx.Response] = []
        body = {"messages": [{"role": "user", "content": "a red house"}]}
        asking = threading.Thread(
            target=lambda: chat.append(gone.post("/v1/chat/completions", json=body))
        )
        for thread in (*watchers, asking):
            thread.start()
        until(lambda: any("phase" in line for line in heard) and len(server.desk._line) == 3)
        call("--home", str(tmp_path / "home"), "keys", "revoke", "key0")  # by another process
        for thread in (*watchers, asking):
            thread.join(5)
            assert not thread.is_alive()
        assert heard.count("the end") == 2
        assert not any("cancelled" in line or "done" in line for line in heard)
        assert chat[0].status_code == 401
        assert server.desk.job(turns[1]).state == "cancelled"
        assert server.desk.job(turns[0]).cancel.is_set()
        go_on.set()
        until(lambda: server.desk.job(turns[0]).state == "cancelled")
        assert ended(stays, other)["state"] == "done", "nobody else's"


def test_a_link_ends_after_a_day_and_with_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path, Limits()) as (server, (client,)):
        asked = {"prompt": "a red house", "response_format": "url", "size": "64x64"}
        (item,) = client.post("/v1/images/generations", json=asked).json()["data"]
        link, expires = httpx.URL(item["url"]), item["expires"]
        assert abs(expires - time.time() - 86_400) < 30
        assert link.params["expires"] == str(expires)
        assert httpx.get(link).status_code == 200
        later = link.copy_set_param("expires", str(expires + 1))
        assert httpx.get(later).status_code == 404, "nobody makes it longer"
        monkeypatch.setattr(time, "time", lambda: expires + 0.5)
        assert httpx.get(link).status_code == 404
        monkeypatch.undo()
        assert httpx.get(link).status_code == 200
        server.desk.studio.ledger.keys.revoke("key0")
        assert httpx.get(link).status_code == 404


def test_a_conversation_goes_on_from_a_link_that_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guests, "LINK_SECONDS", -10)
    with serving(tmp_path, Limits()) as (_, (client,)):
        messages = [{"role": "user", "content": "a red house"}]
        answer = client.post("/v1/chat/completions", json={"messages": messages}).json()
        said = answer["choices"][0]["message"]
        found = re.search(r"\]\((http[^)]+)\)", said["content"])
        assert found and httpx.get(found[1]).status_code == 404
        messages += [said, {"role": "user", "content": "a red house"}]
        again = client.post("/v1/chat/completions", json={"messages": messages}).json()
        assert again["danqing"]["session"] == answer["danqing"]["session"]


# -- bodies


def test_json_without_pictures_is_small(tmp_path: Path) -> None:
    with running(tmp_path / "home") as server:
        at = f"/api/v1/sessions/{server.session()}/turns"
        for path in (at, "/v1/images/generations"):
            answer = server.http.post(path, json={"request": "a" * 262_144})
            assert answer.status_code == 413
        for content in (b"[" * 2_000_000, b'{"messages": [' + b"{}," * 700_000 + b"{}]}"):
            headers = {"content-type": "application/json"}
            answer = server.http.post("/v1/chat/completions", content=content, headers=headers)
            assert answer.status_code == 413
            assert "beside its pictures" in answer.json()["error"]["message"]


@pytest.mark.parametrize("slash", ["/", "\\/"])
def test_the_picture_of_the_last_message_is_the_one_that_is_taken(
    tmp_path: Path, slash: str
) -> None:
    """However the JSON around it is written: quotation marks and slashes within texts."""
    urls = [f"data:image/png;base64,{base64.b64encode(photo(n)).decode()}" for n in (300, 310)]
    words = {"type": "text", "text": 'turn it \\upside down ""data:image/png;base64,QUJD"'}
    said = [
        {"role": "user", "content": [words, {"type": "image_url", "image_url": {"url": url}}]}
        for url in urls
    ]
    body = json.dumps({"messages": said, "seed": 3}).replace("/", slash).encode()
    assert len(body) > 262_144
    with running(tmp_path / "home") as server:
        headers = {"content-type": "application/json"}
        answer = server.http.post("/v1/chat/completions", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        turn = answer.json()["danqing"]
        assert turn["request"] == words["text"]
        target = server.desk.studio.image(turn["brief"]["target"])
        assert target.size == (310, 310)
        forged = {"type": "image_url", "image_url": {"url": "picture-0000000000000000-0"}}
        messages = [{"role": "user", "content": [{"type": "text", "text": "darker"}, forged]}]
        answer = server.http.post("/v1/chat/completions", json={"messages": messages})
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("body", "much"),
    [
        (b'{"data": "' + b"A" * 2_000_000 + b'"}', False),
        (b'{"data": "' + b'\\"' * 1_000_000 + b'"}', False),
        (b'["' + b"A" * 60_000 + b'"]' + b',"a"' * 300_000, True),
        (b'["' + b"A" * 2_000_000 + b'"' + b",{}" * 400_000, True),
        (b"[" * 2_000_000, True),
        (b'"' + b"A" * 2_000_000, True),
        (b"", False),
    ],
)
def test_only_long_texts_make_json_large(body: bytes, much: bool) -> None:
    assert crowded(body) is much


# -- the command line


def test_limits_are_set_told_and_changed_on_the_command_line(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    call(*home, "keys", "add", "ada", "--pictures-a-day", "7", "--dollars-a-day", "none")
    with Ledger(Home.open(tmp_path / "home")) as ledger:
        [key] = ledger.keys.all()
        assert key.limits == replace(USUAL, pictures_a_day=7, dollars_a_day=None)
    listed = call(*home, "keys").stdout
    assert "0/7 pictures" in listed and "0 dollars," in listed and "2 at once" in listed
    told = call(*home, "keys", "limit", "ada", "--at-once", "none", "--megabytes", "2.5").stdout
    assert "0/2.5 MB" in told and "at once" not in told and "0/7 pictures" in told
    assert call(*home, "keys", "limit", "ada").exit_code == 2
    assert call(*home, "keys", "limit", "ada", "--waiting", "0").exit_code == 2
    assert call(*home, "keys", "limit", "ada", "--waiting", "many").exit_code == 2
    told = " ".join(call(*home, "keys", "add", "--help").stdout.split())
    for field in fields(Limits):
        usual = f"[{getattr(USUAL, field.name):g}]"
        assert usual in told.partition(f"--{field.name.replace('_', '-')} ")[2].partition(".")[0]
