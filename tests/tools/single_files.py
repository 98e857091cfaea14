"""A Stable Diffusion pipeline as one file, in the format in which its authors published it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
TOP = {
    "conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2", "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip


def write_single_file(pipeline: Path, file: Path, *, layers: int = 1, levels: int = 4) -> None:
    """The weights of the pipeline in a folder, whose UNet has so many ``layers`` a block and whose
    autoencoder so many ``levels``, as one checkpoint."""
    made: dict[str, Any] = {}
    for key, weight in _weights(pipeline / "unet").items():
        made[f"model.diffusion_model.{_unet(key, layers)}"] = weight
    for key, weight in _weights(pipeline / "vae").items():
        attention = re.search(r"attentions.*(to_|query|key|value|proj).*weight", key)
        made[f"first_stage_model.{_vae(key, levels)}"] = (
            weight[..., None, None] if attention else weight
        )
    for key, weight in _weights(pipeline / "text_encoder").items():
        name = key if key.startswith("text_model.") else f"text_model.{key}"
        made[f"cond_stage_model.transformer.{name}"] = weight
    save_file({key: weight.contiguous() for key, weight in made.items()}, file)


def _weights(folder: Path) -> dict[str, Any]:
    [file] = folder.glob("*.safetensors")
    return load_file(file)


def _unet(key: str, layers: int) -> str:
    for ours, theirs in TOP.items():
        if key.startswith(f"{ours}."):
            return theirs + key.removeprefix(ours)
    part, *rest = key.split(".")
    if part == "mid_block":
        kind, number, *inner = rest
        at = f"middle_block.{2 * int(number) if kind == 'resnets' else 1}"
        return f"{at}.{_resnet(inner) if kind == 'resnets' else '.'.join(inner)}"
    block, kind, number, *inner = rest
    size = layers + 1
    if part == "down_blocks":
        if kind == "downsamplers":
            return f"input_blocks.{(int(block) + 1) * size}.0.op.{inner[-1]}"
        at = f"input_blocks.{int(block) * size + int(number) + 1}"
    else:
        if kind == "upsamplers":
            last = int(block) * size + layers
            return f"output_blocks.{last}.{2 if _attends(key) else 1}.conv.{inner[-1]}"
        at = f"output_blocks.{int(block) * size + int(number)}"
    return f"{at}.0.{_resnet(inner)}" if kind == "resnets" else f"{at}.1.{'.'.join(inner)}"


def _attends(key: str) -> bool:
    """The first of the tiny UNet's blocks on the way up is the one with attention."""
    return key.startswith("up_blocks.0.")


def _resnet(inner: list[str]) -> str:
    return ".".join([RESNET[inner[0]], *inner[1:]])


def _vae(key: str, levels: int) -> str:
    key = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2", key)
    key = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(
        r"up_blocks\.(\d+)\.resnets\.(\d+)",
        lambda m: f"up.{levels - 1 - int(m[1])}.block.{m[2]}", key,
    )  # fmt: skip
    key = re.sub(
        r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", key
    )
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", key)
    names = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
    if "mid_block.attentions.0" in key:
        key = key.replace("mid_block.attentions.0", "mid.attn_1")
        for ours, theirs in names.items():
            key = key.replace(f"attn_1.{ours}.", f"attn_1.{theirs}.")
    return key.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
