"""A person at a terminal, as far as tests need one: types, and reads what is shown."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from commandline import CHILD, REPOSITORY

CODES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[=>]|\r")
SIZE = (44, 100)


class Terminal:
    """Runs a command of its own in a pseudo-terminal of 100 by 44 characters.

    ``toys`` is a catalogue of toy models to use in place of the built-in ones.
    """

    def __init__(self, *arguments: str, toys: Path | None = None) -> None:
        program = ["-m", "danqing"] if toys is None else ["-c", CHILD.format(path=str(toys))]
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        path = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
        mine = {"TERM": "xterm-256color", "COLORTERM": "truecolor",
                "LC_ALL": "C.UTF-8", "PYTHONPATH": path}  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | mine,
            start_new_session=True, preexec_fn=_own_terminal,
        )  # fmt: skip
        os.close(theirs)
        self._shown = bytearray()
        self._mark = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        at: TracebackType | None,
    ) -> None:  # fmt: skip
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._ours)

    def type(self, keys: str) -> None:
        """Press keys; from now on `see` looks at what is shown after them."""
        self._mark = len(self._shown)
        os.write(self._ours, keys.encode())

    @property
    def text(self) -> str:
        """What was shown since the last keys, without colors and movements."""
        return CODES.sub("", bytes(self._shown[self._mark :]).decode("utf-8", "replace"))

    def see(self, *words: str, seconds: float = 120) -> str:
        """Wait until all ``words`` were shown since the last keys; returns what was."""
        until = time.monotonic() + seconds
        while not all(word in self.text for word in words):
            over = self.process.poll() is not None or time.monotonic() > until
            assert not over or all(word in self.text for word in words), self.text[-4000:]
            time.sleep(0.02)
        return self.text

    def leave(self, seconds: float = 30) -> int:
        """Wait for the end of the process; returns its exit code."""
        code = self.process.wait(seconds)
        self._reader.join()
        return code

    def echoes(self) -> bool:
        """Whether the terminal shows what is typed, as it does while no program has taken over."""
        return bool(termios.tcgetattr(self._ours)[3] & termios.ECHO)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # Linux's way to say that the other side is closed
            while data := os.read(self._ours, 65536):
                self._shown += data
                if b"\x1b[6n" in data:  # where is the cursor? At the top: there is room below
                    os.write(self._ours, b"\x1b[1;1R")


def _own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
