"""The decoder's second school: clean pictures from a painter's latents.

A painter's latents are not quite those of any picture: they are soft, and a little wrong in every
channel, which a decoder that has seen only encoded pictures shows as blur and as a grid of blocks.
Here the latents of pictures are noised to a middle step and painted anew from there, with the
sentence of their scene (SDEdit, Meng et al. 2022), so that what the picture should have been stays
known. The decoder learns the way back, and a discriminator of patches (hinge loss, Isola et al.
2017; features matched, Wang et al. 2018) tells it what drawn pictures look like where the latents
no longer say. The encoder is not touched: latents, and whoever paints them, stay as they are.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from . import cards, data
from .autoencoder import CROP, decode, disturbed, encode, scores, to_tensor
from .painter import denoised, predict, states_of
from .run import Run, arguments, half, save_half
from .wear import digest

SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"n": 3_000, "simple": True, "batch": 16},
    "full": {"n": 50_000, "simple": False, "batch": 256},
}
STEPS = 12  # of a whole painting
FIRST = (3, 8)  # the step from which a picture is painted anew, at random in between
PAINTED = 0.6  # share of painted latents among the training samples
FOOLED, MATCHED = 0.05, 1.0  # weights of the discriminator's verdict and of its features
BLOCK = 8  # pixels that a latent is wide
HELD_OUT = 256  # pictures painted anew and scored at the end


@dataclass(frozen=True)
class Pairs:
    """``pictures`` uint8 (n, 128, 128, 3), their latents, and those latents ``painted`` anew, both
    float16 (n, 32, 16, 16)."""

    pictures: np.ndarray
    latents: torch.Tensor
    painted: torch.Tensor

    def batch(self, n: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Crops in [-1, 1] and their latents, the first ``PAINTED`` of them painted ones."""
        x, z = np.empty((n, CROP, CROP, 3), np.uint8), []
        side = CROP // BLOCK
        for k, i in enumerate(rng.integers(0, len(self.pictures), n)):
            row, column = rng.integers(0, self.latents.shape[-1] - side + 1, 2)
            y, c = BLOCK * row, BLOCK * column
            x[k] = self.pictures[i, y : y + CROP, c : c + CROP]
            source = self.painted if k < PAINTED * n else self.latents
            z.append(source[i, :, row : row + side, column : column + side].float())
        return to_tensor(x), torch.stack(z)


def painted_anew(
    pipeline: StableDiffusionPipeline, latents: torch.Tensor, sentences: list[str],
    rng: np.random.Generator,
) -> torch.Tensor:  # fmt: skip
    """``latents`` (n, 32, 16, 16), noised to one random step of `FIRST` and painted from there."""
    random = torch.Generator().manual_seed(int(rng.integers(2**31)))
    text, tokenizer = pipeline.text_encoder, pipeline.tokenizer
    return denoised(
        lambda x, t, states: predict(pipeline.unet, x, t, states), latents,
        states_of(text, tokenizer, sentences), states_of(text, tokenizer, [""] * len(sentences)),
        steps=STEPS, first=int(rng.integers(FIRST[0], FIRST[1] + 1)),
        noise=torch.randn(latents.shape, generator=random).to(latents.device),
    )  # fmt: skip


def prepare(
    pipeline: StableDiffusionPipeline, vae: AutoencoderTiny, dataset: data.Dataset, n: int,
    device: str, *, seed: int = 0,
) -> Pairs:  # fmt: skip
    """The first ``n`` pictures of ``dataset``, each painted anew with its composed sentence."""
    rng = np.random.default_rng([seed, n])
    pictures = np.asarray(dataset.pictures[:n])
    latents, painted = [], []
    for start in range(0, n, 16):
        with torch.inference_mode():
            z = encode(vae, to_tensor(pictures[start : start + 16]).to(device))
        sentences = [c["composed"][0] for c in dataset.captions[start : min(start + 16, n)]]
        latents.append(z.half().cpu())
        painted.append(painted_anew(pipeline, z, sentences, rng).half().cpu())
    return Pairs(pictures, torch.cat(latents), torch.cat(painted))


class Discriminator(nn.Module):
    """Tells drawn pictures from decoded ones, patch by patch; works on 2×2 blocks of pixels."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        sizes = [(12, width, 1), (width, 2 * width, 2), (2 * width, 3 * width, 2),
                 (3 * width, 3 * width, 1)]  # fmt: skip
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 3, stride, 1)) for a, b, stride in sizes
        )
        self.verdict = spectral_norm(nn.Conv2d(3 * width, 1, 1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """A verdict for each patch, (n, 1, h/8, w/8), and the features of every layer."""
        features = []
        x = F.pixel_unshuffle(x, 2)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.verdict(x), features


def recovered(vae: AutoencoderTiny, pairs: Pairs, device: str) -> dict[str, float]:
    """Mean PSNR in dB of the decoded painted latents against the pictures they come from."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(pairs.pictures), 32):
            x = to_tensor(pairs.pictures[start : start + 32]).to(device)
            y = decode(vae, pairs.painted[start : start + 32].float().to(device)).clamp(-1, 1)
            found.append(10 * torch.log10(4.0 / ((y - x) ** 2).mean((1, 2, 3)).cpu()))
    return {"n": len(pairs.pictures), "psnr_db": float(torch.cat(found).mean())}


def main() -> None:
    parser = arguments("decoder", __doc__)
    parser.add_argument("--painter", type=Path, required=True, help="its finished folder")
    parser.add_argument("--autoencoder", type=Path, required=True, help="its finished folder")
    parser.add_argument("--install", action="store_true", help="put it into the painter's folder")
    args = parser.parse_args()
    s = SETTINGS[args.setting]
    torch.manual_seed(0)
    data.draw(args.data / "train", s["n"], simple=s["simple"])
    data.draw(args.data / "held-out", HELD_OUT, first=data.HELD_OUT, simple=s["simple"])
    pipeline = StableDiffusionPipeline.from_pretrained(args.painter)
    pipeline.to(args.device, torch.float32)
    vae = AutoencoderTiny.from_pretrained(args.autoencoder).float()
    vae.to(args.device, memory_format=torch.channels_last)
    vae.encoder.requires_grad_(False)
    pairs, held_out = (
        cached_pairs(args, pipeline, vae, name, n)
        for name, n in (("train", s["n"]), ("held-out", HELD_OUT))
    )
    print("before", recovered(vae, held_out, args.device), flush=True)
    critic = Discriminator().to(args.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(vae.decoder.parameters(), lr=4e-4, betas=(0.8, 0.99),
                                  weight_decay=0.0)  # fmt: skip
    critics = torch.optim.AdamW(critic.parameters(), lr=4e-4, betas=(0.5, 0.99), weight_decay=0.0)
    run = Run({"autoencoder": vae}, optimizer, args.work, args.minutes, fresh=args.fresh)
    rng = np.random.default_rng(run.step)
    for _ in run.steps():
        x, z = (part.to(args.device) for part in pairs.batch(s["batch"], rng))
        with half(args.device):
            y = decode(vae, disturbed(vae, z)).float()
            real, fake = critic(x)[0].float(), critic(y.detach())[0].float()
        critics.zero_grad(set_to_none=True)
        (F.relu(1 - real).mean() + F.relu(1 + fake).mean()).backward()
        critics.step()
        critic.requires_grad_(False)
        with half(args.device):
            with torch.no_grad():
                wanted = critic(x)[1]
            verdict, features = critic(y)
        matched = sum(
            F.l1_loss(a.float(), b.float()) for a, b in zip(features, wanted, strict=True)
        )
        edges = sum((torch.diff(y, dim=d) - torch.diff(x, dim=d)).abs().mean() for d in (2, 3))
        loss = F.l1_loss(y, x) + 0.5 * edges + F.mse_loss(y, x)
        run.learn(loss + MATCHED * matched - FOOLED * verdict.float().mean())
        critic.requires_grad_(True)
    best = run.averages["autoencoder"]
    measured = {
        "painted": recovered(best, held_out, args.device),
        "encoded": scores(best, held_out.pictures, args.device),
    }
    print(json.dumps(measured, indent=1), flush=True)
    out: Path = args.out or args.work / "finished"
    save_half(best, out)
    if args.install:
        save_half(best, args.painter / "vae")
        cards.amend(
            args.painter, {"decoder": {"minutes": run.seconds / 60 + run.minutes, **measured}}
        )
    print(out)


def cached_pairs(
    args: argparse.Namespace, pipeline: StableDiffusionPipeline, vae: AutoencoderTiny,
    name: str, n: int,
) -> Pairs:  # fmt: skip
    """`prepare`, kept in the work folder for this painter and these pictures."""
    dataset = data.Dataset.open(args.data / name)
    file = args.work / f"{name}-{digest(args.painter / 'unet', dataset.pictures[:n:100])}-{n}.pt"
    if not file.exists():
        made = prepare(pipeline, vae, dataset, n, args.device)
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"latents": made.latents, "painted": made.painted}, file)
    kept = torch.load(file, weights_only=True)
    return Pairs(np.asarray(dataset.pictures[:n]), kept["latents"], kept["painted"])


if __name__ == "__main__":
    main()
