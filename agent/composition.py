"""Composition: where the things of a picture stand, and how large they are.

The rules keep a picture readable: feet are on ground, floor, water or a table top; things that
stand nearer are lower and larger; nothing is cut by the frame or hides another; the things of one
group are of one size. The scenes that the built-in models learn from are laid out by the same
rules, so what is composed here is what the painter has seen.

All measures are fractions of the picture, x to the right and y downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..tools.geometry import Box

Range = tuple[float, float]


class Chance(Protocol):
    """A source of random numbers: `random.Random`, or a generator of numpy."""

    def random(self) -> float: ...

    def uniform(self, a: float, b: float, /) -> float: ...


# -- the things

ASPECT: dict[str, float] = {
    "person": 0.42, "cat": 0.78, "dog": 1.15, "rabbit": 0.86, "horse": 1.15, "bird": 1.25,
    "house": 1.2, "tower": 0.44, "castle": 1.2, "tent": 1.3,
    "car": 1.95, "boat": 1.05, "balloon": 0.74,
    "tree": 0.82, "pine": 0.62, "flower": 0.56, "cactus": 0.7, "mushroom": 1.0,
    "sun": 1.0, "moon": 1.0, "star": 1.051, "cloud": 1.9,
    "table": 1.55, "chair": 0.62, "lamp": 0.62, "cup": 1.12, "ball": 1.0, "umbrella": 1.05,
}  # fmt: skip
"""Width over height of each object's box."""

HEIGHT: dict[str, float] = {
    "person": 1.0, "cat": 0.55, "dog": 0.6, "rabbit": 0.5, "horse": 1.1, "bird": 0.42,
    "house": 1.7, "tower": 2.4, "castle": 2.2, "tent": 1.1,
    "car": 0.75, "boat": 1.3, "balloon": 1.7,
    "tree": 1.8, "pine": 1.8, "flower": 0.6, "cactus": 1.1, "mushroom": 0.5,
    "sun": 0.9, "moon": 0.75, "star": 0.36, "cloud": 0.6,
    "table": 0.65, "chair": 0.8, "lamp": 0.7, "cup": 0.42, "ball": 0.42, "umbrella": 0.85,
}  # fmt: skip
"""Natural height, a standing person being 1.0; compressed, so that small things stay legible."""

SKY_HEIGHT = {"sun": 0.17, "moon": 0.15, "star": 0.085, "cloud": 0.1, "bird": 0.1, "balloon": 0.27}
"""Height of what is in the sky."""

PLACE: dict[str, frozenset[str]] = {
    kind: frozenset(places.split())
    for kind, places in {
        "person": "ground floor", "cat": "ground floor top", "dog": "ground floor",
        "rabbit": "ground floor top", "horse": "ground", "bird": "sky ground",
        "house": "ground", "tower": "ground", "castle": "ground", "tent": "ground",
        "car": "ground", "boat": "water", "balloon": "sky",
        "tree": "ground", "pine": "ground", "flower": "ground", "cactus": "ground",
        "mushroom": "ground",
        "sun": "sky", "moon": "sky", "star": "sky", "cloud": "sky",
        "table": "floor ground", "chair": "floor ground", "lamp": "floor top",
        "cup": "floor top ground", "ball": "floor top ground", "umbrella": "floor ground",
    }.items()
}  # fmt: skip
"""Where an object may stand: on the ground, on water, in the sky, on a floor, on a table top."""

HEAVENLY = frozenset({"sun", "moon", "star", "cloud"})
"""What stands clear of hills and roofs."""

FLYING = frozenset({"bird", "balloon"})
"""What can be in the air or on the ground."""

TABLE_TOP = frozenset({"cup", "ball", "cat", "lamp", "rabbit"})
"""What is seen on tables."""

OPENING: dict[str, Box] = {
    "boat": (0.08, 0.22, 0.56, 0.82),
    "tent": (0.36, 0.56, 0.64, 0.98),
    "cup": (0.1, -1.1, 0.68, 0.6),
}
"""The part of a container's box in which a held thing is drawn, the thing's foot at the bottom of
it. It may reach above the container: a flower stands out of its cup."""

HOLLOW: Box = (0.25, 0.4, 0.75, 0.98)
"""The same of what is no container, should a request put something into it all the same."""

# -- the settings

HORIZON: dict[str, Range] = {
    "meadow": (0.46, 0.58),
    "sea": (0.36, 0.48),
    "mountains": (0.56, 0.64),
    "city": (0.58, 0.66),
    "desert": (0.48, 0.58),
    "indoors": (0.62, 0.70),
}
"""Where the line may be at which ground (or sea, or floor) meets sky (or wall)."""

GROUND: dict[str, Range] = {
    "meadow": (0.16, 0.96),
    "sea": (0.64, 0.96),
    "mountains": (0.14, 0.96),
    "city": (0.16, 0.96),
    "desert": (0.16, 0.96),
    "indoors": (0.14, 0.94),
}
"""Where the feet of ground things may be: shares of the way from the horizon to the bottom."""

WATER: dict[str, Range] = {"sea": (0.08, 0.46)}
"""Likewise for things that float."""

SKYLINE: dict[str, float] = {
    "meadow": 0.1,
    "sea": 0.09,
    "mountains": 0.34,
    "city": 0.38,
    "desert": 0.16,
    "indoors": 0.0,
}
"""How far above the horizon hills, peaks and roofs reach at most; above that there is only sky."""

AT_HOME: dict[str, frozenset[str]] = {
    setting: frozenset(kinds.split())
    for setting, kinds in {
        "meadow": "person cat dog rabbit horse bird house tent tree pine flower mushroom balloon"
        " castle",
        "mountains": "house castle tower tent tree pine horse bird balloon person",
        "city": "car house tower person tree bird dog cat umbrella",
        "indoors": "table chair lamp cat dog rabbit person cup ball umbrella",
        "sea": "boat person bird balloon dog ball umbrella",
        "desert": "cactus tent castle tower person balloon",
    }.items()
}
"""What one expects in a setting, besides sun, moon, stars and clouds."""

NEAR, FAR = 0.37, 0.22
"""Height of a standing person whose feet are at the bottom of the picture, and at the horizon."""
TALLEST = 0.6
SMALLEST = 0.085
SCALES = (1.0, 0.88, 0.77, 0.67, 0.58)
CROWDED = (0.5, 0.43, 0.36, 0.3)
"""Still smaller, for pictures that must hold what is asked for."""
FEW, CLOSER = 3, (1.35, 1.2)
"""So few things stand nearer, so much larger."""
TRIES = 40
"""Random positions tried for a thing before the whole picture is set smaller."""
ROUNDS = 4
"""How often a composition is begun at one size."""


@dataclass(frozen=True)
class Stage:
    """What things are set into; ``occupied`` is kept free of them."""

    setting: str
    horizon: float
    occupied: tuple[Box, ...] = ()

    @property
    def surfaces(self) -> frozenset[str]:
        """What there is to stand, float or fly on."""
        if self.setting == "indoors":
            return frozenset({"floor"})
        return frozenset({"ground", "sky", "water"} if self.setting == "sea" else {"ground", "sky"})

    def person(self, foot: float) -> float:
        """Height of a standing person whose feet are at y = ``foot``."""
        return FAR + (NEAR - FAR) * (foot - self.horizon) / (1.0 - self.horizon)


def has_room_for(kind: str, setting: str) -> bool:
    """Whether a thing can be in a setting; what can stand on a floor can stand on the ground."""
    surfaces = Stage(setting, 0.5).surfaces | {"top"}
    return bool(PLACE[kind] & (surfaces | {"floor"} if "ground" in surfaces else surfaces))


def scales(count: int) -> tuple[float, ...]:
    """The sizes to be tried for a picture of ``count`` things, the largest first."""
    return (CLOSER if count <= FEW else ()) + SCALES


def sized(kind: str, height: float, room: float) -> tuple[float, float]:
    """Width and height of a thing that would be ``height`` high and has ``room`` above its foot."""
    height = min(max(height, SMALLEST), TALLEST, room, 0.62 / ASPECT[kind])
    return height * ASPECT[kind], height


def on_surface(
    stage: Stage, kind: str, surface: str, focus: Range, level: float, scale: float, random: Chance
) -> Box | None:
    """A box on ground, floor or water, near ``focus`` (x and how far around it) and about
    ``level``, 0 for the farthest and 1 for the nearest; None where it is too wide."""
    low, high = (WATER if surface == "water" else GROUND)[stage.setting]
    depth = low + (high - low) * min(max(level + random.uniform(-0.22, 0.22), 0.0), 1.0)
    foot = stage.horizon + (1.0 - stage.horizon) * depth
    width, height = sized(kind, HEIGHT[kind] * stage.person(foot) * scale, foot - 0.04)
    return _standing(foot, width, height, focus, random)


def in_sky(
    stage: Stage, kind: str, focus: Range, scale: float, random: Chance, *, clear: bool
) -> Box | None:
    """A box in the sky, or None; ``clear`` keeps it above all that the backdrop raises there."""
    tall = SKY_HEIGHT.get(kind) or HEIGHT[kind] * FAR
    width, height = sized(kind, tall * scale * random.uniform(0.9, 1.15), 0.9)
    bottom = stage.horizon - (SKYLINE[stage.setting] if clear else 0.05)
    if bottom - height < 0.04:
        return None
    return _standing(random.uniform(0.04 + height, bottom), width, height, focus, random)


def on_top(table: Box, kind: str, random: Chance, scale: float = 1.0) -> Box | None:
    """A box on the top of a table; None where it is too wide for it or too small to see."""
    x0, y0, x1, y1 = table
    person = (y1 - y0) / HEIGHT["table"]
    width, height = sized(kind, HEIGHT[kind] * person * scale, y0 - 0.03)
    if width > 0.8 * (x1 - x0) or height < SMALLEST:
        return None
    x = random.uniform(x0 + 0.1 * (x1 - x0) + width / 2, x1 - 0.1 * (x1 - x0) - width / 2)
    foot = y0 + 0.1 * (y1 - y0)
    return float(x - width / 2), float(foot - height), float(x + width / 2), float(foot)


def in_opening(
    holder: str, box: Box, kind: str, *, flip: bool, guest: int = 0, guests: int = 1
) -> Box | None:
    """The box of a thing in a container, as large as it may be there, if it is one of several
    ``guests`` side by side; ``flip`` mirrors the container. None where it would be too small to
    see."""
    x0, y0, x1, y1 = OPENING.get(holder, HOLLOW)
    if flip:
        x0, x1 = 1.0 - x1, 1.0 - x0
    x0, x1 = x0 + (x1 - x0) * guest / guests, x0 + (x1 - x0) * (guest + 1) / guests
    left, top = box[0], box[1]
    wide, high = box[2] - left, box[3] - top
    height = min((y1 - y0) * high, (x1 - x0) * wide / ASPECT[kind])
    if height < SMALLEST:
        return None
    width, middle, foot = height * ASPECT[kind], left + (x0 + x1) / 2 * wide, top + y1 * high
    return middle - width / 2, foot - height, middle + width / 2, foot


def fits(box: Box, others: Sequence[Box], stage: Stage) -> bool:
    """Whether a box is inside the frame, clear of what is occupied and apart from ``others``."""
    if box[0] < 0.01 or box[1] < 0.01 or box[2] > 0.99 or box[3] > 0.995:
        return False
    if any(_overlap(box, taken) > 0 for taken in stage.occupied):
        return False
    return all(_overlap(box, b) < 0.05 * min(_area(box), _area(b)) for b in others)


def _standing(foot: float, width: float, height: float, focus: Range, random: Chance) -> Box | None:
    half = width / 2
    if half > 0.47:
        return None
    x = min(max(focus[0] + random.uniform(-0.5, 0.5) * focus[1], half + 0.03), 0.97 - half)
    return float(x - half), float(foot - height), float(x + half), float(foot)


def _overlap(a: Box, b: Box) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(wide, 0.0) * max(high, 0.0)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


# -- a whole picture


@dataclass(frozen=True)
class Stand:
    """A group of ``count`` like things to be placed around ``focus`` (x, and the width around it
    that they may be in). ``held`` is the index of the earlier stand that holds them."""

    kind: str
    count: int = 1
    focus: Range = (0.5, 1.0)
    sky: bool = False
    held: int | None = None


def compose(
    setting: str, stands: Sequence[Stand], random: Chance
) -> tuple[float, list[list[Box]]] | None:
    """A horizon, and a box for every thing of every stand; None where not all find room.

    Everything is set smaller until it fits. Equal generators compose equally.
    """
    stage = Stage(setting, random.uniform(*HORIZON[setting]))
    for scale in (*scales(sum(stand.count for stand in stands)), *CROWDED):
        for _ in range(ROUNDS):
            placed = _placed(stage, stands, scale, random)
            if placed is not None:
                return stage.horizon, placed
    return None


def _placed(
    stage: Stage, stands: Sequence[Stand], scale: float, random: Chance
) -> list[list[Box]] | None:
    done: list[list[Box]] = []
    flips = [random.random() < 0.5 for _ in stands]
    for k, stand in enumerate(stands):
        level = random.uniform(0.15, 1.0)
        boxes: list[Box] = []
        holders = [] if stand.held is None else done[stand.held]
        others = [box for group in done for box in group if box not in holders]
        for n in range(stand.count):
            for attempt in range(TRIES):
                strain = attempt / TRIES  # the longer it takes, the less is insisted on
                wider = 1 + 2 * strain if scale <= SCALES[-1] else 1.0
                focus = stand.focus[0], stand.focus[1] * wider
                if stand.held is not None:
                    holder, around = stands[stand.held].kind, holders[n % len(holders)]
                    if holder == "table":
                        box = on_top(around, stand.kind, random, 1.0 - 0.4 * strain)
                    else:
                        guest, guests = _seat(stands, k, n, len(holders))
                        box = in_opening(
                            holder, around, stand.kind, flip=flips[stand.held],
                            guest=guest, guests=guests,
                        )  # fmt: skip
                elif stand.sky:
                    clear = stand.kind in HEAVENLY and strain < 0.5
                    box = in_sky(stage, stand.kind, focus, scale, random, clear=clear)
                else:
                    floats = "water" in PLACE[stand.kind] & stage.surfaces
                    surface = "water" if floats else "ground"
                    depth = level if strain < 0.5 else random.random()
                    box = on_surface(stage, stand.kind, surface, focus, depth, scale, random)
                if box is not None and fits(box, [*others, *boxes], stage):
                    boxes.append(box)
                    break
            else:
                return None
        done.append(boxes)
    return done


def _seat(stands: Sequence[Stand], k: int, n: int, holders: int) -> tuple[int, int]:
    """The seat of the n-th thing of stand k in its holder, and how many seats there are."""
    mine = stands[k].held
    sharing = [i for i, stand in enumerate(stands) if stand.held == mine]
    guests = [(i, m) for i in sharing for m in range(stands[i].count) if m % holders == n % holders]
    return guests.index((k, n)), len(guests)
