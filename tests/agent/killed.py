"""What is done to a home by a process that is killed before its n-th durable operation.

    python tests/agent/killed.py DEED

For each line "N WORD HOME" on standard input a child does the deed to the home and is killed so;
the answer is its wait status.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.nursery import PATH, forked
from danqing.agent import converting, durable
from danqing.agent.home import Home
from danqing.agent.ledger import Ledger
from danqing.agent.vault import Secret

PRIMITIVES = (
    "create", "write", "sync", "rename", "sync_folder", "remove", "make_folder", "commit",
    "checkpoint", "lock",
)  # fmt: skip


def killed_everywhere(deed: str, word: str, template: Path, folder: Path) -> Iterator[Path]:
    """Copies of a home to each of which the deed was done until it was killed, later and later."""
    with subprocess.Popen(
        [sys.executable, __file__, deed], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        bufsize=1, env=os.environ | {"PYTHONPATH": PATH},
    ) as nursery:  # fmt: skip
        assert nursery.stdin is not None and nursery.stdout is not None
        for count in range(1, 10_000):
            home = folder / f"{deed}-{count}"
            shutil.copytree(template, home)
            nursery.stdin.write(f"{count} {word} {home}\n")
            status = int(nursery.stdout.readline())
            if status == 0:
                nursery.stdin.close()
                return
            assert os.WIFSIGNALED(status), f"the {count}-th life of {deed!r} failed by itself"
            yield home


def delete(home: Home, session: str) -> None:
    with Ledger(home) as ledger:
        ledger.delete_session(session)


def encrypt(home: Home, key_file: str) -> None:
    converting.encrypt(home, Secret.key_file(Path(key_file)))


def decrypt(home: Home, key_file: str) -> None:
    converting.decrypt(replace(home, secret=Secret.key_file(Path(key_file))))


def shred(home: Home, told: str) -> None:
    session, _, key_file = told.partition(":")
    delete(replace(home, secret=Secret.key_file(Path(key_file))), session)


def _deadly(left: int) -> None:
    def at_last(primitive: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(primitive)
        def call(*args: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return primitive(*args, **named)

        return call

    for name in PRIMITIVES:
        setattr(durable, name, at_last(getattr(durable, name)))


def main() -> None:
    deed = globals()[sys.argv[1]]
    for line in iter(sys.stdin.readline, ""):
        count, word, home = line.split(maxsplit=2)

        def work(count: int = int(count), word: str = word, home: str = home.strip()) -> None:
            _deadly(count)
            deed(Home.open(home), word)

        print(os.waitpid(forked(work), 0)[1], flush=True)


if __name__ == "__main__":
    main()
