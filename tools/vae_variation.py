"""Vary pictures, and blend them, in the latent space of the painter's autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from PIL import Image
from pydantic import Field

from .registry import Context, flatten, tool

if TYPE_CHECKING:
    import torch

BLOCK = 8
"""Pixels that one latent stands for."""
MOOD, GRAIN = 0.35, 0.25
"""Deviations of the change at amount 1, in those of each channel: of the whole picture, and from
place to place."""
WAVES = 4
"""Cells a side of the coarsest change from place to place."""
CHANNELS = 6
"""The changes are of the first channels, which tell light and color; the others tell detail."""


@tool("text-to-image")
def vae_variation(
    context: Context,
    image: Image.Image,
    other: Image.Image | None = None,
    *,
    amount: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="how much to vary; with another image, how much of it: 0 is"
            " the first image, 1 the other",
        ),
    ] = 0.5,
    seeds: Annotated[
        list[Annotated[int, Field(ge=0, le=2**32 - 1)]],
        Field(min_length=1, max_length=8, description="one picture is made per seed"),
    ] = [0],  # noqa: B006
) -> list[Image.Image]:
    """Make variations of an image in light and color, or something between two images, in the
    latent space of the painter's autoencoder.

    A variation moves the latents' first channels by chance: all over the picture, and a little from
    place to place. Between two images the latents are mixed along the sphere they lie on (Shoemake
    1985); the other image is brought to the first one's size. Size, mode and transparency are those
    of the first image. An amount of 0 gives it back as the autoencoder sees it.
    """  # fmt: skip
    painter = context.models.get("text-to-image")
    first = _latents(painter, image)
    made = []
    for number, seed in enumerate(seeds):
        context.progress(number, len(seeds), "varying")
        context.check_cancelled()
        if other is None:
            z = _varied(first, amount, seed)
        else:
            resized = other.resize(image.size, Image.Resampling.LANCZOS)
            z = _between(first, _latents(painter, resized), amount)
        made.append(_picture(painter, z, image))
    return made


def _latents(painter: object, image: Image.Image) -> torch.Tensor:
    """The latents of an image, whose edges are repeated to whole blocks."""
    import numpy as np

    from .painting import latents_of

    pixels = np.asarray(flatten(image))
    down, right = -image.height % BLOCK, -image.width % BLOCK
    padded = np.pad(pixels, ((0, down), (0, right), (0, 0)), "edge")
    return latents_of(painter, Image.fromarray(padded))  # type: ignore[arg-type]


def _picture(painter: object, z: torch.Tensor, image: Image.Image) -> Image.Image:
    from .painting import picture_of

    made = picture_of(painter, z).crop((0, 0, *image.size))  # type: ignore[arg-type]
    result = made.convert(image.mode)
    if "A" in image.getbands():
        result.putalpha(image.getchannel("A"))
    return result


def _varied(z: torch.Tensor, amount: float, seed: int) -> torch.Tensor:
    import torch
    from torch.nn import functional

    random = torch.Generator("cpu").manual_seed(seed)
    size = (1, z.shape[1], 1, 1)
    mood = torch.randn(size, generator=random)
    waves = torch.randn(1, z.shape[1], WAVES, WAVES, generator=random)
    grain = functional.interpolate(waves, z.shape[2:], mode="bicubic")
    change = (MOOD * mood + GRAIN * grain).to(z)
    change[:, CHANNELS:] = 0
    return z + amount * z.std((2, 3), keepdim=True) * change


def _between(a: torch.Tensor, b: torch.Tensor, amount: float) -> torch.Tensor:
    """From ``a`` to ``b`` along the sphere, for all latents at once."""
    import torch

    if amount in (0.0, 1.0):
        return b if amount else a
    cosine = torch.nn.functional.cosine_similarity(a.flatten(1), b.flatten(1)).clamp(-1, 1)
    angle = torch.acos(cosine)
    if float(angle) < 1e-3:
        return (1 - amount) * a + amount * b
    return (torch.sin((1 - amount) * angle) * a + torch.sin(amount * angle) * b) / torch.sin(angle)
