"""The upscaler: four times wider and higher, with the crisp edges that the painter's pictures lack.

A stock `Swin2SRForImageSuperResolution` learns from pairs of one scene drawn at 128 and at 512
pixels. A quarter of the small pictures went through the autoencoder; some are blurred or squeezed
too, and all are answered with the crisp drawing. A quarter are the large drawing itself made small,
because fine texture (hatching, paper, pixels) is drawn anew at each size and only there lies alike.
Another quarter are no scenes at all but dead leaves (`training.leaves`), which have the statistics
of photographs, so that those are not made worse. It starts as exact bilinear enlargement, laid into
its first and last convolutions, so that the budget goes into edges and not into learning to copy.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution, Swin2SRImageProcessor

from . import cards, data, leaves, wear
from .run import Run, arguments, half

SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"n": 700, "leaves": 300, "batch": 8, "rate": 8e-4, "width": 48, "depths": [2, 2]},
    "full": {"n": 8_000, "leaves": 3_000, "batch": 64, "rate": 8e-4, "width": 60, "depths": [4, 4]},
}
SCALE = 4
SIZE = 128  # of the small pictures
CROP = 32  # of the small pictures, in training
HELD_OUT = 40  # pictures scored at the end
BORDER = 8  # pixels of the large picture that no score looks at


def build(setting: str) -> Swin2SRForImageSuperResolution:
    s = SETTINGS[setting]
    model = Swin2SRForImageSuperResolution(
        Swin2SRConfig(
            image_size=CROP, patch_size=1, embed_dim=s["width"], depths=s["depths"],
            num_heads=[3] * len(s["depths"]), window_size=8, mlp_ratio=2.0, upscale=SCALE,
            upsampler="pixelshuffledirect", resi_connection="1conv", img_range=1.0,
            hidden_act="relu", drop_path_rate=0.0,
        )
    )  # fmt: skip
    start_bilinear(model)
    return model


@torch.no_grad()
def start_bilinear(model: Swin2SRForImageSuperResolution) -> None:
    """Lay bilinear enlargement into ``model``: three channels carry the colors past the blocks,
    the last convolution spreads them over the 4×4 new pixels."""
    first, after = model.swin2sr.first_convolution, model.swin2sr.conv_after_body
    last = model.upsample.conv
    first.weight[:3] = 0.0
    first.bias[:3] = 0.0
    for c in range(3):
        first.weight[c, c, 1, 1] = 1.0
    after.weight.mul_(0.03)
    after.bias.zero_()
    last.weight.mul_(0.3)
    last.bias.zero_()
    at = (torch.arange(SCALE) + 0.5) / SCALE - 0.5  # of the new pixels, in old ones
    line = torch.stack([(-at).clamp(min=0), 1 - at.abs(), at.clamp(min=0)], 1)  # (4, 3)
    kernel = torch.einsum("yi,xj->yxij", line, line).reshape(SCALE**2, 3, 3)
    for c in range(3):
        last.weight[c * SCALE**2 : (c + 1) * SCALE**2, :3] = 0.0
        last.weight[c * SCALE**2 : (c + 1) * SCALE**2, c] = kernel


# -- the data


@dataclass
class Pairs:
    """uint8 pictures of the same scenes: ``small`` and ``soft`` (n, 128, 128, 3), the latter after
    the autoencoder, ``large`` (n, 512, 512, 3); and ``leaves`` (m, 512, 512, 3)."""

    small: np.ndarray
    soft: np.ndarray
    large: np.ndarray
    leaves: np.ndarray

    def batch(
        self, n: int, rng: np.random.Generator, device: str
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Crops (n, 3, 32, 32) and what they should become (n, 3, 128, 128), in [0, 1]."""
        x = np.empty((n, CROP, CROP, 3), np.uint8)
        y = np.empty((n, CROP * SCALE, CROP * SCALE, 3), np.uint8)
        side = CROP * SCALE
        for k in range(n):
            top, left = rng.integers(0, SIZE - CROP + 1, 2)
            source = (self.soft, self.small, self.large, self.leaves)[4 * k // n]
            row = rng.integers(0, len(source))
            large = self.leaves if source is self.leaves else self.large
            b = large[row, top * SCALE : top * SCALE + side, left * SCALE : left * SCALE + side]
            if source is large:
                a = reduced(b[None])[0]
            else:
                a = source[row, top : top + CROP, left : left + CROP]
            if rng.random() < 0.5:
                a, b = a[:, ::-1], b[:, ::-1]
            if rng.random() < 0.5:
                a, b = a.transpose(1, 0, 2), b.transpose(1, 0, 2)
            x[k], y[k] = _spoiled(np.ascontiguousarray(a), rng), b
        return _tensor(x).to(device), _tensor(y).to(device)


def reduced(large: np.ndarray) -> np.ndarray:
    """uint8 (n, 4h, 4w, 3) averaged down to (n, h, w, 3)."""
    n, h, w, _ = large.shape
    cells = np.asarray(large, np.float32).reshape(n, h // SCALE, SCALE, w // SCALE, SCALE, 3)
    return cells.mean((2, 4)).round().astype(np.uint8)


def _spoiled(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Some copies a little blurred or squeezed; never another color, for that is to be kept."""
    if rng.random() < 0.25:
        rgb = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.3, 0.7))
    if rng.random() < 0.15:
        rgb = wear.squeezed(rgb, int(rng.integers(75, 97)))
    return rgb


def _tensor(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(rgb).permute(0, 3, 1, 2).float() / 255


def pairs(
    folder: Path, name: str, n: int, first: int, autoencoder: Path, device: str, *, apart: int = 1
) -> Pairs:
    """Pairs of the scenes from ``first`` on, and ``apart`` pictures of leaves, drawn once and kept
    in ``folder``."""
    data.draw(folder / f"{name}-{SIZE}", n, size=SIZE, first=first)
    data.draw(folder / f"{name}-{SIZE * SCALE}", n, size=SIZE * SCALE, first=first)
    small = data.Dataset.open(folder / f"{name}-{SIZE}").pictures
    large = data.Dataset.open(folder / f"{name}-{SIZE * SCALE}").pictures
    file = folder / f"{name}-round-trips.npy"
    soft = wear.cached_round_trips(file, autoencoder, small, n, device)
    return Pairs(small, soft, large, leaves.pool(folder / "leaves.npy", apart, SIZE * SCALE))


def loss_of(made: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Absolute error of pixels, of their differences (edges), and of the spectrum (crispness)."""
    loss = functional.l1_loss(made, true)
    for dim in (2, 3):
        loss = loss + functional.l1_loss(torch.diff(made, dim=dim), torch.diff(true, dim=dim))
    spectra = torch.fft.rfft2(made - true, norm="ortho")
    return loss + 0.05 * torch.view_as_real(spectra).abs().mean()


# -- what it has learned


@torch.inference_mode()
def enlarge(model: Swin2SRForImageSuperResolution, small: np.ndarray) -> np.ndarray:
    """uint8 (n, h, w, 3) to uint8 (n, 4h, 4w, 3)."""
    device = next(model.parameters()).device
    out = []
    for rgb in small:
        made = model(pixel_values=_tensor(np.array(rgb)[None]).to(device)).reconstruction
        out.append((made.clamp(0, 1) * 255).round().byte()[0].permute(1, 2, 0).cpu().numpy())
    return np.stack(out)


def interpolated(small: np.ndarray, how: Image.Resampling) -> np.ndarray:
    """What plain interpolation makes of ``small``."""
    size = (small.shape[2] * SCALE, small.shape[1] * SCALE)
    return np.stack([np.asarray(Image.fromarray(rgb).resize(size, how)) for rgb in small])


def scores(made: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Mean PSNR in dB over the colors, mean SSIM of the luma (Wang et al., 2004: 11×11 Gaussian of
    deviation 1.5, data range 1), without the borders."""
    inner = (slice(None), slice(BORDER, -BORDER), slice(BORDER, -BORDER))
    a, b = made[inner].astype(np.float64) / 255, np.asarray(true)[inner].astype(np.float64) / 255
    mse = ((a - b) ** 2).mean((1, 2, 3))
    luma = np.array([0.299, 0.587, 0.114])
    return {
        "psnr_db": round(float((-10 * np.log10(np.maximum(mse, 1e-10))).mean()), 2),
        "ssim": round(
            float(np.mean([ssim(x @ luma, y @ luma) for x, y in zip(a, b, strict=True)])), 4
        ),
    }


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity of two pictures of one channel in [0, 1]."""

    def blurred(x: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5)[5:-5, 5:-5])

    ma, mb = blurred(a), blurred(b)
    va, vb = blurred(a * a) - ma**2, blurred(b * b) - mb**2
    both = blurred(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * ma * mb + c1) * (2 * both + c2)
    return float((top / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean())


def compared(model: Swin2SRForImageSuperResolution, held_out: Pairs) -> dict[str, Any]:
    """Scores of the model, of bicubic and of Lanczos, for each kind of input."""
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "upscaler": lambda small: enlarge(model, small),
        "bicubic": lambda small: interpolated(small, Image.Resampling.BICUBIC),
        "lanczos": lambda small: interpolated(small, Image.Resampling.LANCZOS),
    }
    inputs = {
        "renders": held_out.small,
        "reduced drawings": reduced(np.asarray(held_out.large)),
        "round trips": held_out.soft,
    }
    return {
        kind: {way: scores(make(np.asarray(small)), held_out.large) for way, make in ways.items()}
        for kind, small in inputs.items()
    }


def sheet(model: Swin2SRForImageSuperResolution, held_out: Pairs, n: int = 6) -> Image.Image:
    """Rows of crops: a render and its round trip, each enlarged bicubically and by the model; then
    the true drawing."""
    small, soft = np.asarray(held_out.small[:n]), np.asarray(held_out.soft[:n])
    columns = [
        make
        for x in (small, soft)
        for make in (interpolated(x, Image.Resampling.BICUBIC), enlarge(model, x))
    ]
    columns.append(np.asarray(held_out.large[:n]))
    crop = (slice(240, 432), slice(120, 376))
    rows = [np.concatenate([c[k][crop] for c in columns], 1) for k in range(len(small))]
    return Image.fromarray(np.concatenate(rows))


def main() -> None:
    parser = arguments("upscaler", __doc__)
    parser.add_argument("--autoencoder", type=Path, required=True, help="its finished folder")
    args = parser.parse_args()
    s = SETTINGS[args.setting]
    torch.manual_seed(0)
    train = pairs(
        args.data, "pairs", s["n"], 10_000_000, args.autoencoder, args.device, apart=s["leaves"]
    )
    held_out = pairs(
        args.data, "pairs-held-out", HELD_OUT, data.HELD_OUT, args.autoencoder, args.device
    )
    model = build(args.setting).to(args.device)
    if args.start:
        state = Swin2SRForImageSuperResolution.from_pretrained(args.start).state_dict()
        model.load_state_dict(state)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=s["rate"], weight_decay=0.0)
    run = Run({"upscaler": model}, optimizer, args.work, args.minutes,
              fall=0.3, decay=0.99, start=args.start, fresh=args.fresh)  # fmt: skip
    rng = np.random.default_rng([2, run.step])
    for _ in run.steps():
        x, y = train.batch(s["batch"], rng, args.device)
        with half(args.device):
            made = model(pixel_values=x).reconstruction
        run.learn(loss_of(made.float(), y))
    best: Any = run.averages["upscaler"]
    measured = {"n": len(held_out.large), **compared(best, held_out)}
    print(json.dumps(measured, indent=1), flush=True)
    sheet(best, held_out).save(args.work / "sheet.png")
    run.finish(
        args,
        best,
        cards.UPSCALER,
        measured,
        Swin2SRImageProcessor(size_divisor=8),
        batch=s["batch"],
    )


if __name__ == "__main__":
    main()
