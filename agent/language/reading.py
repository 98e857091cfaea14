"""What a sentence says before it becomes claims: things, links between them, facts of the scene.

Both language front ends write a `Reading`; `claims.py` alone turns one into claims.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .kinds import is_kind_of

Span = tuple[int, int]


@dataclass(eq=False)
class Thing:
    """One mention of something visible. ``contrast`` is set for "one"/"a" beside other groups."""

    noun: str
    span: Span
    count: int | str | None = None
    plural: bool = False
    definite: bool = False
    absent: bool = False
    given: bool = False
    colors: list[tuple[str, Span]] = field(default_factory=list)
    sizes: list[tuple[str, Span]] = field(default_factory=list)
    modifiers: list[tuple[str, Span]] = field(default_factory=list)
    places: list[tuple[str, Span]] = field(default_factory=list)


@dataclass(eq=False)
class Link:
    """``a`` stands in ``value`` to ``b`` (between: and ``b2``)."""

    value: str
    a: Thing
    b: Thing
    span: Span
    b2: Thing | None = None


@dataclass(eq=False)
class Fact:
    """A claim that stands alone: a season … style, written ``text``, or ``kept``."""

    kind: str
    value: str
    span: Span


@dataclass
class Reading:
    """Everything read, in the order of the words."""

    items: list[Thing | Link | Fact] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def things(self) -> list[Thing]:
        return [item for item in self.items if isinstance(item, Thing)]

    def host(self, thing: Thing, among: list[Thing]) -> Thing:
        """What ``thing`` was told to stand by, if that is ``among`` some; else ``thing``."""
        return next(
            (item.b for item in self.items
             if isinstance(item, Link) and item.a is thing and item.b in among),
            thing,
        )  # fmt: skip


def earlier(things: list[Thing], noun: str) -> Thing | None:
    """The thing that a later bare ``noun`` speaks of: "the tree" after "an oak"."""
    if any(thing.noun == noun for thing in things):
        return None
    kinds = [thing for thing in things if not thing.absent and is_kind_of(thing.noun, noun)]
    return kinds[-1] if kinds else None
