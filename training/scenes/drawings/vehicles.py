"""Vehicles."""

from __future__ import annotations

from ..canvas import Color, Pen
from ..palette import Tones
from .shapes import INK, METAL, WARM, WOOD, Look, disc, fill, fill_lit, oval

SAIL: tuple[Color, Color] = ((250, 244, 228), (226, 218, 204))


def car(pen: Pen, look: Look) -> None:
    body = look.tones(look.pick("red", "blue", "yellow"))
    glass = (150, 190, 208) if look.color != "blue" else (188, 212, 220)
    fill(pen, "M 14 46 C 18 14 24 2 36 0 L 56 0 C 68 2 74 18 80 44", body.base)
    fill(pen, "M 22 44 C 25 22 29 11 36 9 L 45 9 L 45 44", glass)
    fill(pen, "M 49 9 L 56 9 C 64 11 69 26 73 44 L 49 44", glass)
    fill(pen, "M 60 11 C 65 17 69 28 72 40 L 62 40 L 54 9", (196, 222, 230))
    fill(
        pen,
        "M 2 52 C 4 44 10 42 18 42 L 78 42 C 92 44 99 52 100 64 L 100 78 C 99 84 96 85 92 85 "
        "L 6 85 C 2 85 0 82 0 76",
        body.base,
    )
    fill(pen, "M 0 68 L 100 68 L 100 78 C 99 84 96 85 92 85 L 6 85 C 2 85 0 82 0 76", body.shade)
    fill(pen, "M 46.4 44 L 47.8 44 L 47.8 80 L 46.4 80", body.deep)
    fill(pen, "M 51 51 L 59 51 L 59 55 L 51 55", body.deep)
    fill(
        pen,
        "M 92 52 C 97 54 99 59 99 64 L 93 64 C 90 60 90 55 92 52",
        (255, 240, 180),
        lit=not look.night,
    )
    fill(
        pen,
        "M 1.5 52 L 6 52 L 6 62 L 0.8 62",
        (190, 40, 44) if look.color != "red" else (250, 170, 80),
    )
    if look.night:
        pen.glow((0.97, 0.58), (0.14, 0.3), WARM, 0.6)
    for x in (23, 77):
        disc(pen, x, 81, 19, INK)
        disc(pen, x, 81, 9.5, METAL.light)
        disc(pen, x, 81, 4, METAL.shade)


def boat(pen: Pen, look: Look) -> None:
    hull = look.tones(look.pick("red", "blue", "brown"))
    stripe = hull.base if look.color not in ("white", "gray", "black") else (196, 74, 62)
    fill(pen, "M 57 1 L 60 1 L 60 72 L 57 72", WOOD.base)
    fill(pen, "M 56 2 C 44 26 26 46 7 60 L 56 60", SAIL[0])
    fill(pen, "M 56 38 L 33.5 38 C 27.5 44.5 22 49 16 53.4 L 56 53.4", stripe)
    fill_lit(
        pen,
        "M 61.5 10 C 74 26 84 42 93 60 L 61.5 60"
        if pen.lit_from_left
        else "M 38.5 10 C 26 26 16 42 7 60 L 38.5 60",
        SAIL[1],
    )
    fill(pen, "M 60 0 L 72 4 L 60 8", hull.shade)
    fill(pen, "M 4 66 L 96 66 L 90 76 L 10 76", hull.deep)


def boat_front(pen: Pen, look: Look) -> None:
    hull = look.tones(look.pick("red", "blue", "brown"))
    fill(
        pen,
        "M 0 66 C 20 71 80 71 100 64 C 98 82 90 96 80 100 L 20 100 C 10 96 3 82 0 66",
        hull.base,
    )
    fill(
        pen,
        "M 6 84 C 30 88 70 88 94 84 C 90 92 86 97 80 100 L 20 100 C 14 97 9 92 6 84",
        hull.shade,
    )
    fill(pen, "M 0 66 C 20 71 80 71 100 64 L 99 71 C 80 77 20 77 1.5 72", hull.light)
    for x in (28, 50, 72):
        disc(pen, x, 81, 2.6, hull.deep)


def balloon(pen: Pen, look: Look) -> None:
    silk = look.tones(look.pick("red", "orange", "purple"))
    if look.color == "white":
        silk = Tones(silk.shade, silk.base, silk.deep, silk.deep)
    shade, light = (silk.shade, silk.light) if pen.lit_from_left else (silk.light, silk.shade)
    for x in (40, 60):
        pen.line([(0.5 + (x - 50) * 0.018, 0.72), (x / 100, 0.88)], INK, 0.012)
    fill(
        pen,
        "M 50 0 C 80 0 100 16 100 36 C 100 54 72 66 63 78 L 37 78 C 28 66 0 54 0 36 "
        "C 0 16 20 0 50 0",
        light,
    )
    fill(
        pen,
        "M 50 0 C 80 0 100 16 100 36 C 100 54 72 66 63 78 L 56 78 C 64 64 82 54 82 36 "
        "C 82 16 66 4 50 0",
        shade,
    )
    fill(
        pen,
        "M 50 0 C 66 4 84 16 84 36 C 84 54 64 66 57 78 L 43 78 C 36 66 16 54 16 36 "
        "C 16 16 34 4 50 0",
        silk.base,
    )
    fill(
        pen,
        "M 50 0 C 58 6 66 18 66 36 C 66 54 56 66 53 78 L 47 78 C 44 66 34 54 34 36 "
        "C 34 18 42 6 50 0",
        silk.light,
    )
    fill(pen, "M 37 77 L 63 77 L 61 80.5 L 39 80.5", silk.deep)
    fill(pen, "M 36 87 L 64 87 L 61 98 Q 60 100 57 100 L 43 100 Q 40 100 39 98", WOOD.light)
    fill_lit(pen, "M 54 87 L 64 87 L 61 98 Q 60 100 57 100 L 54 100", WOOD.base)
    fill(pen, "M 34.5 86 L 65.5 86 L 65.5 89 L 34.5 89", WOOD.shade)
    if look.night:
        oval(pen, 50, 82.5, 4, 2.2, WARM, lit=False)
