"""What falls and drifts: rain and its puddles, snow, fog."""

from __future__ import annotations

import cv2
import numpy as np

from ..canvas import Color, mix
from .brush import Brush, quads, rings
from .mood import WHITE


def weather(brush: Brush, horizon: float) -> None:
    """Rain, snow or fog in front of everything painted so far."""
    if brush.mood.weather == "rain":
        _rain(brush)
    elif brush.mood.weather == "snow":
        _snow(brush)
    elif brush.mood.weather == "fog":
        fog(brush, horizon, 0.35)


def _rain(brush: Brush) -> None:
    rng = brush.rng
    cv2.convertScaleAbs(brush.rgb, dst=brush.rgb, alpha=0.86, beta=8)
    shine = (96, 110, 146) if brush.mood.time == "night" else (140, 145, 152)
    for count, long, wide, strength in ((66, 0.06, 0.0026, 0.75), (44, 0.1, 0.004, 1.0)):
        at = rng.random((count, 2)) * (1.2, 1.1) - (0.0, 0.1)
        run = long * (0.7 + 0.6 * rng.random(count))
        x, y = at[:, 0], at[:, 1]
        end = x - 0.22 * run
        drops = quads((x, y), (end + wide / 2, y + run), (end - wide / 2, y + run))
        # antialiasing widens what is thinner than a pixel, so small pictures need fainter streaks
        strength *= wide / (wide + 0.8 / brush.size)
        r, g, b = (int(c * strength) for c in shine)
        brush.lift(drops, (r, g, b))


def _snow(brush: Brush) -> None:
    rng = brush.rng
    white: Color = (216, 226, 247) if brush.mood.time == "night" else WHITE
    for count, radius, corners in ((64, 0.0042, 6), (40, 0.007, 8), (14, 0.0104, 10)):
        at = rng.random((count, 2))
        radii = radius * (0.85 + 0.3 * rng.random((count, 1))) * (1.0, 1.0)
        brush.stamp(rings(at, radii, corners), white)


def fog(brush: Brush, horizon: float, most: float) -> None:
    """A veil in slow drifting banks, thickest (``most`` opaque) around the horizon.

    Half of it lies behind the things and half in front, so that they stay visible.
    """
    height, width = brush.rgb.shape[:2]
    y = (np.linspace(0, height, 16)[:, None] + brush.origin[1]) / brush.size
    away = (y - horizon) / np.where(y < horizon, 0.46, 0.34)
    thick = most * (0.15 + 0.85 * np.exp(-(away**2)))
    alpha = np.clip(thick * (0.7 + 0.6 * brush.rng.random((16, 4))), 0.0, 0.9)[..., None]
    night = brush.mood.time == "night"
    veil = np.array(mix(brush.mood.haze, (240, 242, 246), 0.14 if night else 0.35))
    keep = cv2.resize(np.repeat((1.0 - alpha) * 255, 3, -1).astype(np.uint8), (width, height))
    lay = cv2.resize((veil * alpha).astype(np.uint8), (width, height))
    cv2.multiply(brush.rgb, keep, dst=brush.rgb, scale=1 / 255)
    cv2.add(brush.rgb, lay, dst=brush.rgb)


def puddles(brush: Brush, top: float, bottom: float, count: int = 5) -> None:
    """After rain has begun: flat water between two heights, with a ring in it."""
    if brush.mood.weather != "rain":
        return
    at, near = brush.scatter(count, top, bottom)
    at[:, 0] = (np.arange(count) + at[:, 0]) / count  # side by side, lest they overlap
    wide = (0.05 + 0.05 * brush.rng.random(count)) * near
    radii = np.stack([wide, wide * 0.2], -1)
    bright = mix(brush.mood.sky[1], (220, 230, 240), 0.3)
    for grow, share in ((1.0, 0.0), (0.64, 0.4), (0.5, 0.08)):
        tone = mix(bright, brush.mood.sky[0], share)
        brush.stamp(rings(at, radii * grow, 16), tone)
