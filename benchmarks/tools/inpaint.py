"""One thing of a held-out plain scene is asked in another color, and painted into its place."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from danqing.tools.world import world
from training import data
from training.scenes import captions, facts
from training.scenes.spec import Scene, Thing

from . import Row, median, share
from .edge_guided import sketched
from .studio import SIZE, Studio, chances, held_out, picture

COLORS = ("red", "yellow", "green", "blue", "purple", "orange")
MARGIN = 4  # pixels around the thing that are painted anew, too


@dataclass(frozen=True)
class Task:
    """A scene, how it is to be after a thing is recolored, and that thing as it is then."""

    scene: Scene
    wanted: Scene
    thing: Thing
    mask: Image.Image

    @property
    def kind(self) -> str:
        return self.thing.kind

    @property
    def color(self) -> str | None:
        return self.thing.color

    @property
    def at(self) -> tuple[float, float]:
        """The center of the thing."""
        return facts.center(self.thing.box)


def colorable(scene: Scene) -> bool:
    """Whether a scene is plain and has something that can be given a color."""
    return data.plain(scene) and any(world().objects[t.kind].coloured for t in scene.things)


def task(scene: Scene) -> Task:
    """What is asked of one scene."""
    rng = chances(scene, 11)
    k = int(rng.choice([i for i, t in enumerate(scene.things) if world().objects[t.kind].coloured]))
    thing = scene.things[k]
    there = {t.color for t in scene.things if t.kind == thing.kind}
    color = str(rng.choice([c for c in COLORS if c not in there]))
    things = [*scene.things]
    things[k] = replace(thing, color=color)
    x0, y0, x1, y1 = (int(v * SIZE) for v in thing.box)
    hole = np.zeros((SIZE, SIZE), np.uint8)
    hole[max(0, y0 - MARGIN) : y1 + MARGIN, max(0, x0 - MARGIN) : x1 + MARGIN] = 255
    wanted = replace(scene, things=tuple(things))
    return Task(scene, wanted, things[k], Image.fromarray(hole))


def measure(studio: Studio) -> list[Row]:
    """The rows of inpaint."""
    tasks = [task(scene) for scene in held_out(studio.n, colorable)]
    kept: list[bool] = []
    seams: list[float] = []
    untouched: list[float] = []
    made, along = [], []
    for one in studio.each("inpaint", tasks):
        before = picture(one.scene)
        asked = {"prompt": captions.composed(one.wanted), "seeds": [one.scene.seed % 2**32]}
        after = studio.paint("inpaint", asked, image=before, mask=one.mask)
        made.append(after)
        sketch = sketched(studio, replace(one.wanted, things=(one.thing,)))
        along.append(
            studio.paint("inpaint", asked, image=before, mask=one.mask, sketch=sketch)
            if sketch else Image.new("RGB", (SIZE, SIZE), "gray")
        )  # fmt: skip
        outside = np.asarray(one.mask) == 0
        kept.append(bool((np.asarray(after) == np.asarray(before))[outside].all()))
        for other, seam in ((after, seams), (before, untouched)):
            compared = studio.call("compare", {}, image=before, other=other, mask=one.mask)
            if compared and compared.value and compared.value["seam"] is not None:
                seam.append(float(compared.value["seam"]))
    ways = {
        "": made,
        ", from a sketch": along,
        ", true renders": [picture(t.wanted) for t in tasks],
    }
    rows = []
    for name, pictures in ways.items():
        for judge, looks in studio.judged(pictures).items():
            near = [look.near(t.kind, t.at) for look, t in zip(looks, tasks, strict=True)]
            right = [any(s.color == t.color for s in n) for n, t in zip(near, tasks, strict=True)]
            seen = [bool(n) for n in near]
            rows.append(share("inpaint", f"kind seen near its place{name}{judge}", seen))
            rows.append(share("inpaint", f"in the asked color{name}{judge}", right))
    return [
        *rows,
        share("inpaint", "outside the mask bit-identical", kept),
        median("inpaint", "seam ratio, median", seams),
        median("inpaint", "seam ratio of the untouched picture, median", untouched),
    ]
