"""Draw pictures that follow outlines, with a ControlNet."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from PIL import Image, ImageFilter
from pydantic import Field

from .errors import ToolError
from .masks import mask_of
from .options import Guidance, NegativePrompt, Prompt, Seeds, Steps
from .registry import Context, flatten, tool
from .upscale import brought_to

EDGE = 1 / 400
"""Width over which the border of what is laid over a picture fades, as a share of its side."""
STEPS = 9
"""Denoising steps from noise to a picture; of them a part is taken to paint over an image."""


@tool("text-to-image", "controlnet", optional=("detector", "upscaler"))
def edge_guided(
    context: Context,
    image: Image.Image,
    front: Image.Image | None = None,
    mask: Image.Image | None = None,
    *,
    prompt: Prompt,
    negative_prompt: NegativePrompt = "",
    seeds: Seeds,
    outlines: Annotated[
        Literal["canny", "drawn", "hed", "lineart", "depth", "pose"],
        Field(
            description="find the outlines in the image, or take it as a sketch: things in color on"
            " transparent paper, white lines on black, or dark ones on white; hed and lineart are"
            " learned detectors; depth and pose are found instead of outlines, for a ControlNet"
            " that has learned them"
        ),
    ] = "canny",
    low: Annotated[
        int, Field(ge=0, le=255, description="lower threshold of the Canny edge detector")
    ] = 60,
    high: Annotated[
        int, Field(ge=1, le=255, description="upper threshold of the Canny edge detector")
    ] = 140,
    heed: Annotated[
        float, Field(ge=0, le=2, description="how closely to follow the outlines; 1 is usual")
    ] = 1.0,
    strength: Annotated[
        float,
        Field(gt=0, le=1, description="how far to paint over the image itself; 1 draws it anew"),
    ] = 1.0,
    relight: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="how far to bring what is laid in front into the light of what was painted",
        ),
    ] = 0.0,
    steps: Steps = None,
    guidance_scale: Guidance = None,
) -> list[Image.Image]:
    """Draw one picture per seed from a prompt, along the outlines of an image (ControlNet, Zhang et
    al. 2023), in the image's size.

    The painter works at its own size, to which the outlines are brought; what it paints is enlarged
    to the image's size. A sketch needs to tell only what matters: where there is nothing on it, the
    painter is free. Of a sketch in color a ControlNet that knows outlines only is shown those.
    With a strength below 1 the image is noised so far only and painted over (SDEdit, Meng et al.
    2022), so that its colors and small things stay: another season, or another time of day.
    What a mask shows of a ``front`` image is laid over each picture: things that are to stay as
    they are. So far as ``relight`` says, its colors move as those of the image did (after Reinhard
    et al. 2001).

    Raises `ToolError` for a strength below 1 with a sketch, for a front without a mask or of
    another size than the image, for an all-black mask, where there are no outlines, for thresholds
    of which the lower is above the upper, for a detector that is not there, for depth or pose where
    the ControlNet knows outlines only, for a prompt longer than the model reads, and for pictures
    that come out blank.
    """  # fmt: skip
    from .controls import DARK, of_sketch
    from .painting import paint, steering

    if low > high:
        raise ToolError(f"edge_guided: low = {low} is above high = {high}; allowed is up to it.")
    if strength < 1 and outlines == "drawn":
        raise ToolError(
            f"edge_guided: strength = {strength} is refused for a sketch; allowed is 1, since there"
            " is no picture to be painted over."
        )
    if (front is None) != (mask is None):
        raise ToolError("edge_guided: front and mask go together; one of them is missing.")
    if front is not None and front.size != image.size:
        raise ToolError(
            f"edge_guided: the front has {front.width}x{front.height} pixels, the image"
            f" {image.width}x{image.height}; allowed is the same size."
        )
    shown = None if mask is None else mask_of("edge_guided", mask, image.size)
    painter = context.models.get("text-to-image")
    side = painter.entry.native_size
    if outlines == "drawn":
        sketch = of_sketch(image.resize((side, side), Image.Resampling.LANCZOS))
        if not sketch.lines.max() > DARK:
            raise ToolError("edge_guided: the sketch has no lines.")
        steered = steering(context, sketch=sketch, heed=heed)
    else:
        small = flatten(image).resize((side, side), Image.Resampling.LANCZOS)
        steered = steering(context, lines=_lines(context, small, outlines, low, high), heed=heed)
    over: dict[str, Any] = {}
    if strength < 1:
        over = {"start": small, "strength": strength}
        steps = max(STEPS, round(1.001 / strength)) if steps is None else steps
    painted = paint(
        context, "edge_guided", prompt=prompt, negative_prompt=negative_prompt, seeds=seeds,
        steps=steps, guidance_scale=guidance_scale, steering=steered, **over,
    )  # fmt: skip
    pictures = [brought_to(context, picture, image.size) for picture in painted]
    if front is None or shown is None:
        return pictures
    from .color_transfer import relit

    soft = shown.filter(ImageFilter.GaussianBlur(EDGE * max(image.size)))
    own, plain = flatten(front), flatten(image)
    return [
        Image.composite(relit(own, plain, picture, relight) if relight else own, picture, soft)
        for picture in pictures
    ]


def _lines(context: Context, image: Image.Image, outlines: str, low: int, high: int) -> Image.Image:
    """White lines on black, RGB of the image's size."""
    if outlines != "canny":
        from .controls import takes_pictures
        from .detectors import OUTLINES, detected

        network = context.models.get("controlnet").model
        if outlines not in OUTLINES and not takes_pictures(network):
            raise ToolError(
                f"edge_guided: outlines = {outlines!r} is for a ControlNet that has learned it; the"
                " one of this profile follows outlines only."
            )
        return detected(context, "edge_guided", outlines, image)
    import numpy as np

    from . import controls

    lines = controls.outlines(np.asarray(image), low, high)
    if not lines.any():
        raise ToolError("edge_guided: the image has no outlines; use lower thresholds.")
    return Image.fromarray(lines)
