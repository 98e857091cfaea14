"""What tells the season in every setting: grass, what lies about or drifts, and the branch."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np

from ..canvas import Color
from ..spec import Box, Scene
from .brush import Brush, Floats, circle, lenses, limb, quads, rings
from .mood import SNOW

Side = Literal["left", "right"]

BRANCH = (0.21, 0.23)  # width and height of the branch in a top corner

PETALS: tuple[Color, ...] = ((255, 226, 232), (248, 178, 198), (236, 140, 172), (252, 204, 216))
_LEAVES: dict[str, tuple[Color, ...]] = {
    "spring": PETALS,
    "summer": ((28, 92, 50), (46, 124, 62), (84, 158, 76), (62, 140, 66)),
    "autumn": ((182, 64, 34), (224, 114, 40), (244, 178, 66), (206, 88, 36)),
}


def tufts(
    brush: Brush, count: int, top: float, bottom: float, color: Color, tall: float = 0.02
) -> None:
    """Clumps of three blades, the nearest ``tall`` high."""
    at, near = brush.scatter(count, top, bottom)
    h, w = tall * near, tall * 0.17 * near
    lean = (brush.rng.random(count) - 0.5) * 0.5
    x, y = at[:, 0], at[:, 1]
    tips = [(x + w * k + h * (reach + lean), y - h * up) for k, reach, up in _BLADES]
    brush.fill(
        quads((x - 2.6 * w, y), tips[0], (x - 0.6 * w, y - h * 0.2), tips[1],
               (x + 0.6 * w, y - h * 0.2), tips[2], (x + 2.6 * w, y)), color,
    )  # fmt: skip


_BLADES = ((-1.6, -0.45, 0.75), (0.0, 0.05, 1.0), (1.6, 0.5, 0.75))


def _litter(brush: Brush, top: float, bottom: float, count: int, air: float) -> None:
    """Blossoms, fallen leaves or drifts of snow on the ground, and petals or leaves in the air."""
    season, rng = brush.mood.season, brush.rng
    if season == "summer":
        return
    at, near = brush.scatter(count, top, bottom)
    if season == "winter":
        brush.fill(lenses(at[::3], 0.08 * near[::3], 0.006 * near[::3]), (206, 218, 236))
        return
    flying = 12
    at = np.concatenate([rng.random((flying, 2)) * (1.0, air), at])
    turn = np.concatenate([rng.random(flying) * np.pi, rng.random(count) * 0.8 - 0.4])
    size = np.concatenate(
        [np.full(flying, 0.0095), (0.0066 if season == "spring" else 0.0115) * near]
    )
    radii = np.stack([size, size * (0.62 if season == "spring" else 0.45)], -1)
    tones = _LEAVES[season][:3]
    for k, color in enumerate(tones):
        brush.fill(rings(at[k::3], radii[k::3], 6, turn[k::3]), color)


_LIMBS: tuple[tuple[tuple[tuple[float, float], ...], float, int], ...] = (
    (((-0.05, 0.06), (0.2, 0.17), (0.46, 0.24), (0.7, 0.36), (0.88, 0.4)), 0.075, 15),
    (((0.24, 0.18), (0.34, 0.36), (0.38, 0.58), (0.48, 0.74)), 0.042, 8),
    (((0.5, 0.26), (0.66, 0.2), (0.84, 0.14)), 0.038, 6),
    (((0.06, 0.11), (0.1, 0.36), (0.08, 0.62)), 0.042, 7),
)


@cache
def _foliage(season: str, variant: int) -> tuple[Floats, ...]:
    """Leaves or blossoms along the branch, in the coordinates of its box: for every tone one
    array of polygons that do not overlap, so that each tone is a single stroke of the brush."""
    rng = np.random.default_rng(variant)
    groups: list[list[Floats]] = [[] for _ in range(4)]
    taken: list[list[Floats]] = [[] for _ in range(4)]
    for path, _, count in _LIMBS:
        p = np.asarray(path)
        t = np.linspace(0.3, 1.0, count) * (len(p) - 1)
        k = np.arange(len(p))
        for x, y in zip(np.interp(t, k, p[:, 0]), np.interp(t, k, p[:, 1]), strict=True):
            at = np.clip((x, y) + (rng.random(2) - 0.5) * 0.16, (0.0, 0.1), (0.9, 0.88))
            reach = 0.06 + 0.03 * rng.random() + (0.024 if season != "spring" else 0.0)
            u = circle(10)
            if season == "spring":
                shape = u * (1.0 - 0.3 * (np.arange(10) % 2))[:, None]
            else:
                shape = np.stack([u[:, 0], 0.46 * u[:, 1] * np.abs(u[:, 1]) ** 0.3], -1)
            a = 0.3 + 2.2 * rng.random()
            turned = (
                at + shape @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) * reach
            )
            for g in rng.permutation(4):
                if all(np.hypot(*(at - other)) > 0.17 for other in taken[g]):
                    groups[g].append(np.clip(turned, -0.1, 1.0))
                    taken[g].append(at)
                    break
    return tuple(np.stack(g) for g in groups)


@cache
def _bough(snowy: bool) -> tuple[Floats, ...]:
    """The bare wood in the coordinates of its box, or the snow that lies on it."""
    if snowy:
        return tuple(limb(np.subtract(p, (0.0, w * 0.42)), w * 0.5, 0.016) for p, w, _ in _LIMBS)
    return tuple(limb(path, thick, 0.014) for path, thick, _ in _LIMBS)


def corner(scene: Scene) -> Side:
    """The top corner that the branch reaches into."""
    return "left" if (scene.seed * 2654435761 >> 7) & 1 else "right"


def corner_box(scene: Scene, frame: Box) -> Box:
    """The part of ``frame`` (the picture, or a window) that the branch stays in."""
    x0, y0, x1, _ = frame
    width, height = BRANCH
    if corner(scene) == "left":
        return x0, y0, x0 + width, y0 + height
    return x1 - width, y0, x1, y0 + height


def _branch(brush: Brush, scene: Scene, frame: Box) -> None:
    x0, y0, x1, y1 = corner_box(scene, frame)
    w, h = x1 - x0, y1 - y0
    start, step = ((x0, y0), (w, h)) if corner(scene) == "left" else ((x1, y0), (-w, h))
    for wood in _bough(False):
        brush.fill(wood * step + start, (84, 66, 62))
    if scene.season == "winter":
        for snow in _bough(True):
            brush.fill(snow * step + start, SNOW)
        return
    leaves = _foliage(scene.season, scene.seed % 16)
    for shapes, tone in zip(leaves, _LEAVES[scene.season], strict=True):
        brush.fill(shapes * step + start, tone)
    if scene.season == "spring":
        hearts = np.concatenate([g.mean(1) for g in leaves])[::2]
        radii = np.full((len(hearts), 2), 0.0036)
        brush.fill(rings(hearts * step + start, radii, 5), (206, 82, 120))


def season(
    brush: Brush, scene: Scene, top: float, bottom: float, count: int, air: float,
    frame: Box = (0.0, 0.0, 1.0, 1.0),
) -> None:  # fmt: skip
    """What the season strews: ``count`` blossoms, leaves or drifts of snow on the ground
    from ``top`` to ``bottom``, some in the air down to ``air``, and the branch in a corner of
    ``frame``."""
    _litter(brush, top, bottom, count, air)
    _branch(brush, scene, frame)
