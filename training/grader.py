"""The grader: a second pair of eyes for the benchmarks, as unlike the captioner as can be.

A plain convolutional network that detects: for every cell of a 16×16 map and every kind of object
the probability that one has its center there, and its color; and one answer each for style,
setting, season, time and weather. It learns from renders alone and never meets the autoencoder. It
is not shipped; where it and the captioner agree about a painted picture, the agreement is worth
something.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from danqing.tools.world import world

from . import cards, data, wear
from .autoencoder import to_tensor
from .captioner import HELD_OUT
from .run import Run, arguments, half
from .scenes import facts
from .scenes.spec import Scene
from .semantics import FACTS, GRID, pools, scene_of

SETTINGS: dict[str, dict[str, Any]] = {
    "small": {"n": 30_000, "batch": 32, "rate": 2e-3},
    "full": {"n": 120_000, "batch": 256, "rate": 2e-3},
}
WEIGHTS = Path("benchmarks/judge/weights")
WIDTHS = (24, 48, 96, 160)


class Grader(nn.Module):
    """Pixels (n, 3, 128, 128) in [-1, 1] to a `Look`'s logits."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds, self.colors = len(world().objects), len(world().colors) + 1
        a, b, c, d = WIDTHS
        self.fine = nn.Sequential(
            _conv(3, a, 2), _conv(a, b, 2), _conv(b, b), _conv(b, c, 2), _conv(c, c), _conv(c, c)
        )
        self.coarse = nn.Sequential(_conv(c, d, 2), _conv(d, d))
        self.joined = _conv(c + d, c)
        self.cells = nn.Conv2d(c, self.kinds + self.colors, 1)
        self.facts = nn.Linear(c + d, sum(len(pool) for pool in pools().values()))
        nn.init.constant_(self.cells.bias[: self.kinds], -6.0)  # centers are rare

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
        """Logits of centers (n, kinds, 16, 16), of colors (n, 1 + colors, 16, 16; the first is the
        natural one) and of the facts (one (n, words) for each of `FACTS`)."""
        fine = self.fine(x)
        coarse = self.coarse(fine)
        near = functional.interpolate(coarse, scale_factor=2.0, mode="bilinear")
        cells = self.cells(self.joined(torch.cat([fine, near], 1)))
        told = self.facts(torch.cat([fine.mean((2, 3)), coarse.mean((2, 3))], 1))
        sizes = [len(pool) for pool in pools().values()]
        return cells[:, : self.kinds], cells[:, self.kinds :], list(told.split(sizes, 1))


def _conv(wide_in: int, wide_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(wide_in, wide_out, 3, stride, 1, bias=False),
        nn.BatchNorm2d(wide_out),
        nn.ReLU(inplace=True),
    )


def centers_of(scene: Scene) -> np.ndarray:
    """The things of a scene as int64 (things, 4): kind, row, column, color (0 is natural)."""
    w = world()
    kinds, colors = [*w.objects], [None, *w.colors]
    return np.array(
        [
            (kinds.index(t.kind), _cell(facts.center(t.box)[1]), _cell(facts.center(t.box)[0]),
             colors.index(t.color))
            for t in scene.things
        ],
        np.int64,
    ).reshape(-1, 4)  # fmt: skip


def _cell(at: float) -> int:
    return min(max(int(at * GRID), 0), GRID - 1)


def loss_of(
    grader: Grader, x: torch.Tensor, things: list[np.ndarray], told: torch.Tensor
) -> torch.Tensor:
    """Cross entropies of centers, of the colors at centers and of facts; ``things`` as of
    `centers_of`, ``told`` int64 (n, 5)."""
    with half(x.device):
        centers, colors, answers = grader(x)
    centers, colors = centers.float(), colors.float()
    flat = np.concatenate([np.column_stack([np.full(len(t), k), t]) for k, t in enumerate(things)])
    which, kind, row, column, color = torch.from_numpy(flat).to(x.device).unbind(1)
    target = torch.zeros_like(centers)
    target[which, kind, row, column] = 1.0
    wrong = functional.binary_cross_entropy_with_logits(centers, target, reduction="sum")
    loss = wrong / len(which)
    loss = loss + functional.cross_entropy(colors[which, :, row, column], color)
    for k, logits in enumerate(answers):
        loss = loss + 0.3 * functional.cross_entropy(logits.float(), told[:, k])
    return loss


# -- what it sees


class Look:
    """What the grader saw in one picture.

    ``facts`` maps each of `FACTS` to a word; ``things`` lists (kind, color or None, x, probability)
    for each center found, x in [0, 1].
    """

    def __init__(
        self, facts: dict[str, str], things: list[tuple[str, str | None, float, float]]
    ) -> None:
        self.facts, self.things = facts, things

    def count(self, kind: str) -> int:
        """How many things of a kind there are."""
        return sum(thing[0] == kind for thing in self.things)


@torch.inference_mode()
def look(grader: Grader, pictures: np.ndarray) -> list[Look]:
    """What there is in uint8 pictures (n, 128, 128, 3)."""
    w = world()
    kinds, names = [*w.objects], [None, *w.colors]
    looks = []
    for start in range(0, len(pictures), 50):
        centers, colors, answers = grader(to_tensor(pictures[start : start + 50]))
        probabilities, best_colors = centers.sigmoid(), colors.argmax(1)
        for i in range(len(centers)):
            told = {
                fact: pool[int(answers[k][i].argmax())]
                for k, (fact, pool) in enumerate(pools().items())
            }
            things = [
                (kinds[kind], names[int(best_colors[i, y, x])], (x + 0.5) / GRID, p)
                for kind, y, x, p in _peaks(probabilities[i].numpy())
            ]
            looks.append(Look(told, things))
    return looks


def _peaks(p: np.ndarray) -> list[tuple[int, int, int, float]]:
    """Kind, row, column and probability of the things in ``p`` (kinds, 16, 16).

    A center near the border of cells shares its probability among them: a peak counts with what
    lies around it, and one thing's worth of probability is taken away with it.
    """
    left = p.copy()
    found = []
    while left.max() > 0.1:
        kind, y, x = (int(n) for n in np.unravel_index(int(left.argmax()), left.shape))
        window = left[kind, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        mass = float(window.sum())
        if mass >= 0.5:
            found.append((kind, y, x, min(mass, 1.0)))
        window *= max(1.0 - 1.0 / mass, 0.0)
    return found


def scores(grader: Grader, pictures: np.ndarray, scenes: list[Scene]) -> dict[str, float]:
    """Shares right: of each fact, of kinds present (F1), of their counts, of their colors."""
    looks = look(grader, pictures)
    both = list(zip(looks, scenes, strict=True))
    result = {f: float(np.mean([a.facts[f] == getattr(s, f) for a, s in both])) for f in FACTS}
    hit = said = there = counted = colored = 0
    for seen, scene in both:
        mine, true = {t[0] for t in seen.things}, {t.kind for t in scene.things}
        hit, said, there = hit + len(mine & true), said + len(mine), there + len(true)
        for kind in mine & true:
            counted += seen.count(kind) == facts.count(scene, kind)
            mine_colors = {t[1] for t in seen.things if t[0] == kind}
            colored += mine_colors == {t.color for t in scene.things if t.kind == kind}
    return {**result, "object_f1": 2 * hit / (said + there), "count": counted / max(hit, 1),
            "color": colored / max(hit, 1), "n": len(scenes)}  # fmt: skip


def load(folder: Path = WEIGHTS) -> Grader:
    """The trained grader of ``folder``, ready to look. Raises OSError where there is none."""
    grader = Grader()
    state = load_file(folder / "grader.safetensors")
    grader.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    return grader.eval()


def save(grader: nn.Module, folder: Path) -> None:
    """Write ``folder``/grader.safetensors in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.half() if v.is_floating_point() else v for k, v in grader.state_dict().items()}
    save_file({k: v.contiguous().cpu() for k, v in state.items()}, folder / "grader.safetensors")


def main() -> None:
    args = arguments("grader", __doc__).parse_args()
    s = SETTINGS[args.setting]
    torch.manual_seed(0)
    data.draw(args.data / "train", s["n"])
    data.draw(args.data / "plain", s["n"] // 2, simple=True)  # as painters paint them, and crowds
    data.draw(args.data / "held-out", HELD_OUT, first=data.HELD_OUT)
    dataset = data.Dataset.open(args.data / "plain") + data.Dataset.open(args.data / "train")
    scenes = [scene_of(spec) for spec in dataset.scenes]
    sides = [scenes, [facts.mirror(scene) for scene in scenes]]
    things = [[centers_of(scene) for scene in side] for side in sides]
    told = torch.tensor([[pools()[f].index(getattr(x, f)) for f in FACTS] for x in scenes])
    grader = (load(args.start).train() if args.start else Grader()).to(args.device)
    print(f"{sum(p.numel() for p in grader.parameters()) / 1e6:.2f} M", flush=True)
    optimizer = torch.optim.AdamW(grader.parameters(), lr=s["rate"], weight_decay=0.01)
    run = Run({"grader": grader}, optimizer, args.work, args.minutes,
              fall=0.3, decay=0.99, start=args.start, fresh=args.fresh)  # fmt: skip
    rng = np.random.default_rng([3, run.step])
    for _ in run.steps():
        rows, flips = rng.integers(0, len(scenes), s["batch"]), rng.integers(0, 2, s["batch"])
        rgb = np.stack([
            wear.worn(np.ascontiguousarray(dataset.pictures[row][:, :: 1 - 2 * flip]), rng)
            for row, flip in zip(rows, flips, strict=True)
        ])  # fmt: skip
        x = to_tensor(rgb)
        true = [things[flip][row] for row, flip in zip(rows, flips, strict=True)]
        run.learn(loss_of(grader, x.to(args.device), true, told[rows].to(args.device)), clip=5.0)
    best: Any = run.averages["grader"]
    held_out = data.Dataset.open(args.data / "held-out")
    measured = scores(best.cpu(), held_out.pictures, [scene_of(x) for x in held_out.scenes])
    print(json.dumps(measured, indent=1), flush=True)
    out: Path = args.out or args.work / "finished"
    save(best, out)
    (args.work / "scores.json").write_text(json.dumps(measured, indent=1), "utf-8")
    run.write_card(out, cards.GRADER, measured, batch=s["batch"], setting=args.setting)
    print(out)


if __name__ == "__main__":
    main()
