"""Pictures that are made of chance alone and are as a photograph is: dead leaves.

Shapes of all sizes fall on one another (Lee, Mumford and Huang 2001), so edges, sizes and contrasts
are distributed as in natural images; each has its own color, shading and grain. A network that
learned to restore such pictures restores photographs, too (Achddou et al. 2021).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

SMALLEST, LARGEST = 0.006, 0.35
"""Radii, in sides of the picture; their density falls with the cube of the radius."""
SHAPES = 700
BENEATH = 70
"""Large shapes beneath them all, so that no ground is seen."""


def leaves(size: int, rng: np.random.Generator) -> np.ndarray:
    """One picture, uint8 (size, size, 3)."""
    big = 2 * size  # drawn twice as large, for smooth edges
    canvas = np.empty((big, big, 3), np.uint8)
    canvas[:] = _color(rng)
    # by inversion of the distribution function of a density of r⁻³
    u = rng.random(SHAPES)
    radii = (SMALLEST**-2 - u * (SMALLEST**-2 - LARGEST**-2)) ** -0.5
    beneath = LARGEST * rng.uniform(0.2, 1.0, BENEATH)
    for radius in np.concatenate([beneath, radii]) * big:
        center = rng.uniform(0, big, 2)
        color = tuple(int(v) for v in _color(rng))
        if rng.random() < 0.5:
            axes = (max(int(radius), 1), max(int(radius * rng.uniform(0.4, 1.0)), 1))
            middle = (int(center[0]), int(center[1]))
            cv2.ellipse(canvas, middle, axes, rng.uniform(0, 180), 0, 360, color, -1)
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
            points = center + radius * np.stack([np.cos(angles), np.sin(angles)], 1)
            cv2.fillPoly(canvas, [points.round().astype(np.int32)], color)
    picture = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    picture += _clouds(size, rng) * rng.uniform(0, 40) + _grain(size, rng)
    if rng.random() < 0.5:  # out of focus
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 3.0))
    return np.clip(picture, 0, 255).astype(np.uint8)


def pool(file: Path, n: int, size: int) -> np.ndarray:
    """``n`` pictures, uint8 (n, size, size, 3), drawn once and kept in ``file`` (a ``.npy``)."""
    file = file.with_stem(f"{file.stem}-{n}-{size}")
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npy")
        np.save(part, np.stack([leaves(size, np.random.default_rng([7, k])) for k in range(n)]))
        part.rename(file)
    return np.asarray(np.load(file, mmap_mode="r"))


def _color(rng: np.random.Generator) -> np.ndarray:
    """Mostly muted, as things are."""
    gray = rng.uniform(10, 245)
    return np.clip(gray + rng.normal(0, 1, 3) * rng.choice([8, 25, 70], p=[0.4, 0.4, 0.2]), 0, 255)


def _clouds(size: int, rng: np.random.Generator) -> np.ndarray:
    """Soft light and shade, float32 (size, size, 1) of deviation about 1: noise of falling
    amplitude with rising frequency."""
    out = np.zeros((size, size), np.float32)
    for octave in range(1, 7):
        cells = rng.normal(0, 1, (2**octave, 2**octave)).astype(np.float32)
        out += cv2.resize(cells, (size, size), interpolation=cv2.INTER_CUBIC) / 2**octave
    return out[..., None]


def _grain(size: int, rng: np.random.Generator) -> np.ndarray:
    """Texture in some places and none in others."""
    noise = rng.normal(0, 1, (size, size, 1)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.3, 2.5))[..., None]
    where = cv2.resize(rng.random((6, 6)).astype(np.float32), (size, size)) ** 3
    return np.asarray(noise * where[..., None] * rng.uniform(0, 60))
