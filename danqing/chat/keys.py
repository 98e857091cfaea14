"""One key while work goes on: it is heard at once, and nothing that is typed is echoed."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

ENTER = (b"\n", b"\r")


class Keys:
    """Calls ``on_enter`` whenever Enter is pressed in the terminal ``descriptor``.

    A context manager; signals from the keyboard stay what they are. What else is typed meanwhile is
    dropped.
    """

    def __init__(self, descriptor: int, on_enter: Callable[[], None]) -> None:
        self._descriptor, self._on_enter = descriptor, on_enter
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        at: TracebackType | None,
    ) -> None:  # fmt: skip
        self.stop()

    def start(self) -> None:
        """Begin to listen."""
        import termios
        import tty

        self._before = termios.tcgetattr(self._descriptor)
        tty.setcbreak(self._descriptor, termios.TCSADRAIN)
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave the keyboard as it was, to whoever reads it next."""
        if self._thread is None:
            return
        os.write(self._woken, b".")
        self._thread.join()
        self._thread = None
        os.close(self._wake)
        os.close(self._woken)
        self.restore()

    def restore(self) -> None:
        """Give the terminal its settings back, even in a signal's handler."""
        import termios

        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def _listen(self) -> None:
        while True:
            ready, _, _ = select.select([self._descriptor, self._wake], [], [])
            if self._wake in ready:
                return
            pressed = os.read(self._descriptor, 1024)
            if not pressed:  # the terminal is gone
                return
            if any(key in pressed for key in ENTER):
                self._on_enter()
