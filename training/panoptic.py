"""The eyes of the studio: a panoptic segmentation network that tells things and grounds apart.

A stock `UperNetForSemanticSegmentation` on a ResNet, whose channels say for each pixel what it
shows, of which color, whether the center of a thing is there and where the center of its own thing
is, and what the whole picture is: see `danqing.tools.panoptic`. All of it is dense, so a small
network learns it quickly from exact masks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import ResNetConfig, UperNetConfig, UperNetForSemanticSegmentation

from danqing.tools.panoptic import GROUNDS, NATURAL, NOTHING, Channels, Sight, read
from danqing.tools.world import world

from . import cards, data, wear
from .autoencoder import to_tensor
from .captioner import image_processor
from .run import Run, arguments, half
from .scenes import facts
from .scenes.spec import Scene
from .semantics import FACTS, pools, scene_of

SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"n": 30_000, "batch": 32, "rate": 2e-3, "round_trips": 12_000, "large": 3_000},
    "full": {"n": 120_000, "batch": 256, "rate": 2e-3, "round_trips": 50_000, "large": 12_000},
}
WIDTHS, HIDDEN = (48, 96, 160), 64
SIDE = 32  # cells a side of what it says
FINE = 2  # what is shown is learned so many times as finely
HELD_OUT = 300
LARGE = 256
"""Pixels a side of the renders that are seen closer, too."""
WHOLE = 0.4
"""How often a picture that may be seen closer is seen as a whole."""
UNTOLD = -100
"""Marks pixels that show some ground, nobody knows which."""
GROUND_WEIGHT = 0.4


def channels() -> Channels:
    """What the network says."""
    w = world()
    shown = (NOTHING, *GROUNDS, *w.objects)
    told = {fact: tuple(words) for fact, words in pools().items()}
    return Channels(shown, (NATURAL, *w.colors), tuple(w.objects), told)


def build() -> UperNetForSemanticSegmentation:
    names = channels().names()
    backbone = ResNetConfig(
        embedding_size=WIDTHS[0] // 2, hidden_sizes=[*WIDTHS], depths=[1, 2, 2], layer_type="basic",
        out_features=["stage1", "stage2", "stage3"],
    )  # fmt: skip
    config = UperNetConfig(
        backbone_config=backbone, hidden_size=HIDDEN, pool_scales=[1, 2], use_auxiliary_head=False,
        id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)},
    )  # fmt: skip
    model = UperNetForSemanticSegmentation(config)
    first = sum(channels().sizes[:2])
    with torch.no_grad():  # centers are rare
        model.decode_head.classifier.bias[first : first + channels().sizes[2]] = -5.0
    return model


def logits_of(model: Any, x: torch.Tensor) -> torch.Tensor:
    """What the network says of pictures (n, 3, 128, 128) in [-1, 1]: (n, channels, 32, 32), before
    it is enlarged to the size of the picture."""
    return model.decode_head(model.backbone(x).feature_maps)  # type: ignore[no-any-return]


# -- what is to be said


def targets(scene: Scene, ids: np.ndarray, *, grounds: bool = True) -> dict[str, np.ndarray]:
    """What is true of a scene with ``ids`` as of `data.ids`, uint8 (128, 128).

    ``shown`` int64 (`UNTOLD` where no thing is, without ``grounds``) and ``colors`` int64 (-1 where
    no thing is), both (64, 64); ``heat`` float32 (kinds, 32, 32), 1 at centers and less around
    them; ``offsets`` float32 (2, 64, 64). Things whose center is outside have no center.
    """
    w, side = world(), SIDE * FINE
    kinds, colors = [*w.objects], [None, *w.colors]
    table = np.zeros((2, 256), np.int64)
    table[1] = -1
    table[0, data.SKY], table[0, data.GROUND] = 1, 2
    if not grounds:
        table[0] = UNTOLD
    heat = np.zeros((len(kinds), SIDE, SIDE), np.float32)
    middles = np.zeros((256, 2), np.float32)
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    step = len(ids) // side
    seen = ids[step // 2 :: step, step // 2 :: step]
    for i, thing in enumerate(scene.things):
        x, y = facts.center(thing.box)
        kind = kinds.index(thing.kind)
        table[:, i] = 1 + len(GROUNDS) + kind, colors.index(thing.color)
        middles[i] = x, y
        if not (0 <= x <= 1 and 0 <= y <= 1):
            continue
        size = max(thing.box[2] - thing.box[0], thing.box[3] - thing.box[1])
        spread = max(0.6, 0.09 * size * SIDE)
        bell = np.exp(
            -((columns - x * SIDE) ** 2 + (rows - y * SIDE) ** 2) / (2 * spread**2)
        ).astype(np.float32)
        row, column = (min(int(v * SIDE), SIDE - 1) for v in (y, x))
        bell[row, column] = 1.0
        np.maximum(heat[kind], bell, out=heat[kind])
    rows, columns = (np.mgrid[:side, :side] + 0.5) / side
    offsets = middles[seen].transpose(2, 0, 1) - np.stack([columns, rows])
    return {
        "shown": table[0][seen], "colors": table[1][seen], "heat": heat,
        "offsets": offsets.astype(np.float32),
    }  # fmt: skip


def closer(
    scene: Scene, picture: np.ndarray, ids: np.ndarray, rng: np.random.Generator
) -> tuple[Scene, np.ndarray, np.ndarray]:
    """A scene, its picture, uint8 (side, side, 3), and its ids, as a square part of it shows them
    at 128 pixels, mostly one around a thing; or all of it, `WHOLE` so often."""
    side = len(ids)
    high = side if rng.random() < WHOLE else int(rng.integers(side * 3 // 8, side + 1))
    top, left = rng.integers(0, side - high + 1, 2)
    if scene.things and rng.random() < 0.7:
        x, y = facts.center(scene.things[rng.integers(len(scene.things))].box)
        about = np.array([y, x]) * side - high / 2 + rng.normal(0, high / 8, 2)
        top, left = np.clip(about.round(), 0, side - high).astype(int)
    part = slice(top, top + high), slice(left, left + high)
    rgb = cv2.resize(np.ascontiguousarray(picture[part]), (128, 128), interpolation=cv2.INTER_AREA)
    seen = cv2.resize(np.ascontiguousarray(ids[part]), (128, 128), interpolation=cv2.INTER_NEAREST)
    corner = np.array([left, top, left, top]) / side
    things = tuple(
        replace(thing, box=tuple(((np.array(thing.box) - corner) * side / high).tolist()))
        for thing in scene.things
    )
    return replace(scene, things=things), rgb.astype(np.uint8), seen.astype(np.uint8)


def loss_of(
    logits: torch.Tensor, true: dict[str, torch.Tensor], told: torch.Tensor
) -> torch.Tensor:
    """Cross entropies of what is shown, of colors and of facts, the penalty-reduced focal loss of
    centers (Zhou et al. 2019), and the distance of offsets."""
    parts = channels().sizes
    shown, colors, heat, offsets, *answers = logits.float().split(parts, 1)
    size = true["shown"].shape[-2:]
    shown, colors, offsets = (
        F.interpolate(part, size, mode="bilinear") for part in (shown, colors, offsets)
    )
    behind = 1 + len(GROUNDS)
    weight = torch.ones(parts[0], device=logits.device)
    weight[:behind] = GROUND_WEIGHT
    loss = F.cross_entropy(shown, true["shown"], weight, ignore_index=UNTOLD)
    no_thing = shown.logsumexp(1) - shown[:, :behind].logsumexp(1)
    loss = loss + GROUND_WEIGHT * (no_thing * (true["shown"] == UNTOLD)).mean()
    loss = loss + F.cross_entropy(colors, true["colors"], ignore_index=-1)
    target = true["heat"]
    p = heat.sigmoid().clamp(1e-4, 1 - 1e-4)
    at = target == 1.0
    there = -((1 - p) ** 2) * p.log() * at
    absent = -((1 - target) ** 4) * p**2 * (1 - p).log() * ~at
    loss = loss + 0.5 * (there.sum() + absent.sum()) / at.sum().clamp(min=1)
    mine = (true["colors"] >= 0)[:, None]
    apart = ((offsets - true["offsets"]).abs() * mine).sum() / mine.sum().clamp(min=1)
    loss = loss + 5.0 * apart
    for k, answer in enumerate(answers):
        loss = loss + 0.1 * F.cross_entropy(answer.mean((2, 3)), told[:, k])
    return loss


# -- what it has learned


@torch.inference_mode()
def look(model: Any, pictures: np.ndarray) -> list[Sight]:
    """What is seen in uint8 pictures (n, 128, 128, 3)."""
    own = Channels.of(model.config.id2label)
    out = []
    for start in range(0, len(pictures), 32):
        logits = logits_of(model, to_tensor(np.ascontiguousarray(pictures[start : start + 32])))
        out += [read(one, own) for one in logits.float().numpy()]
    return out


def scores(
    model: Any, pictures: np.ndarray, ids: np.ndarray, scenes: list[Scene]
) -> dict[str, Any]:
    """Shares right, and the mean over kinds of the intersection over union of what is shown."""
    sights = look(model, pictures)
    result: dict[str, Any] = {"n": len(scenes)}
    for fact in FACTS:
        hits = [s.facts[fact][0] == getattr(c, fact) for s, c in zip(sights, scenes, strict=True)]
        result[fact] = float(np.mean(hits))
    names = channels().shown
    both = {name: [0, 0] for name in names[1:]}
    hit = said = there = counted = colored = placed = 0
    for sight, scene, seen in zip(sights, scenes, ids, strict=True):
        large = cv2.resize(
            sight.shown.transpose(1, 2, 0), seen.shape[::-1], interpolation=cv2.INTER_LINEAR
        ).argmax(-1)
        table = np.zeros(256, np.int64)
        table[data.SKY], table[data.GROUND] = 1, 2
        for i, thing in enumerate(scene.things):
            table[i] = names.index(thing.kind)
        true = table[seen]
        for k, name in enumerate(names[1:], 1):
            a, b = large == k, true == k
            both[name][0] += int((a & b).sum())
            both[name][1] += int((a | b).sum())
        mine = {t.kind for t in sight.things}
        kinds = {t.kind for t in scene.things}
        hit, said, there = hit + len(mine & kinds), said + len(mine), there + len(kinds)
        for kind in mine & kinds:
            found = [t for t in sight.things if t.kind == kind]
            real = [t for t in scene.things if t.kind == kind]
            counted += len(found) == len(real)
            colored += {t.color for t in found} == {t.color for t in real}
            if len(found) == len(real):
                xs = sorted(t.center[0] for t in found)
                true_xs = sorted(facts.center(t.box)[0] for t in real)
                placed += all(abs(a - b) < 0.05 for a, b in zip(xs, true_xs, strict=True))
    iou = {name: a / b for name, (a, b) in both.items() if b}
    return {
        **result, "object F1": 2 * hit / (said + there), "count": counted / max(hit, 1),
        "color": colored / max(hit, 1), "place": placed / max(counted, 1),
        "mean IoU": float(np.mean([*iou.values()])), "IoU": dict(sorted(iou.items())),
    }  # fmt: skip


def main() -> None:
    parser = arguments("panoptic", __doc__)
    parser.add_argument("--autoencoder", type=Path, required=True, help="the painter's")
    parser.add_argument("--painted", type=Path, nargs="*", default=[],
                        help="data sets of `training.painted`, to learn from, too")  # fmt: skip
    args = parser.parse_args()
    s = SETTINGS[args.setting]
    torch.manual_seed(0)
    data.draw(args.data / "train", s["n"])
    data.draw(args.data / "large", s["large"], size=LARGE, first=s["n"])
    data.draw(args.data / "held-out", HELD_OUT, first=data.HELD_OUT)
    held_out = data.Dataset.open(args.data / "held-out")
    train = Labelled.open(args.data / "train")
    trips = wear.cached_round_trips(
        args.data / "train-round-trips.npy", args.autoencoder, train.pictures, s["round_trips"],
        args.device,
    )  # fmt: skip
    softened = replace(train, pictures=trips)
    large = Labelled.open(args.data / "large")
    painted = [Labelled.open(folder, grounds=False) for folder in args.painted]
    # how much of a batch each is; painted sets together are a third
    mix = [(train, 2), (softened, 2), (large, 1), *((one, 2.5 / len(painted)) for one in painted)]
    shares = np.array([share for _, share in mix]) / sum(share for _, share in mix)
    model = build().to(args.device, memory_format=torch.channels_last)
    if args.start:
        start = UperNetForSemanticSegmentation.from_pretrained(args.start)
        model.load_state_dict(start.state_dict())
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=s["rate"], weight_decay=0.02)
    run = Run({"panoptic": model}, optimizer, args.work, args.minutes, fall=0.4, decay=0.995,
              start=args.start, fresh=args.fresh)  # fmt: skip
    rng = np.random.default_rng([4, run.step])
    model.train()
    for _ in run.steps():
        chosen = rng.choice(len(mix), s["batch"], p=shares)
        rgb, true, told = zip(*(mix[k][0].sample(rng) for k in chosen), strict=True)
        x = to_tensor(np.stack(rgb)).to(args.device, memory_format=torch.channels_last)
        wanted = {
            name: torch.from_numpy(np.stack([t[name] for t in true])).to(args.device)
            for name in true[0]
        }
        with half(args.device):
            logits = logits_of(model, x)
        run.learn(loss_of(logits, wanted, torch.tensor(told).to(args.device)), clip=5.0)
    best: nn.Module = run.averages["panoptic"].cpu().float()
    true_scenes = [scene_of(spec) for spec in held_out.scenes[:HELD_OUT]]
    ids_held_out = data.ids(args.data / "held-out")
    measured = scores(best, held_out.pictures[:HELD_OUT], ids_held_out[:HELD_OUT], true_scenes)
    print(json.dumps(measured, indent=1), flush=True)
    run.finish(args, best, cards.PANOPTIC, measured, image_processor(), batch=s["batch"])


@dataclass(frozen=True)
class Labelled:
    """Pictures, uint8 (n, side, side, 3), of scenes, and what each pixel shows, as of `data.ids`;
    where ``grounds`` is false that is known of the things only."""

    pictures: np.ndarray
    ids: np.ndarray
    scenes: list[Scene]
    grounds: bool = True

    @classmethod
    def open(cls, folder: Path, *, grounds: bool = True) -> Labelled:
        """Raises FileNotFoundError where no data set has been drawn."""
        dataset = data.Dataset.open(folder)
        scenes = [scene_of(spec) for spec in dataset.scenes]
        return cls(dataset.pictures, data.ids(folder), scenes, grounds)

    def sample(
        self, rng: np.random.Generator
    ) -> tuple[np.ndarray, dict[str, np.ndarray], list[int]]:
        """A picture to learn from, uint8 (128, 128, 3), mirrored by chance and worn; its `targets`;
        and the numbers of its facts. Of larger pictures it may be a part."""
        row = int(rng.integers(min(len(self.scenes), len(self.pictures))))
        side = slice(None, None, 1 - 2 * int(rng.integers(2)))
        scene, ids = self.scenes[row], self.ids[row][:, side]
        picture = np.ascontiguousarray(self.pictures[row][:, side])
        if side.step == -1:
            scene = facts.mirror(scene)
        if len(ids) > 128:
            scene, picture, ids = closer(scene, picture, ids, rng)
        told = [pools()[fact].index(getattr(scene, fact)) for fact in FACTS]
        return wear.worn(picture, rng), targets(scene, ids, grounds=self.grounds), told


if __name__ == "__main__":
    main()
