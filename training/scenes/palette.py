"""The eleven colors as the renderer paints them, each with the tones a surface of it needs."""

from __future__ import annotations

from dataclasses import dataclass

from danqing.tools.recolor import COLORS

from .canvas import Color, darker, lighter


@dataclass(frozen=True)
class Tones:
    """One surface color in the light, as it is, in the shade, and in deep shade."""

    light: Color
    base: Color
    shade: Color
    deep: Color

    @staticmethod
    def of(base: Color) -> Tones:
        """Tones of a color that has no name."""
        return Tones(lighter(base, 0.22), base, darker(base, 0.18), darker(base, 0.38))


# Set by hand, since a mechanical shade of yellow is olive and one of orange is brown: every tone
# but the deep one is still called by the color's own name.
TONES: dict[str, Tones] = {
    "red": Tones((230, 90, 76), COLORS["red"], (168, 36, 44), (122, 26, 40)),
    "orange": Tones((251, 166, 82), COLORS["orange"], (215, 106, 30), (170, 78, 28)),
    "yellow": Tones((253, 226, 122), COLORS["yellow"], (228, 178, 42), (188, 138, 32)),
    "green": Tones((112, 182, 98), COLORS["green"], (50, 120, 66), (36, 88, 56)),
    "blue": Tones((98, 150, 226), COLORS["blue"], (40, 82, 162), (30, 58, 120)),
    "purple": Tones((160, 108, 194), COLORS["purple"], (100, 54, 136), (72, 38, 102)),
    "pink": Tones((251, 180, 204), COLORS["pink"], (222, 114, 154), (184, 84, 124)),
    "brown": Tones((158, 110, 72), COLORS["brown"], (102, 64, 42), (74, 46, 34)),
    "black": Tones((80, 82, 92), COLORS["black"], (28, 28, 34), (16, 16, 22)),
    "white": Tones((255, 255, 252), COLORS["white"], (203, 210, 221), (164, 174, 190)),
    "gray": Tones((174, 178, 182), COLORS["gray"], (114, 118, 124), (84, 88, 96)),
}
