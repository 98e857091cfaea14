"""Composition: which things a scene holds and where they stand.

The rules keep a picture readable: feet are on ground, floor, water or a table top; things that
stand nearer are lower and larger; nothing is cut by the frame, hides another or crosses the corner
branch; the things of one group are of one size.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from danqing.tools.world import world

from . import backdrop, things
from .spec import Box, Scene, Thing

NEAR, FAR = (
    0.37,
    0.22,
)  # height of a standing person at the bottom of the picture and at the horizon
TALLEST = 0.6  # no thing is higher than this fraction of the picture
SMALLEST = 0.085  # nor lower than this
SCALES = (1.0, 0.88, 0.77, 0.67, 0.58)
FEW, CLOSER = 3, (1.35, 1.2)  # so few things stand nearer, so much larger
TRIES = 40  # random positions tried for a thing before the whole picture is set smaller

SKY_HEIGHT = {"sun": 0.17, "moon": 0.15, "star": 0.085, "cloud": 0.1, "bird": 0.1, "balloon": 0.27}
MOST = {
    "sun": 1, "moon": 1, "castle": 2, "table": 2, "tower": 3, "balloon": 4, "car": 4, "cloud": 4,
    "horse": 4, "house": 4, "tent": 4, "boat": 5,
}  # fmt: skip
COUNTS = np.array([0.56, 0.17, 0.12, 0.06, 0.05, 0.04])  # share of the counts 1 to 6
GROUPS = np.array([0.24, 0.34, 0.28, 0.14])  # share of 1 to 4 groups
MAX_THINGS = 9
HEAVENLY = ("sun", "moon", "star", "cloud")  # stand clear of hills and roofs
PAIRS = {"indoors": 0.34, "sea": 0.1}  # share of scenes built around a container or table in use
PAIRS_ELSEWHERE = 0.03

Group = tuple[str, str | None, int]
"""Kind, color, count."""


def sample(seed: int, **fixed: str) -> Scene:
    """A random scene; ``fixed`` sets any of setting, season, time, weather and style.

    The same seed gives the same scene. Raises ValueError for an unknown word in ``fixed``.
    """
    rng = np.random.default_rng([seed, 0])
    w = world()
    pools = {
        "setting": w.settings, "season": w.seasons, "time": w.times, "weather": w.weathers,
        "style": w.styles,
    }  # fmt: skip
    words = {name: str(rng.choice(list(pool))) for name, pool in pools.items()}
    if rng.random() < 0.35:
        words["weather"] = "clear"
    for name, value in fixed.items():
        if value not in pools[name]:
            raise ValueError(f"{value!r} is no {name}; it is one of {', '.join(pools[name])}")
        words[name] = value
    low, high = backdrop.HORIZON[words["setting"]]
    scene = Scene(
        seed=seed, horizon=float(rng.uniform(low, high)), things=(), **words,
    )  # fmt: skip
    return arrange(scene, _groups(scene, rng), rng)


def arrange(scene: Scene, groups: list[Group], rng: np.random.Generator) -> Scene:
    """``scene`` with the things of ``groups`` placed in it; everything shrinks until all fit.

    If even the smallest setting has no room, the last group is left out.
    """
    while True:
        few = sum(count for _, _, count in groups) <= FEW
        for scale in (CLOSER if few else ()) + SCALES:
            placed = _place(scene, groups, rng, scale)
            if placed is not None:
                return replace(scene, things=_painting_order(placed))
        if len(groups) == 1:
            kind, color, count = groups[0]
            if count == 1:
                raise ValueError(f"no room for a {kind} in the {scene.setting}")
            groups = [(kind, color, count - 1)]
        else:
            groups = groups[:-1]


def allowed(scene: Scene, kind: str, *, rare: bool = False) -> bool:
    """Whether ``kind`` makes sense in the scene; ``rare`` admits what is only unusual."""
    if not things.PLACE[kind] & _surfaces(scene):
        return False
    if kind == "sun":
        return scene.time != "night" and (scene.weather == "clear" or rare)
    if kind in ("moon", "star"):
        return scene.time == "night" and (scene.weather == "clear" or rare)
    if kind == "cloud":
        return scene.weather == "clear" or rare
    if kind == "cactus":
        return scene.setting == "desert" or rare
    return True


# -- what is in the picture


def _surfaces(scene: Scene) -> set[str]:
    if scene.setting == "indoors":
        return {"floor"}
    return {"ground", "sky", "water"} if scene.setting == "sea" else {"ground", "sky"}


def _groups(scene: Scene, rng: np.random.Generator) -> list[Group]:
    rare = rng.random() < 0.12
    kinds = [kind for kind in world().objects if allowed(scene, kind, rare=rare)]
    weights = np.array([_weight(scene, kind) for kind in kinds])
    groups = _pair(scene, rng)
    total = len(groups)
    for _ in range(1 + int(rng.choice(len(GROUPS), p=GROUPS)) - total):
        if groups and rng.random() < 0.12 and world().objects[groups[-1][0]].coloured:
            kind = groups[-1][0]  # the same kind again, in another color
        else:
            kind = str(rng.choice(kinds, p=weights / weights.sum()))
        if sum(g[0] == kind for g in groups) >= (2 if world().objects[kind].coloured else 1):
            continue
        count = min(
            1 + int(rng.choice(len(COUNTS), p=COUNTS)), MOST.get(kind, 6), MAX_THINGS - total
        )
        if count < 1:
            break
        color = _color(kind, rng)
        if any(g[0] == kind for g in groups) and (
            color is None or any(g[:2] in ((kind, color), (kind, None)) for g in groups)
        ):
            continue
        groups.append((kind, color, count))
        total += count
    return groups


def _pair(scene: Scene, rng: np.random.Generator) -> list[Group]:
    """A container with what is in it or a table with what is on it; more often, nothing."""
    if rng.random() >= PAIRS.get(scene.setting, PAIRS_ELSEWHERE):
        return []
    on_top = tuple(kind for kind in world().objects if "top" in things.PLACE[kind])
    guests = {**things.HOLDS, "table": on_top}
    holders = [kind for kind in guests if allowed(scene, kind) and _weight(scene, kind) >= 1.0]
    weights = np.array([_weight(scene, kind) * (1 + (kind == "table")) for kind in holders])
    holder = str(rng.choice(holders, p=weights / weights.sum()))
    guest = str(rng.choice(guests[holder]))
    return [(holder, _color(holder, rng), 1), (guest, _color(guest, rng), 1)]


def _weight(scene: Scene, kind: str) -> float:
    if kind == "boat" and scene.setting == "sea":
        return 4.0
    if world().objects[kind].category == "household" and kind not in ("ball", "umbrella"):
        return 2.0 if scene.setting == "indoors" else 0.2
    return {"house": 2.0, "tree": 2.0, "person": 1.6, "cactus": 2.0}.get(kind, 1.0)


def _color(kind: str, rng: np.random.Generator) -> str | None:
    if not world().objects[kind].coloured or rng.random() < 0.22:
        return None
    return str(rng.choice(list(world().colors)))


# -- where it stands


def _place(
    scene: Scene, groups: list[Group], rng: np.random.Generator, scale: float
) -> list[Thing] | None:
    placed: list[Thing] = []
    for kind, color, count in groups:
        surface = _surface(scene, kind, rng)
        top = _table_top(placed) if "top" in things.PLACE[kind] and rng.random() < 0.8 else None
        if top is not None and count > 2:
            top = None
        focus = (0.5, 1.0) if count > 2 or rng.random() < 0.3 else (rng.uniform(0.12, 0.88), 0.26)
        level = rng.uniform(0.0, 1.0)
        flip = rng.random() < 0.5
        for _ in range(count):
            holder = _holder(placed, kind) if count == 1 and rng.random() < 0.9 else None
            for attempt in range(TRIES):
                if holder is not None:
                    box = _box_inside(placed[holder], kind)
                elif top is not None:
                    box = _box_on(placed[top], kind, rng, scale, scene.horizon)
                elif surface == "sky":
                    # The last tries also take the sky in front of peaks and roofs.
                    clear = kind in HEAVENLY and attempt < TRIES // 2
                    box = _box_in_sky(scene, kind, focus, rng, scale, clear=clear)
                elif surface is None:
                    return None
                else:
                    box = _box_on_surface(scene, kind, surface, focus, level, rng, scale)
                if box is not None and _fits(box, placed, ignore=(holder, top), scene=scene):
                    break
                focus = (0.5, 1.0)
                if holder is not None:
                    holder = None
            else:
                return None
            placed.append(
                Thing(kind, box, color, holder, flip != (rng.random() < 0.2), float(rng.random()))
            )
    return placed


def _surface(scene: Scene, kind: str, rng: np.random.Generator) -> str | None:
    """Where ``kind`` stands by itself; None if only something that holds it can be here."""
    options = sorted(things.PLACE[kind] & _surfaces(scene))
    if kind == "bird" and "sky" in options:
        return "sky" if rng.random() < 0.75 else options[0]
    return options[0] if options else None


def _person(scene: Scene, foot: float) -> float:
    """Height of a standing person whose feet are at y = ``foot``."""
    return FAR + (NEAR - FAR) * (foot - scene.horizon) / (1.0 - scene.horizon)


def _sized(kind: str, height: float, room: float) -> tuple[float, float]:
    """Width and height of a thing that would be ``height`` high and has ``room`` above its foot."""
    height = min(max(height, SMALLEST), TALLEST, room, 0.62 / things.ASPECT[kind])
    return height * things.ASPECT[kind], height


def _box_on_surface(
    scene: Scene, kind: str, surface: str, focus: tuple[float, float], level: float,
    rng: np.random.Generator, scale: float,
) -> Box | None:  # fmt: skip
    bands = {"ground": backdrop.GROUND, "water": backdrop.WATER, "floor": backdrop.GROUND}
    low, high = bands[surface][scene.setting]
    depth = low + (high - low) * min(max(level + rng.uniform(-0.22, 0.22), 0.0), 1.0)
    foot = scene.horizon + (1.0 - scene.horizon) * depth
    tall = things.HEIGHT[kind] * _person(scene, foot) * scale
    width, height = _sized(kind, tall, foot - 0.04)
    return _standing(foot, width, height, focus, rng)


def _box_in_sky(
    scene: Scene, kind: str, focus: tuple[float, float], rng: np.random.Generator, scale: float,
    *, clear: bool,
) -> Box | None:  # fmt: skip
    """A place in the sky; ``clear`` keeps it above all that the backdrop raises there."""
    width, height = _sized(kind, SKY_HEIGHT[kind] * scale * rng.uniform(0.9, 1.15), 0.9)
    bottom = scene.horizon - (backdrop.SKYLINE[scene.setting] if clear else 0.05)
    if bottom - height < 0.04:
        return None
    return _standing(rng.uniform(0.04 + height, bottom), width, height, focus, rng)


def _standing(
    foot: float, width: float, height: float, focus: tuple[float, float], rng: np.random.Generator
) -> Box | None:
    half = width / 2
    if half > 0.47:
        return None
    x = min(max(focus[0] + rng.uniform(-0.5, 0.5) * focus[1], half + 0.03), 0.97 - half)
    return float(x - half), float(foot - height), float(x + half), float(foot)


def _table_top(placed: list[Thing]) -> int | None:
    return next((i for i, thing in enumerate(placed) if thing.kind == "table"), None)


def _box_on(
    table: Thing, kind: str, rng: np.random.Generator, scale: float, horizon: float
) -> Box | None:
    x0, y0, x1, y1 = table.box
    person = (y1 - y0) / things.HEIGHT["table"]
    width, height = _sized(kind, things.HEIGHT[kind] * person, y0 - 0.03)
    if width > 0.8 * (x1 - x0):
        return None
    x = rng.uniform(x0 + 0.1 * (x1 - x0) + width / 2, x1 - 0.1 * (x1 - x0) - width / 2)
    foot = y0 + 0.1 * (y1 - y0)
    return float(x - width / 2), float(foot - height), float(x + width / 2), float(foot)


def _holder(placed: list[Thing], kind: str) -> int | None:
    taken = {thing.inside for thing in placed}
    for i, thing in enumerate(placed):
        if kind in things.HOLDS.get(thing.kind, ()) and i not in taken:
            return i
    return None


def _box_inside(holder: Thing, kind: str) -> Box | None:
    """The box of a thing that stands in the holder's opening, as large as it may be there."""
    x0, y0, x1, y1 = things.opening(holder.kind)
    if holder.flip:
        x0, x1 = 1.0 - x1, 1.0 - x0
    left, top = holder.box[0], holder.box[1]
    wide, high = holder.box[2] - left, holder.box[3] - top
    room = (x1 - x0) * wide
    height = min((y1 - y0) * high, room / things.ASPECT[kind])
    if height < SMALLEST:
        return None
    width, middle, foot = height * things.ASPECT[kind], left + (x0 + x1) / 2 * wide, top + y1 * high
    return middle - width / 2, foot - height, middle + width / 2, foot


def _fits(box: Box, placed: list[Thing], *, ignore: tuple[int | None, ...], scene: Scene) -> bool:
    if box[0] < 0.01 or box[1] < 0.01 or box[2] > 0.99 or box[3] > 0.995:
        return False
    if scene.setting != "indoors" and box[1] < 0.24:
        branch = backdrop.branch_corner(scene)
        if (branch == "left" and box[0] < 0.2) or (branch == "right" and box[2] > 0.8):
            return False
    return all(_apart(box, thing.box) for i, thing in enumerate(placed) if i not in ignore)


def _apart(a: Box, b: Box) -> bool:
    """Whether neither box covers more than a twentieth of the other."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return True
    areas = ((t[2] - t[0]) * (t[3] - t[1]) for t in (a, b))
    return wide * high < 0.05 * min(areas)


def _painting_order(placed: list[Thing]) -> tuple[Thing, ...]:
    """Farthest first; what is held follows its holder, what stands on a table follows the table."""

    def depth(i: int) -> tuple[float, int]:
        thing = placed[i]
        if thing.inside is not None:
            return placed[thing.inside].box[3], i
        if (top := _table_top(placed)) is not None and top < i and _stands_on(thing, placed[top]):
            return placed[top].box[3], i
        return thing.box[3], i

    order = sorted(range(len(placed)), key=depth)
    position = {old: new for new, old in enumerate(order)}
    return tuple(
        replace(placed[i], inside=None if (held := placed[i].inside) is None else position[held])
        for i in order
    )


def _stands_on(thing: Thing, table: Thing) -> bool:
    return (
        table.box[0] <= thing.box[0]
        and thing.box[2] <= table.box[2]
        and abs(thing.box[3] - table.box[1]) < 0.15 * (table.box[3] - table.box[1])
    )
