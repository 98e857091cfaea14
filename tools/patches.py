"""Fill a hole in an image with other parts of the same image.

A part is copied from where the surroundings are most like those of the hole, in one piece (one
entry of the shift map of Pritch et al. 2009), and takes the tints of the hole's border, so that no
seam is left (after Pérez et al. 2003). Of a hole that nothing fits, one half is filled first.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .masks import grown

Mask = NDArray[np.bool_]
RIM = 0.03
"""Width of the surroundings that are compared, as a share of the image's longer side."""
SIDE = 512
"""Pixels of the longer side at which parts are looked for."""
UPRIGHT = 4000.0
"""What a shift by the whole height costs, in squared units of Lab: ground belongs to ground."""
SMALL = 0.047
"""A hole no larger than this, as a share of the longer side, is not halved any more."""
FIT, LARGE = 300.0, 0.094
"""What fits worse than this, in squared units of Lab, is halved while it is larger than that."""
CLOSE, REMNANT = 0.008, 0.012
"""How near parts of a hole are one, and how far around it something of what is to go may be left,
as shares of the longer side."""
ALIKE = 32
"""Up to such a difference, of 255, two pixels at a border are of the same thing in another tint."""
FINEST, LEAST = 4.0, 0.05
"""How near to the border a tint is told apart, in pixels; and what of a blurred border counts."""


def patched(
    rgb: NDArray[np.uint8], hole: Mask, avoid: Mask | None = None, most: int | None = None
) -> NDArray[np.uint8] | None:
    """The image, uint8 (h, w, 3), with its hole, bool (h, w), filled from elsewhere in it, but
    never from what is to be avoided; None where nothing has room, or it would take more than
    ``most`` parts."""
    scale = min(1.0, SIDE / max(hole.shape))
    size = (max(1, round(hole.shape[1] * scale)), max(1, round(hole.shape[0] * scale)))
    shut = hole if avoid is None else hole | avoid
    large = _Sheet(rgb.copy(), shut.copy(), np.zeros_like(hole))
    reduced = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    todo = _resized(hole, size)
    small = _Sheet(reduced, _resized(shut, size).copy(), _grown(todo, REMNANT))
    left, laid = _pieces(todo), 0
    while left:
        known = [n for n, part in enumerate(left) if small.surroundings(part).any()]
        if not known:
            return None
        part = left.pop(known[-1])
        found = small.fitting(part)
        if found is None or found[1] > FIT:
            least = (SMALL if found is None else LARGE) * max(part.shape)
            halves = _halves(part, least)
            if halves is not None:
                left += halves
                continue
        laid += 1
        if found is None or (most is not None and laid > most):
            return None
        down, right = found[0]
        small.lay(part, (down, right))
        whole = _resized(part, hole.shape[::-1]) & hole
        large.lay(whole, (round(down / scale), round(right / scale)))
    return large.rgb


@dataclass
class _Sheet:
    """An image; what of it must be neither copied nor compared; and what lies around its hole, and
    may have a rim of what is to go, which must not be copied."""

    rgb: NDArray[np.uint8]
    shut: Mask
    rim: Mask

    def surroundings(self, part: Mask) -> Mask:
        """What is known around a part of the hole, within its rows and columns."""
        (rows, columns), around = _around(part)
        return around & ~self.shut[rows, columns]

    def fitting(self, part: Mask) -> tuple[tuple[int, int], float] | None:
        """How far down and to the right lies what fits best into a part of the hole, and how badly
        it does; None where nothing has room."""
        (rows, columns), _ = _around(part)
        compared = self.surroundings(part).astype(np.float32)
        inside = cv2.dilate(part.astype(np.uint8), np.ones((3, 3), np.uint8))[rows, columns]
        taken = cv2.matchTemplate(
            (self.shut | self.rim).astype(np.float32), inside.astype(np.float32), cv2.TM_CCORR
        )
        lab = cv2.cvtColor(self.rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
        apart = np.zeros(taken.shape, np.float64)
        for k in range(3):
            channel = np.ascontiguousarray(lab[..., k])
            apart += cv2.matchTemplate(
                channel, channel[rows, columns], cv2.TM_SQDIFF, mask=compared
            )
        apart /= compared.sum()
        cost = apart + UPRIGHT * np.abs(np.arange(len(apart)) - rows.start)[:, None] / len(part)
        cost[taken > 0.5] = np.inf
        y, x = np.unravel_index(int(cost.argmin()), cost.shape)
        if not np.isfinite(cost[y, x]):
            return None
        return (int(y) - rows.start, int(x) - columns.start), float(apart[y, x])

    def lay(self, part: Mask, shift: tuple[int, int]) -> None:
        """Fill a part of the hole with what lies by a ``shift`` down and to the right of it."""
        high, wide = part.shape
        there = np.roll(self.rgb, (-shift[0], -shift[1]), (0, 1))
        (rows, columns), around = _around(part)
        border = around & ~self.shut[rows, columns]
        border &= np.roll(~self.shut, (-shift[0], -shift[1]), (0, 1))[rows, columns]
        ys, xs = np.mgrid[rows, columns]
        border &= (ys + shift[0] >= 0) & (ys + shift[0] < high)
        border &= (xs + shift[1] >= 0) & (xs + shift[1] < wide)
        near = there[rows, columns].astype(np.float32)
        apart = self.rgb[rows, columns] - near
        border &= np.abs(apart).max(2) <= ALIKE
        near += _spread(apart * border[..., None], border)
        inside = part[rows, columns]
        self.rgb[rows, columns][inside] = np.clip(near, 0, 255).round().astype(np.uint8)[inside]
        self.shut[part] = False


def _spread(values: NDArray[np.float32], where: Mask) -> NDArray[np.float32]:
    """Values (h, w, 3) that are known at a border, spread smoothly from there; what coarse tints do
    not tell, finer ones do, the nearer to the border."""
    spread = np.zeros_like(values)
    sigma = max(where.shape) / 6
    known = where.astype(np.float32)
    while sigma >= FINEST:
        left = (values - spread) * known[..., None]
        weight = _blurred(known, sigma)
        least = 1e-3 if not spread.any() else LEAST
        spread += _blurred(left, sigma) / np.maximum(weight, least)[..., None]
        sigma /= 2
    return spread


def _blurred(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blurred by ``sigma`` pixels, at as small a size as that allows."""
    high, wide = values.shape[:2]
    by = max(1, int(sigma) // 4)
    size = (-(-wide // by), -(-high // by))
    small = cv2.GaussianBlur(
        cv2.resize(values, size, interpolation=cv2.INTER_AREA), (0, 0), sigma / by
    )
    return np.asarray(cv2.resize(small, (wide, high)), np.float32)


def _around(part: Mask) -> tuple[tuple[slice, slice], Mask]:
    """The rows and columns of a part of the hole and its rim, and the rim within these."""
    high, wide = part.shape
    rim = max(2, round(RIM * max(high, wide)))
    ys, xs = np.nonzero(part)
    rows = slice(max(int(ys.min()) - rim, 0), min(int(ys.max()) + rim + 1, high))
    columns = slice(max(int(xs.min()) - rim, 0), min(int(xs.max()) + rim + 1, wide))
    inside = part[rows, columns].astype(np.uint8)
    grown = cv2.dilate(inside, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8))
    return (rows, columns), (grown > 0) & (inside == 0)


def _pieces(hole: Mask) -> list[Mask]:
    """The parts of a hole; those that are close to each other are one."""
    n, labels = cv2.connectedComponents(_grown(hole, CLOSE).astype(np.uint8))
    return [(labels == k) & hole for k in range(1, n)]


def _grown(mask: Mask, share: float) -> Mask:
    """A mask with a rim of so much more, as a share of the longer side."""
    return grown(mask, max(1, round(share * max(mask.shape))))


def _halves(part: Mask, least: float) -> list[Mask] | None:
    """Two halves of a part, side by side unless it is narrow; None for one no larger than
    ``least``."""
    ys, xs = np.nonzero(part)
    tall, wide = int(np.ptp(ys)) + 1, int(np.ptp(xs)) + 1
    if max(tall, wide) <= least:
        return None
    first = part.copy()
    if wide > least:
        first[:, (xs.min() + xs.max()) // 2 + 1 :] = False
    else:
        first[(ys.min() + ys.max()) // 2 + 1 :] = False
    return [part & ~first, first]


def _resized(mask: Mask, size: tuple[int, int]) -> Mask:
    """A mask of another size: every pixel that any of its own falls into."""
    if mask.shape == size[::-1]:
        return mask
    grown = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(grown > 0)
