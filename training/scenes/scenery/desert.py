"""Dunes with a sunny and a lee side."""

from __future__ import annotations

import numpy as np

from ..canvas import Color, mix
from ..spec import Scene
from .brush import Brush, lenses
from .mood import LAND
from .seasons import season, tufts
from .sky import sky
from .weather import puddles

_DUNE: dict[str, tuple[Color, Color, Color]] = {  # lit face, shade face, ground
    "spring": ((246, 224, 176), (218, 180, 138), (238, 210, 158)),
    "summer": ((252, 206, 122), (222, 146, 80), (244, 186, 100)),
    "autumn": ((234, 176, 114), (182, 112, 76), (216, 148, 88)),
    "winter": ((246, 248, 252), (208, 184, 164), (232, 222, 212)),
}


def _dune(brush: Brush, x: float, y: float, half: float, base: float, far: float) -> None:
    """One dune: the sunny slope, and the lee side behind an S-shaped crest."""
    lit, shade, _ = _DUNE[brush.mood.season]
    side = brush.mood.side
    t = np.linspace(0, 1, 9)
    sun = np.stack([x + side * half * 1.25 * (1 - t), base - (base - y) * t**1.6], -1)
    lee = np.stack([x - side * half * t, y + (base - y) * np.sin(t * np.pi / 2) ** 1.3], -1)
    sway = 0.18 * t + 0.14 * np.sin(t * 2 * np.pi)
    fold = np.stack([x + side * half * sway, y + (base - y) * t], -1)
    brush.fill(np.concatenate([sun, fold[1:]]), lit, far)
    brush.fill(np.concatenate([lee, fold[::-1]]), shade, far)


def paint(brush: Brush, scene: Scene) -> None:
    """Dunes one behind the other, rippled sand and a little scrub."""
    h, land, rng = scene.horizon, LAND[scene.season], brush.rng
    down = 1.0 - h
    lit, shade, ground = _DUNE[scene.season]
    sky(brush, h)
    brush.below(brush.wave(h - 0.06, 0.035, 0.8), shade, 0.66)
    for count, tall, half, base, far in (
        (3, 0.13, 0.3, h + 0.02, 0.42), (2, 0.16, 0.44, h + 0.14 * down, 0.14),
    ):  # fmt: skip
        xs = (np.arange(count) + rng.random(count)) / count
        ys = base - tall * (0.7 + 0.4 * rng.random(count))
        for x, y in zip(xs, ys, strict=True):
            _dune(brush, x, y, half, base + 0.012, far)
        brush.ridge(brush.wave(base, 0.008, 0.8), mix(lit, ground, 0.5), ground, far=far * 0.6)
    crest = brush.wave(h + 0.46 * down, 0.06, 0.5)
    lee = crest + np.stack([np.zeros(41), 0.1 * np.sin(np.linspace(0, np.pi, 41)) ** 2], -1)
    brush.ridge(crest, lit, ground)
    brush.fill(np.concatenate([crest, lee[::-1]]), mix(shade, ground, 0.5))
    at, near = brush.scatter(22, h + 0.2 * down, 0.98)
    brush.fill(lenses(at, 0.075 * near, 0.0035 * near), mix(ground, shade, 0.45))
    scrub: Color = land.near if scene.season != "winter" else (168, 158, 146)
    tufts(brush, 14, h + 0.2 * down, 1.0, mix(scrub, ground, 0.1), 0.03)
    tufts(brush, 10, h + 0.2 * down, 1.0, land.blade, 0.024)
    puddles(brush, h + 0.3 * down, 0.96, 4)
    season(brush, scene, h + 0.16 * down, 1.0, 54, h)
