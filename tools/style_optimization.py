"""A picture in the manner of another by optimization of its pixels against the features of VGG-19.

Only the worker process uses this module.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import nn

from .errors import ToolError
from .models import Loaded
from .registry import Context

STEPS, RATE = 200, 0.03
SIDE = 512
"""Pixels along the longer side at most of what is optimized, and of the reference."""
LEAST = 16
"""Pixels a side that VGG-19 needs."""
STYLE_WEIGHT = 3.0
"""How much the style's loss counts beside the content's."""
CONTENT = 22
"""The layer of VGG-19 behind conv4_2 and its ReLU."""
STYLE = (1, 6, 11, 20, 29)
"""Those behind conv1_1, conv2_1, conv3_1, conv4_1 and conv5_1."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Features:
    """What VGG-19 sees of one picture: the activations of conv4_2, and the Gram matrices of conv1_1
    to conv5_1, each divided by the number of its activations."""

    content: torch.Tensor
    grams: tuple[torch.Tensor, ...]

    def content_loss(self, wanted: Features) -> torch.Tensor:
        """The squared error of the activations, as a share of their squares."""
        return _share(self.content, wanted.content)

    def style_loss(self, wanted: Features) -> torch.Tensor:
        """The squared errors of the Gram matrices as shares of their squares, on average."""
        pairs = zip(self.grams, wanted.grams, strict=True)
        return torch.stack([_share(a, b) for a, b in pairs]).mean()


def _share(values: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return (values - wanted).square().mean() / wanted.square().mean().clamp(min=1e-12)


def features_of(vgg: nn.Sequential, x: torch.Tensor) -> Features:
    """The features of a picture (1, 3, h, w) in [0, 1], of `LEAST` pixels a side or more."""
    mean, deviation = (x.new_tensor(v)[:, None, None] for v in (_MEAN, _DEVIATION))
    y = (x - mean) / deviation
    grams: list[torch.Tensor] = []
    content = y
    for number in range(STYLE[-1] + 1):
        y = vgg[number](y)
        if number in STYLE:
            flat = y.flatten(2)[0]
            grams.append(flat @ flat.T / flat.numel())
        elif number == CONTENT:
            content = y
    return Features(content, tuple(grams))


def optimized(
    context: Context, network: Loaded, image: Image.Image, reference: Image.Image
) -> Image.Image:
    """The RGB ``image`` in the manner of the RGB ``reference``, at its own size.

    Gatys et al. 2016, with Adam: the pixels begin as those of the image and are changed until the
    Gram matrices of VGG-19's features are nearly those of the reference, while conv4_2 still
    answers nearly as to the image. Both losses are shares of what is wanted, so that no network is
    too loud. Both pictures are looked at with 512 pixels along the longer side at most; of a larger
    image the finer detail is kept, and what changed is enlarged and added.

    Raises `ToolError` where the optimization leaves the finite numbers.
    """
    start = _tensor(_reduced(image)).to(network.device)
    with torch.no_grad():
        before = features_of(network.model, start)
        wanted = features_of(network.model, _tensor(_reduced(reference)).to(network.device))
    x = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=RATE)
    context.progress(0, STEPS, "restyling")
    for step in range(STEPS):
        context.check_cancelled()
        optimizer.zero_grad()
        seen = features_of(network.model, x)
        loss = seen.content_loss(before) + STYLE_WEIGHT * seen.style_loss(wanted)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        with torch.no_grad():
            x.clamp_(0, 1)
        context.progress(step + 1, STEPS, "restyling")
    if not bool(x.isfinite().all()):
        raise ToolError("style_transfer: the optimization gave values that are not finite.")
    return _added(image, (x - start).detach())


def _reduced(image: Image.Image) -> Image.Image:
    scale = min(1.0, SIDE / max(image.size))
    size = (max(LEAST, round(image.width * scale)), max(LEAST, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _tensor(image: Image.Image) -> torch.Tensor:
    """RGB pixels as (1, 3, h, w) in [0, 1]."""
    pixels = np.asarray(image, np.float32).transpose(2, 0, 1) / 255
    return torch.from_numpy(pixels.copy())[None]


def _added(image: Image.Image, change: torch.Tensor) -> Image.Image:
    """The image with a ``change``, (1, 3, h, w), enlarged to its size."""
    bands = []
    for band, values in zip(image.split(), change[0].cpu().numpy(), strict=True):
        larger = Image.fromarray(values * 255).resize(image.size, Image.Resampling.BICUBIC)
        sum_ = np.asarray(band, np.float32) + np.asarray(larger)
        bands.append(Image.fromarray(np.clip(sum_, 0, 255).round().astype(np.uint8)))
    return Image.merge("RGB", bands)
