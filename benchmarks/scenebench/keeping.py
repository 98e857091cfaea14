"""What an edit kept: the other things, the pixels outside the changed places, the layout.

A grader is asked of the other things only what it saw of them before, so what is counted is what
the edit did and not what the grader misses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from benchmarks.tools import pixels

from .graders.spec import Box, Sight
from .graders.spec import Thing as Seen

VISIBLE = 5.0
"""CIEDE2000 from which on a pixel counts as changed."""
NEAR = 0.08
"""How far the center of what is kept may be from where it was, in fractions of the picture."""
MARGIN = 0.06
"""Around what changed, as a share of the picture: shadows, and boxes that are not exact."""
LAYOUT = 128
"""Pixels a side at which outlines are compared."""
STRIP = 0.02
"""Width of the strips at a seam, as a share of the picture."""


@dataclass(frozen=True)
class Other:
    """A thing that was not to change: its kind, and its center in fractions of the picture."""

    kind: str
    center: tuple[float, float]


def lost(
    before: Sight, after: Sight, others: Sequence[Other], true: Sight | None = None
) -> tuple[list[str], int]:
    """What a grader saw before of the ``others`` and does not see after: kind, place or color; and
    how many things it was asked about.

    With ``true``, what it sees in the true target, nothing is asked that it does not see there.
    """
    missing, asked = [], 0
    for other in others:
        was = _nearest(before, other.kind, other.center)
        if was is None:
            continue
        should = was if true is None else _nearest(true, was.kind, was.center)
        if should is None:
            continue
        asked += 1
        now = _nearest(after, was.kind, was.center)
        if now is None:
            missing.append(f"{was.kind} gone")
        elif now.color != was.color and should.color == was.color:
            missing.append(f"{was.kind} {was.color} → {now.color}")
    return missing, asked


def _nearest(sight: Sight, kind: str, at: tuple[float, float]) -> Seen | None:
    near = [(_apart(seen, at), k) for k, seen in enumerate(sight.things) if seen.kind == kind]
    away, k = min(near, default=(1.0, -1))
    return sight.things[k] if away <= NEAR else None


def _apart(seen: Seen, at: tuple[float, float]) -> float:
    return float(np.hypot(seen.center[0] - at[0], seen.center[1] - at[1]))


# -- pixels


def region(mask: np.ndarray, boxes: Iterable[Box]) -> np.ndarray:
    """Where something was to change, bool (h, w): a mask of that shape and boxes in fractions, with
    a margin."""
    import cv2

    high, wide = mask.shape
    out = mask.astype(np.uint8)
    for x0, y0, x1, y1 in boxes:
        left, top = (max(0, int(v * n)) for v, n in ((x0, wide), (y0, high)))
        out[top : max(0, int(np.ceil(y1 * high))), left : max(0, int(np.ceil(x1 * wide)))] = 1
    margin = 2 * round(MARGIN * max(high, wide)) + 1
    grown = cv2.dilate(out, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (margin, margin)))
    return np.asarray(grown > 0)


def changed(before: Image.Image, after: Image.Image) -> np.ndarray:
    """The pixels of two pictures of one size that differ visibly, bool (h, w).

    Raises ValueError for pictures of two sizes.
    """
    from skimage.color import deltaE_ciede2000, rgb2lab

    if before.size != after.size:
        raise ValueError(f"{before.size} and {after.size} cannot be compared")
    a, b = (np.asarray(picture.convert("RGB")) for picture in (before, after))
    out = np.zeros(a.shape[:2], bool)
    other = (a != b).any(-1)  # only these need the formula
    if other.any():
        lab = [rgb2lab(x[other][None])[0] for x in (a, b)]
        out[other] = deltaE_ciede2000(*lab) > VISIBLE
    return out


def share_outside(before: Image.Image, after: Image.Image, inside: np.ndarray) -> float:
    """The share of the pixels outside a region, bool (h, w), that changed visibly; 0 where nothing
    is outside."""
    outside = ~inside
    return float(changed(before, after)[outside].mean()) if outside.any() else 0.0


def psnr_outside(before: Image.Image, after: Image.Image, inside: np.ndarray) -> float:
    """The peak signal-to-noise ratio in dB of the pixels outside a region, at most 100."""
    a, b = (np.asarray(picture.convert("RGB"), np.float64)[~inside] for picture in (before, after))
    error = float(((a - b) ** 2).mean()) if a.size else 0.0
    return min(100.0, 10 * float(np.log10(255**2 / error))) if error else 100.0


# -- the layout, and the frame


def layout(before: Image.Image, after: Image.Image) -> float:
    """How well the outlines of two pictures agree, 0 to 1: F1 of their edges at two pixels of 128.

    Pictures of two shapes are brought to one.
    """
    size = (LAYOUT, LAYOUT)
    a, b = (
        pixels.edges(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS))
        for picture in (before, after)
    )
    return pixels.edge_f1(b, a)


def inner(after: Image.Image, start: tuple[int, int], side: str) -> Image.Image | None:
    """Of a picture that was extended at ``side``, left or right, the part of the ``start`` size
    that was there before; None where nothing was added there, or the height is another."""
    wide, high = start
    if after.height != high or after.width <= wide:
        return None
    left = after.width - wide if side == "left" else 0
    return after.crop((left, 0, left + wide, high))


def seam(after: Image.Image, wide: int, side: str) -> float:
    """How steep an extended picture is where the new part begins, against the columns on both sides
    of that: 1 is no seam to see."""
    x = after.width - wide if side == "left" else wide
    gray = np.asarray(after.convert("L"), np.float64)
    steep = np.abs(np.diff(gray, axis=1)).mean(0)
    strip = max(2, round(STRIP * after.width))
    around = np.r_[steep[max(0, x - 1 - strip) : x - 1], steep[x : x + strip]]
    return float(steep[x - 1] / max(float(around.mean()), 1e-6))
