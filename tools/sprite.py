"""Paint one thing by itself, on transparent ground."""

from __future__ import annotations

from typing import Annotated, Any

from PIL import Image, ImageFilter
from pydantic import Field

from .errors import ToolError
from .geometry import Box
from .options import NegativePrompt, Prompt, Seeds, Size, Steps
from .registry import Context, tool
from .sketch import CELL, VARIANTS, Sketched, check_thing, sketch
from .upscale import brought_to

TALL, WIDE = 0.66, 0.8
"""What a thing takes of the painter's picture at most: large, with ground around it."""
FOOT = 0.86
"""Where it stands."""
PLAIN = 2.0
"""Up to so much larger than it was painted it is enlarged without the upscaler."""
RIM = 0.5
"""Width of its outline, in the painter's pixels."""


@tool("text-to-image", "controlnet", optional=("upscaler",))
def sprite(
    context: Context,
    *,
    kind: Annotated[str, Field(max_length=40, description="what it is, such as 'house'")],
    color: Annotated[
        str | None, Field(max_length=40, description="its color, or none for the natural one")
    ] = None,
    prompt: Prompt,
    negative_prompt: NegativePrompt = "",
    seeds: Seeds,
    size: Size = [128, 128],  # noqa: B006
    flip: Annotated[bool, Field(description="mirror it")] = False,
    variant: Annotated[
        int, Field(ge=0, le=VARIANTS - 1, description="which of its looks it has")
    ] = 0,
    steps: Steps = None,
) -> list[Image.Image]:
    """Paint one thing by itself, on transparent ground, one picture per seed: RGBA of a size that
    it fills from edge to edge, to be laid over another picture.

    It is painted along a sketch (ControlNet, Zhang et al. 2023) as large as the painter can, so
    that it has more detail than in a scene, and is cut out along the same sketch.

    Raises `ToolError` for a kind that has no pattern, a color that it cannot have, a size more than
    eight times as wide as high or the other way round, a prompt longer than the model reads, and
    pictures that come out blank.
    """
    thing = Sketched(kind=kind, color=color, box=[0.0, 0.0, 1.0, 1.0], flip=flip, variant=variant)
    check_thing(thing, "sprite: ")
    return alone(
        context, "sprite", thing, (size[0], size[1]),
        prompt=prompt, negative_prompt=negative_prompt, seeds=seeds, steps=steps,
    )  # fmt: skip


def alone(
    context: Context, tool: str, thing: Sketched, size: tuple[int, int], *,
    tall: float = TALL, **options: Any,
) -> list[Image.Image]:  # fmt: skip
    """A thing by itself, whatever its box, painted up to ``tall`` in the painter's picture and
    brought to fill ``size``: RGBA, one picture per seed. ``options`` are those of
    `painting.paint`."""
    from .controls import of_sketch
    from .painting import paint, steering

    wide, high = size
    if not 1 / 8 <= wide / high <= 8:
        raise ToolError(
            f"{tool}: size = {wide}x{high} is refused; allowed is a thing up to eight times as wide"
            " as high, or as high as wide."
        )
    box = stage(wide / high, tall)
    side = context.models.get("text-to-image").entry.native_size
    large = thing.model_copy(update={"box": list(box)})
    drawn = of_sketch(sketch(things=[large], size=[side, side]))
    painted = paint(context, tool, steering=steering(context, sketch=drawn), **options)
    scale = wide / (box[2] - box[0]) / side
    whole = side if scale <= PLAIN else round(side * scale)
    part = [round(v * whole) for v in box]
    matte = _matte(thing, size, scale)
    sprites = []
    for picture in painted:
        if whole != side:
            picture = brought_to(context, picture, (whole, whole))
        cut = picture.crop((part[0], part[1], part[2], part[3]))
        sprites.append(cut.resize(size, Image.Resampling.LANCZOS).convert("RGBA"))
        sprites[-1].putalpha(matte)
    return sprites


def _matte(thing: Sketched, size: tuple[int, int], scale: float) -> Image.Image:
    """Where a thing of a ``size`` is, L: as it is sketched, with its outline and a soft border."""
    import cv2
    import numpy as np

    whole = thing.model_copy(update={"box": [0.0, 0.0, 1.0, 1.0]})
    alpha = sketch(things=[whole], size=list(size)).getchannel("A")
    rim, stair = max(1, round(RIM * scale)), max(size) / CELL
    soft = max(0.6, rim / 2, 0.8 * stair)
    square = np.ones((2 * rim + 1, 2 * rim + 1), np.uint8)
    alpha = Image.fromarray(cv2.dilate(np.asarray(alpha), square))
    alpha = alpha.filter(ImageFilter.GaussianBlur(soft))
    steep = max(1.0, soft / max(0.6, rim / 2))  # smooth out the stairs, and no more
    return alpha.point([min(max(round(128 + (v - 128) * steep), 0), 255) for v in range(256)])


def stage(aspect: float, tall: float = TALL) -> Box:
    """Where a thing of an aspect, width over height, stands in the painter's picture."""
    high = min(tall, WIDE / aspect)
    wide = high * aspect
    return 0.5 - wide / 2, FOOT - high, 0.5 + wide / 2, FOOT
