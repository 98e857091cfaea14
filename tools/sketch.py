"""Sketch the outlines of things that stand at given places."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Annotated

from PIL import Image, ImageOps
from pydantic import BaseModel, ConfigDict, Field

from .errors import ToolError
from .options import Corners, Size
from .registry import tool
from .world import world

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CELL, VARIANTS = 96, 2
"""Side in pixels of a pattern in sketches.png, and how many there are of each kind of object."""
PAPER = 168
"""Gray behind an object: unlike most of what objects are made of."""


class Outlined(BaseModel):
    """One thing of a sketch: its ``kind``, and its ``box`` as left, top, right and bottom in
    fractions of the picture. ``flip`` mirrors it, ``variant`` is another look."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    box: Corners
    flip: bool = False
    variant: Annotated[int, Field(ge=0, le=VARIANTS - 1)] = 0


@tool()
def sketch(
    *,
    things: Annotated[
        list[Outlined],
        Field(
            min_length=1,
            max_length=40,
            description="what to sketch, the farthest first: each"
            " with a kind, such as 'house', and a box of left, top, right, bottom from 0 to 1",
        ),
    ],
    size: Size = [128, 128],  # noqa: B006
) -> Image.Image:
    """Sketch the outlines of things at their places, white on black, for edge_guided and inpaint.

    So counts and places are settled before a picture is painted. What stands nearer hides what is
    behind it.

    Raises `ToolError` for a kind that has no pattern, and for a box without an inside.
    """  # fmt: skip
    import numpy as np

    from .controls import outlines

    width, height = size
    page = Image.new("L", (width, height), PAPER)
    drawn = Image.new("L", (width, height), 0)
    for number, thing in enumerate(_checked(things)):
        left, top, right, bottom = (
            round(v * side) for v, side in zip(thing.box, (width, height) * 2, strict=True)
        )
        if right - left < 1 or bottom - top < 1:
            raise ToolError(
                f"sketch: things[{number}].box = {thing.box} is refused; allowed is left, top,"
                " right, bottom with an inside of a pixel or more."
            )
        pattern = _pattern(thing.kind, thing.variant)
        if thing.flip:
            pattern = ImageOps.mirror(pattern)
        gray, there = pattern.resize((right - left, bottom - top), Image.Resampling.BOX).split()
        page.paste(gray, (left, top), there)
        drawn.paste(there, (left, top), there)
    lines = outlines(np.asarray(page.convert("RGB")))
    return Image.fromarray(lines * _near(np.asarray(drawn) > 0)[..., None])


def _checked(things: list[Outlined]) -> list[Outlined]:
    """Arguments come as the JSON values that were validated."""
    checked = [Outlined.model_validate(thing) for thing in things]
    for number, thing in enumerate(checked):
        if thing.kind not in world().objects:
            raise ToolError(
                f"sketch: things[{number}].kind = {thing.kind!r} has no pattern; allowed is one of"
                f" {', '.join(world().objects)}."
            )
    return checked


@cache
def _atlas() -> Image.Image:
    with resources.files(__package__).joinpath("sketches.png").open("rb") as file:
        return Image.open(file).convert("LA")


def _pattern(kind: str, variant: int) -> Image.Image:
    """One object, cut to what it fills of its cell."""
    row, column = list(world().objects).index(kind), variant
    corner = (column * CELL, row * CELL)
    cell = _atlas().crop((*corner, corner[0] + CELL, corner[1] + CELL))
    return cell.crop(cell.getchannel("A").getbbox())


def _near(drawn: NDArray[np.bool_]) -> NDArray[np.uint8]:
    import cv2
    import numpy as np

    return np.asarray(cv2.dilate(drawn.astype(np.uint8), np.ones((3, 3), np.uint8)))
