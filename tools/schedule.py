"""What the worker does when: calls that use different models run side by side, and calls that one
batch can answer are answered together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .frames import Frame
from .registry import Role, ToolSpec

MOST = 8
"""Pictures that are painted in one batch at most, whoever asked for them."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A call that came in. ``models`` are those that it may use, by their sources."""

    tool: ToolSpec
    frame: Frame
    models: frozenset[str]

    @property
    def id(self) -> int:
        return int(self.frame.data["id"])

    @property
    def arguments(self) -> Mapping[str, Any]:
        """In full, as `ToolSpec.validate` gives them."""
        return self.frame.data["arguments"]  # type: ignore[no-any-return]

    @property
    def alone(self) -> bool:
        """Whether it must have the worker to itself."""
        return bool(self.frame.data["alone"])

    @property
    def watched(self) -> bool:
        """Whether the caller wants to see what is being painted."""
        return bool(self.frame.data["previews"])


@dataclass(eq=False)
class Run:
    """What one thread is at: ``calls`` that it has yet to answer, or the model of ``role`` to load
    ahead of its first use."""

    calls: list[Asked]
    models: frozenset[str]
    alone: bool
    role: Role | None = None


class Schedule:
    """The calls of one worker, in the order in which they came; safe for threads.

    Two calls run ``side_by_side`` only if that is allowed and they have no model in common, and
    none overtakes another that waits for the same model.
    """

    def __init__(self) -> None:
        self.side_by_side = False
        self._changed = threading.Condition()
        self._waiting: list[Asked] = []
        self._warm: list[tuple[Role, frozenset[str]]] = []
        self._running: list[Run] = []
        self._patient: list[Run] = []
        """What waits until it is alone; nothing new begins meanwhile."""
        self._unwanted: set[int] = set()

    def add(self, call: Asked) -> None:
        """Let a call wait for its turn."""
        with self._changed:
            self._waiting.append(call)
            self._changed.notify_all()

    def warm(self, role: Role, models: frozenset[str]) -> None:
        """Have a model loaded when nothing else is to be done."""
        with self._changed:
            self._warm.append((role, models))
            self._changed.notify_all()

    def withdraw(self, id_: int) -> Asked | None:
        """Nobody wants the answer to a call. One that has not begun is returned and never will; one
        that runs is `unwanted` from now on."""
        with self._changed:
            for call in self._waiting:
                if call.id == id_:
                    self._waiting.remove(call)
                    self._changed.notify_all()
                    return call
            begun = (*self._running, *self._patient)
            if any(call.id == id_ for run in begun for call in run.calls):
                self._unwanted.add(id_)
                self._changed.notify_all()
        return None

    def unwanted(self, call: Asked) -> bool:
        """Whether nobody wants the answer to a call that runs."""
        return call.id in self._unwanted

    @property
    def state(self) -> Literal["busy", "loading", "ready"]:
        """Whether a call runs, else whether models are loaded ahead, else neither."""
        with self._changed:
            if any(run.role is None for run in self._running):
                return "busy"
            return "loading" if self._running or self._warm else "ready"

    def only(self, run: Run) -> bool:
        """Whether nothing else runs."""
        return self._running == [run]

    def lacks(self, threads: int) -> bool:
        """Whether something could begin that none of so many threads is free for."""
        with self._changed:
            return len(self._running) >= threads and self._startable() is not None

    def next(self) -> Run:
        """What to do next; waits until there is something, and counts it as running."""
        with self._changed:
            while (run := self._startable()) is None:
                self._changed.wait()
            if run.role is None:
                self._waiting.remove(run.calls[0])
            else:
                self._warm.remove((run.role, run.models))
            self._running.append(run)
            return run

    def join(self, run: Run, key: Callable[[Asked], Hashable]) -> None:
        """Let ``run`` answer those waiting calls, too, that have the same ``key`` as its first, as
        long as all ask for `MOST` pictures at most."""
        first = run.calls[0]
        wanted, pictures = key(first), len(first.arguments["seeds"])
        with self._changed:
            waiting = [c for c in self._waiting if c.tool is first.tool and not c.alone]
        alike = [call for call in waiting if key(call) == wanted]  # which may take its time
        with self._changed:
            for call in alike:
                if call not in self._waiting:
                    continue
                pictures += len(call.arguments["seeds"])
                if pictures > MOST:
                    break
                self._waiting.remove(call)
                run.calls.append(call)

    def be_alone(self, run: Run, check_cancelled: Callable[[], None]) -> None:
        """Wait until nothing else runs, and let nothing begin until ``run`` is done. Raises what
        ``check_cancelled`` does meanwhile."""
        if run.alone:
            return
        with self._changed:
            self._running.remove(run)
            self._patient.append(run)
            self._changed.notify_all()
            try:
                while self._running:
                    check_cancelled()
                    self._changed.wait()
                run.alone = True
            finally:
                self._patient.remove(run)
                self._running.append(run)
                self._changed.notify_all()

    def answered(self, run: Run, call: Asked) -> None:
        """A call of ``run`` has its answer."""
        with self._changed:
            run.calls.remove(call)
            self._unwanted.discard(call.id)

    def done(self, run: Run) -> None:
        """Nothing of ``run`` is left to do."""
        with self._changed:
            self._running.remove(run)
            self._changed.notify_all()

    def _startable(self) -> Run | None:
        if self._patient or any(run.alone for run in self._running):
            return None
        taken = frozenset[str]().union(*(run.models for run in self._running))
        for call in self._waiting:
            alone = call.alone or not self.side_by_side
            if alone and self._running:
                return None  # those behind it must not keep it waiting for ever
            if call.models.isdisjoint(taken):
                return Run([call], call.models, alone)
            taken |= call.models
        if self._warm and not self._waiting and not self._running:
            role, models = self._warm[0]
            return Run([], models, not self.side_by_side, role)
        return None
