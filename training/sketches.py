"""Patterns of all objects for sketches: ``python -m training.sketches`` writes tools/sketches.png.

A row for each kind of object in the order of `danqing.tools.world`; for each variant a column for
each color, the natural one first; and in each cell the object in plain light, as large as the cell
allows, on nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from danqing.agent.composition import ASPECT
from danqing.tools.controls import PAPER
from danqing.tools.sketch import CELL, COLORS, VARIANTS
from danqing.tools.world import world

from .scenes import things
from .scenes.canvas import NOTHING, Canvas


def pattern(kind: str, color: str | None, variant: float) -> Image.Image:
    """An object in an RGBA image of `CELL` pixels a side; ``color`` None is its natural one."""
    aspect = ASPECT[kind]
    wide, high = (min(1.0, aspect), min(1.0, 1.0 / aspect))
    box = (0.5 - wide / 2, 0.5 - high / 2, 0.5 + wide / 2, 0.5 + high / 2)
    canvas = Canvas(4 * CELL)
    canvas.rgb[:] = PAPER
    pen = canvas.pen(box, 0)
    for part in (things.draw, things.draw_front):
        part(pen, kind, color, season="summer", time="day", variant=variant)
    there = (canvas.ids != NOTHING)[..., None] * 255
    large = Image.fromarray(np.concatenate([canvas.rgb, there], 2).astype(np.uint8))
    cell = np.array(large.resize((CELL, CELL), Image.Resampling.BOX))
    cell[cell[..., 3] < 128] = 0  # hard borders, which also keep the file small
    cell[..., 3] = np.where(cell[..., 3] < 128, 0, 255)
    return Image.fromarray(cell)


def atlas() -> Image.Image:
    """All patterns of all kinds."""
    kinds = list(world().objects)
    page = Image.new("RGBA", (CELL * VARIANTS * len(COLORS), CELL * len(kinds)))
    for row, kind in enumerate(kinds):
        for variant in range(VARIANTS):
            for column, color in enumerate(COLORS):
                if color is None or world().objects[kind].coloured:
                    x = CELL * (variant * len(COLORS) + column)
                    page.paste(pattern(kind, color, (variant + 0.5) / VARIANTS), (x, CELL * row))
    return page


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.sketches", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("tools/sketches.png"))
    args = parser.parse_args()
    atlas().save(args.out, optimize=True)
    print(args.out)


if __name__ == "__main__":
    main()
