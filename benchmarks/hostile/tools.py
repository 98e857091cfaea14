"""Two keys at the MCP server: one has sessions and pictures; the other has their names, and calls
every tool and reads every address with them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import random
import socket
import tempfile
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from danqing.agent.studio import Options, Studio
from danqing.server.guests import Door

from ..painter import Painter
from ..server import new_keys
from . import Tally
from .files import coded, photo
from .tenants import CANARY, WORDS, Names, check_kept_apart, difference, form, mangled

SIDE = 64
PINK = (201, 33, 87)
"""No picture but the first key's own has this color."""
ADDRESSES = (
    "danqing://pictures/{}", "danqing://pictures/{}/", "danqing://pictures/./{}",
    "DANQING://pictures/{}", "danqing://pictures/x/../{}", "danqing:///pictures/{}", "{}",
    "file:///{}.png",
)  # fmt: skip
NEEDED: dict[str, Any] = {
    "things": [{"kind": "house", "box": [0.1, 0.1, 0.5, 0.5]}], "boxes": [[0.1, 0.1, 0.5, 0.5]],
    "size": [SIDE, SIDE], "scale": 2, "color": "red", "right": 16, "kind": "house",
}  # fmt: skip
"""What some tools cannot do without."""


def measure(n: int) -> Tally:
    """``n`` calls with the names of another, and as many with the names of nobody."""
    tally = Tally("tools")
    with tempfile.TemporaryDirectory() as folder, tally.timed():
        home = Path(folder) / "home"
        keys = new_keys(home, "a", "b")
        with Studio(home) as studio:
            studio.engine = Painter(Path(folder) / "models")
            asyncio.run(_meet(n, keys, studio, tally))
    return tally


async def _meet(n: int, keys: list[str], studio: Studio, tally: Tally) -> None:
    async with _serving(studio) as url, _client(url, keys[0]) as a, _client(url, keys[1]) as b:
        theirs = await _settled(a)
        before = await _state(a)
        guest = _Guest(b, theirs, tally)
        await guest.settle()
        tools = (await b.list_tools()).tools
        rng = random.Random(0)
        for number in range(n):
            names = rng.choice(theirs)
            nobody = Names(
                f"{rng.getrandbits(32):08x}", 0, f"img-{rng.randrange(10**7, 10**8)}", ""
            )
            way, seed = tools[number % len(tools)], rng.random()
            reads = number % 4 == 3
            one, other = [
                form(
                    await (
                        guest.reads(them, random.Random(seed)) if reads
                        else guest.calls(way, them, random.Random(seed))
                    ),
                    them,
                )
                for them in (names, nobody)
            ]  # fmt: skip
            tally.n += 1
            if one != other:
                where = "resources/read" if reads else way.name
                tally.wrong(f"{where}: {difference(one, other)}")
        if await _state(a) != before:
            tally.wrong("what the first key's owner has is not as it was")
        await guest.look_around()
        check_kept_apart(studio.ledger, theirs, tally)


@contextlib.asynccontextmanager
async def _serving(studio: Studio) -> AsyncIterator[str]:
    """The URL of an MCP server of the studio, here."""
    from danqing.mcp_http import over_http
    from danqing.mcp_server import Clients, server

    options = Options(0, size=(SIDE, SIDE))
    clients = Clients(studio, options)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        whole = server(studio, options, clients)
        serving = asyncio.create_task(over_http(whole, clients, Door(studio.ledger), listening))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        finally:
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving


@contextlib.asynccontextmanager
async def _client(url: str, key: str) -> AsyncIterator[Any]:
    """Who has a key."""
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def _settled(a: Any) -> list[Names]:
    """What the first key's owner has."""
    names = []
    for number in range(3):
        data = base64.b64encode(coded(Image.new("RGB", (SIDE, SIDE), PINK), "PNG")).decode()
        opened = (await a.call_tool("open_picture", {"data": data})).structured_content
        session = opened["session"]
        said = {"session": session, "request": f'a red house with the words "{CANARY}{number}"'}
        drawn = (await a.call_tool("draw", said)).structured_content
        names += [Names(session, 0, handle, "") for handle in (opened["at"], *drawn["pictures"])]
    return names


async def _state(a: Any) -> str:
    """All that the first key's owner can see, as one hash."""
    told = hashlib.sha256()
    for one in (await a.list_resources()).resources:
        (contents,) = (await a.read_resource(one.uri)).contents
        told.update(f"{one.uri} {contents.blob}".encode())
    return told.hexdigest()


class _Guest:
    """Who has the second key, some names of their own, and looks at all that they hear."""

    def __init__(self, client: Any, theirs: list[Names], tally: Tally) -> None:
        self._client, self._tally = client, tally
        self._secrets = {CANARY, *(names.session for names in theirs)}
        self._secrets |= {names.handle for names in theirs}
        self._mine = Names("", 0, "", "")

    async def settle(self) -> None:
        """A session of one's own, with a picture."""
        data = base64.b64encode(coded(photo(16), "PNG")).decode()
        opened = (await self._client.call_tool("open_picture", {"data": data})).structured_content
        self._mine = Names(opened["session"], 0, opened["at"], "")

    async def calls(self, tool: Any, names: Names, rng: random.Random) -> httpx.Response:
        """A tool, with another's session, another's pictures, or both."""
        asked: dict[str, Any] = {}
        session, pictures = rng.choice(((True, False), (False, True), (True, True)))
        given = tool.input_schema["properties"]
        places = [name for name, what in given.items() if "img-" in what.get("pattern", "")]
        foreign = rng.choice(places) if places else None
        for name, what in given.items():
            if name in places and (name in tool.input_schema["required"] or name == foreign):
                theirs = pictures and name == foreign
                asked[name] = names.handle if theirs else self._mine.handle
            elif name in tool.input_schema.get("required", ()) or name in ("right", "things"):
                asked[name] = NEEDED.get(name, "a house" if what.get("type") == "string" else 1)
            elif name in ("seed", "seeds"):
                asked[name] = 5 if name == "seed" else [5]
        if tool.name == "draw":
            asked["request"] = rng.choice(WORDS).format(names.handle)
        if tool.name == "open_picture":
            asked["data"] = base64.b64encode(coded(photo(8), "PNG")).decode()
        if session or not pictures:
            asked["session"] = mangled(names.session, rng)
        if not places and not session and tool.name != "draw":  # nothing else to be named in
            asked["session"] = names.session
        result = await self._client.call_tool(tool.name, asked)
        content = [one.model_dump(mode="json", exclude_none=True) for one in result.content]
        told = {"content": content, "structured": result.structured_content}
        self._hear(f"{tool.name}", told, json.dumps(asked))
        return _answer(not result.is_error, told, asked.get("session"), names.session)

    async def reads(self, names: Names, rng: random.Random) -> httpx.Response:
        """The address of a picture."""
        from mcp import MCPError

        name = mangled(names.handle, rng)
        uri = rng.choice((ADDRESSES[0], rng.choice(ADDRESSES))).format(name)
        try:
            (contents,) = (await self._client.read_resource(uri)).contents
        except MCPError as error:
            told = {"error": str(error), "data": error.error.data}
            self._hear("resources/read", told, uri)
            return _answer(False, told, name, names.handle)
        self._hear("resources/read", told := {"data": contents.blob}, uri)
        return _answer(True, told, name, names.handle)

    async def look_around(self) -> None:
        """All that is listed to them."""
        for one in (await self._client.list_resources()).resources:
            (contents,) = (await self._client.read_resource(one.uri)).contents
            self._hear("resources/list", {"uri": one.uri, "data": contents.blob}, "")

    def _hear(self, where: str, told: Any, asked: str) -> None:
        text = json.dumps(told, ensure_ascii=False)
        for secret in self._secrets:
            if secret in text and secret not in asked:
                self._tally.wrong(f"{where} tells {secret!r}")
        for data in _data(told):
            with Image.open(BytesIO(base64.b64decode(data))) as image:
                red, green, blue = image.convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
            if max(abs(red - PINK[0]), abs(green - PINK[1]), abs(blue - PINK[2])) < 8:
                self._tally.wrong(f"{where} shows a picture of the other's")


def _answer(good: bool, told: Any, asked: str | None, meant: str) -> httpx.Response:
    """An answer as `form` takes it; a name that was asked with is told again as it was meant."""
    text = json.dumps(told)
    return httpx.Response(200 if good else 400, text=text.replace(asked or meant, meant))


def _data(told: Any) -> list[str]:
    """The pictures in what was told."""
    parts = [told, *told.get("content", ())]
    return [part["data"] for part in parts if len(part.get("data") or "") > 100]
