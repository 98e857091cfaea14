"""The drawing surface: flat, antialiased shapes under one light, with an exact mask per thing.

Everything is drawn in fractions, so the same scene can be painted at any size. A `Canvas` takes
coordinates of the whole picture; a `Pen` takes coordinates of one thing's box, in which (0, 0) is
the top left and (1, 1) the bottom right, and marks what it paints in the mask of that thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np

from .spec import Box

Color: TypeAlias = tuple[int, int, int]
"""RGB, each 0 to 255."""
Point: TypeAlias = tuple[float, float]

SHIFT = 4  # cv2 takes fixed-point coordinates with this many fractional bits
NOTHING = 255  # value of a pixel of `Canvas.ids` that belongs to no thing


@dataclass(frozen=True)
class Light:
    """What the time of day does to every colour that is painted.

    ``gain`` multiplies the channels, ``haze`` is the colour that far things fade to, ``side`` is
    -1 where the light comes from the left and +1 where it comes from the right.
    """

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    haze: Color = (220, 230, 240)
    side: int = -1

    def on(self, color: Color) -> Color:
        r, g, b = (min(255, int(c * k)) for c, k in zip(color, self.gain, strict=True))
        return r, g, b


def mix(a: Color, b: Color, share: float) -> Color:
    """``a`` with ``share`` (0 to 1) of ``b`` in it."""
    r, g, b_ = (int(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return r, g, b_


def lighter(color: Color, share: float = 0.25) -> Color:
    return mix(color, (255, 255, 255), share)


def darker(color: Color, share: float = 0.25) -> Color:
    return mix(color, (20, 20, 45), share)


class Canvas:
    """An RGB picture of ``size`` by ``size`` pixels and its map of things.

    ``rgb`` is uint8 of shape (size, size, 3); ``ids`` is uint8 of shape (size, size) and holds for
    every pixel the index of the thing painted there last, or `NOTHING`.
    """

    def __init__(self, size: int, light: Light | None = None) -> None:
        self.size = size
        self.light = light or Light()
        self.rgb = np.zeros((size, size, 3), np.uint8)
        self.ids = np.full((size, size), NOTHING, np.uint8)
        self.thing = NOTHING  # what is being painted now

    # -- shapes; `lit=False` paints the colour as given (lamps, stars, windows at night)

    def polygon(self, points: Iterable[Point], color: Color, *, lit: bool = True) -> None:
        """Fill the polygon ``points``, in fractions of the picture."""
        pts = self._fixed(points)
        rgb = self.light.on(color) if lit else color
        cv2.fillPoly(self.rgb, [pts], rgb, cv2.LINE_AA, SHIFT)
        cv2.fillPoly(self.ids, [pts], self.thing, cv2.LINE_8, SHIFT)

    def ellipse(
        self, center: Point, radii: Point, color: Color, *, angle: float = 0.0,
        start: float = 0.0, end: float = 360.0, lit: bool = True,
    ) -> None:  # fmt: skip
        """Fill an ellipse, or its part from ``start`` to ``end`` degrees (clockwise from +x)."""
        self.polygon(arc(center, radii, start, end, angle), color, lit=lit)

    def rectangle(self, box: Box, color: Color, *, lit: bool = True) -> None:
        x0, y0, x1, y1 = box
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], color, lit=lit)

    def line(
        self, points: Iterable[Point], color: Color, width: float, *, lit: bool = True
    ) -> None:
        """Stroke a polyline; ``width`` is a fraction of the picture."""
        pts = self._fixed(points)
        rgb = self.light.on(color) if lit else color
        thickness = max(1, round(width * self.size))
        cv2.polylines(self.rgb, [pts], False, rgb, thickness, cv2.LINE_AA, SHIFT)
        cv2.polylines(self.ids, [pts], False, self.thing, thickness, cv2.LINE_8, SHIFT)

    def glaze(self, points: Iterable[Point], color: Color, alpha: float) -> None:
        """Lay a translucent polygon over what is there (shadows, beams); it marks no thing."""
        pts = self._fixed(points)
        self._blend(pts, color, alpha, blur=0.0)

    def glow(self, center: Point, radii: Point, color: Color, alpha: float) -> None:
        """A soft-edged spot (halo, contact shadow); it marks no thing."""
        s = self.size
        cx, cy, rx, ry = (
            center[0] * s,
            center[1] * s,
            max(radii[0] * s, 1.0),
            max(radii[1] * s, 1.0),
        )
        x0, x1 = max(int(cx - rx), 0), min(int(cx + rx) + 2, s)
        y0, y1 = max(int(cy - ry), 0), min(int(cy + ry) + 2, s)
        if x0 >= x1 or y0 >= y1:
            return
        dx = (np.arange(x0, x1, dtype=np.float32) - cx) / rx
        dy = (np.arange(y0, y1, dtype=np.float32) - cy) / ry
        a = np.clip(1.0 - (dx * dx)[None, :] - (dy * dy)[:, None], 0.0, 1.0)
        a = (a * a * alpha)[..., None]
        patch = self.rgb[y0:y1, x0:x1]
        patch[:] = (patch + (np.asarray(color, np.float32) - patch) * a).astype(np.uint8)

    def _fixed(self, points: Iterable[Point]) -> np.ndarray:
        """Fractions to cv2's fixed-point pixels, whose centers, not corners, are whole numbers."""
        pts = points if isinstance(points, np.ndarray) else np.asarray(list(points), np.float64)
        return np.rint((pts * self.size - 0.5) * (1 << SHIFT)).astype(np.int32)

    def _blend(self, pts: np.ndarray, color: Color, alpha: float, blur: float) -> None:
        lo = np.clip((pts.min(0) >> SHIFT) - 1, 0, self.size)
        hi = np.clip((pts.max(0) >> SHIFT) + 2, 0, self.size)
        (x0, y0), (x1, y1) = lo, hi
        if x0 >= x1 or y0 >= y1:
            return
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillPoly(mask, [pts - (lo << SHIFT)], 255, cv2.LINE_AA, SHIFT)
        if blur:
            mask = cv2.blur(mask, (2 * int(blur * self.size) + 1,) * 2)
        a = mask.astype(np.float32)[..., None] * (alpha / 255.0)
        patch = self.rgb[y0:y1, x0:x1]
        patch[:] = (patch + (np.asarray(color, np.float32) - patch) * a).astype(np.uint8)

    def gradient(
        self, top: float, bottom: float, stops: Sequence[Color], *, lit: bool = True
    ) -> None:
        """Fill the full-width band from y=``top`` to y=``bottom`` with a vertical gradient."""
        y0, y1 = round(max(top, 0.0) * self.size), round(min(bottom, 1.0) * self.size)
        if y1 <= y0:
            return
        colors = np.asarray([self.light.on(c) if lit else c for c in stops], np.float32)
        t = np.linspace(0, len(stops) - 1, y1 - y0)
        band = np.stack([np.interp(t, np.arange(len(stops)), colors[:, k]) for k in range(3)], -1)
        self.rgb[y0:y1] = band[:, None, :].astype(np.uint8)
        self.ids[y0:y1] = self.thing

    def pen(self, box: Box, thing: int, *, flip: bool = False) -> Pen:
        return Pen(self, box, thing, flip)


class Pen:
    """Draws one thing in the coordinates of its own box; see `Canvas` for the shapes."""

    def __init__(self, canvas: Canvas, box: Box, thing: int, flip: bool = False) -> None:
        self.canvas, self.box, self.thing, self.flip = canvas, box, thing, flip
        self.width, self.height = box[2] - box[0], box[3] - box[1]

    def at(self, point: Point) -> Point:
        """A point of the box, as a point of the picture."""
        x = 1.0 - point[0] if self.flip else point[0]
        return self.box[0] + x * self.width, self.box[1] + point[1] * self.height

    @property
    def lit_from_left(self) -> bool:
        """Whether the light comes from the left in this pen's own, perhaps mirrored, box."""
        return (self.canvas.light.side < 0) != self.flip

    def polygon(self, points: Iterable[Point], color: Color, *, lit: bool = True) -> None:
        self.canvas.thing = self.thing
        self.canvas.polygon([self.at(p) for p in points], color, lit=lit)
        self.canvas.thing = NOTHING

    def ellipse(
        self, center: Point, radii: Point, color: Color, *, angle: float = 0.0,
        start: float = 0.0, end: float = 360.0, lit: bool = True,
    ) -> None:  # fmt: skip
        """``radii`` are fractions of the box's width and height; angles are the box's."""
        self.polygon(arc(center, radii, start, end, angle), color, lit=lit)

    def rectangle(self, box: Box, color: Color, *, lit: bool = True) -> None:
        x0, y0, x1, y1 = box
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], color, lit=lit)

    def line(
        self, points: Sequence[Point], color: Color, width: float, *, lit: bool = True
    ) -> None:
        """``width`` is a fraction of the box's smaller side."""
        self.canvas.thing = self.thing
        self.canvas.line(
            [self.at(p) for p in points], color, width * min(self.width, self.height), lit=lit
        )
        self.canvas.thing = NOTHING

    def glaze(self, points: Iterable[Point], color: Color, alpha: float) -> None:
        """A translucent polygon; keep it inside what this thing has painted."""
        self.canvas.glaze([self.at(p) for p in points], color, alpha)

    def glow(self, center: Point, radii: Point, color: Color, alpha: float) -> None:
        self.canvas.glow(
            self.at(center), (radii[0] * self.width, radii[1] * self.height), color, alpha
        )


def arc(
    center: Point, radii: Point, start: float = 0.0, end: float = 360.0, angle: float = 0.0,
    points: int = 28,
) -> list[Point]:  # fmt: skip
    """Points of an elliptic arc from ``start`` to ``end`` degrees, turned by ``angle`` degrees."""
    t = np.radians(np.linspace(start, end, points))
    x, y = np.cos(t) * radii[0], np.sin(t) * radii[1]
    turn = np.radians(angle)
    c, s = np.cos(turn), np.sin(turn)
    return list(zip(center[0] + x * c - y * s, center[1] + x * s + y * c, strict=True))
