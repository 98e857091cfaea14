"""How far two images are apart, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image
from pydantic import BaseModel, ConfigDict

from .errors import ToolError
from .masks import mask_of
from .registry import flatten, tool

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NOTICED = 5.0
"""A pixel has changed where its color difference (CIEDE2000) is above this."""
WINDOW = 7
"""Side of the windows over which the structural similarity is measured."""
RIM = 4
"""Pixels on both sides of a mask's border that a seam is compared with."""
PART = 1 << 18
"""Pixels that are measured at a time, so that memory stays small."""


class Comparison(BaseModel):
    """How alike two images are.

    ``psnr`` is in dB, None for equal pixels; ``ssim`` at most 1 (Wang et al. 2004); ``changed`` is
    the share of pixels with a color difference above 5 (CIEDE2000); ``identical`` says that mode
    and pixels are the same. With a mask all four are of what is outside it, the first three None
    where nothing is; and ``seam`` is how steep the second image is across the mask's border,
    relative to the steps between neighbors near it: 1 is no seam at all.
    """

    model_config = ConfigDict(frozen=True)

    psnr: float | None
    ssim: float | None
    changed: float | None
    identical: bool
    seam: float | None = None


@tool()
def compare(
    image: Image.Image, other: Image.Image, mask: Image.Image | None = None
) -> tuple[Image.Image, Comparison]:
    """Compare two images of one size: PSNR, SSIM, the share of changed pixels, and a picture of the
    differences, black where there is none.

    With a mask only what lies outside its white is compared: so it says what an edit has kept.

    Raises `ToolError` for images of different sizes and for a mask of another size or without
    anything white.
    """
    if image.size != other.size:
        raise ToolError(
            f"compare: the images measure {image.width}x{image.height} and {other.width}x"
            f"{other.height} pixels; allowed are two of one size."
        )
    white = None if mask is None else mask_of("compare", mask, image.size)
    return difference(image, other, white), comparison(image, other, white)


def comparison(
    image: Image.Image, other: Image.Image, mask: Image.Image | None = None
) -> Comparison:
    """The `Comparison` of two images of one size; ``mask`` is an L image of 0 and 255."""
    import numpy as np

    a, b = (np.asarray(flatten(i)) for i in (image, other))
    kept = np.ones(a.shape[:2], bool) if mask is None else np.asarray(mask) == 0
    seam = None if mask is None or kept.all() or not kept.any() else seam_of(b, ~kept)
    same = image.mode == other.mode and bool((np.asarray(image) == np.asarray(other))[kept].all())
    if not kept.any():
        return Comparison(psnr=None, ssim=None, changed=None, identical=same, seam=seam)
    b = np.where(kept[..., None], b, a)  # else windows beside the mask would see into it
    squares = alike = changed = 0.0
    for rows in _rows(a):
        part = _of_rows(a, b, kept, rows)
        squares, alike, changed = squares + part[0], alike + part[1], changed + part[2]
    n = int(kept.sum())
    return Comparison(
        psnr=round(10 * float(np.log10(255**2 * 3 * n / squares)), 3) if squares else None,
        ssim=round(alike / n, 5), changed=round(changed / n, 6), identical=same, seam=seam,
    )  # fmt: skip


def difference(
    image: Image.Image, other: Image.Image, mask: Image.Image | None = None
) -> Image.Image:
    """The absolute difference of two images of one size, made as bright as it can be; black where
    the L ``mask`` is white."""
    import numpy as np
    from PIL import ImageChops

    raw = ImageChops.difference(flatten(image), flatten(other))
    if mask is not None:
        raw.paste("black", (0, 0), mask)
    most = int(np.asarray(raw).max())
    if not most:
        return raw
    return raw.point([min(255, round(v * 255 / most)) for v in range(256)] * 3)


def seam_of(pixels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """The mean step between neighbors across the border of ``mask``, over the mean step between
    neighbors on one side of it and near it."""
    import numpy as np

    from .masks import grown

    near = grown(mask, RIM) & grown(~mask, RIM)
    rows, columns = (np.flatnonzero(near.any(axis)) for axis in (1, 0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    x, mask, near = pixels[part].astype(np.float32), mask[part], near[part]
    across: list[NDArray[np.float32]] = []
    beside: list[NDArray[np.float32]] = []
    for axis in (0, 1):
        low = (slice(None, -1), slice(None))[:: 1 - 2 * axis]
        high = (slice(1, None), slice(None))[:: 1 - 2 * axis]
        step = np.abs(x[high] - x[low]).mean(-1)
        crossing = mask[low] != mask[high]
        across.append(step[crossing])
        beside.append(step[near[low] & near[high] & ~crossing])
    steps = np.concatenate(beside)
    usual = float(steps.mean()) if len(steps) else 0.0
    return round(float(np.concatenate(across).mean() + 0.5) / (usual + 0.5), 3)


def _rows(a: NDArray[np.uint8]) -> list[slice]:
    """The image's rows in parts."""
    high = max(WINDOW, PART // a.shape[1])
    return [slice(top, min(top + high, len(a))) for top in range(0, len(a), high)]


def _of_rows(
    a: NDArray[np.uint8], b: NDArray[np.uint8], kept: NDArray[np.bool_], rows: slice
) -> tuple[float, float, float]:
    """Of the kept pixels in ``rows``: the sum of squared errors, that of the structural
    similarity, and how many have changed."""
    import numpy as np
    from skimage.color import deltaE_ciede2000, rgb2lab
    from skimage.metrics import structural_similarity

    around = slice(max(min(rows.start, len(a) - WINDOW) - WINDOW, 0), rows.stop + WINDOW)
    own = slice(rows.start - around.start, rows.stop - around.start)
    if np.array_equal(a[around], b[around]):
        return 0.0, float(kept[rows].sum()), 0.0
    _, alike = structural_similarity(  # type: ignore[no-untyped-call]
        a[around], b[around], channel_axis=-1, full=True, data_range=255, win_size=WINDOW
    )
    inside = kept[rows]
    first, second = a[rows][inside], b[rows][inside]
    squares = (first.astype(np.int64) - second) ** 2
    differ = (first != second).any(-1)
    changed = 0
    if differ.any():
        lab = [rgb2lab(pixels[differ]) for pixels in (first, second)]
        apart = deltaE_ciede2000(*lab)  # type: ignore[no-untyped-call]
        changed = int((apart > NOTICED).sum())
    return float(squares.sum()), float(alike[own].mean(-1)[inside].sum()), float(changed)
