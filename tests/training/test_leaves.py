"""Pictures of chance alone, and the patterns for sketches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from danqing.tools.sketch import CELL, COLORS, VARIANTS
from danqing.tools.world import world
from training import leaves, sketches

ROOT = Path(__file__).parents[2]


def test_leaves_cover_the_picture_with_shapes_of_many_colors() -> None:
    one, same, other = (leaves.leaves(128, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.shape == (128, 128, 3)
    assert (one == same).all()
    assert (one != other).mean() > 0.5
    assert len(np.unique(one.reshape(-1, 3) // 32, axis=0)) > 30


def test_leaves_have_the_spectrum_of_natural_pictures() -> None:
    power = np.zeros(64)
    for seed in range(8):
        gray = leaves.leaves(128, np.random.default_rng(seed)).mean(-1)
        spectrum = np.abs(np.fft.fftshift(np.fft.fft2(gray - gray.mean()))) ** 2
        y, x = np.indices(spectrum.shape) - 64
        ring = np.hypot(x, y).astype(int)
        power += np.bincount(ring.ravel(), spectrum.ravel())[:64] / np.bincount(ring.ravel())[:64]
    slope = np.polyfit(np.log(np.arange(3, 40)), np.log(power[3:40]), 1)[0]
    assert -3.2 < slope < -1.4, "about the inverse square of the frequency (Field 1987)"


def test_a_pool_is_drawn_once(tmp_path: Path) -> None:
    first = leaves.pool(tmp_path / "leaves.npy", 2, 64)
    [file] = tmp_path.iterdir()
    time = file.stat().st_mtime_ns
    assert (leaves.pool(tmp_path / "leaves.npy", 2, 64) == first).all()
    assert file.stat().st_mtime_ns == time


@pytest.mark.parametrize(
    ("kind", "color", "variant"),
    [("person", None, 0), ("house", "red", 1), ("umbrella", "gray", 0)],
)
def test_the_patterns_that_are_shipped_are_those_of_the_drawings(
    kind: str, color: str | None, variant: int
) -> None:
    shipped = Image.open(ROOT / "tools" / "sketches.png").convert("RGBA")
    kinds = list(world().objects)
    assert shipped.size == (CELL * VARIANTS * len(COLORS), CELL * len(kinds))
    x, y = CELL * (variant * len(COLORS) + COLORS.index(color)), CELL * kinds.index(kind)
    drawn = sketches.pattern(kind, color, (variant + 0.5) / VARIANTS)
    cell = np.asarray(shipped.crop((x, y, x + CELL, y + CELL)), int)
    assert np.abs(cell - np.asarray(drawn, int)).mean() < 1
