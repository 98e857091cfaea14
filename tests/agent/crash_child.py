"""The child of the crash tests, with the faults named on the command line built in.

    python tests/agent/crash_child.py [in-place] [split] [late-files] [step-by-step]

in-place: files are written under their final name, block by block. split: a step is marked done in
one transaction, its pictures come in a second. late-files: a picture's file is written only when
the next one is. step-by-step is no fault of the code: the n-th life is killed at its n-th durable
operation, so that a test can try them all.
"""

from __future__ import annotations

import functools
import itertools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import crash
from danqing.agent import durable
from danqing.agent.ledger import Ledger
from danqing.agent.store import Store, digest_of

PRIMITIVES = (
    "create", "write", "sync", "rename", "sync_folder", "remove", "make_folder", "commit", "lock",
)  # fmt: skip


def in_place() -> None:
    def write_file(path: Path, data: bytes, mode: int | None = 0o600) -> None:
        path.unlink(missing_ok=True)
        fd = durable.create(path, mode)
        for start in range(0, len(data), 4096):
            durable.write(fd, data[start : start + 4096])
        durable.sync(fd)
        os.close(fd)

    durable.write_file = write_file


def split() -> None:
    whole = Ledger._end_step

    @functools.wraps(whole)
    def end_step(self: Ledger, *args: Any, **named: Any) -> None:
        whole(self, *args, **named)
        durable.commit(self._db.connection)
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("SAVEPOINT writer")

    Ledger._end_step = end_step  # type: ignore[method-assign]


def late_files() -> None:
    whole, there = Store.put, Store.has
    waiting: list[Any] = []

    @functools.wraps(whole)
    def put(self: Store, image: Any, session: str = "") -> str:
        while waiting:
            whole(self, waiting.pop(), session)
        waiting.append(image)
        return digest_of(image)

    def has(self: Store, digest: str) -> bool:
        return any(digest_of(image) == digest for image in waiting) or there(self, digest)

    Store.put, Store.has = put, has  # type: ignore[method-assign]


def step_by_step() -> None:
    lives = itertools.count(1)
    left = 0

    def deadly(primitive: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(primitive)
        def call(*args: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return primitive(*args, **named)

        return call

    def fork() -> int:
        nonlocal left
        left = next(lives)
        return whole()

    whole, os.fork = os.fork, fork
    for name in PRIMITIVES:
        setattr(durable, name, deadly(getattr(durable, name)))


if __name__ == "__main__":
    for fault in sys.argv[1:]:
        globals()[fault.replace("-", "_")]()
    crash.nurse()
