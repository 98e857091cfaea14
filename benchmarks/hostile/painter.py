"""A painter that takes no time, at the edge of the model world: what it draws is a color, and what
it sees is what it is told to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from danqing.tools.catalogue import Entry, Profile
from danqing.tools.engine import Engine, Progress, Result
from danqing.tools.errors import Stopped
from danqing.tools.registry import Role

SCENE = "flat illustration. meadow, summer, day, clear. a red house, a green tree."
THINGS = [
    {"kind": kind, "color": color, "confidence": 1.0, "color_confidence": 1.0, "box": box}
    for kind, color, box in (
        ("house", "red", [0.1, 0.5, 0.4, 0.8]), ("tree", "green", [0.6, 0.5, 0.8, 0.8]),
    )
]  # fmt: skip
SIDE = 64
LOADERS: Mapping[Role, Any] = {
    "text-to-image": "diffusers", "captioner": "image-text-to-text", "upscaler": "image-to-image",
    "controlnet": "controlnet", "panoptic": "image-segmentation",
}  # fmt: skip

Caption = Callable[[Image.Image], str]


class Painter(Engine):
    """Draws squares of one color, of which the seed is the most; ``caption`` reads any picture.
    ``before`` is called with each tool's name and arguments and may wait; ``calls`` are those that
    ran."""

    def __init__(
        self, folder: Path, caption: Caption = lambda image: SCENE,
        before: Callable[[str, Mapping[str, Any]], None] = lambda tool, arguments: None,
    ) -> None:  # fmt: skip
        folder.mkdir(exist_ok=True)
        entries: dict[Role, Entry] = {
            role: Entry(
                source=str(folder), loader=loader, memory_mb=1, license="CC0-1.0", commercial=True,
                size_mb=1,
            )
            for role, loader in LOADERS.items()
        }  # fmt: skip
        super().__init__(Profile(name="sketchbook", summary="no models", models=entries))
        self.caption, self.before = caption, before
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
        seeds = full.get("seeds") or [full.get("seed", 0)]
        size = (SIDE, SIDE) if image is None else image.size
        if tool == "upscale":
            size = (size[0] * full["scale"], size[1] * full["scale"])
        made = [Image.new("RGB", size, f"#{(seed * 2_654_435_761) % 2**24:06x}") for seed in seeds]
        if tool == "segment":
            mask = Image.new("L", size)
            mask.paste(255, (size[0] // 4, size[1] // 4, 3 * size[0] // 4, 3 * size[1] // 4))
            return _result([mask], {"found": True, "count": 1})
        if tool == "inpaint" and image is not None:
            under = image.convert("RGB")
            made = [Image.composite(new, under, given["mask"].convert("L")) for new in made]
        return _result(made)

    def _value(self, tool: str, image: Image.Image | None) -> dict[str, Any]:
        text = self.caption(image or Image.new("RGB", (1, 1)))
        if tool == "caption":
            return {"text": text, "words": []}
        if tool == "ask":
            return {"kind": "words", "value": text, "confidence": 1.0, "heard": "it"}
        return {"things": THINGS, "facts": {}, "horizon": 0.5}

    def start(self, roles: Any = ()) -> None:
        raise Stopped("There is no worker here.")


def _result(images: list[Image.Image], value: dict[str, Any] | None = None) -> Result:
    return Result(images, value, 0.0, 0.0, "none")
