"""How many operations a picture takes, counted on tensors without memory.

A multiplication and an addition are two operations; those of attention are counted, others than
matrix products and convolutions are not.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from . import build
from .configs import Architecture

TOKENS = {"CLIP": 77, "Qwen3": 512}
"""How long texts are made, by the kinds of text encoders."""


def of_picture(architecture: Architecture) -> float:
    """The operations of one picture in the usual call: text, denoising and decoding."""
    scheduler = build.made(architecture.scheduler)
    scheduler.set_timesteps(architecture.steps)
    each = 2 if architecture.guided else 1
    text = sum(of_network(architecture, name) for name in architecture.tokenizers.values())
    denoising = len(scheduler.timesteps) * of_network(architecture, architecture.denoiser)
    return each * (text + denoising) + of_network(architecture, "vae")


def of_network(
    architecture: Architecture, name: str, *, attention: bool = True, batch: int = 1
) -> float:
    """The operations of one evaluation of a component, for a picture of the architecture's size;
    of the autoencoder, of decoding it. Without ``attention``, less the products in it of two
    inputs, which some published figures leave out."""
    with torch.device("meta"):
        network = build.made(architecture.networks[name]).eval()
        call = _call(architecture, network, batch)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            call()
    counts = counter.get_flop_counts()["Global"]
    products = sum(n for operator, n in counts.items() if "bmm" in str(operator))
    return float(counter.get_total_flops() - (0 if attention else products))


def _call(architecture: Architecture, network: Any, batch: int) -> Callable[[], Any]:
    """An evaluation of a network on tensors of the shapes that it gets."""
    kind = type(network).__name__
    vae = architecture.networks["vae"][1]
    side = architecture.size // 2 ** (len(vae["block_out_channels"]) - 1)
    latents = torch.zeros(batch, vae.get("latent_channels", 4), side, side)
    if kind == "AutoencoderKL":
        return lambda: network.decode(latents)
    for encoder, tokens in TOKENS.items():
        if kind.startswith(encoder):
            ids = torch.zeros(batch, tokens, dtype=torch.long)
            return lambda: network(input_ids=ids)
    time = torch.zeros(batch)
    if kind == "ZImageTransformer2DModel":
        texts = [torch.zeros(96, network.config.cap_feat_dim)] * batch
        return lambda: network([*latents[:, :, None]], time, texts)
    text = torch.zeros(batch, TOKENS["CLIP"], network.config.cross_attention_dim)
    more: dict[str, Any] = {}
    if network.config.addition_embed_type == "text_time":
        ids = 6 * network.config.addition_time_embed_dim
        pooled = network.config.projection_class_embeddings_input_dim - ids
        more = {"text_embeds": torch.zeros(batch, pooled), "time_ids": torch.zeros(batch, 6)}
    return lambda: network(latents, time, text, added_cond_kwargs=more)
