"""How much a request may bring, and how the large ones are read: few at a time, in little memory.

A conversation comes as JSON with pictures in it. Python makes of JSON many times its size, so that
its pictures are set aside as they came, and only the rest, which is small, is read as JSON.
"""

from __future__ import annotations

import asyncio
import binascii
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from fastapi import HTTPException
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..agent.store import MAX_BYTES
from ..tools.errors import BadInput
from .outline import TALK

PLAIN = 262_144
"""Bytes of a request that brings no picture."""
MAX_BODY = 2 * MAX_BYTES
"""Bytes of a conversation with its pictures in base64, the earlier ones among them."""
MAX_FORM = 2 * MAX_BYTES + PLAIN
"""Bytes of a form with a picture and a mask."""
AT_ONCE = 4
"""So many large bodies are in memory at a time, and of one key one."""
PATIENCE = 60.0
"""Seconds that a large body may take to come."""
_LARGE = (
    (re.compile(r"/v1/chat/completions"), MAX_BODY),
    (re.compile(r"/v1/images/edits"), MAX_FORM),
    (re.compile(r"/api/v1/sessions/[^/]+/(?:pictures|masks)"), MAX_BYTES),
)
_PICTURE = re.compile(rb'"data:image\\?/(?:png|jpeg|webp);base64,([^"]*+)"')


def most_bytes(path: str) -> int:
    """How many bytes a request for ``path`` may have."""
    return next((most for where, most in _LARGE if where.fullmatch(path)), PLAIN)


class Room:
    """The room for large bodies of a server."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(AT_ONCE)
        self._own: WeakValueDictionary[str | None, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def for_one(self, key: str | None) -> AsyncIterator[None]:
        """Wait for room for one of a key, and hold it in the block."""
        own = self._own.get(key) or self._own.setdefault(key, asyncio.Lock())
        async with own, self._all:
            yield


async def read(request: Request) -> bytearray:
    """The body of a request. Raises 408 for one that does not come."""
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                body += chunk
    except TimeoutError:
        raise HTTPException(408, f"The request did not come within {PATIENCE:g} s.") from None
    return body


class Pictures:
    """The pictures of a body, by the marks that stand for them in what is left of it."""

    def __init__(self, body: bytearray) -> None:
        self._body = body
        self._sign = f"picture-{secrets.token_hex(8)}-"
        self._found: list[tuple[int, int]] = []

    def outline(self) -> bytes:
        """The body, in JSON, without its pictures. Raises 413 where too much is left."""
        body, parts, at, kept = self._body, [], 0, 0
        while kept <= TALK:
            opening = body.find(b'"', at, at + TALK + 2)
            if opening < 0:
                parts.append(bytes(body[at : at + TALK + 2]))
                kept += len(parts[-1])
                break
            picture = _PICTURE.match(body, opening)
            if picture is None:
                end = _closing(body, opening)
                parts.append(bytes(body[at:end]))
            else:
                end = picture.end()
                mark = f'"{self._sign}{len(self._found)}"'.encode()
                parts.append(bytes(body[at:opening]) + mark)
                self._found.append(picture.span(1))
            at = end
            kept += len(parts[-1])
        if kept > TALK:
            raise HTTPException(
                413, f"A conversation may have {TALK:,} bytes beside its pictures (PNG, JPEG or"
                " WebP in base64).",
            )  # fmt: skip
        return b"".join(parts)

    def decoded(self, url: object) -> bytes:
        """The picture that a text stands for. Raises `BadInput` where it stands for none."""
        number = url.removeprefix(self._sign) if isinstance(url, str) else ""
        if number == url or not number.isdecimal() or int(number) >= len(self._found):
            raise BadInput("A picture is sent as data:image/png;base64,… and by no other address.")
        start, end = self._found[int(number)]
        coded: bytes | memoryview = memoryview(self._body)[start:end]
        if self._body.find(b"\\", start, end) >= 0:  # some write a slash as \/
            coded = bytes(coded).replace(b"\\/", b"/")
        try:
            return binascii.a2b_base64(coded, strict_mode=True)
        except ValueError as error:
            raise BadInput(f"The picture is not well-formed base64: {error}.") from None


def _closing(body: bytearray, opening: int) -> int:
    """Where the text ends that begins at a quotation mark, or as much of it as is too much."""
    at = opening + 1
    while (at := body.find(b'"', at, opening + TALK + 2)) >= 0:
        before = at
        while body[before - 1] == ord("\\"):
            before -= 1
        at += 1
        if (at - 1 - before) % 2 == 0:
            return at
    return min(len(body), opening + TALK + 2)


class Talk(Request):
    """A request with a conversation: its body is what is left of it without its ``pictures``."""

    pictures: Pictures | None = None
    _outline: bytes | None = None
    _held: AsyncExitStack | None = None

    async def body(self) -> bytes:
        """The outline of what came. Room is held for the rest until `let_go`."""
        if self._outline is None:
            self._held = AsyncExitStack()
            told = self.headers.get("content-length", "")
            if not told.isdecimal() or int(told) > PLAIN:
                room: Room = self.app.state.room
                await self._held.enter_async_context(room.for_one(self.state.guest.id))
            self.pictures = Pictures(await read(self))
            self._outline = await run_in_threadpool(self.pictures.outline)
        return self._outline

    async def json(self) -> Any:
        """What the outline says."""
        return await run_in_threadpool(json.loads, await self.body())

    async def let_go(self) -> None:
        """Nothing more is wanted of the pictures."""
        self.pictures = None
        if self._held is not None:
            await self._held.aclose()


class TalkRoute(APIRoute):
    """A route whose request is a `Talk`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        answer = super().get_route_handler()

        async def answered(request: Request) -> Response:
            talk = Talk(request.scope, request.receive)
            try:
                return await answer(talk)
            finally:
                await talk.let_go()

        return answered
