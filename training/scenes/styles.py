"""The six styles, as filters over the flat base rendering.

Every length is a fraction of the picture and every texture is the same at all sizes, so the same
generator state gives the same painting at 128, 256 and 512 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from . import textures
from .canvas import NOTHING
from .textures import ANGLES, STEPS, Cut, Field, Image, byte

GRID = 64  # logical pixels of pixel art, per side


def apply(rgb: Image, ids: Image, style: str, rng: np.random.Generator) -> Image:
    """The picture ``rgb`` painted in ``style``, as a new array of the same shape.

    ``rgb`` is uint8 (size, size, 3); ``ids`` is uint8 (size, size), the index of the thing at each
    pixel or `NOTHING`. ``rng`` chooses the texture. Raises ValueError for an unknown style or
    for arrays that are not one square picture.
    """
    if style not in STYLES:
        raise ValueError(f"unknown style {style!r}; the styles are {', '.join(STYLES)}")
    size = rgb.shape[0]
    if rgb.shape != (size, size, 3) or ids.shape != (size, size):
        raise ValueError(f"rgb {rgb.shape!r} and ids {ids.shape!r} are not one square picture")
    column, row = rng.integers(0, STEPS, 2).tolist()
    return STYLES[style](rgb, ids, Cut(size, column, row))


def _flat(rgb: Image, ids: Image, cut: Cut) -> Image:
    return rgb.copy()


def _watercolor(rgb: Image, ids: Image, cut: Cut) -> Image:
    mask = _mask(ids)
    near = _soft(mask, 0.008)
    image = _swayed(rgb, cut)
    # Wet in wet: in the backdrop a region runs into the next, here more and there less.
    pigment = cut(textures.pigment(cut.size))
    bleed = cv2.LUT(near, _curve((0, 0.5), (160, 0.1), (255, 0.0))) * (1 - 2 * pigment)
    image = cv2.blendLinear(_wet(image), image, bleed, 1 - bleed)
    image = cv2.LUT(image, _curve((0, 22), (128, 148), (255, 255)).astype(np.uint8))
    # Pigment gathers on the darker side of an edge and leaves the lighter side pale.
    gray = _calm(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), mask)
    tone = cv2.addWeighted(gray, 1.0, _soft(mask, 0.003), -0.16, 41.0)
    rim = cv2.subtract(_soft(tone, 0.008), tone, dtype=cv2.CV_32F)
    # The sheet stays white round the painting, which dries with a dark irregular edge.
    depth = textures.margin(cut.size) + cut(textures.fringe(cut.size))
    density = pigment + np.clip(rim * 0.07, -0.2, 1.0) + np.clip((0.032 - depth) * 80, 0, 0.8)
    # Bousseau et al., "Interactive watercolor rendering" (2006): C - (C - C^2) (d - 1).
    color = image.astype(np.float32)
    change = cv2.merge([density] * 3) * (color - color * color * (1 / 255))
    image = cv2.subtract(color, change, dtype=cv2.CV_8U)
    painted = np.clip((depth - 0.022) * 200, 0, 1)
    paper = cut(textures.watercolor_paper(cut.size))
    return cv2.blendLinear(image, paper, painted, 1 - painted)


def _ink_wash(rgb: Image, ids: Image, cut: Cut) -> Image:
    mask = _mask(ids)
    near = _soft(mask, 0.006)
    image = _swayed(rgb, cut)
    bleed = cv2.LUT(near, _curve((0, 0.5), (140, 0.1), (255, 0.0)))
    image = cv2.blendLinear(_wet(image), image, bleed, 1 - bleed)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    # Mostly ink, but enough color that season and time, and the colors of things, can be named.
    tint = cv2.LUT(near, _curve((0, 0.42), (255, 0.76)))
    tint = tint - 0.6 * cut(textures.pigment(cut.size))
    image = cv2.blendLinear(image, _three(gray), tint, 1 - tint)
    # Light tones sink into the paper; dark ones stay, so that night stays night.
    tones = _curve((0, 30), (50, 60), (110, 140), (170, 204), (210, 236), (255, 255))
    image = cv2.LUT(image, tones.astype(np.uint8))
    pool = cv2.multiply(_pooled(gray, mask), 255 - near, scale=1.3 / 255)
    image = cv2.subtract(image, _three(pool))
    image = cv2.multiply(image, cut(textures.rice_paper(cut.size)), scale=1 / 255)
    image = cv2.multiply(image, _three(_brush_lines(gray, ids, cut)), scale=1 / 255)
    _stamp(image, mask)
    return image


def _pooled(gray: Image, mask: Image) -> Image:
    """The ink that a loaded brush leaves under the upper edge of a hill, fading downwards."""
    small = cv2.resize(gray, (64, 64), interpolation=cv2.INTER_AREA)
    bare = cv2.resize(255 - mask, (64, 64), interpolation=cv2.INTER_AREA)
    small = cv2.medianBlur(cv2.min(small, bare), 3)
    above = cv2.blur(small, (3, 9), anchor=(1, 8))
    pool = cv2.GaussianBlur(cv2.min(cv2.subtract(above, small), bare), (0, 0), 1.0)
    return cv2.resize(pool, gray.shape[::-1], interpolation=cv2.INTER_CUBIC)


def _brush_lines(gray: Image, ids: Image, cut: Cut) -> Image:
    """255 where the paper stays bare, less under a brush line that swells, thins out and breaks."""
    ridge = _lines(_calm(gray, _mask(ids)), ids, 0.008, 0.014, gain=1.5)
    return byte(1 - np.clip((ridge - cut(textures.pressure(cut.size))) * 3.0, 0, 0.82))


def _stamp(image: Image, mask: Image) -> None:
    """Set the seal into the bottom corner that has less in it."""
    color, opacity = textures.seal(image.shape[0])
    side, gap = color.shape[0], max(1, round(0.035 * image.shape[0]))
    rows = slice(-side - gap, -gap)
    corners = slice(gap, gap + side), slice(-side - gap, -gap)
    columns = min(corners, key=lambda c: int(mask[rows, c].mean()) // 16)
    patch = image[rows, columns]
    patch[:] = cv2.blendLinear(color, patch, opacity, 1 - opacity)


def _oil(rgb: Image, ids: Image, cut: Cut) -> Image:
    rich = cv2.addWeighted(rgb, 1.3, _three(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)), -0.3, 0)
    # A fine brush for the things and close to them, a broad one for the rest.
    fine = cv2.dilate(_mask(ids), np.ones((cut.size // 64 + 1,) * 2, np.uint8))
    brush = _flow(rgb, cut) + np.minimum(fine, ANGLES)
    way, relief = textures.strokes(cut.size)
    side = textures.extent(cut.size)
    index = brush.astype(np.int32) * (side * side) + _places(cut.size)
    index += cut.y * side + cut.x
    color = _stroked(rich, ids, np.take(way, index))
    return cv2.multiply(color, _three(np.take(relief, index)), scale=1 / 128)


def _flow(rgb: Image, cut: Cut) -> Image:
    """Which of the `ANGLES` the brush follows: along edges, elsewhere in slow swirls."""
    small = cv2.resize(rgb, (64, 64), interpolation=cv2.INTER_AREA)
    gray = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    gx, gy = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    swirl = cut(textures.noise(cut.size, 0.3, 0.9))
    swirl = 1.3 * cv2.resize(swirl, (64, 64), interpolation=cv2.INTER_AREA)
    # Angles are doubled, so that opposite gradients agree, and turned from across to along an edge.
    c = cv2.GaussianBlur(gy * gy - gx * gx, (0, 0), 2.0) + 120 * np.cos(swirl)
    s = cv2.GaussianBlur(-2 * gx * gy, (0, 0), 2.0) + 120 * np.sin(swirl)
    norm = 1 / (np.hypot(c, s) + 1e-3)
    full = (cut.size, cut.size)
    turn = cv2.phase(cv2.resize(c * norm, full), cv2.resize(s * norm, full))
    flow: Image = (turn * (ANGLES / (2 * np.pi)) + 0.5).astype(np.uint8) % ANGLES
    return flow


@lru_cache(maxsize=8)
def _places(size: int) -> np.ndarray:
    """Flat index of every pixel of a picture in a texture for its size."""
    t = np.arange(size, dtype=np.int32)
    places: np.ndarray = t[:, None] * textures.extent(size) + t
    return places


_WHOLE = np.empty((0, 0), np.uint16)  # for cv2.remap: places are whole pixels


@lru_cache(maxsize=8)
def _here(size: int) -> np.ndarray:
    return np.stack(textures.grid(size), -1).astype(np.int16)


def _stroked(rgb: Image, ids: Image, way: np.ndarray) -> Image:
    """``rgb`` with every pixel taken from the end of its ``way`` (see `textures.strokes`), unless
    that lies in another thing or has quite another color: a painter lifts the brush there.
    """
    size = rgb.shape[0]
    place = way.view(np.int16).reshape(size, size, 2) + _here(size)
    taken = cv2.remap(rgb, place, _WHOLE, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
    there = cv2.remap(ids, place, _WHOLE, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
    change = cv2.cvtColor(cv2.absdiff(rgb, taken), cv2.COLOR_RGB2GRAY)
    other = cv2.threshold(change, 40, 255, cv2.THRESH_BINARY)[1]
    own = cv2.max(cv2.compare(ids, there, cv2.CMP_NE), other)
    return cv2.copyTo(rgb, own, taken)


def _pixel_art(rgb: Image, ids: Image, cut: Cut) -> Image:
    grid = (GRID, GRID)
    mask = _mask(ids)
    share = cv2.resize(mask, grid, interpolation=cv2.INTER_AREA)
    thing = share > 115
    # Average what belongs to a thing apart from what lies behind it, so that no edge is muddy.
    whole = cv2.resize(rgb, grid, interpolation=cv2.INTER_AREA).astype(np.float32)
    front = cv2.resize(cv2.copyTo(rgb, mask), grid, interpolation=cv2.INTER_AREA).astype(np.float32)
    part = np.where(thing, share, 255 - share)[..., None].astype(np.float32)
    color = np.clip(np.where(thing[..., None], front, whole - front) / part, 0, 1)
    # Few tones and hues; the tones of the backdrop are dithered, but dithered hues would sparkle.
    lab = cv2.cvtColor(color, cv2.COLOR_RGB2LAB) / _PIXEL_STEPS
    lab[..., 0] += np.where(thing, 0.0, _dither())
    lab = (np.rint(lab) * _PIXEL_STEPS).astype(np.float32)
    image = byte(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))
    label = (cv2.resize(ids, grid, interpolation=cv2.INTER_NEAREST) + 1) * thing  # 0 for nothing
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    image[cv2.dilate(label, cross) > label] = (30, 24, 44)
    return cv2.resize(image, rgb.shape[1::-1], interpolation=cv2.INTER_NEAREST)


_PIXEL_STEPS = (9, 7, 7)  # of L*, a* and b*


@lru_cache(maxsize=1)
def _dither() -> Field:
    """A 4 x 4 Bayer pattern over the grid, in steps of L*."""
    bayer = np.asarray([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32)
    return np.tile(0.55 * ((bayer + 0.5) / 16 - 0.5), (GRID // 4, GRID // 4))


def _line_drawing(rgb: Image, ids: Image, cut: Cut) -> Image:
    mask = _mask(ids)
    calm = _calm(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), mask)
    ink = np.clip(1.8 * _lines(calm, ids, 0.006, 0.004, gain=2.2) - 0.85, 0, 0.9)
    one = cut(textures.hatching(cut.size, 0.7, 0.022))
    two = cut(textures.hatching(cut.size, -0.8, 0.022))
    # The darker the tone, the broader the hatching; a second direction joins in the darkest.
    for hatch, darkest in ((one, 120.0), (two, 95.0)):
        breadth = cv2.LUT(calm, _curve((0, 0.7), (darkest, 0.0), (255, -0.5)))
        ink = np.maximum(ink, np.clip((breadth - hatch) * 2.5, 0, 0.6))
    ink *= cut(textures.graphite(cut.size))
    # Colored pencil, laid in the first direction, stronger in things and in the dark.
    strength = cv2.LUT(calm, _curve((50, 0.8), (130, 0.46)))
    strength = np.maximum(strength, cv2.LUT(mask, _curve((0, 0.0), (255, 0.85))))
    strength = strength + 0.36 * np.clip(0.5 - one, -0.3, 0.3)
    paper = np.empty_like(rgb)
    paper[:] = (250, 247, 240)
    image = cv2.blendLinear(rgb, paper, strength, 1 - strength)
    return cv2.multiply(image, _three(byte(1 - ink)), scale=1 / 255)


STYLES: dict[str, Callable[[Image, Image, Cut], Image]] = {
    "flat": _flat,
    "watercolor": _watercolor,
    "ink wash": _ink_wash,
    "oil": _oil,
    "pixel art": _pixel_art,
    "line drawing": _line_drawing,
}


# -- what the styles share


@lru_cache(maxsize=64)
def _curve(*points: tuple[float, float]) -> Field:
    """A look-up table through ``points`` (from 0 to 255, to anything)."""
    xs, ys = zip(*points, strict=True)
    table: Field = np.interp(np.arange(256), xs, ys).astype(np.float32)
    return table


def _three(image: Image) -> Image:
    return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)


def _mask(ids: Image) -> Image:
    """255 where there is a thing."""
    return cv2.threshold(ids, NOTHING - 1, 255, cv2.THRESH_BINARY_INV)[1]


def _soft(image: Image, sigma: float) -> Image:
    """A blur of deviation ``sigma`` (a fraction of the picture); a box, several times faster than a
    Gaussian and here as good."""
    box = max(1, round((12**0.5 * sigma * image.shape[0] - 1) / 2)) * 2 + 1
    return cv2.blur(image, (box, box))


def _wet(rgb: Image) -> Image:
    """A wide blur, worked at 64 pixels because nothing fine is left in it anyway."""
    small = cv2.resize(rgb, (64, 64), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), 1.4), rgb.shape[1::-1])


def _swayed(rgb: Image, cut: Cut) -> Image:
    """``rgb`` as an unsteady hand follows it."""
    whole, part = textures.sway(cut.size)
    return cv2.remap(
        rgb, _here(cut.size) + cut(whole), cut(part), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip


def _lines(gray: Image, ids: Image, width: float, blur: float, gain: float) -> Field:
    """Soft ridges, 1 at their tops, along the outlines of things, and lower ones along edges in
    ``gray``, by ``gain`` times their contrast. ``width`` and ``blur`` are fractions of the picture.
    """
    size = ids.shape[0]
    reach = max(1, round(width * size))
    kernel = np.ones((reach + 1, reach + 1), np.uint8)
    changes = cv2.morphologyEx(ids, cv2.MORPH_GRADIENT, kernel)
    outlines = cv2.threshold(changes, 0, 255, cv2.THRESH_BINARY)[1]
    inner = cv2.morphologyEx(gray, cv2.MORPH_GRADIENT, kernel)
    lines = cv2.max(outlines, cv2.convertScaleAbs(inner, alpha=gain))
    taps = 2 * max(1, round(blur * size)) + 1
    # Pixels are whole, so at each size the blur lowers a straight line by another factor.
    profile = np.convolve(cv2.getGaussianKernel(taps, 0).ravel(), np.ones(reach))
    ridges: Field = cv2.GaussianBlur(lines, (taps, taps), 0).astype(np.float32)
    ridges *= 1 / (255 * profile.max())
    return ridges


def _calm(gray: Image, mask: Image) -> Image:
    """``gray`` without snowflakes, raindrops and stars, which no brush or pencil would outline."""
    small = cv2.resize(gray, (128, 128), interpolation=cv2.INTER_AREA)
    things = cv2.resize(mask, (128, 128), interpolation=cv2.INTER_NEAREST)
    calm = cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    cv2.copyTo(small, things, calm)
    return cv2.resize(cv2.medianBlur(calm, 3), gray.shape[::-1])
