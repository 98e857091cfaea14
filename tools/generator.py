"""A StyleGAN2-style generator of latents: one pass from a sentence's meaning to a picture.

Karras et al. 2020, without noise in the layers: a mapping network makes a style of random numbers
and of the semantic vector of a sentence; the style modulates and demodulates the weights of every
convolution. It makes the latents of the shared autoencoder, whose decoder turns them into pixels.

Neither transformers nor diffusers has such a class, so this is the one model with a class of its
own. Its folder holds ``config.json``, the arguments of `Generator`, and ``model.safetensors``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import nn
from torch.nn import functional as F

AVERAGED = 16  # styles whose mean is the most usual one for a sentence


class Modulated(nn.Module):
    """A 3×3 (or 1×1) convolution whose weights are scaled, for each picture, by its style."""

    def __init__(
        self, inside: int, outside: int, style: int, *, size: int = 3, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outside, inside, size, size))
        self.bias = nn.Parameter(torch.zeros(outside))
        self.style = nn.Linear(style, inside)
        nn.init.ones_(self.style.bias)
        self.demodulate = demodulate

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        weight = self.weight / self.weight[0].numel() ** 0.5
        scale = self.style(style)
        x = F.conv2d(x * scale[:, :, None, None], weight, padding=weight.shape[-1] // 2)
        if self.demodulate:
            squares = weight.pow(2).sum((2, 3))
            x = x * (scale.pow(2) @ squares.T + 1e-8).rsqrt()[:, :, None, None]
        return x + self.bias[:, None, None]


class Block(nn.Module):
    """Two convolutions, the first after doubling the size, and what they add to the latents."""

    def __init__(self, inside: int, outside: int, style: int, latents: int) -> None:
        super().__init__()
        self.first = Modulated(inside, outside, style)
        self.second = Modulated(outside, outside, style)
        self.out = Modulated(outside, latents, style, size=1, demodulate=False)

    def forward(
        self, x: torch.Tensor, made: torch.Tensor, style: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x, made = (F.interpolate(y, scale_factor=2.0, mode="bilinear") for y in (x, made))
        for layer in (self.first, self.second):
            x = F.leaky_relu(layer(x, style), 0.2) * 2**0.5
        return x, made + self.out(x, style)


class Generator(nn.Module, PyTorchModelHubMixin):
    """Latents (n, latents, 16, 16) for noise (n, ``noise``) and semantic vectors (n, ``meaning``).

    ``channels`` are those of 4×4, 8×8 and 16×16.
    """

    def __init__(
        self, meaning: int = 128, noise: int = 64, style: int = 192,
        channels: Sequence[int] = (192, 192, 128), latents: int = 32,
    ) -> None:  # fmt: skip
        super().__init__()
        self.noise = noise
        self.said = nn.Linear(meaning, noise)
        widths = [2 * noise, style, style, style]
        self.mapping = nn.Sequential(
            *(layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.LeakyReLU(0.2)))
        )
        first = channels[0]
        self.start = nn.Parameter(torch.randn(1, first, 4, 4))
        self.first = Modulated(first, first, style)
        self.out = Modulated(first, latents, style, size=1, demodulate=False)
        self.blocks = nn.ModuleList(Block(a, b, style, latents) for a, b in pairwise(channels))

    def styles(self, z: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        """The mapping network: (n, style)."""
        both = [F.layer_norm(part, part.shape[1:]) for part in (z, self.said(s))]
        return self.mapping(torch.cat(both, 1))  # type: ignore[no-any-return]

    def forward(self, z: torch.Tensor, s: torch.Tensor, *, truncation: float = 1.0) -> torch.Tensor:
        """``truncation`` below 1 draws each style towards the usual one for its sentence: pictures
        become better and more alike."""
        w = self.styles(z, s)
        if truncation != 1.0:
            random = torch.Generator().manual_seed(0)
            many = torch.randn(AVERAGED, self.noise, generator=random).to(z)
            usual = torch.stack([self.styles(many, one.expand(AVERAGED, -1)).mean(0) for one in s])
            w = usual + truncation * (w - usual)
        x = F.leaky_relu(self.first(self.start.expand(len(z), -1, -1, -1), w), 0.2) * 2**0.5
        made = self.out(x, w)
        for block in self.blocks:
            x, made = block(x, made, w)
        return made  # type: ignore[no-any-return]


@torch.inference_mode()
def semantic_vector(text_encoder: Any, tokenizer: Any, sentences: Sequence[str]) -> torch.Tensor:
    """What sentences mean to a text encoder: the mean of the last hidden states of all their tokens
    before the end, float (n, width)."""
    ids = tokenizer(
        list(sentences), padding="max_length", truncation=True,
        max_length=tokenizer.model_max_length, return_tensors="pt",
    ).input_ids.to(text_encoder.device)  # fmt: skip
    return mean_of_states(text_encoder(ids)[0].float(), ids, text_encoder.config.eos_token_id)


def mean_of_states(states: torch.Tensor, ids: torch.Tensor, end: int) -> torch.Tensor:
    """The mean (n, width) of ``states`` (n, tokens, width) over the tokens that are not ``end``."""
    inside = (ids != end).float()
    return (states * inside[..., None]).sum(1) / inside.sum(1, keepdim=True).clamp(min=1)
