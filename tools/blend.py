"""Lay one image over another."""

from __future__ import annotations

from typing import Annotated, Literal

from PIL import Image, ImageChops
from pydantic import Field

from .errors import ToolError
from .masks import mask_of
from .registry import tool

_MODES = {
    "multiply": ImageChops.multiply,
    "screen": ImageChops.screen,
    "overlay": ImageChops.overlay,
    "darken": ImageChops.darker,
    "lighten": ImageChops.lighter,
}


@tool()
def blend(
    image: Image.Image,
    over: Image.Image,
    mask: Image.Image | None = None,
    *,
    mode: Annotated[
        Literal["normal", "multiply", "screen", "overlay", "darken", "lighten"],
        Field(description="how the colors of both meet"),
    ] = "normal",
    opacity: Annotated[
        float, Field(ge=0, le=1, description="how much of the upper image is seen; 1 is all")
    ] = 1.0,
    position: Annotated[
        list[Annotated[int, Field(ge=-8192, le=8192)]],
        Field(min_length=2, max_length=2, description="its left and top edge in pixels"),
    ] = [0, 0],  # noqa: B006
) -> Image.Image:
    """Lay another image over an image, where a mask for it is white if there is one.

    What is transparent in the upper image leaves the lower one as it is; the result has the size,
    the mode and the transparency of the lower one.

    Raises `ToolError` for a mask of another size than the upper image's, for a mask without
    anything white, and for a position at which the two do not meet.
    """
    left, top = position
    box = (
        max(left, 0), max(top, 0),
        min(left + over.width, image.width), min(top + over.height, image.height),
    )  # fmt: skip
    if box[0] >= box[2] or box[1] >= box[3]:
        raise ToolError(
            f"blend: position = {position} is refused; there the image of {over.width}x"
            f"{over.height} pixels lies outside the one of {image.width}x{image.height}."
        )
    seen = over.getchannel("A") if "A" in over.getbands() else Image.new("L", over.size, 255)
    if mask is not None:
        seen = ImageChops.multiply(seen, mask_of("blend", mask, over.size))
    part = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    lower, upper = (im.convert("RGB") for im in (image.crop(box), over.crop(part)))
    mixed = _MODES[mode](lower, upper) if mode in _MODES else upper
    weight = seen.crop(part).point([round(v * opacity) for v in range(256)])
    colors = Image.composite(mixed, lower, weight)
    result = image.copy()
    result.paste(colors.convert(image.mode), box[:2])
    if "A" in image.getbands():
        result.putalpha(image.getchannel("A"))
    return result
