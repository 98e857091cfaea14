"""The edge of the model world: an engine with computed pictures and told captions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.painter import look_of, no_models
from danqing.tools.engine import Engine, Progress, Result
from danqing.tools.errors import Stopped
from danqing.tools.registry import Role

SCENE = "flat illustration. meadow, summer, day, clear."


class Killed(BaseException):
    """The process ends here; nothing in the code under test may catch it."""


class ScriptedEngine(Engine):
    """Draws one plain color a seed; ``caption_of`` says what a picture of that seed shows.

    Pictures are ``side`` pixels wide and high, and whoever asks for previews sees one of each call.
    With the roles for it, what is segmented is the middle of the picture, and inpainting gives the
    mask the color of the seed; ``careless`` inpainting spoils everything else. Details change
    nothing.

    ``calls`` are those that ran. ``before`` is called with the tool's name before each of them and
    may raise. Without ``roles``, no model is there.
    """

    def __init__(
        self, folder: Path, caption_of: Callable[[int], str],
        roles: tuple[Role, ...] = ("text-to-image", "captioner", "upscaler"),
    ) -> None:  # fmt: skip
        super().__init__(no_models(folder, roles))
        self.caption_of = caption_of
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.timeouts: list[float | None] = []
        self.before: Callable[[str], None] = lambda tool: None
        self.careless, self.side = False, 32

    def call(
        self, tool: str, arguments: Mapping[str, Any],
        images: Mapping[str, Image.Image] | None = None, **how: Any,
    ) -> Result:  # fmt: skip
        self.before(tool)
        self.calls.append((tool, dict(arguments)))
        self.timeouts.append(how.get("timeout"))
        if tool in ("text_to_image", "edge_guided"):
            seen = picture_of(arguments["seeds"][0]) if how.get("previews") else None
            if tell := how.get("on_progress"):
                tell(Progress(tool, 1, 1, "drawing", 0.0, seen))
            return _result([picture_of(seed, self.side) for seed in arguments["seeds"]])
        if tool == "caption":
            text = self.caption_of(seed_in((images or {})["image"]))
            return _result([], {"text": text, "words": []})
        if tool == "look":
            return _result([], look_of(self.caption_of(seed_in((images or {})["image"]))))
        if tool == "segment":
            mask = Image.new("L", (images or {})["image"].size)
            w, h = mask.size
            mask.paste(255, (w // 4, h // 4, 3 * w // 4, 3 * h // 4))
            return _result([mask], {"found": True, "count": 1})
        if tool == "inpaint":
            image, mask = (images or {})["image"], (images or {})["mask"].convert("L")
            made = []
            for seed in arguments["seeds"]:
                under = Image.new("RGB", image.size, "black") if self.careless else image
                made.append(Image.composite(picture_of(seed, image.width), under, mask))
            return _result(made)
        if tool == "detail":
            return _result([(images or {})["image"].copy()])
        if tool == "upscale":
            image = (images or {})["image"]
            size = (image.width * arguments["scale"], image.height * arguments["scale"])
            red, green, _ = image.convert("RGB").resize(size).split()
            return _result([Image.merge("RGB", (red, green, Image.new("L", size, 255)))])
        return super().call(tool, arguments, images, **how)

    def ran(self, tool: str) -> int:
        """How often a tool ran."""
        return sum(name == tool for name, _ in self.calls)

    def start(self, roles: Any = ()) -> None:
        raise Stopped("there is no worker here")


def picture_of(seed: int, side: int = 32) -> Image.Image:
    """A square of one color that tells the seed (below 65,536)."""
    return Image.new("RGB", (side, side), (seed % 256, seed // 256 % 256, 128))


def seed_in(image: Image.Image) -> int:
    """The seed that a picture tells, whatever its size."""
    red, green, _ = image.convert("RGB").getpixel((image.width // 2, image.height // 2))  # type: ignore[misc]
    return int(red) + 256 * int(green)


def _result(images: list[Image.Image], value: dict[str, Any] | None = None) -> Result:
    return Result(images, value, 0.01, 0.0, "scripted")
