"""What the painter's ControlNet is shown: parts of a picture, and outlines.

It is shown latents: those of the picture where it is to be kept, those of the outlines where they
are known, and a mask for each. Latents are what ControlNets of larger painters are shown, too
(Stable Diffusion 3); a network with three channels, as those for Stable Diffusion 1.5 and XL are,
is shown the outlines themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import torch

LOW, HIGH = 60, 140
"""Thresholds of `cv2.Canny` on gray values of 0 to 255."""
LINES = 0.4
"""Factor on the latents of outlines, whose contrast is higher than a picture's."""


def outlines(rgb: np.ndarray, low: float = LOW, high: float = HIGH) -> np.ndarray:
    """The outlines in a uint8 picture (h, w, 3) as `cv2.Canny` finds them: uint8 (h, w, 3), white
    on black."""
    import cv2

    gray = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    return np.repeat(cv2.Canny(gray, low, high)[..., None], 3, 2)


def shown(
    picture: torch.Tensor, kept: torch.Tensor, lines: torch.Tensor, lined: torch.Tensor
) -> torch.Tensor:
    """What the ControlNet is shown: (n, 2·channels + 2, h, w).

    ``picture`` and ``lines`` are latents (n, channels, h, w) of a picture and of its outlines;
    ``kept`` and ``lined``, (n, h, w) of 0 and 1, say where each is to be heeded.
    """
    import torch

    kept, lined = (mask[:, None].to(picture) for mask in (kept, lined))
    return torch.cat([picture * kept, LINES * lines.to(picture) * lined, kept, lined], 1)


def lined_cells(lines: Image.Image, cells: tuple[int, int]) -> np.ndarray:
    """Where a sketch of white lines on black says something: bool of shape ``cells``, all cells of
    the box around every figure whose lines touch or nearly do."""
    import cv2

    white = (np.asarray(lines.convert("L")) > 64).astype(np.uint8)
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
