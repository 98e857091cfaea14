"""Two ranges of peaks behind a mountain meadow."""

from __future__ import annotations

import cv2
import numpy as np

from ..canvas import SHIFT, Color, mix
from ..spec import Scene
from .brush import Brush, Floats, quads
from .mood import LAND
from .seasons import season, tufts
from .sky import sky
from .weather import puddles

_ROCK: tuple[tuple[Color, Color], tuple[Color, Color]] = (  # far and near range: light, shade
    ((170, 184, 208), (138, 156, 190)),
    ((156, 158, 176), (108, 116, 146)),
)
_TEETH = np.array([[0.25, -0.08], [0.5, 0.06], [0.75, -0.06]])  # along the rim of a cap, down
_CAP: tuple[Color, Color] = ((252, 253, 255), (206, 220, 240))


def _range(brush: Brush, tops: Floats, halves: Floats, base: float, row: int, snow: float) -> None:
    """Mountains in painting order, from their tops (N, 2) and half widths (N,): each has a light
    and a shade face that meet in a jagged line, and a cap over the share ``snow`` of its height.
    """
    far, count = (0.5, 0.14)[row], len(tops)
    tops = tops[:, None]
    grow = np.stack([halves, base - tops[:, 0, 1]], -1)[:, None]
    j = (brush.rng.random((6, count)) - 0.5) * 0.12
    spine = tops + grow * quads(
        (np.zeros(count), 0.0),
        (0.05 + j[0], 0.2),
        (j[1] - 0.05, 0.4),
        (0.09 + j[2], 0.66),
        (j[3], 1.0),
    )
    cut = float(np.interp(snow, (0.0, 0.2, 0.4, 0.66), (0, 1, 2, 3)))
    k = int(cut)
    middle = spine[:, k, None] + (spine[:, k + 1, None] - spine[:, k, None]) * (cut - k)
    faces, caps = [], []
    for sign, bend in ((-1, j[4]), (1, j[5])):
        flank = tops + grow * quads(
            (sign * 0.4, 0.44 + bend), (sign * 0.55, 0.58 + bend), (sign, 1.0 + 0 * bend)
        )
        faces.append(brush.pixels(np.concatenate([spine, flank[:, ::-1]], 1)))
        rim = tops + (flank[:, :1] - tops) * np.minimum(snow / (0.44 + bend), 1.0)[:, None, None]
        teeth = middle + (rim - middle) * _TEETH[:, :1] + grow * (0, 1) * _TEETH[:, 1:]
        caps.append(brush.pixels(np.concatenate([spine[:, : k + 1], middle, teeth, rim], 1)))
    order = (0, 1) if brush.mood.side < 0 else (1, 0)  # which face the light falls on
    for n in range(count):
        for shapes, tones in ((faces, _ROCK[row]), (caps, _CAP)):
            for face, color in zip(order, tones, strict=True):
                tone = brush.mood.on(color, far)
                cv2.fillPoly(brush.rgb, [shapes[face][n]], tone, cv2.LINE_AA, SHIFT)


def paint(brush: Brush, scene: Scene) -> None:
    """Peaks, wooded foothills and a meadow; the colder the season, the lower the snow comes."""
    h, land, rng = scene.horizon, LAND[scene.season], brush.rng
    down = 1.0 - h
    sky(brush, h)
    jag = np.linspace(-0.01, 1.01, 23)
    teeth = h - 0.1 - 0.07 * rng.random(23) - 0.03 * (np.arange(23) % 2)
    brush.below(np.stack([jag, teeth], -1), _ROCK[0][1], 0.72, h + 0.02)
    snow = {"spring": 0.34, "summer": 0.22, "autumn": 0.29, "winter": 0.46}[scene.season]
    for row, (count, tall, half) in enumerate(((4, 0.27, 0.24), (3, 0.34, 0.33))):
        xs = (np.arange(count) + 0.2 + 0.6 * rng.random(count)) / count
        ys = h - tall * (0.64 + 0.36 * rng.random(count))
        order = np.argsort(ys)  # the highest lie the farthest
        halves = half * (0.85 + 0.3 * rng.random(count))
        _range(brush, np.stack([xs, ys], -1)[order], halves, h + 0.04, row, snow)
    brush.below(brush.wave(h - 0.05, 0.035, 0.9), mix(land.woods, _ROCK[0][1], 0.35), 0.3)
    brush.below(brush.lobes(h - 0.002, 0.034, 27), land.woods, 0.2)
    brush.below(brush.lobes(h + 0.018, 0.034, 23), land.thicket, 0.12)
    brush.ridge(brush.wave(h + 0.014, 0.01, 0.7), land.mid, land.near, h + 0.5 * down, 0.06)
    crest = brush.wave(h + 0.3 * down, 0.03, 0.6)
    brush.ridge(crest, mix(land.mid, land.far, 0.4), land.near)
    crest = brush.wave(h + 0.68 * down, 0.04, 0.5)
    brush.ridge(crest, mix(land.near, land.mid, 0.5), land.deep)
    tufts(brush, 18, h + 0.24 * down, 1.0, mix(land.near, land.blade, 0.7))
    puddles(brush, h + 0.3 * down, 0.96)
    season(brush, scene, h + 0.14 * down, 1.0, 44, h)
