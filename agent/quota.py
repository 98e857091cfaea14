"""How much of its limits a key has used, and what is left of them for the next turn.

What a turn may use is set aside as it begins, and what it did use takes its place when it ends.
Both are rows of their own and not the turn's: whoever deletes a session is given nothing back, and
a process that begins anew goes on counting.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..tools.errors import Stopped
from .database import Database
from .keys import Keys
from .llm.address import BUILTIN, Address
from .records import Json

DAY = timedelta(hours=24)
SOON = 30.0
"""Seconds after which to try again where turns that go on may give back what is set aside."""
FRESH = 10.0
"""Seconds for which it is known how much a key holds; an upload is told apart, to the byte."""
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class _Part:
    """A part of a turn's budget that a limit is for: its names there and in the ledger, the least
    that a turn is begun with, and how much of it is told."""

    budget: str
    limit: str
    column: str
    least: float
    said: str


_PARTS = (
    _Part("pictures", "pictures_a_day", "pictures", 1, "{:g} pictures"),
    _Part("seconds", "seconds_a_day", "seconds", 1.0, "{:g} seconds of work"),
    _Part("money", "dollars_a_day", "dollars", 0.01, "{:g} dollars"),
)


class UsedUp(Stopped):
    """A key has used what it may in a day. ``wait`` are the seconds until there is some again."""

    def __init__(self, message: str, *, wait: float, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.wait = wait


class StorageFull(Stopped):
    """A key's sessions hold as much as they may."""


@dataclass(frozen=True)
class Usage:
    """What a key has used of the last 24 hours, with what is set aside for turns that go on; and
    the megabytes that its sessions hold now."""

    pictures_a_day: int
    seconds_a_day: float
    dollars_a_day: float
    megabytes: float


class Quota:
    """The quotas of a home. ``held`` tells how many bytes the sessions of a key hold."""

    def __init__(self, database: Database, keys: Keys, held: Callable[[str], int]) -> None:
        self._db, self._keys, self._held = database, keys, held
        self._known: dict[str, tuple[float, int]] = {}

    def usage(self, key: str) -> Usage:
        """What a key has used."""
        with self._db.reading():
            used = self._sums(key)
        return Usage(
            int(used["pictures"]), round(used["seconds"], 1), round(used["dollars"], 4),
            round(self._held(key) / MEGABYTE, 1),
        )  # fmt: skip

    def check_room(self, key: str, more: int = 0) -> None:
        """Raise `StorageFull` where a key holds as much as it may, or would with ``more`` bytes."""
        most = self._keys.limits(key).megabytes
        if most is None:
            return
        then, held = self._known.get(key, (0.0, 0))
        if more or not then or time.monotonic() - then > FRESH:
            held = self._held(key)
            self._known[key] = time.monotonic(), held
        if held + max(more, 1) > most * MEGABYTE:
            raise StorageFull(
                f"Your sessions hold {held / MEGABYTE:.1f} megabytes of pictures, and may hold"
                f" {most:g}.",
                hint="Delete what you do not need.",
            )

    def clipped(self, key: str, options: Json) -> Json:
        """The options of a turn, with no more in their budget than is left to a key. Inside
        `Database.writing`. Raises `UsedUp` where nothing is."""
        if not _planned(options):
            return options
        limits, used = self._keys.limits(key), self._sums(key)
        budget = dict(options["budget"])
        for part in _PARTS:
            most = getattr(limits, part.limit)
            if most is None or (part.budget == "money" and not _costs(options)):
                continue
            left = most - used[part.column]
            if left < part.least:
                raise self._used_up(key, part, most)
            budget[part.budget] = min(budget[part.budget], left)
        return {**options, "budget": budget}

    def set_aside(self, key: str, turn: int, options: Json) -> None:
        """Count what a turn may use, until it ends. Inside `Database.writing`."""
        now = datetime.now(UTC)
        self._db.execute("DELETE FROM spent WHERE key = ? AND begun <= ?", key, _text(now - DAY))
        if not _planned(options):
            return
        budget = options["budget"]
        dollars = budget["money"] if _costs(options) else 0.0
        self._db.insert(
            "INSERT INTO spent VALUES (?, ?, ?, 0, ?, ?, ?)",
            turn, key, _text(now), budget["pictures"], budget["seconds"], dollars,
        )  # fmt: skip

    def settle(self, turn: int, cost: Callable[[], Json]) -> None:
        """Count what a turn that ends did use (``pictures``, ``seconds``, ``money``) and no more.
        Inside `Database.writing`."""
        if self._db.first("SELECT 1 FROM spent WHERE turn = ?", turn) is not None:
            used = cost()
            self._db.execute(
                "UPDATE spent SET ended = 1, pictures = ?, seconds = ?, dollars = ?"
                " WHERE turn = ?",
                used["pictures"], used["seconds"], used["money"], turn,
            )  # fmt: skip

    def _sums(self, key: str) -> dict[str, Any]:
        row = self._db.one(
            "SELECT coalesce(sum(pictures), 0) AS pictures, total(seconds) AS seconds,"
            " total(dollars) AS dollars FROM spent WHERE key = ? AND begun > ?",
            key, _text(datetime.now(UTC) - DAY),
        )  # fmt: skip
        return {name: row[name] for name in row.keys()}  # noqa: SIM118, a row is no mapping

    def _used_up(self, key: str, part: _Part, most: float) -> UsedUp:
        """The refusal of a key that has not left enough of a part for one turn more."""
        now = datetime.now(UTC)
        rows = self._db.all(
            f"SELECT begun, ended, {part.column} AS used FROM spent WHERE key = ? AND begun > ?"
            " ORDER BY begun",
            key, _text(now - DAY),
        )  # fmt: skip
        ended = [row for row in rows if row["ended"]]
        over = sum(row["used"] for row in ended) - (most - part.least)
        wait = SOON
        for row in ended:
            if over <= 0:
                break
            over -= row["used"]
            wait = max(1.0, (datetime.fromisoformat(row["begun"]) + DAY - now).total_seconds())
        return UsedUp(
            f"Of {part.said.format(most)} that this key may have in 24 hours too little is left for"
            " one request more, with what is set aside for those that go on.",
            wait=wait, hint=f"Try again in {_span(wait)}.",
        )  # fmt: skip


def _planned(options: Json) -> bool:
    """Whether a turn has a budget that is its own; an upload only fills the room that there is, and
    a step of a recipe uses that one's."""
    return "budget" in options and not {"upload", "within"} & set(options)


def _costs(options: Json) -> bool:
    """Whether a turn may be paid for: it is planned by a language model that is elsewhere."""
    llm = options.get("llm", BUILTIN)
    return llm != BUILTIN and not Address.read(llm).local


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")


def _span(seconds: float) -> str:
    """A time as people say it."""
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
