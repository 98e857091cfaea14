"""A StyleGAN2-style generator of latents: one pass from a sentence's meaning to a picture.

Karras et al. 2020, without noise in the layers: a mapping network makes a style of random numbers
and of the semantic vector of a sentence; the style modulates and demodulates the weights of every
convolution. One vector cannot say where three things stand, so that places look at the words
themselves, too (after Kang et al. 2023). It makes the latents of the shared autoencoder, whose
decoder turns them into pixels.

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


class Attending(nn.Module):
    """Places, (n, channels, h, w), look at the words of a sentence, (n, tokens, meaning)."""

    def __init__(self, channels: int, meaning: int, side: int) -> None:
        super().__init__()
        self.where = nn.Parameter(0.5 * torch.randn(side * side, channels))
        self.before, self.after = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.words = nn.LayerNorm(meaning)
        self.attention = nn.MultiheadAttention(
            channels, max(channels // 32, 1), kdim=meaning, vdim=meaning, batch_first=True
        )
        self.thought = nn.Sequential(
            nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels)
        )

    def forward(self, x: torch.Tensor, words: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        y, words = x.flatten(2).transpose(1, 2), self.words(words)
        heard, _ = self.attention(
            self.before(y) + self.where, words, words, key_padding_mask=~inside, need_weights=False
        )
        y = y + heard
        y = y + self.thought(self.after(y))
        return y.transpose(1, 2).reshape(x.shape)  # type: ignore[no-any-return]


class Layer(nn.Module):
    """A modulated convolution, an activation, and with ``side`` a look at the words."""

    def __init__(
        self, inside: int, outside: int, style: int, meaning: int, side: int | None
    ) -> None:
        super().__init__()
        self.convolved = Modulated(inside, outside, style)
        self.attending = None if side is None else Attending(outside, meaning, side)

    def forward(
        self, x: torch.Tensor, style: torch.Tensor, words: torch.Tensor, inside: torch.Tensor
    ) -> torch.Tensor:
        x = F.leaky_relu(self.convolved(x, style), 0.2) * 2**0.5
        return x if self.attending is None else self.attending(x, words, inside)


class Generator(nn.Module, PyTorchModelHubMixin):
    """Latents (n, latents, 16, 16) for noise (n, ``noise``) and sentences as of `read`, whose
    states are ``meaning`` wide. ``channels`` are those of 8×8 and of 16×16."""

    def __init__(
        self, meaning: int = 128, noise: int = 64, style: int = 192,
        channels: Sequence[int] = (192, 128), latents: int = 32, layers: int = 3,
    ) -> None:  # fmt: skip
        super().__init__()
        self.noise = noise
        self.said = nn.Linear(meaning, noise)
        widths = [2 * noise, style, style, style]
        self.mapping = nn.Sequential(
            *(layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.LeakyReLU(0.2)))
        )
        coarse, fine = channels
        self.start = nn.Parameter(torch.randn(1, coarse, 8, 8))
        self.coarse = nn.ModuleList(
            Layer(coarse, coarse, style, meaning, side=8) for _ in range(layers)
        )
        self.fine = nn.ModuleList(Layer(wide, fine, style, meaning, side=None) for wide in channels)
        self.out = nn.ModuleList(
            Modulated(wide, latents, style, size=1, demodulate=False) for wide in channels
        )

    def styles(self, z: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        """The mapping network: (n, style)."""
        both = [F.layer_norm(part, part.shape[1:]) for part in (z, self.said(s))]
        return self.mapping(torch.cat(both, 1))  # type: ignore[no-any-return]

    def forward(
        self, z: torch.Tensor, words: torch.Tensor, inside: torch.Tensor, *,
        s: torch.Tensor | None = None, truncation: float = 1.0,
    ) -> torch.Tensor:  # fmt: skip
        """``s`` are the sentences' semantic vectors, (n, ``meaning``), by default those of their
        words. ``truncation`` below 1 draws each style towards the usual one for its sentence:
        pictures become better and more alike."""
        s = semantic_vector(words, inside) if s is None else s
        style = self.styles(z, s)
        if truncation != 1.0:
            random = torch.Generator().manual_seed(0)
            many = torch.randn(AVERAGED, self.noise, generator=random).to(z)
            usual = torch.stack([self.styles(many, one.expand(AVERAGED, -1)).mean(0) for one in s])
            style = usual + truncation * (style - usual)
        x = self.start.expand(len(z), -1, -1, -1)
        for layer in self.coarse:
            x = layer(x, style, words, inside)
        made = self.out[0](x, style)
        x, made = (F.interpolate(y, scale_factor=2.0, mode="bilinear") for y in (x, made))
        for layer in self.fine:
            x = layer(x, style, words, inside)
        return made + self.out[1](x, style)  # type: ignore[no-any-return]


@torch.inference_mode()
def read(
    text_encoder: Any, tokenizer: Any, sentences: Sequence[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """What sentences say to a text encoder: the last hidden states of all their tokens, float
    (n, tokens, width), and which of those are not padding, bool (n, tokens)."""
    ids = tokenizer(
        list(sentences), padding="max_length", truncation=True,
        max_length=tokenizer.model_max_length, return_tensors="pt",
    ).input_ids.to(text_encoder.device)  # fmt: skip
    return text_encoder(ids)[0].float(), words_in(ids, text_encoder.config.eos_token_id)


def words_in(ids: torch.Tensor, end: int) -> torch.Tensor:
    """Which of the tokens (n, tokens) are words, or the first ``end``: bool, same shape."""
    return (ids == end).cumsum(1) <= 1


def semantic_vector(words: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """What sentences as of `read` mean as a whole, (n, width): the mean of their words."""
    kept = inside.to(words)
    return (words * kept[..., None]).sum(1) / kept.sum(1, keepdim=True).clamp(min=1)
