"""Who may come in by a server: keys that are shown once, and kept as hashes.

A key is ``dq-ID-SECRET``; its secret has 256 bits of chance, so that a fast hash is safe. Each
session that is begun with a key belongs to it; those without an owner are the home's own.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from ..tools.errors import BadInput
from .canonical import scrub
from .database import Database

Scope = Literal["read", "draw"]
"""What a key allows: to look at what its sessions hold, or to begin and ask as well."""
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True)
class Key:
    """A key, without its secret. Times are UTC in ISO 8601; None is never."""

    id: str
    name: str
    scope: Scope
    created: str
    expires: str | None
    revoked: str | None

    def holds(self, now: datetime) -> bool:
        """Whether it opens at a time."""
        late = self.expires is not None and now >= datetime.fromisoformat(self.expires)
        return self.revoked is None and not late


class Keys:
    """The keys of a home."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def make(self, name: str, scope: Scope = "draw", days: float | None = None) -> tuple[Key, str]:
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
        return Key(id, name, scope, now.isoformat(), ends, None), f"dq-{id}-{secret}"

    def find(self, text: str) -> Key | None:
        """The key with a text, if it opens now."""
        mark, _, rest = text.partition("-")
        id, _, secret = rest.partition("-")
        with self._db.reading():
            row = self._db.first("SELECT * FROM keys WHERE id = ?", scrub(id))
        known = "" if row is None else row["hash"]
        right = hmac.compare_digest(_hash(secret), known)
        if row is None or mark != "dq" or not right:
            return None
        key = _key(row)
        return key if key.holds(datetime.now(UTC)) else None

    def all(self) -> list[Key]:
        """Every key that there ever was, oldest first."""
        with self._db.reading():
            return [_key(row) for row in self._db.all("SELECT * FROM keys ORDER BY created")]

    def any(self) -> bool:
        """Whether there is a key that opens now."""
        now = datetime.now(UTC)
        return any(key.holds(now) for key in self.all())

    def revoke(self, which: str) -> Key:
        """Let a key, by its id or its name, open nothing from now on. Raises `BadInput` where there
        is none that does."""
        now = datetime.now(UTC).isoformat()
        with self._db.writing():
            row = self._db.first(
                "SELECT * FROM keys WHERE (id = ?1 OR name = ?1) AND revoked IS NULL", scrub(which)
            )
            if row is None:
                raise BadInput(f"There is no key {which!r} that opens anything.")
            self._db.execute("UPDATE keys SET revoked = ? WHERE id = ?", now, row["id"])
            return _key(self._db.one("SELECT * FROM keys WHERE id = ?", row["id"]))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _key(row: sqlite3.Row) -> Key:
    return Key(**{name: row[name] for name in Key.__dataclass_fields__})
