"""Sketch things that stand at given places."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Annotated

from PIL import Image, ImageOps
from pydantic import BaseModel, ConfigDict, Field

from .errors import ToolError
from .options import Corners, Size
from .registry import tool
from .world import world

CELL, VARIANTS = 96, 2
"""Side in pixels of a pattern in sketches.png, and how many there are of each kind and color."""
COLORS = (None, *world().colors)
"""The colors of the patterns of a kind, in their order; None is the natural one."""


class Sketched(BaseModel):
    """One thing of a sketch: its ``kind``, its ``box`` as left, top, right and bottom in fractions
    of the picture, and its ``color``, None for the natural one. ``flip`` mirrors it, ``variant`` is
    another look."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    box: Corners
    color: str | None = None
    flip: bool = False
    variant: Annotated[int, Field(ge=0, le=VARIANTS - 1)] = 0


@tool()
def sketch(
    *,
    things: Annotated[
        list[Sketched],
        Field(
            min_length=1,
            max_length=40,
            description="what to sketch, the farthest first: each with a kind, such as 'house', a"
            " box of left, top, right, bottom from 0 to 1, and a color or none",
        ),
    ],
    size: Size = [128, 128],  # noqa: B006
) -> Image.Image:
    """Sketch things at their places, flat and in their colors on transparent paper, for edge_guided
    and inpaint.

    So counts and places are settled before a picture is painted. What stands nearer hides what is
    behind it.

    Raises `ToolError` for a kind that has no pattern, for a color that it cannot have, and for a
    box without an inside.
    """
    width, height = size
    page = Image.new("RGBA", (width, height))
    for number, thing in enumerate(things):
        thing = Sketched.model_validate(thing)  # arguments come as the JSON values they were
        check_thing(thing, f"sketch: things[{number}].")
        left, top, right, bottom = (
            round(v * side) for v, side in zip(thing.box, (width, height) * 2, strict=True)
        )
        if right - left < 1 or bottom - top < 1:
            raise ToolError(
                f"sketch: things[{number}].box = {thing.box} is refused; allowed is left, top,"
                " right, bottom with an inside of a pixel or more."
            )
        pattern = _pattern(thing.kind, thing.color, thing.variant)
        if thing.flip:
            pattern = ImageOps.mirror(pattern)
        pattern = pattern.resize((right - left, bottom - top), Image.Resampling.BOX)
        layer = Image.new("RGBA", page.size)
        layer.paste(pattern, (left, top))
        page.alpha_composite(layer)
    return page


def check_thing(thing: Sketched, where: str) -> None:
    """Raises `ToolError`, which begins with ``where``, for a kind that has no pattern and for a
    color that it cannot have."""
    kinds = world().objects
    if thing.kind not in kinds:
        raise ToolError(
            f"{where}kind = {thing.kind!r} has no pattern; allowed is one of {', '.join(kinds)}."
        )
    if thing.color is not None and not (kinds[thing.kind].coloured and thing.color in COLORS):
        allowed = f"one of {', '.join(world().colors)}" if kinds[thing.kind].coloured else "none"
        raise ToolError(
            f"{where}color = {thing.color!r} is refused for a {thing.kind}; allowed is {allowed}."
        )


@cache
def _atlas() -> Image.Image:
    with resources.files(__package__).joinpath("sketches.png").open("rb") as file:
        return Image.open(file).convert("RGBA")


@cache
def _pattern(kind: str, color: str | None, variant: int) -> Image.Image:
    """One object, cut to what it fills of its cell."""
    row, column = list(world().objects).index(kind), variant * len(COLORS) + COLORS.index(color)
    corner = (column * CELL, row * CELL)
    cell = _atlas().crop((*corner, corner[0] + CELL, corner[1] + CELL))
    return cell.crop(cell.getchannel("A").getbbox())
