"""Who may come in by a server: keys that are shown once, and kept as hashes.

A key is ``dq-ID-SECRET``; its secret has 256 bits of chance, so that a fast hash is safe. Each
session that is begun with a key belongs to it; those without an owner are the home's own. How much
a key may have is kept beside it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from ..tools.errors import BadInput
from .canonical import canonical, scrub
from .database import Database

Scope = Literal["read", "draw"]
"""What a key allows: to look at what its sessions hold, or to begin and ask as well."""
SCOPES: tuple[Scope, ...] = get_args(Scope)
_KEYS = "SELECT keys.*, limits FROM keys LEFT JOIN limits ON limits.key = keys.id"


@dataclass(frozen=True)
class Limits:
    """The most that a key may have; None is as much as there is. Raises `BadInput` for what is not
    above 0.

    ``a_minute`` are requests, of which one that only looks counts as a twentieth; ``at_once`` are
    turns at work, and ``waiting`` those that wait for it. In 24 hours it may have
    ``pictures_a_day`` drawn and use ``seconds_a_day`` of work, and ``dollars_a_day`` of a language
    model. ``megabytes`` are those of the pictures that its sessions hold, drafts included.
    """

    a_minute: float | None = None
    at_once: int | None = None
    waiting: int | None = None
    pictures_a_day: int | None = None
    seconds_a_day: float | None = None
    dollars_a_day: float | None = None
    megabytes: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not 0 < value < 1e9:
                raise BadInput(f"The limit {field.name} must be above 0, not {value!r}.")


USUAL = Limits(
    a_minute=60, at_once=2, waiting=20, pictures_a_day=1000, seconds_a_day=7200, dollars_a_day=5,
    megabytes=1000,
)  # fmt: skip
"""Those of somebody who is to draw a few hundred pictures a day, beside others."""


@dataclass(frozen=True)
class Key:
    """A key, without its secret. Times are UTC in ISO 8601; None is never."""

    id: str
    name: str
    scope: Scope
    created: str
    expires: str | None
    revoked: str | None
    limits: Limits = Limits()

    def holds(self, now: datetime) -> bool:
        """Whether it opens at a time."""
        late = self.expires is not None and now >= datetime.fromisoformat(self.expires)
        return self.revoked is None and not late


class Keys:
    """The keys of a home."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def make(
        self, name: str, scope: Scope = "draw", days: float | None = None,
        limits: Limits = Limits(),
    ) -> tuple[Key, str]:  # fmt: skip
        """A new key that opens for so many days, and its text, which is kept nowhere. Raises
        `BadInput` for a name that is empty or taken, or for no time."""
        name = scrub(name.strip())
        if not 0 < len(name) <= 80:
            raise BadInput(f"A key cannot be called {name!r}.", hint="Give it 1 to 80 letters.")
        if days is not None and not 0 < days < 36500:
            raise BadInput(f"A key cannot open for {days:g} days.")
        now = datetime.now(UTC)
        ends = None if days is None else (now + timedelta(days=days)).isoformat()
        id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        with self._db.writing():
            if self._db.first("SELECT 1 FROM keys WHERE name = ? AND revoked IS NULL", name):
                raise BadInput(f"There is a key called {name!r} already.")
            self._db.insert(
                "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, NULL)",
                id, name, _hash(secret), scope, now.isoformat(), ends,
            )  # fmt: skip
            self._limit(id, limits)
        return Key(id, name, scope, now.isoformat(), ends, None, limits), f"dq-{id}-{secret}"

    def find(self, text: str) -> Key | None:
        """The key with a text, if it opens now."""
        mark, _, rest = text.partition("-")
        id, _, secret = rest.partition("-")
        with self._db.reading(once=True):
            row = self._db.first(f"{_KEYS} WHERE id = ?", scrub(id))
        known = "" if row is None else row["hash"]
        right = hmac.compare_digest(_hash(secret), known)
        if row is None or mark != "dq" or not right:
            return None
        key = _key(row)
        return key if key.holds(datetime.now(UTC)) else None

    def all(self) -> list[Key]:
        """Every key that there ever was, oldest first."""
        with self._db.reading(once=True):
            return [_key(row) for row in self._db.all(f"{_KEYS} ORDER BY created")]

    def any(self) -> bool:
        """Whether there is a key that opens now."""
        now = datetime.now(UTC)
        return any(key.holds(now) for key in self.all())

    def revoke(self, which: str) -> Key:
        """Let a key, by its id or its name, open nothing from now on. Raises `BadInput` where there
        is none that does."""
        now = datetime.now(UTC).isoformat()
        with self._db.writing():
            key = self._there(which)
            self._db.execute("UPDATE keys SET revoked = ? WHERE id = ?", now, key.id)
            return replace(key, revoked=now)

    def limit(self, which: str, changes: Mapping[str, float | None]) -> Key:
        """Give a key, by its id or its name, other limits, from now on; those that are not among
        the ``changes`` stay. Raises `BadInput` as `revoke`, and as `Limits`."""
        with self._db.writing():
            key = self._there(which)
            limits = replace(key.limits, **changes)  # type: ignore[arg-type]
            self._limit(key.id, limits)
            return replace(key, limits=limits)

    def limits(self, id: str | None) -> Limits:
        """The limits of the key with an id; None is the home's own, which has none."""
        if id is None:
            return Limits()
        with self._db.reading(once=True):
            row = self._db.first("SELECT limits FROM limits WHERE key = ?", id)
            return _limits(None if row is None else row["limits"])

    def opens(self, id: str) -> bool:
        """Whether the key with an id opens now."""
        with self._db.reading(once=True):
            row = self._db.first(f"{_KEYS} WHERE id = ?", id)
        return row is not None and _key(row).holds(datetime.now(UTC))

    def _there(self, which: str) -> Key:
        row = self._db.first(
            f"{_KEYS} WHERE (id = ?1 OR name = ?1) AND revoked IS NULL", scrub(which)
        )
        if row is None:
            raise BadInput(f"There is no key {which!r} that opens anything.")
        return _key(row)

    def _limit(self, id: str, limits: Limits) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO limits VALUES (?, ?)", id, canonical(asdict(limits))
        )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _key(row: sqlite3.Row) -> Key:
    told = {name: row[name] for name in Key.__dataclass_fields__ if name != "limits"}
    return Key(**told, limits=_limits(row["limits"]))


def _limits(text: str | None) -> Limits:
    """Limits as they are kept; a key from before there were any has none."""
    return Limits() if text is None else Limits(**json.loads(text))
