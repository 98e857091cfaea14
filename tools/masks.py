"""Masks: white is what a tool works on, black is what it leaves as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from .errors import ToolError
from .registry import flatten

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


UNSURE = 1 / 72
"""How far from where it is the border of a coarse mask may be, as a share of the longer side."""
LARGEST = 1024
"""Pixels of the longer side at which borders are looked for."""
ROUNDS = 2
"""Turns of cutting and learning colors anew."""


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


def refined(image: Image.Image, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A coarse mask of things, bool (h, w), brought to the borders that colors have in the image
    (GrabCut, Rother et al. 2004); one that would lose most of itself is left as it is."""
    import cv2
    import numpy as np

    if max(image.size) > LARGEST:
        scale = LARGEST / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        small = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) >= 0.5
        if not small.any():
            return mask
        found = refined(image.resize(size, Image.Resampling.BOX), small).astype(np.float32)
        return np.asarray(cv2.resize(found, image.size, interpolation=cv2.INTER_LINEAR) > 0.5)
    band = round(UNSURE * max(image.size))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    coarse = mask.astype(np.uint8)
    sure, near = cv2.erode(coarse, disk), cv2.dilate(coarse, disk)
    if not sure.any():
        sure = cv2.erode(coarse, np.ones((3, 3), np.uint8))
    if not sure.any():
        return mask
    ys, xs = np.nonzero(near)
    part = (
        slice(max(int(ys.min()) - 3 * band, 0), int(ys.max()) + 3 * band + 1),
        slice(max(int(xs.min()) - 3 * band, 0), int(xs.max()) + 3 * band + 1),
    )
    told = np.full(mask.shape, cv2.GC_BGD, np.uint8)
    told[near > 0], told[mask], told[sure > 0] = cv2.GC_PR_BGD, cv2.GC_PR_FGD, cv2.GC_FGD
    inside = np.ascontiguousarray(told[part])
    if not (inside == cv2.GC_BGD).any():
        return mask
    rgb = np.ascontiguousarray(np.asarray(flatten(image))[part])
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # it begins with clusters of colors
    cv2.grabCut(rgb, inside, (0, 0, 1, 1), *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    cut = np.zeros_like(mask)
    cut[part] = (inside == cv2.GC_FGD) | (inside == cv2.GC_PR_FGD)
    return cut if cut.sum() > 0.5 * mask.sum() else mask
