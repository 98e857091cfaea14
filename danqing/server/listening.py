"""By which names a server is asked for, and one that ends soon when it is told to, whoever is still
there."""

from __future__ import annotations

import asyncio
import gc
import socket
from urllib.parse import urlsplit

import uvicorn

from ..agent.loop import graph
from ..tools.errors import BadInput
from .desk import Desk

LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")
PATIENCE = 10
"""Seconds that those who are still there have to take their last answer."""
IDLE = 30
"""Seconds after which a connection that nobody uses is closed: later than clients let go of theirs
(httpx after 5 s), so that none asks by one that is being closed."""


def url_host(host: str) -> str:
    """An address as it stands in a URL: that of the sixth version in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


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


def is_from(origin: str, hosts: tuple[str, ...]) -> bool:
    """Whether a page that asks (``Origin``) is of a server with one of these names."""
    try:
        name = urlsplit(origin).hostname or ""
    except ValueError:  # such brackets as no address has
        return False
    return any(
        name == host.strip("[]") or (host.startswith("*.") and name.endswith(host[1:]))
        for host in hosts
    )


def settle() -> None:
    """Import what the first turn would, and keep what is there then out of every later collection
    of garbage: a whole one stopped all threads for 0.15 s, again and again.

    For a process that does nothing but serve, before it listens.
    """
    graph()
    gc.collect()
    gc.freeze()


class Server(uvicorn.Server):
    """Uvicorn's server, which closes its desk before it waits for connections to end: streams end
    with the desk, and would else last as long as the turns that they tell of."""

    def __init__(self, config: uvicorn.Config, desk: Desk) -> None:
        config.timeout_graceful_shutdown, config.timeout_keep_alive = PATIENCE, IDLE
        super().__init__(config)
        self._desk = desk

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let everybody go; what they asked for goes on when the next process begins."""
        await asyncio.to_thread(self._desk.close)
        await super().shutdown(sockets)
