"""Drafts in one pass: how fast, how true to the sentence, and how unlike each other."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from training import data
from training.scenes import captions

from . import Row, mean, median, share
from .pixels import ms_ssim
from .studio import Studio, held_out

BATCH = 8
SHARE = 8  # of so many scenes, one is drawn in a batch to see how its pictures differ


def measure(studio: Studio) -> list[Row]:
    """The rows of gan_image, and text_to_image's beside them."""
    scenes = held_out(studio.n, data.plain)
    few = scenes[:: SHARE if studio.n >= 3 * SHARE else 1]
    rows: list[Row] = []
    for tool in ("gan_image", "text_to_image"):
        single, batched, colors, seasons, alike = [], [], [], [], []
        for scene in studio.each(tool, scenes):
            asked = {"prompt": captions.canonical(scene), "seeds": [scene.seed % 2**32]}
            result = studio.call(tool, asked)
            if result is None:
                seasons.append(False)
                continue
            single.append(1000 * result.seconds)
            [look] = studio.look(result.images)
            seasons.append(look.facts["season"] == scene.season)
            seen = {(thing.kind, thing.color) for thing in look.things}
            asked_for = sorted({(t.kind, t.color) for t in scene.things if t.color})
            colors += [group in seen for group in asked_for]
        for scene in studio.each(f"{tool}, batches", few):
            asked = {"prompt": captions.canonical(scene), "seeds": [*range(BATCH)]}
            result = studio.call(tool, asked)
            if result is not None:
                batched.append(1000 * result.seconds / BATCH)
                alike.append(
                    float(np.mean([ms_ssim(a, b) for a, b in combinations(result.images, 2)]))
                )
        rows += [
            median(tool, "milliseconds a picture, batch of 1, median", single, digits=1),
            median(tool, "milliseconds a picture, batch of 8, median", batched, digits=1),
            share(tool, "colored things seen in their color, no spots", colors),
            share(tool, "season seen as asked", seasons),
            mean(tool, "MS-SSIM between pictures of one prompt (less is more various)", alike),
        ]
    return rows
