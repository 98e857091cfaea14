"""What is asked for, atom by atom, and when a picture has it.

A grader turns a picture into a `Sight`; `holds` decides, by the same rules for every grader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import hypot
from typing import Literal

AtomKind = Literal[
    "object", "count", "color", "relation", "place", "season", "time", "weather", "setting",
    "style", "absent",
]  # fmt: skip
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in fractions of the picture."""
SLACK = 0.1
"""Share of both sizes by which things must be farther apart than their centers tell."""
MIDDLE = (0.4, 0.6)
"""Left ends and right begins here, in fractions of the width."""


@dataclass(frozen=True)
class Atom:
    """One thing that is asked of a picture and can be graded alone.

    object, absent   there is a ``subject``, there is none
    count            there are exactly ``value``
    color            there is a ``subject``, and every one is of color ``value``
    place            there is a ``subject``, and every one is in the part ``value``: left, right or
                     center
    relation         every ``subject`` is ``value`` (left of, right of, above, below) every
                     ``object``, by the rule of GenEval (Ghosh et al. 2023)
    season … style   the picture has the ``value``
    """

    kind: AtomKind
    subject: str | None = None
    value: str | int | None = None
    object: str | None = None

    def __str__(self) -> str:
        parts = (self.kind, self.subject, self.value, self.object)
        return " ".join(str(part) for part in parts if part is not None)


@dataclass(frozen=True)
class Spec:
    """One case: a request in words and what it asks for.

    ``canonical`` says the same in the one plain form of its language; ``held_out`` tells whether
    ``request`` has another. What is not ``possible`` is outside the world, and an honest failure
    is the right answer.
    """

    id: str
    task: str
    language: Literal["en", "zh"]
    seed: int
    request: str
    canonical: str
    atoms: tuple[Atom, ...]
    held_out: bool = False
    possible: bool = True


@dataclass(frozen=True)
class Thing:
    """A thing that a grader saw."""

    kind: str
    color: str | None
    box: Box

    @property
    def center(self) -> tuple[float, float]:
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


@dataclass(frozen=True)
class Sight:
    """What a grader saw in one picture; ``facts`` maps season, time, … to a word."""

    things: tuple[Thing, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    def named(self, kind: str | None) -> list[Thing]:
        """The things of a kind."""
        return [thing for thing in self.things if thing.kind == kind]


def holds(atom: Atom, sight: Sight) -> bool:
    """Whether a picture in which this was seen has what the atom asks for.

    Raises ValueError for a place or a relation that has no rule.
    """
    named = sight.named(atom.subject)
    if atom.kind == "absent":
        return not named
    if atom.kind == "object":
        return bool(named)
    if atom.kind == "count":
        return len(named) == atom.value
    if atom.kind == "color":
        return bool(named) and all(thing.color == atom.value for thing in named)
    if atom.kind == "place":
        return bool(named) and all(_in_part(thing, str(atom.value)) for thing in named)
    if atom.kind == "relation":
        pairs = [(a, b) for a in named for b in sight.named(atom.object) if a is not b]
        return bool(pairs) and all(_related(a, str(atom.value), b) for a, b in pairs)
    return sight.facts.get(atom.kind) == atom.value


def _in_part(thing: Thing, part: str) -> bool:
    x, (low, high) = thing.center[0], MIDDLE
    parts = {"left": x < low, "center": low <= x <= high, "right": x > high}
    if part not in parts:
        raise ValueError(f"no rule for the place {part!r}; there are {', '.join(parts)}")
    return parts[part]


def _related(a: Thing, value: str, b: Thing) -> bool:
    dx, dy = _offset(a, b)
    relations = {
        "left of": dx < -0.5, "right of": dx > 0.5, "above": dy < -0.5, "below": dy > 0.5,
    }  # fmt: skip
    if value not in relations:
        raise ValueError(f"no rule for the relation {value!r}; there are {', '.join(relations)}")
    return relations[value]


def _offset(a: Thing, b: Thing) -> tuple[float, float]:
    """From b to a along each axis, less the slack, as a share of the whole distance."""
    dx, dy = a.center[0] - b.center[0], a.center[1] - b.center[1]
    whole = hypot(dx, dy) or 1.0

    def share(distance: float, sizes: float) -> float:
        rest = max(abs(distance) - SLACK * sizes, 0.0) / whole
        return rest if distance > 0 else -rest

    wide = a.box[2] - a.box[0] + b.box[2] - b.box[0]
    high = a.box[3] - a.box[1] + b.box[3] - b.box[1]
    return share(dx, wide), share(dy, high)
