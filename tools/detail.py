"""Paint the things of a picture again, each by itself and large."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated

from PIL import Image, ImageOps
from pydantic import Field, StringConstraints

from .errors import ToolError
from .options import Seed
from .painter_words import Phrase, spots_of, words
from .registry import Context, tool
from .sketch import Sketched, check_thing
from .sprite import TALL, alone, stage

LOOKS = 2
"""So many times a thing is painted; what is most like the one that was there, or the other way
round, is laid back."""
MAGNIFIED = 3.0
"""So many times as large as in the image a thing is painted at most: no painter has seen a star as
tall as a house."""
LOW = 0.32
"""Indoors, what is taller than this stands before the window, and takes its colors."""
UNLIKE = 40.0
"""A thing that differs by more than this on average, of 255, is left as it was."""
LARGE = 0.5
"""A thing so high, as a share of the image, has all its detail already."""
HIDDEN = 0.25
"""Things that share so much of the smaller one's box are left as they were, too: which of them is
in front, nobody knows."""
COARSE = 8
"""Pixels a side at which looks are compared."""


@tool("text-to-image", "controlnet", optional=("upscaler",))
def detail(
    context: Context,
    image: Image.Image,
    *,
    things: Annotated[
        list[Sketched],
        Field(
            min_length=1,
            max_length=40,
            description="what is in the image and where, the farthest first: each with a kind, such"
            " as 'house', a box of left, top, right, bottom from 0 to 1, and a color or none",
        ),
    ],
    scene: Annotated[
        str,
        StringConstraints(strip_whitespace=True, max_length=500),
        Field(description="style, setting, season and light, in the words of the image's prompt"),
    ] = "",
    seed: Annotated[Seed, Field(description="of the noise to paint from")],
    anyway: Annotated[
        bool, Field(description="lay all of them in, whatever stands there: for new things")
    ] = False,
) -> Image.Image:
    """Paint the things of an image again, each by itself and as large as the painter can, and lay
    them in where they stand, the farthest first; the result has the size and mode of the image.

    So a painter of small pictures paints small things with all the detail it has for large ones, as
    detailers do with faces. It is for an image whose things look as their sketches do: what comes
    out unlike the thing that was there, mirrored or not, is not taken, nor things that hide one
    another, or are large already; unless they are new, and laid in ``anyway``.

    Raises `ToolError` for things that cannot be sketched, and as `sprite` does.
    """
    things = [Sketched.model_validate(thing) for thing in things]
    for n, thing in enumerate(things):
        check_thing(thing, f"detail: things[{n}].")
        if min(_size(thing, image)) < 1:
            raise ToolError(
                f"detail: things[{n}].box = {thing.box} is refused; allowed is left, top, right,"
                " bottom with an inside of a pixel or more."
            )
    left = set() if anyway else _hidden(things) | _large(things)
    groups: dict[tuple[str, str | None, bool, int], list[int]] = {}
    for n, thing in enumerate(things):
        if n not in left:
            groups.setdefault((thing.kind, thing.color, thing.flip, thing.variant), []).append(n)
    page, alpha = image.convert("RGB"), None
    if "A" in image.getbands():
        alpha = image.getchannel("A")
    sprites: dict[int, Image.Image] = {}
    for number, members in enumerate(groups.values()):
        kind, color = things[members[0]].kind, things[members[0]].color
        context.progress(number, len(groups), f"painting {kind}")
        first = max(members, key=lambda n: _size(things[n], image)[1])
        wide, high = _size(things[first], image)
        tall = min(LOW if "indoors" in scene else TALL, MAGNIFIED * high / image.height)
        phrase = Phrase(kind, 1, color, spots=spots_of([stage(wide / high, tall)]))
        looks = alone(
            context, "detail", things[first], (wide, high), tall=tall,
            prompt=f"{scene} {words(phrase)}.".strip(),
            seeds=[(seed + LOOKS * number + k) % 2**32 for k in range(LOOKS)],
        )  # fmt: skip
        for k, n in enumerate(members):
            size = _size(things[n], image)
            resized = [look.resize(size, Image.Resampling.LANCZOS) for look in looks]
            if anyway:
                sprites[n] = resized[k % LOOKS]
                continue
            resized += [ImageOps.mirror(look) for look in resized]
            apart = [_unlike(look, page, things[n]) for look in resized]
            if min(apart) <= UNLIKE:
                sprites[n] = resized[apart.index(min(apart))]
    for n in sorted(sprites):
        matte, corner = sprites[n].getchannel("A"), _corner(things[n], image)
        page.paste(sprites[n].convert("RGB"), corner, matte)
        if alpha is not None:
            alpha.paste(255, corner, matte)
    result = page.convert(image.mode.removesuffix("A"))
    if alpha is not None:
        result.putalpha(alpha)
    return result


def _size(thing: Sketched, image: Image.Image) -> tuple[int, int]:
    left, top, right, bottom = thing.box
    wide = round(right * image.width) - round(left * image.width)
    return wide, round(bottom * image.height) - round(top * image.height)


def _large(things: Sequence[Sketched]) -> set[int]:
    return {n for n, thing in enumerate(things) if thing.box[3] - thing.box[1] >= LARGE}


def _corner(thing: Sketched, image: Image.Image) -> tuple[int, int]:
    return round(thing.box[0] * image.width), round(thing.box[1] * image.height)


def _hidden(things: Sequence[Sketched]) -> set[int]:
    """The numbers of things of which one hides much of another."""
    found: set[int] = set()
    for n, m in itertools.combinations(range(len(things)), 2):
        a, b = things[n].box, things[m].box
        wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        smaller = min((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
        if max(wide, 0.0) * max(high, 0.0) > HIDDEN * smaller:
            found |= {n, m}
    return found


def _unlike(look: Image.Image, page: Image.Image, thing: Sketched) -> float:
    """How far the colors of a look are from those of the thing that it is to cover, 0 to 255."""
    import numpy as np

    left, top = _corner(thing, page)
    there = page.crop((left, top, left + look.width, top + look.height))
    (mine, yours), alpha = (
        (
            np.asarray(picture.convert("RGB").resize((COARSE, COARSE), Image.Resampling.BOX), float)
            for picture in (look, there)
        ),
        np.asarray(look.getchannel("A").resize((COARSE, COARSE), Image.Resampling.BOX), float),
    )
    return float((np.abs(mine - yours).mean(2) * alpha).sum() / max(alpha.sum(), 1.0))
