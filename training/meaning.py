"""The map beside the generator: it leads from what a sentence means to the built-in language model
to what it means to the painter's text encoder, which the generator knows (``tools/meaning.py``).

It is made anew after the planner or the painter was, since it counts between the very models only
that it was found for. It is found from sentences of the painter's form, and from captions in that
form and in English, since a map knows little of manners of speech that it never met.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional

from danqing.tools import catalogue
from danqing.tools.generator import read, semantic_vector
from danqing.tools.meaning import KEPT, Map, between, found, meant, sentences
from danqing.tools.models import Loaded, load
from danqing.tools.registry import Role

from . import cards, data
from .scenes import captions, layout
from .scenes.spec import Scene

SCENES = 2048
"""So many sentences of each kind are read: made up, of scenes in the painter's form, in English."""
HELD_OUT = 256


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.meaning", description=__doc__)
    parser.add_argument("--embedder", type=Path, help="a finished planner; else the one that ships")
    parser.add_argument("--painter", type=Path, help="a finished one; else the one that ships")
    parser.add_argument("--generator", type=Path, help="where the map goes, beside the weights;"
                        " else into the folder that ships")  # fmt: skip
    args = parser.parse_args()
    embedder, painter = _loaded("embedder", args.embedder), _loaded("text-to-image", args.painter)
    said = manners(list(islice(plain(0), SCENES)))
    map_ = found(
        embedder, painter, [*sentences(SCENES), *said["the painter's form"], *said["English"]]
    )
    out: Path = args.generator or catalogue.entry(catalogue.profile(), "generator").folder
    matrix, offset = map_
    save_file({"matrix": matrix, "offset": offset}, out / KEPT, metadata=between(embedder, painter))
    measured = scores(map_, embedder, painter)
    print(json.dumps(measured, indent=1))
    cards.amend(out, measured)


def _loaded(role: Role, folder: Path | None) -> Loaded:
    """The model of ``folder``, or the built-in one."""
    entry = catalogue.entry(catalogue.profile(), role)
    if folder is not None:
        entry = entry.model_copy(update={"source": str(folder.resolve())})
    return load(entry, "cpu")


def plain(first: int) -> Iterator[Scene]:
    """The plain scenes from a seed on."""
    return filter(data.plain, map(layout.sample, count(first)))


def manners(scenes: list[Scene]) -> dict[str, list[str]]:
    """Sentences for scenes: in the painter's form, every other one with spots, and in English."""
    forms, english = [], []
    for k, scene in enumerate(scenes):
        forms.append((captions.composed if k % 2 else captions.canonical)(scene))
        rng = np.random.default_rng(scene.seed)
        register = captions.REGISTERS[k % len(captions.REGISTERS)]
        english.append(captions.caption(scene, rng, "en", register))
    return {"the painter's form": forms, "English": english}


@torch.inference_mode()
def scores(map_: Map, embedder: Loaded, painter: Loaded) -> dict[str, dict[str, float]]:
    """How well a map tells the semantic vectors of held-out scenes' sentences: the share of their
    variance, and the mean cosine with the true ones."""
    matrix, offset = map_
    told: dict[str, dict[str, float]] = {}
    for manner, said in manners(list(islice(plain(data.HELD_OUT), HELD_OUT))).items():
        mine = meant(embedder, said) @ matrix + offset
        true = semantic_vector(*read(painter.model.text_encoder, painter.model.tokenizer, said))
        lost = (mine - true).square().sum() / (true - true.mean(0)).square().sum()
        told[f"the map of meaning, {HELD_OUT} sentences in {manner}"] = {
            "share of variance": 1 - float(lost),
            "cosine": float(functional.cosine_similarity(mine, true).mean()),
        }
    return told


if __name__ == "__main__":
    main()
