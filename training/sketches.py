"""Patterns of all objects for sketches: ``python -m training.sketches`` writes tools/sketches.png.

A row for each kind of object in the order of `danqing.tools.world`, a column for each variant, and
in each cell the object in gray, as large as the cell allows, with its transparency.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from danqing.agent.composition import ASPECT
from danqing.tools.sketch import CELL, PAPER, VARIANTS
from danqing.tools.world import world

from .scenes import things
from .scenes.canvas import NOTHING, Canvas


def pattern(kind: str, variant: float) -> Image.Image:
    """An object in an LA image of `CELL` pixels a side, in its natural color, in plain light."""
    aspect = ASPECT[kind]
    wide, high = (min(1.0, aspect), min(1.0, 1.0 / aspect))
    box = (0.5 - wide / 2, 0.5 - high / 2, 0.5 + wide / 2, 0.5 + high / 2)
    canvas = Canvas(4 * CELL)
    canvas.rgb[:] = PAPER
    pen = canvas.pen(box, 0)
    for part in (things.draw, things.draw_front):
        part(pen, kind, None, season="summer", time="day", variant=variant)
    gray = cv2.cvtColor(canvas.rgb, cv2.COLOR_RGB2GRAY)
    there = (canvas.ids != NOTHING).astype(np.uint8) * 255
    layers = [cv2.resize(x, (CELL, CELL), interpolation=cv2.INTER_AREA) for x in (gray, there)]
    return Image.merge("LA", [Image.fromarray(layer) for layer in layers])


def atlas() -> Image.Image:
    """All patterns of all kinds."""
    kinds = list(world().objects)
    page = Image.new("LA", (CELL * VARIANTS, CELL * len(kinds)))
    for row, kind in enumerate(kinds):
        for column in range(VARIANTS):
            page.paste(pattern(kind, (column + 0.5) / VARIANTS), (column * CELL, row * CELL))
    return page


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.sketches", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("tools/sketches.png"))
    args = parser.parse_args()
    atlas().save(args.out, optimize=True)
    print(args.out)


if __name__ == "__main__":
    main()
