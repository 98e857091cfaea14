"""What each tool costs: seconds, memory, and the size of all weights."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from danqing.tools import catalogue
from danqing.tools.errors import ToolError
from training import data
from training.scenes import captions

from . import Row, missing
from .studio import Studio, held_out, picture

SIZES = (128, 512)
TIMES = 3
CANVAS = ("text_to_image", "gan_image")
"""They take no picture and paint at the painter's own size."""


def calls(size: int) -> dict[str, tuple[dict[str, Any], dict[str, Image.Image]]]:
    """One usual call of each tool on a picture of ``size``: its arguments and images."""
    [scene, second] = held_out(2, data.plain)
    prompt = captions.composed(scene)
    image, other = picture(scene, size), picture(second, size)
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).rectangle((size // 4, size // 4, size // 2, size // 2), fill=255)
    things = [{"kind": t.kind, "box": [*t.box]} for t in scene.things]
    one = {"image": image}
    drawn = {"prompt": prompt, "seeds": [1]}
    return {
        "text_to_image": (drawn, {}),
        "gan_image": (drawn, {}),
        "style_transfer": ({"style": "watercolor", "prompt": prompt}, one),
        "edit_by_instruction": ({"instruction": "make it winter", "seeds": [1]}, one),
        "inpaint": (drawn, {**one, "mask": mask}),
        "outpaint": ({"prompt": prompt, "right": size // 2}, one),
        "edge_guided": (drawn, one),
        "upscale": ({"scale": 4}, one),
        "vae_variation": ({"seeds": [1]}, one),
        "caption": ({}, one),
        "look": ({}, one),
        "ask": ({"question": "How many trees are there?"}, one),
        "segment": ({"text": "the sky"}, one),
        "remove_background": ({}, one),
        "adjust": ({"brightness": 1.2}, one),
        "recolor": ({"color": "blue", "strength": 0.3}, one),
        "blend": ({}, {**one, "over": other}),
        "compare": ({}, {**one, "other": other}),
        "sprite": ({**drawn, "kind": "cat", "size": [size, size]}, {}),
        "detail": ({"things": things, "seed": 1, "anyway": True}, one),
        "sketch": ({"things": things, "size": [size, size]}, {}),
        "region": ({"boxes": [[0.1, 0.1, 0.5, 0.5]], "size": [size, size]}, {}),
    }


def measure(studio: Studio) -> list[Row]:
    """The rows of all tools; each begins with a worker of its own, so that its peak is its own."""
    rows = []
    for tool in studio.each("cost", [*calls(SIZES[0])]):
        if not studio.can(tool):
            rows.append(missing(tool, "cost"))
            continue
        for size in SIZES[:1] if tool in CANVAS else SIZES:
            rows += _cost(studio, tool, size)
    megabytes = weight(Path(catalogue.__file__).parent / "weights") / 2**20
    return [*rows, Row("all", "MiB of weights in the package", megabytes, digits=1)]


def _cost(studio: Studio, tool: str, size: int) -> list[Row]:
    arguments, images = calls(size)[tool]
    studio.engine.close()
    try:
        _run(studio, tool, arguments, images)  # loads the models
        results = [_run(studio, tool, arguments, images) for _ in range(TIMES)]
    except ToolError as error:
        return [Row(tool, f"cost, {size} px", None, note=f"failed: {error}"[:80])]
    seconds = [result.seconds for result in results]
    name = "its own size" if tool in CANVAS else f"{size} px"
    rows = [Row(tool, f"seconds, {name}", statistics.median(seconds), min(seconds), max(seconds),
                TIMES)]  # fmt: skip
    if peak := max(result.peak_mb for result in results):
        rows.append(Row(tool, f"peak MiB, {name}", peak, n=TIMES, digits=0))
    return rows


def _run(
    studio: Studio, tool: str, arguments: Mapping[str, Any], images: Mapping[str, Image.Image]
) -> Any:
    return studio.engine.call(tool, arguments, images)


def weight(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
