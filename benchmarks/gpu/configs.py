"""The architectures that are measured, as the configurations that their releases have.

The numbers of weights and of operations that follow from them are compared with published ones in
``tests/benchmarks/test_gpu.py``. What is not told here has the default of its class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Network = tuple[str, dict[str, Any]]
"""A class of diffusers or transformers, and its configuration."""


@dataclass(frozen=True)
class Architecture:
    """A painter: its networks by the names of the pipeline's components, and its usual call."""

    name: str
    pipeline: str
    networks: Mapping[str, Network]
    tokenizers: Mapping[str, str]
    """Component → the text encoder whose vocabulary it has."""
    scheduler: Network
    size: int
    steps: int
    guidance: float
    """As the pipeline takes it; 0 or 1 is without, and then there is one evaluation a step."""
    batches: tuple[int, ...]
    controlnet: Network | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    """Task → the pipeline of diffusers for it."""

    @property
    def denoiser(self) -> str:
        """The component that is called once a step."""
        return "unet" if "unet" in self.networks else "transformer"

    @property
    def guided(self) -> bool:
        """Whether each step has a second evaluation, without the prompt."""
        return self.guidance > 1


_SCHEDULE = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1,
}  # fmt: skip


def _autoencoder(*channels: int, **more: Any) -> Network:
    n = len(channels)
    blocks = {"down_block_types": ["DownEncoderBlock2D"] * n,
              "up_block_types": ["UpDecoderBlock2D"] * n}  # fmt: skip
    return "AutoencoderKL", {"block_out_channels": list(channels), **blocks, **more}


def _clip(vocabulary: int, width: int, layers: int, heads: int, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary, "hidden_size": width, "intermediate_size": 4 * width,
        "num_hidden_layers": layers, "num_attention_heads": heads, "projection_dim": width,
        "max_position_embeddings": 77, "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1, "pad_token_id": vocabulary - 1, **more,
    }  # fmt: skip


# -- the released ones

_SD_UNET = {"cross_attention_dim": 768, "attention_head_dim": 8}
_XL_UNET = {
    "block_out_channels": [320, 640, 1280], "attention_head_dim": [5, 10, 20],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "transformer_layers_per_block": [1, 2, 10], "cross_attention_dim": 2048,
    "use_linear_projection": True, "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
}  # fmt: skip
_XL_UP = {"up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]}
_CLIP_L = _clip(49408, 768, 12, 12, hidden_act="quick_gelu")

SD15 = Architecture(
    # huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5, lllyasviel/sd-controlnet-canny
    name="sd15", pipeline="StableDiffusionPipeline",
    networks={
        "unet": ("UNet2DConditionModel", {"sample_size": 64, **_SD_UNET}),
        "vae": _autoencoder(128, 256, 512, 512, layers_per_block=2, sample_size=512),
        "text_encoder": ("CLIPTextModel", _CLIP_L),
    },
    tokenizers={"tokenizer": "text_encoder"},
    scheduler=("PNDMScheduler", {"skip_prk_steps": True, **_SCHEDULE}),
    size=512, steps=30, guidance=7.5, batches=(1, 2, 4, 8),
    controlnet=("ControlNetModel", _SD_UNET),
    others={"controlnet": "StableDiffusionControlNetPipeline",
            "inpaint": "StableDiffusionInpaintPipeline"},
)  # fmt: skip

SDXL = Architecture(
    # huggingface.co/stabilityai/stable-diffusion-xl-base-1.0, diffusers/controlnet-canny-sdxl-1.0
    name="sdxl", pipeline="StableDiffusionXLPipeline",
    networks={
        "unet": ("UNet2DConditionModel", {"sample_size": 128, **_XL_UNET, **_XL_UP}),
        "vae": _autoencoder(
            128, 256, 512, 512, layers_per_block=2, sample_size=1024, scaling_factor=0.13025
        ),
        "text_encoder": ("CLIPTextModel", _CLIP_L),
        "text_encoder_2": (
            "CLIPTextModelWithProjection", _clip(49408, 1280, 32, 20, hidden_act="gelu")
        ),
    },
    tokenizers={"tokenizer": "text_encoder", "tokenizer_2": "text_encoder_2"},
    scheduler=("EulerDiscreteScheduler", {"timestep_spacing": "leading", **_SCHEDULE}),
    size=1024, steps=30, guidance=5.0, batches=(1, 8),
    controlnet=("ControlNetModel", _XL_UNET),
    others={"controlnet": "StableDiffusionXLControlNetPipeline",
            "inpaint": "StableDiffusionXLInpaintPipeline"},
)  # fmt: skip

Z_IMAGE = Architecture(
    # huggingface.co/Tongyi-MAI/Z-Image-Turbo; its text encoder is that of Qwen/Qwen3-4B
    name="z-image", pipeline="ZImagePipeline",
    networks={
        "transformer": ("ZImageTransformer2DModel", {}),
        "vae": _autoencoder(
            128, 256, 512, 512, layers_per_block=2, latent_channels=16, sample_size=1024,
            scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        "text_encoder": ("Qwen3Model", {
            "vocab_size": 151936, "hidden_size": 2560, "intermediate_size": 9728,
            "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
            "head_dim": 128,
        }),
    },
    tokenizers={"tokenizer": "text_encoder"},
    scheduler=("FlowMatchEulerDiscreteScheduler", {"shift": 3.0}),
    size=1024, steps=9, guidance=0.0, batches=(1, 4),
    others={"inpaint": "ZImageInpaintPipeline"},
)  # fmt: skip

ARCHITECTURES = {a.name: a for a in (SDXL, SD15, Z_IMAGE)}

# -- the same, tiny: every line of code in seconds, on a CPU

_TINY_VAE = {"norm_num_groups": 8, "layers_per_block": 1}
_TINY_UNET = {"block_out_channels": [8, 16], "layers_per_block": 1, "norm_num_groups": 8}
_TINY_SD = {
    **_TINY_UNET, "cross_attention_dim": 32, "attention_head_dim": 8,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
}  # fmt: skip
_TINY_XL = {
    **_TINY_SD, "cross_attention_dim": 64, "attention_head_dim": [2, 2],
    "use_linear_projection": True, "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8, "transformer_layers_per_block": [1, 2],
    "projection_class_embeddings_input_dim": 6 * 8 + 32,
}  # fmt: skip
_TINY_UP = {"up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"]}
_TINY_CLIP = _clip(600, 32, 2, 4)

TINY = {
    "sdxl": Architecture(
        name="sdxl", pipeline=SDXL.pipeline,
        networks={
            "unet": ("UNet2DConditionModel", {"sample_size": 16, **_TINY_XL, **_TINY_UP}),
            "vae": _autoencoder(8, 8, sample_size=32, scaling_factor=0.13025, **_TINY_VAE),
            "text_encoder": ("CLIPTextModel", _TINY_CLIP),
            "text_encoder_2": ("CLIPTextModelWithProjection", _TINY_CLIP),
        },
        tokenizers=SDXL.tokenizers, scheduler=SDXL.scheduler, size=32, steps=2, guidance=5.0,
        batches=(1, 2),
        controlnet=("ControlNetModel", {**_TINY_XL, "conditioning_embedding_out_channels": [8, 8]}),
        others=SDXL.others,
    ),
    "sd15": Architecture(
        name="sd15", pipeline=SD15.pipeline,
        networks={
            "unet": ("UNet2DConditionModel", {"sample_size": 16, **_TINY_SD, **_TINY_UP}),
            "vae": _autoencoder(8, 8, sample_size=32, **_TINY_VAE),
            "text_encoder": ("CLIPTextModel", _TINY_CLIP),
        },
        tokenizers=SD15.tokenizers, scheduler=SD15.scheduler, size=32, steps=2, guidance=7.5,
        batches=(1, 2),
        controlnet=("ControlNetModel", {**_TINY_SD, "conditioning_embedding_out_channels": [8, 8]}),
        others=SD15.others,
    ),
    "z-image": Architecture(
        name="z-image", pipeline=Z_IMAGE.pipeline,
        networks={
            "transformer": ("ZImageTransformer2DModel", {
                "dim": 32, "n_layers": 2, "n_refiner_layers": 1, "n_heads": 2, "n_kv_heads": 2,
                "cap_feat_dim": 16, "axes_dims": [8, 4, 4],
            }),
            "vae": _autoencoder(
                8, 8, 8, 8, latent_channels=16, scaling_factor=0.3611, shift_factor=0.1159,
                **_TINY_VAE,
            ),
            "text_encoder": ("Qwen3Model", {
                "vocab_size": 600, "hidden_size": 16, "intermediate_size": 16,
                "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
                "head_dim": 8,
            }),
        },
        tokenizers=Z_IMAGE.tokenizers, scheduler=Z_IMAGE.scheduler, size=64, steps=2, guidance=0.0,
        batches=(1, 2), others=Z_IMAGE.others,
    ),
}  # fmt: skip
