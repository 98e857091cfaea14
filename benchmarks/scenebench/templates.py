"""Makes the classical grader's templates from the renderer's own shapes.

    python -m benchmarks.scenebench.templates

For every kind crops of what it looks like alone, the part of it that takes the color it is asked
in, and the correlation that few pictures without it reach; for every light and style the Lab values
of the eleven colors; and what whole pictures of known season, time, … measure. Nothing is learned;
all seeds are the templates' own.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from pathlib import Path

import numpy as np

from training.scenes import layout, things
from training.scenes.canvas import Canvas
from training.scenes.render import render

from .graders import classical
from .graders.words import COLORS, FACTS, KINDS

FIRST = 90_000_000
"""Seed of the first picture that is measured."""
EXEMPLARS = 4000
SIDE = 64
"""Pixels a side of a crop."""
ALIKE, LOOKS = 0.8, 4
"""Correlation from which on two looks of a kind are one, and the most that are kept."""
NEGATIVES = 120
QUANTILE = 75
"""A kind's threshold is what so many in a hundred pictures without it stay below."""


def main() -> None:
    """Write the templates next to the grader."""
    crops = [crop for kind in KINDS for crop in _crops(kind)]
    heights, palette, shares, textures, told = _measured()
    data = {
        "kinds": np.array([KINDS.index(kind) for kind, _, _ in crops], np.uint8),
        "crops": np.stack([rgb for _, rgb, _ in crops]),
        "bodies": np.packbits(np.stack([body for _, _, body in crops]), axis=None),
        "thresholds": np.full(len(KINDS), -1.0),
        "heights": heights,
        "palette": palette,
        "shares": np.rint(shares * 255).astype(np.uint8),
        "textures": textures.astype(np.float16),
        "told": told,
    }
    np.savez_compressed(classical.TEMPLATES, **data)
    np.savez_compressed(classical.TEMPLATES, **{**data, "thresholds": _thresholds()})
    size = Path(classical.TEMPLATES).stat().st_size
    print(f"{classical.TEMPLATES.name}: {size:,} bytes, {len(crops)} crops, {len(told)} pictures")


def _crops(kind: str) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Crops (64, 64, 3) of one kind, each filling the square whatever its shape, and the part that
    takes the color (64, 64). A look that is much like one before is left out."""
    found: list[tuple[str, np.ndarray, np.ndarray]] = []
    edges: list[np.ndarray] = []
    for season, variant, color in product(FACTS["season"], (0.1, 0.5, 0.9), (None, "blue")):
        rgb = _alone(kind, color, season, variant)
        one = classical.edges_of(classical.lab_of(rgb)).ravel()
        if any(np.corrcoef(one, other)[0, 1] > ALIKE for other in edges) or len(found) == LOOKS:
            continue
        red, green = (_alone(kind, c, season, variant).astype(int) for c in ("red", "green"))
        body = np.abs(red - green).sum(-1) > 60
        if not body.any():
            body = np.abs(rgb.astype(int) - 128).sum(-1) > 40
        found.append((kind, rgb, body))
        edges.append(one)
    return found


def _alone(kind: str, color: str | None, season: str, variant: float) -> np.ndarray:
    canvas = Canvas(SIDE)
    canvas.rgb[:] = 128
    try:
        things.draw(
            canvas.pen((0.0, 0.0, 1.0, 1.0), 0), kind, color,
            season=season, time="day", variant=variant,
        )  # fmt: skip
    except KeyError:  # a kind that has no color but its own
        return _alone(kind, None, season, variant)
    return canvas.rgb.copy()


def _measured() -> tuple[np.ndarray, ...]:
    """The heights that things have (5th and 95th percent) and their width over height; the colors'
    Lab by time and style; the shares of colors and the textures of whole pictures, with their facts
    as numbers."""
    heights: dict[str, list[tuple[float, float]]] = defaultdict(list)
    colors: dict[tuple[int, int, int], list[np.ndarray]] = defaultdict(list)
    shares, textures, told = [], [], []
    for seed in range(FIRST, FIRST + EXEMPLARS):
        scene = layout.sample(seed)
        picture = render(scene, classical.SIDE)
        lab = classical.lab_of(picture.rgb)
        shares.append(classical.shares(lab))
        textures.append(classical.texture(lab))
        told.append([words.index(getattr(scene, fact)) for fact, words in FACTS.items()])
        time = FACTS["time"].index(scene.time)
        style = FACTS["style"].index(scene.style)
        for i, thing in enumerate(scene.things):
            x0, y0, x1, y1 = thing.box
            heights[thing.kind].append((y1 - y0, (x1 - x0) / (y1 - y0)))
            if thing.color is not None and picture.mask(i).sum() > 30:
                body = np.median(lab[picture.mask(i)], 0)
                colors[time, style, COLORS.index(thing.color)].append(body)
    spans = np.array([_span(heights[kind]) for kind in KINDS])
    palette = np.zeros((len(FACTS["time"]), len(FACTS["style"]), len(COLORS), 3), np.float32)
    for key, found in colors.items():
        palette[key] = np.median(found, 0)
    return spans, palette, np.array(shares), np.array(textures), np.array(told, np.uint8)


def _span(sizes: list[tuple[float, float]]) -> tuple[float, float, float]:
    high, aspect = np.array(sizes).T
    low, tall = np.percentile(high, (5, 95))
    return float(low), float(tall), float(np.median(aspect))


def _thresholds() -> np.ndarray:
    """For every kind the correlation that few pictures without it reach."""
    without: list[list[float]] = [[] for _ in KINDS]
    for seed in range(FIRST + EXEMPLARS, FIRST + EXEMPLARS + NEGATIVES):
        scene = layout.sample(seed)
        there = {thing.kind for thing in scene.things}
        best = classical.strongest(classical.lab_of(render(scene, classical.SIDE).rgb))
        for number, kind in enumerate(KINDS):
            if kind not in there:
                without[number].append(best[number])
    return np.array([np.percentile(scores, QUANTILE) for scores in without])


if __name__ == "__main__":
    main()
