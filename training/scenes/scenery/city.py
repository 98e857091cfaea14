"""A street in front of a far, flat skyline that cannot be taken for single buildings."""

from __future__ import annotations

import numpy as np

from ..canvas import Color, mix
from ..spec import Scene
from .brush import Brush, Floats, flat, panel, quads, rings
from .mood import LAND, SNOW
from .seasons import PETALS, season
from .sky import sky
from .weather import puddles

_BLOCKS: tuple[tuple[Color, float, float, float, int], ...] = (  # color, haze, low, high, how many
    ((150, 162, 184), 0.7, 0.16, 0.38, 9),
    ((142, 152, 174), 0.45, 0.1, 0.3, 10),
    ((126, 134, 156), 0.2, 0.06, 0.2, 8),
)
_STONE: dict[str, tuple[Color, Color, Color]] = {  # pavement, its joints, road
    "spring": ((212, 210, 208), (190, 190, 194), (124, 128, 140)),
    "summer": ((216, 208, 196), (192, 184, 176), (112, 114, 124)),
    "autumn": ((206, 196, 184), (180, 170, 162), (114, 110, 116)),
    "winter": ((240, 244, 250), (220, 228, 240), (170, 180, 196)),
}


def _skyline(brush: Brush, base: float, low: float, high: float, count: int) -> Floats:
    """Flat roofs of many widths and heights, as one unbroken line of steps."""
    rng = brush.rng
    cuts = (np.arange(count + 1) + 0.6 * rng.random(count + 1) - 0.3) / count
    cuts[0], cuts[-1] = -0.01, 1.01
    roofs = base - low - (high - low) * rng.random(count) ** 1.4
    return np.stack([np.repeat(cuts, 2)[1:-1], np.repeat(roofs, 2)], -1)


def _windows(brush: Brush, roofs: Floats, until: float, share: float, tone: Color) -> None:
    """Small windows on a regular grid under the roof line; only some of them show."""
    gx, gy = np.meshgrid(np.arange(0.012, 1.0, 0.024), np.arange(0.2, until, 0.03))
    at = np.stack([gx.ravel(), gy.ravel()], -1)
    at = at[brush.rng.random(len(at)) < share]
    block = np.searchsorted(roofs[::2, 0], at[:, 0]) - 1
    left, right, roof = roofs[::2, 0][block], roofs[1::2, 0][block], roofs[::2, 1][block]
    at = at[(at[:, 1] > roof + 0.018) & (at[:, 0] > left + 0.01) & (at[:, 0] < right - 0.01)]
    brush.stamp(at[:, None] + panel(-0.0042, -0.0072, 0.0042, 0.0072), tone)


def paint(brush: Brush, scene: Scene) -> None:
    """Skyline, hedge, pavement and street; lamps are on at sunset and at night."""
    h, land, rng, mood = scene.horizon, LAND[scene.season], brush.rng, brush.mood
    down = 1.0 - h
    stone, joint, road = _STONE[scene.season]
    lamps = mood.time in ("sunset", "night")
    sky(brush, h)
    for color, far, low, high, count in _BLOCKS:
        roofs = _skyline(brush, h, low, high, count)
        brush.below(roofs, color, far, h + 0.06)
        if scene.season == "winter":
            lids = roofs.reshape(-1, 2, 2)
            lids = np.concatenate([lids - (0, 0.007), lids[:, ::-1] + (0, 0.004)], 1)
            brush.fill(lids, SNOW, far * 0.6)
        if far < 0.5:
            wall = mood.on(color, far)
            tone = mix(wall, (255, 212, 120), 1.08 - far) if lamps else mix(wall, mood.sky[2], 0.34)
            _windows(brush, roofs, h - 0.03, 0.4 if lamps else 0.42, tone)
    lawn = h + 0.1 * down
    brush.below(brush.lobes(h + 0.012, 0.05, 19), land.woods, 0.14)
    brush.below(brush.lobes(h + 0.024, 0.04, 23), land.thicket, 0.04)
    brush.level(h + 0.016, lawn + 0.01, land.mid)
    if scene.season == "spring":
        at = rng.random((30, 2)) * (1.0, 0.03) + (0.0, h - 0.016)
        brush.fill(rings(at, np.full((30, 2), 0.0062), 6), PETALS[1])
    curb, lane, side = h + 0.3 * down, h + 0.35 * down, h + 0.86 * down
    brush.ridge(flat(lawn), mix(stone, joint, 0.4), stone, curb)
    x = np.linspace(-0.3, 1.3, 19)
    foot = (x - 0.5) * 1.25 + 0.5
    brush.fill(quads((x, lawn), (x + 0.004, lawn), (foot + 0.005, curb), (foot, curb)), joint)
    brush.level(curb, lane, mix(joint, (96, 98, 112), 0.3))
    brush.ridge(flat(lane), road, mix(road, (84, 88, 104), 0.35), side)
    middle = (lane + side) / 2
    x = (np.arange(7) + rng.random()) / 6 - 0.12
    high, low = middle - 0.006, middle + 0.008
    marks = quads((x, high), (x + 0.075, high), (x + 0.07, low), (x - 0.01, low))
    brush.fill(marks, (236, 232, 220))
    if scene.season == "winter":  # what the plow has pushed aside
        for y, thick in ((lane - 0.004, 0.018), (side + 0.004, -0.024)):
            bank = brush.wave(y + thick, 0.005, 3.0)
            brush.fill(np.concatenate([bank, [[1.01, y], [-0.01, y]]]), SNOW)
    brush.level(side, side + 0.02, mix(joint, (96, 98, 112), 0.3))
    brush.ridge(flat(side + 0.014), stone, joint)
    puddles(brush, lane + 0.03, side - 0.02)
    season(brush, scene, lawn + 0.02, 1.0, 40, h)
