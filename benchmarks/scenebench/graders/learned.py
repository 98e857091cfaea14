"""The learned grader: a plain convolutional detector, rebuilt here around its weights.

It was trained by ``python -m training.grader`` on renders alone and shares nothing with the
product's judges but the world. It tells centers and no sizes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .spec import Sight, Thing
from .words import COLORS, FACTS, KINDS

WEIGHTS = Path(__file__).parents[2] / "judge" / "weights" / "grader.safetensors"
SIDE, GRID = 128, 16
LEAST = 0.5
"""Probability, summed over neighboring cells, from which on a thing is there."""
SIZE = 0.15
"""Side of the box that a center stands for, as a share of the picture."""


def see(picture: Image.Image) -> Sight:
    """What the network sees in a picture of any size."""
    import torch

    rgb = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.array(rgb)).permute(2, 0, 1)[None].float() / 127.5 - 1.0
    with torch.inference_mode():
        network = _network()
        fine = network["fine"](pixels)
        coarse = network["coarse"](fine)
        near = torch.nn.functional.interpolate(coarse, scale_factor=2.0, mode="bilinear")
        cells = network["cells"](network["joined"](torch.cat([fine, near], 1)))[0]
        told = network["facts"](torch.cat([fine.mean((2, 3)), coarse.mean((2, 3))], 1))[0]
    kinds = len(KINDS)
    colors = cells[kinds + 1 :].argmax(0).numpy()  # the first, the natural color, is no answer
    things = tuple(
        Thing(KINDS[kind], COLORS[int(colors[y, x])], _box(cx, cy))
        for kind, y, x, cy, cx in _peaks(cells[:kinds].sigmoid().numpy())
    )
    sizes = [len(words) for words in FACTS.values()]
    answers = zip(FACTS.items(), told.split(sizes), strict=True)
    return Sight(things, {fact: words[int(one.argmax())] for (fact, words), one in answers})


def _box(x: float, y: float) -> tuple[float, float, float, float]:
    return x - SIZE / 2, y - SIZE / 2, x + SIZE / 2, y + SIZE / 2


def _peaks(left: np.ndarray) -> list[tuple[int, int, int, float, float]]:
    """Kind, row and column of each thing in ``left`` (kinds, 16, 16), and its center (y, x) in
    fractions of the picture.

    A center near the border of cells shares its probability among them: a peak counts with what
    lies around it, and one thing's worth of probability is taken away with it.
    """
    left = left.copy()
    found = []
    while left.max() > 0.1:
        kind, y, x = (int(n) for n in np.unravel_index(int(left.argmax()), left.shape))
        rows, columns = slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2)
        window = left[kind, rows, columns]
        mass = float(window.sum())
        if mass >= LEAST:
            ys, xs = np.mgrid[rows, columns][:, : window.shape[0], : window.shape[1]]
            cy, cx = ((float((at * window).sum()) / mass + 0.5) / GRID for at in (ys, xs))
            found.append((kind, y, x, cy, cx))
        window *= max(1.0 - 1.0 / mass, 0.0)
    return found


@cache
def _network() -> Any:
    """The five parts of the network. Raises OSError where its weights are missing."""
    from safetensors.torch import load_file
    from torch import nn

    def block(wide_in: int, wide_out: int, stride: int = 1) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(wide_in, wide_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(wide_out), nn.ReLU(),
        )  # fmt: skip

    a, b, c, d = 24, 48, 96, 160
    network = nn.ModuleDict(
        {
            "fine": nn.Sequential(
                block(3, a, 2), block(a, b, 2), block(b, b), block(b, c, 2), block(c, c),
                block(c, c),
            ),
            "coarse": nn.Sequential(block(c, d, 2), block(d, d)),
            "joined": block(c + d, c),
            "cells": nn.Conv2d(c, len(KINDS) + 1 + len(COLORS), 1),
            "facts": nn.Linear(c + d, sum(len(words) for words in FACTS.values())),
        }
    )  # fmt: skip
    network.load_state_dict({k: v.float() for k, v in load_file(WEIGHTS).items()}, strict=True)
    return network.eval()
