"""Give a thing, or a whole image, another color, and keep its light and shade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from PIL import Image
from pydantic import Field

from .masks import mask_of, put_back
from .registry import flatten, tool

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (206, 52, 48),
    "orange": (238, 134, 42),
    "yellow": (246, 204, 62),
    "green": (72, 150, 74),
    "blue": (54, 108, 196),
    "purple": (126, 72, 164),
    "pink": (240, 142, 176),
    "brown": (128, 84, 52),
    "black": (44, 44, 50),
    "white": (244, 243, 238),
    "gray": (142, 146, 150),
}
"""The colors of the world, RGB, as a surface in even light has them."""
PALE = 12.0
"""Up to this chroma, in units of Lab, a pixel has no hue to speak of."""
SAME, OTHER = 28.0, 50.0
"""Degrees of hue up to which a pixel is of the surface, and from which it is of another."""
BIN = 8.0
"""Width of the bins, in units of Lab, in which the color of most of a surface is looked for."""
CONTRAST = 0.8
"""Share of a surface's own light and shade that is kept."""


@tool()
def recolor(
    image: Image.Image,
    mask: Image.Image | None = None,
    *,
    color: Annotated[
        Literal[
            "red",
            "orange",
            "yellow",
            "green",
            "blue",
            "purple",
            "pink",
            "brown",
            "black",
            "white",
            "gray",
        ],
        Field(description="the color it gets"),
    ],
    strength: Annotated[
        float, Field(ge=0, le=1, description="how far to go; 0 leaves the image as it is")
    ] = 1.0,
) -> Image.Image:
    """Give what a mask shows another color; its light and shade stay, and all other pixels exactly.

    Of the masked thing that surface is recolored which most of it has: the walls of a house, not
    its windows. It needs no model and works on photographs. Without a mask the whole image is
    tinted; a small strength then makes it a little bluer, or warmer with orange.

    Raises `ToolError` for a mask of another size or without anything white.
    """  # fmt: skip
    import cv2
    import numpy as np

    rgb = np.asarray(flatten(image), np.float32) / 255
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab).astype(np.float32)
    flat = np.array([[COLORS[color]]], np.float32) / 255
    wanted = cv2.cvtColor(flat, cv2.COLOR_RGB2Lab)[0, 0].astype(np.float32)
    if strength == 0:
        return image.copy()
    if mask is None:
        white = Image.new("L", image.size, 255)
        target, weight = lab.copy(), np.ones(lab.shape[:2], np.float32)
        target[..., 1:] = wanted[1:]
    else:
        white = mask_of("recolor", mask, image.size)
        target, weight = _surface(lab, np.asarray(white) > 0, wanted)
    mixed = lab + (strength * weight)[..., None] * (target - lab)
    changed = np.clip(cv2.cvtColor(mixed, cv2.COLOR_Lab2RGB), 0, 1)
    return put_back(image, Image.fromarray((changed * 255).round().astype(np.uint8)), white)


def _surface(
    lab: NDArray[np.float32], inside: NDArray[np.bool_], wanted: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What every pixel of Lab (h, w, 3) would be in the ``wanted`` color, and how much it is of the
    surface that most of what is ``inside`` has, from 0 to 1."""
    import numpy as np

    main = _commonest(lab[inside])
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    own = float(np.hypot(main[1], main[2]))
    if own > PALE:
        angle = np.arctan2(lab[..., 2], lab[..., 1]) - np.arctan2(main[2], main[1])
        apart = np.degrees(np.abs((angle + np.pi) % (2 * np.pi) - np.pi))
        weight = np.clip((OTHER - apart) / (OTHER - SAME), 0, 1) * np.clip(chroma / PALE, 0, 1)
        vivid = np.clip(chroma / own, 0.5, 1.3)
    else:
        weight = np.clip((2 * PALE - chroma) / PALE, 0, 1)
        weight *= np.clip((60 - np.abs(lab[..., 0] - main[0])) / 20, 0, 1)
        vivid = np.ones_like(chroma)
    target = np.empty_like(lab)
    target[..., 0] = np.clip(wanted[0] + CONTRAST * (lab[..., 0] - main[0]), 2, 98)
    target[..., 1:] = vivid[..., None] * wanted[1:]
    return target, weight.astype(np.float32)


def _commonest(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the fullest bin, and of those beside it, of Lab pixels (n, 3): dark outlines and
    highlights do not shift it."""
    import numpy as np

    bins = np.floor(pixels / BIN).astype(np.int32)
    found, counts = np.unique(bins, axis=0, return_counts=True)
    near = np.abs(found[:, None] - found[None]).max(2) <= 1
    fullest = found[int((near @ counts).argmax())]
    return np.asarray(pixels[np.abs(bins - fullest).max(1) <= 1].mean(0), np.float32)
