"""Composition: which things a scene holds and where they stand.

The rules keep a picture readable: feet are on ground, floor, water or a table top; things that
stand nearer are lower and larger; nothing is cut by the frame, hides another or crosses the corner
branch; the things of one group are of one size. The geometry is that of
``danqing.agent.composition``, which composes the pictures that are painted.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from danqing.agent import composition
from danqing.agent.composition import (
    AT_HOME,
    HORIZON,
    PLACE,
    TRIES,
    Stage,
    fits,
    in_sky,
    on_surface,
    on_top,
)
from danqing.tools.world import world

from . import backdrop, things
from .spec import Scene, Thing

MOST = {
    "sun": 1, "moon": 1, "castle": 2, "table": 2, "tower": 3, "balloon": 4, "car": 4, "cloud": 4,
    "horse": 4, "house": 4, "tent": 4, "boat": 5,
}  # fmt: skip
COUNTS = np.array([0.56, 0.17, 0.12, 0.06, 0.05, 0.04])  # share of the counts 1 to 6
GROUPS = np.array([0.24, 0.34, 0.28, 0.14])  # share of 1 to 4 groups
MAX_THINGS = 9
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
    low, high = HORIZON[words["setting"]]
    scene = Scene(
        seed=seed, horizon=float(rng.uniform(low, high)), things=(), **words,
    )  # fmt: skip
    return arrange(scene, _groups(scene, rng), rng)


def crowd(seed: int) -> Scene:
    """A random scene with 2 to 6 of one kind that is at home there, each number as often, and at
    times a second group. The same seed gives the same scene."""
    scene, rng = sample(seed), np.random.default_rng([seed, 1])
    many = int(rng.integers(2, 7))
    kind = str(rng.choice(at_home(scene, many)))
    groups: list[Group] = [(kind, _color(kind, rng), many)]
    other = str(rng.choice(at_home(scene, 1)))
    if other != kind and rng.random() < 0.4:
        groups.append((other, _color(other, rng), int(rng.integers(1, 3))))
    return arrange(scene, groups, rng)


def arrange(scene: Scene, groups: list[Group], rng: np.random.Generator) -> Scene:
    """``scene`` with the things of ``groups`` placed in it; everything shrinks until all fit.

    If even the smallest setting has no room, the last group is left out.
    """
    while True:
        for scale in composition.scales(sum(count for _, _, count in groups)):
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
    if not PLACE[kind] & _surfaces(scene):
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


def at_home(scene: Scene, many: int) -> list[str]:
    """The kinds that one expects in the scene and of which there may be so ``many``."""
    return [
        kind for kind in sorted(AT_HOME[scene.setting])
        if allowed(scene, kind) and MOST.get(kind, many) >= many
    ]  # fmt: skip


# -- what is in the picture


def _stage(scene: Scene) -> Stage:
    corner: tuple[composition.Box, ...] = ()
    if scene.setting != "indoors":
        left = backdrop.branch_corner(scene) == "left"
        corner = ((0.0, 0.0, 0.2, 0.24) if left else (0.8, 0.0, 1.0, 0.24),)
    return Stage(scene.setting, scene.horizon, corner)


def _surfaces(scene: Scene) -> frozenset[str]:
    return Stage(scene.setting, scene.horizon).surfaces


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
    on_top = tuple(kind for kind in world().objects if "top" in PLACE[kind])
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
    stage = _stage(scene)
    placed: list[Thing] = []
    for kind, color, count in groups:
        surface = _surface(scene, kind, rng)
        top = _table_top(placed) if "top" in PLACE[kind] and rng.random() < 0.8 else None
        if top is not None and count > 2:
            top = None
        focus = (0.5, 1.0) if count > 2 or rng.random() < 0.3 else (rng.uniform(0.12, 0.88), 0.26)
        level = rng.uniform(0.0, 1.0)
        flip = rng.random() < 0.5
        for _ in range(count):
            holder = _holder(placed, kind) if count == 1 and rng.random() < 0.9 else None
            for attempt in range(TRIES):
                if holder is not None:
                    held = placed[holder]
                    box = composition.in_opening(held.kind, held.box, kind, flip=held.flip)
                elif top is not None:
                    box = on_top(placed[top].box, kind, rng)
                elif surface == "sky":
                    # The last tries also take the sky in front of peaks and roofs.
                    clear = kind in composition.HEAVENLY and attempt < TRIES // 2
                    box = in_sky(stage, kind, focus, scale, rng, clear=clear)
                elif surface is None:
                    return None
                else:
                    box = on_surface(stage, kind, surface, focus, level, scale, rng)
                others = [t.box for i, t in enumerate(placed) if i not in (holder, top)]
                if box is not None and fits(box, others, stage):
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
    options = sorted(PLACE[kind] & _surfaces(scene))
    if kind == "bird" and "sky" in options:
        return "sky" if rng.random() < 0.75 else options[0]
    return options[0] if options else None


def _table_top(placed: list[Thing]) -> int | None:
    return next((i for i, thing in enumerate(placed) if thing.kind == "table"), None)


def _holder(placed: list[Thing], kind: str) -> int | None:
    taken = {thing.inside for thing in placed}
    for i, thing in enumerate(placed):
        if kind in things.HOLDS.get(thing.kind, ()) and i not in taken:
            return i
    return None


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
