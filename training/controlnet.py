"""ControlNets for the painter (Zhang et al. 2023): pictures that follow outlines, holes filled.

A stock `ControlNetModel`, begun as a copy of the painter's first half, that is shown something and
steers the painter, which itself is frozen. It is shown either outlines (``edges``), some of them
lost, or a picture with a hole (``inpaint``), of which the hole counts most. The inpainting
pipelines of diffusers take a UNet of 4 or of 9 channels and no other; the painter has 32, so here a
ControlNet fills holes too, and shares the painter.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from danqing.tools.controls import outlines, with_hole

from . import cards, data
from .autoencoder import CHANNELS, pictures_of
from .painter import (
    ATTENTION,
    NOISING,
    denoised,
    prepare,
    sheet,
    states_of,
    times,
    velocity_loss,
)
from .run import MuonAdamW, Run, arguments, half, save_half
from .scenes import captions
from .scenes.spec import Scene
from .semantics import scene_of

SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"n": 30_000, "simple": True, "batch": 32, "rate": 1e-3},
    "full": {"n": 120_000, "simple": False, "batch": 512, "rate": 1e-3},
}
EMBEDDING = (16, 32, 64, 96)
"""Channels of the layers that bring what is shown to the size of latents, an eighth as wide."""
FACING = ("conv_in", "controlnet_down_blocks", "controlnet_mid_block")
"""Layers that meet data, or that begin at zero; see `MuonAdamW`."""
AROUND = 0.15  # how much an error counts outside a hole
HELD_OUT = 256
SHEET = 24

Control = Callable[[np.ndarray, Scene, np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""A uint8 picture (h, w, 3) and its scene to what is shown, float32 (h, w, 3), and how much an
error counts, float32 (h/8, w/8)."""


def edges(rgb: np.ndarray, scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """All outlines; or some parts lost, or all but those around things, as in a sketch."""
    lines = outlines(rgb)
    h, w = lines.shape[:2]
    if (fate := rng.random()) < 0.3:
        keep = np.zeros((h, w, 1), bool)
        for thing in scene.things:
            x0, y0, x1, y1 = (
                round(size * v) for size, v in zip((w, h, w, h), thing.box, strict=True)
            )
            keep[max(y0 - 1, 0) : y1 + 2, max(x0 - 1, 0) : x1 + 2] = True
        lines = lines * keep
    elif fate < 0.6:
        lines = lines * (cv2.resize(rng.random((8, 8)), (w, h)) > rng.uniform(0, 0.6))[..., None]
    return lines.astype(np.float32) / 255, np.ones((h // 8, w // 8), np.float32)


def inpaint(
    rgb: np.ndarray, scene: Scene, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The picture with a hole: around a thing, a rectangle, a stroke, or one side of it."""
    h, w = rgb.shape[:2]
    hole = np.zeros((h, w), np.uint8)
    if (fate := rng.random()) < 0.5 and scene.things:
        x0, y0, x1, y1 = scene.things[rng.integers(len(scene.things))].box
        margin = rng.uniform(0.0, 0.1, 4)
        box = np.array([x0 - margin[0], y0 - margin[1], x1 + margin[2], y1 + margin[3]])
        x0, y0, x1, y1 = (np.clip(box, 0, 1) * [w, h, w, h]).round().astype(int).tolist()
        if rng.random() < 0.5:
            hole[y0:y1, x0:x1] = 1
        else:
            middle, axes = ((x0 + x1) // 2, (y0 + y1) // 2), ((x1 - x0) // 2, (y1 - y0) // 2)
            cv2.ellipse(hole, middle, axes, 0, 0, 360, 1, -1)
    elif fate < 0.75:
        a, b = np.sort(rng.uniform(0, 1, (2, 2)), 1)
        hole[round(a[0] * h) : round(a[1] * h) + 8, round(b[0] * w) : round(b[1] * w) + 8] = 1
    elif fate < 0.9:
        points = rng.uniform(0, 1, (rng.integers(3, 6), 2)) * [w, h]
        thick = int(rng.integers(10, 34))
        cv2.polylines(hole, [points.round().astype(np.int32)], False, 1, thick)
    else:
        edge = round(rng.uniform(0.15, 0.6) * h)
        hole[:edge] = 1
        hole = np.ascontiguousarray(np.rot90(hole, int(rng.integers(4))))
    inside = cv2.resize(hole.astype(np.float32), (w // 8, h // 8), interpolation=cv2.INTER_AREA)
    counts = AROUND + (1 - AROUND) * inside
    return with_hole(rgb, hole.astype(bool)), counts / counts.mean()


CONTROLS: dict[str, Control] = {"edges": edges, "inpaint": inpaint}


def shown(
    pictures: np.ndarray, scenes: list[Scene], control: Control, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """What is shown for pictures, float (n, 3, h, w), and how errors count, float (n, h/8, w/8)."""
    both = [control(rgb, scene, rng) for rgb, scene in zip(pictures, scenes, strict=True)]
    images, counts = (torch.from_numpy(np.stack(part)) for part in zip(*both, strict=True))
    return images.permute(0, 3, 1, 2), counts


def steered(
    unet: nn.Module, control: nn.Module, x: torch.Tensor, t: torch.Tensor, text: torch.Tensor,
    image: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    """The velocity that the painter predicts when ``control`` is shown ``image``."""
    down, middle = control(x, t, text, image, return_dict=False)
    return unet(  # type: ignore[no-any-return]
        x, t, text, down_block_additional_residuals=down, mid_block_additional_residual=middle
    ).sample


def sample(
    pipeline: StableDiffusionPipeline, control: nn.Module, prompts: list[str],
    images: torch.Tensor, *, seed: int = 0,
) -> np.ndarray:  # fmt: skip
    """Pictures for ``prompts`` and what is shown, uint8 (n, 128, 128, 3)."""
    text, tokenizer, twice = pipeline.text_encoder, pipeline.tokenizer, torch.cat([images, images])
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(len(prompts), CHANNELS, 16, 16, generator=random).to(images.device)
    z = denoised(
        lambda x, t, states: steered(pipeline.unet, control, x, t, states, twice), x,
        states_of(text, tokenizer, prompts), states_of(text, tokenizer, [""] * len(prompts)),
    )  # fmt: skip
    return pictures_of(pipeline.vae, z)


def main() -> None:
    parser = arguments("controlnet", __doc__)
    parser.add_argument("--control", choices=tuple(CONTROLS), required=True)
    parser.add_argument("--painter", type=Path, required=True, help="its finished folder")
    args = parser.parse_args()
    s, control = SETTINGS[args.setting], CONTROLS[args.control]
    torch.manual_seed(0)
    data.draw(args.data / "train", s["n"], simple=s["simple"])
    data.draw(args.data / "held-out", HELD_OUT, first=data.HELD_OUT, simple=s["simple"])
    dataset, held_out = (data.Dataset.open(args.data / name) for name in ("train", "held-out"))
    pipeline = StableDiffusionPipeline.from_pretrained(args.painter)
    pipeline.to(args.device, torch.float32)
    unet, text = pipeline.unet, pipeline.text_encoder
    for part in (unet, text):
        part.requires_grad_(False).eval()
    unet.to(memory_format=torch.channels_last)
    network = (
        ControlNetModel.from_pretrained(args.start).float() if args.start
        else ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=EMBEDDING)
    )  # fmt: skip
    network.to(args.device, memory_format=torch.channels_last)
    print(f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M", flush=True)
    samples = prepare(pipeline.vae, pipeline.tokenizer, dataset, args.device)
    scenes = [scene_of(spec) for spec in dataset.scenes]
    run = Run(
        {"controlnet": network}, MuonAdamW((network,), s["rate"], outer=FACING), args.work,
        args.minutes, decay=0.998, start=args.start, fresh=args.fresh,
    )  # fmt: skip
    generator, rng = torch.Generator().manual_seed(run.step), np.random.default_rng(run.step)
    attention = [SDPBackend.MATH] if args.device == "cpu" else [*ATTENTION]
    for _ in run.steps():
        rows, ids = samples.choose(s["batch"], generator)
        z, chosen = samples.latents[rows].float(), rows.tolist()
        images, counts = shown(dataset.pictures[chosen], [scenes[i] for i in chosen], control, rng)
        noise, t = torch.randn_like(z), times(len(z), args.device)
        with half(args.device), sdpa_kernel(attention):
            with torch.no_grad():
                states = text(ids)[0]
            v = steered(unet, network, NOISING.add_noise(z, noise, t), t, states, images.to(z))
        run.learn(velocity_loss(v, z, noise, t, counts.to(z)))
    best: Any = run.averages["controlnet"]
    measured = scores(pipeline, best, held_out, control, args)
    print(json.dumps(measured, indent=1), flush=True)
    out: Path = args.out or args.work / "finished"
    shutil.rmtree(out, ignore_errors=True)
    save_half(best, out)
    run.write_card(out, cards.CARDS[args.control], measured, batch=s["batch"], setting=args.setting)
    print(out)


@torch.inference_mode()
def scores(
    pipeline: StableDiffusionPipeline, network: nn.Module, held_out: data.Dataset,
    control: Control, args: Any,
) -> dict[str, float]:  # fmt: skip
    """Held-out velocity loss without and with the control, errors counted as in training; writes a
    sheet of pictures, what was shown and what was made of it to the work folder."""
    scenes = [scene_of(spec) for spec in held_out.scenes[:HELD_OUT]]
    samples = prepare(pipeline.vae, pipeline.tokenizer, held_out, args.device)
    images, counts = shown(held_out.pictures[:HELD_OUT], scenes, control, np.random.default_rng(0))
    images, counts = images.to(args.device), counts.to(args.device)
    prompts = [captions.composed(scene) for scene in scenes]
    generator = torch.Generator().manual_seed(0)
    errors = []
    for start in range(0, len(scenes), 32):
        part = slice(start, min(start + 32, len(scenes)))
        z = samples.latents[part].float()
        noise = torch.randn(z.shape, generator=generator).to(z)
        t = torch.randint(0, 1000, (len(z),), generator=generator).to(z.device)
        states = states_of(pipeline.text_encoder, pipeline.tokenizer, prompts[part])
        x = NOISING.add_noise(z, noise, t)
        for v in (
            pipeline.unet(x, t, states).sample,
            steered(pipeline.unet, network, x, t, states, images[part]),
        ):
            errors.append(float(velocity_loss(v, z, noise, t, counts[part])))
    rows: list[np.ndarray] = []
    for start in range(0, min(SHEET, len(scenes)), 8):
        part = slice(start, min(start + 8, SHEET, len(scenes)))
        some = (images[part].permute(0, 2, 3, 1).cpu().numpy().clip(0, 1) * 255).astype(np.uint8)
        made = sample(pipeline, network, prompts[part], images[part], seed=start)
        rows += [held_out.pictures[part], some, made]
    sheet(np.concatenate(rows)).save(args.work / "sheet.png")
    return {"n": len(scenes), "velocity loss without": float(np.mean(errors[::2])),
            "velocity loss with": float(np.mean(errors[1::2]))}  # fmt: skip


if __name__ == "__main__":
    main()
