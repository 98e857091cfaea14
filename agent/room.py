"""Room in a picture: where things stand, and where new and moved ones come to stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from ..tools.geometry import Box, center
from .brief import Brief
from .composition import (
    ASPECT,
    CROWDED,
    HEIGHT,
    PLACE,
    Stage,
    fits,
    in_opening,
    in_sky,
    on_surface,
    on_top,
    scales,
)
from .groups import known_noun
from .wording import Placed

FOCUS = {"left": (0.2, 0.25), "right": (0.8, 0.25), "center": (0.5, 0.2)}
"""Where in the width a place is: its middle, and how far around it."""
APART = 0.04
"""How far from another a thing comes to stand that is moved beside it."""
TRIES = 60
LESS, MORE = 0.6, 1.4
"""How much smaller and larger than an old thing a new one may be that takes its place."""


@dataclass(frozen=True)
class Room:
    """What a picture has room for: its ``things`` in a ``setting``, and the y at which the ground
    begins. The claims of the Brief say how new things stand to them."""

    brief: Brief
    things: Sequence[Placed]
    setting: str
    horizon: float
    random: Random

    def free(self, noun: str, place: str | None, taken: Sequence[Box]) -> Box | None:
        """A free place for a new thing, in a part of the picture if one is named; None where there
        is none."""
        stage = Stage(self.setting, self.horizon)
        holder = self._holder(noun)
        focus = FOCUS.get((place or "").split()[-1] if place else "", (0.5, 1.0))
        focus = self._beside_another(noun) or focus
        flying = PLACE[noun] & {"sky"} and "bottom" not in (place or "")
        for scale in (*scales(len(taken) + 1), *CROWDED):
            for _ in range(TRIES):
                if holder is not None:
                    over = holder.kind == "table"
                    box = (
                        on_top(holder.box, noun, self.random, scale) if over
                        else in_opening(holder.kind, holder.box, noun, flip=False)
                    )  # fmt: skip
                elif flying and self.setting != "indoors":
                    box = in_sky(stage, noun, focus, scale, self.random, clear=False)
                else:
                    floats = "water" in PLACE[noun] & stage.surfaces
                    surface = "water" if floats else "ground"
                    level = self.random.random()
                    box = on_surface(stage, noun, surface, focus, level, scale, self.random)
                others = [b for b in taken if holder is None or b != holder.box]
                if box is not None and fits(box, others, stage):
                    return box
        return None

    def _holder(self, noun: str) -> Placed | None:
        """The thing of the picture that a new one is to be in or on, if it is."""
        for claim in self.brief.claims:
            if claim.kind == "relation" and known_noun(claim.subject)[0] == noun:
                other = known_noun(claim.object)[0]
                held = claim.value == "inside" or (claim.value == "above" and other == "table")
                if held:
                    return next((t for t in self.things if t.kind == other), None)
        return None

    def _beside_another(self, noun: str) -> tuple[float, float] | None:
        """The focus that a relation of a new thing to one of the picture gives it."""
        for claim in self.brief.claims:
            if claim.kind == "relation" and known_noun(claim.subject)[0] == noun:
                other = known_noun(claim.object)[0]
                box = next((t.box for t in self.things if t.kind == other), None)
                if box is not None and claim.value == "left of":
                    return box[0] / 2, box[0] * 0.7
                if box is not None and claim.value == "right of":
                    return (box[2] + 1) / 2, (1 - box[2]) * 0.7
                if box is not None:
                    return center(box)[0], 0.15
        return None

    def beside(self, thing: Placed, place: str, taken: Sequence[Box]) -> Box:
        """Where a thing that is moved comes to stand: at its height, or as high as the place is."""
        wide, high = thing.box[2] - thing.box[0], thing.box[3] - thing.box[1]
        top = thing.box[1]
        for part in place.split():
            top = {"top": 0.06, "bottom": 0.97 - high}.get(part, top)
        spots = FOCUS.get(place.split()[-1])
        if spots is None:
            return thing.box[0], top, thing.box[2], top + high
        stage = Stage(self.setting, self.horizon)
        middle, around = spots
        steps = [middle + k / 20 * around * side for k in range(11) for side in (1, -1)]
        boxes = [within((x - wide / 2, top, x + wide / 2, top + high)) for x in steps]
        free = next((box for box in boxes if fits(box, taken, stage)), None)
        return free or min(boxes, key=lambda box: sum(shared(box, other) for other in taken))


def away(box: Box, place: str) -> float:
    """How far a box is from a part of the picture."""
    x, y = center(box)
    ends = {"left": x, "right": 1 - x, "top": y, "bottom": 1 - y, "center": abs(x - 0.5)}
    return sum(ends.get(part, 0.0) for part in place.split())


def related(box: Box, value: str, other: Box) -> Box:
    """A box moved to where it stands in a relation to another one, as far as the picture goes."""
    wide, high = box[2] - box[0], box[3] - box[1]
    x, foot = center(box)[0], box[3]
    match value:
        case "left of":
            x = other[0] - APART - wide / 2
        case "right of":
            x = other[2] + APART + wide / 2
        case "above":
            x, foot = center(other)[0], other[1] + 0.01
        case "below":
            x, foot = center(other)[0], other[3] + APART + high
        case _:
            x, foot = center(other)[0], other[3]
    foot = min(max(foot, high + 0.02), 0.98)
    return within((x - wide / 2, foot - high, x + wide / 2, foot))


def shared(a: Box, b: Box) -> float:
    """The area that two boxes share."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(wide, 0.0) * max(high, 0.0)


def meet(a: Box, b: Box, margin: float) -> bool:
    """Whether two boxes are nearer than a margin."""
    apart = max(a[0], b[0]) - min(a[2], b[2]), max(a[1], b[1]) - min(a[3], b[3])
    return max(apart) < margin


def in_place_of(old: Placed, noun: str) -> Box:
    """A box for another thing where an old one stands: on its foot, as large as it is beside the
    old one, within what is about as large."""
    left, top, right, bottom = old.box
    equal = ((right - left) * (bottom - top) / ASPECT[noun]) ** 0.5
    natural = (bottom - top) * HEIGHT[noun] / HEIGHT[old.kind]
    high = min(max(natural, LESS * equal), MORE * equal, bottom - 0.02)
    wide = high * ASPECT[noun]
    x = (left + right) / 2
    return within((x - wide / 2, bottom - high, x + wide / 2, bottom))


def within(box: Box) -> Box:
    """A box moved sideways into the picture."""
    aside = max(0.02 - box[0], 0.0) + min(0.98 - box[2], 0.0)
    return box[0] + aside, box[1], box[2] + aside, box[3]


def flies(noun: str, boxes: Sequence[Box], horizon: float | None, setting: str | None) -> bool:
    if "sky" not in PLACE[noun] or setting == "indoors":
        return False
    line = 0.5 if horizon is None else horizon
    return "ground" not in PLACE[noun] or all(box[3] < line for box in boxes)


def cropped(value: str, width: int, height: int) -> list[int]:
    if value == "square":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        return [left, top, left + side, top + side]
    left, top, right, bottom = 0, 0, width, height
    for part in value.split():
        if part == "left":
            right = width * 3 // 5
        elif part == "right":
            left = width * 2 // 5
        elif part == "top":
            bottom = height * 3 // 5
        elif part == "bottom":
            top = height * 2 // 5
        elif part == "center":
            left, right = max(left, width // 6), min(right, width * 5 // 6)
            top, bottom = max(top, height // 6), min(bottom, height * 5 // 6)
    return [left, top, right, bottom]
