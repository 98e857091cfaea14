"""The server under attack: Danqing's own, in this process or in one of its own.

    python -m benchmarks.hostile.served HOME

serves a home at a port that it prints, with a painter that takes no time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from danqing.agent.studio import Studio
from danqing.server.desk import Desk

from ..painter import Painter
from ..server import free_port, listening

PATIENCE = 300.0
"""Seconds that a server may take to begin, and a request to be answered."""


def client(url: str, key: str) -> httpx.Client:
    """Who has a key."""
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=url, headers=headers, timeout=PATIENCE)


@contextmanager
def here(
    home: Path, painter: Painter, at_once: int = 2, **how: Any
) -> Iterator[tuple[str, Studio]]:
    """Serve a home in this process; its URL, and the studio behind it."""
    with Studio(home, **how) as studio:
        studio.engine = painter
        with listening(Desk(studio, at_once=at_once)) as url:
            yield url, studio


class Process:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.process, self.url, self._log = process, url, log

    @property
    def alive(self) -> bool:
        """Whether it is still the process that it was."""
        return self.process.poll() is None

    @property
    def resident(self) -> float:
        """MiB of memory that it holds now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    @property
    def children(self) -> set[int]:
        """The processes that it has started and that run now."""
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        return {int(pid) for t in threads for pid in (t / "children").read_text().split()}

    @property
    def log(self) -> str:
        """What it has written to standard error."""
        return self._log.read_text("utf-8", "replace")


@contextmanager
def apart(home: Path, *, models: bool = False) -> Iterator[Process]:
    """Serve a home in a process of its own: with the shipped ``models`` that is `danqing serve`."""
    port, run = 0, ["benchmarks.hostile.served", str(home)]
    if models:
        port = free_port()
        run = ["danqing", "--home", str(home), "serve", "--port", str(port)]
    log = home.parent / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *run], stdout=subprocess.PIPE, stderr=errors,
            cwd=Path(__file__).parents[2], env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )  # fmt: skip
        try:
            if not models:
                assert process.stdout is not None
                port = json.loads(process.stdout.readline() or "0")
            url = f"http://127.0.0.1:{port}"
            _await(process, url, log)
            yield Process(process, url, log)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        try:
            httpx.get(f"{url}/openapi.json", timeout=PATIENCE)
        except httpx.ConnectError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server did not begin: {log.read_text()[-2000:]}")


def main() -> None:
    """Serve the home in the first argument until a signal comes."""
    home = Path(sys.argv[1])
    with here(home, Painter(home.parent / "models")) as (url, _):
        print(url.rpartition(":")[2], flush=True)
        stop = threading.Event()
        signal.signal(signal.SIGINT, lambda *_: stop.set())
        stop.wait()


if __name__ == "__main__":
    main()
