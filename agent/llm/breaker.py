"""What fails again and again is left alone for a while.

A circuit breaker as in Nygard, Release It! (2007): closed, then open, then half open. What a try
says counts only in the state that it began in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

FAILURES, REST = 5, 30.0
"""After so many failures in a row nobody gets through for so many seconds."""


class Resting(Exception):
    """Nobody gets through now; the message says why."""


class Breaker:
    """After `FAILURES` failures in a row it opens, for `REST` seconds; then one try gets through,
    whose end closes it or opens it anew. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures, self._rests_until, self._probed = 0, 0.0, False

    @contextmanager
    def trying(self, failure: type[Exception]) -> Iterator[None]:
        """One try: an error of the kind ``failure`` is one, no error is an answer, and another
        error, such as that of who was cancelled, is neither. Raises `Resting`."""
        probe, rested = self._let_through()
        answered: bool | None = None
        try:
            yield
            answered = True
        except failure:
            answered = False
            raise
        finally:
            with self._lock:
                self._ended(answered, probe, rested)

    @property
    def resting(self) -> bool:
        """Whether it is open."""
        return self._rests_until > time.monotonic()

    def _let_through(self) -> tuple[bool, float]:
        """Whether this try is the one that finds out, and until when it rested last."""
        with self._lock:
            if (rest := self._rests_until - time.monotonic()) > 0:
                raise Resting(f"it failed {FAILURES} times and is left alone for {rest:.0f} s")
            if self._probed:
                raise Resting(f"it failed {FAILURES} times and is left alone until it answers")
            self._probed = self._failures >= FAILURES
            return self._probed, self._rests_until

    def _ended(self, answered: bool | None, probe: bool, rested: float) -> None:
        if probe:
            self._probed = False
        if answered is None or rested != self._rests_until:  # it says nothing of how things are now
            return
        self._failures = 0 if answered else self._failures + 1
        if self._failures >= FAILURES:
            self._rests_until = time.monotonic() + REST
