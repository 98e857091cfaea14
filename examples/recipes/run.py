"""Run every recipe of this folder and keep small copies of what it makes, and the schema.

    python examples/recipes/run.py [--out FOLDER]

Each recipe runs as it is written, in a home of its own that is gone afterwards.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
SIDE = 384  # pixels of the longer side of a copy


def danqing(*arguments: str) -> str:
    """What a command printed; raises CalledProcessError where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "danqing", *arguments],
        check=True, capture_output=True, text=True, encoding="utf-8", env=os.environ.copy(),
    )  # fmt: skip
    return done.stdout


def small(picture: Path, out: Path) -> None:
    """A JPEG copy of at most `SIDE` pixels a side, transparent parts on white."""
    with Image.open(picture) as image:
        rgba = image.convert("RGBA")
    page = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    page.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    page.save(out, quality=88)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE)
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.schema.json").write_text(danqing("run", "--schema"), "utf-8")
    with tempfile.TemporaryDirectory() as home:
        for recipe in sorted(HERE.glob("*.yaml")):
            made = Path(home) / recipe.stem
            made.mkdir()
            print(recipe.name, file=sys.stderr)
            print(danqing("--home", f"{home}/home", "run", str(recipe), "-o", str(made)), end="")
            for picture in sorted(made.glob("*.png")):
                small(picture, out / f"{recipe.stem}-{picture.stem}.jpg")


if __name__ == "__main__":
    main()
