"""Plants, which know the season."""

from __future__ import annotations

from ..canvas import Color, Pen
from ..palette import TONES, Tones
from .shapes import SNOW, WOOD, Look, disc, fill, fill_lit, oval

FOLIAGE: dict[str, Tones] = {
    "spring": Tones((168, 208, 108), (132, 186, 88), (96, 156, 78), (64, 116, 64)),
    "summer": Tones((92, 160, 84), (58, 128, 70), (40, 100, 62), (30, 76, 52)),
    "autumn": Tones((246, 176, 72), (228, 136, 48), (196, 98, 40), (150, 70, 36)),
    "winter": Tones.of((160, 170, 180)),
}
LEAF = Tones.of((82, 150, 78))
BLOSSOM: Color = (250, 188, 208)


def tree(pen: Pen, look: Look) -> None:
    if look.color is None and look.snowy:
        _bare_tree(pen)
        return
    leaf = look.tones(FOLIAGE[look.season])
    fill(pen, "M 40 100 C 45 90 45 76 44 60 L 56 60 C 55 76 55 90 60 100", WOOD.base)
    fill_lit(pen, "M 51 60 L 56 60 C 55 76 55 90 60 100 L 52 100", WOOD.shade)
    fill(pen, "M 46 74 L 30 58 L 34 56 L 47 66", WOOD.base)
    near, far = (26, 74) if pen.lit_from_left else (74, 26)
    oval(pen, far, 47, 26, 20, leaf.shade)
    oval(pen, 50, 56, 34, 15, leaf.shade)
    oval(pen, near, 46, 26, 20, leaf.base)
    oval(pen, 50, 27, 36, 27, leaf.base)
    oval(pen, 50 + (near - 50) * 0.5, 16, 17, 11, leaf.light)
    oval(pen, 50 + (near - 50) * 1.3, 40, 12, 9, leaf.light)
    oval(pen, 52, 42, 15, 8, leaf.light)
    if look.color is None and look.season == "spring":
        for x, y in ((30, 22), (58, 12), (66, 32), (16, 48), (42, 50), (84, 46), (60, 58)):
            disc(pen, x, y, 3.6, BLOSSOM)
    if look.snowy:
        fill(
            pen,
            "M 16 20 C 20 6 34 0 50 0 C 66 0 80 6 84 20 Q 76 14 68 18 "
            "Q 58 9 48 15 Q 36 9 30 18 Q 22 14 16 20",
            SNOW,
        )


def _bare_tree(pen: Pen) -> None:
    bark = Tones.of((112, 84, 70))
    for outline in (
        "M 38 100 C 45 88 46 70 45 50 L 48 22 L 50 0 L 53 22 L 56 50 C 55 70 55 88 62 100",
        "M 46 66 C 36 52 24 46 14 28 L 16 27 C 28 42 40 46 49 58",
        "M 54 60 C 64 46 76 42 86 22 L 84 21 C 74 36 62 42 53 50",
        "M 26 46 C 14 42 6 40 0 38 L 0 36.4 C 10 37 20 38 30 43",
        "M 74 44 C 86 42 94 42 100 40 L 100 38.4 C 90 39 82 39 72 40",
        "M 28 44 C 30 32 30 20 26 10 L 28 9.4 C 34 20 34 34 33 47",
        "M 71 40 C 70 28 72 16 77 8 L 75 7.4 C 68 16 66 28 67 42",
        "M 49 40 C 44 30 40 20 38 5 L 40 4.6 C 43 18 48 26 51 32",
    ):
        fill(pen, outline, bark.base)
    fill_lit(pen, "M 51 40 L 56 50 C 55 70 55 88 62 100 L 53 100", bark.shade)
    for outline in (
        "M 14 28 C 22 40 32 46 42 52 C 32 44 24 38 16 27",
        "M 86 22 C 78 36 70 42 60 47 C 68 38 76 34 84 21",
        "M 40 60 C 36 52 34 50 30 48 C 38 47 44 52 48 58",
        "M 0 36.4 C 10 37 20 38 30 43 C 20 40 10 39 0 38",
        "M 100 38.4 C 90 39 82 39 72 40 C 82 41 90 41 100 40",
    ):
        fill(pen, outline, SNOW)


def pine(pen: Pen, look: Look) -> None:
    leaf = Tones((88, 150, 104), (46, 108, 76), (32, 82, 64), (24, 62, 52))
    fill(pen, "M 43 84 L 57 84 L 59 100 L 41 100", WOOD.shade)
    for top, foot, half in ((38, 90, 50), (20, 68, 42), (0, 46, 33)):
        left, right, mid = 50 - half, 50 + half, half / 2
        fill(
            pen,
            f"M 50 {top} L {right} {foot - 3} Q {50 + mid} {foot + 4} 50 {foot} "
            f"Q {50 - mid} {foot + 4} {left} {foot - 3}",
            leaf.base,
        )
        fill_lit(
            pen,
            f"M 50 {top} L {right} {foot - 3} Q {50 + mid} {foot + 4} 56 {foot} "
            f"Q 60 {(top + foot) / 2} 50 {top}",
            leaf.shade,
        )
        if look.snowy:
            for side in (-1, 1):
                tip, knee = 50 + side * half, 50 + side * half * 0.5
                fill(
                    pen,
                    f"M {tip} {foot - 3} L {knee} {(top + foot) / 2 - 1.5} "
                    f"Q {knee - side * 8} {foot - 12} {knee + side * 4} {foot - 9} "
                    f"Q {knee + side * half * 0.25} {foot - 1} {tip} {foot - 3}",
                    SNOW,
                )
    if look.snowy:
        fill(pen, "M 50 0 L 61.5 16 Q 56 21 52 15 Q 46 22 38.5 16", SNOW)


def flower(pen: Pen, look: Look) -> None:
    petal = look.tones(look.pick("pink", "purple", "red"))
    heart = (240, 196, 60) if look.color not in ("yellow", "orange") else (134, 84, 46)
    fill(pen, "M 47 40 L 53 40 C 54 64 53 84 54 100 L 47 100 C 47 84 48 64 47 40", LEAF.shade)
    fill(pen, "M 50 90 C 30 90 12 80 10 64 C 30 66 46 74 50 90", LEAF.base)
    fill(pen, "M 51 84 C 66 84 86 76 90 60 C 70 60 56 70 51 84", LEAF.base)
    r = 0.5 * pen.width / pen.height * 100  # the head is as wide as the box, and round
    cy = r
    for k, (dx, dy) in enumerate(
        ((0.0, -1), (0.951, -0.309), (0.588, 0.809), (-0.588, 0.809), (-0.951, -0.309))
    ):
        x, y = 50 + dx * 28, cy + dy * r * 0.56
        dark = k in ((1, 2) if pen.lit_from_left else (3, 4))
        disc(pen, x, y, r * 0.43, petal.shade if dark else petal.base)
    disc(pen, 50, cy, r * 0.42, petal.light)
    disc(pen, 50, cy, r * 0.27, heart)


def cactus(pen: Pen, look: Look) -> None:
    skin = Tones((112, 176, 104), (68, 140, 84), (46, 112, 74), (34, 88, 62))
    fill(
        pen,
        "M 0 34 C 0 24 19 24 19 34 L 19 48 C 19 54 24 56 36 56 L 36 71 C 12 71 0 66 0 52",
        skin.base,
    )
    fill(
        pen,
        "M 100 24 C 100 14 82 14 82 24 L 82 42 C 82 48 76 50 64 50 L 64 65 C 88 65 100 60 100 46",
        skin.base,
    )
    fill(pen, "M 33 18 C 33 -6 67 -6 67 18 L 67 100 L 33 100", skin.base)
    fill_lit(pen, "M 55 2 C 64 5 67 10 67 18 L 67 100 L 55 100", skin.shade)
    a, b = (38, 42) if pen.lit_from_left else (58, 62)
    fill(pen, f"M {a} 14 L {b} 12 L {b} 94 L {a} 94", skin.light)
    for x, y in ((49, 24), (48, 40), (50, 58), (48, 76), (9, 40), (91, 32)):
        fill(pen, f"M {x - 3} {y} L {x} {y - 3} L {x + 3} {y} L {x} {y + 1}", (232, 240, 208))
    if look.variant < 0.5 or look.season == "spring":
        disc(pen, 50, 4, 4, TONES["pink"].base)
    if look.snowy:
        fill(pen, "M 33 16 C 33 -5 67 -5 67 16 Q 60 9 54 15 Q 44 8 33 16", SNOW)


def mushroom(pen: Pen, look: Look) -> None:
    cap = look.tones("red")
    spot = (252, 248, 236) if look.color not in ("white", "yellow") else (206, 160, 120)
    fill(pen, "M 36 54 L 64 54 C 62 74 66 84 70 100 L 30 100 C 34 84 38 74 36 54", (246, 234, 210))
    fill_lit(
        pen, "M 54 54 L 64 54 C 62 74 66 84 70 100 L 56 100 C 56 84 56 70 54 54", (220, 202, 176)
    )
    fill(
        pen,
        "M 0 52 C 0 18 24 0 50 0 C 76 0 100 18 100 52 C 100 64 74 68 50 68 C 26 68 0 64 0 52",
        cap.base,
    )
    fill_lit(
        pen, "M 62 1.4 C 84 6 100 24 100 52 C 100 64 74 68 50 68 C 72 62 86 34 62 1.4", cap.shade
    )
    fill(
        pen, "M 20 61 C 36 56 64 56 80 61 C 70 66 60 68 50 68 C 40 68 30 66 20 61", (228, 210, 184)
    )
    for x, y, rx, ry in ((48, 14, 9, 6.5), (24, 34, 8.5, 8.5), (60, 40, 10, 9), (84, 34, 6, 8)):
        oval(pen, x, y, rx, ry, spot)
