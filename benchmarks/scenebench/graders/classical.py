"""The classical grader: shapes are compared with templates, colors with a palette in Lab, and the
whole picture with measured ones. Nothing in it is learned.

A thing is where the edges, by their direction, correlate with those of a template at some size
(after Hinterstoisser et al. 2012, LINEMOD, with four directions); of templates that overlap, the
one farthest above its kind's threshold stays. Its color is the nearest of eleven in Lab, as they
look in the light and style of the picture. Season, time, weather and setting are those of the
nearest measured picture by color, style is that of the nearest ones by texture.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .spec import Sight, Thing
from .words import COLORS, FACTS, KINDS

TEMPLATES = Path(__file__).with_name("templates.npz")
SIDE = 128
"""Pixels a side at which pictures are looked at."""
STEP = 1.28
"""Between two sizes of a template."""
OVERLAP = 0.25
"""Two things share at most so much of the smaller one's box."""
NEAREST = 5
BINS = 14
SOFT = 120.0
"""Edges as strong as this in Lab count half of the strongest there could be."""


@dataclass(frozen=True)
class _Found:
    score: float
    kind: int
    template: int
    box: tuple[int, int, int, int]
    flip: bool


def see(picture: Image.Image, kinds: Collection[str] = KINDS) -> Sight:
    """What is in a picture of any size; only things of ``kinds`` are sure to be told."""
    rgb = np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    lab = lab_of(rgb)
    facts = _facts(lab)
    palette = _templates()["palette"][
        FACTS["time"].index(facts["time"]), FACTS["style"].index(facts["style"])
    ]
    things = tuple(
        Thing(KINDS[f.kind], _color(lab, f, palette), tuple(v / SIDE for v in f.box))  # type: ignore[arg-type]
        for f in _things(lab)
    )
    return Sight(things, facts)


def lab_of(rgb: np.ndarray) -> np.ndarray:
    """CIE Lab, float32 of the shape of ``rgb`` (uint8)."""
    import cv2

    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB))


# -- things


def edges_of(lab: np.ndarray) -> np.ndarray:
    """Strength of edges in four directions, float32 (h, w, 4), evened out over the picture."""
    import cv2

    best, angle = np.zeros(lab.shape[:2], np.float32), np.zeros(lab.shape[:2], np.float32)
    for k in range(3):
        channel = np.ascontiguousarray(lab[..., k])
        dx, dy = (cv2.Sobel(channel, cv2.CV_32F, *d, ksize=3) for d in ((1, 0), (0, 1)))
        strength = np.hypot(dx, dy)
        stronger = strength > best
        best[stronger] = strength[stronger]
        angle[stronger] = np.arctan2(dy, dx)[stronger]
    even = best / (best + SOFT)
    turn = (angle / np.pi * 4) % 4
    parts = []
    for direction in range(4):
        apart = np.abs(turn - direction)
        parts.append(even * np.clip(1.0 - np.minimum(apart, 4 - apart), 0.0, 1.0))
    return np.asarray(cv2.GaussianBlur(np.stack(parts, -1), (0, 0), 1.0))


def strongest(lab: np.ndarray) -> list[float]:
    """The best correlation of every kind anywhere in a picture."""
    best = [-1.0] * len(KINDS)
    for shape, scores in _correlated(lab):
        best[shape.kind] = max(best[shape.kind], float(scores.max()))
    return best


def _correlated(lab: np.ndarray) -> Iterator[tuple[_Shape, np.ndarray]]:
    import cv2

    edges = edges_of(lab)
    for shape in _shapes():
        yield shape, cv2.matchTemplate(edges, shape.edges, cv2.TM_CCOEFF_NORMED)


def _things(lab: np.ndarray) -> list[_Found]:
    import cv2

    found: list[_Found] = []
    for t, scores in _correlated(lab):
        high, wide = t.edges.shape[:2]
        peaks = scores == cv2.dilate(scores, np.ones((5, 5), np.uint8))
        peaks &= scores > t.threshold
        for y, x in np.argwhere(peaks):
            box = (int(x), int(y), int(x + wide), int(y + high))
            found.append(_Found(float(scores[y, x]) - t.threshold, t.kind, t.template, box, t.flip))
    kept: list[_Found] = []
    for one in sorted(found, key=lambda f: -f.score):
        if all(_shared(one.box, other.box) <= OVERLAP for other in kept):
            kept.append(one)
    return kept


def _shared(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    return max(wide, 0) * max(high, 0) / smaller


@dataclass(frozen=True)
class _Shape:
    kind: int
    template: int
    flip: bool
    threshold: float
    edges: np.ndarray


@cache
def _shapes() -> list[_Shape]:
    """The templates at every size that their kind has."""
    import cv2

    data = _templates()
    shapes = []
    for i, kind in enumerate(data["kinds"].tolist()):
        low, high, aspect = data["heights"][kind]
        steps = max(1, round(np.log(high / low) / np.log(STEP)) + 1)
        for size in np.geomspace(low, high, steps) * SIDE:
            tall, wide = max(round(size), 5), max(round(size * aspect), 5)
            small = cv2.resize(data["crops"][i], (wide, tall), interpolation=cv2.INTER_AREA)
            framed = cv2.copyMakeBorder(small, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(128,) * 3)
            edges = edges_of(lab_of(framed))[1:-1, 1:-1]
            for flip in (False, True):
                turned = np.ascontiguousarray(edges[:, ::-1, [0, 3, 2, 1]] if flip else edges)
                shapes.append(_Shape(kind, i, flip, float(data["thresholds"][kind]), turned))
    return shapes


def _color(lab: np.ndarray, found: _Found, palette: np.ndarray) -> str:
    """The nearest color of the palette to what the colored part of a thing shows."""
    import cv2

    x0, y0, x1, y1 = found.box
    body = _templates()["bodies"][found.template]
    body = body[:, ::-1] if found.flip else body
    mask = cv2.resize(
        body.astype(np.uint8), (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA
    ).astype(bool)
    pixels = lab[y0:y1, x0:x1][mask] if mask.any() else lab[y0:y1, x0:x1].reshape(-1, 3)
    distance = np.linalg.norm(pixels[:, None] - palette[None], axis=-1)
    return COLORS[int(np.bincount(distance.argmin(1), minlength=len(COLORS)).argmax())]


# -- the whole picture


def shares(lab: np.ndarray) -> np.ndarray:
    """How much of each third of a picture, from above, has which color and which lightness: roots
    of shares, so that the distance of two rows is Hellinger's."""
    import cv2

    parts = []
    for third in np.array_split(lab, 3):
        third = np.ascontiguousarray(third)
        colors = cv2.calcHist([third], [1, 2], None, [BINS, BINS], [-50, 50, -60, 60])
        light = cv2.calcHist([third], [0], None, [16], [0, 100])
        parts += [np.sqrt(part.ravel() / third[..., 0].size) for part in (colors, light)]
    return np.concatenate(parts)


def texture(lab: np.ndarray) -> np.ndarray:
    """How rough a picture is, in each direction and at three scales, as a row of numbers."""
    import cv2

    rough: list[float] = []
    level = np.ascontiguousarray(lab)
    for _ in range(3):
        for shift in ((0, 1), (1, 0)):
            change = np.abs(level - np.roll(level, shift, (0, 1)))
            rough += [*change.mean((0, 1)), *np.percentile(change[..., 0], (25, 50, 75, 90, 97))]
            rough.append(float((change[..., 0] < 0.3).mean()) * 20)
        detail = level - cv2.GaussianBlur(level, (0, 0), 1.0)
        rough += [*detail.std((0, 1)), *np.percentile(detail[..., 0], (1, 99))]
        level = cv2.pyrDown(level)
    return np.array(rough) / 3.0


def _facts(lab: np.ndarray) -> dict[str, str]:
    """Style by texture, all else by color."""
    data = _templates()
    by_color = np.linalg.norm(data["shares"] - shares(lab), axis=1).argmin()[None]
    by_texture = np.linalg.norm(data["textures"] - texture(lab), axis=1).argsort()[:NEAREST]
    return {
        fact: words[
            np.bincount(data["told"][by_texture if fact == "style" else by_color, k]).argmax()
        ]
        for k, (fact, words) in enumerate(FACTS.items())
    }


@cache
def _templates() -> dict[str, Any]:
    """What `benchmarks.scenebench.templates` wrote. Raises OSError where it did not yet."""
    with np.load(TEMPLATES) as file:
        data = dict(file)
    n, high, wide, _ = data["crops"].shape
    data["bodies"] = np.unpackbits(data["bodies"], count=n * high * wide).reshape(n, high, wide)
    data["shares"] = data["shares"].astype(np.float32) / 255
    data["textures"] = data["textures"].astype(np.float32)
    return data
