"""What every recipe shares: a time budget, checkpoints to resume from, a learning rate, an average.

The learning rate warms up, stays, and falls to zero in the last part of the budget. The checkpoint
is taken before it falls, so that a later run goes on from there with a budget of its own.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

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
    parser.add_argument("--fresh", action="store_true", help="start anew, ignoring the checkpoint")
    return parser


@dataclass
class Run:
    """One training run of ``minutes``; iterate over `steps`, call `learn` with each loss."""

    models: dict[str, nn.Module]
    optimizer: torch.optim.Optimizer
    work: Path
    minutes: float
    fall: float = 0.2  # share of the budget in which the rate falls
    decay: float = 0.999  # of the moving average
    fresh: bool = False
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
        if not self.fresh and self._file.exists():
            state: dict[str, Any] = torch.load(self._file, map_location="cpu", weights_only=True)
            for name, model in self.models.items():
                model.load_state_dict(state["models"][name])
                self.averages[name].load_state_dict(state["averages"][name])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds = state["step"], state["seconds"]
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

    def _save(self, seconds: float) -> None:
        part = self._file.with_suffix(".part")
        torch.save(
            {
                "models": {k: m.state_dict() for k, m in self.models.items()},
                "averages": {k: m.state_dict() for k, m in self.averages.items()},
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "seconds": seconds,
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
