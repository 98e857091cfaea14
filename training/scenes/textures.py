"""What the styles are made of: paper, pigment, brush strokes, hatching, a seal.

Every texture is made once, at one resolution, by a generator of its own, is kept in memory, and is
somewhat larger than a picture, so that a `Cut` can take another part of it for each picture. A cut
at the same place shows the same texture at every size of the picture.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np

Image: TypeAlias = np.ndarray
"""uint8, (size, size, 3) in RGB or (size, size) with one channel."""
Field: TypeAlias = np.ndarray
"""float32, (size, size)."""

MASTER = 512  # pixels of the picture for which textures are made
STEPS = 32  # places at which a texture may be cut, per axis, each 1/128 of the picture
ANGLES = 8  # directions of brush strokes, evenly spread over a half turn
# Length and width of a stroke, and how often its pattern repeats: the broad brush, the fine one.
BRUSHES = ((0.085, 0.022, 1), (0.024, 0.0085, 2))


class Cut:
    """The part of every texture that belongs to one picture of ``size`` pixels.

    ``column`` and ``row``, both below `STEPS`, say where it is taken.
    """

    def __init__(self, size: int, column: int, row: int) -> None:
        self.size = size
        self.x, self.y = column * size // 128, row * size // 128

    def __call__(self, texture: np.ndarray) -> np.ndarray:
        return texture[self.y : self.y + self.size, self.x : self.x + self.size]


def extent(size: int) -> int:
    """Pixels per side of the textures for a picture of ``size`` pixels."""
    return size + STEPS * size // 128


def _scaled(texture: np.ndarray, size: int) -> np.ndarray:
    """A texture made for `MASTER` pixels, for ``size``."""
    if size == MASTER:
        return texture
    how = cv2.INTER_AREA if size < MASTER else cv2.INTER_LINEAR
    return cv2.resize(texture, (extent(size), extent(size)), interpolation=how)


def byte(field: Field) -> Image:
    """``field``, of which 0 to 1 counts, as 0 to 255."""
    return cv2.addWeighted(field, 255.0, field, 0.0, 0.0, dtype=cv2.CV_8U)


@lru_cache(maxsize=64)
def noise(size: int, low: float, high: float, stretch: float = 1.0) -> Field:
    """Smooth noise around 0 with deviation 1 and wavelengths mostly from ``low`` to ``high``
    (fractions of the picture), longer sideways by the factor ``stretch``.
    """
    if size != MASTER:
        return _scaled(noise(MASTER, low, high, stretch), size)
    side = extent(MASTER)
    fy = np.fft.fftfreq(side)[:, None] * MASTER
    fx = np.fft.rfftfreq(side)[None, :] * MASTER * stretch
    frequency = np.maximum(np.hypot(fx, fy), 1e-6)
    octaves = np.log(frequency * np.sqrt(low * high)) / (np.log(high / low) / 2)
    rng = np.random.default_rng(round(1e6 * low + 1e4 * high))
    spectrum = np.fft.rfft2(rng.standard_normal((side, side)))
    field: Field = np.fft.irfft2(spectrum * np.exp(-(octaves**2)) / frequency, (side, side))
    return (field / field.std()).astype(np.float32)


@lru_cache(maxsize=8)
def sway(size: int) -> tuple[np.ndarray, np.ndarray]:
    """By how much an unsteady hand misses, in the fixed-point form of `cv2.convertMaps`: whole
    pixels across and down as int16 (extent, extent, 2), and the fractions as uint16.
    """
    amount = 0.0028 * size * 32
    x = np.rint(amount * noise(size, 0.06, 0.3)).astype(np.int32)
    y = np.rint(amount * noise(size, 0.061, 0.3)).astype(np.int32)
    whole = np.stack([x >> 5, y >> 5], -1).astype(np.int16)
    return whole, ((y & 31) * 32 + (x & 31)).astype(np.uint16)


@lru_cache(maxsize=8)
def grid(size: int) -> tuple[Field, Field]:
    """x and y of every pixel."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    return x, y


# -- paper


@lru_cache(maxsize=8)
def watercolor_paper(size: int) -> Image:
    """Thick rough paper, almost white."""
    grain = np.clip(0.97 + 0.015 * noise(size, 0.006, 0.025), 0, 1)
    return cv2.merge([byte(grain), byte(grain * 0.99), byte(grain * 0.955)])


@lru_cache(maxsize=8)
def rice_paper(size: int) -> Image:
    """Warm thin paper in which ink settles a little unevenly."""
    fiber = 0.97 + 0.014 * noise(size, 0.15, 0.8, 1.5) + 0.016 * noise(size, 0.006, 0.03)
    fiber = np.clip(fiber, 0, 1)
    return cv2.merge([byte(fiber), byte(fiber * 0.975), byte(fiber * 0.915)])


@lru_cache(maxsize=8)
def margin(size: int) -> Field:
    """How far each pixel of the picture is from the border, in fractions; round at the corners."""
    t = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = np.meshgrid(np.minimum(t, 1 - t), np.minimum(t, 1 - t))
    nearest: Field = -0.02 * np.log(np.exp(-x / 0.02) + np.exp(-y / 0.02))
    return nearest


@lru_cache(maxsize=8)
def fringe(size: int) -> Field:
    """How much farther in or out than straight the border of a watercolor runs, in fractions."""
    return 0.004 * noise(size, 0.1, 0.5) + 0.0018 * noise(size, 0.02, 0.1)


@lru_cache(maxsize=8)
def pigment(size: int) -> Field:
    """How much more pigment than usual has dried at a spot: pools, and grains in the paper."""
    pools = 0.08 * noise(size, 0.2, 0.9, 1.5) + 0.04 * noise(size, 0.04, 0.15)
    return pools + 0.07 * noise(size, 0.006, 0.025) - 0.04


# -- ink and pencil


@lru_cache(maxsize=8)
def pressure(size: int) -> Field:
    """How strong an edge must be (0 to 1) for the ink brush to reach the paper there."""
    press = 0.66 + 0.22 * noise(size, 0.12, 0.5) + 0.05 * noise(size, 0.006, 0.03)
    return np.clip(press, 0.3, 0.98)


@lru_cache(maxsize=8)
def graphite(size: int) -> Field:
    """How well a pencil marks the paper, about 1."""
    return np.clip(0.92 + 0.08 * noise(size, 0.005, 0.02), 0.6, 1)


@lru_cache(maxsize=16)
def hatching(size: int, angle: float, spacing: float) -> Field:
    """Parallel lines by hand, crossing the direction ``angle``: 0 on a line, 1 between two."""
    if size != MASTER:
        return _scaled(hatching(MASTER, angle, spacing), size)
    x, y = grid(extent(MASTER))
    across = (x * np.cos(angle) + y * np.sin(angle)) / (spacing * MASTER)
    across = across + 0.12 * noise(MASTER, 0.1, 0.5)
    lines: Field = (np.abs((across % 1.0) - 0.5) * 2).astype(np.float32)
    return lines


@lru_cache(maxsize=8)
def seal(size: int) -> tuple[Image, Field]:
    """A small red seal with the character 丹 left white: its picture and its opacity (0 to 1)."""
    side = max(3, round(0.085 * size))
    big = 8 * side
    color = np.full((big, big, 3), (186, 44, 36), np.uint8)
    cover = np.zeros((big, big), np.uint8)
    corners = (big // 10, big // 10), (big * 9 // 10, big * 9 // 10)
    cv2.rectangle(cover, *corners, 255, -1)
    cv2.rectangle(cover, *corners, 255, big // 10)
    for stroke in (
        [(0.33, 0.24), (0.33, 0.58), (0.24, 0.78)],
        [(0.33, 0.24), (0.70, 0.24), (0.70, 0.78), (0.62, 0.75)],
        [(0.18, 0.50), (0.84, 0.50)],
        [(0.49, 0.33), (0.53, 0.41)],
    ):
        points = np.rint(np.asarray(stroke) * big).astype(np.int32)
        cv2.polylines(color, [points], False, (250, 238, 222), max(1, big // 13), cv2.LINE_AA)
    small = (side, side)
    opacity = cv2.resize(cover, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    return cv2.resize(color, small, interpolation=cv2.INTER_AREA), opacity * (0.9 / 255)


# -- brush strokes


@lru_cache(maxsize=8)
def strokes(size: int) -> tuple[np.ndarray, Image]:
    """A surface covered with strokes of each of the `BRUSHES` in each of the `ANGLES` directions.

    Returns, both of shape (brushes x angles, extent, extent): the way from each pixel to the middle
    of its stroke, x and y in pixels as two int16 packed into an int32; and the relief of the paint
    as uint8, in which 128 leaves a color as it is.
    """
    made = [
        _strokes(k * np.pi / ANGLES, length, width, repeats)
        for length, width, repeats in BRUSHES
        for k in range(ANGLES)
    ]
    shape = (extent(size), extent(size))
    # A way leads to a definite place: taking the nearest keeps it so, an average would not.
    ways = [cv2.resize(way, shape, interpolation=cv2.INTER_NEAREST) for way, _ in made]
    packed = np.rint(np.stack(ways) * (size / MASTER)).astype(np.int16).view(np.int32)[..., 0]
    relief = np.stack([_scaled(relief, size) for _, relief in made])
    return packed, np.clip(128 + 128 * relief, 0, 255).astype(np.uint8)


@lru_cache(maxsize=2 * ANGLES)
def _strokes(angle: float, length: float, width: float, repeats: int) -> tuple[Field, Field]:
    side = extent(MASTER) // repeats
    rng = np.random.default_rng(round(1000 * angle))
    half, thick = length * MASTER / 2, max(2, round(width * MASTER))
    count = int(5 * side * side / (2 * half * thick))
    middles = rng.uniform(-half, side + half, (count, 2)).astype(np.float32)
    turns = angle + rng.normal(0, 0.10, count)
    reach = half * rng.uniform(0.7, 1.1, count)
    along = np.stack([np.cos(turns), np.sin(turns)], -1).astype(np.float32)
    ends = np.stack([middles - along * reach[:, None], middles + along * reach[:, None]], 1)
    painted = np.zeros((side, side), np.float32)
    for k, (start, end) in enumerate(np.rint(ends * 16).astype(np.int32).tolist()):
        cv2.line(painted, start, end, k, thick, cv2.LINE_8, 4)
    stroke = painted.astype(np.int32)
    way = middles[stroke] - np.stack(grid(side), -1)
    way[np.abs(way).max(-1) > 1.2 * half + thick] = 0  # where no stroke has come
    dx, dy = along[stroke][..., 0], along[stroke][..., 1]
    u = (way[..., 0] * dx + way[..., 1] * dy) / half
    v = (way[..., 1] * dx - way[..., 0] * dy) / (thick / 2)
    # Bristles leave furrows along the stroke; the light falls on one of its two raised sides.
    phase = rng.uniform(0, 2 * np.pi, count).astype(np.float32)[stroke]
    furrows = 0.5 * np.sin(7 * v + phase) + 0.35 * np.sin(15 * v + 2 * phase + u)
    sides = np.clip(np.abs(v), 0, 1) ** 3 * np.sign(v) * (0.8 * np.cos(angle) + 0.6 * np.sin(angle))
    paint = rng.normal(0, 1, count).astype(np.float32)[stroke]
    relief = 0.045 * furrows + 0.11 * sides - 0.04 * u + 0.05 * paint
    way, relief = np.tile(way, (repeats, repeats, 1)), np.tile(relief, (repeats, repeats))
    return way.astype(np.float32), relief.astype(np.float32)
