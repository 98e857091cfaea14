"""People."""

from __future__ import annotations

from ..canvas import Color, Pen
from ..palette import Tones
from .shapes import INK, Look, disc, fill, fill_lit

SKIN: tuple[Tones, ...] = tuple(
    Tones.of(c) for c in ((244, 202, 166), (226, 172, 128), (178, 122, 86), (138, 92, 66))
)
HAIR: tuple[Color, ...] = ((58, 42, 40), (104, 66, 42), (40, 36, 44), (168, 112, 56))


def person(pen: Pen, look: Look) -> None:
    coat = look.tones(look.pick("blue", "red", "green", "orange", "purple"))
    skin = SKIN[int(look.variant * 37) % 4]
    hair = HAIR[int(look.variant * 91) % (4 if skin in SKIN[:2] else 1)]
    dark = look.color in ("black", "blue", "purple", "gray")
    trousers = Tones.of((124, 104, 90) if dark else (62, 66, 92))
    dress = look.variant >= 0.5
    if dress:
        fill(pen, "M 20 14 C 12 26 12 32 16 39 L 84 39 C 88 32 88 26 80 14", hair)
        fill(pen, "M 33 72 L 46 72 L 46 97 L 36 97", skin.base)
        fill(pen, "M 54 72 L 67 72 L 64 97 L 54 97", skin.shade)
    else:
        fill(pen, "M 25 64 L 50 64 L 48 97 L 28 97", trousers.base)
        fill(pen, "M 50 64 L 75 64 L 72 97 L 52 97", trousers.shade)
    fill(pen, "M 20 100 C 20 95 30 94 47 95 L 47 100", INK)
    fill(pen, "M 80 100 C 80 95 70 94 53 95 L 53 100", INK)
    disc(pen, 8, 61, 3.3, skin.base)
    disc(pen, 92, 61, 3.3, skin.base)
    fill(pen, "M 34 29 C 18 30 12 38 8 45 L 0 59 Q 6 63 15 62 L 34 46", coat.shade)
    fill(pen, "M 66 29 C 82 30 88 38 92 45 L 100 59 Q 94 63 85 62 L 66 46", coat.shade)
    if dress:
        fill(
            pen,
            "M 36 28 L 64 28 C 76 29 78 34 74 47 L 93 79 Q 50 86 7 79 L 26 47 C 22 34 24 29 36 28",
            coat.base,
        )
        fill_lit(
            pen, "M 56 28 L 64 28 C 76 29 78 34 74 47 L 93 79 Q 80 82 64 83 L 59 49", coat.shade
        )
        fill(pen, "M 26.5 46 L 73.5 46 L 76 49.5 L 24 49.5", coat.deep)
    else:
        fill(
            pen,
            "M 36 28 L 64 28 C 78 29 80 35 80 43 L 83 72 L 17 72 L 20 43 C 20 35 22 29 36 28",
            coat.base,
        )
        fill_lit(pen, "M 57 28 L 64 28 C 78 29 80 35 80 43 L 83 72 L 60 72", coat.shade)
        fill(pen, "M 48 32 L 51 32 L 51 72 L 48 72", coat.deep)
    fill(pen, "M 41 23 L 59 23 L 60 28 Q 50 33 40 28", skin.shade)
    disc(pen, 50, 14.4, 11.2, skin.base)
    if dress:
        fill(
            pen,
            "M 20 21 C 12 4 30 0 50 0 C 70 0 88 4 80 21 C 76 14 70 10 62 7 C 50 12 30 10 20 21",
            hair,
        )
    else:
        fill(
            pen,
            "M 21 15 C 14 3 30 0 50 0 C 72 0 86 4 79 15 C 76 11 74 9 68 8 C 54 10 36 8 30 9 "
            "C 26 10 23 12 21 15",
            hair,
        )
    if pen.height * pen.canvas.size > 36:
        disc(pen, 38, 15.6, 1.35, INK)
        disc(pen, 62, 15.6, 1.35, INK)
