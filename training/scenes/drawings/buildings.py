"""Buildings, whose windows glow at night."""

from __future__ import annotations

from ..canvas import Color, Pen, mix
from ..palette import Tones
from .shapes import INK, SNOW, WARM, WOOD, Look, fill, fill_lit, oval

TERRACOTTA = Tones.of((184, 88, 62))
SLATE = Tones.of((84, 94, 116))
STONE = Tones.of((196, 184, 164))
CREAM = Tones.of((238, 220, 184))
GLASS: Color = (150, 186, 204)


def _roof(look: Look) -> Tones:
    """A roof that stands out from the walls."""
    return SLATE if look.color in ("red", "orange", "brown", "pink", "yellow") else TERRACOTTA


def _window(pen: Pen, look: Look, x: float, y: float, frame: Color) -> None:
    """A window of ten by twenty percent of a house, with its top left corner at (x, y)."""
    pane, lit = (WARM, False) if look.night else (GLASS, True)
    x0, y0, x1, y1 = x / 100, y / 100, x / 100 + 0.1, y / 100 + 0.2
    pen.rectangle((x0 - 0.014, y0 - 0.017, x1 + 0.014, y1 + 0.017), frame)
    pen.rectangle((x0, y0, x1, y1), pane, lit=lit)
    if pen.width * pen.canvas.size > 60:
        pen.rectangle((x0 + 0.044, y0, x0 + 0.056, y1), frame)
        pen.rectangle((x0, y0 + 0.08, x1, y0 + 0.095), frame)


def house(pen: Pen, look: Look) -> None:
    wall, roof = look.tones(CREAM), _roof(look)
    trim = (250, 247, 240) if look.color != "white" else (150, 160, 172)
    left = pen.lit_from_left
    gable, side = (wall.base, wall.shade) if left else (wall.shade, wall.base)
    fill(pen, "M 76 6 L 86 6 L 86 30 L 76 30", TERRACOTTA.shade if roof is SLATE else SLATE.base)
    fill(pen, "M 40 44 L 97 44 L 97 100 L 40 100", side)
    fill(pen, "M 51 47 L 97 47 L 97 51 L 51 51", wall.deep)
    fill(pen, "M 3 44 L 27 10 L 51 44 L 51 100 L 3 100", gable)
    fill(pen, "M 27 0 L 84 0 L 100 47 L 55 47 L 27 8", roof.base if left else roof.light)
    if look.snowy:
        fill(pen, "M 27 0 L 84 0 L 91 20 Q 84 28 78 19 Q 70 28 62 18 Q 54 26 47 18 L 38 18", SNOW)
    fill(pen, "M 27 0 L 0 46 L 5 49 L 27 12 L 50 49 L 55 46", roof.shade)
    fill(
        pen,
        "M 19 100 L 19 70 Q 27 61 35 70 L 35 100",
        WOOD.deep if look.color != "brown" else SLATE.base,
    )
    oval(pen, 27, 36, 5, 5.6, WARM if look.night else GLASS, lit=not look.night)
    _window(pen, look, 60, 61, trim)
    _window(pen, look, 80, 61, trim)


def tower(pen: Pen, look: Look) -> None:
    wall, roof = look.tones(STONE), _roof(look)
    pointed = look.variant < 0.6
    top = 30 if pointed else 8
    fill(pen, f"M 20 {top} L 80 {top} L 88 100 L 12 100", wall.base)
    fill_lit(pen, f"M 58 {top} L 80 {top} L 88 100 L 60 100", wall.shade)
    if pointed:
        fill(pen, "M 50 0 L 100 31 Q 50 37 0 31", roof.base)
        fill_lit(pen, "M 50 0 L 100 31 Q 78 35 58 35", roof.shade)
        if look.snowy:
            fill(pen, "M 50 0 L 74 15.5 Q 64 20 56 15 Q 44 21 26 15.5", SNOW)
        y = 34
    else:
        fill(
            pen,
            "M 2 0 L 22 0 L 22 6 L 39 6 L 39 0 L 61 0 L 61 6 L 78 6 L 78 0 L 98 0 L 98 16 "
            "L 82 21 L 18 21 L 2 16",
            wall.base,
        )
        fill_lit(pen, "M 61 6 L 78 6 L 78 0 L 98 0 L 98 16 L 82 21 L 58 21 L 58 6", wall.shade)
        fill(pen, "M 18 21 L 82 21 L 82.5 24 L 17.5 24", wall.deep)
        y = 30
    pane, lit = (WARM, False) if look.night else (INK, True)
    for sill in (y + 19, y + 41):
        fill(
            pen,
            f"M 42 {sill} L 42 {sill - 8} Q 50 {sill - 15} 58 {sill - 8} L 58 {sill}",
            pane,
            lit=lit,
        )
    fill(pen, "M 34 100 L 34 87 Q 50 77 66 87 L 66 100", WOOD.deep)
    fill_lit(pen, "M 22 50 L 32 50 L 32 52.5 L 22 52.5", wall.shade)
    fill_lit(pen, "M 66 72 L 78 72 L 78 74.5 L 66 74.5", wall.deep)


def castle(pen: Pen, look: Look) -> None:
    wall, roof = look.tones(STONE), _roof(look)
    pane, lit = (WARM, False) if look.night else (INK, True)
    # the keep behind, with the highest roof
    fill(pen, "M 38 28 L 62 28 L 62 60 L 38 60", wall.base)
    fill_lit(pen, "M 52 28 L 62 28 L 62 60 L 52 60", wall.shade)
    fill(pen, "M 50 6 L 67 29 L 33 29", roof.base)
    fill_lit(pen, "M 50 6 L 67 29 L 53 29", roof.shade)
    fill(
        pen,
        "M 49.2 0 L 62 3 L 50.8 6.5 L 50.8 9 L 49.2 9",
        (206, 64, 56) if look.color != "red" else (246, 204, 62),
    )
    if look.snowy:
        fill(pen, "M 50 6 L 57 15.5 Q 50 21 43 15.5", SNOW)
    # the curtain wall with its battlements
    fill(
        pen,
        "M 18 52 L 26 52 L 26 57 L 32 57 L 32 52 L 40 52 L 40 57 L 46 57 L 46 52 L 54 52 "
        "L 54 57 L 60 57 L 60 52 L 68 52 L 68 57 L 74 57 L 74 52 L 82 52 L 82 100 L 18 100",
        wall.light,
    )
    for x in (3, 75):
        fill(pen, f"M {x} 38 L {x + 22} 38 L {x + 22} 100 L {x} 100", wall.base)
        a, b = (x + 13, x + 22) if pen.lit_from_left else (x, x + 9)
        fill(pen, f"M {a} 38 L {b} 38 L {b} 100 L {a} 100", wall.shade)
        fill(pen, f"M {x + 11} 12 L {x + 25} 40 L {x - 3} 40", roof.base)
        a = x + 25 if pen.lit_from_left else x - 3
        fill(pen, f"M {x + 11} 12 L {a} 40 L {x + 11} 40", roof.shade)
        if look.snowy:
            fill(pen, f"M {x + 11} 12 L {x + 17} 24 Q {x + 11} 29 {x + 5} 24", SNOW)
        fill(
            pen, f"M {x + 8} 60 L {x + 8} 52 Q {x + 11} 47 {x + 14} 52 L {x + 14} 60", pane, lit=lit
        )
    fill(pen, "M 38 100 L 38 79 C 38 66 62 66 62 79 L 62 100", wall.deep)
    fill(pen, "M 41 100 L 41 80 C 41 70 59 70 59 80 L 59 100", WOOD.deep)
    fill(pen, "M 47.5 46 L 47.5 40 Q 50 35 52.5 40 L 52.5 46", pane, lit=lit)


def tent(pen: Pen, look: Look) -> None:
    cloth = look.tones("orange")
    fill(pen, "M 50 3 L 97 96 L 100 100 L 0 100 L 3 96", cloth.base)
    fill_lit(pen, "M 50 3 L 97 96 L 100 100 L 56 100", cloth.shade)
    inner = (112, 98, 92) if look.color == "black" else mix(cloth.deep, (44, 38, 46), 0.5)
    if look.night:
        inner = (255, 214, 128)
    fill(pen, "M 50 19 L 77 100 L 23 100", inner, lit=not look.night)
    fill(pen, "M 48.6 0 L 51.4 0 L 54 6 L 46 6", WOOD.base)


def tent_front(pen: Pen, look: Look) -> None:
    cloth = look.tones("orange")
    left, right = (cloth.light, cloth.base) if pen.lit_from_left else (cloth.base, cloth.light)
    fill(pen, "M 50 12 Q 45 40 31 68 L 28 76 L 30 100 L 18 100", left)
    fill(pen, "M 50 12 Q 55 40 69 68 L 72 76 L 70 100 L 82 100", right)
    fill(pen, "M 22 74 L 31.5 69 L 32 74 L 23 79", cloth.deep)
    fill(pen, "M 78 74 L 68.5 69 L 68 74 L 77 79", cloth.deep)
