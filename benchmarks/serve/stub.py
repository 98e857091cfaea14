"""A painter that takes 50 ms, with pictures of 512 by 512 pixels as a real one would give."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from ..painter import Painter

SECONDS = 0.05
SIDE = 512
PATTERN = Path(__file__).parents[2] / "examples" / "scenes.jpg"
REQUEST = "a red house"
SCENE = "flat illustration. meadow, summer, day, clear. a red house."
"""What every picture is said to show, so that all that was asked for is met."""


class StubEngine(Painter):
    """Paints the same picture; its first pixel tells the seed. ``held`` calls wait."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SCENE, ("text-to-image", "captioner"), self._wait)
        self._pattern = Image.open(PATTERN).convert("RGB").resize((SIDE, SIDE))
        self.held = lambda: None

    def _wait(self, tool: str, arguments: Mapping[str, Any]) -> None:
        if tool == "text_to_image":
            self.held()
            time.sleep(SECONDS)

    def painted(self, seed: int, size: tuple[int, int]) -> Image.Image:
        image = self._pattern.copy()
        image.putpixel((0, 0), (seed % 256, seed // 256 % 256, seed // 65536 % 256))
        return image
