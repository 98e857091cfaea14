"""Styles: whether a named one is recognized, whether the layout is kept, and how near the style of
a reference is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np

from danqing.tools.world import world
from training import data
from training.scenes import captions
from training.scenes.spec import Scene

from . import Row, mean, missing, share
from .pixels import edge_f1, edges
from .studio import SIZE, Studio, chances, held_out, picture

WAYS = {"network": "stylizer", "optimize": "style-features", "color": None}
"""To the style of a reference, each with the model that it needs."""


def other_style(scene: Scene) -> str:
    """A style that a scene does not have."""
    styles = [style for style in world().styles if style != scene.style]
    return str(chances(scene, 51).choice(styles))


def measure(studio: Studio) -> list[Row]:
    """The rows of style_transfer."""
    scenes = held_out(studio.n + 1, data.plain)
    rows = _named(studio, scenes[:-1])
    for way, role in WAYS.items():
        if role is None or studio.has(role):
            rows += _referred(studio, scenes, way)
        else:
            rows.append(missing("style_transfer", f"by reference, {way}"))
    return rows


def _named(studio: Studio, scenes: list[Scene]) -> list[Row]:
    known: dict[str, list[bool]] = defaultdict(list)
    kept: dict[str, list[float]] = defaultdict(list)
    for scene in studio.each("style_transfer, named", scenes):
        style, image = other_style(scene), picture(scene)
        pictures = {
            "": studio.paint(
                "style_transfer",
                {"style": style, "prompt": captions.composed(scene), "seed": scene.seed % 2**32},
                image=image,
            ),
            ", true renders": picture(replace(scene, style=style)),
            ", untouched": image,
        }
        for (name, made), look in zip(
            pictures.items(), studio.look(pictures.values()), strict=True
        ):
            known[name].append(look.facts["style"] == style)
            kept[name].append(edge_f1(edges(made), edges(image)))
    return [
        *(share("style_transfer", f"named style recognized{n}", hits) for n, hits in known.items()),
        *(
            mean("style_transfer", f"edge F1 with the picture, named style{n}", kept[n])
            for n in ("", ", true renders")
        ),
    ]


def _referred(studio: Studio, scenes: list[Scene], way: str) -> list[Row]:
    """How far the style statistics are from a reference's: another scene in another style."""
    before, after, kept = [], [], []
    following = dict(pairwise(scenes))
    for scene in studio.each(f"style_transfer, {way}", scenes[:-1]):
        image = picture(scene)
        reference = picture(replace(following[scene], style=other_style(scene)))
        made = studio.paint(
            "style_transfer", {"how": way, "strength": 1.0}, (SIZE, SIZE),
            image=image, reference=reference,
        )  # fmt: skip
        wanted = studio.style(reference)
        before.append(float(np.linalg.norm(studio.style(image) - wanted)))
        after.append(float(np.linalg.norm(studio.style(made) - wanted)))
        kept.append(edge_f1(edges(made), edges(image)))
    return [
        mean("style_transfer", f"style distance to a reference before, {way}", before),
        mean("style_transfer", f"style distance to a reference after, {way}", after),
        mean("style_transfer", f"edge F1 with the picture, {way}", kept),
    ]
