"""The colors of one picture for another, by the mean and the spread of each channel of Lab."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STRIP = 256
"""Rows that are converted at once."""
LEAST = 0.5
"""A channel that deviates less than this, in units of Lab, is taken to deviate so much."""
FLATTEST = 0.6
"""The spread of colors to which other light brings things at least, as a share of what it was."""
TAKEN = np.array([1.0, 0.5, 0.5])
"""Things take on the hue of another light half as far as its lightness."""


@dataclass(frozen=True)
class Colors:
    """The mean and the deviation of L, a and b over the visible parts of an image."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]


def recolored(image: Image.Image, reference: Image.Image) -> Image.Image:
    """The colors of ``image`` spread as those of ``reference`` are: RGB, of the size of ``image``.

    Reinhard et al. 2001, in CIE Lab: each channel is shifted and scaled to the mean and the
    standard deviation that it has in the reference. Transparent parts do not count.
    """
    own, wanted = colors_of(image), colors_of(reference)
    scale = wanted.deviation / np.maximum(own.deviation, LEAST)
    return _moved(image, scale, wanted.mean - own.mean * scale)


def relit(image: Image.Image, before: Image.Image, after: Image.Image, share: float) -> Image.Image:
    """An image as it looks when its surroundings, in other light, go from ``before`` to ``after``:
    RGB, of its size.

    The surroundings' mean and spread of each channel of Lab move as in `recolored`, and with them
    the image's colors by a ``share`` from 0 to 1, in hue by half of that, never to more contrast.
    """
    own, wanted = colors_of(before), colors_of(after)
    spread, narrowed = (np.maximum(colors.deviation, LEAST) for colors in (own, wanted))
    scale = np.clip(narrowed / spread, FLATTEST, 1.0)
    shift = wanted.mean - own.mean * scale
    taken = share * TAKEN
    return _moved(image, 1 + taken * (scale - 1), taken * shift)


def _moved(
    image: Image.Image, scale: NDArray[np.float64], shift: NDArray[np.float64]
) -> Image.Image:
    """The channels of Lab scaled and shifted: RGB."""
    import cv2

    pixels = np.asarray(image.convert("RGB"))
    result = np.empty_like(pixels)
    for top in range(0, len(pixels), STRIP):
        rows = slice(top, top + STRIP)
        lab = _lab(pixels[rows]) * scale.astype(np.float32) + shift.astype(np.float32)
        rgb = cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)
        result[rows] = (np.clip(rgb, 0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(result)


def colors_of(image: Image.Image) -> Colors:
    """The colors of an image; of one without anything visible, those of all its pixels."""
    pixels = np.asarray(image.convert("RGB"))
    alpha = np.asarray(image.getchannel("A")) if "A" in image.getbands() else None
    if alpha is None or not alpha.any():
        alpha = np.full(pixels.shape[:2], 255, np.uint8)
    weights, total, squares = 0.0, np.zeros(3), np.zeros(3)
    for top in range(0, len(pixels), STRIP):
        rows = slice(top, top + STRIP)
        weight = alpha[rows].astype(np.float64)[..., None] / 255
        lab = _lab(pixels[rows]).astype(np.float64)
        weights += weight.sum()
        total += (weight * lab).sum((0, 1))
        squares += (weight * lab**2).sum((0, 1))
    mean = total / weights
    return Colors(mean, np.sqrt(np.maximum(squares / weights - mean**2, 0)))


def _lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 RGB to L in 0..100, and a and b."""
    import cv2

    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2Lab))
