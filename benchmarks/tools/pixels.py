"""Arithmetic on pixels: edges, structural similarity, and what spoils a picture."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageFilter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from danqing.tools.controls import outlines

TOLERANCE = 2.0
"""Pixels that an edge may be off."""
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales of MS-SSIM, the finest first (Wang, Simoncelli & Bovik 2003)."""
WINDOW, DEVIATION = 11, 1.5


def edges(image: Image.Image) -> np.ndarray:
    """The Canny edges of a picture as the tools find them: bool (h, w)."""
    return np.asarray(outlines(np.asarray(image.convert("RGB")))[..., 0] > 0)


def edge_recall(found: np.ndarray, true: np.ndarray) -> float:
    """The share of the true edges that a found one is near; 1 where there are none."""
    if not true.any():
        return 1.0
    if not found.any():
        return 0.0
    away = cv2.distanceTransform((~found).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float((away[true] <= TOLERANCE).mean())


def edge_f1(found: np.ndarray, true: np.ndarray) -> float:
    """The harmonic mean of the shares of edges, bool (h, w), that have a counterpart near."""
    if not found.any() and not true.any():
        return 1.0
    recall, precision = edge_recall(found, true), edge_recall(true, found)
    if not found.any() or not true.any() or not recall + precision:
        return 0.0
    return 2 * recall * precision / (recall + precision)


def psnr(image: Image.Image, true: Image.Image, border: int = 0) -> float:
    """The peak signal-to-noise ratio in dB inside a border, at most 100."""
    a, b = _inside(image, border), _inside(true, border)
    if np.array_equal(a, b):
        return 100.0
    return float(peak_signal_noise_ratio(b, a, data_range=255))


def ssim(image: Image.Image, true: Image.Image, border: int = 0) -> float:
    """The structural similarity inside a border (Wang et al. 2004)."""
    a, b = _inside(image, border), _inside(true, border)
    return float(
        structural_similarity(
            a, b, channel_axis=-1, data_range=255, gaussian_weights=True, sigma=DEVIATION,
            use_sample_covariance=False,
        )
    )  # fmt: skip


def _inside(image: Image.Image, border: int) -> np.ndarray:
    size = (border, border, image.width - border, image.height - border)
    return np.asarray(image.convert("RGB").crop(size))


def ms_ssim(image: Image.Image, other: Image.Image) -> float:
    """The multi-scale structural similarity of two gray pictures (Wang, Simoncelli & Bovik 2003:
    "Multiscale structural similarity for image quality assessment"), over as many of its five
    scales as their size has room for; the weights of those sum to 1.

    Raises ValueError for pictures of two sizes, and for such as are smaller than the window.
    """
    a, b = (np.asarray(i.convert("L"), np.float64) for i in (image, other))
    if a.shape != b.shape or min(a.shape) < WINDOW:
        raise ValueError(f"{image.size} and {other.size} cannot be compared")
    scales = min(len(WEIGHTS), int(np.log2(min(a.shape) / WINDOW)) + 1)
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    result = 1.0
    for scale, weight in enumerate(weights):
        luminance, structure = _parts(a, b)
        last = scale == scales - 1
        alike = (luminance * structure).mean() if last else structure.mean()
        result *= max(float(alike), 0.0) ** weight
        a, b = (_halved(x) for x in (a, b))
    return float(result)


def _parts(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The luminance term, and the product of contrast and structure, where the window fits."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = _blurred(a), _blurred(b)
    va, vb = _blurred(a * a) - ma**2, _blurred(b * b) - mb**2
    both = _blurred(a * b) - ma * mb
    return (2 * ma * mb + c1) / (ma**2 + mb**2 + c1), (2 * both + c2) / (va + vb + c2)


def _blurred(x: np.ndarray) -> np.ndarray:
    half = WINDOW // 2
    return np.asarray(cv2.GaussianBlur(x, (WINDOW, WINDOW), DEVIATION))[half:-half, half:-half]


def _halved(x: np.ndarray) -> np.ndarray:
    h, w = x.shape[0] // 2, x.shape[1] // 2
    return np.asarray(x[: 2 * h, : 2 * w].reshape(h, 2, w, 2).mean((1, 3)))


# -- what spoils a picture


SPOILERS: dict[str, tuple[float, ...]] = {
    "blur": (0.5, 1.0, 1.5, 2.0, 3.0),
    "noise": (5, 10, 20, 30, 45),
    "JPEG": (50, 30, 20, 10, 5),
    "brightness": (0.85, 0.7, 0.55, 0.4, 0.25),
}
"""Strengths, the mildest first: radius in pixels, deviation of 255, quality, factor."""


def spoiled(image: Image.Image, how: str, strength: float, seed: int) -> Image.Image:
    """A picture blurred, noisy, squeezed or darkened."""
    if how == "blur":
        return image.filter(ImageFilter.GaussianBlur(strength))
    if how == "noise":
        noise = np.random.default_rng(seed).normal(0, strength, (*image.size[::-1], 3))
        return Image.fromarray((np.asarray(image) + noise).round().clip(0, 255).astype(np.uint8))
    if how == "JPEG":
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(strength))
        return Image.open(file).convert("RGB")
    return ImageEnhance.Brightness(image).enhance(strength)
