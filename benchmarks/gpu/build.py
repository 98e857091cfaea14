"""Random weights in a released architecture, written as diffusers saves a pipeline."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from tokenizers import pre_tokenizers

from .configs import Architecture, Network

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write(architecture: Architecture, folder: Path, device: str) -> None:
    """Write the pipeline to ``folder / "painter"``, its ControlNet, where it has one, to
    ``folder / "controlnet"``, and a tiny decoder for its previews to ``folder / "previewer"``; the
    weights are made on ``device``, in halves but on a CPU."""
    torch.manual_seed(0)
    with weights_on(device):
        parts: dict[str, Any] = {name: made(n) for name, n in architecture.networks.items()}
        if architecture.controlnet is not None:
            network: Any = made(architecture.controlnet)
            for weight in network.parameters():
                if not weight.any():  # what begins at zero
                    torch.nn.init.normal_(weight, std=0.02)
            network.save_pretrained(folder / "controlnet")
        channels = parts["vae"].config.latent_channels
        diffusers.AutoencoderTiny(latent_channels=channels).save_pretrained(folder / "previewer")
    for name, encoder in architecture.tokenizers.items():
        kind, config = architecture.networks[encoder]
        parts[name] = (chat_tokenizer if kind.startswith("Qwen") else clip_tokenizer)(
            config["vocab_size"]
        )
    parts["scheduler"] = made(architecture.scheduler)
    if architecture.pipeline == "StableDiffusionPipeline":
        parts |= {"safety_checker": None, "feature_extractor": None,
                  "requires_safety_checker": False}  # fmt: skip
    pipeline: Any = getattr(diffusers, architecture.pipeline)(**parts)
    pipeline.save_pretrained(folder / "painter", safe_serialization=True)


def made(network: Network) -> Any:
    """A network, or a scheduler, of a configuration."""
    kind, config = network
    if hasattr(diffusers, kind):
        return getattr(diffusers, kind)(**config)
    model = getattr(transformers, kind)
    return model(model.config_class(**config))


@contextlib.contextmanager
def weights_on(device: str) -> Iterator[None]:
    """New weights are on ``device``, and bfloat16 but on a CPU."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype_on(device))
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(before)


def dtype_on(device: str) -> torch.dtype:
    """What networks compute in on a device."""
    return torch.float32 if device == "cpu" else torch.bfloat16


def clip_tokenizer(size: int) -> Any:
    """A tokenizer of letters for a vocabulary of ``size``; its last two words begin and end a
    text."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    return transformers.CLIPTokenizer(
        vocab=_numbered(words, ("<|startoftext|>", "<|endoftext|>"), size), merges=[],
        model_max_length=77,
    )  # fmt: skip


def chat_tokenizer(size: int) -> Any:
    """A tokenizer of letters for a vocabulary of ``size``, with Qwen's words around messages."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
    tokenizer: Any = transformers.Qwen2Tokenizer(
        vocab=_numbered(letters, special, size), merges=[], model_max_length=131072,
        additional_special_tokens=special[:2],
    )  # fmt: skip
    tokenizer.chat_template = CHAT
    return tokenizer


def _numbered(words: list[str], last: tuple[str, ...], size: int) -> dict[str, int]:
    unused = [f"<|unused-{i}|>" for i in range(size - len(words) - len(last))]
    return {word: i for i, word in enumerate([*words, *unused, *last])}
