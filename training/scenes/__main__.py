"""``python -m training.scenes --sheet sheet.png``: a contact sheet of random scenes.

The pictures are those of consecutive seeds: none is picked by hand.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from danqing.tools.world import world

from . import captions, layout
from .render import render


def sheet(seed: int, columns: int, rows: int, size: int, words: dict[str, str]) -> Image.Image:
    """``columns`` × ``rows`` scenes of the seeds from ``seed`` on, each ``size`` pixels a side."""
    gap = max(4, size // 32)
    page = Image.new("RGB", (columns * (size + gap) + gap, rows * (size + gap) + gap), "white")
    for k in range(columns * rows):
        picture = render(layout.sample(seed + k, **words), size)
        x, y = gap + (k % columns) * (size + gap), gap + (k // columns) * (size + gap)
        page.paste(Image.fromarray(picture.rgb), (x, y))
    return page


def captioned(seed: int, rows: int, size: int, words: dict[str, str]) -> Image.Image:
    """One scene a row with its canonical caption beside it."""
    page = Image.new("RGB", (size * 4, rows * size), "white")
    draw = ImageDraw.Draw(page)
    for k in range(rows):
        scene = layout.sample(seed + k, **words)
        page.paste(Image.fromarray(render(scene, size).rgb), (0, k * size))
        text = captions.canonical(scene)
        lines = [text[i : i + 60] for i in range(0, len(text), 60)]
        draw.multiline_text((size + 12, k * size + 12), "\n".join(lines), fill="black")
    return page


def speed(seed: int, n: int, size: int) -> float:
    """Pictures a second on one core, layout included."""
    start = time.perf_counter()
    for k in range(n):
        render(layout.sample(seed + k), size)
    return n / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.scenes", description=__doc__)
    parser.add_argument("--sheet", type=Path, help="where to write the contact sheet")
    parser.add_argument("--captions", action="store_true", help="one a row, with its caption")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--rows", type=int, default=6)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--speed", type=int, metavar="N", help="time N pictures")
    w = world()
    for name, pool in (
        ("setting", w.settings), ("season", w.seasons), ("time", w.times), ("weather", w.weathers),
        ("style", w.styles),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", choices=list(pool))
    args = parser.parse_args()
    words = {
        name: value
        for name in ("setting", "season", "time", "weather", "style")
        if (value := getattr(args, name)) is not None
    }
    if args.speed:
        rates = [speed(args.seed + 10_000 * k, args.speed, args.size) for k in range(3)]
        print(f"{np.median(rates):.0f} pictures a second at {args.size}x{args.size} (median of 3)")
    if args.sheet:
        make = captioned if args.captions else None
        page = (
            make(args.seed, args.rows, args.size, words)
            if make
            else sheet(args.seed, args.columns, args.rows, args.size, words)
        )
        page.save(args.sheet)
        print(args.sheet)


if __name__ == "__main__":
    main()
