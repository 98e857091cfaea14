"""The ledger's SQLite file: how it is opened, written, read, and what its errors mean.

WAL mode, synced at every commit. Two processes may share the file: a write transaction, with the
checkpoint it may trigger, runs under a file lock, so there is never a second writer (SQLite before
3.51.3 can corrupt a WAL that two connections write and checkpoint at once).
"""

from __future__ import annotations

import contextlib
import errno
import json
import sqlite3
import threading
from collections.abc import Iterator

from ..tools.errors import Stopped
from . import durable
from .home import Home
from .records import ADDED, SCHEMA, SCHEMA_VERSION

_APPLICATION = 0x44514C31  # "DQL1" in SQLite's application_id: this file is a ledger
_DISK_ERRORS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_READONLY: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
}


class Database:
    """The one connection of this process to its home's ledger. Threads may share it.

    Everything that is wrong with the file, the disk or another process is a `Stopped`.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self._mine = threading.RLock()
        with durable.clear_errors(home.ledger), self.alone():
            if not home.ledger.exists():
                # SQLite gives its -wal and -shm files the mode of this one.
                durable.write_file(home.ledger, b"")
            with self._clearly():
                self.connection = sqlite3.connect(
                    home.ledger, timeout=5.0, isolation_level=None, check_same_thread=False
                )
                self.connection.row_factory = sqlite3.Row
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        with self.alone():
            self.connection.close()

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        """Run one statement, inside `writing` or `reading`."""
        return self.connection.execute(sql, values)

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Every row of a SELECT."""
        return self.execute(sql, *values).fetchall()

    def first(self, sql: str, *values: object) -> sqlite3.Row | None:
        """The first row of a SELECT, or None if there is none."""
        rows = self.all(sql, *values)
        return rows[0] if rows else None

    def one(self, sql: str, *values: object) -> sqlite3.Row:
        """The row of a SELECT that always has one."""
        return self.all(sql, *values)[0]

    def insert(self, sql: str, *values: object) -> int:
        """Run an INSERT; the id of its (last) row."""
        return self.execute(sql, *values).lastrowid or 0

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else, thread or process, writes to the home in the block."""
        with (
            self._mine,
            durable.clear_errors(self.home.locks),
            durable.locked(self.home.locks / "writer"),
        ):
            yield

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction, durable when the block is left, undone when it is left by an error."""
        with self.alone(), self._clearly(), self._transaction():
            yield

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            durable.commit(self.connection)
        finally:
            if self.connection.in_transaction:
                self.connection.rollback()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """All reads in the block see one state of the ledger."""
        with self._mine, self._clearly():
            if self.connection.in_transaction:
                yield
                return
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.rollback()

    @contextlib.contextmanager
    def _clearly(self) -> Iterator[None]:
        """SQLite's errors about the file leave as `Stopped`; those about our SQL are bugs."""
        try:
            yield
        except json.JSONDecodeError as error:  # only `canonical` writes here
            raise self._damaged(f"a row is garbled ({error.msg})") from error
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
                raise self._damaged(str(error)) from error
            if str(error).startswith("Could not decode to UTF-8"):
                raise self._damaged("a row is garbled (not UTF-8)") from error
            if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise Stopped(
                    f"Another program is using {self.home.ledger}.",
                    kept="Nothing was changed.",
                    hint="Close it, then try again.",
                ) from error
            if code in _DISK_ERRORS:
                number = OSError(_DISK_ERRORS[code], str(error))
                raise durable.explain(number, self.home.ledger) from error
            raise

    def _damaged(self, how: str) -> Stopped:
        return Stopped(
            f"The ledger {self.home.ledger} cannot be used: {how}.",
            kept=f"The pictures in {self.home.blobs} are whole and not touched.",
            hint="Restore the file from a backup, or move it (and its -wal and -shm files) away to "
            "begin a new ledger.",
        )

    def _prepare(self) -> None:
        if 0 < self.home.ledger.stat().st_size < 512:  # SQLite would take it for an empty one
            raise self._damaged("it is cut short")
        with self._clearly():
            for pragma in (
                "busy_timeout = 5000",
                "trusted_schema = OFF",
                "foreign_keys = ON",
                "synchronous = FULL",
                "fullfsync = ON",
                "checkpoint_fullfsync = ON",
            ):
                self.connection.execute(f"PRAGMA {pragma}")
            version = self.one("PRAGMA user_version")[0]
            application = self.one("PRAGMA application_id")[0]
            tables = self.one("SELECT count(*) FROM sqlite_master")[0]
        if tables and application != _APPLICATION:
            raise self._damaged("it is another program's database")
        if version > SCHEMA_VERSION:
            raise Stopped(
                f"The ledger {self.home.ledger} was written by a newer Danqing (schema {version}; "
                f"this one knows {SCHEMA_VERSION}).",
                kept="Nothing was changed.",
                hint="Update Danqing, or name another home with --home.",
            )
        with self._clearly():
            self.connection.execute("PRAGMA journal_mode = WAL")
            if version == SCHEMA_VERSION:
                return
            with self._transaction():
                if not tables:
                    for statement in SCHEMA:
                        self.connection.execute(statement)
                    self.connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                for added in range(max(version, 1) + 1, SCHEMA_VERSION + 1):
                    for statement in ADDED[added]:
                        self.connection.execute(statement)
                self.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
