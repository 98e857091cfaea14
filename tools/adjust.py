"""Crop, turn, flip, resize and tune an image with Pillow alone."""

from __future__ import annotations

from typing import Annotated, Literal

from PIL import Image, ImageEnhance, ImageOps
from pydantic import Field

from .errors import ToolError
from .registry import LARGEST, SMALLEST, tool

Side = Annotated[int, Field(ge=SMALLEST, le=LARGEST)]
Edge = Annotated[int, Field(ge=0, le=LARGEST)]
Factor = Annotated[float, Field(ge=0, le=4)]


@tool()
def adjust(
    image: Image.Image,
    *,
    crop: Annotated[
        list[Edge] | None,
        Field(min_length=4, max_length=4, description="left, top, right, bottom edge in pixels"),
    ] = None,
    rotate: Annotated[float, Field(ge=-360, le=360, description="degrees counter-clockwise")] = 0.0,
    flip: Annotated[
        Literal["horizontal", "vertical"] | None, Field(description="mirror left-right, or up-down")
    ] = None,
    resize: Annotated[
        list[Side] | None,
        Field(min_length=2, max_length=2, description="width and height in pixels"),
    ] = None,
    brightness: Annotated[Factor, Field(description="1 leaves it as it is, 0 is black")] = 1.0,
    contrast: Annotated[Factor, Field(description="1 leaves it as it is, 0 is gray")] = 1.0,
    color: Annotated[Factor, Field(description="saturation; 1 leaves it, 0 is gray")] = 1.0,
    sharpness: Annotated[Factor, Field(description="1 leaves it as it is, 0 is blurred")] = 1.0,
) -> Image.Image:
    """Crop, rotate, flip and resize an image, and tune its brightness, contrast, color, sharpness.

    What is asked for is done in that order. Rotation by anything but quarter turns enlarges the
    picture to hold all of it; the new corners are transparent, or white without transparency.

    Raises `ToolError` when nothing is asked for or the crop is not inside the image.
    """
    tuned = {
        ImageEnhance.Brightness: brightness,
        ImageEnhance.Contrast: contrast,
        ImageEnhance.Color: color,
        ImageEnhance.Sharpness: sharpness,
    }
    if not (crop or rotate or flip or resize) and all(factor == 1 for factor in tuned.values()):
        raise ToolError(
            "adjust: nothing to do; give at least one of"
            " crop, rotate, flip, resize, brightness, contrast, color, sharpness."
        )
    if crop:
        image = _cropped(image, crop)
    if rotate % 360:
        image = _rotated(image, rotate)
    if flip:
        image = ImageOps.mirror(image) if flip == "horizontal" else ImageOps.flip(image)
    if resize:
        image = image.resize((resize[0], resize[1]), Image.Resampling.LANCZOS)
    for enhance, factor in tuned.items():
        if factor != 1:
            image = enhance(image).enhance(factor)
    return image


def _cropped(image: Image.Image, box: list[int]) -> Image.Image:
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    if right > image.width or bottom > image.height or min(width, height) < SMALLEST:
        raise ToolError(
            f"adjust: crop = {box} is refused; allowed is left, top, right, bottom inside"
            f" {image.width}x{image.height} pixels, at least {SMALLEST} pixels a side."
        )
    return image.crop((left, top, right, bottom))


def _rotated(image: Image.Image, degrees: float) -> Image.Image:
    quarters = {
        90: Image.Transpose.ROTATE_90,
        180: Image.Transpose.ROTATE_180,
        270: Image.Transpose.ROTATE_270,
    }
    if degrees % 360 in quarters:
        return image.transpose(quarters[int(degrees % 360)])
    corners = None if "A" in image.getbands() else "white"
    return image.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=corners)
