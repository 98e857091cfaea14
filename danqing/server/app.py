"""What all routes share: who may come in, how much they may bring, and how errors leave."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
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

from ..agent import durable
from ..agent.canonical import scrub
from ..agent.ledger import Ledger
from ..agent.store import MAX_BYTES
from ..tools.errors import BadInput, DanqingError, Stopped, ToolError
from .desk import Desk, Full, Occupied
from .listening import url_host

LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")
MAX_BODY = 2 * MAX_BYTES
"""Bytes of a request: a picture in base64, with room around it."""
BODY_SECONDS = 120.0
"""How long a body may take to come."""
KEY_FILE = "server.key"
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
    "4XX": {"model": Refusal}, "503": {"model": Refusal},
}  # fmt: skip


class NotThere(BadInput):
    """What was named is not there, or not for whoever asks."""


@dataclass(frozen=True)
class Guest:
    """Who asks: ``id`` is that of a key, or None for whoever has the home's own; ``draws`` tells
    whether they may do more than look."""

    id: str | None
    draws: bool


class Door:
    """Lets in who has a key: one of those of a home, or where none opens when the server starts,
    the one that is made for whoever can read the home's files."""

    def __init__(self, ledger: Ledger) -> None:
        path = ledger.home.root / KEY_FILE
        if not path.exists():
            durable.write_file(path, f"dq-{secrets.token_urlsafe(32)}\n".encode())
        self._own = path.read_text("ascii", "replace").strip()
        if not self._own:
            raise BadInput(f"There is no key in {path}.", hint="Remove the file to have one made.")
        self._keys = ledger.keys
        self.key = None if self._keys.any() else self._own
        """The home's own key, where it opens."""

    def guest(self, request: Request) -> Guest:
        """Whose key a request carries. Raises 401 without one, and 403 for one that only looks."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        guest = self._known(given.strip()) if scheme.lower() == "bearer" else None
        if guest is None:
            raise HTTPException(
                401, "The key is missing or wrong: send it as Authorization: Bearer KEY.",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        if not guest.draws and request.method not in ("GET", "HEAD"):
            raise HTTPException(403, "This key is for looking only.")
        return guest

    def _known(self, text: str) -> Guest | None:
        if self.key is not None and hmac.compare_digest(text.encode(), self.key.encode()):
            return Guest(None, draws=True)
        found = self._keys.find(text)
        return None if found is None else Guest(found.id, draws=found.scope == "draw")

    def signature(self, path: str) -> str:
        """What lets anybody who has it read what is at ``path``."""
        return hmac.new(self._own.encode(), path.encode(), hashlib.sha256).hexdigest()[:32]


def create_app(desk: Desk, door: Door, hosts: tuple[str, ...] = LOOPBACK) -> FastAPI:
    """The server of a desk, for those that ask for one of ``hosts``."""
    from importlib.metadata import version

    from . import native, openai, pages

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        desk.start()
        yield
        desk.close()

    app = FastAPI(
        title="Danqing", version=version("danqing"), lifespan=living, docs_url=None, redoc_url=None,
        description="A studio you talk to: pictures made, looked at, repaired and accounted for.",
    )  # fmt: skip
    desk.studio.previews = True
    app.state.desk, app.state.door = desk, door
    key = [Depends(HTTPBearer(auto_error=False)), Depends(guest_of)]  # the first is told, only
    app.include_router(native.router, prefix="/api/v1", dependencies=key, responses=REFUSALS)
    app.include_router(openai.router, prefix="/v1", dependencies=key, responses=REFUSALS)
    app.include_router(openai.files, responses=REFUSALS)
    app.include_router(pages.router)
    app.add_middleware(_Limited, door=door)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    app.add_exception_handler(DanqingError, _refuse)
    app.add_exception_handler(StarletteHTTPException, _refuse_http)
    app.add_exception_handler(RequestValidationError, _refuse_fields)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _fail)
    return app


class _Limited:
    """Bodies of a certain size, of those who have a key, and safe headers."""

    def __init__(self, app: Any, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        came, whole = 0, False
        until = time.monotonic() + BODY_SECONDS

        async def limited() -> Message:
            nonlocal came, whole
            if whole:  # what comes now is that somebody leaves
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), until - time.monotonic())
            except TimeoutError:
                raise HTTPException(
                    408, f"The body did not come within {BODY_SECONDS:g} seconds."
                ) from None
            whole = not message.get("more_body")
            came += len(message.get("body", b""))
            if came > MAX_BODY:
                raise HTTPException(413, f"A request may have {MAX_BODY:,} bytes.")
            return message

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = [*message.get("headers", ()), *HEADERS]
                if all(name != b"cache-control" for name, _ in told):
                    told.append((b"cache-control", b"no-store"))
                message["headers"] = told
            await send(message)

        told = dict(scope["headers"]).get(b"content-length", b"0")
        if told.isdigit() and int(told) > MAX_BODY:
            refusal = _error(413, f"A request may have {MAX_BODY:,} bytes, not {int(told):,}.")
            await refusal(scope, receive, marked)
            return
        if scope["path"].startswith(KEYED):
            try:
                await run_in_threadpool(self._door.guest, Request(scope))
            except HTTPException as error:
                await (await _refuse_http(Request(scope), error))(scope, receive, marked)
                return
        await self._app(scope, limited, marked)


def _error(status: int, message: str, kind: str = "", **more: Any) -> JSONResponse:
    """An error as OpenAI's clients read it, and ours."""
    kind = kind or ("server_error" if status >= 500 else "invalid_request_error")
    told = {"message": scrub(message), "type": kind, "code": None, "param": None, **more}
    return JSONResponse({"error": told}, status)


async def _fail(_: Request, error: Exception) -> JSONResponse:
    """Of what nobody foresaw, only the log tells more."""
    response = _error(500, "Something went wrong in the studio.")
    response.headers.update({name.decode(): value.decode() for name, value in HEADERS})
    return response


async def _gone(_: Request, error: Exception) -> JSONResponse:
    """Of who left in the middle of a body nobody is told, and the log neither."""
    return _error(400, "The request was not whole.")


async def _refuse(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DanqingError)
    status = next(
        status
        for kind, status in (
            (NotThere, 404), (Occupied, 409), (Full, 429), (BadInput, 400), (ToolError, 400),
            (Stopped, 503), (DanqingError, 500),
        )
        if isinstance(error, kind)
    )  # fmt: skip
    response = _error(status, str(error))
    if status in (429, 503):
        response.headers["Retry-After"] = "5"
    return response


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


def desk_of(request: Request) -> Desk:
    """The desk that a request came to."""
    desk: Desk = request.app.state.desk
    return desk


def door_of(request: Request) -> Door:
    """The door that a request came by."""
    door: Door = request.app.state.door
    return door


def guest_of(request: Request) -> Guest:
    """Who asks."""
    return door_of(request).guest(request)


def check_session(desk: Desk, session: str, guest: Guest) -> None:
    """Raise `NotThere` where there is no such session, or it is another's."""
    try:
        owner = desk.studio.ledger.owner(session)
    except BadInput as error:
        raise NotThere(str(error.args[0])) from None
    if owner != guest.id:
        raise NotThere(f"There is no session {session!r}.")


def hosts_for(host: str, names: tuple[str, ...], *, open_to_all: bool) -> tuple[str, ...]:
    """By which names a server on ``host`` may be asked for: no other page in a browser may have its
    own name lead here. Raises `BadInput` for what is open to others without keys, or has no name
    for them."""
    for name in names:
        if "*" in name.removeprefix("*."):
            raise BadInput(f"--name {name} is no name of one machine, nor *. and a domain.")
    if not host:
        raise BadInput("--host needs an address.")
    if host in LOOPBACK:
        return (*LOOPBACK, *names)
    if open_to_all:
        raise BadInput(
            f"Only this machine is served without keys, so --host {host} is refused.",
            hint="Make one for each who may come: danqing keys add NAME.",
        )
    if host in ("0.0.0.0", "::") and not names:
        raise BadInput(
            f"--host {host} is every address of this machine, and none is a name to ask for.",
            hint="Add --name HOST, as others will write it.",
        )
    return (*LOOPBACK, url_host(host), *names)


def raise_file_limit() -> None:
    """As many open files as the system allows: each turn that waits holds a lock on one."""
    if os.name == "posix":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
