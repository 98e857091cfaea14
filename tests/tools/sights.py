"""Pictures as a perfect panoptic network would say them: made of boxes on a grid of 32x32 cells."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from toy_models import panoptic_channels

from danqing.tools.panoptic import Sight, read
from danqing.tools.registry import Context

SIDE = 32
SURE = 12.0
CHANNELS = panoptic_channels()
FACTS = {
    "style": "flat", "setting": "meadow", "season": "summer", "time": "day", "weather": "clear",
}  # fmt: skip


class Box(NamedTuple):
    """A thing that fills a box of whole cells: left, top, right, bottom."""

    kind: str
    color: str | None
    cells: tuple[int, int, int, int]

    @property
    def middle(self) -> tuple[float, float]:
        x0, y0, x1, y1 = self.cells
        return (x0 + x1) / 2, (y0 + y1) / 2


def logits_of(
    *things: Box, facts: Mapping[str, str] | None = None, horizon: int = 16
) -> np.ndarray:
    """What the network says of things, the farthest first, between sky and ground."""
    told = FACTS | dict(facts or {})
    names = CHANNELS.names()
    maps = np.zeros((len(names), SIDE, SIDE), np.float32)
    maps[[i for i, name in enumerate(names) if name.startswith("center: ")]] = -SURE
    maps[names.index("sky"), :horizon] = SURE
    maps[names.index("ground"), horizon:] = SURE
    for fact, word in told.items():
        maps[names.index(f"{fact}: {word}")] = SURE
    first, last = names.index("color: natural"), names.index(f"center: {CHANNELS.centers[0]}")
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    for thing in things:
        x0, y0, x1, y1 = thing.cells
        here, (x, y) = (slice(y0, y1), slice(x0, x1)), thing.middle
        maps[(slice(0, len(CHANNELS.shown)), *here)] = 0
        maps[(names.index(thing.kind), *here)] = SURE
        maps[(slice(first, last), *here)] = 0
        maps[(names.index(f"color: {thing.color or 'natural'}"), *here)] = SURE
        maps[(names.index("offset: x"), *here)] = (x - columns[here]) / SIDE
        maps[(names.index("offset: y"), *here)] = (y - rows[here]) / SIDE
        maps[names.index(f"center: {thing.kind}"), int(y), int(x)] = SURE
    return maps


def sight_of(*things: Box, fine: int = 1, **options: Any) -> Sight:
    """What is read; as fine as the cells, where no border is a matter of opinion."""
    return read(logits_of(*things, **options), CHANNELS, fine=fine)


class _Processor:
    """Makes tensors of the size it is asked for, with nothing in them."""

    size = {"width": SIDE, "height": SIDE}

    def __call__(
        self, images: Image.Image, return_tensors: str, size: dict[str, int] | None = None
    ) -> SimpleNamespace:
        wanted = size or self.size
        return SimpleNamespace(pixel_values=torch.zeros(1, 3, wanted["height"], wanted["width"]))


def _offset(maps: torch.Tensor, wide: float, high: float) -> torch.Tensor:
    """The maps as a network has them that sees more than its square: offsets are in squares."""
    told = maps.clone()
    told[:, CHANNELS.names().index("offset: x")] *= wide
    told[:, CHANNELS.names().index("offset: y")] *= high
    return told


def looking_at(*things: Box, **options: Any) -> Context:
    """A context whose panoptic network sees these things in every picture, whatever its shape."""
    maps = torch.from_numpy(logits_of(*things, **options))[None]
    model = SimpleNamespace(
        dtype=torch.float32, backbone=lambda x: SimpleNamespace(feature_maps=x),
        decode_head=lambda x: _offset(maps, x.shape[3] / SIDE, x.shape[2] / SIDE),
        config=SimpleNamespace(id2label=dict(enumerate(CHANNELS.names()))),
    )  # fmt: skip
    network = SimpleNamespace(model=model, device="cpu", processor=_Processor())
    networks = {"panoptic": network}
    models = SimpleNamespace(get=networks.__getitem__, has=networks.__contains__)
    return Context(models)  # type: ignore[arg-type]
