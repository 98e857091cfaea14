"""The shared autoencoder: pictures to latents an eighth as wide, 32 channels, and back.

`AutoencoderTiny` of diffusers. Its encoder is set, not learned: the first principal components of
8×8 blocks (the Karhunen-Loève transform), so that a painter can be trained at once and the decoder
may become better later without a change of the latents. The components are brought halfway to one
size: the deviation of a channel goes with the square root of its component's. Fine detail so
drowns in less noise than form does, and a painter settles form before detail, while no channel is
too faint to be learned.

Only the decoder learns: 64-pixel crops, absolute error on pixels and on their differences, from
latents with some noise on them, so that a painter's small errors decode to clean pictures too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from torch.nn import functional as F

from . import data
from .run import Run, arguments, half, save_half

SETTINGS = {
    "small": {"n": 12_000, "batch": 16, "width": 64, "blocks": (5, 4, 0, 0)},
    "full": {"n": 100_000, "batch": 256, "width": 64, "blocks": (4, 4, 3, 1)},
}
CROP = 64
CHANNELS = 32
NOISE = 0.3  # most noise on latents in training, as a share of each channel's deviation
ENCODER = 48  # width of the encoder's layers: 3·4·4 values of a 4×4 block
RAW = 0.4  # deviation of the first channel as the decoder gets it, which bends what lies beyond 3
SPREAD = 2.9  # the same as a painter gets it, so that the mean variance of all channels is about 1


def build(setting: str) -> AutoencoderTiny:
    """An autoencoder without knowledge: an encoder that `fit` sets and a decoder to be trained."""
    s = SETTINGS[setting]
    return AutoencoderTiny(
        latent_channels=CHANNELS, scaling_factor=SPREAD / RAW,
        encoder_block_out_channels=(ENCODER,) * 4, num_encoder_blocks=(0,) * 4,
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
    sizes = variances.flip(0)[:CHANNELS].sqrt()
    rows = RAW * axes.T.flip(0)[:CHANNELS] / (sizes[0] * sizes).sqrt()[:, None]
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
    """The deviation of each latent channel over the pictures of `fit`, as a painter sees them."""
    halving = [m for m in model.encoder.layers if isinstance(m, torch.nn.Conv2d)][3]
    sizes = 1.0 / halving.weight[:CHANNELS].flatten(1).float().norm(dim=1)
    return SPREAD * sizes / sizes[0]


def disturbed(
    model: AutoencoderTiny, z: torch.Tensor, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Latents with noise on them, of a strength up to `NOISE` that differs from picture to picture,
    in proportion to each channel's deviation. Random numbers are drawn on the CPU."""
    strength = NOISE * torch.rand(len(z), 1, 1, 1, generator=generator)
    noise = strength * torch.randn(z.shape, generator=generator)
    return z + noise.to(z.device) * deviations(model)[:, None, None]


def encode(model: AutoencoderTiny, x: torch.Tensor) -> torch.Tensor:
    """Latents for pictures in [-1, 1], as a painter sees them: of `deviations`."""
    return model.encode(x).latents * SPREAD / RAW  # type: ignore[no-any-return]


def decode(model: AutoencoderTiny, z: torch.Tensor) -> torch.Tensor:
    """Pictures for such latents, about in [-1, 1]."""
    return model.decode(z * RAW / SPREAD).sample  # type: ignore[no-any-return]


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


@torch.inference_mode()
def pictures_of(model: AutoencoderTiny, z: torch.Tensor) -> np.ndarray:
    """Latents, as a painter sees them, to pictures: uint8 (n, h, w, 3)."""
    with half(z.device):
        y = decode(model, z).float()
    return ((y.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def loss_of(model: AutoencoderTiny, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        z = disturbed(model, encode(model, x))
    with half(x.device):
        y = decode(model, z).float()
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
    fit(model, pictures[:2000])
    model.encoder.requires_grad_(False)
    if args.start:
        model.load_state_dict(AutoencoderTiny.from_pretrained(args.start).state_dict())
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
    save_half(best, out)
    print(out)


if __name__ == "__main__":
    main()
