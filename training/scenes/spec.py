"""What a scene is, before it is drawn: plain frozen data, the ground truth of every picture.

Coordinates are fractions of the picture: x grows to the right, y downwards, both in [0, 1].
All words are the canonical names of ``danqing.tools.world``.
"""

from __future__ import annotations

from dataclasses import dataclass

from danqing.tools.geometry import Box


@dataclass(frozen=True)
class Thing:
    """One object in the picture.

    ``box`` is where it is to be drawn (the drawn pixels stay inside it, up to antialiasing);
    ``color`` is one of the eleven colour names or None where the object has its own colour;
    ``inside`` is the index of the thing that holds it, or None; ``flip`` mirrors the drawing;
    ``variant`` in [0, 1) lets a drawing choose among small differences.
    """

    kind: str
    box: Box
    color: str | None = None
    inside: int | None = None
    flip: bool = False
    variant: float = 0.0


@dataclass(frozen=True)
class Scene:
    """A whole picture. ``things`` are in painting order, the farthest first.

    ``horizon`` is the y of the line where ground (or sea, or floor) meets sky (or wall).
    """

    seed: int
    setting: str
    season: str
    time: str
    weather: str
    style: str
    horizon: float
    things: tuple[Thing, ...]
