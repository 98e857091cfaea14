"""Cut a subject out of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from PIL import Image, ImageChops
from pydantic import Field, StringConstraints

from .errors import ToolError
from .panoptic import see
from .phrases import Phrase
from .registry import Context, flatten, tool
from .segment import Found, cut, named

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEATHER = 256
"""A border is soft over one pixel for every so many of the image's longer side, one at least."""


@tool("panoptic", optional=("segmenter", "matting"))
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

    The result is RGBA (LA for a gray image), of the same size; what was transparent stays so. What
    stands out in a photograph is told pixel by pixel, hair and glass too, by the profile's matting
    model where there is one.

    Raises `ToolError` where the subject is not found, or its words name nothing the model knows.
    """  # fmt: skip
    if subject:
        matte, what = _feathered(*named(context, "remove_background", image, subject))
    else:
        sight = see(context, image)
        if context.models.has("matting") and not sight.familiar:
            matte, what = context.models.get("matting").model.find(flatten(image)), "thing"
        else:
            matte, what = _feathered(*cut(sight, Phrase(None), image))
    if not matte.getbbox():
        raise ToolError(
            f"remove_background: no {what} was found in the image; say what to keep by another"
            " word."
        )
    result = image.convert("LA" if image.mode in ("L", "LA") else "RGBA")
    result.putalpha(ImageChops.multiply(matte, result.getchannel("A")))
    return result


def _feathered(mask: NDArray[np.bool_], found: Found) -> tuple[Image.Image, str]:
    """A mask with soft borders, L, all 0 where nothing was found; and what it is of."""
    import cv2
    import numpy as np

    soft = max(mask.shape) / FEATHER
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(soft, 0.6))
    return Image.fromarray((alpha * found.found * 255).round().astype(np.uint8)), found.text
