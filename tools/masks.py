"""Masks: white is what a tool works on, black is what it leaves as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from .errors import ToolError
from .registry import flatten

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def mask_of(tool: str, mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The ``mask`` as an L image of 0 and 255, for a picture of ``size``.

    Anything lighter than middle gray is white; transparent parts are black.

    Raises `ToolError`, in the name of ``tool``, for a mask of another size or with nothing white.
    """
    if mask.size != size:
        raise ToolError(
            f"{tool}: mask measures {mask.width}x{mask.height} pixels; allowed is the size of the"
            f" image, {size[0]}x{size[1]}."
        )
    if mask.has_transparency_data:
        black = Image.new("RGBA", size, "black")
        mask = Image.alpha_composite(black, mask.convert("RGBA"))
    gray = mask.convert("L").point([0] * 128 + [255] * 128)
    if gray.getbbox() is None:
        raise ToolError(f"{tool}: mask is all black; allowed is one with something white.")
    return gray


def put_back(image: Image.Image, changed: Image.Image, mask: Image.Image) -> Image.Image:
    """``changed`` where the L ``mask`` of 0 and 255 is white, and ``image`` exactly elsewhere; with
    the mode and the transparency of ``image``."""
    colors = flatten(changed) if changed.mode != image.mode else changed
    result = image.copy()
    result.paste(colors.convert(image.mode), (0, 0), mask)
    if "A" in image.getbands():
        result.putalpha(image.getchannel("A"))
    return result


def grown(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """A mask, bool (h, w), with a rim of ``pixels`` more all around."""
    import cv2
    import numpy as np

    if pixels <= 0 or not mask.any():
        return mask
    apart = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(apart < pixels + 1e-3)
