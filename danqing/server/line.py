"""The line that requests wait in: owners take turns, each in the order in which its own came."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

Owner = str | None


class Waiting(Protocol):
    """What can wait: the number of its turn, which grows, and whose it is."""

    turn: int
    owner: Owner


W = TypeVar("W", bound=Waiting)


def _turn(one: Waiting) -> int:
    return one.turn


class Line(Generic[W]):
    """Who waits, and how many of each owner are served. Next is whoever has the fewest served, and
    among those who came first. ``at_once`` tells how many of an owner may be served at a time.

    For one thread at a time.
    """

    def __init__(self, at_once: Callable[[Owner], int | None] = lambda owner: None) -> None:
        self._at_once = at_once
        self._waiting: dict[Owner, list[W]] = {}
        self._served: Counter[Owner] = Counter()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def of(self, owner: Owner) -> int:
        """How many of an owner wait."""
        return len(self._waiting.get(owner, ()))

    def put(self, one: W) -> None:
        """Let somebody wait."""
        insort(self._waiting.setdefault(one.owner, []), one, key=_turn)

    def take(self) -> W | None:
        """Whose turn it is, who is served until `served`; None where nobody's is."""
        heads = [
            (self._served[owner], line[0].turn, owner)
            for owner, line in self._waiting.items()
            if (most := self._at_once(owner)) is None or self._served[owner] < most
        ]
        if not heads:
            return None
        *_, owner = min(heads, key=lambda head: head[:2])
        one = self._waiting[owner][0]
        self.remove(one)
        self._served[owner] += 1
        return one

    def served(self, one: W) -> None:
        """Somebody who was taken is served."""
        self._served[one.owner] -= 1
        if not self._served[one.owner]:
            del self._served[one.owner]

    def remove(self, one: W) -> bool:
        """Let somebody go who waits; whether they did."""
        line = self._waiting.get(one.owner, [])
        if one not in line:
            return False
        line.remove(one)
        if not line:
            del self._waiting[one.owner]
        return True

    def position(self, one: W) -> int | None:
        """How many begin before somebody does, if nobody else comes; None for who does not wait."""
        mine = self._waiting.get(one.owner, [])
        if one not in mine:
            return None
        place = mine.index(one)
        rank = self._served[one.owner] + place
        before = place
        for owner, line in self._waiting.items():
            if owner == one.owner:
                continue
            same = rank - self._served[owner]  # where in that line somebody has the same rank
            before += min(max(same, 0), len(line))
            before += 0 <= same < len(line) and line[same].turn < one.turn
        return before
