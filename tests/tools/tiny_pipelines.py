"""Tiny painters with random weights in the real formats, one of each kind in `pipelines`."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import pre_tokenizers

from danqing.tools.catalogue import Entry
from danqing.tools.errors import Cancelled
from danqing.tools.pipelines import PIPELINES
from danqing.tools.registry import Context

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SIDES = {
    "StableDiffusionPipeline": 64, "StableDiffusionXLPipeline": 64, "ZImagePipeline": 64,
    "Flux2KleinPipeline": 128,
}  # fmt: skip
"""The side in pixels of what each of them paints."""


def cancelled_after_two(
    context: Context, draw: Callable[[Context], object]
) -> list[tuple[int, int]]:
    """What a painting tool reports, done and in all, until it hears after its second step that
    nobody wants its picture any more; it stops there."""
    reported: list[tuple[int, int]] = []

    def check_cancelled() -> None:
        if len(reported) == 3:
            raise Cancelled("enough")

    told = Context(
        context.models, lambda done, total, note: reported.append((done, total)), check_cancelled
    )
    with pytest.raises(Cancelled, match="enough"):
        draw(told)
    return reported


def write_pipeline(kind: str, folder: Path) -> Entry:
    """A pipeline of a kind, written to ``folder``, and its entry."""
    torch.manual_seed(0)
    pipeline = {
        "StableDiffusionPipeline": _stable_diffusion, "StableDiffusionXLPipeline": _xl,
        "ZImagePipeline": _z_image, "Flux2KleinPipeline": _klein,
    }[kind]()  # fmt: skip
    pipeline.save_pretrained(folder, safe_serialization=True)
    usual = PIPELINES[kind]
    return Entry(
        source=str(folder), loader="diffusers", words="plain", native_size=SIDES[kind],
        license="CC0-1.0", commercial=True, size_mb=1, memory_mb=1,
        defaults={"steps": 3, "guidance_scale": usual.guidance_scale},
    )  # fmt: skip


def write_controlnet(kind: str, painter: Path, folder: Path) -> Entry:
    """A ControlNet for outlines of a painter, written to ``folder``, and its entry."""
    from diffusers import ControlNetModel, UNet2DConditionModel, ZImageControlNetModel

    torch.manual_seed(1)
    if kind == "ZImagePipeline":
        network: Any = ZImageControlNetModel(
            control_layers_places=[0, 1], control_refiner_layers_places=[0], control_in_dim=33,
            add_control_noise_refiner="control_noise_refiner", dim=32, n_refiner_layers=1,
            n_heads=2, n_kv_heads=2,
        )  # fmt: skip
    else:
        unet = UNet2DConditionModel.from_pretrained(painter, subfolder="unet")
        network = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 8, 8))
    for weight in network.parameters():
        if not weight.any():  # what begins at zero
            torch.nn.init.normal_(weight, std=0.3)
    network.save_pretrained(folder)
    return Entry(
        source=str(folder), loader="controlnet", license="CC0-1.0", commercial=True, size_mb=1,
        memory_mb=1,
    )  # fmt: skip


def write_previewer(kind: str, folder: Path) -> Entry:
    """A tiny autoencoder for the latents of a kind of painter, written to ``folder``, and its
    entry."""
    from diffusers import AutoencoderTiny

    torch.manual_seed(3)
    network = AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4,
        latent_channels=16 if kind == "ZImagePipeline" else 4,
    )  # fmt: skip
    network.save_pretrained(folder)
    return Entry(
        source=str(folder), loader="autoencoder", license="CC0-1.0", commercial=True, size_mb=1,
        memory_mb=1,
    )  # fmt: skip


def write_ip_adapter(painter: Path, folder: Path) -> Entry:
    """An IP-Adapter for the UNet of a painter, and its image encoder, written to ``folder``."""
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(2)
    unet: Any = UNet2DConditionModel.from_pretrained(painter, subfolder="unet")
    wide, tokens = unet.config.cross_attention_dim, 4
    weights = {
        "image_proj.proj.weight": torch.randn(tokens * wide, 16),
        "image_proj.proj.bias": torch.zeros(tokens * wide),
        "image_proj.norm.weight": torch.ones(wide),
        "image_proj.norm.bias": torch.zeros(wide),
    }
    for number, name in enumerate(unet.attn_processors):
        if name.endswith("attn2.processor"):
            inner = unet.get_submodule(name.removesuffix(".processor")).to_k.out_features
            for part in ("to_k_ip", "to_v_ip"):
                weights[f"ip_adapter.{number}.{part}.weight"] = torch.randn(inner, wide)
    (folder / "models").mkdir(parents=True)
    save_file(weights, folder / "models" / "ip-adapter_tiny.safetensors")
    config = CLIPVisionConfig(
        hidden_size=16, intermediate_size=37, num_hidden_layers=1, num_attention_heads=2,
        image_size=224, patch_size=56, projection_dim=16,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "models" / "image_encoder")
    return Entry(
        source=str(folder), loader="ip-adapter", files=("models/ip-adapter_tiny.safetensors",),
        license="CC0-1.0", commercial=True, size_mb=1, memory_mb=1,
    )  # fmt: skip


def _letters() -> list[str]:
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def _clip_tokenizer() -> Any:
    from transformers import CLIPTokenizer

    letters = _letters()
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def _clip_text(projection: int | None = None) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    size = 2 * len(_letters()) + 2
    config = CLIPTextConfig(
        vocab_size=size, hidden_size=32, intermediate_size=37, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=77, projection_dim=projection or 32,
        bos_token_id=size - 2, eos_token_id=size - 1, pad_token_id=size - 1,
    )  # fmt: skip
    return CLIPTextModelWithProjection(config) if projection else CLIPTextModel(config)


def _autoencoder(channels: int, **more: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), norm_num_groups=8, latent_channels=channels,
        sample_size=64, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, **more,
    )  # fmt: skip


def _stable_diffusion() -> Any:
    from diffusers import PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel

    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), cross_attention_dim=32,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=8,
    )  # fmt: skip
    scheduler = PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True,
        steps_offset=1,
    )  # fmt: skip
    return StableDiffusionPipeline(
        vae=_autoencoder(4), text_encoder=_clip_text(), tokenizer=_clip_tokenizer(), unet=unet,
        scheduler=scheduler, safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip


def _xl() -> Any:
    from diffusers import (
        EulerDiscreteScheduler,
        StableDiffusionXLPipeline,
        UNet2DConditionModel,
    )

    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), cross_attention_dim=64,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=(2, 2),
        use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2), projection_class_embeddings_input_dim=6 * 8 + 32,
    )  # fmt: skip
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
        timestep_spacing="leading",
    )  # fmt: skip
    return StableDiffusionXLPipeline(
        vae=_autoencoder(4, scaling_factor=0.13025), text_encoder=_clip_text(),
        text_encoder_2=_clip_text(projection=32), tokenizer=_clip_tokenizer(),
        tokenizer_2=_clip_tokenizer(), unet=unet, scheduler=scheduler,
    )  # fmt: skip


def _qwen(layers: int, *, causal: bool) -> tuple[Any, Any]:
    """A language model that reads letters, and its tokenizer."""
    from transformers import Qwen2TokenizerFast, Qwen3Config, Qwen3ForCausalLM, Qwen3Model

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {token: i for i, token in enumerate([*_letters(), *special])}
    tokenizer = Qwen2TokenizerFast(
        vocab=vocabulary, merges=[], model_max_length=131072,
        additional_special_tokens=special[1:],
    )  # fmt: skip
    tokenizer.chat_template = CHAT
    config = Qwen3Config(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=16, num_hidden_layers=layers,
        num_attention_heads=2, num_key_value_heads=1, head_dim=8, max_position_embeddings=1024,
    )  # fmt: skip
    return (Qwen3ForCausalLM if causal else Qwen3Model)(config), tokenizer


def _z_image() -> Any:
    from diffusers import (
        FlowMatchEulerDiscreteScheduler,
        ZImagePipeline,
        ZImageTransformer2DModel,
    )

    text_encoder, tokenizer = _qwen(2, causal=False)
    transformer = ZImageTransformer2DModel(
        in_channels=16, dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2,
        cap_feat_dim=16, axes_dims=[8, 4, 4], axes_lens=[1024, 32, 32],
    )  # fmt: skip
    for token in (transformer.x_pad_token, transformer.cap_pad_token):
        torch.nn.init.normal_(token, std=0.02)  # their memory is not set
    vae = _autoencoder(16, scaling_factor=0.3611, shift_factor=0.1159)
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=vae, text_encoder=text_encoder,
        tokenizer=tokenizer, transformer=transformer,
    )  # fmt: skip


def _klein() -> Any:
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinPipeline,
        Flux2Transformer2DModel,
    )

    text_encoder, tokenizer = _qwen(28, causal=True)  # layers 9, 18 and 27 are read
    transformer = Flux2Transformer2DModel(
        in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=48, axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )  # fmt: skip
    vae = AutoencoderKLFlux2(
        block_out_channels=(8, 8, 8, 8), norm_num_groups=8, latent_channels=4, sample_size=64,
        layers_per_block=1,
    )  # fmt: skip
    return Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(
            shift=3.0, use_dynamic_shifting=True, time_shift_type="exponential"
        ),
        vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, transformer=transformer,
        is_distilled=True,
    )  # fmt: skip
