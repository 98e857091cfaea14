"""Make a mask of boxes."""

from __future__ import annotations

from typing import Annotated

from PIL import Image, ImageDraw
from pydantic import Field

from .errors import ToolError
from .options import Corners, Size
from .registry import tool


@tool()
def region(
    *,
    boxes: Annotated[
        list[Corners],
        Field(
            min_length=1,
            max_length=40,
            description="boxes, each as left, top, right, bottom in"
            " fractions of the picture from 0 to 1",
        ),
    ],
    size: Size,
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
