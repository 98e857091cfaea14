"""Pictures as the studio makes them, of scenes that are known: ``python -m training.painted``.

Each scene is painted along its sketch, and its smaller things once more by themselves, laid in
where the sketch has them: so it is known what is where, and it looks as what the agent will be
asked about. A data set as of `training.data`, with ``ids.npy`` as of `data.ids`.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from danqing.tools import catalogue
from danqing.tools.detail import LARGE
from danqing.tools.edge_guided import edge_guided
from danqing.tools.models import Models
from danqing.tools.painter_words import Phrase, painter_prompt, spots_of, words
from danqing.tools.registry import Context
from danqing.tools.sketch import Sketched, sketch
from danqing.tools.sprite import alone, stage

from . import data
from .scenes import captions
from .scenes.spec import Scene, Thing

SIDE = 256
AGAIN = 0.6
"""How often a thing that was painted for another scene is laid in."""
FIRST = 40_000_000
"""The first seed: no other data set has these scenes."""


def draw(folder: Path, n: int, *, first: int = FIRST, device: str = "cpu") -> None:
    """Paint ``n`` scenes into ``folder``, from the seed ``first`` on; a folder that already holds
    some goes on after them."""
    folder.mkdir(parents=True, exist_ok=True)
    painter = Painter(device)
    pictures, ids = (
        _open(folder / name, (n, SIDE, SIDE, *more))
        for name, more in (("pictures.npy", (3,)), ("ids.npy", ()))
    )
    done = _done(folder)
    with open(folder / "scenes.jsonl", "a") as scenes, open(folder / "captions.jsonl", "a") as told:
        chosen = itertools.islice(_scenes(first), done, n)
        for k, scene in enumerate(chosen, done):
            pictures[k], ids[k] = painter.paint(scene), seen(scene)
            scenes.write(json.dumps(asdict(scene)) + "\n")
            told.write(json.dumps(data.sentences(scene), ensure_ascii=False) + "\n")
            if k % 50 == 49:
                for file in (scenes, told):
                    file.flush()
                print(f"{k + 1} of {n}", flush=True)
    pictures.flush()
    ids.flush()


class Painter:
    """Paints scenes; what it has painted of single things it may lay into later scenes again."""

    def __init__(self, device: str) -> None:
        models = dict(catalogue.profile("sketchbook").models)
        models.pop("upscaler")  # nothing is larger here than it is painted
        self._context = Context(Models(models, device=device))
        self._looks: dict[tuple[str, str | None], list[Image.Image]] = {}

    def paint(self, scene: Scene) -> np.ndarray:
        """A picture of ``scene``, uint8 (SIDE, SIDE, 3)."""
        things = [_sketched(thing) for thing in scene.things]
        side = self._context.models.get("text-to-image").entry.native_size
        (draft,) = edge_guided(
            self._context, sketch(things=things, size=[side, side]),
            prompt=captions.composed(scene), seeds=[scene.seed], outlines="drawn",
        )  # fmt: skip
        page = draft.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        rng = np.random.default_rng([scene.seed, 5])
        mine: dict[tuple[str, str | None], Image.Image] = {}
        for thing in things:
            left, top, right, bottom = _pixels(thing)
            if bottom - top >= LARGE * SIDE:
                continue
            key = thing.kind, thing.color
            if key not in mine:
                mine[key] = self._look(scene, thing, rng)
            look = ImageOps.mirror(mine[key]) if thing.flip else mine[key]
            look = look.resize((right - left, bottom - top), Image.Resampling.LANCZOS)
            page.paste(look.convert("RGB"), (left, top), look.getchannel("A"))
        return np.asarray(page)

    def _look(self, scene: Scene, thing: Sketched, rng: np.random.Generator) -> Image.Image:
        """A thing by itself, not mirrored: a new one in the light of the scene, or an old one."""
        looks = self._looks.setdefault((thing.kind, thing.color), [])
        if looks and rng.random() < AGAIN:
            return looks[rng.integers(len(looks))]
        left, top, right, bottom = _pixels(thing)
        size = right - left, bottom - top
        told = painter_prompt(
            style=scene.style, setting=scene.setting, season=scene.season, time=scene.time
        )
        spots = spots_of([stage(size[0] / size[1])])
        phrase = words(Phrase(thing.kind, 1, thing.color, spots=spots))
        (look,) = alone(
            self._context, "painted", thing.model_copy(update={"flip": False}), size,
            prompt=f"{told} {phrase}.", seeds=[scene.seed],
        )  # fmt: skip
        looks.append(look)
        return look


def seen(scene: Scene) -> np.ndarray:
    """What each pixel of it shows, uint8 (SIDE, SIDE), as of `data.ids`."""
    shown = data.grounds(scene, SIDE)
    for number, thing in enumerate(scene.things):
        alpha = sketch(things=[_sketched(thing)], size=[2 * SIDE, 2 * SIDE]).getchannel("A")
        share = cv2.resize(np.asarray(alpha), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        shown[share >= 128] = number
    return shown


def _scenes(first: int) -> Iterator[Scene]:
    """Plain scenes and crowds, in which nothing is inside of something else."""
    for scene in data.scenes_from(first, simple=True):
        if all(thing.inside is None for thing in scene.things):
            yield replace(scene, things=tuple(sorted(scene.things, key=_large, reverse=True)))


def _large(thing: Thing) -> bool:
    """Whether it is painted with its scene, and so behind what is laid in."""
    return thing.box[3] - thing.box[1] >= LARGE


def _sketched(thing: Thing) -> Sketched:
    return Sketched(
        kind=thing.kind, color=thing.color, box=[min(max(v, 0.0), 1.0) for v in thing.box],
        flip=thing.flip,
    )  # fmt: skip


def _pixels(thing: Sketched) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(SIDE * v) for v in thing.box)
    return left, top, right, bottom


def _open(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    if file.exists() and np.load(file, mmap_mode="r").shape == shape:
        return np.load(file, mmap_mode="r+")
    return np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)


def _done(folder: Path) -> int:
    file = folder / "captions.jsonl"
    return len(file.read_text("utf-8").splitlines()) if file.exists() else 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.painted", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=FIRST)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    draw(args.folder, args.n, first=args.first, device=args.device)


if __name__ == "__main__":
    main()
