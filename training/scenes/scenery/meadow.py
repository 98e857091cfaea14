"""Rolling fields under far hills."""

from __future__ import annotations

import numpy as np

from ..canvas import mix
from ..spec import Scene
from .brush import Brush, Floats, quads
from .mood import LAND, Land
from .seasons import season, tufts
from .sky import sky
from .weather import puddles


def paint(brush: Brush, scene: Scene) -> None:
    """Hills, a wood, and fields in layers that grow richer towards us."""
    h, land = scene.horizon, LAND[scene.season]
    down = 1.0 - h
    sky(brush, h)
    brush.below(brush.wave(h - 0.07, 0.03, 0.8), land.far, 0.74)
    brush.below(brush.wave(h - 0.035, 0.03, 1.0), land.far, 0.5)
    brush.below(brush.lobes(h + 0.008, 0.032, 24), land.woods, 0.32)
    brush.below(brush.lobes(h + 0.02, 0.03, 21), land.thicket, 0.3)
    brush.ridge(brush.wave(h + 0.014, 0.012, 0.7), land.far, land.mid, h + 0.34 * down, 0.1)
    crest = brush.wave(h + 0.2 * down, 0.045, 0.6)
    brush.ridge(crest, mix(land.mid, land.far, 0.5), land.near)
    if scene.season != "winter":
        _furrows(brush, crest, land)
    crest = brush.wave(h + 0.5 * down, 0.05, 0.5)
    brush.ridge(crest, land.mid, land.near)
    crest = brush.wave(h + 0.84 * down, 0.035, 0.6)
    brush.ridge(crest, land.near, land.deep)
    tufts(brush, 18, h + 0.3 * down, 1.0, mix(land.near, land.blade, 0.7))
    puddles(brush, h + 0.3 * down, 0.96)
    season(brush, scene, h + 0.16 * down, 1.0, 48, h)


def _furrows(brush: Brush, crest: Floats, land: Land) -> None:
    """Soft stripes that run from the crest of a field towards us."""
    k = np.arange(2, 40, 4)
    x = crest[k, 0]
    foot = (x - 0.5) * 1.9 + 0.5
    y = crest[k, 1] + 0.006
    bottom = 0.98
    stripes = quads((x, y), (x + 0.02, y), (foot + 0.1, bottom), (foot, bottom))
    brush.fill(stripes, mix(land.near, land.mid, 0.62))
