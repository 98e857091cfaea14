"""The sky, with nothing in it that could be counted."""

from __future__ import annotations

import numpy as np

from ..canvas import mix
from .brush import FINE, Brush, closed

BEHIND = 0.02
"""How far the sky reaches down behind what stands before it."""


def sky(brush: Brush, horizon: float, top: float = 0.0) -> None:
    """Sky down to y=``horizon``; cloud cover hangs in banks as wide as the picture."""
    mood, until = brush.mood, horizon + BEHIND
    brush.wash(top, until, mood.air())
    banks = {"clear": 0, "cloudy": 4, "rain": 4, "snow": 3, "fog": 0}[mood.weather]
    high, low = mood.cover
    for i in reversed(range(banks)):
        share = (i + 0.5) / banks
        base = top + (until - top) * (0.08 + 0.6 * i / banks)
        edge = brush.lobes(base, -0.085 * (1.1 - 0.5 * share), 5 + 2 * i, 0.3)
        edge[:, 1] += 0.018 * np.sin(FINE * 7.0 + brush.rng.random() * 6.0)
        brush.stamp(closed(edge, -0.01), mix(high, low, 0.9 * share))
