"""The stylizer: any picture in the manner of any other, in one pass.

A stock `AutoencoderTiny` learns adaptive instance normalization (Huang & Belongie 2017): between
its encoder and its decoder the latents are given the mean and the deviation that they have in the
reference (`danqing.tools.style_network`). It begins as the painter's autoencoder with latents to
spare. What the result looks like is judged by the features of the project's own panoptic network,
by colors and by edges.

The renderer can do what no photograph allows: draw the scene of one picture in the style and the
light of another. A part of the samples have such a true answer. In a part the reference is the
picture itself, so that the network learns to leave things as they are, and in the rest any two
pictures meet, with their colors exchanged at random, for a wider world of manners.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from PIL import Image
from torch import nn
from torch.nn import functional as F
from transformers import UperNetForSemanticSegmentation

from danqing.tools.style_network import moments, moved

from . import cards, data
from .autoencoder import to_tensor
from .run import Run, arguments, half
from .scenes.render import render
from .semantics import scene_of

SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"n": 30_000, "answers": 2_000, "batch": 8, "rate": 4e-4},
    "full": {"n": 120_000, "answers": 30_000, "batch": 64, "rate": 1e-3},
}
LATENTS = 64
BLOCKS = 2  # of the encoder, at a quarter of the picture's width
HELD_OUT = 100
ANSWERED, SAME = 0.4, 0.15  # shares of the samples: with a true answer, with one picture twice
STYLE, CONTENT, PIXELS = 1.0, 0.5, 3.0  # weights of what the result is judged by
LIGHT = ("style", "season", "time", "weather")  # what a scene takes over from a reference
CHUNK = 100  # answers drawn by one task


def build(autoencoder: AutoencoderTiny) -> AutoencoderTiny:
    """A stylizer that gives pictures back as ``autoencoder`` does: half of its latents are those,
    and its decoder reads no others yet. Only blocks without effect are added to the encoder, where
    what they are given is never negative."""
    own = autoencoder.config
    levels = len(own.encoder_block_out_channels)
    blocks = [0] * levels
    blocks[2] = BLOCKS
    model = AutoencoderTiny(
        latent_channels=LATENTS, encoder_block_out_channels=(LATENTS,) * levels,
        decoder_block_out_channels=own.decoder_block_out_channels,
        num_encoder_blocks=tuple(blocks), num_decoder_blocks=own.num_decoder_blocks,
    )  # fmt: skip
    for name in ("encoder", "decoder"):
        known, new = getattr(autoencoder, name).layers, getattr(model, name).layers
        convolutions = [m for m in new if isinstance(m, nn.Conv2d)]
        for old, conv in zip((m for m in known if isinstance(m, nn.Conv2d)), convolutions,
                             strict=True):  # fmt: skip
            _laid_into(conv, old)
    known_blocks = [m for m in autoencoder.decoder.layers if not _plain(m)]
    for old, block in zip(known_blocks, (m for m in model.decoder.layers if not _plain(m)),
                          strict=True):  # fmt: skip
        block.load_state_dict(old.state_dict())
    nn.init.zeros_(model.decoder.layers[0].weight[:, own.latent_channels :])
    for block in model.encoder.layers:
        if not _plain(block):
            nn.init.zeros_(block.conv[-1].weight)
            nn.init.zeros_(block.conv[-1].bias)
    return model


def _plain(module: nn.Module) -> bool:
    """Whether it is no block of convolutions."""
    return not hasattr(module, "fuse")


@torch.no_grad()
def _laid_into(conv: nn.Conv2d, old: nn.Conv2d) -> None:
    """Make the first channels of ``conv`` those of ``old``, deaf to all others."""
    out, inside = old.weight.shape[:2]
    conv.weight[:out] = 0.0
    conv.weight[:out, :inside] = old.weight
    if conv.bias is not None:
        conv.bias[:out] = old.bias


def restyle(model: AutoencoderTiny, x: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Pictures (n, 3, h, w) in the manner of ``reference``, as many, all about in [-1, 1]."""
    own, other = model.encode(torch.cat([x, reference])).latents.float().chunk(2)
    return model.decode(moved(own, moments(own), moments(other))).sample  # type: ignore[no-any-return]


# -- what a result is judged by


class Eyes(nn.Module):
    """What is looked at of pictures (n, 3, h, w) in [-1, 1], from fine to coarse: their colors and
    edges, then the layers of a panoptic network."""

    def __init__(self, panoptic: UperNetForSemanticSegmentation) -> None:
        super().__init__()
        self.backbone = panoptic.backbone.float().eval().requires_grad_(False)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        edges = [F.pad(torch.diff(x, dim=d), (0, d == 3, 0, d == 2)) for d in (2, 3)]
        y = self.backbone.embedder.embedder(x)
        seen = [x, torch.cat(edges, 1), y]
        y = self.backbone.embedder.pooler(y)
        for stage in self.backbone.encoder.stages:
            seen.append(y := stage(y))
        return seen


def distance(made: list[torch.Tensor], wanted: list[torch.Tensor]) -> torch.Tensor:
    """How far the moments of features lie apart, layer by layer, in deviations: (n,)."""
    far = torch.zeros(len(made[0]), device=made[0].device)
    for own, other in zip(made, wanted, strict=True):
        a, b = moments(own), moments(other)
        scale = b.deviation.square().mean(1, keepdim=True)
        gap = (a.mean - b.mean).square() + (a.deviation - b.deviation).square()
        far = far + (gap / scale).mean((1, 2, 3))
    return far / len(made)


def loss_of(
    eyes: Eyes, made: torch.Tensor, x: torch.Tensor, reference: torch.Tensor, true: torch.Tensor,
    answered: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    """The loss of pictures ``made`` of ``x`` in the manner of ``reference``; where ``answered``,
    bool (n,), ``true`` is how they should be."""
    with torch.no_grad():
        seen, shown, wanted = (eyes(pictures) for pictures in (x, reference, true))
    looks = eyes(made)
    known = answered[:, None, None, None]
    style = distance(looks, [torch.where(known, t, r) for t, r in zip(wanted, shown, strict=True)])
    content = torch.zeros(len(x), device=x.device)
    for own, before, other, after in list(zip(looks, seen, shown, wanted, strict=True))[-2:]:
        guessed = moved(before, moments(before), moments(other))
        target = torch.where(known, after, guessed)
        scale = moments(target).deviation.square().mean((1, 2, 3))
        content = content + (own - target).square().mean((1, 2, 3)) / scale
    gap = (made - true).abs().mean((1, 2, 3))
    for dim in (2, 3):
        gap = gap + (torch.diff(made, dim=dim) - torch.diff(true, dim=dim)).abs().mean((1, 2, 3))
    return (STYLE * style + CONTENT * content + PIXELS * gap * answered).mean()


# -- the data


@dataclass(frozen=True)
class Answers:
    """Which pictures meet, int (n, 2): one and its reference; and how the first looks in the style
    and the light of the second, uint8 (n, 128, 128, 3)."""

    rows: np.ndarray
    pictures: np.ndarray


def answers(folder: Path, dataset: data.Dataset, n: int) -> Answers:
    """``n`` true answers for pictures of ``dataset``, drawn once and kept in ``folder``."""
    file = folder / f"restyled-{len(dataset.scenes)}-{n}.npz"
    if not file.exists():
        rows = meetings(dataset, n, np.random.default_rng(7))
        jobs = [
            [(dataset.scenes[a], dataset.scenes[b]) for a, b in rows[k : k + CHUNK]]
            for k in range(0, n, CHUNK)
        ]
        with ProcessPoolExecutor() if n > CHUNK else nullcontext() as pool:
            drawn = list((map if pool is None else pool.map)(_restyled, jobs))
        part = file.with_suffix(".part.npz")
        np.savez(part, rows=rows, pictures=np.concatenate(drawn))
        part.rename(file)
    with np.load(file) as kept:
        return Answers(kept["rows"], kept["pictures"])


def meetings(dataset: data.Dataset, n: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of pairs of pictures that differ in style, int (n, 2)."""
    styles = np.array([scene["style"] for scene in dataset.scenes])
    rows = np.empty((n, 2), np.int64)
    for k in range(n):
        a = rng.integers(0, len(styles))
        rows[k] = a, rng.choice(np.flatnonzero(styles != styles[a]))
    return rows


def _restyled(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> np.ndarray:
    cv2.setNumThreads(1)
    scenes = [replace(scene_of(a), **{k: b[k] for k in LIGHT}) for a, b in pairs]
    return np.stack([render(scene, 128).rgb for scene in scenes])


def batch(
    dataset: data.Dataset, known: Answers, n: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pictures, references, answers (n, 3, 128, 128) and which answers are true, bool (n,)."""
    pictures = dataset.pictures
    samples: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    answered, same = round(ANSWERED * n), round(SAME * n)
    for k in range(n):
        if k < answered:
            row = rng.integers(0, len(known.rows))
            a, b = known.rows[row]
            side = slice(None, None, rng.choice([1, -1]))
            other = pictures[b][:, :: rng.choice([1, -1])]
            samples.append((pictures[a][:, side], other, known.pictures[row][:, side]))
            continue
        a, b = (varied(pictures[i], rng) for i in rng.integers(0, len(pictures), 2))
        samples.append((a, a, a) if k < answered + same else (a, b, a))
    x, reference, true = (to_tensor(np.stack(part)) for part in zip(*samples, strict=True))
    return x, reference, true, torch.arange(n) < answered + same


def varied(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture nobody has seen: a part of it or all, mirrored or not, some with other colors."""
    size = len(rgb)
    side = int(rng.integers(size // 2, size + 1)) if rng.random() < 0.5 else size
    y, x = rng.integers(0, size - side + 1, 2)
    rgb = rgb[y : y + side, x : x + side, rng.permutation(3) if rng.random() < 0.5 else slice(None)]
    if rng.random() < 0.25:
        rgb = 255 - rgb
    if rng.random() < 0.5:
        rgb = rgb[:, ::-1]
    if rng.random() < 0.5:
        gamma = np.exp(rng.uniform(-0.5, 0.5, 3))
        rgb = (255 * (rgb / 255) ** gamma).astype(np.uint8)
    return cv2.resize(np.ascontiguousarray(rgb), (size, size), interpolation=cv2.INTER_CUBIC)


# -- what it has learned


def edge_f1(one: np.ndarray, other: np.ndarray) -> float:
    """How much of the outlines of two pictures, uint8 (h, w, 3), are in both: the F1 of edges as
    `cv2.Canny` finds them, within two pixels."""
    found = [
        cv2.Canny(cv2.GaussianBlur(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), (0, 0), 1.0), 40, 100) > 0
        for x in (one, other)
    ]
    near = [cv2.dilate(edges.astype(np.uint8), np.ones((5, 5))) > 0 for edges in found]
    hit = [
        (edges & around).sum() / max(edges.sum(), 1)
        for edges, around in zip(found, near[::-1], strict=True)
    ]
    return float(2 * hit[0] * hit[1] / max(sum(hit), 1e-9))


@torch.inference_mode()
def results(model: AutoencoderTiny, pictures: np.ndarray, references: np.ndarray) -> np.ndarray:
    """uint8 (n, h, w, 3), each in the manner of its reference."""
    device = next(model.parameters()).device
    made = []
    for a, b in zip(pictures, references, strict=True):
        y = restyle(model, to_tensor(a[None]).to(device), to_tensor(b[None]).to(device))
        made.append(((y.clamp(-1, 1) + 1) * 127.5).round().byte()[0].permute(1, 2, 0).cpu().numpy())
    return np.stack(made)


@torch.inference_mode()
def scores(
    eyes: Eyes, pictures: np.ndarray, references: np.ndarray, true: np.ndarray, made: np.ndarray
) -> dict[str, Any]:
    """Of ``made``, and of the true answers: how much of the distance in style is left, and how much
    of the outlines is kept."""

    def looks(x: np.ndarray) -> list[torch.Tensor]:
        return eyes(to_tensor(x).to(next(eyes.parameters()).device))

    goal = looks(references)
    before = distance(looks(pictures), goal).mean()
    told: dict[str, Any] = {"n": len(pictures), "style distance before": float(before)}
    for name, result in (("results", made), ("the renderer's answers", true)):
        kept = [edge_f1(a, b) for a, b in zip(pictures, result, strict=True)]
        told[name] = {
            "style distance after": float(distance(looks(result), goal).mean()),
            "edge F1": float(np.mean(kept)),
        }
    told["results"]["absolute error to the renderer's answers"] = float(
        np.abs(made.astype(float) - true).mean()
    )
    return told


def sheet(*columns: np.ndarray, n: int = 8) -> Image.Image:
    """Rows of the first ``n`` pictures of each column."""
    return Image.fromarray(np.concatenate([np.concatenate(list(c[:n])) for c in columns], 1))


def main() -> None:
    parser = arguments("stylizer", __doc__)
    parser.add_argument("--autoencoder", type=Path, required=True, help="the painter's")
    parser.add_argument("--panoptic", type=Path, required=True, help="its finished folder")
    args = parser.parse_args()
    s = SETTINGS[args.setting]
    torch.manual_seed(0)
    data.draw(args.data / "train", s["n"])
    data.draw(args.data / "held-out", HELD_OUT, first=data.HELD_OUT)
    dataset, held_out = (data.Dataset.open(args.data / name) for name in ("train", "held-out"))
    known = answers(args.data / "train", dataset, s["answers"])
    panoptic = UperNetForSemanticSegmentation.from_pretrained(args.panoptic)
    eyes = Eyes(panoptic).to(args.device)
    model = build(AutoencoderTiny.from_pretrained(args.autoencoder).float())
    if args.start:
        model = AutoencoderTiny.from_pretrained(args.start).float()
    model.to(args.device, memory_format=torch.channels_last)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=s["rate"], weight_decay=0.0)
    run = Run({"stylizer": model}, optimizer, args.work, args.minutes, fall=0.5, decay=0.99,
              start=args.start, fresh=args.fresh)  # fmt: skip
    rng = np.random.default_rng([8, run.step])
    for _ in run.steps():
        x, reference, true, answered = (
            part.to(args.device) for part in batch(dataset, known, s["batch"], rng)
        )
        with half(args.device):
            made = restyle(model, x, reference)
        run.learn(loss_of(eyes, made.float(), x, reference, true, answered), clip=5.0)
    best: Any = run.averages["stylizer"]
    asked = answers(args.data / "held-out", held_out, HELD_OUT)
    pictures, references = (held_out.pictures[asked.rows[:, k]] for k in (0, 1))
    made_of = results(best, pictures, references)
    measured = scores(eyes, pictures, references, asked.pictures, made_of)
    print(json.dumps(measured, indent=1), flush=True)
    sheet(pictures, references, made_of, asked.pictures).save(args.work / "sheet.png")
    run.finish(args, best, cards.STYLIZER, measured, batch=s["batch"])


if __name__ == "__main__":
    main()
