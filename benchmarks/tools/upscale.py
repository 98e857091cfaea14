"""Enlarging what was averaged down, against what it was before: scenes and photographs."""

from __future__ import annotations

from collections import defaultdict
from importlib import resources

from PIL import Image

from . import Row, mean, missing
from .pixels import psnr, ssim
from .studio import Studio, held_out, picture

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "rocket.jpg")
"""Those of scikit-image that are in the public domain or under CC0."""
LARGE = 512


def measure(studio: Studio) -> list[Row]:
    """The rows of upscale."""
    scenes = [picture(scene, LARGE) for scene in held_out(studio.n)]
    rows = []
    for scale in (4, 2):
        rows += _of(studio, scenes, "scenes", scale)
        rows += _of(studio, photographs(), "photographs", scale)
    return rows


def photographs() -> list[Image.Image]:
    """The photographs that scikit-image brings along, cut to whole blocks of four pixels; fewer
    where its wheel has fewer."""
    found = []
    for name in PHOTOGRAPHS:
        path = resources.files("skimage.data") / name
        if path.is_file():
            with path.open("rb") as file:
                image = Image.open(file).convert("RGB")
            found.append(image.crop((0, 0, image.width // 4 * 4, image.height // 4 * 4)))
    return found


def _of(studio: Studio, pictures: list[Image.Image], what: str, scale: int) -> list[Row]:
    if not pictures:
        return [missing("upscale", f"{what}, x{scale}")]
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    for true in studio.each(f"upscale, {what}, x{scale}", pictures):
        small = true.reduce(scale)
        ways = {
            "upscale": studio.paint("upscale", {"scale": scale}, true.size, image=small),
            "bicubic": small.resize(true.size, Image.Resampling.BICUBIC),
            "Lanczos": small.resize(true.size, Image.Resampling.LANCZOS),
        }
        for way, made in ways.items():
            scores["PSNR", way].append(psnr(made, true, border=scale))
            scores["SSIM", way].append(ssim(made, true, border=scale))
    return [
        mean(way, f"{name}, x{scale}, {what}", values, digits=2 if name == "PSNR" else 3)
        for (name, way), values in sorted(scores.items(), key=lambda item: item[0][0])
    ]
