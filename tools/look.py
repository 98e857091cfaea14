"""List what there is in an image, thing by thing."""

from __future__ import annotations

from PIL import Image
from pydantic import BaseModel, ConfigDict

from .geometry import Box, rounded
from .panoptic import Sight, see
from .registry import Context, tool


class Item(BaseModel):
    """One thing: its ``kind``, its ``color`` (None where it is as such things are by nature), the
    color that it ``looks`` like in either case, how sure kind and color are (0 to 1), and its
    ``box`` as left, top, right, bottom in fractions of the image."""

    model_config = ConfigDict(frozen=True)

    kind: str
    color: str | None
    looks: str
    box: Box
    confidence: float
    color_confidence: float


class Look(BaseModel):
    """Everything that was seen: ``things`` from left to right; ``facts``, such as the season, each
    with how sure it is; ``horizon``, the y at which the ground begins, or None. What is said of a
    picture that is not ``familiar``, as photographs are not, is a guess."""

    model_config = ConfigDict(frozen=True)

    things: list[Item]
    facts: dict[str, tuple[str, float]]
    horizon: float | None
    familiar: bool


@tool("panoptic")
def look(context: Context, image: Image.Image) -> Look:
    """List everything in an image: each thing with its color and place, and the season, time,
    weather, setting and style.

    It is exact where caption is fluent: it tells every single thing and where it is.
    """
    return looked(see(context, image))


def looked(sight: Sight) -> Look:
    """What was seen, as plain values."""
    things = [
        Item(
            kind=t.kind, color=t.color, looks=t.looks, box=rounded(t.box),
            confidence=round(t.confidence, 4), color_confidence=round(t.color_confidence, 4),
        )
        for t in sight.things
    ]  # fmt: skip
    facts = {fact: (word, round(p, 4)) for fact, (word, p) in sight.facts.items()}
    return Look(things=things, facts=facts, horizon=_horizon(sight), familiar=sight.familiar)


def _horizon(sight: Sight) -> float | None:
    """The median, over the columns that have ground, of where it begins."""
    import numpy as np

    ground = sight.probability("ground") > 0.5
    columns = ground.any(0)
    if not columns.any():
        return None
    return round(float(np.median(ground[:, columns].argmax(0)) / len(ground)), 4)
