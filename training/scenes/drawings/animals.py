"""Animals, each with a silhouette of its own."""

from __future__ import annotations

from ..canvas import Pen, lighter, mix
from ..palette import TONES, Tones
from .shapes import INK, Look, disc, fill, fill_lit, oval

PINK = (232, 150, 150)


def _eye(look: Look) -> tuple[int, int, int]:
    return (240, 214, 130) if look.color == "black" else INK


def cat(pen: Pen, look: Look) -> None:
    fur = look.tones(look.pick("orange", "gray", "orange"))
    fill(
        pen,
        "M 60 99 C 92 101 104 82 96 60 C 93 50 95 44 100 41 C 92 33 80 39 82 54 "
        "C 84 70 88 84 66 86",
        fur.shade,
    )
    fill(
        pen,
        "M 48 40 C 70 44 80 68 79 86 C 79 96 74 100 64 100 L 12 100 C 5 100 4 95 6 88 "
        "C 8 68 14 50 24 42",
        fur.base,
    )
    fill(
        pen,
        "M 56 60 C 76 62 82 82 79 90 C 78 97 74 100 64 100 L 52 100 C 46 84 48 68 56 60",
        fur.shade,
    )
    oval(pen, 30, 64, 15, 16, fur.light)
    fill(pen, "M 12 100 C 10 95 14 93 19 93 C 24 93 28 95 27 100", fur.light)
    fill(pen, "M 32 100 C 31 95 35 93 40 93 C 45 93 49 95 48 100", fur.light)
    fill(pen, "M 3 30 C -1 18 1 6 6 0 C 15 3 24 8 28 13", fur.base)
    fill(pen, "M 71 30 C 75 18 73 6 68 0 C 59 3 50 8 46 13", fur.base)
    fill(pen, "M 8 20 C 5 14 7 9 9 6 L 22 14", PINK)
    fill(pen, "M 66 20 C 69 14 67 9 65 6 L 52 14", PINK)
    oval(pen, 37, 29, 37, 20, fur.base)
    fill_lit(
        pen,
        "M 34 9.4 L 40 9.4 L 38.5 19 L 35.5 19"
        if pen.lit_from_left
        else "M 60 9.4 L 66 9.4 L 64.5 19 L 61.5 19",
        fur.shade,
    )
    oval(pen, 37, 38, 15, 8, fur.light)
    oval(pen, 22, 28, 4.4, 4.4, _eye(look))
    oval(pen, 52, 28, 4.4, 4.4, _eye(look))
    fill(pen, "M 32 33.5 L 42 33.5 L 37 38", (206, 96, 104))


def dog(pen: Pen, look: Look) -> None:
    fur = look.tones("brown")
    fill(pen, "M 12 52 C 2 44 -2 30 2 20 C 6 18 9 22 8 28 C 8 36 14 42 22 44", fur.base)
    fill(pen, "M 26 62 L 37 62 L 36 100 L 25 100 C 24 96 26 92 27 88", fur.deep)
    fill(pen, "M 58 66 L 68 66 L 69 100 L 58 100", fur.deep)
    fill(
        pen,
        "M 10 56 C 10 46 18 42 28 42 L 58 42 L 66 22 L 84 34 C 82 44 78 52 76 60 L 74 100 "
        "L 63 100 L 62 74 C 52 78 40 76 34 72 C 30 80 26 84 24 88 L 23 100 L 12 100 "
        "C 12 88 14 80 11 70 C 10 66 10 60 10 56",
        fur.base,
    )
    fill(
        pen,
        "M 14 66 C 34 72 56 70 76 58 C 76 66 74 72 72 74 C 54 80 42 76 34 72 C 28 74 18 74 14 66",
        fur.shade,
    )
    fill(
        pen,
        "M 56 16 C 59 0 74 -5 82 5 C 87 11 92 16 99 18 C 101 26 96 32 88 33 C 80 36 70 36 62 32 "
        "C 56 28 55 22 56 16",
        fur.base,
    )
    fill(pen, "M 82 22 C 88 20 94 19 99.4 20 C 100 27 95 32 88 33 C 82 34 78 28 82 22", fur.light)
    fill(pen, "M 94 16 C 99 15 101 19 99 23 C 96 24 93 21 94 16", INK)
    fill(pen, "M 64 6 C 54 6 48 16 50 30 C 51 38 58 40 62 34 C 66 27 68 16 64 6", fur.deep)
    disc(pen, 79, 16, 2.8, _eye(look))
    fill(
        pen,
        "M 60 36 L 80 42 L 78 48 L 58 42",
        (58, 128, 176) if look.color == "red" else (206, 64, 56),
    )


def rabbit(pen: Pen, look: Look) -> None:
    fur = look.tones(Tones.of((206, 190, 172)))
    fill(pen, "M 56 40 C 44 30 38 12 44 1 C 54 2 62 20 66 38", fur.shade)
    fill(pen, "M 64 38 C 58 20 60 6 70 0 C 79 6 80 24 76 40", fur.base)
    fill(pen, "M 67.5 34 C 64 20 65 10 70 6 C 75 11 75 24 73 36", (240, 172, 176))
    disc(pen, 10.6, 80, 9, lighter(fur.light, 0.5) if look.color != "white" else fur.shade)
    fill(
        pen,
        "M 8 82 C 6 62 26 48 46 52 C 62 54 78 66 80 82 C 82 96 72 100 60 100 L 26 100 "
        "C 14 100 9 92 8 82",
        fur.base,
    )
    fill(pen, "M 70 62 C 84 70 88 84 84 96 L 86 100 L 68 100", fur.base)
    oval(pen, 34, 82, 20, 17, fur.shade)
    fill(pen, "M 24 100 C 22 92 34 90 48 92 C 56 93 60 96 59 100", fur.light)
    fill(pen, "M 70 100 C 70 94 76 93 84 94 C 92 95 94 98 93 100", fur.light)
    oval(pen, 76, 49, 24, 18, fur.base)
    oval(pen, 88, 55, 11.5, 9, fur.light)
    fill(pen, "M 94 49 L 100 50 L 98 55", PINK)
    disc(pen, 81, 45, 3.4, _eye(look))


def horse(pen: Pen, look: Look) -> None:
    coat = look.tones("brown")
    mane = {"black": TONES["gray"].shade, "brown": (58, 40, 36), "white": TONES["gray"].light}.get(
        look.color or "brown", coat.deep
    )
    fill(pen, "M 14 36 C 1 36 -3 54 2 80 C 9 77 8 60 18 48", mane)
    fill(pen, "M 22 56 L 33 58 L 28.5 78 L 30 100 L 23.5 100 L 22 78", coat.deep)
    fill(pen, "M 62 54 L 74 56 L 86 67 L 84 86 L 78.5 86 L 79 72 L 62 64", coat.deep)
    fill(pen, "M 78.4 83 L 84.4 83 L 83.6 88 L 77.6 88", INK)
    fill(
        pen,
        "M 11 48 C 10 38 17 33 27 34 C 40 38 48 36 55 32 C 60 26 63 14 70 6 L 84 20 "
        "C 80 26 79 36 77 45 C 76 53 73 57 70 60 L 70.5 80 L 71.5 100 L 65 100 L 64 80 L 60 62 "
        "C 52 64 42 62 34 59 C 29 64 22 72 20.4 79 L 20.4 100 L 14 100 L 13 78 "
        "C 14 66 10 58 11 48",
        coat.base,
    )
    fill(
        pen,
        "M 12 53 C 32 57 58 56 77 45 C 76 53 73 57 70 60 L 70.2 68 L 61.5 68 L 60 62 "
        "C 52 64 42 62 34 59 C 28 64 20 68 13 68 C 12 60 12 57 12 53",
        coat.shade,
    )
    fill(
        pen,
        "M 68 11 C 68 4 73 2 78 5 C 84 10 92 18 98 25 C 101 30 99 34 95 35 C 91 36 87 33 83 28 "
        "C 78 27 74 28 71 30",
        coat.base,
    )
    fill(pen, "M 91 22 C 97 24 101 28 99 31 C 98 35 93 36 89 33 C 88 29 88 25 91 22", coat.light)
    fill(pen, "M 71 8 L 73.5 0 L 79 7", coat.base)
    fill(
        pen,
        "M 75 7 C 68 0 61 5 57 14 C 54 24 50 30 44 36 C 54 42 63 34 67 24 C 68 16 70 11 75 7",
        mane,
    )
    disc(pen, 82.5, 15, 1.8, _eye(look))
    for x in (14, 65):
        fill(pen, f"M {x} 95 L {x + 6.5} 95 L {x + 6.5} 100 L {x} 100", INK)


def bird(pen: Pen, look: Look) -> None:
    plume = look.tones("blue")
    fill(pen, "M 28 62 L 0 60 L 6 70 L 2 80 L 34 82", plume.deep)
    fill(pen, "M 52 52 C 40 40 38 22 50 10 C 62 22 68 34 68 52", plume.deep)
    fill(
        pen,
        "M 16 66 C 30 62 44 46 60 40 C 66 30 84 26 90 40 C 96 62 84 92 60 98 C 42 101 26 86 16 66",
        plume.base,
    )
    fill(
        pen,
        "M 34 84 C 52 88 74 78 88 56 C 88 76 78 94 60 98 C 50 99 41 94 34 84",
        mix(plume.light, (255, 250, 240), 0.45),
    )
    fill(
        pen, "M 88 42 L 100 49 L 89 54", (244, 168, 52) if look.color != "orange" else (90, 70, 60)
    )
    fill(pen, "M 66 62 C 50 54 26 40 22 0 C 40 6 64 22 70 52 C 70 58 69 61 66 62", plume.shade)
    fill(pen, "M 66 62 C 56 54 40 40 34 18 C 48 24 62 36 70 52 C 70 58 69 61 66 62", plume.base)
    disc(pen, 79, 44, 4.2, (250, 250, 246))
    disc(pen, 80, 44, 2.6, INK)
