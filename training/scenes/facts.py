"""What is true of a scene, computed from its spec alone.

A fact is true here only where any viewer would agree: what is a matter of opinion (a house that is
a little left of the middle) is neither stated by a caption nor held against a judge.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import combinations, permutations

from danqing.agent.composition import FLYING
from danqing.tools.geometry import above, center, left_of, stands_on
from danqing.tools.painter_words import Place, place_of
from danqing.tools.world import world

from .spec import Box, Scene, Thing

SEVERAL = 3  # the fewest things that are "several"


@dataclass(frozen=True)
class Group:
    """Things of one kind and color, by index, the most important (the largest) first.

    ``color`` is None where the object is as it is by nature. All things of a group are in the sky
    or none is; all lie inside the same thing (``inside``, an index), stand on the same thing
    (``on``), or neither.
    """

    kind: str
    color: str | None
    things: tuple[int, ...]
    sky: bool = False
    inside: int | None = None
    on: int | None = None


@dataclass(frozen=True)
class Relation:
    """``subject`` is ``value`` (of) ``object``; all three are indices of groups.

    Only "between" has an ``object2``. Of a pair of inverse relations only one is used: "left of"
    and "above", never "right of" and "below".
    """

    subject: int
    value: str
    object: int
    object2: int | None = None


def groups(scene: Scene) -> list[Group]:
    """The things by kind, color, sky and holder, the group with the largest thing first."""
    found: dict[tuple[str, str | None, bool, int | None, int | None], list[int]] = {}
    for index, thing in enumerate(scene.things):
        sky, on = in_the_sky(scene, index), standing_on(scene, index)
        found.setdefault((thing.kind, thing.color, sky, thing.inside, on), []).append(index)

    def smallness(index: int) -> float:
        x0, y0, x1, y1 = scene.things[index].box
        return -round((x1 - x0) * (y1 - y0), 6)  # alike for a mirrored box

    result = [
        Group(kind, color, tuple(sorted(things, key=smallness)), sky, inside, on)
        for (kind, color, sky, inside, on), things in found.items()
    ]
    return sorted(result, key=lambda group: smallness(group.things[0]))


def in_the_sky(scene: Scene, index: int) -> bool:
    """Whether a thing is in the air: what belongs to the sky, and what flies above the horizon."""
    thing = scene.things[index]
    if thing.inside is not None:
        return False
    if world().objects[thing.kind].category == "sky":
        return True
    return thing.kind in FLYING and thing.box[3] < scene.horizon


def standing_on(scene: Scene, index: int) -> int | None:
    """The thing that this one stands on, or None where it stands on the ground (or flies).

    Painting runs from far to near, so what is painted after another although its foot is higher up
    in the picture does not stand on the ground behind that other: it stands on it.
    """
    thing = scene.things[index]
    if thing.inside is not None or in_the_sky(scene, index):
        return None
    for below in range(index - 1, -1, -1):
        other = scene.things[below]
        if in_the_sky(scene, below) or other.inside is not None:
            continue
        if stands_on(thing.box, other.box):
            return below
    return None


def place(scene: Scene, group: Group) -> str | None:
    """ "left", "right" or "center" where every thing of the group is clearly there, else None."""
    xs = [center(scene.things[i].box)[0] for i in group.things]
    for name in ("left", "right", "center"):
        if all(_within(name, x) for x in xs):
            return name
    return None


def fifth(scene: Scene, group: Group) -> Place:
    """The part of the picture's width that the group is in, as of `place_of`."""
    return place_of([center(scene.things[i].box)[0] for i in group.things])


def relations(scene: Scene) -> list[Relation]:
    """What is clearly left of, above, inside or between what, over ``groups(scene)``.

    A relation between two groups holds for every pair of their things; what is inside is so in one
    thing of the other group. Left and above follow GenEval (Ghosh et al., 2023): the distance of
    the centers, less a tenth of both sizes, is more than half of the whole distance on that axis.
    """
    found = groups(scene)
    numbers = range(len(found))
    result: list[Relation] = []
    for a, b in permutations(numbers, 2):
        if found[a].inside is not None and found[a].inside in found[b].things:
            result.append(Relation(a, "inside", b))
        elif found[b].inside is None or found[b].inside not in found[a].things:
            pairs = [(i, j) for i in found[a].things for j in found[b].things]
            if all(_left_of(scene, i, j) for i, j in pairs):
                result.append(Relation(a, "left of", b))
            if all(_above(scene, i, j) for i, j in pairs):
                result.append(Relation(a, "above", b))
    single = [n for n in numbers if len(found[n].things) == 1]
    for a in single:
        for b, c in combinations([n for n in single if n != a], 2):
            i, j, k = (found[n].things[0] for n in (a, b, c))
            if _between(scene, i, j, k) or _between(scene, i, k, j):
                j_is_left = center(scene.things[j].box)[0] < center(scene.things[k].box)[0]
                first, second = (b, c) if j_is_left else (c, b)
                result.append(Relation(a, "between", first, second))
    return result


def count(scene: Scene, kind: str, color: str | None = None) -> int:
    """How many things of a kind there are; with ``color``, how many of that color."""
    return len(_named(scene, kind, color))


def holds(
    scene: Scene,
    claim: str,
    *,
    subject: str | None = None,
    value: str | int | None = None,
    object: str | None = None,
    object2: str | None = None,
    color: str | None = None,
    object_color: str | None = None,
    among: Collection[str] = (),
) -> bool:
    """Whether a claim about the scene is true; the arguments are those of ``danqing`` claims.

    object, absent     there is a ``subject`` (of ``color``), there is none
    count              there are exactly ``value``, or with "several" at least three
    color              every ``subject`` is of color ``value``; where the request names more colors
                       for the same noun (``among``), each is of one of them and one is of ``value``
    place              every ``subject`` (of ``color``) is clearly in the part ``value``
    relation           the ``value`` holds for every ``subject`` (of ``color``) and every ``object``
                       (of ``object_color``); inside: for every subject and some object
    season … style     the scene has that ``value``

    What is not clear to any viewer is false, and so is a claim about something that is not there.
    Raises ValueError for a kind of claim, place or relation that a spec cannot answer.
    """
    if claim in {"season", "time", "weather", "setting", "style"}:
        return bool(getattr(scene, claim) == value)
    if subject is None:
        raise ValueError(f"a claim of kind {claim!r} needs a subject")
    named = _named(scene, subject, color)
    if claim == "object":
        return bool(named)
    if claim == "absent":
        return not named
    if claim == "count":
        return len(named) >= SEVERAL if value == "several" else len(named) == value
    if claim == "color":
        colors = {scene.things[i].color for i in named}
        return value in colors and colors <= {value, *among}
    if claim == "place":
        return bool(named) and all(_in_part(scene.things[i].box, str(value)) for i in named)
    if claim == "relation" and object is not None:
        others = _named(scene, object, object_color)
        if value == "between":
            return _all_between(scene, named, others, _named(scene, object2 or object))
        return _related(scene, str(value), named, others)
    raise ValueError(f"a spec cannot answer a claim of kind {claim!r} ({value!r})")


def mirror(scene: Scene) -> Scene:
    """The scene with left and right exchanged."""

    def mirrored(thing: Thing) -> Thing:
        x0, y0, x1, y1 = thing.box
        return replace(thing, box=(1.0 - x1, y0, 1.0 - x0, y1), flip=not thing.flip)

    return replace(scene, things=tuple(mirrored(thing) for thing in scene.things))


def _named(scene: Scene, kind: str, color: str | None = None) -> list[int]:
    return [
        index
        for index, thing in enumerate(scene.things)
        if thing.kind == kind and color in (None, thing.color)
    ]


def _within(part: str, x: float) -> bool:
    if part == "left":
        return x < 0.36
    if part == "right":
        return x > 0.64
    return 0.40 <= x <= 0.60


def _in_part(box: Box, part: str) -> bool:
    x, y = center(box)
    rows = {"top": y < 0.40, "bottom": y > 0.60}
    if part in ("left", "right", "center"):
        return _within(part, x)
    if part in rows:
        return rows[part]
    row, _, side = part.partition(" ")
    if row in rows and side in ("left", "right"):
        return rows[row] and _within(side, x)
    raise ValueError(f"a spec cannot answer for the place {part!r}")


def _apart(scene: Scene, i: int, j: int) -> bool:
    return scene.things[i].inside != j and scene.things[j].inside != i


def _left_of(scene: Scene, i: int, j: int) -> bool:
    held = standing_on(scene, i) == j or standing_on(scene, j) == i
    apart = _apart(scene, i, j) and not held
    return apart and left_of(scene.things[i].box, scene.things[j].box)


def _above(scene: Scene, i: int, j: int) -> bool:
    if standing_on(scene, i) == j:
        return True
    flies = in_the_sky(scene, i) or in_the_sky(scene, j)
    return _apart(scene, i, j) and flies and above(scene.things[i].box, scene.things[j].box)


def _between(scene: Scene, i: int, left: int, right: int) -> bool:
    """Whether i is horizontally between the two, all three at similar height."""
    boxes = [scene.things[n].box for n in (i, left, right)]
    heights = [center(box)[1] for box in boxes]
    tallest = max(box[3] - box[1] for box in boxes)
    level = max(heights) - min(heights) <= 0.75 * tallest
    return level and _left_of(scene, left, i) and _left_of(scene, i, right)


def _all_between(scene: Scene, named: list[int], first: list[int], second: list[int]) -> bool:
    """Whether every named thing is between one of the first and another of the second."""
    return bool(named) and all(
        any(
            _between(scene, i, j, k) or _between(scene, i, k, j)
            for j in first
            for k in second
            if len({i, j, k}) == 3
        )
        for i in named
    )


def _related(scene: Scene, value: str, named: list[int], others: list[int]) -> bool:
    if value == "inside":
        return bool(named) and all(scene.things[i].inside in others for i in named)
    tests = {
        "left of": lambda i, j: _left_of(scene, i, j),
        "right of": lambda i, j: _left_of(scene, j, i),
        "above": lambda i, j: _above(scene, i, j),
        "below": lambda i, j: _above(scene, j, i),
    }
    if value not in tests:
        raise ValueError(f"a spec cannot answer for the relation {value!r}")
    pairs = [(i, j) for i in named for j in others if i != j]
    return bool(pairs) and all(tests[value](i, j) for i, j in pairs)
