"""How often a key may ask: a bucket of requests for each, which fills as time goes by. And what
its limits are, as a desk asks for them each time that somebody's turn comes."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from ..agent.keys import Keys, Limits
from ..tools.errors import Stopped

LOOKING = 1 / 20
"""What a request that only looks counts as, or one that ends something."""
KEPT_BUCKETS = 10_000
FRESH = 2.0
"""Seconds for which the limits of a key are known."""


class TooOften(Stopped):
    """A key asks more often than it may. ``wait`` are the seconds until it may again."""

    def __init__(self, message: str, *, wait: float, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.wait = wait


@dataclass(frozen=True)
class Pace:
    """How many requests a key may make a minute, and how many at once now."""

    most: int
    left: int


class Buckets:
    """The buckets of all keys; a full one holds what may be asked in a minute. Threads may share
    them, and a process begins with full ones."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, limits: Limits, worth: float = 1.0) -> Pace | None:
        """Take a request out of a key's bucket; None where it has no limit. Raises `TooOften` where
        there is too little in it."""
        most = limits.a_minute
        if most is None:
            return None
        full, now = max(1.0, most), time.monotonic()
        with self._lock:
            then, left = self._buckets.pop(key, (now, full))
            left = min(full, left + (now - then) * most / 60)
            enough = left >= worth
            self._buckets[key] = now, left - worth if enough else left
            while len(self._buckets) > KEPT_BUCKETS:
                self._buckets.popitem(last=False)
        if enough:
            return Pace(math.floor(most), math.floor(left - worth))
        wait = (worth - left) * 60 / most
        raise TooOften(
            f"This key may make {most:g} requests a minute, and has made them.", wait=wait,
            hint=f"Try again in {math.ceil(wait)} s.",
        )  # fmt: skip


class Known:
    """The limits of keys, as they were a moment ago."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._known: dict[str, tuple[float, Limits]] = {}

    def of(self, key: str | None) -> Limits:
        """The limits of the key with an id; None is the home's own, which has none."""
        if key is None:
            return Limits()
        now = time.monotonic()
        then, limits = self._known.get(key, (0.0, Limits()))
        if not then or now - then > FRESH:
            limits = self._keys.limits(key)
            self._known[key] = now, limits
        return limits
