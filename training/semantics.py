"""What is where in a scene, as labels, and a head that asks a network's features for it.

A network that is made to tell this beside its own task learns to see, or to compose, from far fewer
pictures than the task alone would take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from danqing.tools.world import world

from .scenes import facts
from .scenes.spec import Scene, Thing

GRID = 16  # the map of things has this many cells a side, two for each of the 8×8 tokens
WAVES = 6  # cosines that a column or row is told in
FACTS = ("style", "setting", "season", "time", "weather")


def pools() -> dict[str, list[str]]:
    """The words of each of `FACTS`."""
    w = world()
    words = (w.styles, w.settings, w.seasons, w.times, w.weathers)
    return {name: list(pool) for name, pool in zip(FACTS, words, strict=True)}


def scene_of(spec: dict[str, Any]) -> Scene:
    """The scene that a line of ``scenes.jsonl`` tells."""
    things = tuple(Thing(**{**t, "box": tuple(t["box"])}) for t in spec["things"])
    return Scene(**{**spec, "things": things})


def labels(scenes: Sequence[Scene]) -> tuple[torch.Tensor, torch.Tensor]:
    """The maps of scenes, int64 (n, 3, 16, 16) as of `map_of`, and their `FACTS`, int64 (n, 5)."""
    maps = torch.from_numpy(np.stack([map_of(scene) for scene in scenes]))
    told = [[pools()[fact].index(getattr(scene, fact)) for fact in FACTS] for scene in scenes]
    return maps, torch.tensor(told)


def map_of(scene: Scene) -> np.ndarray:
    """What is where, int64 (3, 16, 16): the kind (0 is none, else its number + 1), the color (0 is
    natural, -1 is not asked), and 1 in the cell of each thing's center. A thing claims the middle
    of its box."""
    kinds, colors = [*world().objects], [*world().colors]
    out = np.zeros((3, GRID, GRID), np.int64)
    out[1] = -1
    for thing in scene.things:
        x, y = facts.center(thing.box)
        wide, high = thing.box[2] - thing.box[0], thing.box[3] - thing.box[1]
        columns = _cells(x, 0.3 * wide)
        rows = _cells(y, 0.3 * high)
        out[0][rows, columns] = 1 + kinds.index(thing.kind)
        out[1][rows, columns] = 0 if thing.color is None else 1 + colors.index(thing.color)
        out[2][_cells(y, 0.0), _cells(x, 0.0)] = 1
    return out


def _cells(middle: float, half: float) -> slice:
    first = int(np.clip((middle - half) * GRID, 0, GRID - 1))
    last = int(np.clip((middle + half) * GRID, 0, GRID - 1))
    return slice(first, last + 1)


class Heads(nn.Module):
    """Asks 8×8 tokens of ``width`` channels what is where: a map of things, and the facts."""

    def __init__(self, width: int) -> None:
        super().__init__()
        w = world()
        self.kinds, self.colors = [*w.objects], [*w.colors]
        self.things = nn.Linear(width, 4 * (2 + len(self.kinds) + len(self.colors) + 1))
        self.facts = nn.Linear(width, sum(len(pool) for pool in pools().values()))

    def forward(self, tokens: torch.Tensor, maps: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        """The loss, from the encoder's ``tokens`` (n, 64, width), ``maps`` (n, 3, 16, 16) and
        ``told`` (n, 5), the latter two as of `labels`."""
        n, side = len(tokens), GRID // 2
        cells = self.things(tokens).view(n, side, side, 2, 2, -1).transpose(2, 3)
        cells = cells.reshape(n * GRID * GRID, -1)
        kind, color, center = maps.transpose(0, 1).reshape(3, -1)
        count = len(self.kinds) + 1
        weight = torch.ones(count, device=tokens.device)
        weight[0] = 0.1  # most cells hold nothing
        loss = functional.cross_entropy(cells[:, :count], kind, weight)
        loss = loss + functional.cross_entropy(cells[:, count:-1], color, ignore_index=-1)
        there = functional.binary_cross_entropy_with_logits(cells[:, -1], center.float())
        loss = loss + 4.0 * there
        logits = self.facts(tokens.mean(1)).split([len(p) for p in pools().values()], dim=1)
        for k, group in enumerate(logits):
            loss = loss + 0.2 * functional.cross_entropy(group, told[:, k], ignore_index=-1)
        return loss


class Whereabouts(nn.Module):
    """Asks features of ``width`` channels, maps of 8×8, in which column and row each of them is."""

    codes: torch.Tensor

    def __init__(self, width: int, layers: int = 3) -> None:
        super().__init__()
        self.asked = nn.ModuleList(nn.Conv2d(width, 2 * WAVES, 1) for _ in range(layers))
        side = GRID // 2
        line = torch.cos(
            torch.pi * torch.arange(1, WAVES + 1)[:, None] * (torch.arange(side) + 0.5) / side
        )
        columns, rows = line[:, None, :], line[:, :, None]
        codes = [code.expand(WAVES, side, side) for code in (columns, rows)]
        self.register_buffer("codes", torch.cat(codes), persistent=False)

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        """The squared error of the answers, for maps (n, width, 8, 8); 0 for none."""
        both = zip(self.asked, features, strict=False)
        errors = [((ask(x) - self.codes) ** 2).mean() for ask, x in both]
        return torch.stack(errors).mean() if errors else torch.zeros(())
