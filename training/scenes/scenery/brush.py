"""The brush of the backdrop: batches of flat shapes, and washes blown up from a few pixels.

It is made for speed: many shapes of one color are one call, and it writes no map of things.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..canvas import SHIFT, Color
from ..spec import Box
from .mood import Mood, Pixels

Floats = NDArray[np.float64]
Numbers = float | Floats

X = np.linspace(-0.01, 1.01, 41)  # where lines across the picture have their points
FINE = np.linspace(-0.01, 1.01, 81)


@cache
def circle(corners: int) -> Floats:
    """Corners (K, 2) of a regular polygon of radius 1."""
    a = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(a), np.sin(a)], -1)


@dataclass(frozen=True)
class Brush:
    """Paints fractions of the picture on ``rgb``, a view whose top left pixel is ``origin``."""

    rgb: Pixels
    size: int
    mood: Mood
    rng: np.random.Generator
    origin: tuple[int, int] = (0, 0)

    def within(self, box: Box) -> Brush:
        """A brush that paints nothing outside ``box``."""
        x0, y0, x1, y1 = (round(v * self.size) for v in box)
        return Brush(self.rgb[y0:y1, x0:x1], self.size, self.mood, self.rng, (x0, y0))

    def pixels(self, shape: ArrayLike) -> NDArray[np.int32]:
        """Fractions of the picture as cv2's fixed-point pixels of this view."""
        one = 1 << SHIFT  # cv2 counts from the middle of the first pixel, hence the half
        left, top = (0.5 - (o + 0.5) * one for o in self.origin)
        return (np.multiply(shape, self.size * one) + (left, top)).astype(np.int32)

    def stamp(self, shapes: ArrayLike, tone: Color) -> None:
        """Fill one polygon (K, 2), or many at once (N, K, 2) that do not overlap, as given."""
        pts = self.pixels(shapes)
        batch = [pts] if pts.ndim == 2 else list(pts)
        if batch:
            cv2.fillPoly(self.rgb, batch, tone, cv2.LINE_AA, SHIFT)

    def fill(self, shapes: ArrayLike, color: Color, far: float = 0.0) -> None:
        """Likewise, in a daylight color, ``far`` (0 to 1) of the way into the haze."""
        self.stamp(shapes, self.mood.on(color, far))

    def below(self, line: Floats, color: Color, far: float = 0.0, until: float = 1.01) -> None:
        """Fill everything from ``line``, which runs left to right, down to ``until``."""
        self.fill(closed(line, until), color, far)

    def level(self, y: float, bottom: float, color: Color) -> None:
        """Fill a full-width strip."""
        self.fill(panel(-0.01, y, 1.01, bottom), color)

    def wash(
        self, top: float, bottom: float, grid: Pixels, mask: NDArray[np.int32] | None = None
    ) -> None:
        """Spread the few colors of ``grid`` (rows, columns, 3) over the full width between two
        heights, or over that part of it that lies in the polygon ``mask`` (in pixels)."""
        height, width = self.rgb.shape[:2]
        y0 = min(max(round(top * self.size) - self.origin[1], 0), height)
        y1 = min(max(round(bottom * self.size) - self.origin[1], 0), height)
        if y1 <= y0:
            return
        if mask is None:
            cv2.resize(grid, (width, y1 - y0), dst=self.rgb[y0:y1])
            return
        inside = np.zeros((y1 - y0, width), np.uint8)
        # a pixel lower, so that the antialiased edge that lies there already shows
        lower = mask - np.array([0, (y0 - 1) << SHIFT], np.int32)
        cv2.fillPoly(inside, [lower], 255, cv2.LINE_8, SHIFT)
        cv2.copyTo(cv2.resize(grid, (width, y1 - y0)), inside, self.rgb[y0:y1])

    def ridge(
        self, crest: Floats, top: Color, bottom: Color, until: float = 1.0,
        far: float = 0.0, fade: float = 0.0,
    ) -> None:  # fmt: skip
        """Everything below the line ``crest`` down to ``until``, from one color to another.

        ``far`` and ``fade`` are how deep in the haze the top and the bottom lie.
        """
        pts = self.pixels(closed(crest, until + 0.01))
        cv2.fillPoly(self.rgb, [pts], self.mood.on(top, far), cv2.LINE_AA, SHIFT)
        self.wash(float(crest[:, 1].min()), until, self.mood.ground(top, bottom, far, fade), pts)

    def lift(self, shapes: ArrayLike, tone: Color) -> None:
        """Add light of the color ``tone`` to polygons, softly enough to see what is below."""
        pts = self.pixels(shapes)
        y0 = max((int(pts[..., 1].min()) >> SHIFT) - 1, 0)
        y1 = min((int(pts[..., 1].max()) >> SHIFT) + 2, self.rgb.shape[0])
        if y1 > y0:
            beam = np.zeros((y1 - y0, *self.rgb.shape[1:]), np.uint8)
            pts -= np.array([0, y0 << SHIFT], np.int32)
            cv2.fillPoly(beam, [pts] if pts.ndim == 2 else list(pts), tone, cv2.LINE_AA, SHIFT)
            cv2.add(self.rgb[y0:y1], beam, dst=self.rgb[y0:y1])

    def wave(self, base: float, height: float, bumps: float) -> Floats:
        """A soft line across the picture around y=``base``, left to right."""
        p, q, r = self.rng.random(3) * 2 * np.pi
        t = X * (bumps * np.pi)
        y = np.sin(2.0 * t + p) + 0.5 * np.sin(3.7 * t + q) + 0.25 * np.sin(7.3 * t + r)
        return np.stack([X, base + height / 1.75 * y], -1)

    def lobes(self, base: float, height: float, count: int, floor: float = 0.5) -> Floats:
        """A line of uneven round lobes (of a wood or, with ``height`` below 0, of cloud cover)
        that meet well above y=``base``: one unbroken shape with nothing in it to count."""
        wide = 0.4 + self.rng.random(count)
        ends = np.cumsum(wide) * (1.04 / wide.sum()) - 0.02
        k = np.searchsorted(ends, FINE).clip(0, count - 1)
        half = wide[k] * (0.52 / wide.sum())
        u = (FINE - ends[k] + half) / half
        tall = 0.7 + 0.3 * self.rng.random(count)
        bulge = np.sqrt(np.clip(1.0 - u * u, 0.0, 1.0))
        return np.stack([FINE, base - height * (floor + (1.0 - floor) * bulge * tall[k])], -1)

    def scatter(self, count: int, top: float, bottom: float) -> tuple[Floats, Floats]:
        """Places on the ground and how near they are (0.35 far to 1 near)."""
        at = self.rng.random((count, 2))
        t = at[:, 1].copy()
        at[:, 1] = top + (bottom - top) * t**0.85
        return at, 0.35 + 0.65 * t


def closed(line: Floats, until: float) -> Floats:
    """The polygon between ``line`` and the level y=``until``."""
    return np.concatenate([line, [[line[-1, 0], until], [line[0, 0], until]]])


def quads(*corners: tuple[Numbers, Numbers]) -> Floats:
    """Polygons (N, K, 2) from K corners, each an x and a y of which one or both are (N,)."""
    count = max(np.size(v) for v in corners[0])
    shapes = np.empty((count, len(corners), 2))
    for k, (x, y) in enumerate(corners):
        shapes[:, k, 0] = x
        shapes[:, k, 1] = y
    return shapes


def panel(x0: float, y0: float, x1: float, y1: float) -> Floats:
    """The corners of an upright rectangle."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def lenses(at: Floats, half: Numbers, thick: Numbers) -> Floats:
    """Flat pointed strokes around the points (N, 2)."""
    x, y = at[:, 0], at[:, 1]
    return quads((x - half, y), (x, y - thick), (x + half, y), (x, y + thick))


def rings(at: Floats, radii: Floats, corners: int, turn: Floats | None = None) -> Floats:
    """Ellipses with centers (N, 2) and radii (N, 2), turned by angles in radians (N,)."""
    shape = radii[:, None] * circle(corners)
    if turn is not None:
        c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]
        x, y = shape[..., 0], shape[..., 1]
        shape = np.stack([x * c - y * s, x * s + y * c], -1)
    return at[:, None] + shape


def limb(points: ArrayLike, thick: float, thin: float) -> Floats:
    """A tapering stroke along ``points`` as one polygon."""
    p = np.asarray(points, np.float64)
    d = np.gradient(p, axis=0)
    n = np.stack([-d[:, 1], d[:, 0]], -1) / np.hypot(d[:, 0], d[:, 1])[:, None]
    n *= np.linspace(thick, thin, len(p))[:, None] / 2
    return np.concatenate([p + n, (p - n)[::-1]])


def flat(y: float) -> Floats:
    """A level line across the picture, for `Brush.ridge` and `Brush.below`."""
    return np.array([[-0.01, y], [1.01, y]])
