"""A server that ends soon when it is told to, whoever is still there."""

from __future__ import annotations

import asyncio
import socket

import uvicorn

from .desk import Desk

PATIENCE = 10
"""Seconds that those who are still there have to take their last answer."""


def url_host(host: str) -> str:
    """An address as it stands in a URL: that of the sixth version in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


class Server(uvicorn.Server):
    """Uvicorn's server, which closes its desk before it waits for connections to end: streams end
    with the desk, and would else last as long as the turns that they tell of."""

    def __init__(self, config: uvicorn.Config, desk: Desk) -> None:
        config.timeout_graceful_shutdown = PATIENCE
        super().__init__(config)
        self._desk = desk

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let everybody go; what they asked for goes on when the next process begins."""
        await asyncio.to_thread(self._desk.close)
        await super().shutdown(sockets)
