"""The objects of the world: proportions, where they may stand, what they hold, their drawings.

A drawing fills its box: the box is the ground truth of where the object is. Only halos and
contact shadows reach beyond it, and those mark nothing in `Canvas.ids`.
"""

from __future__ import annotations

from collections.abc import Callable

from .canvas import Pen
from .drawings import animals, buildings, heavens, household, people, plants, vehicles
from .drawings.shapes import Look, shadow
from .spec import Box

ASPECT: dict[str, float] = {
    "person": 0.42, "cat": 0.78, "dog": 1.15, "rabbit": 0.86, "horse": 1.15, "bird": 1.25,
    "house": 1.2, "tower": 0.44, "castle": 1.2, "tent": 1.3,
    "car": 1.95, "boat": 1.05, "balloon": 0.74,
    "tree": 0.82, "pine": 0.62, "flower": 0.56, "cactus": 0.7, "mushroom": 1.0,
    "sun": 1.0, "moon": 1.0, "star": 1.051, "cloud": 1.9,
    "table": 1.55, "chair": 0.62, "lamp": 0.62, "cup": 1.12, "ball": 1.0, "umbrella": 1.05,
}  # fmt: skip
"""Width over height of each object's box."""

HEIGHT: dict[str, float] = {
    "person": 1.0, "cat": 0.55, "dog": 0.6, "rabbit": 0.5, "horse": 1.1, "bird": 0.42,
    "house": 1.7, "tower": 2.4, "castle": 2.2, "tent": 1.1,
    "car": 0.75, "boat": 1.3, "balloon": 1.7,
    "tree": 1.8, "pine": 1.8, "flower": 0.6, "cactus": 1.1, "mushroom": 0.5,
    "sun": 0.9, "moon": 0.75, "star": 0.36, "cloud": 0.6,
    "table": 0.65, "chair": 0.8, "lamp": 0.7, "cup": 0.42, "ball": 0.42, "umbrella": 0.85,
}  # fmt: skip
"""Natural height, a standing person being 1.0; compressed, so that small things stay legible."""


def _places(words: str) -> frozenset[str]:
    return frozenset(words.split())


PLACE: dict[str, frozenset[str]] = {
    "person": _places("ground floor"),
    "cat": _places("ground floor top"),
    "dog": _places("ground floor"),
    "rabbit": _places("ground floor top"),
    "horse": _places("ground"),
    "bird": _places("sky ground"),
    "house": _places("ground"),
    "tower": _places("ground"),
    "castle": _places("ground"),
    "tent": _places("ground"),
    "car": _places("ground"),
    "boat": _places("water"),
    "balloon": _places("sky"),
    "tree": _places("ground"),
    "pine": _places("ground"),
    "flower": _places("ground"),
    "cactus": _places("ground"),
    "mushroom": _places("ground"),
    "sun": _places("sky"),
    "moon": _places("sky"),
    "star": _places("sky"),
    "cloud": _places("sky"),
    "table": _places("floor ground"),
    "chair": _places("floor ground"),
    "lamp": _places("floor top"),
    "cup": _places("floor top ground"),
    "ball": _places("floor top ground"),
    "umbrella": _places("floor ground"),
}
"""Where an object may stand: on the ground, on water, in the sky, on a floor, on a table top."""

HOLDS: dict[str, tuple[str, ...]] = {
    "boat": ("person", "cat", "dog", "rabbit"),
    "tent": ("cat", "dog", "rabbit", "person"),
    "cup": ("flower",),
}
"""What may be seen inside a container."""

SHADOW: dict[str, tuple[int, int]] = {
    "person": (14, 86), "cat": (4, 92), "dog": (10, 90), "rabbit": (6, 94), "horse": (10, 78),
    "house": (-2, 102), "tower": (2, 98), "castle": (-2, 102), "tent": (0, 100), "car": (-2, 102),
    "boat": (14, 86), "tree": (18, 82), "pine": (10, 90), "flower": (24, 76), "cactus": (22, 78),
    "mushroom": (18, 82), "table": (4, 96), "chair": (2, 98), "lamp": (20, 80), "cup": (6, 72),
    "ball": (10, 90), "umbrella": (30, 70),
}  # fmt: skip
"""Objects that throw a contact shadow, which `draw` paints: its ends in percent of the width."""

_OPENING: dict[str, Box] = {
    "boat": (0.08, 0.22, 0.56, 0.82),
    "tent": (0.36, 0.56, 0.64, 0.98),
    "cup": (0.1, -1.1, 0.68, 0.6),
}

_DRAW: dict[str, Callable[[Pen, Look], None]] = {
    "person": people.person,
    "cat": animals.cat, "dog": animals.dog, "rabbit": animals.rabbit, "horse": animals.horse,
    "bird": animals.bird,
    "house": buildings.house, "tower": buildings.tower, "castle": buildings.castle,
    "tent": buildings.tent,
    "car": vehicles.car, "boat": vehicles.boat, "balloon": vehicles.balloon,
    "tree": plants.tree, "pine": plants.pine, "flower": plants.flower, "cactus": plants.cactus,
    "mushroom": plants.mushroom,
    "sun": heavens.sun, "moon": heavens.moon, "star": heavens.star, "cloud": heavens.cloud,
    "table": household.table, "chair": household.chair, "lamp": household.lamp,
    "cup": household.cup, "ball": household.ball, "umbrella": household.umbrella,
}  # fmt: skip

_DRAW_FRONT: dict[str, Callable[[Pen, Look], None]] = {
    "boat": vehicles.boat_front, "tent": buildings.tent_front, "cup": household.cup_front,
}  # fmt: skip


def opening(kind: str) -> Box:
    """The local box of the container ``kind`` in which a held thing is drawn.

    The thing's foot belongs at the bottom of it. It may reach above the container (a flower stands
    out of its cup). Raises KeyError for what holds nothing.
    """
    return _OPENING[kind]


def draw(pen: Pen, kind: str, color: str | None, *, season: str, time: str, variant: float) -> None:
    """Draw the object ``kind`` so that it fills the pen's box; of a container, the back part.

    ``color`` None means the natural color. Raises KeyError for an unknown kind or color.
    """
    paint, look = _DRAW[kind], Look(color, season, time, variant)
    if kind in SHADOW:
        shadow(pen, *SHADOW[kind])
    paint(pen, look)


def draw_front(
    pen: Pen, kind: str, color: str | None, *, season: str, time: str, variant: float
) -> None:
    """Draw what lies in front of the thing that a container holds; nothing for other kinds."""
    if kind in _DRAW_FRONT:
        _DRAW_FRONT[kind](pen, Look(color, season, time, variant))
