"""What every recipe shares: a time budget, checkpoints to resume from, a learning rate, an average.

The learning rate warms up, stays, and falls to zero in the last part of the budget. The checkpoint
is taken before it falls, so that a later run goes on from there with a budget of its own.
"""

from __future__ import annotations

import argparse
import copy
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from . import cards

WARM_UP = 60  # steps
SAVE_EVERY = 240.0  # seconds between checkpoints


def arguments(name: str, description: str | None) -> argparse.ArgumentParser:
    """The options that all recipes take."""
    parser = argparse.ArgumentParser(prog=f"python -m training.{name}", description=description)
    parser.add_argument("--minutes", type=float, default=20.0, help="time budget of this run")
    parser.add_argument("--setting", choices=("small", "full"), default="small",
                        help="small: two CPU cores; full: a GPU")  # fmt: skip
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--data", type=Path, default=Path("build/data"), help="folder of data sets")
    parser.add_argument(
        "--work", type=Path, default=Path("build") / name, help="checkpoints and log"
    )
    parser.add_argument("--out", type=Path, required=False, help="folder for the finished weights")
    parser.add_argument("--start", type=Path, help="finished weights to go on from, where there is"
                        " no checkpoint")  # fmt: skip
    parser.add_argument("--fresh", action="store_true", help="start anew, ignoring the checkpoint")
    return parser


def half(device: torch.device | str) -> torch.autocast:
    """bfloat16 where it is fast: on GPUs, and on CPUs with instructions for it."""
    kind = torch.device(device).type
    able = kind == "cuda" or (kind == "cpu" and torch.cpu._is_avx512_bf16_supported())
    return torch.autocast(kind, torch.bfloat16, enabled=able)


def save_half(model: Any, folder: Path, **options: Any) -> None:
    """``model.save_pretrained`` in float16. What is loaded again without a word about its type is
    float32, as transformers reads it in the config: on a CPU other types hardly work. The folder
    that training began with is not told."""
    model.to(dtype=torch.float16).save_pretrained(folder, **options)
    for config in folder.rglob("config.json"):
        told = json.loads(config.read_text("utf-8"))
        right = {"_name_or_path": "", "dtype": "float32"}
        right = {key: value for key, value in right.items() if key in told}
        config.write_text(json.dumps(told | right, indent=2) + "\n", "utf-8")


class MuonAdamW:
    """Muon (Jordan et al. 2024) for what multiplies, AdamW for the rest.

    Weights of convolutions are matrices to Muon, one row for each channel that comes out. Layers
    that face the data, embeddings, norms and biases are AdamW's. ``rate`` is one for both, since
    Muon's updates are scaled to the size of AdamW's.
    """

    def __init__(
        self, models: Iterable[nn.Module], rate: float, *, outer: Iterable[str] = ()
    ) -> None:
        """``outer`` are parts of the names of the layers that face the data.

        Needs torch 2.9. Raises ValueError where a convolution is not in channels-last format.
        """
        matrices, rest = [], []
        skipped = (*outer, "embedding")
        for model in models:
            for name, weight in model.named_parameters():
                facing = any(word in name for word in skipped)
                (rest if weight.ndim < 2 or facing else matrices).append(weight)
        self._pairs = [(w, nn.Parameter(_flat(w.data))) for w in matrices]
        if any(flat.data_ptr() != w.data_ptr() for w, flat in self._pairs):
            raise ValueError("convolutions must be in channels-last format")
        self._muon = torch.optim.Muon(
            [flat for _, flat in self._pairs], lr=rate, weight_decay=0.01,
            adjust_lr_fn="match_rms_adamw",
        )  # fmt: skip
        self._adam = torch.optim.AdamW(
            rest, lr=rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [*self._muon.param_groups, *self._adam.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        self._adam.zero_grad(set_to_none=set_to_none)
        for weight, _ in self._pairs:
            weight.grad = None

    def step(self) -> None:
        for weight, flat in self._pairs:
            flat.grad = None if weight.grad is None else _flat(weight.grad)
        self._muon.step()
        self._adam.step()

    def state_dict(self) -> dict[str, Any]:
        return {"muon": self._muon.state_dict(), "adam": self._adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._muon.load_state_dict(state["muon"])
        self._adam.load_state_dict(state["adam"])


def _flat(weight: torch.Tensor) -> torch.Tensor:
    """A weight as a matrix, in the order in which channels-last convolutions keep it in memory."""
    return weight.flatten(1) if weight.ndim != 4 else weight.permute(0, 2, 3, 1).flatten(1)


@dataclass
class Run:
    """One training run of ``minutes``; iterate over `steps`, call `learn` with each loss."""

    models: dict[str, nn.Module]
    optimizer: torch.optim.Optimizer | MuonAdamW
    work: Path
    minutes: float
    fall: float = 0.2  # share of the budget in which the rate falls
    decay: float = 0.999  # of the moving average
    fresh: bool = False
    start: Path | None = None  # finished weights that the models began with, if any
    before: tuple[float, int] = (0.0, 0)  # minutes and samples that those had learned from
    step: int = 0
    seconds: float = 0.0  # trained before this run
    averages: dict[str, nn.Module] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.work.mkdir(parents=True, exist_ok=True)
        self.averages = {
            k: copy.deepcopy(m).eval().requires_grad_(False) for k, m in self.models.items()
        }
        self._rates = [group["lr"] for group in self.optimizer.param_groups]
        self._recent: list[float] = []
        self.before = cards.trained(self.start)
        if not self.fresh and self._file.exists():
            state: dict[str, Any] = torch.load(self._file, map_location="cpu", weights_only=True)
            for name, model in self.models.items():
                model.load_state_dict(state["models"][name])
                self.averages[name].load_state_dict(state["averages"][name])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds = state["step"], state["seconds"]
            self.before = state["before"]
            print(f"resumed at step {self.step}, {self.seconds / 60:.1f} minutes", flush=True)

    @property
    def _file(self) -> Path:
        return self.work / "checkpoint.pt"

    def steps(self) -> Iterator[float]:
        """Yields the share of the budget that is spent, until it is spent."""
        begin = last_save = last_log = time.monotonic()
        budget = self.minutes * 60
        saved_before_fall = False
        while (spent := time.monotonic() - begin) < budget:
            share = spent / budget
            rate = min(1.0, (self.step + 1) / WARM_UP) * min(1.0, (1.0 - share) / self.fall)
            for group, full in zip(self.optimizer.param_groups, self._rates, strict=True):
                group["lr"] = full * rate
            yield share
            self.step += 1
            now = time.monotonic()
            steady = share < 1.0 - self.fall
            if not saved_before_fall and (not steady or now - last_save > SAVE_EVERY):
                self._save(self.seconds + now - begin)
                last_save, saved_before_fall = now, not steady
            if now - last_log > 30:
                last_log = now
                self._log(self.seconds + now - begin)
        self._log(self.seconds + time.monotonic() - begin)

    def learn(self, loss: torch.Tensor, *, clip: float = 1.0) -> None:
        """One optimizer step on ``loss``, then the moving average."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for model in self.models.values():
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        self.optimizer.step()
        self._recent.append(float(loss.detach()))
        keep = min(self.decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, model in self.models.items():
                mine = list(self.averages[name].parameters())
                theirs = list(model.parameters())
                torch._foreach_lerp_(mine, theirs, 1.0 - keep)
                for a, b in zip(self.averages[name].buffers(), model.buffers(), strict=True):
                    a.copy_(b)

    def write_card(
        self, out: Path, card: cards.Card, scores: Mapping[str, Any], *, batch: int, setting: str
    ) -> None:
        """The card of the finished weights in ``out``, with all that they have learned from, in
        this run and before it."""
        cards.write(
            out, card, scores=scores, setting=setting,
            minutes=self.before[0] + self.seconds / 60 + self.minutes,
            samples=self.before[1] + self.step * batch,
        )  # fmt: skip

    def finish(
        self, args: argparse.Namespace, model: Any, card: cards.Card, scores: Mapping[str, Any],
        *beside: Any, batch: int,
    ) -> None:  # fmt: skip
        """Write the finished ``model``, what belongs ``beside`` it (each is asked to
        ``save_pretrained``) and its card, in the place of what is in the folder."""
        out: Path = args.out or args.work / "finished"
        shutil.rmtree(out, ignore_errors=True)
        save_half(model, out)
        for part in beside:
            part.save_pretrained(out)
        (args.work / "scores.json").write_text(json.dumps(scores, indent=1), "utf-8")
        self.write_card(out, card, scores, batch=batch, setting=args.setting)
        print(out)

    def _save(self, seconds: float) -> None:
        part = self._file.with_suffix(".part")
        torch.save(
            {
                "models": {k: m.state_dict() for k, m in self.models.items()},
                "averages": {k: m.state_dict() for k, m in self.averages.items()},
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "seconds": seconds,
                "before": self.before,
            },
            part,
        )
        part.replace(self._file)

    def _log(self, seconds: float) -> None:
        if not self._recent:
            return
        entry = {
            "step": self.step,
            "minutes": round(seconds / 60, 2),
            "loss": round(sum(self._recent) / len(self._recent), 5),
        }
        self._recent.clear()
        print(json.dumps(entry), flush=True)
        with open(self.work / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
