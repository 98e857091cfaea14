"""From a `Scene` to pixels and exact masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import backdrop, styles, things
from .canvas import NOTHING, Canvas
from .spec import Scene


@dataclass(frozen=True)
class Picture:
    """A drawn scene: ``rgb`` uint8 (size, size, 3); ``ids`` uint8 (size, size), the index in
    ``scene.things`` of the thing seen at each pixel, or 255."""

    scene: Scene
    rgb: np.ndarray
    ids: np.ndarray

    def mask(self, index: int) -> np.ndarray:
        """Where the thing ``index`` is seen: bool (size, size)."""
        return np.asarray(self.ids == index)


def render(scene: Scene, size: int = 256) -> Picture:
    """Draw ``scene`` at ``size`` by ``size`` pixels. The same scene and size give the same pixels,
    and other sizes give the same picture at another resolution.

    Raises ValueError for a size below 32 or above 2048, or more than 254 things.
    """
    if not 32 <= size <= 2048:
        raise ValueError(f"a picture has 32 to 2048 pixels a side, not {size!r}")
    if len(scene.things) >= NOTHING:
        raise ValueError(f"a scene has at most {NOTHING - 1} things, not {len(scene.things)}")
    canvas = Canvas(size, backdrop.light(scene))
    backdrop.paint(canvas, scene, np.random.default_rng([scene.seed, 1]))
    held = {thing.inside: i for i, thing in enumerate(scene.things) if thing.inside is not None}
    for i, thing in enumerate(scene.things):
        if thing.inside is None:
            _draw(canvas, scene, i)
            if i in held:
                _draw(canvas, scene, held[i])
            _draw(canvas, scene, i, front=True)
    backdrop.paint_weather(canvas, scene, np.random.default_rng([scene.seed, 2]))
    rgb = styles.apply(canvas.rgb, canvas.ids, scene.style, np.random.default_rng([scene.seed, 3]))
    return Picture(scene, rgb, canvas.ids)


def _draw(canvas: Canvas, scene: Scene, index: int, *, front: bool = False) -> None:
    thing = scene.things[index]
    pen = canvas.pen(thing.box, index, flip=thing.flip)
    (things.draw_front if front else things.draw)(
        pen, thing.kind, thing.color, season=scene.season, time=scene.time, variant=thing.variant
    )
