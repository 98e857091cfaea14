"""What the measures work with: the engine, the grader, held-out scenes and their pictures."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import count, islice
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from PIL import Image

from danqing.tools.call import Result, WorkerCrashed, WorkerFailed
from danqing.tools.catalogue import Profile
from danqing.tools.errors import ToolError
from danqing.tools.world import world
from training import data, grader
from training.autoencoder import to_tensor
from training.scenes import layout
from training.scenes.facts import center
from training.scenes.render import render
from training.scenes.spec import Scene
from training.semantics import GRID, pools

SIZE = 128
"""Side in pixels of what the grader sees, and of the pictures that are worked on."""
NEAR = 0.1
"""How far from its place a thing may be, in fractions of the picture."""
EVERY = 10.0
"""Seconds between two lines about how far a measure is."""

T = TypeVar("T")


class Runs(Protocol):
    """What is used of `danqing.tools.engine.Engine`."""

    profile: Profile

    def available(self) -> Mapping[str, Any]: ...

    def call(
        self, tool: str, arguments: Mapping[str, Any], images: Mapping[str, Image.Image]
    ) -> Result: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Seen:
    """A thing that the grader saw; ``x`` and ``y`` in fractions of the picture."""

    kind: str
    color: str | None
    x: float
    y: float


@dataclass(frozen=True)
class Look:
    """What the grader saw in one picture."""

    facts: Mapping[str, str]
    things: Sequence[Seen]

    def near(self, kind: str, at: tuple[float, float]) -> list[Seen]:
        """The things of a kind that are near a place."""
        return [t for t in self.things if t.kind == kind and _apart(t, at) <= NEAR]

    def placed(self, wanted: Sequence[tuple[str, tuple[float, float]]]) -> float:
        """The share of the wanted things (kind, place) that are near their place, each with a seen
        thing of its own."""
        pairs = sorted(
            (_apart(t, at), i, j)
            for i, (kind, at) in enumerate(wanted)
            for j, t in enumerate(self.things)
            if t.kind == kind and _apart(t, at) <= NEAR
        )
        taken: set[int] = set()
        used: set[int] = set()
        for _, i, j in pairs:
            if i not in taken and j not in used:
                taken.add(i)
                used.add(j)
        return len(taken) / len(wanted)


def _apart(thing: Seen, at: tuple[float, float]) -> float:
    return float(np.hypot(thing.x - at[0], thing.y - at[1]))


class Studio:
    """The tools and the grader; ``n`` is how many cases a measure has."""

    def __init__(self, engine: Runs, network: grader.Grader, n: int) -> None:
        self.engine, self.grader, self.n = engine, network, n

    def can(self, tool: str) -> bool:
        """Whether a tool's models are there."""
        return tool in self.engine.available()

    def has(self, role: str) -> bool:
        """Whether the profile has a model for ``role`` whose files are there."""
        entry = self.engine.profile.models.get(role)  # type: ignore[call-overload]
        return entry is not None and entry.folder.is_dir()

    def call(self, tool: str, arguments: Mapping[str, Any], **images: Image.Image) -> Result | None:
        """One call, or None where the tool refuses it; bugs and crashes travel."""
        try:
            return self.engine.call(tool, arguments, images)
        except (WorkerFailed, WorkerCrashed):
            raise
        except ToolError as error:
            print(f"refused: {error}", file=sys.stderr)
            return None

    def paint(
        self, tool: str, arguments: Mapping[str, Any], size: tuple[int, int] = (SIZE, SIZE),
        **images: Image.Image,
    ) -> Image.Image:  # fmt: skip
        """The first picture that a tool makes, RGB; where it refuses, a gray one."""
        result = self.call(tool, arguments, **images)
        return result.images[0].convert("RGB") if result else Image.new("RGB", size, "gray")

    @torch.inference_mode()
    def look(self, pictures: Iterable[Image.Image]) -> list[Look]:
        """What the grader sees, in pictures of any size."""
        w = world()
        kinds, colors = [*w.objects], [None, *w.colors]
        looks = []
        for picture in pictures:
            pixels = _at_size(picture)
            centers, colored, told = self.grader(to_tensor(pixels[None]))
            best = colored[0].argmax(0)
            facts = {
                fact: words[int(answer[0].argmax())]
                for (fact, words), answer in zip(pools().items(), told, strict=True)
            }
            things = [
                Seen(kinds[kind], colors[int(best[y, x])], (x + 0.5) / GRID, (y + 0.5) / GRID)
                for kind, y, x, _ in grader._peaks(centers[0].sigmoid().numpy())
            ]
            looks.append(Look(facts, things))
        return looks

    def judged(self, pictures: Sequence[Image.Image]) -> dict[str, list[Look]]:
        """What each judge sees in the pictures: the grader, and the tool look where it is there."""
        judges = {"": self.look(pictures)}
        if self.can("look"):
            judges[", by look"] = [*map(self._own_look, pictures)]
        return judges

    def _own_look(self, picture: Image.Image) -> Look:
        result = self.call("look", {}, image=picture)
        if result is None or result.value is None:
            return Look({}, [])
        things = [Seen(t["kind"], t["looks"], *center(t["box"])) for t in result.value["things"]]
        return Look({fact: told[0] for fact, told in result.value["facts"].items()}, things)

    @torch.inference_mode()
    def style(self, picture: Image.Image) -> np.ndarray:
        """The mean and the deviation of each of the grader's fine features."""
        x = to_tensor(_at_size(picture)[None])
        told = []
        for layer in self.grader.fine:
            x = layer(x)
            told += [x[0].mean((1, 2)), x[0].std((1, 2))]
        return np.asarray(torch.cat(told).numpy())

    def each(self, name: str, items: Sequence[T]) -> Iterator[T]:
        """The items one by one, with a line to stderr now and then."""
        last = time.monotonic()
        for done, item in enumerate(items):
            if time.monotonic() - last > EVERY:
                last = time.monotonic()
                print(f"{name}: {done} of {len(items)}", file=sys.stderr, flush=True)
            yield item


def _at_size(picture: Image.Image) -> np.ndarray:
    rgb = picture.convert("RGB")
    if rgb.size != (SIZE, SIZE):
        rgb = rgb.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    return np.asarray(rgb)


# -- scenes


def held_out(n: int, wanted: Callable[[Scene], bool] = lambda scene: True) -> list[Scene]:
    """The first ``n`` held-out scenes that are wanted."""
    return list(islice(filter(wanted, map(scene_of, count(data.HELD_OUT))), n))


@cache
def scene_of(seed: int) -> Scene:
    """The scene of a seed."""
    return layout.sample(seed)


def picture(scene: Scene, size: int = SIZE) -> Image.Image:
    """The true picture of a scene."""
    return Image.fromarray(render(scene, size).rgb)


def shown(scene: Scene) -> np.ndarray:
    """What each pixel of a scene's picture shows, uint8 as of `training.data.ids`."""
    return np.asarray(data._ids(([asdict(scene)], SIZE))[0])


def chances(scene: Scene, salt: int) -> np.random.Generator:
    """The random numbers of one measure (its ``salt``) for one scene."""
    return np.random.default_rng([scene.seed, salt])
