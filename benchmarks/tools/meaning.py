"""What the semantic vector s that drives gan_image does to its pictures: the language model's, the
painter's text encoder's, and another sentence's, with the same words and seeds.

The tool takes no s, so the models are loaded here, as it loads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle

import numpy as np
import torch
from PIL import Image

from danqing.tools.generator import read, semantic_vector
from danqing.tools.meaning import translated
from danqing.tools.models import Models
from danqing.tools.painting import picture_of
from training import data
from training.scenes import captions
from training.scenes.spec import Scene
from training.semantics import FACTS

from . import Row, mean
from .studio import Studio, chances, held_out

SALT = 71
TRUNCATION = 0.7
SOURCES = ("the text encoder", "the language model", "another sentence")
"""Whose s; the first is what the generator learned with."""


def measure(studio: Studio) -> list[Row]:
    """For each way to say a scene, the share of its facts that the grader sees, and of its styles;
    and how much the shares are above those of the text encoder's s, picture by picture."""
    scenes = held_out(studio.n, data.plain)
    models = Models(studio.engine.profile.models, device="cpu")
    rows: list[Row] = []
    for manner, said in manners(scenes).items():
        right = []
        drawn = zip(scenes, pictures(models, scenes, said), strict=True)
        for scene, of_each in studio.each(f"s, {manner}", [*drawn]):
            looks = studio.look(of_each)
            right.append([[a.facts[f] == getattr(scene, f) for f in FACTS] for a in looks])
        rows += told(manner, np.array(right, np.float64))
    return rows


def told(manner: str, right: np.ndarray) -> list[Row]:
    """The rows of what was right of pictures, float (n, sources, facts)."""
    rows = []
    for what, share in (("facts", right.mean(2)), ("style", right[:, :, FACTS.index("style")])):
        for k, source in enumerate(SOURCES):
            row = f"{what} seen as asked, {manner}, s of {source}"
            rows.append(mean("gan_image", row, share[:, k].tolist()))
            if k:
                more = (share[:, k] - share[:, 0]).tolist()
                rows.append(mean("gan_image", f"{row}, beyond that of {SOURCES[0]}", more))
    return rows


def manners(scenes: Sequence[Scene]) -> dict[str, list[str]]:
    """The scenes in the painter's own form, in it with spots, and in English as people write."""
    return {
        "canonical": [captions.canonical(scene) for scene in scenes],
        "with spots": [captions.composed(scene) for scene in scenes],
        "in English": [
            captions.caption(scene, chances(scene, SALT), "en", register)
            for scene, register in zip(scenes, cycle(captions.REGISTERS), strict=False)
        ],
    }


@torch.inference_mode()
def pictures(
    models: Models, scenes: Sequence[Scene], said: Sequence[str]
) -> Iterator[list[Image.Image]]:
    """The pictures of each sentence, one for each of `SOURCES`."""
    painter, generator, embedder = map(models.get, ("text-to-image", "generator", "embedder"))
    encoder, tokenizer = painter.model.text_encoder, painter.model.tokenizer
    before = semantic_vector(*read(encoder, tokenizer, said[-1:]))
    for scene, sentence in zip(scenes, said, strict=True):
        words, inside = read(encoder, tokenizer, [sentence])
        own = semantic_vector(words, inside)
        s = torch.cat([own, translated(sentence, embedder, painter, generator), before])
        before = own
        random = torch.Generator().manual_seed(scene.seed % 2**32)
        z = torch.randn(1, generator.model.noise, generator=random)
        same = (part.expand(len(s), *part.shape[1:]) for part in (z, words, inside))
        latents = generator.model(*same, s=s, truncation=TRUNCATION)
        yield [picture_of(painter, one[None]) for one in latents]
