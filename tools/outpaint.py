"""Extend an image beyond its edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from PIL import Image
from pydantic import Field, StringConstraints

from .errors import ToolError
from .inpaint import check_familiar, repainted
from .options import Guidance, NegativePrompt, Steps
from .registry import LARGEST, Context, flatten, tool

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Margin = Annotated[int, Field(ge=0, le=LARGEST, description="pixels to add on this side")]
OVERLAP = 0.5
"""Share of a window that is painted already, where there is as much."""


@tool("text-to-image", optional=("controlnet", "panoptic", "upscaler"))
def outpaint(
    context: Context,
    image: Image.Image,
    *,
    left: Margin = 0,
    top: Margin = 0,
    right: Margin = 0,
    bottom: Margin = 0,
    prompt: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=1000),
        Field(description="what the new parts show"),
    ],
    negative_prompt: NegativePrompt = "",
    seed: Annotated[int, Field(ge=0, le=2**32 - 1, description="what the chances come from")] = 0,
    steps: Steps = None,
    guidance_scale: Guidance = None,
    anyway: Annotated[
        bool,
        Field(description="extend a photograph all the same, which the built-in painter cannot"),
    ] = False,
) -> Image.Image:
    """Add canvas on any side of an image and paint it to go on from the image, which is kept
    exactly.

    Square windows as large as the image's shorter side move outwards, each half over what is there
    already, so that a canvas of any length can be painted. New parts are opaque.

    Raises `ToolError` when no side is to be extended, when the result would be larger than 8192
    pixels a side, for a prompt longer than the model reads, for a photograph where the painter is
    the built-in one, and where a window comes out blank.
    """
    import numpy as np

    width, height = image.width + left + right, image.height + top + bottom
    if (width, height) == image.size:
        raise ToolError("outpaint: nothing to add; give at least one of left, top, right, bottom.")
    if max(width, height) > LARGEST:
        raise ToolError(
            f"outpaint: {width}x{height} pixels are refused; allowed are at most {LARGEST} a side."
        )
    if not anyway:
        check_familiar(context, "outpaint", image, "adjust with crop or resize")
    canvas = Image.new("RGB", (width, height), "white")
    canvas.paste(flatten(image), (left, top))
    known = np.zeros((height, width), bool)
    known[top : top + image.height, left : left + image.width] = True
    inner = (left, top, left + image.width, top + image.height)
    windows = windows_over(canvas.size, inner)
    for number, box in enumerate(windows):
        x0, y0, x1, y1 = box
        hole = ~known[y0:y1, x0:x1]
        if not hole.any():
            continue
        context.progress(number, len(windows), "extending")
        [painted] = repainted(
            context, "outpaint", _with_guess(canvas.crop(box), hole), hole, prompt=prompt,
            negative_prompt=negative_prompt, seeds=[(seed + number) % 2**32], steps=steps,
            guidance_scale=guidance_scale,
        )  # fmt: skip
        canvas.paste(painted, (x0, y0), Image.fromarray(hole.astype(np.uint8) * 255))
        known[y0:y1, x0:x1] = True
    if image.mode != "RGB":
        canvas = canvas.convert(image.mode)
        canvas.paste(image, (left, top))
    return canvas


def windows_over(
    size: tuple[int, int], inner: tuple[int, int, int, int]
) -> list[tuple[int, int, int, int]]:
    """Square windows (left, top, right, bottom) that cover a canvas of ``size``, those nearest to
    the ``inner`` box first; each reaches over half of what lies further in."""
    left, top, right, bottom = inner
    side = min(right - left, bottom - top)
    columns = _starts(size[0], side, left, right)
    rows = _starts(size[1], side, top, bottom)

    def away(x: int, y: int) -> int:
        beyond = (left - x, x + side - right), (top - y, y + side - bottom)
        return sum(max(0, *pair) for pair in beyond)

    boxes = [(x, y, x + side, y + side) for x in columns for y in rows]
    return sorted(boxes, key=lambda box: away(box[0], box[1]))


def _starts(length: int, side: int, low: int, high: int) -> list[int]:
    """Where windows begin along one axis, so that all of ``length`` is covered; the image lies from
    ``low`` to ``high``."""
    step = max(1, round(side * OVERLAP))
    starts = {*range(low, max(high - side, low) + 1, step), high - side}
    at = high - side
    while at + side < length:
        at = min(at + step, length - side)
        starts.add(at)
    at = low
    while at > 0:
        at = max(at - step, 0)
        starts.add(at)
    return sorted(starts)


def _with_guess(part: Image.Image, hole: NDArray[np.bool_]) -> Image.Image:
    """The window with its hole filled by the nearest known pixels, so that reducing it to the
    painter's size brings no white into what is known."""
    import cv2
    import numpy as np

    if hole.all():
        return part
    rgb = np.asarray(part)
    _, nearest = cv2.distanceTransformWithLabels(
        hole.astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
    table[nearest[~hole]] = rgb[~hole]
    return Image.fromarray(table[nearest])
