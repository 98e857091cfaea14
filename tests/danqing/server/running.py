"""A server that listens, in this process, with a scripted engine behind it."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from scripted_engine import SCENE, ScriptedEngine

from benchmarks.server import listening
from danqing.agent.studio import Studio
from danqing.server.app import Door
from danqing.server.desk import Desk


class Running:
    """A server's address, its key, and what is behind it."""

    def __init__(self, url: str, door: Door, desk: Desk, engine: ScriptedEngine) -> None:
        self.url, self.key, self.desk, self.engine = url, door.key or "", desk, engine
        self.http = self.client(self.key)

    def client(self, key: str) -> httpx.Client:
        """A client with a key."""
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20)

    def ask(self, request: str, session: str | None = None, **more: Any) -> dict[str, Any]:
        """Post a request; the turn as it stands then."""
        session = session or self.session()
        answer = self.http.post(
            f"/api/v1/sessions/{session}/turns", json={"request": request, **more}
        )
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def session(self) -> str:
        return str(self.http.post("/api/v1/sessions").json()["session"])

    def events(self, turn: int, after: int = 0) -> list[tuple[int | None, str, Any]]:
        """What the stream of a turn tells to its end: number, name, data."""
        headers = {"Last-Event-ID": str(after)} if after else {}
        with self.http.stream("GET", f"/api/v1/turns/{turn}/events", headers=headers) as stream:
            text = "".join(stream.iter_text())
        found = []
        for block in filter(None, text.split("\n\n")):
            fields = dict(line.split(": ", 1) for line in block.splitlines())
            number = int(fields["id"]) if "id" in fields else None
            found.append((number, fields["event"], json.loads(fields["data"])))
        return found


@contextmanager
def running(
    home: Path, caption: Callable[[int], str] = lambda seed: SCENE + " a red house.",
    before: Callable[[str], None] = lambda tool: None, *, port: int = 0, real: bool = False,
    **how: Any,
) -> Iterator[Running]:  # fmt: skip
    """A server with a scripted engine behind it, or with the built-in models where it is to be
    ``real``."""
    with Studio(home) as studio:
        engine = ScriptedEngine(home.parent / "models", caption)
        engine.before = before
        if not real:
            studio.engine = engine
        desk, door = Desk(studio, **how), Door(studio.ledger)
        with listening(desk, port) as url:
            served = Running(url, door, desk, engine)
            try:
                yield served
            finally:
                served.http.close()


def main() -> None:
    """Serve the home in the first argument on the port in the second; each tool takes the seconds
    in the third."""
    home, port, pause = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    with running(home, before=lambda tool: time.sleep(pause), port=port):
        print("ready", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
