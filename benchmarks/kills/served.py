"""The server that is killed, and the painter behind it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from PIL import Image

from danqing.agent.canonical import digest
from danqing.agent.store import digest_of
from danqing.agent.studio import Studio
from danqing.server.app import Door, create_app
from danqing.server.desk import Desk
from danqing.server.listening import Server
from danqing.tools.catalogue import Entry, Profile
from danqing.tools.engine import Engine, Progress, Result

AT_ONCE = 2
"""Turns that the server carries out at a time."""
PAUSE = 0.05
"""Seconds that the stub takes to paint, and to look."""
_SIDE = 512
_SEEN = "flat illustration. meadow, summer, day, clear. a red house."
_LOOKED = {"kind": "house", "color": "red", "confidence": 1.0, "color_confidence": 1.0,
           "box": [0.4, 0.6, 0.6, 0.8]}  # fmt: skip


class Stub(Engine):
    """Paints, after a pause, a picture of 512 pixels square that is another for each seed, and sees
    one red house in each. Writes a line to ``log`` as each call begins."""

    def __init__(self, folder: Path, log: Path, pause: float = PAUSE) -> None:
        common: dict[str, Any] = {"license": "CC0-1.0", "commercial": True, "size_mb": 1}
        loaders = {"text-to-image": "diffusers", "captioner": "image-text-to-text"}
        folder.mkdir(exist_ok=True)
        models: dict[Any, Entry] = {
            role: Entry(source=str(folder), loader=loader, memory_mb=1, **common)
            for role, loader in loaders.items()
        }
        super().__init__(Profile(name="sketchbook", summary="a stub", models=models))
        self._log, self._pause = log, pause

    def call(
        self, tool: str, arguments: Mapping[str, Any],
        images: Mapping[str, Image.Image] | None = None, **how: Any,
    ) -> Result:  # fmt: skip
        given = {name: digest_of(image) for name, image in (images or {}).items()}
        with self._log.open("a") as log:
            log.write(f"{tool} {digest([tool, dict(arguments), given])}\n")
        time.sleep(self._pause)
        if tool == "text_to_image":
            if tell := how.get("on_progress"):
                tell(Progress(tool, 1, 1, "drawing", 0.0, None))
            return _result([painted(seed) for seed in arguments["seeds"]])
        if tool == "caption":
            return _result([], {"text": _SEEN, "words": []})
        if tool == "look":
            return _result([], {"things": [_LOOKED], "facts": {}, "horizon": 0.5})
        return super().call(tool, arguments, images, **how)


def painted(seed: int) -> Image.Image:
    """A picture of one seed; a file of some 100 kB."""
    slope = Image.linear_gradient("L").resize((_SIDE, _SIDE)).rotate(seed % 360)
    bands = [slope.point(lambda value, k=k: (value * (seed % (k + 7) + 1)) % 256) for k in range(3)]
    return Image.merge("RGB", bands)


def _result(images: list[Image.Image], value: dict[str, Any] | None = None) -> Result:
    return Result(images, value, PAUSE, 0.0, "stub")


def serve(home: Path, port: int) -> None:
    """Serve a home until the process is killed."""
    import uvicorn

    with Studio(home) as studio:
        studio.engine = Stub(home.parent / "models", home.parent / "calls")
        desk, door = Desk(studio, at_once=AT_ONCE), Door(studio.ledger)
        config = uvicorn.Config(create_app(desk, door), port=port, log_level="error", lifespan="on")
        Server(config, desk).run()


def nurse() -> None:
    """For each line "PORT HOME" on stdin fork a process that serves so, and say its id; for each
    empty line wait for the one before."""
    pid = 0
    for line in iter(sys.stdin.readline, ""):
        if line == "\n":
            print(json.dumps(os.waitpid(pid, 0)[1]), flush=True)
            continue
        port, home = line.rstrip("\n").split(maxsplit=1)
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                serve(Path(home), int(port))
            except BaseException:
                traceback.print_exc()
                raise
            finally:
                os._exit(1)
        print(json.dumps(pid), flush=True)


class Nursery:
    """Servers with the stub, each forked from a process that has everything imported."""

    def __init__(
        self, home: Path, port: int,
        command: Sequence[str] = (sys.executable, "-m", "benchmarks.kills", "--nurse"),
    ) -> None:  # fmt: skip
        self._line, self._pid = f"{port} {home}\n", 0
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env={**os.environ, "PYTHONPATH": _path()},
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process as process:
            process.kill()

    def start(self) -> None:
        """Let a server begin to live."""
        self._pid = self._say(self._line)

    def kill(self) -> None:
        """End it at once, with its process group; returns when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        self._say("\n")

    def _say(self, line: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line)
        return int(json.loads(self._process.stdout.readline()))


class Command:
    """Servers with the built-in painter, as ``danqing serve`` starts them."""

    def __init__(self, home: Path, port: int) -> None:
        self._command = [sys.executable, "-m", "danqing", "serve", "--port", str(port)]
        self._env = {**os.environ, "PYTHONPATH": _path(), "DANQING_HOME": str(home)}
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


def _path() -> str:
    return os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), *sys.path]))
