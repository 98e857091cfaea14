"""Find what words name in an image: from words to a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from .errors import ToolError
from .geometry import Box, rounded
from .masks import grown, refined
from .panoptic import Sight, Thing, see
from .phrases import Phrase, is_chinese, read_phrase
from .registry import Context, flatten, tool
from .world import NATURAL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HALF = 0.45
"""All things "on the left" are those whose centers lie in so much of the picture."""


class Found(BaseModel):
    """What was found: how many things, how surely (0 to 1), and their boxes, each as left, top,
    right and bottom in fractions of the image. ``text`` is how the words were understood. In a
    picture that is not ``familiar``, as photographs are not, it is a guess."""

    model_config = ConfigDict(frozen=True)

    found: bool
    confidence: float
    text: str
    count: int
    boxes: list[Box]
    familiar: bool


@tool("panoptic", optional=("segmenter",))
def segment(
    context: Context,
    image: Image.Image,
    *,
    text: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
        Field(description="what to find, such as 'the red house', 'the sky' or '左边的树'"),
    ],
    grow: Annotated[
        float, Field(ge=0, le=0.5, description="margin around it, as a share of the longer side")
    ] = 0.0,
) -> tuple[Image.Image, Found]:
    """Find what words name in an image, and give a mask of it: white where it is.

    The words are a noun, in English or Chinese, with a color, a part of the picture (left, middle,
    top) or a size (largest) if there is more than one. What is not there is said to be not found,
    and its mask is black.

    A profile with a segmenter finds any words, English ones, in any picture; what the words name of
    the built-in world in a picture of it is still found by the eyes for that.

    Raises `ToolError` for words that name nothing the model knows, or more than one thing.
    """
    mask, found = named(context, "segment", image, text)
    mask = grown(mask, round(grow * max(image.size)))
    return Image.fromarray(mask.astype("uint8") * 255), found


def named(
    context: Context, tool: str, image: Image.Image, text: str
) -> tuple[NDArray[np.bool_], Found]:
    """What words name in an image: a mask, bool (height, width), and the account of it.

    Raises `ToolError`, in the name of ``tool``, as `segment` does.
    """
    any_words = context.models.has("segmenter")
    try:
        phrase = read_phrase(tool, text)
    except ToolError:
        if not any_words:
            raise
        phrase = None
    if phrase is not None:
        sight = see(context, image)
        if sight.familiar or not any_words:
            return cut(sight, phrase, image)
    words = text
    if is_chinese(text):
        if phrase is None:
            raise ToolError(
                f"{tool}: {text!r} names nothing of the built-in world, and the segmenter of this"
                " profile reads English; say it in English."
            )
        words = str(phrase)
    mask, boxes, sure = context.models.get("segmenter").model.find(flatten(image), words)
    return mask, Found(
        found=bool(boxes), confidence=round(min(max(sure, 0.0), 1.0), 4), text=words,
        count=len(boxes), boxes=[rounded(box) for box in boxes], familiar=True,
    )  # fmt: skip


def cut(sight: Sight, phrase: Phrase, image: Image.Image) -> tuple[NDArray[np.bool_], Found]:
    """What a phrase names, as of `find`; things are cut out along the borders that their colors
    have, where the image is larger than what was seen of it."""
    mask, found = find(sight, phrase, image.size)
    if found.found and not phrase.ground and max(image.size) > max(sight.owner.shape):
        mask = refined(image, mask)
    return mask, found


def find(sight: Sight, phrase: Phrase, size: tuple[int, int]) -> tuple[NDArray[np.bool_], Found]:
    """What a phrase names in what was seen: a mask, bool (height, width), for an image of ``size``,
    and the account of it."""
    import numpy as np

    there, sure, boxes = account(sight, phrase)
    mask = enlarged(there, size) if boxes else np.zeros(size[::-1], bool)
    return mask, Found(
        found=bool(boxes), confidence=round(min(max(sure, 0.0), 1.0), 4), text=str(phrase),
        count=len(boxes), boxes=[rounded(box) for box in boxes], familiar=sight.familiar,
    )  # fmt: skip


def account(sight: Sight, phrase: Phrase) -> tuple[NDArray[np.floating], float, list[Box]]:
    """Where in what was seen a phrase's things are, from 0 to 1; how sure that is; and their boxes,
    none where nothing of the kind is."""
    import numpy as np

    if phrase.ground and phrase.kind is not None:
        p = sight.probability(phrase.kind)
        sure = 1.0
        if phrase.setting is not None and "setting" in sight.facts:
            setting, sure = sight.facts["setting"]
            if setting != phrase.setting:
                return p, sure, []
        if not (p > 0.5).any():
            return p, float(1 - p.max()), []
        return p, sure * float(p[p > 0.5].mean()), [_box(p > 0.5)]
    things = chosen(sight, phrase)
    where = np.isin(sight.owner, [n + 1 for n in things]).astype(np.float32)
    if not things:
        return where, _absence(sight, phrase), []
    sure = min(_sureness(sight.things[n], phrase) for n in things)
    return where, sure, [sight.things[n].box for n in things]


def chosen(sight: Sight, phrase: Phrase) -> list[int]:
    """The numbers, in ``sight.things``, of the things that a phrase names.

    Where none has its color, those are meant that may have it by nature: a brown dog is a dog.
    """
    same = [n for n, t in enumerate(sight.things) if phrase.kind in (None, t.kind)]
    things = [n for n in same if phrase.color in (None, sight.things[n].color)]
    things = things or [n for n in same if _by_nature(sight.things[n], phrase.color)]
    if phrase.where is None or not things:
        return things
    worth = {n: _worth(sight.things[n], phrase.where) for n in things}
    if phrase.every and phrase.where not in ("largest", "smallest"):
        return [n for n in things if worth[n] >= -HALF]
    return [max(things, key=lambda n: worth[n])]


def _by_nature(thing: Thing, color: str | None) -> bool:
    return thing.color is None and color in NATURAL.get(thing.kind, ())


def _worth(thing: Thing, where: str) -> float:
    """How far a thing is in a part of the picture, 0 at its end; or what size it has."""
    x, y = thing.center
    area = (thing.box[2] - thing.box[0]) * (thing.box[3] - thing.box[1])
    worth = {
        "left": -x, "right": x - 1, "top": -y, "bottom": y - 1, "middle": -2 * abs(x - 0.5),
        "largest": area, "smallest": -area,
    }  # fmt: skip
    first, *second = (worth[word] for word in where.split())
    return (first + second[0]) / 2 if second else first


def enlarged(p: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where a map of probabilities, enlarged to ``size``, is above one half; where it is smaller
    than a pixel, the pixels that show the most of it."""
    import cv2
    import numpy as np

    smaller = size[0] < p.shape[1] or size[1] < p.shape[0]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    large = cv2.resize(p.astype(np.float32), size, interpolation=how)
    return np.asarray(large > 0.5 if large.max() > 0.5 else (large == large.max()))


def _sureness(thing: Thing, phrase: Phrase) -> float:
    if phrase.color is None:
        return thing.confidence
    sure = thing.confidence * thing.color_confidence
    return sure if thing.color else sure / len(NATURAL[thing.kind])


def _absence(sight: Sight, phrase: Phrase) -> float:
    """How sure it is that nothing of the kind is there, or none of the color or in the place."""
    same = [thing for thing in sight.things if phrase.kind in (None, thing.kind)]
    if same and phrase.color is not None:
        return min(thing.color_confidence for thing in same)
    if same:
        return min(thing.confidence for thing in same)
    if phrase.kind is None:
        return 1.0
    return float(1 - sight.probability(phrase.kind).max())


def _box(mask: NDArray[np.bool_]) -> Box:
    import numpy as np

    ys, xs = np.nonzero(mask)
    h, w = mask.shape
    return (
        float(xs.min() / w), float(ys.min() / h),
        float((xs.max() + 1) / w), float((ys.max() + 1) / h),
    )  # fmt: skip
