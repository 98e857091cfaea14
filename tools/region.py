"""Make a mask of boxes."""

from __future__ import annotations

from typing import Annotated

from PIL import Image, ImageDraw
from pydantic import Field

from .errors import ToolError
from .registry import LARGEST, SMALLEST, tool

Fraction = Annotated[float, Field(ge=-0.5, le=1.5)]


@tool()
def region(
    *,
    boxes: Annotated[
        list[Annotated[list[Fraction], Field(min_length=4, max_length=4)]],
        Field(
            min_length=1,
            max_length=40,
            description="boxes, each as left, top, right, bottom in"
            " fractions of the picture from 0 to 1",
        ),
    ],
    size: Annotated[
        list[Annotated[int, Field(ge=SMALLEST, le=LARGEST)]],
        Field(min_length=2, max_length=2, description="width and height in pixels"),
    ],
    grow: Annotated[
        float, Field(ge=0, le=0.5, description="margin around each box, as a share of the picture")
    ] = 0.0,
) -> Image.Image:
    """Make a mask that is white in some boxes, for inpaint: a free place for something new.

    Raises `ToolError` where no box has an inside within the picture.
    """  # fmt: skip
    width, height = size
    mask = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(mask)
    for left, top, right, bottom in boxes:
        x0, x1 = round((left - grow) * width), round((right + grow) * width)
        y0, y1 = round((top - grow) * height), round((bottom + grow) * height)
        if x0 < x1 and y0 < y1:
            draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=255)
    if mask.getbbox() is None:
        raise ToolError(
            f"region: boxes = {boxes} are refused; allowed is left, top, right, bottom with an"
            " inside within the picture."
        )
    return mask
