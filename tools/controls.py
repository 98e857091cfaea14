"""What the painter's ControlNet is shown: parts of a picture, and outlines.

It is shown latents: those of the picture where it is to be kept, those of the outlines where they
are known, and a mask for each. Latents are what ControlNets of larger painters are shown, too
(Stable Diffusion 3); a network with three channels, as those for Stable Diffusion 1.5 and XL are,
is shown the outlines themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import torch

LOW, HIGH = 60, 140
"""Thresholds of `cv2.Canny` on gray values of 0 to 255."""
LINES = 0.4
"""Factor on the latents of outlines, whose contrast is higher than a picture's."""
PAPER = 168
"""Gray behind what is sketched: unlike most of what objects are made of."""
DARK = 64
"""Up to this nothing is a line."""
HINTED = 0.5
"""What stands for a sketch in the mask of what is kept, where 1 stands for a picture."""


def takes_pictures(network: Any) -> bool:
    """Whether a ControlNet is shown a picture itself, and not latents."""
    return bool(network.config.get("conditioning_channels", 3) == 3)


def outlines(rgb: np.ndarray, low: float = LOW, high: float = HIGH) -> np.ndarray:
    """The outlines in a uint8 picture (h, w, 3) as `cv2.Canny` finds them: uint8 (h, w, 3), white
    on black."""
    import cv2

    gray = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    return np.repeat(cv2.Canny(gray, low, high)[..., None], 3, 2)


class Sketch(NamedTuple):
    """What a sketch shows: its things ``flat`` on `PAPER`, uint8 (h, w, 3); where they are
    ``there``, bool (h, w); and its outlines, the ``lines``, white on black, uint8 (h, w, 3)."""

    flat: np.ndarray
    there: np.ndarray
    lines: np.ndarray


def of_sketch(sketch: Image.Image) -> Sketch:
    """What an image of a sketch shows.

    Transparent paper makes it a sketch in color; else, and where it is in black alone, it is a line
    drawing, either way round, and has no things.
    """
    import cv2
    from PIL import ImageOps, ImageStat

    there = np.asarray(sketch.convert("RGBA").getchannel("A")) > 0
    rgb = np.asarray(_on(sketch, PAPER))
    if not there.all() and rgb[there].max(initial=0) > DARK:
        near = cv2.dilate(there.astype(np.uint8), np.ones((3, 3), np.uint8))
        return Sketch(rgb, there, outlines(rgb) * near[..., None])
    gray = _on(sketch, 255).convert("L")
    if ImageStat.Stat(gray).mean[0] > 127:
        gray = ImageOps.invert(gray)
    return Sketch(rgb, np.zeros_like(there), np.asarray(gray.convert("RGB")))


def _on(sketch: Image.Image, gray: int) -> Image.Image:
    paper = Image.new("RGBA", sketch.size, (gray, gray, gray, 255))
    return Image.alpha_composite(paper, sketch.convert("RGBA")).convert("RGB")


def in_cells(where: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
    """Which latents are touched: bool of shape ``cells`` from bool (h, w)."""
    (h, w), (rows, columns) = where.shape, cells
    return np.asarray(where.reshape(rows, h // rows, columns, w // columns).any((1, 3)))


def shown(
    picture: torch.Tensor, kept: torch.Tensor, lines: torch.Tensor, lined: torch.Tensor
) -> torch.Tensor:
    """What the ControlNet is shown: (n, 2·channels + 2, h, w).

    ``picture`` and ``lines`` are latents (n, channels, h, w) of a picture and of its outlines;
    ``kept`` and ``lined``, (n, h, w) from 0 to 1, say where each is to be heeded. Where ``kept`` is
    `HINTED`, ``picture`` is but a sketch.
    """
    import torch

    kept, lined = (mask[:, None].to(picture) for mask in (kept, lined))
    return torch.cat([picture * (kept > 0), LINES * lines.to(picture) * lined, kept, lined], 1)


def lined_cells(lines: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
    """Where white lines on black, uint8 (h, w, 3), say something: bool of shape ``cells``, all
    cells of the box around every figure whose lines touch or nearly do."""
    import cv2

    white = (lines.max(2) > DARK).astype(np.uint8)
    (h, w), (rows, columns) = white.shape, cells
    near = cv2.dilate(white, np.ones((h // rows // 2 + 1, w // columns // 2 + 1), np.uint8))
    known = np.zeros(cells, bool)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(near)
    for x, y, wide, high, _ in boxes[1:]:
        known[
            y * rows // h : -(-(y + high) * rows // h),
            x * columns // w : -(-(x + wide) * columns // w),
        ] = True
    return known
