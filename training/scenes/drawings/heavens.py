"""The lights and clouds of the sky."""

from __future__ import annotations

from math import cos, pi, sin

from ..canvas import Color, Pen
from .shapes import Look, disc, fill

SUN: dict[str, tuple[Color, Color]] = {  # the disc, its heart
    "morning": ((255, 190, 92), (255, 220, 146)),
    "day": ((255, 202, 60), (255, 224, 116)),
    "sunset": ((250, 126, 66), (255, 162, 88)),
    "night": ((255, 196, 84), (255, 222, 130)),
}


def sun(pen: Pen, look: Look) -> None:
    rim, heart = SUN[look.time]
    pen.glow((0.5, 0.5), (0.9, 0.9), heart, 0.5)
    if look.variant < 0.6:
        points = []
        for k in range(24):
            r, a = (0.5, 0.33)[k % 2], 2 * pi * k / 24
            points.append((0.5 + r * cos(a), 0.5 + r * sin(a)))
        pen.polygon(points, rim, lit=False)
        disc(pen, 50, 50, 34, rim, lit=False)
        disc(pen, 50, 50, 29, heart, lit=False)
    else:
        disc(pen, 50, 50, 50, rim, lit=False)
        disc(pen, 50, 50, 41, heart, lit=False)


def moon(pen: Pen, look: Look) -> None:
    face, crater = (250, 240, 200), (226, 212, 170)
    pen.glow((0.5, 0.5), (0.9, 0.9), face, 0.4 if look.night else 0.2)
    if look.variant < 0.5:
        fill(
            pen,
            "M 62 0 C 26 4 0 26 0 54 C 0 82 22 100 50 100 C 74 100 94 88 100 66 "
            "C 88 76 72 78 58 72 C 34 62 30 26 62 0",
            face,
            lit=False,
        )
        return
    disc(pen, 50, 50, 50, face, lit=False)
    for x, y, r in ((34, 34, 11), (64, 58, 14), (60, 24, 6), (30, 68, 8)):
        disc(pen, x, y, r, crater, lit=False)


def star(pen: Pen, look: Look) -> None:
    color: Color = (255, 228, 120)
    pen.glow((0.5, 0.52), (0.8, 0.8), color, 0.35)
    points = []
    for k in range(10):
        r = 1.0 if k % 2 == 0 else 0.46
        a = pi * k / 5
        points.append((0.5 + 0.5257 * r * sin(a), 0.5528 - 0.5528 * r * cos(a)))
    pen.polygon(points, color, lit=False)
    for k in range(0, 10, 2):  # one half of every point in the shade, as if it were folded
        pen.polygon([points[k], points[k + 1], (0.5, 0.5528)], (250, 206, 84), lit=False)


def cloud(pen: Pen, look: Look) -> None:
    white, shade = (250, 252, 254), (210, 221, 235)
    fill(
        pen,
        "M 14 100 C -5 100 -4 58 14 56 C 14 28 22 0 40 0 C 52 0 58 10 60 22 "
        "C 72 12 82 24 84 50 C 104 50 106 100 86 100",
        white,
    )
    if pen.lit_from_left:
        fill(
            pen,
            "M 1.5 88 C 14 100 24 78 40 84 C 54 92 66 82 72 66 C 80 76 92 66 93 56 "
            "C 103 66 102 100 86 100 L 14 100 C 8 100 4 96 1.5 88",
            shade,
        )
    else:
        fill(
            pen,
            "M 4 61 C 6 72 18 74 26 62 C 32 80 46 92 60 84 C 76 78 86 98 98.6 86 "
            "C 96 96 92 100 86 100 L 14 100 C -2 100 -1 70 4 61",
            shade,
        )
