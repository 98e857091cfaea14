"""A ControlNet for the painter (Zhang et al. 2023): outlines followed, holes filled.

A stock `ControlNetModel`, begun as a copy of the painter's first half, is shown parts of a picture,
outlines, a sketch in color, or several of them (`danqing.tools.controls`), and steers the painter,
which itself is frozen. What it is shown are latents, so it begins with the layer that reads latents
laid into its first ones: from the start it sees the noisy picture as if it were partly clean.

With ``--unlock`` the painter's second half learns along with it, as the paper has it where time is
short and pictures are few. Some samples are shown nothing then, so that the painter still paints
from words alone.

The outlines are those that `cv2.Canny` finds in the picture, or in a sketch of its things. Sketches
are those of the tool `sketch`: flat, in plain light, and in details unlike the picture.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from PIL import Image
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from danqing.tools.controls import HINTED, in_cells, of_sketch, outlines, shown
from danqing.tools.painting import residuals
from danqing.tools.sketch import VARIANTS, sketch

from . import cards, data
from .autoencoder import CHANNELS, encode, pictures_of, to_tensor
from .painter import (
    ATTENTION,
    NOISING,
    SHEET,
    Samples,
    denoised,
    focus_of,
    prepare,
    sheet,
    states_of,
    times,
    velocity_loss,
)
from .painter import scores as painter_scores
from .run import MuonAdamW, Run, arguments, half, save_half
from .scenes import captions
from .scenes.spec import Scene
from .semantics import scene_of

SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"n": 30_000, "simple": True, "batch": 32, "rate": 6e-4},
    "full": {"n": 120_000, "simple": False, "batch": 512, "rate": 1e-3},
}
FACING = ("conv_in", "conv_out", "controlnet_down_blocks", "controlnet_mid_block")
"""Layers that meet data, and those that begin at zero; see `MuonAdamW`."""
EMBEDDING = (4 * CHANNELS + 4,)
"""Channels of what it makes of what it is shown: each latent and its opposite, and a few more."""
ALONE = 0.25  # share of samples that an unlocked painter paints from words alone
AROUND = 0.2  # how much an error counts outside a hole
HELD_OUT = 256
CELLS = 16
CHUNK = 256  # pictures drawn by one task


class Shown:
    """What may be shown of all pictures, as latents. ``lines`` float16 (2, n, 32, 16, 16): outlines
    of everything, and of the sketches. ``sketches`` float16 (n, 32, 16, 16), and ``hinted`` bool
    (n, 16, 16), where they say what is there."""

    def __init__(self, vae: Any, dataset: data.Dataset, scenes: Sequence[Scene], device: str):
        n = len(scenes)
        jobs = [
            (np.asarray(dataset.pictures[k : k + CHUNK]), scenes[k : k + CHUNK])
            for k in range(0, n, CHUNK)
        ]
        parts, hinted = [], []
        with ProcessPoolExecutor() if n > CHUNK else nullcontext() as pool, torch.inference_mode():
            for pictures, there in (map if pool is None else pool.map)(_drawn, jobs):
                x = to_tensor(pictures).to(device)
                z = torch.cat([encode(vae, some).half() for some in x.split(64)])
                parts.append(z.view(3, -1, CHANNELS, CELLS, CELLS))
                hinted.append(there)
        every = torch.cat(parts, 1)
        self.lines, self.sketches = every[:2], every[2]
        self.hinted = np.concatenate(hinted)


def _drawn(job: tuple[np.ndarray, Sequence[Scene]]) -> tuple[np.ndarray, np.ndarray]:
    """For some pictures their outlines, those of the sketches, and the sketches, one after another
    in uint8 (3n, 128, 128, 3); and where those say what is there, bool (n, 16, 16)."""
    cv2.setNumThreads(1)
    pictures, scenes = job
    flat, there, lines = zip(*(of_sketch(sketch_of(scene)) for scene in scenes), strict=True)
    drawn = np.stack([*map(outlines, pictures), *lines, *flat])
    return drawn, np.stack([in_cells(one, (CELLS, CELLS)) for one in there])


def sketch_of(scene: Scene, size: int = 128) -> Image.Image:
    """A sketch of a scene's things, RGBA."""
    things = [
        {"kind": t.kind, "box": [*t.box], "color": t.color, "flip": t.flip,
         "variant": int(VARIANTS * t.variant)}
        for t in scene.things
    ]  # fmt: skip
    return sketch(things=things, size=[size, size])  # type: ignore[arg-type]


def masks(
    scene: Scene, hinted: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, int]:
    """Where the picture is kept (or sketched) and where outlines are known, float32 (16, 16) of 0
    to 1; and which of `Shown.lines` are shown."""
    kept, lined = np.zeros((2, CELLS, CELLS), np.float32)
    fate, which = rng.random(), int(rng.random() < 0.6)
    if fate < 0.5 or fate > 0.8:
        _line(lined, scene, which, rng)
    if fate >= 0.5:
        kept[:] = 1
        _hole(kept, scene, rng)
    if which and rng.random() < 0.75:  # in color
        kept[(kept == 0) & (lined > 0) & hinted] = HINTED
    return kept, lined, which


def _line(lined: np.ndarray, scene: Scene, which: int, rng: np.random.Generator) -> None:
    if which or (fate := rng.random()) < 0.3:  # those of things are known where there is one
        for thing in scene.things:
            lined[_cells(thing.box, rng.uniform(0, 0.03, 4))] = 1
    elif fate < 0.75:
        lined[:] = 1
    else:  # some parts lost
        lined[:] = cv2.resize(rng.random((4, 4)), (CELLS, CELLS)) > rng.uniform(0, 0.6)


def _hole(kept: np.ndarray, scene: Scene, rng: np.random.Generator) -> None:
    """Around a thing, a rectangle, or one side of the picture."""
    if (fate := rng.random()) < 0.6 and scene.things:
        thing = scene.things[rng.integers(len(scene.things))]
        kept[_cells(thing.box, rng.uniform(0, 0.1, 4))] = 0
    elif fate < 0.85:
        high, wide = rng.integers(3, 12, 2)
        y, x = rng.integers(0, CELLS + 1 - high), rng.integers(0, CELLS + 1 - wide)
        kept[y : y + high, x : x + wide] = 0
    else:
        kept[: rng.integers(3, 10)] = 0
        kept[:] = np.rot90(kept, int(rng.integers(4))).copy()


def _cells(box: Sequence[float], margin: np.ndarray) -> tuple[slice, slice]:
    """The cells that a box touches, with a margin on each of its four sides."""
    x0, y0, x1, y1 = np.array(box) + margin * [-1, -1, 1, 1]
    low = [int(np.clip(np.floor(v * CELLS), 0, CELLS - 1)) for v in (y0, x0)]
    high = [int(np.clip(np.ceil(v * CELLS), 1, CELLS)) for v in (y1, x1)]
    return slice(low[0], high[0]), slice(low[1], high[1])


def controls(
    samples: Samples, parts: Shown, scenes: Sequence[Scene], rows: Sequence[int],
    rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """What the ControlNet is shown for ``rows``, and how much errors count, (n, 16, 16) of mean 1:
    most in the holes of pictures that are kept elsewhere, and where things are."""
    some = (masks(scenes[row], parts.hinted[row], rng) for row in rows)
    kept, lined, which = zip(*some, strict=True)
    keeps, knows = (torch.from_numpy(np.stack(m)).to(samples.latents.device) for m in (kept, lined))
    rows = list(rows)
    seen = _seen(samples.latents[rows], keeps, parts, rows, list(which), knows)
    return seen, _counts(keeps, samples.maps[rows])


def _seen(
    latents: torch.Tensor, kept: torch.Tensor, parts: Shown, rows: list[int], which: list[int],
    lined: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    sketched = (kept == HINTED)[:, None]
    picture = torch.where(sketched, parts.sketches[rows].float(), latents.float())
    return shown(picture, kept, parts.lines[which, rows].float(), lined)


def _counts(kept: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    counts = focus_of(maps.long()) * (AROUND + (1 - AROUND) * (kept < 1))
    return counts / counts.mean((1, 2), keepdim=True)


@torch.no_grad()
def begun(unet: Any) -> ControlNetModel:
    """A ControlNet that is a copy of the first half of ``unet``, to which it adds nothing as yet.

    What it is shown it reads as the UNet reads latents: its first layer gives each value and its
    opposite, since the sigmoid linear unit f between its layers has f(x) - f(-x) = x.
    """
    network = ControlNetModel.from_unet(
        unet, conditioning_embedding_out_channels=EMBEDDING, conditioning_channels=2 * CHANNELS + 2
    )
    first, last = (
        getattr(network.controlnet_cond_embedding, name) for name in ("conv_in", "conv_out")
    )
    first.weight.mul_(0.1)
    first.weight[: 4 * CHANNELS] = 0
    first.bias.zero_()
    for part in (0, 1):  # the picture, and the outlines
        for c in range(CHANNELS):
            source, same = CHANNELS * part + c, 2 * CHANNELS * part + c
            first.weight[same, source, 1, 1] = 1
            first.weight[same + CHANNELS, source, 1, 1] = -1
        start = 2 * CHANNELS * part
        last.weight[:, start : start + CHANNELS] = unet.conv_in.weight
        last.weight[:, start + CHANNELS : start + 2 * CHANNELS] = -unet.conv_in.weight
    return network


def second_half(unet: Any) -> nn.ModuleDict:
    """The layers of a UNet that the ControlNet speaks to; they are shared, not copied."""
    names = ("up_blocks", "conv_norm_out", "conv_out")
    return nn.ModuleDict({name: getattr(unet, name) for name in names})


def write_painter(
    pipeline: StableDiffusionPipeline, args: argparse.Namespace, held_out: data.Dataset, *,
    minutes: float, samples: int,
) -> None:  # fmt: skip
    """Write the painter that has learned along, for so many ``minutes`` from so many ``samples``,
    with its card."""
    measured = painter_scores(
        pipeline.unet, pipeline.text_encoder, pipeline.vae, pipeline.tokenizer, held_out,
        args.device,
    )  # fmt: skip
    print(json.dumps(measured, indent=1), flush=True)
    before, seen = cards.trained(args.painter)
    save_half(pipeline, args.unlock, max_shard_size="15MB")
    cards.write(args.unlock, cards.PAINTER, scores=measured, setting=args.setting,
                minutes=before + minutes, samples=seen + samples)  # fmt: skip


def steered(
    unet: nn.Module, network: nn.Module, x: torch.Tensor, t: torch.Tensor, text: torch.Tensor,
    seen: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    """The velocity that the painter predicts when the ControlNet is shown ``seen``, (m, c, h, w),
    for the last m of the noisy latents ``x``, (n, 32, h, w); the others it paints alone."""
    down, middle = residuals(network, x, t, text, seen)
    return unet(  # type: ignore[no-any-return]
        x, t, text, down_block_additional_residuals=down, mid_block_additional_residual=middle
    ).sample


def main() -> None:
    parser = arguments("controlnet", __doc__)
    parser.add_argument("--painter", type=Path, required=True, help="its finished folder")
    parser.add_argument("--unlock", type=Path, metavar="FOLDER", help="train the painter's second"
                        " half as well, and write the painter there")  # fmt: skip
    args = parser.parse_args()
    s = SETTINGS[args.setting]
    torch.manual_seed(0)
    data.draw(args.data / "train", s["n"], simple=s["simple"])
    data.draw(args.data / "held-out", 2 * HELD_OUT, first=data.HELD_OUT, simple=s["simple"])
    dataset, held_out = (data.Dataset.open(args.data / name) for name in ("train", "held-out"))
    pipeline = StableDiffusionPipeline.from_pretrained(args.painter)
    pipeline.to(args.device, torch.float32)
    unet, text, vae = pipeline.unet, pipeline.text_encoder, pipeline.vae
    for frozen in (unet, text):
        frozen.requires_grad_(False).eval()
    unet.to(memory_format=torch.channels_last)
    network = ControlNetModel.from_pretrained(args.start).float() if args.start else begun(unet)
    network.to(args.device, memory_format=torch.channels_last).train()
    print(f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} M", flush=True)
    scenes = [scene_of(spec) for spec in dataset.scenes]
    samples = prepare(vae, pipeline.tokenizer, dataset, args.device)
    parts = Shown(vae, dataset, scenes, args.device)
    learning: dict[str, nn.Module] = {"controlnet": network}
    alone = 0
    if args.unlock:
        learning["painter"] = second_half(unet).requires_grad_(True)
        alone = int(ALONE * s["batch"])
    optimizer = MuonAdamW(learning.values(), s["rate"], outer=FACING)
    run = Run(learning, optimizer, args.work, args.minutes, fall=0.25, decay=0.998,
              start=args.start, fresh=args.fresh)  # fmt: skip
    begun_at = run.step
    generator, rng = torch.Generator().manual_seed(begun_at), np.random.default_rng(begun_at)
    attention = [SDPBackend.MATH] if args.device == "cpu" else [*ATTENTION]
    for _ in run.steps():
        rows, ids = samples.choose(s["batch"], generator)
        z = samples.latents[rows].float()
        seen, counts = controls(samples, parts, scenes, rows.tolist()[alone:], rng)
        if alone:
            counts = torch.cat([focus_of(samples.maps[rows[:alone]].long()), counts])
        noise, t = torch.randn_like(z), times(len(z), args.device)
        with half(args.device), sdpa_kernel(attention):
            with torch.no_grad():
                states = text(ids)[0]
            v = steered(unet, network, NOISING.add_noise(z, noise, t), t, states, seen)
        run.learn(velocity_loss(v, z, noise, t, counts))
    best: Any = run.averages["controlnet"]
    if args.unlock:
        second_half(unet).load_state_dict(run.averages["painter"].state_dict())
    measured = scores(pipeline, best, held_out, args)
    print(json.dumps(measured, indent=1), flush=True)
    run.finish(args, best, cards.CONTROLNET, measured, batch=s["batch"])
    if args.unlock:
        learned = (run.step - begun_at) * s["batch"]
        write_painter(pipeline, args, held_out, minutes=args.minutes, samples=learned)


SHOWN = {
    "plain": lambda scene, hinted: (0, 0, 0),
    "outlines": lambda scene, hinted: (0, 1, 0),
    "lines of a sketch": lambda scene, hinted: (0, _boxes(scene), 1),
    "sketch": lambda scene, hinted: (HINTED * (_boxes(scene) * hinted), _boxes(scene), 1),
    "hole": lambda scene, hinted: (1 - _boxes(scene, only=0), 0, 0),
    "hole and sketch": lambda scene, hinted: (
        1 - _boxes(scene, only=0) * (1 - HINTED * hinted), _boxes(scene, only=0), 1
    ),
}  # fmt: skip
"""What is shown when it is scored, by name: where the picture is kept (or sketched), where outlines
are known, and which."""


def _boxes(scene: Scene, only: int | None = None) -> np.ndarray:
    out = np.zeros((CELLS, CELLS), np.float32)
    for i, thing in enumerate(scene.things):
        if only in (None, i):
            out[_cells(thing.box, np.full(4, 0.02))] = 1
    return out


@torch.inference_mode()
def scores(
    pipeline: StableDiffusionPipeline, network: nn.Module, held_out: data.Dataset, args: Any
) -> dict[str, Any]:
    """Held-out velocity losses for each of `SHOWN`, and without the ControlNet, errors counted as
    in training; writes a sheet for each to the work folder."""
    n = min(HELD_OUT, len(held_out.scenes))
    few = data.Dataset(held_out.pictures[:n], held_out.captions[:n], held_out.scenes[:n])
    scenes = [scene_of(spec) for spec in few.scenes]
    samples = prepare(pipeline.vae, pipeline.tokenizer, few, args.device)
    parts = Shown(pipeline.vae, few, scenes, args.device)
    prompts = [captions.composed(scene) for scene in scenes]
    states = states_of(pipeline.text_encoder, pipeline.tokenizer, prompts)
    nothing = states_of(pipeline.text_encoder, pipeline.tokenizer, [""] * n)
    result: dict[str, Any] = {"n": n}
    for name, told in SHOWN.items():
        each = [told(*one) for one in zip(scenes, parts.hinted, strict=True)]
        maps = [[np.broadcast_to(np.float32(m), (CELLS, CELLS)) for m in one[:2]] for one in each]
        kept, lined = torch.from_numpy(np.stack(maps, 1)).to(args.device)
        latents = samples.latents.float()
        seen = _seen(latents, kept, parts, list(range(n)), [one[2] for one in each], lined)
        counts = _counts(kept, samples.maps)
        errors = []
        generator = torch.Generator().manual_seed(0)
        for start in range(0, n, 32):
            part = slice(start, min(start + 32, n))
            z = latents[part]
            noise = torch.randn(z.shape, generator=generator).to(z)
            t = torch.randint(0, 1000, (len(z),), generator=generator).to(z.device)
            x, told_ = NOISING.add_noise(z, noise, t), states[part]
            with half(args.device):
                ways = [
                    pipeline.unet(x, t, told_).sample,
                    steered(pipeline.unet, network, x, t, told_, seen[part]),
                ]
            errors.append([float(velocity_loss(v, z, noise, t, counts[part])) for v in ways])
        without, steered_loss = np.mean(errors, 0).tolist()
        result[name] = {"velocity loss": without}
        if name != "plain":
            result[name]["steered"] = steered_loss
        rows = []
        for start in range(0, min(SHEET, n), 16):
            part = slice(start, min(start + 16, SHEET, n))
            twice = torch.cat([seen[part], seen[part]])

            def velocity(
                x: torch.Tensor, t: torch.Tensor, text: torch.Tensor, twice: Any = twice,
                name: str = name,
            ) -> torch.Tensor:  # fmt: skip
                if name == "plain":
                    return pipeline.unet(x, t, text).sample  # type: ignore[no-any-return]
                return steered(pipeline.unet, network, x, t, text, twice)

            seeds = torch.Generator().manual_seed(start)
            x = torch.randn(latents[part].shape, generator=seeds).to(args.device)
            z = denoised(velocity, x, states[part], nothing[part])
            rows.append(pictures_of(pipeline.vae, z))
        sheet(np.concatenate(rows)).save(args.work / f"{name.replace(' ', '-')}.png")
    return result


if __name__ == "__main__":
    main()
