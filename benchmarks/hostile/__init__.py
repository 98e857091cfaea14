"""What guests who mean no good can do to the server: garbage, others' names, hostile pictures, and
pictures that give orders."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

Chosen = TypeVar("Chosen")
SHOWN = 20
"""So many violations of a part are told in words."""


@dataclass
class Tally:
    """What one part has come to: ``n`` is what was tried, and each of ``violations`` says what
    should not have been."""

    part: str
    n: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0
    notes: dict[str, object] = field(default_factory=dict)

    def wrong(self, what: str) -> None:
        """Note a violation, once."""
        if what not in self.violations:
            self.violations.append(what)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the seconds of what is within."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - began


def spread(kinds: Sequence[Chosen], n: int, seed: int = 0) -> list[Chosen]:
    """``n`` of ``kinds``, each as often as the others or once more, in an order by chance."""
    found = [kinds[i % len(kinds)] for i in range(n)]
    random.Random(seed).shuffle(found)
    return found
