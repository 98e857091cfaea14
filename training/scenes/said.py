"""What a caption says of a scene, before it is put into words of any language.

Every group is named, since what a caption leaves out the painter learns to add unasked. All else
may be left out, but what is said is true and cannot be misread: a color or a count is left out only
where the noun alone still names the group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from danqing.tools.painter_words import Count, Place

from . import facts
from .facts import Group, Relation
from .spec import Scene

Link = Literal["left of", "right of", "above", "below", "between", "inside", "on"]
INVERSE: dict[str, Link] = {"left of": "right of", "above": "below"}
T = TypeVar("T")


@dataclass(frozen=True)
class SaidGroup:
    """What is said of one group.

    ``count`` is exact, or "several" (there are 3 or more), or None where only the plural is said.
    ``place`` is None where it is left out; ``sky`` says that the things are in the air. ``number``
    is the position of the group in the scene, to recognize it when it is mentioned again.
    """

    number: int
    kind: str
    color: str | None
    count: Count
    place: Place | None
    sky: bool

    @property
    def single(self) -> bool:
        return self.count == 1


@dataclass(frozen=True)
class Item:
    """One thing to say: a group alone, or a group (the first) with its ``link`` to the others.

    ``known`` are the numbers of those groups that an earlier item has introduced.
    """

    groups: tuple[SaidGroup, ...]
    link: Link | None = None
    known: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Said:
    """All that a caption says; what is None is left out.

    ``sunny`` and ``cloudless`` tell whether these stronger words for clear weather fit the scene.
    """

    items: tuple[Item, ...]
    style: str | None
    setting: str | None
    season: str | None
    time: str | None
    weather: str | None
    indoors: bool
    sunny: bool
    cloudless: bool


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of the options, each as likely as the others."""
    return options[int(rng.integers(len(options)))]


def choose(scene: Scene, rng: np.random.Generator) -> Said:
    """Decide at random what to say of ``scene``."""
    found = facts.groups(scene)
    keep = float(rng.uniform(0.6, 0.85))

    def kept(word: str) -> str | None:
        return word if rng.random() < keep else None

    kinds = {thing.kind for thing in scene.things}
    return Said(
        items=tuple(_items(scene, found, rng)),
        style=kept(scene.style),
        setting=kept(scene.setting),
        season=kept(scene.season),
        time=kept(scene.time),
        weather=kept(scene.weather),
        indoors=scene.setting == "indoors",
        sunny=scene.weather == "clear" and scene.time in ("morning", "day"),
        cloudless=scene.weather == "clear" and "cloud" not in kinds,
    )


def _say(scene: Scene, found: Sequence[Group], number: int, rng: np.random.Generator) -> SaidGroup:
    """One group with color, count and place left out at times."""
    group = found[number]
    alone = sum(other.kind == group.kind for other in found) == 1
    size = len(group.things)
    count: Count = size
    if alone and size > 1 and rng.random() < 0.2:
        count = "several" if size >= facts.SEVERAL and rng.random() < 0.5 else None
    place: Place | None = None
    if facts.place(scene, group) is not None and rng.random() < 0.6:
        place = facts.fifth(scene, group)
    return SaidGroup(
        number=number,
        kind=group.kind,
        color=None if alone and rng.random() < 0.12 else group.color,
        count=count,
        place=place,
        sky=group.sky,
    )


def _items(scene: Scene, found: Sequence[Group], rng: np.random.Generator) -> list[Item]:
    said = [_say(scene, found, number, rng) for number in range(len(found))]
    items: list[Item] = []
    holders: set[int] = set()
    for number, group in enumerate(found):
        held = group.inside if group.inside is not None else group.on
        if held is None:
            continue
        holder = next(n for n, other in enumerate(found) if held in other.things)
        link: Link = "inside" if group.inside is not None else "on"
        items.append(Item((said[number], said[holder]), link))
        holders |= {number, holder}
    free = [n for n in range(len(found)) if n not in holders]
    if rng.random() < 0.65:
        for relation in _some_relations(scene, free, rng):
            items.append(_related(relation, said, rng))
            used = (relation.subject, relation.object, relation.object2)
            free = [n for n in free if n not in used]
    items += [Item((said[n],)) for n in free]
    rng.shuffle(items)  # type: ignore[arg-type]
    if rng.random() < 0.6:
        items.sort(key=lambda item: item.groups[0].sky)
    known: set[int] = set()
    result = []
    for item in items:
        result.append(replace(item, known=frozenset(known)))
        known |= {group.number for group in item.groups}
    return result


def _some_relations(scene: Scene, free: Sequence[int], rng: np.random.Generator) -> list[Relation]:
    """One or two relations between free groups, no group in two of them.

    The words are drawn first, so that the many "left of" do not crowd out the rest.
    """
    relations = [
        r
        for r in facts.relations(scene)
        if r.subject in free and r.object in free and (r.object2 is None or r.object2 in free)
    ]
    result: list[Relation] = []
    for _ in range(1 if rng.random() < 0.7 else 2):
        if not relations:
            break
        value = pick(rng, sorted({r.value for r in relations}))
        chosen = pick(rng, [r for r in relations if r.value == value])
        result.append(chosen)
        used = {chosen.subject, chosen.object, chosen.object2}
        relations = [r for r in relations if not used & {r.subject, r.object, r.object2} - {None}]
    return result


def _related(relation: Relation, said: Sequence[SaidGroup], rng: np.random.Generator) -> Item:
    link: Link = INVERSE.get(relation.value, "between")
    groups = [said[relation.subject], said[relation.object]]
    if relation.object2 is not None:
        groups.append(said[relation.object2])
        return Item(tuple(groups), "between")
    if rng.random() < 0.5:
        return Item((groups[1], groups[0]), link)
    return Item(tuple(groups), "left of" if relation.value == "left of" else "above")
