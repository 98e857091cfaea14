"""A painter that takes 50 ms, with pictures of 512 by 512 pixels as a real one would give."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from danqing.agent.seen import read_caption
from danqing.tools.catalogue import Entry, Profile
from danqing.tools.engine import Engine, Result
from danqing.tools.errors import Stopped
from danqing.tools.registry import Role

SECONDS = 0.05
SIDE = 512
REQUEST = "a red house"
CAPTION = "flat illustration. meadow, summer, day, clear. a red house."
"""What every picture is said to show, so that all that was asked for is met."""
LOADERS: dict[Role, str] = {"text-to-image": "diffusers", "captioner": "image-text-to-text"}


class StubEngine(Engine):
    """Paints what ``pattern`` shows; the first pixel tells the seed. ``held`` calls wait."""

    def __init__(self, folder: Path, pattern: Path) -> None:
        folder.mkdir(exist_ok=True)
        models: dict[Role, Entry] = {
            role: Entry(
                source=str(folder), loader=loader, license="CC0-1.0", commercial=True, size_mb=1,
                memory_mb=1,
            )  # type: ignore[arg-type]
            for role, loader in LOADERS.items()
        }  # fmt: skip
        super().__init__(Profile(name="sketchbook", summary="a stub", models=models))
        self._pattern = Image.open(pattern).convert("RGB").resize((SIDE, SIDE))
        self.held = lambda: None

    def call(
        self, tool: str, arguments: Mapping[str, Any],
        images: Mapping[str, Image.Image] | None = None, **how: Any,
    ) -> Result:  # fmt: skip
        match tool:
            case "text_to_image":
                self.held()
                time.sleep(SECONDS)
                return _result([self._painted(seed) for seed in arguments["seeds"]])
            case "caption":
                return _result([], {"text": CAPTION, "words": []})
            case "look":
                things = [
                    {
                        "kind": group.noun, "color": group.color, "confidence": 1.0,
                        "color_confidence": 1.0, "box": [0.45, 0.7, 0.55, 0.8],
                    }
                    for group in read_caption(CAPTION).groups
                ]  # fmt: skip
                return _result([], {"things": things, "facts": {}, "horizon": 0.5})
            case "detail":
                assert images is not None
                return _result([images["image"].copy()])
        return super().call(tool, arguments, images, **how)

    def start(self, roles: Any = ()) -> None:
        raise Stopped("a stub has no worker")

    def _painted(self, seed: int) -> Image.Image:
        image = self._pattern.copy()
        image.putpixel((0, 0), (seed % 256, seed // 256 % 256, seed // 65536 % 256))
        return image


def _result(images: list[Image.Image], value: dict[str, Any] | None = None) -> Result:
    return Result(images, value, SECONDS, 0.0, "a stub")
