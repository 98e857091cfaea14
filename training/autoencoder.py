"""The shared autoencoder: pictures to latents an eighth as wide, twelve channels, and back.

`AutoencoderTiny` of diffusers. Its encoder is set, not learned: the first principal components of
8×8 blocks (the Karhunen-Loève transform), each brought to deviation 1, so that a painter can be
trained at once and the decoder may become better later without a change of the latents. Only the
decoder learns: 64-pixel crops, absolute error on pixels and on their differences, from latents with
some noise on them, so that a painter's small errors decode to clean pictures too.
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
    "small": {"n": 24_000, "batch": 16, "width": 48, "blocks": (5, 4, 0, 0)},
    "full": {"n": 100_000, "batch": 256, "width": 64, "blocks": (4, 4, 3, 1)},
}
CROP = 64
CHANNELS = 12
NOISE = 0.25  # highest deviation of the noise on latents in training
SCALE = 2.5  # the decoder bends latents beyond 3, so it gets them this much smaller


def build(setting: str) -> AutoencoderTiny:
    """An autoencoder without knowledge: an encoder that `fit` sets and a decoder to be trained."""
    s = SETTINGS[setting]
    return AutoencoderTiny(
        latent_channels=CHANNELS, scaling_factor=SCALE,
        encoder_block_out_channels=(48,) * 4, num_encoder_blocks=(0,) * 4,
        decoder_block_out_channels=(s["width"],) * 4, num_decoder_blocks=s["blocks"],
    )  # fmt: skip


@torch.no_grad()
def fit(model: AutoencoderTiny, pictures: np.ndarray) -> None:
    """Set the encoder to the principal components of the 8×8 blocks of ``pictures`` (uint8)."""
    x = (to_tensor(pictures) + 1) / 2
    for _ in range(3):
        x = _halved(x)
    blocks = x.permute(0, 2, 3, 1).reshape(-1, 192).double()
    mean = blocks.mean(0)
    variances, axes = torch.linalg.eigh(torch.cov(blocks.T))
    rows = axes.T.flip(0)[:CHANNELS] / variances.flip(0)[:CHANNELS].sqrt()[:, None] / SCALE
    first, *halvings, last = [m for m in model.encoder.layers if isinstance(m, torch.nn.Conv2d)]
    for conv in (first, *halvings, last):
        conv.weight.zero_()
    for c in range(3):
        first.weight[c, c, 1, 1] = 1.0
    for conv, channels in zip(halvings[:2], (3, 12), strict=True):
        for k in range(4):
            for c in range(channels):
                conv.weight[c + channels * k, c, 1 + k // 2, 1 + k % 2] = 1.0
    for k in range(4):
        block = rows[:, 48 * k : 48 * (k + 1)]
        halvings[2].weight[:CHANNELS, :, 1 + k // 2, 1 + k % 2] = block.float()
    for c in range(CHANNELS):
        last.weight[c, c, 1, 1] = 1.0
    first.bias.zero_()
    last.bias.copy_(-(rows @ mean).float())


def _halved(x: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w) to (n, 4c, h/2, w/2): each 2×2 block becomes one place."""
    return torch.cat([x[..., k // 2 :: 2, k % 2 :: 2] for k in range(4)], dim=1)


@torch.no_grad()
def deviations(model: AutoencoderTiny) -> torch.Tensor:
    """How much each latent channel moves a picture: deviations of its components, mean 1."""
    halving = [m for m in model.encoder.layers if isinstance(m, torch.nn.Conv2d)][3]
    sizes = 1.0 / halving.weight[:CHANNELS].flatten(1).float().norm(dim=1)
    return sizes / sizes.mean()


def encode(model: AutoencoderTiny, x: torch.Tensor) -> torch.Tensor:
    """Latents of deviation 1 for pictures in [-1, 1], as a painter sees them."""
    return model.encode(x).latents * SCALE  # type: ignore[no-any-return]


def decode(model: AutoencoderTiny, z: torch.Tensor) -> torch.Tensor:
    """Pictures for such latents, about in [-1, 1]."""
    return model.decode(z / SCALE).sample  # type: ignore[no-any-return]


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
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def loss_of(model: AutoencoderTiny, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        z = encode(model, x)
        z = z + NOISE * torch.rand(len(z), 1, 1, 1, device=z.device) * torch.randn_like(z)
    y = decode(model, z)
    edges = sum((torch.diff(y, dim=d) - torch.diff(x, dim=d)).abs().mean() for d in (2, 3))
    return F.l1_loss(y, x) + 0.5 * edges + F.mse_loss(y, x)


def scores(model: AutoencoderTiny, pictures: np.ndarray, device: str) -> dict[str, float]:
    """Mean squared error in [-1, 1] and PSNR over ``pictures`` (uint8)."""
    errors = []
    with torch.inference_mode():
        for start in range(0, len(pictures), 32):
            x = to_tensor(np.asarray(pictures[start : start + 32])).to(device)
            y = decode(model, encode(model, x)).clamp(-1, 1)
            errors.append(((y - x) ** 2).mean((1, 2, 3)).cpu())
    mse = torch.cat(errors)
    return {
        "n": len(pictures),
        "mse": float(mse.mean()),
        "psnr_db": float((10 * torch.log10(4.0 / mse)).mean()),
    }


def main() -> None:
    args = arguments("autoencoder", __doc__).parse_args()
    s = SETTINGS[args.setting]
    torch.manual_seed(0)
    data.draw(args.data / "train", s["n"])
    data.draw(args.data / "held-out", 1000, first=data.HELD_OUT)
    pictures = data.Dataset.open(args.data / "train").pictures
    model = build(args.setting)
    fit(model, pictures[:4000])
    model.encoder.requires_grad_(False)
    model.to(args.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.decoder.parameters(), lr=1e-3, weight_decay=0.0)
    run = Run({"autoencoder": model}, optimizer, args.work, args.minutes, fresh=args.fresh)
    rng = np.random.default_rng(run.step)
    for _ in run.steps():
        x = crops(pictures, s["batch"], rng).to(args.device)
        run.learn(loss_of(model, x))
    best = run.averages["autoencoder"]
    held_out = data.Dataset.open(args.data / "held-out").pictures[:500]
    print(scores(best, held_out, args.device))
    out: Path = args.out or args.work / "finished"
    best.half().save_pretrained(out, safe_serialization=True)
    print(out)


if __name__ == "__main__":
    main()
