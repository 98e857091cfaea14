"""A room whose wide window shows time, weather and season."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..canvas import Color, mix
from ..spec import Box, Scene
from .brush import Brush, flat, panel, quads, rings
from .mood import LAND, mood_of
from .seasons import season
from .sky import sky
from .weather import fog, weather

_SIDE_PANE = 0.2  # width of the outer panes, as a share of the window
_VIEW = 0.72  # height in the window at which the ground outside begins
_WALLS: tuple[Color, ...] = (
    (232, 220, 200), (214, 220, 204), (206, 216, 224), (232, 212, 204), (222, 218, 214),
)  # fmt: skip
_RUGS: tuple[Color, ...] = ((184, 160, 146), (150, 160, 172), (172, 164, 142), (176, 150, 156))
_TRIM: Color = (250, 247, 240)
_DUSK: Color = (96, 84, 92)
_WOOD: Color = (200, 160, 118)
_SHAFT: dict[str, Color] = {  # the light that falls through the window on a clear day
    "morning": (24, 16, 8), "day": (20, 18, 12), "sunset": (44, 22, 4), "night": (8, 12, 24),
}  # fmt: skip


def window(scene: Scene) -> Box:
    """The window in the wall, without its frame."""
    shift = ((scene.seed * 69069 >> 9) % 9 - 4) * 0.01
    return 0.17 + shift, 0.07, 0.83 + shift, min(0.48, scene.horizon - 0.17)


def pane(scene: Scene) -> Box:
    """The sky in the clear middle pane of the window: where things of the sky can be."""
    x0, y0, x1, y1 = window(scene)
    side = (x1 - x0) * _SIDE_PANE
    return x0 + side + 0.01, y0 + 0.01, x1 - side - 0.01, y0 + (y1 - y0) * _VIEW - 0.05


def paint(brush: Brush, scene: Scene) -> None:
    """Wall, window with its view, floor and rug; the weather stays outside."""
    h, outside = scene.horizon, brush
    mood = mood_of(scene.season, scene.time, scene.weather, brush.mood.side, room=True)
    brush = replace(brush, mood=mood)
    wall = _WALLS[scene.seed % len(_WALLS)]
    shade = mix(wall, _DUSK, 0.3)
    brush.ridge(flat(-0.01), wall, mix(wall, _DUSK, 0.1), h + 0.01)
    x0, y0, x1, y1 = box = window(scene)
    frame = panel(x0 - 0.02, y0 - 0.02, x1 + 0.02, y1 + 0.02)
    brush.fill(frame + (0.01, 0.012), shade)
    brush.fill(frame, _TRIM)
    _view(outside.within(box), scene, box)
    side = (x1 - x0) * _SIDE_PANE
    for bar in (x0 + side, x1 - side):
        brush.fill(panel(bar - 0.006, y0, bar + 0.006, y1), _TRIM)
    sill = panel(x0 - 0.043, y1 + 0.012, x1 + 0.043, y1 + 0.034)
    brush.fill(sill + (0.0, 0.012), shade)
    brush.fill(sill, _TRIM)
    _curtains(brush, box, mix(wall, _TRIM, 0.55))
    brush.ridge(flat(h), mix(_WOOD, _DUSK, 0.16), _WOOD)
    _boards(brush, h)
    rug = _RUGS[int(brush.rng.integers(len(_RUGS)))]
    at, radii = np.array([[0.5, h + (1 - h) * 0.56]]), np.array([[0.36, (1 - h) * 0.3]])
    for grow, share in ((1.0, 0.0), (0.91, 0.6), (0.84, 0.25)):
        brush.fill(rings(at, radii * grow, 40), mix(rug, (250, 244, 232), share))
    brush.level(h - 0.024, h + 0.004, mix(_TRIM, wall, 0.3))
    if mood.weather == "clear":
        # what falls through the three panes lies on the floor, away from the light
        a = np.array([x0 + 0.01, x0 + side + 0.012, x1 - side + 0.012])
        b = np.array([x0 + side - 0.012, x1 - side - 0.012, x1 - 0.01])
        lean, near, deep = -0.16 * mood.side, h + 0.05, h + 0.05 + (1 - h) * 0.55
        far_a, far_b = (e * 1.1 - 0.05 + 2 * lean for e in (a, b))
        panes = quads((a + lean, near), (b + lean, near), (far_b, deep), (far_a, deep))
        brush.lift(panes, _SHAFT[mood.time])


def _curtains(brush: Brush, box: Box, cloth: Color) -> None:
    x0, y0, x1, y1 = box
    top, hem = y0 - 0.03, y1 + 0.1
    fold = mix(cloth, _DUSK, 0.16)
    for edge, out in ((x0 - 0.015, -1), (x1 + 0.015, 1)):
        brush.fill([[edge - out * 0.035, top], [edge + out * 0.06, top],
                    [edge + out * 0.07, hem], [edge + out * 0.012, hem]], cloth)  # fmt: skip
        k = edge + out * np.array([-0.012, 0.012, 0.036])
        low = edge + out * np.array([0.022, 0.036, 0.052])
        brush.fill(
            quads((k, top), (k + out * 0.009, top), (low + out * 0.009, hem), (low, hem)), fold
        )
    brush.fill(panel(x0 - 0.1, top - 0.008, x1 + 0.1, top + 0.003), (150, 116, 88))


def _boards(brush: Brush, h: float) -> None:
    """Floor boards that run towards us, a few of them a little darker."""
    near = np.linspace(-0.9, 1.9, 21)
    far = (near - 0.5) * 0.62 + 0.5
    wide = near[1] - near[0]
    pick = brush.rng.permutation(20)[:7]
    n, f = near[pick], far[pick]
    brush.fill(
        quads((f, h), (f + wide * 0.62, h), (n + wide, 1.01), (n, 1.01)), mix(_WOOD, _DUSK, 0.1)
    )
    seam = mix(_WOOD, (110, 76, 54), 0.4)
    brush.fill(quads((far, h), (far + 0.0025, h), (near + 0.006, 1.01), (near, 1.01)), seam)


def _view(brush: Brush, scene: Scene, box: Box) -> None:
    """What is seen through the window: sky, a line of woods and the ground, and the weather."""
    land = LAND[scene.season]
    _, y0, _, y1 = box
    line = y0 + (y1 - y0) * _VIEW
    sky(brush, line, y0)
    brush.below(brush.wave(line - 0.04, 0.02, 1.2), land.far, 0.5)
    brush.below(brush.lobes(line + 0.008, 0.05, 19), land.woods, 0.2)
    brush.below(brush.lobes(line + 0.022, 0.04, 23), land.thicket, 0.08)
    brush.ridge(brush.wave(line + 0.02, 0.01, 1.0), land.mid, land.near, y1)
    season(brush, scene, line + 0.03, y1, 50, y1, box)
    if scene.weather == "fog":
        fog(brush, line, 0.6)
    weather(brush, line)
