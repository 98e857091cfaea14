"""What all routes share: who may come in, how much they may bring, and how errors leave."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path
from starlette.types import Message, Receive, Scope, Send

from ..agent.canonical import scrub
from ..agent.quota import StorageFull, UsedUp
from ..tools.errors import BadInput, DanqingError, Stopped, ToolError
from . import faults
from .bodies import Room, most_bytes
from .desk import Desk, Full, Occupied
from .guests import NOTICED, ShutOut
from .guests import Door as Door
from .guests import Guest as Guest
from .listening import LOOPBACK, is_from
from .listening import hosts_for as hosts_for
from .quota import TooOften

OPEN = 1000
"""So many requests of one key are answered at a time, streams of events among them."""
BODY_SECONDS = 120.0
"""How long a body may take to come."""
KEYED = ("/api/", "/v1/")
"""Where nothing begins without a key; of a request without one the body is not read."""
HEADERS = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))


class Problem(BaseModel):
    """What is wrong, in words."""

    message: str
    type: str
    code: str | None
    param: str | None


class Refusal(BaseModel):
    """A request that was not carried out."""

    error: Problem


REFUSALS: dict[int | str, dict[str, Any]] = {
    "413": {"model": Refusal, "description":
            "The request is too large; or, with the code storage_full, the key's sessions hold as"
            " many megabytes of pictures as they may, and some have to be deleted first."},
    "429": {"model": Refusal, "description":
            "Too many requests in a minute or waiting (rate_limit_exceeded), or what the key may"
            " use in 24 hours is used (insufficient_quota); Retry-After tells in how many seconds"
            " to try again."},
    "4XX": {"model": Refusal}, "503": {"model": Refusal},
}  # fmt: skip
_log = logging.getLogger(__name__)


class NotThere(BadInput):
    """What was named is not there, or not for whoever asks."""


def create_app(desk: Desk, door: Door, hosts: tuple[str, ...] = LOOPBACK) -> FastAPI:
    """The server of a desk, for those that ask for one of ``hosts``."""
    from importlib.metadata import version

    from . import brought, native, openai, pages

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        desk.start()
        watching = asyncio.create_task(_watch(desk, door))
        yield
        watching.cancel()
        desk.close()

    app = FastAPI(
        title="Danqing", version=version("danqing"), lifespan=living, docs_url=None, redoc_url=None,
        description="A studio you talk to: pictures made, looked at, repaired and accounted for.",
    )  # fmt: skip
    desk.studio.previews = True
    app.state.desk, app.state.door, app.state.room = desk, door, Room()
    key = [Depends(HTTPBearer(auto_error=False)), Depends(guest_of)]  # the first is told, only
    for router in (native.router, brought.router):
        app.include_router(router, prefix="/api/v1", dependencies=key, responses=REFUSALS)
    app.include_router(openai.router, prefix="/v1", dependencies=key, responses=REFUSALS)
    app.include_router(openai.talk, prefix="/v1", dependencies=key, responses=REFUSALS)
    app.include_router(openai.files, responses=REFUSALS)
    app.include_router(pages.router)
    app.add_middleware(_Limited, door=door, hosts=hosts)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    app.add_exception_handler(DanqingError, _refuse)
    app.add_exception_handler(StarletteHTTPException, _refuse_http)
    app.add_exception_handler(RequestValidationError, _refuse_fields)
    app.add_exception_handler(ClientDisconnect, _gone)
    return app


async def _watch(desk: Desk, door: Door) -> None:
    """Let those go whose key opens nothing any more, be it that another process revoked it."""
    while True:
        await asyncio.sleep(NOTICED)
        with contextlib.suppress(Stopped):  # the ledger may be busy for a moment
            await run_in_threadpool(desk.dismiss, door.opens)


class _Limited:
    """Bodies of a certain size, of those who have a key, safe headers, and errors that nobody
    foresaw."""

    def __init__(self, app: Any, door: Door, hosts: tuple[str, ...]) -> None:
        self._app, self._door, self._hosts = app, door, hosts
        self._open: Counter[str | None] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        came, most = 0, most_bytes(scope["path"])
        pace: list[tuple[bytes, bytes]] = []
        begun = whole = False
        until = time.monotonic() + BODY_SECONDS

        async def limited() -> Message:
            nonlocal came, whole
            if whole:  # what comes now is that somebody leaves
                return await receive()
            try:
                async with asyncio.timeout(until - time.monotonic()):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(
                    408, f"The body did not come within {BODY_SECONDS:g} seconds."
                ) from None
            whole = not message.get("more_body")
            came += len(message.get("body", b""))
            if came > most:
                raise HTTPException(413, f"A request here may have {most:,} bytes.")
            return message

        async def marked(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                told = [*message.get("headers", ()), *HEADERS, *pace]
                if all(name != b"cache-control" for name, _ in told):
                    told.append((b"cache-control", b"no-store"))
                message["headers"] = told
            await send(message)

        told = dict(scope["headers"]).get(b"content-length", b"0")
        if told.isdigit() and int(told) > most:
            refusal = _error(413, f"A request here may have {most:,} bytes, not {int(told):,}.")
            await refusal(scope, receive, marked)
            return
        key = None
        if scope["path"].startswith(KEYED):
            request = Request(scope)
            try:
                origin = request.headers.get("origin")
                if origin is not None and not is_from(origin, self._hosts):
                    raise HTTPException(403, f"A page of {origin} may not ask here.")
                guest, left = await run_in_threadpool(self._door.admit, request)
                if guest.id is not None and self._open[guest.id] >= OPEN:
                    raise Full(f"This key has {OPEN} requests open.", hint="End some of them.")
            except (StarletteHTTPException, DanqingError) as error:
                refuse = _refuse if isinstance(error, DanqingError) else _refuse_http
                await (await refuse(request, error))(scope, receive, marked)
                return
            request.state.guest, key = guest, guest.id
            if left is not None:
                pace += [
                    (b"x-ratelimit-limit-requests", b"%d" % left.most),
                    (b"x-ratelimit-remaining-requests", b"%d" % left.left),
                ]
        self._open[key] += 1
        try:
            await self._app(scope, limited, marked)
        except Exception as error:  # noqa: BLE001, whatever it is, its words are for nobody
            number = faults.tell(_log, f"{scope['method']} {_place(scope)}", error)
            if begun:
                raise Broken(number) from None
            told = f"Something went wrong in the studio; the log has it as fault {number}."
            await _error(500, told, code=number)(scope, receive, marked)
        finally:
            self._open[key] -= 1
            self._open += Counter()  # which drops those that have none


class Broken(Exception):
    """An answer that cannot be brought to its end; the log has why, under this number."""


def _place(scope: Scope) -> str:
    """What was asked for, without what it was asked with."""
    return str(getattr(scope.get("route"), "path", "a path that is none"))


def _error(status: int, message: str, kind: str = "", code: str | None = None) -> JSONResponse:
    """An error as OpenAI's clients read it, and ours."""
    kind = kind or ("server_error" if status >= 500 else "invalid_request_error")
    told = {"message": scrub(message), "type": kind, "code": code, "param": None}
    return JSONResponse({"error": told}, status)


async def _gone(_: Request, error: Exception) -> JSONResponse:
    """Of who left in the middle of a body nobody is told, and the log neither."""
    return _error(400, "The request was not whole.")


async def _refuse(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DanqingError)
    status = next(
        status
        for kind, status in (
            (NotThere, 404), (Occupied, 409), (Full, 429), (TooOften, 429), (UsedUp, 429),
            (StorageFull, 413), (ShutOut, 401), (BadInput, 400), (ToolError, 400), (Stopped, 503),
            (DanqingError, 500),
        )
        if isinstance(error, kind)
    )  # fmt: skip
    response = _error(status, str(error), *_as_openai(error))
    if status in (429, 503):
        response.headers["Retry-After"] = str(math.ceil(getattr(error, "wait", 5)))
    if isinstance(error, UsedUp):  # their clients would else try again at once
        response.headers["x-should-retry"] = "false"
    return response


def _as_openai(error: DanqingError) -> tuple[str, str | None]:
    """What OpenAI calls the type and the code of such an error."""
    match error:
        case UsedUp():
            return "insufficient_quota", "insufficient_quota"
        case Full() | TooOften():
            return "requests", "rate_limit_exceeded"
        case StorageFull():
            return "", "storage_full"
    return "", None


async def _refuse_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)
    response = _error(error.status_code, str(error.detail))
    response.headers.update(error.headers or {})
    if error.status_code == 405 and (ways := _ways(request)):
        response.headers["Allow"] = ", ".join(ways)
    return response


def _ways(request: Request) -> list[str]:
    """The methods that a path takes, of all its routes: each of those alone knows only its own."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    found = (ways for path, ways in paths.items() if compile_path(path)[0].match(request.url.path))
    return sorted({way.upper() for ways in found for way in ways})


async def _refuse_fields(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    said = [f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors()]
    return _error(422, "; ".join(said))


async def desk_of(request: Request) -> Desk:
    """The desk that a request came to."""
    desk: Desk = request.app.state.desk
    return desk


async def door_of(request: Request) -> Door:
    """The door that a request came by."""
    door: Door = request.app.state.door
    return door


async def guest_of(request: Request) -> Guest:
    """Who asks, as the door let them in."""
    guest: Guest = request.state.guest
    return guest


def check_session(desk: Desk, session: str, guest: Guest) -> None:
    """Raise `NotThere` where there is no such session, or it is another's."""
    try:
        owner = desk.studio.ledger.owner(session)
    except BadInput as error:
        raise NotThere(str(error.args[0])) from None
    if owner != guest.id:
        raise NotThere(f"There is no session {session!r}.")


def raise_file_limit() -> None:
    """As many open files as the system allows: each turn that waits holds a lock on one."""
    if os.name == "posix":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
