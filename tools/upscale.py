"""Enlarge an image with the profile's super-resolution model."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated, Any, Literal

from PIL import Image, ImageChops
from pydantic import Field

from .errors import ToolError
from .registry import LARGEST, Context, tool

if TYPE_CHECKING:
    import torch

CORE = 128
"""Side in pixels of the part of a tile that is kept."""
MARGIN = 16
"""Pixels around a tile's core that the model sees beside it."""
ROUNDS = 2
"""How often what a result lacks of the image is added to it."""
FEATHER = 8
"""Pixels of the margin over which a tile fades into its left and upper neighbors."""


@tool("upscaler")
def upscale(
    context: Context,
    image: Image.Image,
    *,
    scale: Annotated[Literal[2, 4], Field(description="how many times wider and higher")],
    faithful: Annotated[
        bool, Field(description="keep all that is in the image, its roughness too")
    ] = True,
) -> Image.Image:
    """Enlarge an image 2 or 4 times, adding plausible detail.

    A ``faithful`` result, averaged down, is nearly the image again: what it lacks of that is added
    to it (iterative back-projection, Irani & Peleg 1991). Otherwise the model may also smooth away
    what a painter of small pictures has left rough.

    Transparency and gray are kept; transparency is enlarged by plain interpolation. The model sees
    overlapping tiles, so its memory is bounded. When it enlarges more than was asked for, the
    result is averaged down.

    Raises `ToolError` when the result would be larger than 8192 pixels a side.
    """
    if scale * max(image.size) > LARGEST:
        raise ToolError(
            f"upscale: {image.width}x{image.height} pixels times {scale} is refused;"
            f" allowed are results of at most {LARGEST} pixels a side."
        )
    upscaler = context.models.get("upscaler")
    factor = upscaler.model.config.upscale
    if factor % scale:
        raise ToolError(f"upscale: scale = {scale} is refused; this model enlarges {factor} times.")
    size = (image.width * scale, image.height * scale)
    colors = _enlarged(context, upscaler, image.convert("RGB"), factor // scale, faithful)
    if image.mode in ("L", "LA"):
        colors = colors.convert("L")
    if "A" in image.getbands():
        colors.putalpha(image.getchannel("A").resize(size, Image.Resampling.BICUBIC))
    return colors


def brought_to(context: Context, image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """What was painted, at another size: enlarged by the upscaler where there is one."""
    if context.models.has("upscaler") and max(size) > max(image.size) <= LARGEST // 4:
        factor = context.models.get("upscaler").model.config.upscale
        if factor % 2 == 0:
            image = upscale(context, image, scale=2 if factor % 4 else 4, faithful=False)
    return image.resize(size, Image.Resampling.LANCZOS)


def _enlarged(
    context: Context, upscaler: Any, image: Image.Image, shrink: int, faithful: bool
) -> Image.Image:
    """The RGB image through the model tile by tile; each result is reduced by ``shrink``."""
    import numpy as np
    import torch
    from torch.nn import functional

    window = upscaler.model.config.window_size
    core, margin = _multiple(CORE, window), _multiple(MARGIN, window)
    factor = upscaler.model.config.upscale
    scale = factor // shrink
    pixels = np.asarray(image, np.float32) / 255
    height, width = pixels.shape[:2]
    # Whole windows on one grid, so that a tile's inside is computed as in the whole picture.
    padded = np.pad(pixels, ((0, -height % window), (0, -width % window), (0, 0)), "symmetric")
    result = Image.new("RGB", (width * scale, height * scale))
    corners = list(itertools.product(range(0, height, core), range(0, width, core)))
    for done, (top, left) in enumerate(corners):
        context.progress(done, len(corners), "enlarging")
        context.check_cancelled()
        y, x = max(0, top - margin), max(0, left - margin)
        tile = padded[y : top + core + margin, x : left + core + margin]
        tensor = torch.from_numpy(tile.transpose(2, 0, 1).copy())[None]
        shown = tensor.to(upscaler.device, upscaler.model.dtype)
        with torch.inference_mode():
            drawn = upscaler.model(pixel_values=shown).reconstruction.float().cpu()
            drawn = functional.avg_pool2d(drawn, shrink)
            drawn = (_faithful(drawn, tensor) if faithful else drawn)[0]
        if not torch.isfinite(drawn).all():
            raise ToolError(f"upscale: the model gave no finite values at {left}, {top} pixels.")
        above, before = FEATHER * (top > 0), FEATHER * (left > 0)
        rows = slice((top - above - y) * scale, (top + core - y) * scale)
        columns = slice((left - before - x) * scale, (left + core - x) * scale)
        rgb = (drawn[:, rows, columns].clamp(0, 1) * 255).round().to(torch.uint8)
        part = Image.fromarray(rgb.permute(1, 2, 0).contiguous().numpy())
        fading = _fading(part.size, before * scale, above * scale)
        result.paste(part, ((left - before) * scale, (top - above) * scale), fading)
    context.progress(len(corners), len(corners), "enlarging")
    return result


def _faithful(drawn: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """What was drawn, (1, 3, h, w) in [0, 1], with what it lacks of what was shown."""
    from torch.nn import functional

    for _ in range(ROUNDS):
        scale = drawn.shape[2] // shown.shape[2]
        missing = shown - functional.avg_pool2d(drawn, scale)
        drawn = drawn + functional.interpolate(missing, scale_factor=scale, mode="bicubic")
    return drawn


def _fading(size: tuple[int, int], left: int, top: int) -> Image.Image:
    """A mask that rises from 0 to 255 over its first ``left`` columns and ``top`` rows."""
    mask = Image.new("L", size, 255)
    downwards = Image.linear_gradient("L")
    if left:
        mask.paste(downwards.transpose(Image.Transpose.TRANSPOSE).resize((left, size[1])))
    if top:
        over = Image.new("L", size, 255)
        over.paste(downwards.resize((size[0], top)))
        mask = ImageChops.multiply(mask, over)
    return mask


def _multiple(value: int, window: int) -> int:
    """``value`` rounded up to whole windows."""
    return -(-value // window) * window
