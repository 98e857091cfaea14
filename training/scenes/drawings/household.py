"""Things of a household."""

from __future__ import annotations

from ..canvas import Color, Pen
from .shapes import METAL, WOOD, Look, disc, fill, fill_lit, oval


def table(pen: Pen, look: Look) -> None:
    wood = look.tones("brown")
    for x in (14, 78):
        fill(pen, f"M {x} 20 L {x + 8} 20 L {x + 7} 88 L {x + 1} 88", wood.deep)
    fill(pen, "M 8 20 L 92 20 L 92 36 L 8 36", wood.shade)
    for x in (3, 87):
        fill(pen, f"M {x} 20 L {x + 10} 20 L {x + 8.5} 100 L {x + 1.5} 100", wood.base)
    fill(pen, "M 8 0 L 92 0 L 100 16 L 0 16", wood.light)
    fill(pen, "M 0 15 L 100 15 L 100 25 L 0 25", wood.base)


def chair(pen: Pen, look: Look) -> None:
    wood = look.tones("brown")
    fill(pen, "M 24 60 L 33 60 L 32 92 L 25 92", wood.deep)
    fill(pen, "M 74 60 L 83 60 L 82 92 L 75 92", wood.deep)
    fill(pen, "M 8 6 L 74 6 L 74 23 L 8 23", wood.base)
    fill(pen, "M 8 31 L 74 31 L 74 43 L 8 43", wood.base)
    fill(pen, "M 68 4 Q 68 0 73 0 Q 78 0 78 4 L 78 58 L 68 58", wood.shade)
    fill(pen, "M 0 4 Q 0 0 6 0 Q 12 0 12 4 L 13 100 L 3 100", wood.base)
    fill(pen, "M 2 53 L 76 53 L 100 63 L 100 66 L 2 66", wood.light)
    fill(pen, "M 0 63 L 100 63 L 100 71 L 0 71", wood.shade)
    fill(pen, "M 2 71 L 14 71 L 13 100 L 3 100", wood.base)
    fill(pen, "M 86 71 L 98 71 L 97 100 L 87 100", wood.base)


def lamp(pen: Pen, look: Look) -> None:
    shade = look.tones("yellow")
    on = look.night or look.time == "sunset"
    if on:
        pen.glow((0.5, 0.36), (1.3, 0.75), (255, 214, 120), 0.5)
    fill(pen, "M 46 44 L 54 44 L 54 92 L 46 92", METAL.shade)
    fill(pen, "M 20 100 C 20 92 36 91 50 91 C 64 91 80 92 80 100", METAL.shade)
    fill_lit(pen, "M 20 100 C 20 92 36 91 50 91 L 46 100", METAL.base)
    fill(pen, "M 28 0 L 72 0 L 100 54 L 0 54", shade.base, lit=not on)
    fill_lit(pen, "M 58 0 L 72 0 L 100 54 L 66 54", shade.shade, lit=not on)
    fill_lit(pen, "M 34 0 L 42 0 L 30 54 L 14 54", shade.light, lit=not on)
    fill(
        pen, "M 2 50.5 L 98 50.5 L 100 54 L 0 54", (255, 236, 176) if on else shade.deep, lit=not on
    )
    disc(pen, 50, 57, 4.6, (255, 236, 176) if on else (238, 232, 214), lit=not on)


def cup(pen: Pen, look: Look) -> None:
    clay = look.tones("white" if look.variant < 0.5 else "blue")
    fill(pen, "M 74 30 C 108 22 110 78 66 80 L 68 68 C 92 66 92 40 74 44", clay.shade)
    oval(pen, 39, 11, 39, 11, clay.shade)
    oval(pen, 39, 12, 33, 7.5, clay.deep)


def cup_front(pen: Pen, look: Look) -> None:
    clay = look.tones("white" if look.variant < 0.5 else "blue")
    fill(pen, "M 0 11 L 6 12 C 6 22 72 22 72 12 L 78 11 C 78 26 0 26 0 11", clay.light)
    fill(
        pen,
        "M 0 11 C 0 25.6 78 25.6 78 11 L 75 72 C 74 92 66 100 54 100 L 24 100 C 12 100 4 92 3 72",
        clay.base,
    )
    if pen.lit_from_left:
        fill(
            pen,
            "M 54 21 C 68 19.5 78 16 78 11 L 75 72 C 74 92 66 100 54 100 L 46 100 "
            "C 58 90 58 50 54 21",
            clay.shade,
        )
        fill(
            pen,
            "M 9 22 L 18 24 C 18 50 19 70 24 87 C 18 84 15 78 13 70 C 10 54 9 40 9 22",
            clay.light,
        )
    else:
        fill(
            pen,
            "M 24 21 C 10 19.5 0 16 0 11 L 3 72 C 4 92 12 100 24 100 L 32 100 C 20 90 20 50 24 21",
            clay.shade,
        )
        fill(
            pen,
            "M 69 22 L 60 24 C 60 50 59 70 54 87 C 60 84 63 78 65 70 C 68 54 69 40 69 22",
            clay.light,
        )


def ball(pen: Pen, look: Look) -> None:
    skin = look.tones(look.pick("red", "blue", "orange"))
    panel: Color = (250, 246, 236) if look.color not in ("white", "yellow") else (206, 80, 70)
    oval(pen, 50, 50, 50, 50, skin.base)
    fill_lit(
        pen,
        "M 88 17.5 C 96 27 100 38 100 50 C 100 78 78 100 50 100 C 36 100 24 94 16 86 "
        "C 52 94 88 62 88 17.5",
        skin.shade,
    )
    fill_lit(pen, "M 40 26 Q 66 54 67.1 97 Q 50 103.2 32.9 97 Q 42 60 40 26", panel)
    fill_lit(pen, "M 40 26 Q 58 8 73.5 5.9 Q 86.1 12.6 93.3 25 Q 68 15 40 26", panel)
    fill_lit(pen, "M 40 26 Q 18 20 4.7 28.9 Q -1.95 43.2 0.8 58.7 Q 16 32 40 26", panel)
    oval(pen, 40 if pen.lit_from_left else 60, 26, 6.5, 5.5, skin.light)


def umbrella(pen: Pen, look: Look) -> None:
    silk = look.tones(look.pick("red", "blue", "yellow"))
    handle = WOOD if look.color != "brown" else METAL
    fill(pen, "M 48.4 0 L 51.6 0 L 51.6 12 L 48.4 12", handle.shade)
    fill(
        pen,
        "M 48 40 L 52 40 L 52 88 C 52 96 48 100 41 100 C 34 100 30 96 30 88 L 34.4 88 "
        "C 34.4 93 37 95.6 41 95.6 C 45 95.6 48 93 48 88",
        handle.shade,
    )
    fill(
        pen,
        "M 0 58 C 0 24 22 5 50 5 C 78 5 100 24 100 58 Q 92 50 84 51 Q 74 51 67 58 Q 60 50 50 50 "
        "Q 40 50 33 58 Q 26 51 16 51 Q 8 50 0 58",
        silk.base,
    )
    fill(
        pen, "M 50 5 C 62 18 67 38 67 58 Q 60 50 50 50 Q 40 50 33 58 C 33 38 38 18 50 5", silk.light
    )
    fill_lit(
        pen,
        "M 50 5 C 78 5 100 24 100 58 Q 92 50 84 51 Q 74 51 67 58 C 67 38 62 18 50 5",
        silk.shade,
    )
