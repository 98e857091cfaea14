"""Paint a part of an image anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from PIL import Image
from pydantic import Field, StringConstraints

from .errors import ToolError
from .masks import grown, mask_of, put_back
from .options import Guidance, NegativePrompt, Seeds, Steps
from .registry import Context, flatten, tool
from .upscale import brought_to

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .painting import Kept


THIN = 1 / 40
"""A hole up to twice so wide, as a share of the image's longer side, is filled from its rim."""
CLEAR = 1 / 64
"""How far from other things lies what fills a hole, as a share of the longer side."""
PART = 0.5
"""A thing of which a hole takes less than this is not what is to go."""
THICK = 0.05
"""A hole of which less is farther from its rim, as where scratches cross, is thin, too."""
PARTS = 16
"""A hole that takes more parts of the image to fill would become patchwork."""
RADIUS = 4
"""Pixels around such a hole that are looked at to fill it."""
ALIKE = 32
"""Up to such a difference, of 255, two pixels are of the same thing in another tint."""
FADING = 1 / 16
"""How far into a hole such a tint reaches, as a share of the picture."""


@tool("text-to-image", optional=("controlnet", "panoptic", "upscaler"))
def inpaint(
    context: Context,
    image: Image.Image,
    mask: Image.Image,
    sketch: Image.Image | None = None,
    *,
    prompt: Annotated[
        str,
        StringConstraints(strip_whitespace=True, max_length=1000),
        Field(
            description="what the whole picture shows afterwards; to fill, only where what does not"
            " fit may be painted"
        ),
    ] = "",
    negative_prompt: NegativePrompt = "",
    seeds: Seeds,
    steps: Steps = None,
    guidance_scale: Guidance = None,
    how: Annotated[
        Literal["paint", "clear", "fill"],
        Field(
            description="paint it to the prompt; clear it, so that nothing stands there; or fill it"
            " with other parts of the image, by which things are removed best"
        ),
    ] = "paint",
    anyway: Annotated[
        bool,
        Field(description="paint a photograph all the same, which the built-in painter cannot"),
    ] = False,
) -> list[Image.Image]:
    """Paint the white part of a mask anew, one picture per seed; all other pixels are kept exactly.

    The painter sees the whole image at its own size, and what it paints is enlarged to the image's
    size. A sketch of the image's size says what is to be in the hole and where: things in color on
    transparent paper, or white lines on black. To clear is to paint it where a ControlNet is told
    that there are no outlines: ground without things. To fill takes no painter and works on
    photographs too: what is as thin as a scratch from its rim (Telea 2004), all else with parts of
    the image whose surroundings fit (`patches`) and that show no thing; what the mask shows only a
    part of, of the things that are known, stays as it is. A hole that would become patchwork is
    cleared instead, where a prompt is given and the painter knows such images.

    Raises `ToolError` for a mask or sketch of another size, a mask without anything white, a
    missing prompt, a prompt longer than the model reads, a photograph where the painter is the
    built-in one, a hole that nothing in the image fits, and pictures that come out blank.
    """
    import numpy as np

    white = mask_of("inpaint", mask, image.size)
    hole = np.asarray(white) > 0
    if how == "fill":
        paintable = bool(prompt) and (anyway or _is_familiar(context, image))
        others = _others(context, image, hole)
        filled = _filled(image, hole, others, PARTS if paintable else None)
        if filled is not None:
            return [put_back(image, filled, white)] * len(seeds)
        how = "clear"
        if others is not None:  # stay as they are
            hole = hole & ~others
            white = Image.fromarray(hole.astype(np.uint8) * 255)
    if not prompt:
        raise ToolError("inpaint: prompt is missing; say what the picture shows afterwards.")
    if sketch is not None and how == "clear":
        raise ToolError(
            "inpaint: a sketch is refused with how='clear', which leaves nothing there."
        )
    if sketch is not None and sketch.size != image.size:
        raise ToolError(
            f"inpaint: sketch measures {sketch.width}x{sketch.height} pixels; allowed is the size"
            f" of the image, {image.width}x{image.height}."
        )
    if not anyway:
        check_familiar(context, "inpaint", image, "how='fill'")
    painted = repainted(
        context, "inpaint", flatten(image), hole, sketch, clear=how == "clear",
        prompt=prompt, negative_prompt=negative_prompt, seeds=seeds, steps=steps,
        guidance_scale=guidance_scale,
    )  # fmt: skip
    return [put_back(image, picture, white) for picture in painted]


def repainted(
    context: Context,
    tool: str,
    image: Image.Image,
    hole: NDArray[np.bool_],
    sketch: Image.Image | None = None,
    *,
    clear: bool = False,
    **options: Any,
) -> list[Image.Image]:
    """The RGB image with its hole, bool (h, w), painted, along a sketch or ``clear`` of outlines;
    around it the result is only nearly as it was. ``options`` are those of `painting.paint`."""
    from .controls import of_sketch
    from .painting import Kept, paint, steering

    painter = context.models.get("text-to-image")
    side = painter.entry.native_size
    small = image.resize((side, side), Image.Resampling.LANCZOS)
    kept = Kept(small, _reduced(hole, side))
    drawn = None
    if sketch is not None:
        drawn = of_sketch(sketch.resize((side, side), Image.Resampling.LANCZOS))
    no_lines = Image.new("RGB", (side, side)) if clear else None
    steered = steering(context, kept=kept, sketch=drawn, lines=no_lines)
    painted = paint(context, tool, kept=kept, steering=steered, **options)
    return [brought_to(context, joined(kept, picture), image.size) for picture in painted]


def joined(kept: Kept, painted: Image.Image) -> Image.Image:
    """What was painted, with the tints of the picture along the border of its hole.

    Where the two are nearly alike just outside the hole, what they differ by is added inside, the
    less the farther in. Where they are not, another thing begins there, and is left as it is.
    """
    import cv2
    import numpy as np

    if kept.hole.all():
        return painted
    apart = np.asarray(kept.image, float) - np.asarray(painted)
    apart[np.abs(apart).max(2) > ALIKE] = 0
    inside, nearest = cv2.distanceTransformWithLabels(
        kept.hole.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    tints = np.zeros((nearest.max() + 1, 3))
    tints[nearest[~kept.hole]] = apart[~kept.hole]
    share = np.exp((1 - np.maximum(inside, 1)) / (FADING * painted.width))
    mended = np.asarray(painted) + share[..., None] * tints[nearest]
    return Image.fromarray(np.clip(mended.round(), 0, 255).astype(np.uint8))


def check_familiar(context: Context, tool: str, image: Image.Image, instead: str) -> None:
    """Refuse, in the name of ``tool``, what the built-in painter knows nothing of.

    Other painters are taken to know everything. Raises `ToolError` that says what works instead.
    """
    from .panoptic import FAMILIAR, see

    painter = context.models.get("text-to-image")
    if painter.entry.words != "canonical" or not context.models.has("panoptic"):
        return
    certainty = see(context, image).certainty
    if certainty < FAMILIAR:
        raise ToolError(
            f"{tool}: the image is unlike all that the built-in painter knows: its eyes are"
            f" {certainty:.0%} certain of what they see, and of its own world {FAMILIAR:.0%} or"
            f" more. What works on photographs: {instead}, adjust, upscale, style_transfer with a"
            " reference, or a larger painter; anyway=true paints all the same."
        )


def _is_familiar(context: Context, image: Image.Image) -> bool:
    """Whether the painter knows such images, as of `check_familiar`."""
    try:
        check_familiar(context, "inpaint", image, "")
    except ToolError:
        return False
    return True


def _reduced(hole: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """A hole at the painter's size: every pixel that any of its own falls into."""
    import numpy as np

    white = Image.fromarray(hole.astype(np.uint8) * 255)
    if white.width <= side or white.height <= side:
        white = white.resize((max(white.width, side), max(white.height, side)))
    return np.asarray(white.resize((side, side), Image.Resampling.BOX)) > 0


def _filled(
    image: Image.Image, hole: NDArray[np.bool_], others: NDArray[np.bool_] | None, most: int | None
) -> Image.Image | None:
    """The image with its hole filled, but for ``others`` in it, and with nothing of those; None
    where that would take more than ``most`` parts."""
    import cv2
    import numpy as np

    from .patches import patched

    rgb = np.asarray(flatten(image))
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
    if (depth[hole] > max(RADIUS, THIN * max(image.size))).mean() < THICK:
        return Image.fromarray(cv2.inpaint(rgb, hole.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA))
    within = hole if others is None else hole & ~others
    avoid = None if others is None else grown(others, round(CLEAR * max(image.size)))
    found = patched(rgb, within, avoid, most)
    if found is not None:
        return Image.fromarray(found)
    if most is not None:
        return None
    raise ToolError(
        f"inpaint: the mask covers {hole.mean():.0%} of the image, and nothing in the rest of"
        " it fits. Use a smaller mask, or how='paint'."
    )


def _others(
    context: Context, image: Image.Image, hole: NDArray[np.bool_]
) -> NDArray[np.bool_] | None:
    """Where things are in an image of which the hole takes only a part, bool (h, w): those stay,
    and nothing is filled with them. None where there are none, or nobody can tell, or where all of
    the hole is on them: a mark on a thing is filled with the thing."""
    import numpy as np

    from .panoptic import see
    from .segment import enlarged

    sight = see(context, image) if context.models.has("panoptic") else None
    if sight is None or not sight.familiar:
        return None
    others = np.zeros_like(hole)
    for number in range(1, len(sight.things) + 1):
        there = enlarged((sight.owner == number).astype(np.float32), image.size)
        if (there & hole).sum() < PART * there.sum():
            others |= there
    return others if others.any() and (hole & ~others).any() else None
