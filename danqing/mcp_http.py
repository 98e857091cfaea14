"""The MCP server for whoever comes by HTTP: with a key, to the sessions of that key."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import anyio
import anyio.to_thread
import uvicorn
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.lowlevel.server import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .mcp_server import MOST_BYTES, Clients
from .server.guests import NOTICED, Door, Guest
from .server.listening import IDLE, url_host
from .server.outline import TALK, crowded
from .server.quota import TooOften
from .tools.errors import Stopped

PATIENCE = 5
"""Seconds that connections have to end once the server is to."""
PATIENCE_FOR_BODIES = 60
"""Seconds that a request's body may take to come."""


async def over_http(
    server: Server[Any], clients: Clients, door: Door, listening: socket.socket,
    names: Sequence[str] = (),
) -> None:  # fmt: skip
    """Serve streamable HTTP at /mcp of a socket to whoever the door lets in, until a signal comes
    or it is cancelled.

    Only requests that were made to a name of this machine, or one of ``names``, are answered, and
    of web pages only those that came from there, so that no page elsewhere reaches the studio
    through a browser.
    """
    host, port = listening.getsockname()[:2]
    local = {"127.0.0.1", "localhost", "[::1]", url_host(host), *names}
    here = [f"{name}:{port}" for name in local] + [*names]
    security = TransportSecuritySettings(
        allowed_hosts=here,
        allowed_origins=[f"{way}://{name}" for name in here for way in ("http", "https")],
    )
    app = server.streamable_http_app(transport_security=security, max_request_body_size=MOST_BYTES)
    keyed = _Keyed(app, door)
    config = uvicorn.Config(
        keyed, log_level="warning", log_config=None, access_log=False,
        timeout_graceful_shutdown=PATIENCE, timeout_keep_alive=IDLE,
    )  # fmt: skip
    watching = asyncio.create_task(_watch(keyed, clients, door))  # a group would wrap Ctrl-C
    serving = uvicorn.Server(config)
    try:
        await serving.serve(sockets=[listening])
    except asyncio.CancelledError:
        await serving.shutdown([listening])
        raise
    finally:
        watching.cancel()


async def _watch(keyed: _Keyed, clients: Clients, door: Door) -> None:
    """Let those go whose key opens nothing any more, be it that another process revoked it."""
    while True:
        await anyio.sleep(NOTICED)
        for key in clients.keys | keyed.keys:
            with contextlib.suppress(Stopped):  # the ledger may be busy for a moment
                if not await anyio.to_thread.run_sync(door.opens, key):
                    clients.dismiss(key)
                    keyed.hang_up(key)


class _Keyed:
    """Lets in who has a key."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._door = app, door
        self._open: defaultdict[str | None, set[anyio.CancelScope]] = defaultdict(set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            guest, _ = await anyio.to_thread.run_sync(self._door.admit, request)
        except HTTPException as error:
            refusal = _refusal(error.status_code, error.detail, error.headers or {})
            await refusal(scope, receive, send)
            return
        except Stopped as error:
            headers = {"Retry-After": str(math.ceil(getattr(error, "wait", 5)))}
            status = 429 if isinstance(error, TooOften) else 503
            await _refusal(status, str(error), headers)(scope, receive, send)
            return
        request.state.guest = guest
        scope["user"] = _user(guest)
        begun = ended = False

        async def seen(message: Message) -> None:
            nonlocal begun, ended
            begun = begun or message["type"] == "http.response.start"
            ended = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        with anyio.CancelScope() as hung_up:
            self._open[guest.id].add(hung_up)
            try:
                body = await _body(receive)
                if body is None or crowded(body):
                    told = f"A message may have {TALK:,} bytes beside its picture."
                    await _refusal(413, told, {})(scope, receive, seen)
                else:
                    await self._app(scope, _again(body, receive), seen)
            finally:
                self._open[guest.id].discard(hung_up)
        if hung_up.cancelled_caught and not begun:
            await _refusal(401, "The key opens nothing any more.", {})(scope, receive, send)
        elif hung_up.cancelled_caught and not ended:
            await send({"type": "http.response.body", "body": b""})

    @property
    def keys(self) -> set[str]:
        """The ids of the keys that something was asked with."""
        return {key for key in self._open if key is not None}

    def hang_up(self, key: str) -> None:
        """End what is open to a key."""
        for one in self._open.pop(key, ()):
            one.cancel()


async def _body(receive: Receive) -> bytes | None:
    """All of a request's body; None where that is too large, or does not come."""
    body = bytearray()
    with anyio.move_on_after(PATIENCE_FOR_BODIES):
        while len(body) <= MOST_BYTES:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                return bytes(body)
    return None


def _again(body: bytes, receive: Receive) -> Receive:
    """What gives a body that was read, and then what comes after it."""
    given = False

    async def once_more() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more


def _user(guest: Guest) -> AuthenticatedUser:
    """A guest as the SDK knows one, so that a connection of theirs is no other's."""
    return AuthenticatedUser(AccessToken(token="", client_id=guest.id or "home", scopes=[]))


def _refusal(status: int, message: str, headers: Any) -> JSONResponse:
    error = {"code": -32600, "message": message}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status, headers)
