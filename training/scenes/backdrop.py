"""Everything in a picture that is not a countable thing: light, sky, setting, season, weather.

`light` says what time and weather do to colors, `paint` paints the backdrop and `paint_weather`
what falls or drifts in front of the things. The backdrop chooses its own colors for every time of
day, so it paints past `Canvas.light`; it never marks `Canvas.ids`. Nothing here may look like one
of the objects of `danqing.tools.world`: no sun, moon, star, single cloud, tree, house or tower.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from .canvas import Canvas, Light
from .scenery import city, desert, indoors, meadow, mountains, sea
from .scenery.brush import Brush
from .scenery.mood import Mood, mood_of
from .scenery.seasons import Side, corner, corner_box
from .scenery.sky import BEHIND, sky
from .scenery.weather import fog, weather
from .spec import Box, Scene

_SETTINGS: dict[str, ModuleType] = {
    "meadow": meadow,
    "sea": sea,
    "mountains": mountains,
    "city": city,
    "desert": desert,
    "indoors": indoors,
}

_GAIN = {
    "morning": (1.03, 0.97, 1.0),
    "day": (1.0, 1.0, 1.0),
    "sunset": (1.05, 0.89, 0.80),
    "night": (0.62, 0.66, 0.85),
}
_DIM = {"clear": 1.0, "cloudy": 0.96, "rain": 0.9, "snow": 0.98, "fog": 0.98}


def light(scene: Scene) -> Light:
    """The light of the scene; it comes from where its sun or moon stands, if it has one."""
    r, g, b = (k * _DIM[scene.weather] for k in _GAIN[scene.time])
    return Light(gain=(r, g, b), haze=_mood(scene).haze, side=_side(scene))


def branch_corner(scene: Scene) -> Side:
    """The top corner that the season's branch reaches into."""
    return corner(scene)


def branch_box(scene: Scene) -> Box:
    """The part of the picture that the season's branch stays in."""
    frame = indoors.window(scene) if scene.setting == "indoors" else (0.0, 0.0, 1.0, 1.0)
    return corner_box(scene, frame)


def window_pane(scene: Scene) -> Box:
    """The sky in the clear middle pane of the window of a room: where things of the sky can be."""
    return indoors.pane(scene)


def paint(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """Paint sky, setting, season and what lies on the ground over the whole canvas."""
    brush = Brush(canvas.rgb, canvas.size, _mood(scene), rng)
    _SETTINGS[scene.setting].paint(brush, scene)
    if scene.weather == "fog" and scene.setting != "indoors":
        fog(brush, scene.horizon, 0.6)


def sky_mask(scene: Scene, size: int) -> np.ndarray:
    """Where the sky is seen when nothing stands before it, bool (size, size); not through the
    window of a room."""
    if scene.setting == "indoors":
        return np.zeros((size, size), bool)
    both = []
    for only_sky in (True, False):
        canvas = Canvas(size, light(scene))
        brush = Brush(canvas.rgb, size, _mood(scene), np.random.default_rng([scene.seed, 1]))
        if only_sky:
            sky(brush, scene.horizon)
        else:
            _SETTINGS[scene.setting].paint(brush, scene)
        both.append(canvas.rgb)
    mask = (both[0] == both[1]).all(2)
    mask[round((scene.horizon + BEHIND) * size) :] = False
    return mask


def paint_weather(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """Paint rain, snow or fog over everything; in a room it stays outside the window."""
    if scene.setting != "indoors":
        weather(Brush(canvas.rgb, canvas.size, _mood(scene), rng), scene.horizon)


def _side(scene: Scene) -> int:
    for thing in scene.things:
        if thing.kind in ("sun", "moon"):
            return -1 if thing.box[0] + thing.box[2] < 1.0 else 1
    return -1 if (scene.seed * 40503 >> 5) & 1 else 1


def _mood(scene: Scene) -> Mood:
    return mood_of(scene.season, scene.time, scene.weather, _side(scene))
