"""What every drawing needs: shapes in its own box, and how the object is to look."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import cos, dist, pi, sin

from ..canvas import Color, Pen, Point
from ..palette import TONES, Tones

WARM: Color = (255, 206, 104)  # lamplight behind a window
INK: Color = (40, 36, 44)  # eyes, tires, the darkest accents
SNOW: Color = (246, 249, 253)
WOOD = TONES["brown"]
METAL = Tones.of((128, 134, 146))


@dataclass(frozen=True)
class Look:
    """How an object is to be drawn; the words are those of the world, ``variant`` is in [0, 1)."""

    color: str | None
    season: str
    time: str
    variant: float

    @property
    def night(self) -> bool:
        return self.time == "night"

    @property
    def snowy(self) -> bool:
        return self.season == "winter"

    def tones(self, natural: str | Tones) -> Tones:
        """The tones of the stated color, or of the ``natural`` one where none is stated."""
        if self.color is not None:
            return TONES[self.color]
        return TONES[natural] if isinstance(natural, str) else natural

    def pick(self, *choices: str) -> str:
        """One of ``choices`` by the variant."""
        return choices[int(self.variant * 997) % len(choices)]


@cache
def path(outline: str) -> tuple[Point, ...]:
    """The points of an outline written as in SVG (M L Q C, absolute), in percent of the box."""
    points: list[Point] = []
    for command, numbers in re.findall(r"([MLQC])([^MLQC]*)", outline):
        v = [float(n) / 100 for n in numbers.split()]
        step = {"M": 1, "L": 1, "Q": 2, "C": 3}[command]
        knots = list(zip(v[::2], v[1::2], strict=True))
        for i in range(0, len(knots), step):
            if step == 1:
                points.append(knots[i])
            else:
                points += _curve([points[-1], *knots[i : i + step]])
    return tuple(points)


def _curve(knots: list[Point]) -> list[Point]:
    """A Bezier curve of degree len(knots) - 1, without its first point (de Casteljau)."""
    length = sum(dist(a, b) for a, b in pairwise(knots))
    steps = min(max(round(14 * length), 5), 16)
    points = []
    for k in range(1, steps + 1):
        t, level = k / steps, knots
        while len(level) > 1:
            level = [
                (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for a, b in pairwise(level)
            ]
        points.append(level[0])
    return points


@cache
def _circle(points: int) -> tuple[Point, ...]:
    return tuple((cos(2 * pi * k / points), sin(2 * pi * k / points)) for k in range(points))


def fill(pen: Pen, outline: str, color: Color, *, lit: bool = True) -> None:
    """Fill an outline given as for `path`."""
    pen.polygon(path(outline), color, lit=lit)


def fill_lit(pen: Pen, outline: str, color: Color, *, lit: bool = True) -> None:
    """Fill an outline drawn for light from the left; it is mirrored when the light is elsewhere."""
    points: Iterable[Point] = path(outline)
    if not pen.lit_from_left:
        points = [(1.0 - x, y) for x, y in points]
    pen.polygon(points, color, lit=lit)


def oval(
    pen: Pen, x: float, y: float, rx: float, ry: float, color: Color, *, lit: bool = True
) -> None:
    """Fill an ellipse; center and radii in percent of the box's width and height."""
    x, y, rx, ry = x / 100, y / 100, rx / 100, ry / 100
    pixels = max(rx * pen.width, ry * pen.height) * pen.canvas.size
    n = 10 if pixels < 5 else 20 if pixels < 25 else 40
    pen.polygon([(x + rx * c, y + ry * s) for c, s in _circle(n)], color, lit=lit)


def disc(pen: Pen, x: float, y: float, radius: float, color: Color, *, lit: bool = True) -> None:
    """Fill a true circle; ``radius`` in percent of the box's height."""
    oval(pen, x, y, radius * pen.height / pen.width, radius, color, lit=lit)


def shadow(pen: Pen, left: float, right: float) -> None:
    """A soft contact shadow under the foot of the box, between two x in percent."""
    half = (right - left) / 200
    ry = min(0.06, 0.12 * half * pen.width / pen.height + 0.012)  # flat under wide and narrow alike
    pen.glow(((left + right) / 200, 0.985), (half * 1.12, ry), (22, 28, 58), 0.42)
