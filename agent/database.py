"""The ledger's SQLite file: how it is opened, written, read, and what its errors mean.

WAL mode, synced at every commit. Threads that write at the same time share one transaction, each by
a savepoint of its own, and so one sync; who reads sees only what is committed, by a connection that
cannot write. Two processes may share the file: a write transaction, with the checkpoint it may
trigger, runs under a file lock, so there is never a second writer (SQLite before 3.51.3 can corrupt
a WAL that two connections write and checkpoint at once).
"""

from __future__ import annotations

import contextlib
import copy
import errno
import json
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

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


MOST = 100
"""So many writers share a transaction at most, so that other processes have their turn."""
PATIENCE = 0.05
"""Seconds after which a writer ends the transaction itself that it shares."""


@dataclass(eq=False)
class _Group:
    """Writers that share a transaction: how many are done, and what came of it."""

    lock: contextlib.ExitStack
    done: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None


class Database:
    """This process's way to its home's ledger. Threads may share it.

    Everything that is wrong with the file, the disk or another process is a `Stopped`.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self._mine = threading.RLock()  # who holds it may use the connection that writes
        self._reads = threading.RLock()
        self._depth = 0  # how often its holder took it
        self._inside = 0  # the thread that is in `writing`
        self._coming, self._counting = 0, threading.Lock()
        self._group: _Group | None = None
        with durable.clear_errors(home.ledger), self.alone():
            if not home.ledger.exists():
                # SQLite gives its -wal and -shm files the mode of this one.
                durable.write_file(home.ledger, b"")
            with self._clearly():
                self._writer = self._connected(f"{home.ledger.as_uri()}?mode=rw")
            try:
                self._inside = threading.get_ident()
                self._prepare()
                self._inside = 0
                with self._clearly():
                    self._reader = self._connected(f"{home.ledger.as_uri()}?mode=ro")
            except BaseException:
                self._writer.close()
                raise

    def _connected(self, uri: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=5.0, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        return connection

    def close(self) -> None:
        """Let go of the file."""
        with self.alone(), self._reads:
            self._reader.close()
            self._writer.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of the block that this thread is in."""
        return self._writer if self._inside == threading.get_ident() else self._reader

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
        with self._mine:
            if self._group is not None:
                self._commit(self._group)
            self._depth += 1
            try:
                with (
                    durable.clear_errors(self.home.locks),
                    durable.locked(self.home.locks / "writer"),
                ):
                    yield
            finally:
                self._depth -= 1

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction, durable when the block is left, undone when it is left by an error."""
        with self._counting:
            self._coming += 1
        try:
            self._mine.acquire()
        finally:
            with self._counting:
                self._coming -= 1
        try:
            group = self._group or self._begun()
            try:
                with durable.clear_errors(self.home.locks), self._clearly(), self._savepoint():
                    yield
                group.done += 1
            except Exception as error:
                if not self._writer.in_transaction:  # the disk's trouble is everybody's
                    self._end(group, error)
                raise
            finally:
                last = self._depth or not self._coming or group.done >= MOST
                if last and self._group is group:
                    self._commit(group)
        finally:
            self._mine.release()
        while not group.ended.wait(PATIENCE):
            with self._mine:
                if self._group is group:
                    self._commit(group)
        if group.error is not None:
            raise copy.copy(group.error)

    @contextlib.contextmanager
    def _savepoint(self) -> Iterator[None]:
        assert self._inside != threading.get_ident(), "a thread writes one thing at a time"
        self._inside = threading.get_ident()
        try:
            self._writer.execute("SAVEPOINT writer")
            yield
            self._writer.execute("RELEASE writer")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK TO writer")
                self._writer.execute("RELEASE writer")
            raise
        finally:
            self._inside = 0

    def _begun(self) -> _Group:
        """The next transaction."""
        with contextlib.ExitStack() as stack:
            if not self._depth:  # else it is held already
                stack.enter_context(durable.clear_errors(self.home.locks))
                stack.enter_context(durable.locked(self.home.locks / "writer"))
            with self._clearly():
                self._writer.execute("BEGIN IMMEDIATE")
            self._group = _Group(stack.pop_all())
        return self._group

    def _commit(self, group: _Group) -> None:
        """End a transaction with all that its writers did. What goes wrong is told to each."""
        error: Exception | None = None
        try:
            with durable.clear_errors(self.home.ledger), self._clearly():
                durable.commit(self._writer)
        except Exception as failed:  # noqa: BLE001  # raised by each of those who wait
            error = failed
        finally:
            if error is None and self._writer.in_transaction:  # whoever did this was interrupted
                error = Stopped("Nothing was written: it was interrupted.")
            self._end(group, error)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield
            durable.commit(self._writer)
        finally:
            if self._writer.in_transaction:
                self._writer.rollback()

    def _end(self, group: _Group, error: Exception | None) -> None:
        self._group, group.error = None, error
        if self._writer.in_transaction:
            self._writer.rollback()
        group.lock.close()
        group.ended.set()

    def compact(self, *, whole: bool = False) -> None:
        """Leave nothing in the file, nor in its log, of what was deleted before; with ``whole`` the
        file is written anew. `Stopped` where another program reads for longer than it can be waited
        for."""
        with self.alone(), self._reads, self._clearly():
            if whole:
                self._writer.execute("VACUUM")
            done = durable.checkpoint(self._writer)
        if not done:
            raise Stopped(
                f"Another program is reading {self.home.ledger}.",
                kept="What was deleted is found no more, but is not written over yet.",
                hint="Close the program; the next start of Danqing does the rest.",
            )

    @contextlib.contextmanager
    def reading(self, *, once: bool = False) -> Iterator[None]:
        """All reads in the block see one state of the ledger: in `writing` that of the block, else
        what is committed. A single SELECT needs no transaction for that: ``once``."""
        if self._inside == threading.get_ident():
            yield
            return
        with self._reads, self._clearly():
            if once or self._reader.in_transaction:
                yield
                return
            self._reader.execute("BEGIN")
            try:
                yield
            finally:
                self._reader.rollback()

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
                "secure_delete = ON",
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
            if 0 < version < 5:  # what was deleted until then was not written over
                self.connection.execute("VACUUM")
            with self._transaction():
                if not tables:
                    for statement in SCHEMA:
                        self.connection.execute(statement)
                    self.connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                for added in range(max(version, 1) + 1, SCHEMA_VERSION + 1):
                    for statement in ADDED[added]:
                        self.connection.execute(statement)
                self.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
