"""Pictures along outlines: whether edges are followed, and whether a sketch settles how many things
there are and where."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from PIL import Image

from danqing.tools.controls import DARK, of_sketch
from danqing.tools.world import world
from training import data
from training.scenes import captions, facts, layout
from training.scenes.spec import Scene

from . import Row, mean, share
from .pixels import edge_f1, edge_recall, edges
from .studio import SIZE, Studio, chances, held_out, picture, scene_of

COUNTS = (2, 3, 4, 5, 6)


def layouts(n: int) -> list[Scene]:
    """Held-out scenes whose things are replaced by 2 to 6 of one kind that is at home there, each
    count as often."""
    made: list[Scene] = []
    seed = data.HELD_OUT
    while len(made) < n:
        scene, rng = scene_of(seed), chances(scene_of(seed), 41)
        seed += 1
        many = COUNTS[len(made) % len(COUNTS)]
        kind = str(rng.choice(layout.at_home(scene, many)))
        color = str(rng.choice([*world().colors])) if world().objects[kind].coloured else None
        arranged = layout.arrange(scene, [(kind, color, many)], rng)
        if len(arranged.things) == many:
            made.append(arranged)
    return made


def sketched(studio: Studio, scene: Scene) -> Image.Image | None:
    """A scene's things by the sketch tool."""
    things = [
        {"kind": t.kind, "box": [*t.box], "color": t.color, "flip": t.flip} for t in scene.things
    ]
    result = studio.call("sketch", {"things": things, "size": [SIZE, SIZE]})
    return result.images[0] if result else None


def measure(studio: Studio) -> list[Row]:
    """The rows of edge_guided, and those of text_to_image beside them."""
    return [*_followed(studio), *_counted(studio)]


def _followed(studio: Studio) -> list[Row]:
    """How well the edges of a held-out plain scene's true picture are followed."""
    guided, free, unlike = [], [], []
    scenes = held_out(studio.n + 1, data.plain)
    following = dict(pairwise(scenes))
    for scene in studio.each("edge_guided, edges", scenes[:-1]):
        control = picture(scene)
        asked = {"prompt": captions.composed(scene), "seeds": [scene.seed % 2**32]}
        made = studio.paint("edge_guided", asked, image=control)
        guided.append(edge_f1(edges(made), edges(control)))
        unguided = studio.paint("text_to_image", asked).resize(control.size)
        free.append(edge_f1(edges(unguided), edges(control)))
        unlike.append(edge_f1(edges(picture(following[scene])), edges(control)))
    return [
        mean("edge_guided", "edge F1 with the control", guided),
        mean("text_to_image", "edge F1 with the control, not shown", free),
        mean("another scene", "edge F1 with the control", unlike),
    ]


def _counted(studio: Studio) -> list[Row]:
    """How many things there are and where, by the grader."""
    scenes = layouts(studio.n)
    pictures: dict[str, list[Image.Image]] = defaultdict(list)
    lines = []
    for scene in studio.each("edge_guided, layouts", scenes):
        seeds = [scene.seed % 2**32]
        spots = {"prompt": captions.composed(scene), "seeds": seeds}
        plain = {"prompt": captions.canonical(scene), "seeds": seeds}
        sketch = sketched(studio, scene)
        if sketch is None:
            made = Image.new("RGB", (SIZE, SIZE), "gray")
        else:
            made = studio.paint("edge_guided", {**spots, "outlines": "drawn"}, image=sketch)
            lines.append(edge_recall(edges(made), of_sketch(sketch).lines.max(2) > DARK))
        pictures["edge_guided, from a sketch"].append(made)
        pictures["text_to_image, no spots"].append(studio.paint("text_to_image", plain))
        pictures["text_to_image, spots in the prompt"].append(studio.paint("text_to_image", spots))
        pictures["the truth, true renders"].append(picture(scene))
    rows = [mean("edge_guided", "sketched lines that are followed", lines)]
    for name, made_ in pictures.items():
        tool, _, way = name.partition(", ")
        for judge, looks in studio.judged(made_).items():
            both = list(zip(looks, scenes, strict=True))
            counts = [
                sum(t.kind == scene.things[0].kind for t in look.things) == len(scene.things)
                for look, scene in both
            ]
            places = [
                look.placed([(t.kind, facts.center(t.box)) for t in scene.things])
                for look, scene in both
            ]
            rows.append(share(tool, f"count right, 2 to 6 of a kind, {way}{judge}", counts))
            rows.append(mean(tool, f"things near their places, {way}{judge}", places))
    return rows
