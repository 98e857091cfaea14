"""Threads that write at once: what they share, and what they do not."""

from __future__ import annotations

import errno
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from danqing.agent import database, durable
from danqing.agent.database import Database
from danqing.agent.home import Home
from danqing.tools.errors import Stopped

ADD = "INSERT INTO sessions VALUES (?, 'now')"


@pytest.fixture
def base(tmp_path: Path) -> Database:
    return Database(Home.open(tmp_path / "home"))


def known(base: Database) -> set[str]:
    with base.reading():
        return {row["id"] for row in base.all("SELECT id FROM sessions")}


def at_once(base: Database, n: int, work: Callable[[int], None]) -> list[Exception | None]:
    """What came of ``n`` pieces of work that all came while somebody else was writing."""
    begun = threading.Barrier(n + 1)

    def one(i: int) -> Exception | None:
        begun.wait(10)
        try:
            work(i)
        except Exception as error:  # noqa: BLE001  # it is looked at
            return error
        return None

    with ThreadPoolExecutor(n) as pool:
        with base.alone():
            running = [pool.submit(one, i) for i in range(n)]
            begun.wait(10)
            while base._coming < n:
                time.sleep(0.001)
        return [each.result(10) for each in running]


def test_writers_that_come_at_once_share_a_sync(
    base: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[int] = []
    whole = durable.commit

    def commit(connection: sqlite3.Connection) -> None:
        commits.append(1)
        whole(connection)

    def write(i: int) -> None:
        with base.writing():
            base.insert(ADD, str(i))
        assert str(i) in known(base), "what has returned is there to be read"

    monkeypatch.setattr(durable, "commit", commit)
    assert at_once(base, 8, write) == [None] * 8
    assert len(commits) < 4
    assert known(base) == {str(i) for i in range(8)}


def test_one_that_fails_undoes_only_its_own(base: Database) -> None:
    def write(i: int) -> None:
        with base.writing():
            base.insert(ADD, str(i))
            if i % 2:
                raise KeyError(i)

    told = at_once(base, 6, write)
    assert [type(error) for error in told] == [type(None), KeyError] * 3
    assert known(base) == {"0", "2", "4"}


def test_a_commit_that_fails_is_told_to_all_who_shared_it(
    base: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def commit(connection: sqlite3.Connection) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def write(i: int) -> None:
        with base.writing():
            base.insert(ADD, str(i))

    with monkeypatch.context() as patch:
        patch.setattr(durable, "commit", commit)
        told = at_once(base, 5, write)
    assert all(isinstance(e, Stopped) and "no space left" in str(e) for e in told)
    assert len({id(error) for error in told}) == 5, "each has an error of its own"
    assert known(base) == set()
    write(7)
    assert known(base) == {"7"}


def test_nobody_reads_what_is_not_committed(
    base: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []
    whole = durable.commit

    def commit(connection: sqlite3.Connection) -> None:
        with ThreadPoolExecutor(1) as pool:  # a reader does not wait for it either
            seen.append(pool.submit(known, base).result(10))
        whole(connection)

    monkeypatch.setattr(durable, "commit", commit)
    with base.writing():
        base.insert(ADD, "mine")
        assert known(base) == {"mine"}
    assert seen == [set()]
    assert known(base) == {"mine"}


def test_a_transaction_ends_though_whoever_was_to_end_it_never_comes(base: Database) -> None:
    base._coming += 1  # somebody who was interrupted on the way
    began = time.monotonic()
    with base.writing():
        base.insert(ADD, "mine")
    assert time.monotonic() - began < 20 * database.PATIENCE
    assert known(base) == {"mine"}


def test_who_is_alone_finds_all_that_was_written(base: Database) -> None:
    base._coming += 1
    with ThreadPoolExecutor(1) as pool:

        def write() -> None:
            with base.writing():
                base.insert(ADD, "theirs")

        written = pool.submit(write)
        while base._group is None and not written.done():
            time.sleep(0.0005)
        with base.alone():
            assert known(base) == {"theirs"}
            with base.writing():
                base.insert(ADD, "mine")
            assert known(base) == {"theirs", "mine"}
        written.result(10)


def test_a_thread_does_not_write_within_its_writing(base: Database) -> None:
    with pytest.raises(AssertionError), base.writing(), base.writing():
        pass
    with base.writing():
        base.insert(ADD, "after")
    assert known(base) == {"after"}
