"""The shared autoencoder: pictures to latents an eighth as wide, eight channels, and back.

`AutoencoderTiny` of diffusers, trained on 64-pixel crops with an absolute error on pixels and on
their differences. Latents are held to mean 0 and deviation 1 per channel and get a little noise, so
that a diffusion model finds them easy to learn and near latents decode to near pictures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from torch.nn import functional as F

from . import data
from .run import Run, arguments

SETTINGS = {
    "small": {
        "n": 24_000, "batch": 16,
        "encoder": (32, (0, 0, 2, 3)), "decoder": (48, (3, 2, 0, 0)),
    },
    "full": {
        "n": 100_000, "batch": 256,
        "encoder": (64, (1, 2, 3, 3)), "decoder": (64, (3, 3, 3, 1)),
    },
}  # fmt: skip
CROP = 64
CHANNELS = 8
NOISE = 0.04  # deviation of the noise on latents in training


def build(setting: str) -> AutoencoderTiny:
    (wide_in, blocks_in), (wide_out, blocks_out) = (
        SETTINGS[setting]["encoder"], SETTINGS[setting]["decoder"],
    )  # fmt: skip
    return AutoencoderTiny(
        latent_channels=CHANNELS,
        encoder_block_out_channels=(wide_in,) * 4, num_encoder_blocks=blocks_in,
        decoder_block_out_channels=(wide_out,) * 4, num_decoder_blocks=blocks_out,
        scaling_factor=1.0,
    )  # fmt: skip


def crops(pictures: np.ndarray, n: int, rng: np.random.Generator) -> torch.Tensor:
    """``n`` random crops, float in [-1, 1], shape (n, 3, 64, 64)."""
    size = pictures.shape[1]
    out = np.empty((n, CROP, CROP, 3), np.uint8)
    for k, i in enumerate(rng.integers(0, len(pictures), n)):
        y, x = rng.integers(0, size - CROP + 1, 2)
        crop = pictures[i, y : y + CROP, x : x + CROP]
        out[k] = crop[:, ::-1] if rng.random() < 0.5 else crop
    return to_tensor(out)


def to_tensor(pictures: np.ndarray) -> torch.Tensor:
    """uint8 (n, h, w, 3) to float (n, 3, h, w) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def loss_of(model: AutoencoderTiny, x: torch.Tensor) -> torch.Tensor:
    z = model.encode(x).latents
    mean, deviation = z.mean((0, 2, 3)), z.std((0, 2, 3))
    moments = (mean**2).mean() + ((deviation - 1.0) ** 2).mean()
    y = model.decode(z + NOISE * torch.randn_like(z)).sample
    edges = sum((torch.diff(y, dim=d) - torch.diff(x, dim=d)).abs().mean() for d in (2, 3))
    return F.l1_loss(y, x) + 0.5 * edges + F.mse_loss(y, x) + 0.1 * moments


def scores(model: AutoencoderTiny, pictures: np.ndarray, device: str) -> dict[str, float]:
    """Mean squared error in [-1, 1] and PSNR over ``pictures`` (uint8), and latent moments."""
    errors, latents = [], []
    with torch.inference_mode():
        for start in range(0, len(pictures), 32):
            x = to_tensor(np.asarray(pictures[start : start + 32])).to(device)
            z = model.encode(x).latents
            y = model.decode(z).sample.clamp(-1, 1)
            errors.append(((y - x) ** 2).mean((1, 2, 3)).cpu())
            latents.append(z.cpu())
    mse = torch.cat(errors)
    z = torch.cat(latents)
    return {
        "n": len(pictures),
        "mse": float(mse.mean()),
        "psnr_db": float((10 * torch.log10(4.0 / mse)).mean()),
        "latent_mean": float(z.mean()),
        "latent_std": float(z.std()),
    }


def main() -> None:
    args = arguments("autoencoder", __doc__).parse_args()
    s = SETTINGS[args.setting]
    torch.manual_seed(0)
    data.draw(args.data / "train", s["n"])
    data.draw(args.data / "held-out", 500, first=data.HELD_OUT)
    pictures = data.Dataset.open(args.data / "train").pictures
    model = build(args.setting).to(args.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)
    run = Run({"autoencoder": model}, optimizer, args.work, args.minutes, fresh=args.fresh)
    rng = np.random.default_rng(run.step)
    for _ in run.steps():
        x = crops(pictures, s["batch"], rng).to(args.device)
        run.learn(loss_of(model, x))
    best = run.averages["autoencoder"]
    print(scores(best, data.Dataset.open(args.data / "held-out").pictures, args.device))
    out: Path = args.out or args.work / "finished"
    best.half().save_pretrained(out, safe_serialization=True)
    print(out)


if __name__ == "__main__":
    main()
