"""What happens during a turn, as typed events for whoever watches (a terminal, a server)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..tools.engine import Progress
from .brief import Brief
from .verdict import Verdict

PhaseName = Literal[
    "understanding", "planning", "drawing", "looking", "repairing", "finishing", "answering"
]


@dataclass(frozen=True)
class Phase:
    """The turn has entered a phase; ``note`` says more ("round 2")."""

    name: PhaseName
    note: str = ""


@dataclass(frozen=True)
class Understood:
    """The Brief is fixed."""

    brief: Brief


@dataclass(frozen=True)
class Working:
    """A tool reports progress."""

    progress: Progress


@dataclass(frozen=True)
class Judged:
    """A picture was looked at; ``best`` tells whether it is the best so far."""

    handle: str
    verdict: Verdict
    best: bool


@dataclass(frozen=True)
class Saying:
    """A part of an answer in words, as it comes from a language model."""

    text: str


@dataclass(frozen=True)
class TookOver:
    """The ``planner`` is of no use for the rest of the turn, and why; the built-in one goes on."""

    planner: str
    why: str


Event: TypeAlias = Phase | Understood | Working | Judged | Saying | TookOver
Listener: TypeAlias = Callable[[Event], None]


def nobody(event: Event) -> None:
    """A listener that does not listen."""
