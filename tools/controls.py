"""What a ControlNet is shown: the outlines of a picture, or a picture with a hole in it."""

from __future__ import annotations

import numpy as np

LOW, HIGH = 60, 140
"""Thresholds of `cv2.Canny` on gray values of 0 to 255."""


def outlines(rgb: np.ndarray) -> np.ndarray:
    """The outlines in a uint8 picture (h, w, 3) as `cv2.Canny` finds them: uint8 (h, w, 3), white
    on black."""
    import cv2

    gray = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    return np.repeat(cv2.Canny(gray, LOW, HIGH)[..., None], 3, 2)


def with_hole(rgb: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """A uint8 picture (h, w, 3) as float32 in [0, 1], and -1 where ``hole``, bool (h, w), is."""
    control = rgb.astype(np.float32) / 255
    control[hole] = -1.0
    return control
