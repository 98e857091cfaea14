"""Processes that are there to be killed, forked from one that has everything imported."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

PATH = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), *sys.path]))
"""Where such a process finds all that this one does."""


class Nursery:
    """A process that forks another for each line that it is given (see `forked`)."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env={**os.environ, "PYTHONPATH": PATH},
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._lines, self._said = self._process.stdin, self._process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process as process:
            process.kill()


def forked(work: Callable[[], None]) -> int:
    """The id of a new process that does the work and ends; it leads a group of its own."""
    pid = os.fork()
    os.setpgid(pid, pid or os.getpid())  # both say so, as either may be the first
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(status)
    return pid


@dataclass
class Tally:
    """What a trial has seen."""

    kills: int = 0
    lost: int = 0
    torn: int = 0
    stuck: int = 0
    reruns: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def note(self, kind: str, problem: str) -> None:
        """Count what is wrong, once."""
        if problem not in self.problems:
            self.problems.append(problem)
            setattr(self, kind, getattr(self, kind) + 1)

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not self.problems
