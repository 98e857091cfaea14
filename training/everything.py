"""All recipes in their order, within one budget: ``python -m training.everything --minutes 9``.

Draws the scenes first, then trains each model with its share of the time that is left. What is
there already in the work folders goes on from its checkpoint. The finished weights lie in
``--out``, in the folders that the package has for them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from . import (
    autoencoder,
    captioner,
    controlnet,
    data,
    decoder,
    gan,
    grader,
    painter,
    panoptic,
    stylizer,
)

SHARES = {
    "autoencoder": 0.12, "painter": 0.28, "controlnet": 0.24, "decoder": 0.04, "captioner": 0.14,
    "panoptic": 0.06, "upscaler": 0.04, "stylizer": 0.03, "gan": 0.06, "grader": 0.02,
    "planner": 0.1,
}  # fmt: skip
SETTINGS: dict[str, dict[str, Any]] = {
    "autoencoder": autoencoder.SETTINGS, "painter": painter.SETTINGS,
    "controlnet": controlnet.SETTINGS, "decoder": decoder.SETTINGS,
    "captioner": captioner.SETTINGS, "panoptic": panoptic.SETTINGS,
    "stylizer": stylizer.SETTINGS, "gan": gan.SETTINGS, "grader": grader.SETTINGS,
}  # fmt: skip
"""Of the recipes that learn from the scenes drawn here; the upscaler draws its own, and the planner
reads."""
PLAIN = "data-plain"
HELD_OUT = 1_000  # scenes drawn for scoring
OVERHEAD = 0.75  # minutes that a recipe takes to read its data and to score what it made
WEIGHTS = {"painter": "text-to-image", "gan": "generator"}
"""Folders of another name than the recipe's."""
PAINTERS = ("controlnet", "decoder", "gan")  # recipes that learn from a finished painter


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.everything", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="for everything")
    parser.add_argument("--recipes", nargs="+", choices=tuple(SHARES), default=list(SHARES))
    parser.add_argument("--setting", choices=("small", "full"), default="small")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--build", type=Path, default=Path("build"), help="data and checkpoints")
    parser.add_argument("--autoencoder", type=Path, help="a finished one; else the one made here")
    parser.add_argument("--painter", type=Path, help="a finished one; else the one made here")
    parser.add_argument("--panoptic", type=Path, help="a finished one; else the one made here")
    parser.add_argument("--out", type=Path, default=Path("build/weights"))
    args = parser.parse_args()
    end = time.monotonic() + 60 * args.minutes
    wanted: dict[Path, int] = {}
    for name in SETTINGS:
        if name in args.recipes:
            folder = data_of(args.build, name, args.setting)
            wanted[folder] = max(wanted.get(folder, 0), SETTINGS[name][args.setting]["n"])
    for folder, n in wanted.items():
        simple = folder.name == PLAIN
        data.draw(folder / "train", n, simple=simple)
        data.draw(folder / "held-out", HELD_OUT, first=data.HELD_OUT, simple=simple)
    left = [name for name in SHARES if name in args.recipes]
    latents = args.autoencoder or args.out / "autoencoder"
    while left:
        name, *rest = left
        share = SHARES[name] / sum(SHARES[x] for x in left)
        spare = (end - time.monotonic()) / 60 - OVERHEAD * len(left)
        train(name, max(spare * share, 0.1), args, latents)
        if name == "decoder":
            latents = args.out / name  # what the painter's pictures now go through
        left = rest


def data_of(build: Path, recipe: str, setting: str) -> Path:
    """The folder of a recipe's data: one for all that learn the whole world, and one for those that
    learn plain scenes."""
    plain = SETTINGS.get(recipe, {}).get(setting, {}).get("simple", False)
    return build / (PLAIN if plain else "data")


def train(name: str, minutes: float, args: argparse.Namespace, latents: Path) -> None:
    """Run one recipe in a process of its own. Raises CalledProcessError where it fails."""
    print(f"== {name}: {minutes:.1f} minutes", flush=True)
    command = [sys.executable, "-m", f"training.{name}", "--minutes", f"{minutes:.2f}"]
    command += ["--setting", args.setting, "--device", args.device]
    command += ["--data", str(data_of(args.build, name, args.setting))]
    command += ["--work", str(args.build / name)]
    command += ["--out", str(args.out / WEIGHTS.get(name, name))]
    if name in ("painter", "decoder", "captioner", "panoptic", "upscaler"):
        command += ["--autoencoder", str(latents)]
    if name in PAINTERS:
        command += ["--painter", str(args.painter or args.out / WEIGHTS["painter"])]
    if name == "controlnet":
        command += ["--unlock", str(args.out / WEIGHTS["painter"])]
    if name == "stylizer":
        painter_ = args.painter or args.out / WEIGHTS["painter"]
        command += ["--autoencoder", str(painter_ / "vae")]
        command += ["--panoptic", str(args.panoptic or args.out / "panoptic")]
    command += ["--install"] if name == "decoder" else []
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
