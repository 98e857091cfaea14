"""Give an image another style: one that the painter knows by name, or that of another picture."""

from __future__ import annotations

from typing import Annotated, Literal

from PIL import Image
from pydantic import BaseModel, Field, StringConstraints

from .errors import ToolError
from .painter_words import painter_prompt
from .registry import Context, Role, flatten, tool
from .upscale import brought_to
from .world import world

Way = Literal["paint", "adapter", "network", "optimize", "color"]


_NEEDS: dict[Way, Role | None] = {
    "adapter": "style-adapter", "network": "stylizer", "optimize": "style-features", "color": None,
}  # fmt: skip
"""The models of the ways to the style of a reference."""


STEPS = 16
"""Denoising steps from pure noise to a picture, at least: a part of them is taken."""


class Restyled(BaseModel):
    """How an image was given its style."""

    how: Way
    style: str | None
    """The canonical name of the style, or None for that of a reference."""


@tool("text-to-image", optional=("stylizer", "style-features", "style-adapter", "upscaler"))
def style_transfer(
    context: Context,
    image: Image.Image,
    reference: Image.Image | None = None,
    *,
    style: Annotated[
        str | None,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=60),
        Field(description="the style by name, such as 'watercolor'; left out with a reference"),
    ] = None,
    how: Annotated[
        Literal["auto", "paint", "adapter", "network", "optimize", "color"],
        Field(
            description="paint over it (a style by name); or for a reference, paint over it with an"
            " adapter, or by a network, by slow optimization, or its colors only; auto takes the"
            " best that is there"
        ),
    ] = "auto",
    strength: Annotated[
        float, Field(ge=0, le=1, description="how far to go; 0 leaves the image as it is")
    ] = 0.6,
    prompt: Annotated[
        str,
        StringConstraints(strip_whitespace=True, max_length=1000),
        Field(description="what the image shows, for painting; empty if not known"),
    ] = "",
    seed: Annotated[int, Field(ge=0, le=2**32 - 1, description="of the noise to paint from")] = 0,
) -> tuple[Image.Image, Restyled]:
    """Give an image another style, named or that of a reference picture; its layout is kept.

    The result has the size, the mode and the transparency of the image; a gray image stays gray.
    The value says which way was taken: for a reference, ``auto`` takes the adapter where there is
    one, else the network, and its colors only where the profile has no stylizer either.

    - ``paint`` noises the image by ``strength`` and paints over it in the named style (SDEdit, Meng
      et al. 2022). The painter sees it at its own size, in its own proportions; what it paints is
      enlarged again, by the upscaler where that is there. Detail finer than that is lost. A painter
      that is told what to change goes all the way, whatever the strength.
    - ``adapter`` paints over it in the same way, and shows the painter the reference beside the
      prompt (IP-Adapter, Ye et al. 2023).
    - ``network`` moves an encoder's features to the moments of the reference's (AdaIN, Huang &
      Belongie 2017), in one pass at full size.
    - ``optimize`` changes the pixels until VGG-19's features have the correlations of the
      reference's (Gatys et al. 2016), at 512 pixels at most; it needs those weights.
    - ``color`` moves mean and spread of the colors only (Reinhard et al. 2001), and needs no model.

    The others mix the result with the image by ``strength``.

    Raises `ToolError` for both a style and a reference or neither, for a style that is not known, a
    way that does not fit or whose model is missing, and a prompt longer than the painter reads.
    """
    if (style is None) == (reference is None):
        given = "both were given" if style else "neither was"
        raise ToolError(f"style_transfer: give either style or reference; {given}.")
    name = None if style is None else named(style)
    way = _way(context, how, painted=name is not None)
    told = Restyled(how=way, style=name)
    if strength == 0:
        return image.copy(), told
    if reference is None or way == "adapter":
        styled = _painted(context, image, name, reference, strength, prompt, seed)
    else:
        styled = Image.blend(
            image.convert("RGB"), _transferred(context, way, image, reference), strength
        )
    result = styled.convert("L") if image.mode in ("L", "LA") else styled
    if "A" in image.getbands():
        result.putalpha(image.getchannel("A"))
    return result, told


def named(style: str) -> str:
    """The canonical name of a style, given by that or by another word for it, English or Chinese.

    Raises `ToolError` that names the styles there are, and the nearest one where that is known.
    """
    wanted = style.casefold()
    styles = world().styles
    for name, word in styles.items():
        if wanted in (name, *word.en, *word.zh):
            return name
    nearest = next((name for name, word in styles.items() if wanted in word.near), None)
    hint = f"; the nearest to it is {nearest}" if nearest else ""
    raise ToolError(
        f"style_transfer: style = {style!r} is refused; allowed is one of {', '.join(styles)}"
        f"{hint}."
    )


def _way(context: Context, how: Way | Literal["auto"], *, painted: bool) -> Way:
    """The way to take. Raises `ToolError` for one that does not fit, or whose model is missing."""
    if painted:
        if how not in ("auto", "paint"):
            raise ToolError(
                f"style_transfer: how = {how!r} is refused for a style by name; allowed is 'auto'"
                f" or 'paint', or {how!r} with a reference instead of style."
            )
        return "paint"
    there = [way for way, role in _NEEDS.items() if role is None or context.models.has(role)]
    if how == "auto":
        return next(way for way in there if way != "optimize")  # that is slow
    if how == "paint":
        raise ToolError(
            "style_transfer: how = 'paint' is refused for a reference; allowed here is one of auto,"
            f" {', '.join(there)}, or 'paint' with a style by name."
        )
    if how not in there:
        raise ToolError(
            f"style_transfer: how = {how!r} needs a model that this profile has not; allowed here"
            f" is one of auto, {', '.join(there)}."
        )
    return how


def _transferred(
    context: Context, way: Way, image: Image.Image, reference: Image.Image
) -> Image.Image:
    """The image's colors in the manner of the reference, RGB of the same size."""
    if way == "network":
        from .style_network import restyled

        return restyled(context, context.models.get("stylizer"), image, reference)
    if way == "optimize":
        from .style_optimization import optimized

        network = context.models.get("style-features")
        return optimized(context, network, image.convert("RGB"), flatten(reference))
    from .color_transfer import recolored

    return recolored(image, reference)


def _painted(
    context: Context, image: Image.Image, style: str | None, reference: Image.Image | None,
    strength: float, prompt: str, seed: int,
) -> Image.Image:  # fmt: skip
    """The image painted over in a style, or that of a reference, RGB of the same size."""
    from .painting import at_its_size, kind_of, paint

    painter = context.models.get("text-to-image")
    kind = kind_of(painter)
    usual = int(painter.entry.defaults["steps"])
    steps = usual if kind.edits else max(STEPS, usual)
    [painted] = paint(
        context,
        "style_transfer",
        prompt=prompt
        if style is None
        else _prompt(style, prompt, "told" if kind.edits else painter.entry.words),
        seeds=[seed],
        steps=steps,
        start=at_its_size(painter, image),
        strength=max(strength, 1.001 / steps),
        manner=None if reference is None else flatten(reference),
    )
    return brought_to(context, painted, image.size)


def _prompt(style: str, prompt: str, words: str) -> str:
    """The prompt for a picture in a style; another style that ``prompt`` begins with gives way.
    ``words`` are those of `Entry`, or "told" for a painter that is told what to change."""
    if words == "told":
        shown = f" It shows {prompt}." if prompt else ""
        return f"Change the style of this image to {style}; keep everything in its place.{shown}"
    if words == "plain":
        return f"{prompt}, {style} style" if prompt else f"{style} style"
    first, stop, rest = prompt.partition(".")
    if first + stop in {painter_prompt(style=other) for other in world().styles}:
        prompt = rest.lstrip()
    return f"{painter_prompt(style=style)} {prompt}".rstrip()
