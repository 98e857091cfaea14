"""The few operations on disk that durability rests on; everything durable goes through them.

`write_file` is the whole protocol for a file: a temporary file in the same folder, its bytes
synced, renamed over the name, the folder synced. A reader sees the old file or the new one, never
half, and what has returned survives a crash of the process and of the machine. The primitives
below it raise plain `OSError`; `clear_errors` turns those into words for the user.

Locks are `flock`s: the kernel drops them when their process dies, however it dies.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..tools.errors import Stopped

TEMPORARY = ".tmp-"
"""Every temporary file's name begins with this; one that outlives its process is an orphan."""

LOCK_WAIT = 30.0
"""Seconds to wait for another process before giving up; a held lock lasts milliseconds."""


# The primitives.


def create(path: Path, mode: int | None = 0o600) -> int:
    """A descriptor of the new file ``path``; with ``mode`` exactly that, whatever the umask.

    None leaves the mode to the umask, but never makes the file more open than its folder.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    if mode is None:
        return os.open(path, flags, path.parent.stat().st_mode & 0o666)
    fd = os.open(path, flags, mode)
    os.fchmod(fd, mode)
    return fd


def write(fd: int, data: bytes) -> None:
    """All of ``data`` into ``fd``."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def sync(fd: int) -> None:
    """Return once the bytes of ``fd`` are on the disk itself."""
    full = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: fsync alone stops at the drive's cache
    if full is None:
        os.fsync(fd)
    else:
        fcntl.fcntl(fd, full)


def rename(source: Path, target: Path) -> None:
    """Give ``source`` the name ``target`` in one instant, replacing what had it."""
    os.replace(source, target)


def sync_folder(folder: Path) -> None:
    """Return once the names in ``folder`` are on the disk itself."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync(fd)
    finally:
        os.close(fd)


def remove(path: Path) -> None:
    """Take the name ``path`` away; nothing happens if it is not there."""
    path.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """The folder ``path`` with its parents, each new one 0700 whatever the umask."""
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        try:
            folder.mkdir(0o700)
        except FileExistsError:
            if not folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "Not a folder", str(folder)) from None
            continue
        folder.chmod(0o700)
        sync_folder(folder.parent)


def commit(connection: sqlite3.Connection) -> None:
    """Make the open transaction durable (with ``synchronous=FULL`` it is, on return)."""
    connection.execute("COMMIT")


def checkpoint(connection: sqlite3.Connection) -> bool:
    """Write the log of a database into it and leave it empty; False where somebody still reads."""
    return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


@dataclass(frozen=True)
class Lock:
    """A held `flock`; it lasts until `release` or the end of the process."""

    path: Path
    fd: int

    def release(self, *, gone: bool = False) -> None:
        """Let go; with ``gone`` the lock's file goes too, as it will not be needed again."""
        try:
            if gone:
                remove(self.path)
        finally:
            os.close(self.fd)


def lock(path: Path, *, shared: bool = False) -> Lock | None:
    """The lock on ``path``, or None while somebody else (a thread of ours counts) holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(fd, 0o600)
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    return Lock(path, fd)


# What is made of them.


def write_file(path: Path, data: bytes, mode: int | None = 0o600) -> None:
    """``path`` holds ``data`` durably on return; until then it holds what it held before.

    ``mode`` as in `create`.
    """
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    fd = create(temporary, mode)
    try:
        try:
            write(fd, data)
            sync(fd)
        finally:
            os.close(fd)
        rename(temporary, path)
    except BaseException:
        # What went wrong is the news; a temporary file that stays as well is swept later.
        with contextlib.suppress(OSError):
            remove(temporary)
        raise
    sync_folder(path.parent)


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock on ``path``, waiting up to `LOCK_WAIT` seconds for it."""
    deadline = time.monotonic() + LOCK_WAIT
    pause = 0.001
    while (held := lock(path, shared=shared)) is None:
        if time.monotonic() > deadline:
            raise Stopped(
                f"Another process has held {path} for {LOCK_WAIT:.0f} seconds.",
                kept="Nothing was changed.",
                hint="End or continue the other danqing process, then try again.",
            )
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    try:
        yield
    finally:
        held.release()


def explain(error: OSError, path: Path) -> Stopped:
    """``error``, met while ``path`` was read or written, in words for the user."""
    kept = "Everything that was finished before is kept."
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return Stopped(
            f"There is no space left for {path}.",
            kept=kept,
            hint="Free some space, or name a folder on another disk with --home or DANQING_HOME.",
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return Stopped(
            f"Danqing has no permission to use {path}.",
            kept=kept,
            hint="Give yourself read and write permission, or name another folder with --home or "
            "DANQING_HOME.",
        )
    if error.errno in {errno.ENOTDIR, errno.EEXIST}:
        return Stopped(
            f"{error.filename or path} is in the way: it is a file and has to be a folder.",
            kept=kept,
            hint="Move it, or name another folder with --home or DANQING_HOME.",
        )
    if error.errno == errno.ENOENT:
        return Stopped(
            f"{error.filename or path} is not there.",
            kept=kept,
            hint="If it was moved or deleted, put it back.",
        )
    return Stopped(
        f"The disk failed at {path}: {error.strerror or error}.",
        kept=kept,
        hint="Check the disk, then try again.",
    )


@contextlib.contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Any `OSError` inside leaves as the `Stopped` that `explain` makes of it."""
    try:
        yield
    except OSError as error:
        raise explain(error, path) from error
