"""Danqing's own server, listening in this process, for whoever attacks or measures it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from danqing.agent.home import Home
from danqing.agent.ledger import Ledger
from danqing.server.app import Door, create_app
from danqing.server.desk import Desk
from danqing.server.listening import Server


@contextmanager
def listening(desk: Desk, port: int = 0) -> Iterator[str]:
    """Serve a desk from a thread of its own, at a free port unless one is named; the URL."""
    app = create_app(desk, Door(desk.studio.ledger))
    config = uvicorn.Config(app, port=port, log_level="error", access_log=False, lifespan="on")
    server = Server(config, desk)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        if not thread.is_alive():
            raise RuntimeError(f"the server did not begin, at port {port}")
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def new_keys(home: Path, *names: str) -> list[str]:
    """Keys to a home, by their names."""
    with Ledger(Home.open(home)) as ledger:
        return [ledger.keys.make(name)[1] for name in names]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
