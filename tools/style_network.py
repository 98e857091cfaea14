"""A picture in the manner of another, in one pass of a network: adaptive instance normalization.

Only the worker process and the recipe use this module.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from PIL import Image
from torch.nn import functional as F

from .errors import ToolError
from .models import Loaded
from .registry import Context

CORE = 512
"""Side in pixels of the part of a tile that is kept."""
MARGIN = 96
"""Pixels around a tile's core that the network sees beside it. As `CORE`, a multiple of what the
encoder reduces by."""
REFERENCE = 512
"""A reference is looked at with this many pixels along its longer side at most."""
LEAST = 1e-3
"""A feature that deviates less than this is taken to deviate so much."""


@dataclass(frozen=True)
class Moments:
    """The mean of every feature over a picture, and its deviation: (n, channels, 1, 1) both."""

    mean: torch.Tensor
    deviation: torch.Tensor


def moments(features: torch.Tensor) -> Moments:
    """The moments of features (n, channels, h, w), of each picture by itself."""
    variance, mean = torch.var_mean(features, (2, 3), correction=0, keepdim=True)
    return Moments(mean, (variance + LEAST**2).sqrt())


def moved(features: torch.Tensor, own: Moments, wanted: Moments) -> torch.Tensor:
    """Features (n, channels, h, w) with the ``wanted`` moments instead of their ``own``."""
    return (features - own.mean) / own.deviation * wanted.deviation + wanted.mean


def restyled(
    context: Context, stylizer: Loaded, image: Image.Image, reference: Image.Image
) -> Image.Image:
    """The colors of ``image`` in the manner of ``reference``: RGB, of the size of ``image``.

    Adaptive instance normalization (Huang & Belongie 2017): what an encoder tells of the image is
    given the mean and the deviation that it has in the reference, and a decoder makes that a
    picture; both are those of one `AutoencoderTiny`. Transparent parts do not count. Large images
    go through in tiles with the same moments for all, so memory is bounded and no seam shows.

    Raises `ToolError` where the network gives values that are not finite.
    """
    shown = reference.copy()
    shown.thumbnail((REFERENCE, REFERENCE), Image.Resampling.LANCZOS)
    wanted = _Tiled(stylizer, shown)
    goal = wanted.moments(wanted.tiles)
    seen = _Tiled(stylizer, image)
    total = 2 * len(seen.tiles)
    count = itertools.count()

    def reported() -> Iterator[_Tile]:
        for tile in seen.tiles:
            context.progress(next(count), total, "restyling")
            context.check_cancelled()
            yield tile

    own = seen.moments(reported())
    result = Image.new("RGB", image.size)
    for tile in reported():
        drawn = seen.decoded(moved(seen.encoded(tile), own, goal), tile)
        if not np.isfinite(drawn).all():
            raise ToolError("style_transfer: the network gave values that are not finite.")
        pixels = (np.clip(drawn, 0, 1) * 255).round().astype(np.uint8)
        result.paste(Image.fromarray(pixels), (tile.left, tile.top))
    context.progress(total, total, "restyling")
    return result


@dataclass(frozen=True)
class _Tile:
    """Pixels from ``top`` and ``left`` on, `CORE` a side at most, and what the network sees:
    ``rows`` and ``columns`` with a margin around them."""

    top: int
    left: int
    rows: slice
    columns: slice


class _Tiled:
    """An image that goes through a stylizer tile by tile."""

    def __init__(self, stylizer: Loaded, image: Image.Image) -> None:
        self._model: AutoencoderTiny = stylizer.model
        self._device, self._dtype = stylizer.device, stylizer.model.dtype
        self._factor = 2 ** (len(self._model.config.num_encoder_blocks) - 1)
        h, w = image.height, image.width
        fill = ((0, -h % self._factor), (0, -w % self._factor))
        self._pixels = np.pad(np.asarray(image.convert("RGB")), (*fill, (0, 0)), "symmetric")
        self._seen: np.ndarray | None = None
        if "A" in image.getbands():
            self._seen = np.pad(np.asarray(image.getchannel("A")), fill, "symmetric")
        self.tiles = tuple(
            _Tile(
                top, left, slice(max(0, top - MARGIN), top + CORE + MARGIN),
                slice(max(0, left - MARGIN), left + CORE + MARGIN),
            )
            for top in range(0, h, CORE) for left in range(0, w, CORE)
        )  # fmt: skip

    @torch.inference_mode()
    def encoded(self, tile: _Tile) -> torch.Tensor:
        """What the encoder tells of a tile and its margin: float32 (1, channels, h, w)."""
        pixels = self._pixels[tile.rows, tile.columns].transpose(2, 0, 1).copy()
        x = torch.from_numpy(pixels).to(self._device).float() / 127.5 - 1
        return self._model.encode(x[None].to(self._dtype)).latents.float()  # type: ignore[no-any-return]

    @torch.inference_mode()
    def decoded(self, features: torch.Tensor, tile: _Tile) -> np.ndarray:
        """The tile's core as the decoder draws it: float32 (h, w, 3), about in [0, 1]."""
        y = self._model.decode(features.to(self._dtype)).sample[0].float().cpu()
        top, left = tile.top - tile.rows.start, tile.left - tile.columns.start
        core = y[:, top : top + CORE, left : left + CORE].permute(1, 2, 0)
        return np.asarray((core + 1) / 2)

    def moments(self, tiles: Iterator[_Tile] | tuple[_Tile, ...]) -> Moments:
        """The moments of the whole image, of which ``tiles`` are all."""
        total = weights = squares = torch.zeros((), dtype=torch.float64)
        for tile in tiles:
            z = self._core(self.encoded(tile), tile).double().cpu()
            weight = self._weights(tile, z.shape[2:])
            weights = weights + weight.sum()
            total = total + (weight * z).sum((2, 3), keepdim=True)
            squares = squares + (weight * z**2).sum((2, 3), keepdim=True)
        mean = total / weights
        deviation = ((squares / weights - mean**2).clamp(min=0) + LEAST**2).sqrt()
        return Moments(mean.float().to(self._device), deviation.float().to(self._device))

    def _core(self, features: torch.Tensor, tile: _Tile) -> torch.Tensor:
        side = CORE // self._factor
        top = (tile.top - tile.rows.start) // self._factor
        left = (tile.left - tile.columns.start) // self._factor
        return features[:, :, top : top + side, left : left + side]

    def _weights(self, tile: _Tile, size: torch.Size) -> torch.Tensor:
        """How much each place of a tile's core counts: a little even where nothing is seen, so that
        an image without anything to be seen has moments too."""
        if self._seen is None:
            return torch.ones(1, 1, *size, dtype=torch.float64)
        part = self._seen[tile.top : tile.top + CORE, tile.left : tile.left + CORE]
        alpha = torch.from_numpy(np.maximum(part, 1).astype(np.float64) / 255)
        return F.avg_pool2d(alpha[None, None], self._factor)
