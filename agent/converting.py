"""Making a home an encrypted one, and a plain one again.

New files first, beside the old; then one transaction, which writes every row anew and says what the
home is; then what is old goes, and the database is written anew. Killed at any moment, the home is
still the one or the other, and `finish`, at the next start, removes what is not of it. Whoever has
the home open holds a lock on it, so that nobody is at work in the meantime.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator

from ..tools.errors import BadInput, Stopped
from . import durable
from .canonical import canonical
from .database import Database
from .home import Home
from .records import SEALED, Json, Row
from .store import PLAIN, Store
from .store import SEALED as SEALED_FILE
from .vault import Secret, Vault, relocked

_LOCK = "home"


def vault_of(db: Database) -> Vault | None:
    """The vault of a home, open; None where it is not encrypted. Raises `Stopped` without its
    secret."""

    def find(session: str) -> str | None:
        with db.reading():
            row = db.first("SELECT key FROM session_keys WHERE session = ?", session)
            return None if row is None else str(row["key"])

    with db.reading():
        row = db.first("SELECT header FROM vault")
    return None if row is None else Vault.unlock(json.loads(row["header"]), db.home.secret, find)


def unsealed(vault: Vault | None, table: str, row: sqlite3.Row, session: str) -> Row:
    """A row of one of the tables in `SEALED`, with what a vault has sealed in it opened."""
    if vault is None:
        return row
    opened: Json = dict(row)
    for column in SEALED[table]:
        if opened[column] is not None:
            opened[column] = vault.open(session, _place(table, column, row), opened[column])
    return opened


def _place(table: str, column: str, row: sqlite3.Row) -> str:
    id = row["id"] if "id" in row.keys() else row["turn"]  # noqa: SIM118, a row's `in` is its values
    id = f"{id} {row['key']}" if table == "replies" else id
    return f"{table}.{column} {id}"


def stay(home: Home) -> durable.Lock:
    """What everybody holds who has the home open. Raises `Stopped` while it is converted."""
    with durable.clear_errors(home.locks):
        lock = durable.lock(home.locks / _LOCK, shared=True)
    if lock is None:
        raise Stopped(
            f"{home.root} is being encrypted or decrypted.",
            kept="Nothing was changed.",
            hint="Wait until that is done.",
        )
    return lock


def encrypt(home: Home, secret: Secret) -> None:
    """Make a home an encrypted one, which opens with a secret. Raises `BadInput` where it is one,
    and `Stopped` where another program has it open, or a picture is damaged."""
    with _opened(home) as db:
        if _encrypted(db):
            raise BadInput(f"{home.root} is encrypted already.")
        made: dict[str, str] = {}
        vault, header = Vault.lock(secret, made.get)
        with _converting(home, db):
            with db.reading():
                sessions = [row["id"] for row in db.all("SELECT id FROM sessions")]
            made |= {session: vault.new_key(session) for session in sessions}
            names = _seal_files(home, db, vault)
            with db.writing():
                db.insert("INSERT INTO vault VALUES (1, ?)", canonical(header))
                for session, key in made.items():
                    db.insert("INSERT INTO session_keys VALUES (?, ?)", session, key)
                for table in ("steps", "replies"):
                    for row in _each(db, table):
                        blind = vault.blind(row["key"])
                        db.execute(f"UPDATE {table} SET key = ? WHERE rowid = ?", blind, row["at"])
                for id, name in names.items():
                    db.execute("UPDATE pictures SET digest = ? WHERE id = ?", name, id)
                _rewrite(db, None, vault)


def decrypt(home: Home) -> None:
    """Make an encrypted home, whose secret is given, a plain one again. Raises as `encrypt`."""
    with _opened(home) as db:
        vault = vault_of(db)
        if vault is None:
            raise BadInput(f"{home.root} is not encrypted.")
        sealed, plain = Store(home, vault), Store(home)
        with _converting(home, db):
            names: dict[str, str] = {}
            with db.reading():
                rows = db.all("SELECT DISTINCT digest FROM pictures")
            for row in rows:
                if sealed.has(row["digest"]):
                    names[row["digest"]] = plain.put(sealed.read(row["digest"])[0])
            with db.writing():
                for name, digest in names.items():
                    db.execute("UPDATE pictures SET digest = ? WHERE digest = ?", digest, name)
                _rewrite(db, vault, None)
                db.execute("DELETE FROM session_keys")
                db.execute("DELETE FROM vault")


def relock(home: Home, secret: Secret) -> None:
    """Let an encrypted home, whose secret is given, open with another one from now on. Raises as
    `encrypt`."""
    with _opened(home) as db:
        with db.reading():
            row = db.first("SELECT header FROM vault")
        if row is None:
            raise BadInput(f"{home.root} is not encrypted.")
        header = relocked(json.loads(row["header"]), home.secret, secret)
        with db.writing():
            db.execute("UPDATE vault SET header = ?", canonical(header))
        db.compact(whole=True)


def finish(home: Home) -> None:
    """Remove what a conversion that was cut short has left. Raises `Stopped` while one goes on."""
    if home.converting.exists():
        stay(home).release()  # or it says that one goes on
        with _opened(home) as db:
            _clean(home, db)


@contextlib.contextmanager
def _opened(home: Home) -> Iterator[Database]:
    with durable.clear_errors(home.locks):
        lock = durable.lock(home.locks / _LOCK)
    if lock is None:
        raise Stopped(
            f"Another program has {home.root} open.",
            kept="Nothing was changed.",
            hint="Close it (a chat, a server, a bot), then try again.",
        )
    try:
        db = Database(home)
        try:
            yield db
        finally:
            db.close()
    finally:
        lock.release()


@contextlib.contextmanager
def _converting(home: Home, db: Database) -> Iterator[None]:
    with durable.clear_errors(home.converting):
        durable.write_file(home.converting, b"")
    try:
        yield
    finally:
        _clean(home, db)


def _encrypted(db: Database) -> bool:
    with db.reading():
        return db.first("SELECT 1 FROM vault") is not None


def _each(db: Database, table: str) -> Iterator[sqlite3.Row]:
    """The rows of a table, a thousand at a time; ``at`` is by what they are updated."""
    last = 0
    while rows := db.all(
        f"SELECT rowid AS at, * FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT 1000", last
    ):
        yield from rows
        last = rows[-1]["at"]


def _seal_files(home: Home, db: Database, vault: Vault) -> dict[int, str]:
    """Write each picture's file sealed for a session that has it, beside the plain one; returns
    the names that the pictures have from now on, by their ids."""
    plain, sealed = Store(home), Store(home, vault)
    with db.reading():
        rows = db.all(
            "SELECT pictures.id, digest, turns.session AS home, (SELECT own.session FROM"
            " step_pictures JOIN steps ON steps.id = step JOIN turns AS own ON own.id = steps.turn"
            " WHERE picture = pictures.id AND (own.session, picture) NOT IN (SELECT session,"
            " picture FROM forgotten) ORDER BY steps.id LIMIT 1) AS holder"
            " FROM pictures JOIN turns ON turns.id = pictures.turn"
        )
    names: dict[int, str] = {}
    for row in rows:
        session = row["holder"] or row["home"]
        names[row["id"]] = vault.name(session, row["digest"])
        if row["holder"] and plain.has(row["digest"]) and not sealed.has(names[row["id"]]):
            sealed.put(plain.read(row["digest"])[0], session)
    return names


def _rewrite(db: Database, old: Vault | None, new: Vault | None) -> None:
    """Write what is said in every row as another vault seals it."""
    of_turn = {row["id"]: row["session"] for row in db.all("SELECT id, session FROM turns")}
    for table, columns in SEALED.items():
        for row in _each(db, table):
            session = of_turn[row["id"] if table == "turns" else row["turn"]]
            said = unsealed(old, table, row, session)
            for column in columns:
                text = said[column]
                if text is not None and new is not None:
                    text = new.seal(session, _place(table, column, row), text)
                db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", text, row["at"])


def _clean(home: Home, db: Database) -> None:
    """Remove all that is not of the home as it is now."""
    encrypted = _encrypted(db)
    old = [*home.blobs.glob(f"*{PLAIN if encrypted else SEALED_FILE}")]
    for folder in (home.root, home.blobs, home.pictures):
        old += folder.glob(f"{durable.TEMPORARY}*")
    if encrypted:
        old += [home.typed, *home.pictures.glob("img-*.png")]
    for file in old:
        with durable.clear_errors(file):
            durable.remove(file)
    db.compact(whole=True)
    with durable.clear_errors(home.converting):
        durable.sync_folder(home.blobs)
        durable.remove(home.converting)
        durable.sync_folder(home.root)
