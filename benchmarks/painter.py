"""A painter that takes no time, at the edge of the model world: what it draws is a color, and what
it sees is what it is told to."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from danqing.agent.seen import read_caption
from danqing.tools.catalogue import Entry, Profile
from danqing.tools.engine import Engine, Progress, Result
from danqing.tools.errors import Stopped
from danqing.tools.own_models import LOADERS
from danqing.tools.registry import Role

SCENE = "flat illustration. meadow, summer, day, clear. a red house, a green tree."
ROLES: tuple[Role, ...] = ("text-to-image", "captioner", "upscaler", "controlnet", "panoptic")
SIDE = 64


def no_models(folder: Path, roles: Sequence[Role]) -> Profile:
    """A profile in which these roles are played from an empty folder."""
    folder.mkdir(exist_ok=True)
    entries: dict[Role, Any] = {
        role: Entry(source=str(folder), loader=LOADERS[role])  # type: ignore[arg-type]
        for role in roles
    }
    return Profile(name="sketchbook", summary="no models", models=entries)


class Painter(Engine):
    """Draws squares of one color, of which the seed is the most. In every picture it sees the same
    ``scene``, and ``caption`` reads it. ``before`` is called with each tool's name and arguments
    and may wait; ``calls`` are those that ran."""

    def __init__(
        self, folder: Path, scene: str = SCENE, roles: Sequence[Role] = ROLES,
        before: Callable[[str, Mapping[str, Any]], None] = lambda tool, arguments: None,
    ) -> None:  # fmt: skip
        super().__init__(no_models(folder, roles))
        self.scene, self.before = scene, before
        self.caption: Callable[[Image.Image], str] = lambda image: scene
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def call(
        self, tool: str, arguments: Mapping[str, Any],
        images: Mapping[str, Image.Image] | None = None, **how: Any,
    ) -> Result:  # fmt: skip
        spec = self.tools[tool]
        if not (spec.roles or spec.optional_roles):
            self.calls.append((tool, dict(arguments)))
            return super().call(tool, arguments, images, **how)
        full = self.arguments(tool, arguments)
        given = spec.check_images(images or {})
        self.before(tool, full)
        self.calls.append((tool, full))
        if tell := how.get("on_progress"):
            tell(Progress(tool, 1, 1, "painting", 0.0))
        image = given.get("image")
        if spec.returns == "value":
            return _result([], self._value(tool, image))
        if tool == "detail" and image is not None:
            return _result([image.copy()])
        seeds = full.get("seeds") or [full.get("seed", 0)]
        size = (SIDE, SIDE) if image is None else image.size
        if tool == "upscale":
            size = (size[0] * full["scale"], size[1] * full["scale"])
        if tool == "segment":
            mask = Image.new("L", size)
            mask.paste(255, (size[0] // 4, size[1] // 4, 3 * size[0] // 4, 3 * size[1] // 4))
            return _result([mask], {"found": True, "count": 1})
        made = [self.painted(seed, size) for seed in seeds]
        if tool == "inpaint" and image is not None:
            under = image.convert("RGB")
            made = [Image.composite(new, under, given["mask"].convert("L")) for new in made]
        return _result(made)

    def painted(self, seed: int, size: tuple[int, int]) -> Image.Image:
        """A picture that tells its seed."""
        return Image.new("RGB", size, f"#{(seed * 2_654_435_761) % 2**24:06x}")

    def _value(self, tool: str, image: Image.Image | None) -> dict[str, Any]:
        text = self.caption(image or Image.new("RGB", (1, 1)))
        if tool == "caption":
            return {"text": text, "words": []}
        if tool == "ask":
            return {"kind": "words", "value": text, "confidence": 1.0, "heard": "it"}
        return look_of(self.scene)

    def start(self, roles: Any = ()) -> None:
        raise Stopped("There is no worker here.")


def look_of(text: str) -> dict[str, Any]:
    """What the tool ``look`` says of a picture that a caption is true of."""
    return {"things": copy.deepcopy(_things(text)), "facts": {}, "horizon": 0.5}


@cache
def _things(text: str) -> list[dict[str, Any]]:
    return [
        {
            "kind": group.noun, "color": group.color, "confidence": 1.0, "color_confidence": 1.0,
            "box": [x - 0.05, 0.2 if group.sky else 0.7, x + 0.05, 0.3 if group.sky else 0.8],
        }
        for group in read_caption(text).groups
        for k in range(group.count or 2)
        for x in [(0.5 if group.x is None else group.x) + 0.01 * k]
    ]  # fmt: skip


def _result(images: list[Image.Image], value: dict[str, Any] | None = None) -> Result:
    return Result(images, value, 0.0, 0.0, "none")
