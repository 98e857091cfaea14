"""The server that is killed, and the painter behind it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from PIL import Image

from danqing.agent.canonical import digest
from danqing.agent.store import digest_of
from danqing.agent.studio import Studio
from danqing.server.desk import Desk
from danqing.tools.engine import Result

from .. import nursery
from ..nursery import forked
from ..serve.stub import StubEngine
from ..server import listening

AT_ONCE = 2
"""Turns that the server carries out at a time."""


class Logged(StubEngine):
    """The stub, which writes a line to ``log`` as each call begins."""

    def __init__(self, folder: Path, log: Path) -> None:
        super().__init__(folder)
        self._log = log

    def call(
        self, tool: str, arguments: Mapping[str, Any],
        images: Mapping[str, Image.Image] | None = None, **how: Any,
    ) -> Result:  # fmt: skip
        given = {name: digest_of(image) for name, image in (images or {}).items()}
        with self._log.open("a") as log:
            log.write(f"{tool} {digest([tool, dict(arguments), given])}\n")
        return super().call(tool, arguments, images, **how)


def serve(home: Path, port: int) -> None:
    """Serve a home until the process is killed."""
    with Studio(home) as studio:
        studio.engine = Logged(home.parent / "models", home.parent / "calls")
        with listening(Desk(studio, at_once=AT_ONCE), port):
            threading.Event().wait()


def nurse() -> None:
    """For each line "PORT HOME" on stdin fork a process that serves so, and say its id; for each
    empty line wait for the one before. A turn of its own first, so that all is imported."""
    pid = 0
    with tempfile.TemporaryDirectory() as folder, Studio(Path(folder) / "home") as studio:
        studio.engine = Logged(Path(folder) / "models", Path(folder) / "calls")
        studio.ask("a red house")
    for line in iter(sys.stdin.readline, ""):
        if line == "\n":
            print(os.waitpid(pid, 0)[1], flush=True)
            continue
        port, home = line.rstrip("\n").split(maxsplit=1)
        pid = forked(partial(serve, Path(home), int(port)))
        print(pid, flush=True)


class Nursery(nursery.Nursery):
    """Servers with the stub, each forked from a process that has everything imported."""

    def __init__(self, home: Path, port: int) -> None:
        super().__init__((sys.executable, "-m", "benchmarks.kills", "--nurse"))
        self._line, self._pid, self._one = f"{port} {home}\n", 0, threading.Lock()

    def start(self) -> None:
        """Let a server begin to live."""
        with self._one:
            self._pid = self._say(self._line)

    def kill(self) -> None:
        """End it at once, with its process group; returns when it is gone."""
        with self._one:
            if self._pid:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._pid, signal.SIGKILL)
                self._say("\n")
            self._pid = 0

    def _say(self, line: str) -> int:
        self._lines.write(line)
        return int(self._said.readline())


class Command:
    """Servers with the built-in painter, as ``danqing serve`` starts them."""

    def __init__(self, home: Path, port: int) -> None:
        self._command = [sys.executable, "-m", "danqing", "serve", "--port", str(port)]
        self._env = {**os.environ, "PYTHONPATH": nursery.PATH, "DANQING_HOME": str(home)}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self.kill()

    def start(self) -> None:
        """Let a server begin to live."""
        self._process = subprocess.Popen(
            self._command, env=self._env, start_new_session=True, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        """End it at once, with its process group, which its worker is not in."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


Painter = Literal["stub", "built-in"]


def servers(painter: Painter, home: Path, port: int) -> Nursery | Command:
    """What starts and kills servers of a home on a port."""
    return Nursery(home, port) if painter == "stub" else Command(home, port)
