"""The studio as an MCP server, as clients of the protocol see it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from commandline import REPOSITORY, call, process
from mcp import Client, MCPError, StdioServerParameters, types
from mcp.client.streamable_http import streamable_http_client
from PIL import Image
from scripted_engine import SCENE, ScriptedEngine

from danqing import Options, Studio, mcp_server
from danqing.agent.keys import Limits
from danqing.mcp_command import check_sdk, listen
from danqing.mcp_server import PREVIEW, Served, server
from danqing.server.guests import Guest
from danqing.tools.engine import Progress, Result
from danqing.tools.errors import BadInput, Stopped

OPTIONS = Options(seed=1, size=(64, 64))
GREETING = {
    "protocolVersion": "2025-06-18", "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}  # fmt: skip
MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])
"""Both generations of the protocol."""


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(tmp_path / "home") as studio:
        studio.engine = ScriptedEngine(tmp_path / "models", lambda seed: SCENE + " a red house.")
        yield studio


@pytest.fixture
def engine(studio: Studio) -> ScriptedEngine:
    assert isinstance(studio.engine, ScriptedEngine)
    return studio.engine


def text_of(result: Any) -> str:
    return "\n".join(part.text for part in result.content if part.type == "text")


def pictures_in(result: Any) -> list[Image.Image]:
    data = [part.data for part in result.content if part.type == "image"]
    return [Image.open(BytesIO(base64.b64decode(one))) for one in data]


def coded(image: Image.Image) -> str:
    file = BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


async def resource(client: Client, uri: str) -> Image.Image:
    (contents,) = (await client.read_resource(uri)).contents
    assert isinstance(contents, types.BlobResourceContents) and contents.mime_type == "image/png"
    return Image.open(BytesIO(base64.b64decode(contents.blob)))


@MODES
async def test_every_tool_that_can_run_is_offered(studio: Studio, mode: str) -> None:
    async with Client(server(studio, OPTIONS), mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert [*tools] == ["draw", "open_picture", *studio.engine.available()]
    assert all(tool.description for tool in tools.values())
    adjust = tools["adjust"].input_schema
    assert adjust["properties"]["image"]["pattern"].startswith("^img-")
    assert adjust["required"] == ["image"]
    assert tools["text_to_image"].input_schema["required"] == ["prompt"], "seeds may be left out"
    assert all("session" in tool.input_schema["properties"] for tool in tools.values())


@MODES
async def test_a_picture_is_drawn_shown_small_and_there_in_full(studio: Studio, mode: str) -> None:
    async with Client(server(studio, OPTIONS), mode=mode) as client:
        drawn = await client.call_tool("draw", {"request": "a red house in winter"})
        (link,) = [part for part in drawn.content if part.type == "resource_link"]
        whole = await resource(client, link.uri)
        listed = (await client.list_resources()).resources
    told = drawn.structured_content
    (handle,) = told["pictures"]
    assert (told["at"], link.uri) == (handle, f"danqing://pictures/{handle}")
    assert [one.uri for one in listed] == [link.uri]
    assert told["reply"] in text_of(drawn) and told["session"] in text_of(drawn)
    claims = {claim["claim"]: claim["status"] for claim in told["claims"]}
    assert claims == {"house": "met", "house is red": "met", "season: winter": "unmet"}
    assert told["satisfied"] is False and not drawn.is_error
    (small,) = pictures_in(drawn)
    assert whole.size == (64, 64)
    assert small.convert("RGB").tobytes() == whole.convert("RGB").tobytes(), "small already"
    assert json.loads(whole.info["danqing"])["request"] == "a red house in winter"


async def test_what_is_large_is_shown_small(studio: Studio) -> None:
    photo = Image.linear_gradient("L").convert("RGB").resize((1536, 1000))
    async with Client(server(studio, OPTIONS)) as client:
        opened = await client.call_tool("open_picture", {"data": coded(photo), "name": "photo"})
        told = opened.structured_content
        assert [picture.size for picture in pictures_in(opened)] == [(PREVIEW, 500)]
        whole = await resource(client, f"danqing://pictures/{told['at']}")
        assert whole.tobytes() == photo.tobytes()
        drawn = await client.call_tool(
            "text_to_image", {"prompt": "a house", "seeds": [3, 4, 5], "session": told["session"]}
        )
        assert len(drawn.structured_content["pictures"]) == 3
        sides = [max(picture.size) for picture in pictures_in(drawn)]
        assert all(side <= PREVIEW // 2 for side in sides), "together they are no larger"


async def test_a_session_goes_on_from_where_it_is(studio: Studio) -> None:
    async with Client(server(studio, OPTIONS)) as client:

        async def does(name: str, **arguments: Any) -> Any:
            result = await client.call_tool(name, arguments)
            assert not result.is_error, text_of(result)
            return result.structured_content

        first = await does("draw", request="a red house")
        session = {"session": first["session"]}
        darker = await does("adjust", image=first["at"], brightness=0.5, **session)
        assert darker["session"] == first["session"] and darker["at"] != first["at"]
        assert (await does("draw", request="undo", **session))["at"] == first["at"]
        assert (await does("draw", request="redo", **session))["at"] == darker["at"]
        told = await does("caption", image=first["at"], **session)
        assert "red house" in told["value"]["text"] and told["at"] == darker["at"]
        other = await does("adjust", image=first["at"], flip="horizontal")
        assert other["session"] != first["session"], "a new one, which may see the old one's"


async def test_pictures_of_others_cannot_be_reached(studio: Studio) -> None:
    mine = studio.ask("a red house", OPTIONS)
    assert mine.picture is not None
    handle = mine.picture.handle
    async with Client(server(studio, OPTIONS)) as client:
        for one in (handle, "img-999", "../ledger.sqlite", ""):
            with pytest.raises(MCPError, match="no such picture"):
                await client.read_resource(f"danqing://pictures/{one}")
        with pytest.raises(MCPError, match="no such picture"):
            await client.read_resource(handle)
        assert (await client.list_resources()).resources == []
        for name, arguments in (
            ("adjust", {"image": handle, "brightness": 0.5}),
            ("blend", {"image": handle, "other": handle}),
            ("draw", {"request": f"{handle} in winter"}),
            ("draw", {"request": "compare with ＩＭＧ－" + handle[4:]}),
            ("draw", {"request": "a red house", "session": mine.session}),
        ):
            refused = await client.call_tool(name, arguments)
            assert refused.is_error and " here" in text_of(refused)
            assert not pictures_in(refused)
        # An equal call is answered by the same picture, which is then one of both.
        arguments = {"brightness": 0.5}
        data = coded(studio.image(handle))
        theirs = (await client.call_tool("open_picture", {"data": data})).structured_content
        assert theirs["at"] != handle
        adjusted = await client.call_tool("adjust", {"image": theirs["at"], **arguments})
        made = studio.use("adjust", {"image": handle, **arguments}, OPTIONS, mine.session)
        assert adjusted.structured_content["at"] == made.pictures[0].handle
        assert await resource(client, f"danqing://pictures/{adjusted.structured_content['at']}")


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("draw", {}, "draw: request is missing"),
        ("draw", {"request": "  "}, "empty"),
        (
            "draw",
            {"request": "a house", "session": "nowhere"},
            "There is no session 'nowhere' here",
        ),
        ("draw", {"request": "a house", "seed": 3}, "there is no argument 'seed'"),
        ("draw", {"request": 7}, "request = 7 is refused"),
        ("adjust", {}, "image is missing"),
        ("adjust", {"image": 7}, "image = 7 is refused"),
        ("adjust", {"image": "img-1", "session": 7}, "session = 7 is refused"),
        ("text_to_image", {"prompt": "x", "seeds": [-1]}, "seeds[0] = -1 is refused"),
        ("open_picture", {"data": "%%%"}, "no base64"),
        ("open_picture", {"data": "图"}, "no base64"),
        ("open_picture", {"data": "R0lGODdh"}, "not a PNG, JPEG or WebP"),
        ("ajust", {}, "did you mean adjust"),
    ],
)
async def test_what_is_refused_is_told_to_the_model(
    studio: Studio, name: str, arguments: dict[str, Any], said: str
) -> None:
    async with Client(server(studio, OPTIONS)) as client:
        refused = await client.call_tool(name, arguments)
    assert refused.is_error
    assert said in text_of(refused)
    assert not studio.ledger.unfinished()


async def test_of_a_bug_a_client_is_told_that_there_is_one(
    studio: Studio, engine: ScriptedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(tool: str) -> None:
        raise RuntimeError("a secret of the house")

    engine.before = fail
    async with Client(server(studio, OPTIONS)) as client:
        failed = await client.call_tool("draw", {"request": "a red house"})
        assert failed.is_error and text_of(failed).startswith("draw failed")
        assert "secret" not in text_of(failed) + caplog.text, "it may be somebody's"
        number = text_of(failed).split()[-1].rstrip(".")
        assert f"fault {number}: a call: RuntimeError at " in caplog.text
        assert "test_mcp.py" in caplog.text, "where it was"
        engine.before = lambda tool: None
        assert not (await client.call_tool("draw", {"request": "a red house"})).is_error


@MODES
async def test_progress_is_told_now_and_then(
    studio: Studio, engine: ScriptedEngine, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_server, "PACE", 0.1)
    works = engine.call

    def chatty(tool: str, *arguments: Any, **how: Any) -> Result:
        time.sleep(0.25)  # nothing is heard of it
        for n in range(20):
            how["on_progress"](Progress(tool, n, 20, "drawing", 0.0))
            time.sleep(0.01)
        return works(tool, *arguments, **how)

    monkeypatch.setattr(engine, "call", chatty)
    told: list[tuple[float, float | None, str | None]] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    begun = time.monotonic()
    async with Client(server(studio, OPTIONS), mode=mode) as client:
        await client.call_tool("draw", {"request": "a red house"}, progress_callback=tell)
    numbers = [number for number, _, _ in told]
    assert 4 <= len(told) <= (time.monotonic() - begun) / 0.1
    assert numbers == sorted({*numbers}), "it only grows"
    words = [message or "" for _, _, message in told]
    assert all(one != next for one, next in pairwise(words)), "nothing is told twice"
    assert any("text_to_image" in word and "/20" in word for word in words)


@MODES
async def test_a_call_that_is_cancelled_ends_and_the_session_goes_on(
    studio: Studio, engine: ScriptedEngine, mode: str
) -> None:
    drawing = threading.Event()
    async with Client(server(studio, OPTIONS), mode=mode) as client:
        first = await client.call_tool("draw", {"request": "a red house"})
        session = first.structured_content["session"]
        done = len(engine.calls)

        def slow(tool: str) -> None:
            drawing.set()
            time.sleep(0.1)

        engine.before = slow
        again = {"request": "two green trees", "session": session}
        calling = asyncio.create_task(client.call_tool("draw", again))
        assert await asyncio.to_thread(drawing.wait, 10)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await asyncio.sleep(0.5)
        assert len(engine.calls) == done + 1, "the step at work is the last one"
        engine.before = lambda tool: None
        undone = await client.call_tool("draw", {"request": "a red house", "session": session})
        assert not undone.is_error, text_of(undone)
    assert not studio.cancel.is_set(), "nobody else was stopped"


async def test_clients_are_served_at_once_and_nobody_waits_to_be_heard(
    studio: Studio, engine: ScriptedEngine
) -> None:
    both, go_on = threading.Barrier(3), threading.Event()

    def wait(tool: str) -> None:
        if not go_on.is_set():
            both.wait(10)
            assert go_on.wait(10)

    engine.before = wait
    studio_server = server(studio, OPTIONS)
    async with Client(studio_server) as one, Client(studio_server) as other:
        calls = [
            asyncio.create_task(client.call_tool("draw", {"request": "a red house"}))
            for client in (one, other)
        ]
        await asyncio.to_thread(both.wait, 10)  # both are at their first step
        assert (await one.list_tools()).tools
        go_on.set()
        first, second = await asyncio.gather(*calls)
    told = first.structured_content, second.structured_content
    assert told[0]["session"] != told[1]["session"] and told[0]["at"] != told[1]["at"]


def test_only_pictures_of_sessions_that_were_begun_here_are_listed(studio: Studio) -> None:
    served, other = Served(studio, OPTIONS), Served(studio, OPTIONS)
    never = threading.Event()
    served.call("draw", {"request": "a red house"}, lambda event: None, never)
    assert len(served.resources()) == 1 and not other.resources()


# -- in a process of its own


def parameters(home: Path) -> StdioServerParameters:
    path = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
    arguments = ["-m", "danqing", "--home", str(home), "mcp"]
    return StdioServerParameters(
        command=sys.executable, args=arguments, env={**os.environ, "PYTHONPATH": path}
    )


async def test_a_client_starts_the_command_and_talks_to_it(home: Path) -> None:
    async with Client(parameters(home)) as client:
        answer = await client.call_tool("draw", {"request": "what can you draw?"})
        assert "house" in answer.structured_content["reply"]
        assert answer.structured_content["at"] is None
        data = {"data": coded(Image.new("RGB", (40, 30), "red"))}
        opened = (await client.call_tool("open_picture", data)).structured_content
        flipped = await client.call_tool(
            "adjust", {"image": opened["at"], "rotate": 90, "session": opened["session"]}
        )
        assert not flipped.is_error, text_of(flipped)
        whole = await resource(client, f"danqing://pictures/{flipped.structured_content['at']}")
        assert whole.size == (30, 40)


@contextlib.contextmanager
def over_stdio(home: Path, *asked: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """The process of the real command, which was greeted and asked."""
    greeting = [
        {"id": 1, "method": "initialize", "params": GREETING},
        {"method": "notifications/initialized"},
    ]
    how = parameters(home)
    with subprocess.Popen(
        [how.command, *how.args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=how.env
    ) as running:
        assert running.stdin is not None
        for message in (*greeting, *asked):
            running.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        running.stdin.flush()
        yield running


def test_standard_output_carries_the_protocol_and_nothing_else(home: Path) -> None:
    call = {"name": "draw", "arguments": {"request": "what can you draw?"}}
    with over_stdio(home, {"id": 2, "method": "tools/call", "params": call}) as running:
        assert running.stdin is not None and running.stdout is not None
        answers = [json.loads(running.stdout.readline()) for _ in range(2)]
        running.stdin.close()
        assert running.stdout.read() == b""
        assert running.wait(20) == 0, "it ends when its client leaves"
    assert [answer["id"] for answer in answers] == [1, 2]
    assert answers[0]["result"]["serverInfo"]["name"] == "danqing"
    assert answers[1]["result"]["structuredContent"]["satisfied"] is True


def test_a_signal_ends_it_though_its_input_stays_open(home: Path) -> None:
    with over_stdio(home) as running:
        assert running.stdout is not None and running.stdout.readline()
        running.send_signal(signal.SIGTERM)
        assert running.wait(5) == 130


@contextlib.contextmanager
def over_http(home: Path) -> Iterator[tuple[str, str, subprocess.Popen[bytes]]]:
    """The URL of a server of the real command, the key that it prints, and its process."""
    with process("--home", str(home), "mcp", "--http", "--port", "0") as running:
        assert running.stderr is not None
        try:
            url, _, key = running.stderr.readline().decode().split(";")[0].partition("  key: ")
            yield url, key, running
        finally:
            running.kill()


@contextlib.asynccontextmanager
async def with_key(url: str, key: str, **how: Any) -> AsyncIterator[Client]:
    """A client that sends a key."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), **how) as client,
    ):
        yield client


def posted(url: str, greeting: Any = GREETING, **headers: str) -> int:
    """The status of a request with these headers."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port or 0, timeout=10)
    said = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": greeting}
    connection.request("POST", where.path, json.dumps(message), {**said, **headers})
    with contextlib.closing(connection):
        return connection.getresponse().status


def listen_until(url: str, key: str, end: Callable[[], Any]) -> None:
    """Listen as a client of the first generation does, to the end."""
    said = {"Authorization": f"Bearer {key}", "Accept": "application/json, text/event-stream"}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": GREETING}
    with httpx2.Client(headers=said, timeout=10) as client:
        session = client.post(url, json=message).headers["mcp-session-id"]
        with client.stream("GET", url, headers={"mcp-session-id": session}) as stream:
            assert stream.status_code == 200
            end()
            stream.read()


async def test_clients_share_a_server_over_http(home: Path) -> None:
    with over_http(home) as (url, key, running):
        async with with_key(url, key) as one, with_key(url, key, mode="legacy") as other:
            noise = Image.effect_noise((1600, 1500), 80)
            assert len(coded(noise)) > 2_000_000
            uploads = [noise, Image.new("L", (20, 20))]
            opened = await asyncio.gather(
                *(client.call_tool("open_picture", {"data": coded(image)})
                  for client, image in zip((one, other), uploads, strict=True))
            )  # fmt: skip
            for client, image, told in zip((one, other), uploads, opened, strict=True):
                uri = f"danqing://pictures/{told.structured_content['at']}"
                assert (await resource(client, uri)).size == image.size
            host = urlsplit(url).netloc
            own = {"Authorization": f"Bearer {key}"}
            for status, headers in (
                (200, own), (401, {}), (401, {"Authorization": "Bearer dq-other"}),
                (421, {**own, "Host": "example.org"}),
                (403, {**own, "Origin": "http://example.org"}),
                (200, {**own, "Origin": f"http://{host}"}),
            ):  # fmt: skip
                assert await asyncio.to_thread(posted, url, **headers) == status
            hostile = {**GREETING, "of": [{}] * 400_000}
            assert await asyncio.to_thread(posted, url, hostile, **own) == 413
        running.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(running.wait, 20) == 130
        assert running.stderr is not None and b"Traceback" not in running.stderr.read()


async def test_each_key_has_its_own_until_it_is_revoked(home: Path) -> None:
    made = {name: call("--home", str(home), "keys", "add", name, *more).stdout.strip()
            for name, more in (("ada", ()), ("bo", ("--a-minute", "12")))}  # fmt: skip
    with over_http(home) as (url, key, running):
        assert not key, "the home's own opens nothing"
        async with with_key(url, made["ada"]) as ada, with_key(url, made["bo"]) as bo:
            data = {"data": coded(Image.new("RGB", (20, 20), "red"))}
            first = (await ada.call_tool("open_picture", data)).structured_content
            for arguments in ({"image": first["at"], "rotate": 90},
                              {"image": "img-99", "rotate": 90},
                              {"image": first["at"], "session": first["session"]}):  # fmt: skip
                refused = await bo.call_tool("adjust", arguments)
                assert refused.is_error and " here" in text_of(refused)
            assert not (await bo.list_resources()).resources
            with pytest.raises(MCPError, match="no such picture"):
                await bo.read_resource(f"danqing://pictures/{first['at']}")
        statuses = [
            await asyncio.to_thread(posted, url, Authorization=f"Bearer {made['bo']}")
            for _ in range(12)
        ]
        assert statuses[-1] == 429, statuses
        async with with_key(url, made["ada"]) as ada:
            (kept,) = (await ada.list_resources()).resources
            assert kept.uri.endswith(first["at"]), "a session is the key's, not the connection's"
    with over_http(home) as (url, _, running):
        async with with_key(url, made["ada"]) as ada:
            assert len((await ada.list_resources()).resources) == 1, "nor the process's"
            revoke = partial(call, "--home", str(home), "keys", "revoke", "ada")
            await asyncio.to_thread(listen_until, url, made["ada"], revoke)
            with pytest.raises(Exception):  # noqa: B017, PT011, as the SDK sees fit
                await ada.list_resources()
        running.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(running.wait, 20) == 130


def coming(studio: Studio, **limits: Any) -> tuple[str, Any]:
    """The id of a key with some limits, and what calls with it come from."""
    key, _ = studio.ledger.keys.make("ada", limits=Limits(**limits))
    guest = Guest(key.id, draws=True, limits=key.limits)
    return key.id, SimpleNamespace(request=SimpleNamespace(state=SimpleNamespace(guest=guest)))


async def test_calls_are_within_what_is_left_to_their_key(studio: Studio) -> None:
    _, context = coming(studio, pictures_a_day=3, megabytes=0.2)
    clients = mcp_server.Clients(studio, OPTIONS)

    async def does(name: str, **arguments: Any) -> Any:
        return await clients.call(
            context, name, arguments, lambda event: None, threading.Event()
        )  # fmt: skip

    assert not (await does("text_to_image", prompt="a house", seeds=[1, 2])).is_error
    told = await does("text_to_image", prompt="a tree", seeds=[1, 2])
    assert told.is_error and "pictures" in text_of(told), "one is left, and not two"
    assert not (await does("text_to_image", prompt="a tree", seeds=[1])).is_error
    told = await does("text_to_image", prompt="a star", seeds=[1])
    assert "Of 3 pictures" in text_of(told)
    told = await does("open_picture", data=coded(Image.effect_noise((500, 500), 80)))
    assert "megabytes" in text_of(told) and "Delete what you do not need" in text_of(told)


async def test_the_call_of_a_key_that_is_revoked_ends(
    studio: Studio, engine: ScriptedEngine
) -> None:
    key, context = coming(studio, at_once=1, waiting=1)
    clients = mcp_server.Clients(studio, OPTIONS)
    drawing, go_on = threading.Event(), threading.Event()

    def slow(tool: str) -> None:
        drawing.set()
        assert go_on.wait(10)

    engine.before = slow

    async def draws() -> Any:
        asked = {"request": "a red house"}
        return await clients.call(context, "draw", asked, lambda event: None, threading.Event())

    calls = [asyncio.create_task(draws()) for _ in range(2)]
    assert await asyncio.to_thread(drawing.wait, 10)
    await asyncio.sleep(0.05)
    assert "no more are taken" in text_of(await draws()), "one at work, one waiting"
    assert clients.keys == {key}
    clients.dismiss("another")
    clients.dismiss(key)
    go_on.set()
    assert all(result.is_error for result in await asyncio.gather(*calls))
    assert engine.ran("text_to_image") == 1, "the step at work was the last one"


# -- the command


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org"])
def test_without_keys_only_this_machine_is_served(host: str, home: Path) -> None:
    told = call("--home", str(home), "mcp", "--http", "--host", host)
    assert told.exit_code == 2
    assert "without keys" in told.stderr and host in told.stderr


def test_a_port_that_is_taken_is_named() -> None:
    with listen("localhost", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=f"port {port}"):
            listen("127.0.0.1", port)


def test_a_port_without_http_is_no_use(home: Path) -> None:
    assert call("mcp", "--port", "9000").exit_code == 2


@pytest.mark.parametrize("there", [None, "1.30.0"])
def test_where_the_sdk_is_missing_the_way_to_get_it_is_told(
    there: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import PackageNotFoundError

    def version(name: str) -> str:
        if there is None:
            raise PackageNotFoundError(name)
        return there

    monkeypatch.setattr("danqing.mcp_command.version", version)
    with pytest.raises(Stopped, match=r"pip install 'danqing\[mcp\]'"):
        check_sdk()
