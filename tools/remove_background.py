"""Cut a subject out of an image."""

from __future__ import annotations

from typing import Annotated

from PIL import Image, ImageChops
from pydantic import Field, StringConstraints

from .errors import ToolError
from .panoptic import see
from .phrases import Phrase
from .registry import Context, tool
from .segment import cut, named

FEATHER = 256
"""A border is soft over one pixel for every so many of the image's longer side, one at least."""


@tool("panoptic", optional=("segmenter",))
def remove_background(
    context: Context,
    image: Image.Image,
    *,
    subject: Annotated[
        str,
        StringConstraints(strip_whitespace=True, max_length=200),
        Field(
            description="what to keep, such as 'the red house'; everything that stands out if empty"
        ),
    ] = "",
) -> Image.Image:
    """Keep the subject of an image and make everything else transparent.

    The result is RGBA (LA for a gray image), of the same size; what was transparent stays so.

    Raises `ToolError` where the subject is not found, or its words name nothing the model knows.
    """  # fmt: skip
    import cv2
    import numpy as np

    if subject:
        mask, found = named(context, "remove_background", image, subject)
    else:
        mask, found = cut(see(context, image), Phrase(None), image)
    if not found.found:
        raise ToolError(
            f"remove_background: no {found.text} was found in the image; say what to keep by"
            " another word."
        )
    soft = max(image.size) / FEATHER
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(soft, 0.6))
    matte = Image.fromarray((alpha * 255).round().astype(np.uint8))
    result = image.convert("LA" if image.mode in ("L", "LA") else "RGBA")
    result.putalpha(ImageChops.multiply(matte, result.getchannel("A")))
    return result
