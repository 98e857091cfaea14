"""Ctrl-C and SIGTERM: the first one asks the work to end, the second leaves at once."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Literal

EXIT_CODE = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _nothing() -> None:
    """What is done before leaving when nothing needs to be."""


def _ignore_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Interruption:
    """Whether the user asked the process to end.

    While `flagging`, the first signal only sets ``asked``, and the work ends at its next safe
    point; otherwise it raises `KeyboardInterrupt`. The second signal, and while `leaving` the
    first, ends the process where it stands: the ledger loses nothing by that, and the worker
    notices.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.before_leaving: Callable[[], None] = _nothing
        self._mode: Literal["raise", "flag", "leave"] = "raise"

    def install(self) -> None:
        """Handle SIGINT and SIGTERM from now on; only the main thread can.

        Call it before anything else registers with `atexit`.
        """
        for number in SIGNALS:
            signal.signal(number, self._on_signal)
        # What is registered first is called last. After that only Python's own end is left, which
        # would put the system's handlers back, and so change the exit code of work that is done.
        atexit.register(_ignore_signals)

    @contextlib.contextmanager
    def flagging(self) -> Iterator[threading.Event]:
        """The event that a signal sets inside, instead of breaking off whatever runs."""
        with self._being("flag"):
            yield self.asked

    @contextlib.contextmanager
    def raising(self) -> Iterator[None]:
        """For waits that nothing else would end, such as for a line of input."""
        with self._being("raise"):
            if self.asked.is_set():
                raise KeyboardInterrupt
            yield

    @contextlib.contextmanager
    def leaving(self) -> Iterator[None]:
        """For what an exception would not end, such as a thread that waits for input."""
        with self._being("leave"):
            yield

    @contextlib.contextmanager
    def _being(self, mode: Literal["raise", "flag", "leave"]) -> Iterator[None]:
        before, self._mode = self._mode, mode
        try:
            yield
        finally:
            self._mode = before

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.asked.is_set() or self._mode == "leave":
            self.before_leaving()
            os._exit(EXIT_CODE)
        self.asked.set()
        if self._mode == "raise":
            raise KeyboardInterrupt
