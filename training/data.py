"""The pictures and sentences that the built-in models are trained on, drawn once and kept on disk.

A data set is a folder: ``pictures.npy`` (uint8, shape (n, size, size, 3)), ``scenes.jsonl`` (the
spec of each picture) and ``captions.jsonl`` (for each picture, lists of sentences by kind). The
scene seeds run up from ``first``; seeds from `HELD_OUT` on are kept for scoring and no recipe
trains on them. A set is of the whole world, or `simple`: plain scenes and crowds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from danqing.agent.composition import AT_HOME, HEAVENLY

from .scenes import backdrop, captions, layout
from .scenes.canvas import NOTHING
from .scenes.render import render
from .scenes.spec import Scene
from .semantics import scene_of

HELD_OUT = 50_000_000
CHUNK = 250  # pictures drawn by one task
SKY, GROUND = 254, 253  # what `ids` has beside the numbers of things


@dataclass(frozen=True)
class Dataset:
    """A data set on disk; ``pictures`` is memory-mapped."""

    pictures: np.ndarray
    captions: list[dict[str, list[str]]]
    scenes: list[dict[str, object]]

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """Raises FileNotFoundError where no data set has been drawn."""
        return cls(
            np.load(folder / "pictures.npy", mmap_mode="r"),
            list(_lines(folder / "captions.jsonl")),
            list(_lines(folder / "scenes.jsonl")),
        )

    def __add__(self, other: Dataset) -> Dataset:
        """Both sets as one, in memory, well mixed, always in the same order."""
        own, both = len(self.scenes), len(self.scenes) + len(other.scenes)
        order = np.random.default_rng(both).permutation(both)
        pictures = np.empty((both, *self.pictures.shape[1:]), np.uint8)
        places = np.argsort(order)
        pictures[places[:own]], pictures[places[own:]] = self.pictures, other.pictures
        captions, scenes = self.captions + other.captions, self.scenes + other.scenes
        return Dataset(pictures, [captions[i] for i in order], [scenes[i] for i in order])


def sentences(scene: Scene) -> dict[str, list[str]]:
    """Sentences for a scene: the canonical one, the same with spots, partial ones, English and
    Chinese ones."""
    rng = np.random.default_rng([scene.seed, 9])
    return {
        "canonical": [captions.canonical(scene)],
        "composed": [captions.composed(scene)],
        "partial": [captions.caption(scene, rng, "en", register="canonical") for _ in range(4)],
        "en": [captions.caption(scene, rng, "en") for _ in range(3)],
        "zh": [captions.caption(scene, rng, "zh") for _ in range(3)],
    }


SMALL = HEAVENLY | {"bird", "flower", "mushroom", "ball", "cup", "umbrella"}
"""Kinds that may be lower than the others in a plain scene."""


def plain(scene: Scene) -> bool:
    """Whether a small model can learn to paint ``scene`` first: five things at most, of three
    kinds, large enough, each where it is at home."""
    kinds = {thing.kind for thing in scene.things}
    home = AT_HOME[scene.setting] | HEAVENLY
    return (
        len(scene.things) <= 5
        and len(kinds) <= 3
        and kinds <= home
        and all(t.box[3] - t.box[1] >= (0.09 if t.kind in SMALL else 0.12) for t in scene.things)
    )


CROWDED = 5
"""For so many seeds there is one crowd in a simple set, and two plain scenes."""


def scenes_from(first: int, *, simple: bool) -> Iterator[Scene]:
    """The scenes of the seeds from ``first`` on; if ``simple``, what a small model can learn to
    paint: the `plain` ones among them, and some `layout.crowd`."""
    for k, seed in enumerate(itertools.count(first)):
        scene = layout.sample(seed)
        if not simple or plain(scene):
            yield scene
        if simple and k % CROWDED == 0:
            yield layout.crowd(seed)


def draw(
    folder: Path, n: int, *, size: int = 128, first: int = 0, workers: int = 0, simple: bool = False
) -> None:
    """Draw ``n`` scenes into ``folder``, with ``simple`` as of `scenes_from`; a folder that already
    holds so many, with all kinds of sentences, is left as it is."""
    if _holds(folder, n):
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "captions.jsonl").unlink(missing_ok=True)  # what says that a set is whole
    pictures = np.lib.format.open_memmap(
        folder / "pictures.part.npy", mode="w+", dtype=np.uint8, shape=(n, size, size, 3)
    )
    starts = range(0, n, CHUNK)
    with (
        ProcessPoolExecutor(workers or os.cpu_count()) if n > CHUNK else nullcontext() as pool,
        open(folder / "scenes.jsonl", "w", encoding="utf-8") as scenes,
        open(folder / "captions.part", "w", encoding="utf-8") as texts,
    ):
        room = 40 if simple else 1  # seeds for each picture
        each = map if pool is None else pool.map
        jobs = [(first + room * s, min(CHUNK, n - s), size, simple) for s in starts]
        for start, (rgb, specs, words) in zip(starts, each(_chunk, jobs), strict=True):
            pictures[start : start + len(rgb)] = rgb
            scenes.writelines(json.dumps(spec) + "\n" for spec in specs)
            texts.writelines(json.dumps(w, ensure_ascii=False) + "\n" for w in words)
    pictures.flush()
    (folder / "pictures.part.npy").rename(folder / "pictures.npy")
    (folder / "captions.part").rename(folder / "captions.jsonl")


def _holds(folder: Path, n: int) -> bool:
    if not (folder / "captions.jsonl").exists():
        return False
    drawn = len(np.load(folder / "pictures.npy", mmap_mode="r"))
    kinds = set(next(_lines(folder / "captions.jsonl")))
    return drawn >= n and kinds == set(sentences(layout.sample(0)))


def _chunk(
    job: tuple[int, int, int, bool],
) -> tuple[np.ndarray, list[dict[str, object]], list[dict[str, list[str]]]]:
    import cv2

    cv2.setNumThreads(1)
    first, n, size, simple = job
    scenes = list(itertools.islice(scenes_from(first, simple=simple), n))
    rgb = np.stack([render(scene, size).rgb for scene in scenes])
    return rgb, [asdict(s) for s in scenes], [sentences(s) for s in scenes]


def ids(folder: Path) -> np.ndarray:
    """Which thing each pixel shows, uint8 (n, size, size) as of `render.Picture`, or else `SKY` or
    `GROUND` where it shows that; memory-mapped, and drawn when it is first asked for.

    Raises FileNotFoundError where no data set has been drawn.
    """
    dataset, file = Dataset.open(folder), folder / "ids.npy"
    if not file.exists():
        n, size = dataset.pictures.shape[:2]
        jobs = [(dataset.scenes[k : k + CHUNK], size) for k in range(0, n, CHUNK)]
        with ProcessPoolExecutor() if n > CHUNK else nullcontext() as pool:
            parts = list((map if pool is None else pool.map)(_ids, jobs))
        np.save(folder / "ids.part.npy", np.concatenate(parts))
        (folder / "ids.part.npy").rename(file)
    return np.asarray(np.load(file, mmap_mode="r"))


def _ids(job: tuple[list[dict[str, object]], int]) -> np.ndarray:
    import cv2

    cv2.setNumThreads(1)
    specs, size = job
    out = []
    for scene in map(scene_of, specs):
        seen, behind = render(scene, size).ids, grounds(scene, size)
        out.append(np.where(seen == NOTHING, behind, seen))
    return np.stack(out)


def grounds(scene: Scene, size: int) -> np.ndarray:
    """What each pixel shows where nothing stands before it: uint8 (size, size), `SKY`, `GROUND` or
    the number of no thing."""
    import cv2

    sky = backdrop.sky_mask(scene, size).astype(np.uint8)
    # what the wind carries is too small to be asked about
    sky = cv2.morphologyEx(sky, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    shown = np.full((size, size), NOTHING, np.uint8)
    shown[np.arange(size) >= scene.horizon * size] = GROUND
    shown[sky > 0] = SKY
    return shown


def _lines(path: Path) -> Iterator[dict]:  # type: ignore[type-arg]
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.data", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=24_000)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--simple", action="store_true", help="plain scenes and crowds only")
    args = parser.parse_args()
    draw(
        args.folder, args.n, size=args.size, first=args.first, workers=args.workers,
        simple=args.simple,
    )  # fmt: skip
    print(f"{args.n} pictures in {args.folder}")


if __name__ == "__main__":
    main()
