"""The objects of the world: what they hold, what shadow they throw, their drawings.

Their proportions and where they may stand are in ``danqing.agent.composition``.

A drawing fills its box: the box is the ground truth of where the object is. Only halos and
contact shadows reach beyond it, and those mark nothing in `Canvas.ids`.
"""

from __future__ import annotations

from collections.abc import Callable

from .canvas import Pen
from .drawings import animals, buildings, heavens, household, people, plants, vehicles
from .drawings.shapes import Look, shadow

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
