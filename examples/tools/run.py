"""Run every line of commands.txt and write README.md with what each printed and made.

    python examples/tools/run.py [--out FOLDER]

Pictures are kept as small JPEGs beside this file; the commands themselves run in a folder of their
own that is gone afterwards.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
SIDE = 192  # pixels of the longer side of a picture in README.md
HEAD = """# The tools, one by one

Each by its command, what it printed and what it made; `python examples/tools/run.py` runs them all.
Prompts are in the form that the built-in painter learned best; `danqing draw` writes such ones.
"""


def commands() -> list[str]:
    """The lines of commands.txt."""
    lines = (HERE / "commands.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def run(command: str, folder: Path) -> tuple[str, list[Path]]:
    """What a command printed, and the pictures it made in ``folder``.

    Raises CalledProcessError where it fails.
    """
    program, *arguments = shlex.split(command)
    assert program == "danqing"
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    done = subprocess.run(
        [sys.executable, "-m", "danqing", *arguments],
        cwd=folder, check=True, capture_output=True, text=True, encoding="utf-8",
        env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip
    made = [path for path in folder.iterdir() if before.get(path) != path.stat().st_mtime_ns]
    return done.stdout, sorted(made)


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
    parts = [HEAD]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for command in commands():
            print(command, file=sys.stderr)
            printed, pictures = run(command, folder)
            tool = shlex.split(command)[2]
            said = [line for line in printed.splitlines() if not line.strip().endswith(".png")]
            parts.append(f"## {tool}\n\n```sh\n{command}\n```\n")
            if said:
                parts.append("```\n" + "\n".join(said) + "\n```\n")
            for picture in pictures:
                small(picture, out / f"{picture.stem}.jpg")
                parts.append(f"![{picture.stem}]({picture.stem}.jpg)")
            parts.append("")
    (out / "README.md").write_text("\n".join(parts), "utf-8")


if __name__ == "__main__":
    main()
