"""Half precision gives what single precision gives, within bounds, for every tool with a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from danqing.tools import (
    edge_guided,
    gan_image,
    inpaint,
    models,
    text_to_image,
    upscale,
    vae_variation,
)
from danqing.tools.catalogue import Profile
from danqing.tools.models import Models
from danqing.tools.registry import Context

Run = Callable[[Context, Image.Image], Image.Image]
BOUNDS = {torch.float16: 2.0, torch.bfloat16: 8.0}
"""Mean difference of pixels, of 255 levels: bfloat16 has three bits less than float16."""


def _mask(image: Image.Image) -> Image.Image:
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).rectangle((20, 20, 60, 60), fill=255)
    return mask


RUNS: dict[str, Run] = {
    "text_to_image": lambda c, i: text_to_image(c, prompt="a house", seeds=[1])[0],
    "inpaint": lambda c, i: inpaint(c, i, _mask(i), prompt="a house", seeds=[1])[0],
    "edge_guided": lambda c, i: edge_guided(c, _mask(i), prompt="a house", seeds=[1])[0],
    "gan_image": lambda c, i: gan_image(c, prompt="a house", seeds=[1])[0],
    "vae_variation": lambda c, i: vae_variation(c, i)[0],
    "upscale": lambda c, i: upscale(c, i, scale=2),
}


@pytest.fixture(scope="module", params=[torch.float16, torch.bfloat16], ids=["fp16", "bf16"])
def halved(request: Any, toy_profile: Profile) -> tuple[Context, torch.dtype]:
    """The toy models in half precision."""
    patch = pytest.MonkeyPatch()
    patch.setattr(models, "_dtype", lambda device: request.param)
    loaded = Models(toy_profile.models, device="cpu")
    for role in ("text-to-image", "controlnet", "generator", "upscaler"):
        assert next(_parameters(loaded.get(role).model)).dtype == request.param
    patch.undo()
    return Context(loaded), request.param


def _parameters(model: Any) -> Any:
    return (model.unet if hasattr(model, "unet") else model).parameters()


@pytest.mark.parametrize("name", RUNS)
def test_half_precision_agrees_with_single(
    context: Context, halved: tuple[Context, torch.dtype], photo: Image.Image, name: str
) -> None:
    half, dtype = halved
    expected, made = (np.asarray(RUNS[name](c, photo), float) for c in (context, half))
    assert made.shape == expected.shape
    assert np.abs(made - expected).mean() < BOUNDS[dtype]
