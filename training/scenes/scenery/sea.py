"""The sea with a cape far out and a sandy shore in front."""

from __future__ import annotations

import numpy as np

from ..canvas import Color, mix
from ..spec import Scene
from .brush import Brush, X, flat, lenses, quads
from .mood import LAND, WHITE
from .seasons import season
from .sky import sky
from .weather import puddles

SHORE = 0.56  # share of the way from the horizon to the bottom at which the sea meets the sand

_SEA: dict[str, tuple[Color, Color]] = {  # far and near water
    "spring": ((92, 176, 196), (150, 214, 208)),
    "summer": ((26, 118, 190), (62, 178, 206)),
    "autumn": ((60, 116, 134), (124, 166, 160)),
    "winter": ((104, 138, 168), (164, 190, 208)),
}
_SAND: dict[str, tuple[Color, Color]] = {
    "spring": ((240, 222, 184), (228, 204, 160)),
    "summer": ((250, 222, 160), (238, 198, 128)),
    "autumn": ((226, 196, 150), (206, 166, 116)),
    "winter": ((244, 247, 251), (226, 234, 244)),
}
_WET: Color = (186, 156, 120)


def paint(brush: Brush, scene: Scene) -> None:
    """Water with low light on it, foam, sand, and grass along the bottom."""
    h, land, rng, mood = scene.horizon, LAND[scene.season], brush.rng, brush.mood
    shore = h + SHORE * (1.0 - h)
    deep, shallow = _SEA[scene.season]
    sky(brush, h)
    away = X if mood.side > 0 else 1.0 - X
    for width, tall, far, tone in ((0.66, 0.055, 0.6, land.woods), (0.4, 0.08, 0.3, land.thicket)):
        cape = np.clip(1.0 - away / width, 0.0, 1.0) ** 0.8 * tall
        cape *= 1.0 + 0.12 * np.sin(away * 30 + rng.random() * 6)
        brush.below(np.stack([X, h + 0.004 - cape], -1), tone, far, h + 0.02)
    brush.ridge(flat(h), deep, shallow, shore + 0.05, 0.25)
    count = 44
    t = rng.random(count) ** 1.3
    at = np.stack([rng.random(count), h + 0.012 + (shore - h - 0.03) * t], -1)
    half, thick = (0.02 + 0.07 * t) * (0.5 + rng.random(count)), 0.0015 + 0.0045 * t
    strokes = lenses(at, half, thick)
    brush.fill(strokes[24:], mix(deep, shallow, 0.35))
    brush.fill(strokes[:24], mix(shallow, WHITE, 0.4))
    if mood.glowing > 0.5:  # the low light on the water
        at = rng.random((24, 2)) * (0.2, (shore - h) * 0.8) + (0.4 + 0.26 * mood.side, h + 0.008)
        brush.stamp(lenses(at, 0.016 + 0.03 * rng.random(24), 0.0026), mix(mood.glow, deep, 0.1))
    edge = brush.wave(shore, 0.02, 0.8)
    brush.below(edge - (0.0, 0.032), mix(shallow, WHITE, 0.3))
    brush.below(edge - (0.0, 0.015), mix(shallow, WHITE, 0.9))
    brush.below(edge, mix(_WET, shallow, 0.25))
    brush.ridge(edge + (0.0, 0.018), *_SAND[scene.season])
    ripples, near = brush.scatter(12, shore + 0.06, 0.97)
    brush.fill(lenses(ripples, 0.08 * near, 0.004 * near), mix(_SAND[scene.season][1], _WET, 0.25))
    puddles(brush, shore + 0.08, 0.9, 4)
    out = np.abs(2.0 * X - 1.0)
    bank = np.stack([X, 0.985 - 0.08 * out**2.6], -1)
    brush.ridge(bank, land.near, land.deep)
    reach = 0.02 + 0.035 * rng.random(41) * out
    x, y = bank.T
    blades = quads(
        (x - 0.007, y + 0.014),
        (x + (rng.random(41) - 0.5) * 0.03, y - reach),
        (x + 0.007, y + 0.014),
    )
    brush.fill(blades[::2], land.near)
    brush.fill(blades[1::2], mix(land.near, land.deep, 0.5))
    season(brush, scene, shore + 0.06, 1.0, 36, h)
